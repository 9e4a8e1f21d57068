# SPDX-License-Identifier: Apache-2.0
"""As Bottle's manual says for Apache: change to the script's folder, import, default_app()."""

import os
import sys

os.chdir(os.path.dirname(__file__))
sys.path.insert(0, os.path.dirname(__file__))

import bottle
import shop  # noqa: F401 - it adds its routes to the default application

application = bottle.default_app()
