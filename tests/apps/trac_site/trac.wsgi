# SPDX-License-Identifier: Apache-2.0
"""As Trac's manual says for Apache; the environment lies beside this script."""

import os

os.environ["TRAC_ENV"] = os.path.join(os.path.dirname(__file__), "env")
os.environ["PYTHON_EGG_CACHE"] = os.path.join(os.path.dirname(__file__), "eggs")

import trac.web.main

application = trac.web.main.dispatch_request
