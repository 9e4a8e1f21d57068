# SPDX-License-Identifier: Apache-2.0
"""`python -m mod_cask` is the command `mod-cask`."""

import sys

from mod_cask.launcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
