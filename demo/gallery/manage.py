# SPDX-License-Identifier: Apache-2.0
"""Django's commands for the gallery."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery.settings")

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
