# SPDX-License-Identifier: Apache-2.0
"""pack.py ARCHIVE FOLDER: the files of a folder as one zip, always the same for the same files."""

import sys
import zipfile
from pathlib import Path

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for path in sorted(Path(sys.argv[2]).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
