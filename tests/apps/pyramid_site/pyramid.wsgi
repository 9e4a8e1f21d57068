# SPDX-License-Identifier: Apache-2.0
"""As Pyramid's manual sets it up: the application from an ini file, and its logging."""

import sys
from pathlib import Path

from pyramid.paster import get_app, setup_logging

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
setup_logging(str(HERE / "development.ini"))
application = get_app(str(HERE / "development.ini"), "main")
