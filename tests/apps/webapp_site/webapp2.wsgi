# SPDX-License-Identifier: Apache-2.0
"""The guest book with webapp2, in a script of the framework's own name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import guestbook
import webapp2

application = guestbook.make(webapp2)
