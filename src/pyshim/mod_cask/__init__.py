# SPDX-License-Identifier: Apache-2.0
"""mod_cask: Python web applications behind Apache httpd.

The version of the whole project is defined here and nowhere else: pyproject.toml and setup.py (for
the C code) read it from this line.
"""

__version__ = "0.1.0"
