# SPDX-License-Identifier: Apache-2.0
"""A stack of middleware that PasteDeploy puts together."""

import logging.config
import sys
from pathlib import Path

from paste.deploy import loadapp

INI = Path(__file__).parent / "stack.ini"
sys.path.insert(0, str(INI.parent))
logging.config.fileConfig(INI, disable_existing_loggers=False)
application = loadapp(f"config:{INI}")
