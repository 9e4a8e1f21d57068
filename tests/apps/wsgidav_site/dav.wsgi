# SPDX-License-Identifier: Apache-2.0
"""WsgiDAV over one folder, with users, locks and properties of its own."""

from pathlib import Path

from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

HERE = Path(__file__).parent
application = WsgiDAVApp({
    "provider_mapping": {"/": FilesystemProvider(str(HERE / "files"), readonly=False)},
    "simple_dc": {"user_mapping": {"*": {"ann": {"password": "pass"}}}},
    "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
    "mount_path": "/dav",
    "lock_storage": True,
    "property_manager": True,
    "verbose": 1,
})  # fmt: skip
