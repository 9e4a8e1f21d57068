# SPDX-License-Identifier: Apache-2.0
"""The guest book with webapp3, its fork."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import guestbook
import webapp3

application = guestbook.make(webapp3)
