# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of a test's own, and a client that speaks TLS."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from harness.raw import RawConnection

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Authority:
    """Files: ca.pem, and for each certificate NAME.pem and NAME.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.openssl(
            "req", "-x509", *NEW_KEY, "-subj", "/O=Tests/CN=Test authority", "-keyout", "ca.key",
            "-out", "ca.pem",
        )  # fmt: skip

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name: str, subject: str) -> None:
        self.openssl(
            "req", *NEW_KEY, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr"
        )
        self.openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-out", f"{name}.pem",
        )  # fmt: skip

    def client(self, certificate: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(
                self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key"
            )
        return context


class TlsConnection(RawConnection):
    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        name: str = "localhost",
        session: ssl.SSLSession | None = None,
    ) -> None:
        super().__init__(port)
        self.sock: ssl.SSLSocket = context.wrap_socket(
            self.sock, server_hostname=name, session=session
        )
