# SPDX-License-Identifier: Apache-2.0
"""Mercurial's own web server, as its manual sets it up."""

import os

from mercurial.hgweb import hgweb

application = hgweb(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hgweb.conf").encode())
