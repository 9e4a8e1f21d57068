# SPDX-License-Identifier: Apache-2.0
"""pypiserver as its manual says for Apache: packages in one folder, uploads by users of a file."""

from pathlib import Path

import pypiserver

HERE = Path(__file__).parent
application = pypiserver.app(
    roots=[HERE / "packages"],
    password_file=str(HERE / "htpasswd"),
    disable_fallback=True,
    overwrite=False,
)
