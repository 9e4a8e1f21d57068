# SPDX-License-Identifier: Apache-2.0
"""mod_cask: Python web applications behind Apache httpd.

The version of the whole project is defined here and nowhere else: pyproject.toml and setup.py (for
the C code) read it from this line.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What needs the package logging is loaded when it is asked for."""
    if name == "LogHandler":
        from mod_cask.server.logging import LogHandler  # noqa: PLC0415

        return LogHandler
    raise AttributeError(f"module 'mod_cask' has no attribute {name!r}")
