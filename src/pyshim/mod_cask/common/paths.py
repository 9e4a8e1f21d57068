# SPDX-License-Identifier: Apache-2.0
"""Where the parts of the installed package are. Nothing is checked here."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
MODULE_NAME = "mod_cask.so"


def module() -> Path:
    """The httpd module."""
    return PACKAGE / MODULE_NAME


def engine(package: Path, soabi: str) -> Path:
    """The engine for one Python ABI in a package directory."""
    return package / f"_engine.{soabi}.so"


def templates() -> Path:
    """Configuration fragments: package data, or those of the checkout the code runs from."""
    installed = PACKAGE / "apache" / "templates"
    return installed if installed.is_dir() else PACKAGE.parents[2] / "apache" / "templates"
