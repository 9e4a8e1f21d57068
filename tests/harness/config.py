# SPDX-License-Identifier: Apache-2.0
"""Builds httpd.conf as text. Pure: touches no file and no process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.settings import Flavour, Settings

MPM = {
    "event": """\
StartServers 1
ServerLimit 2
ThreadLimit 16
ThreadsPerChild 16
MaxRequestWorkers 32
MinSpareThreads 1
MaxSpareThreads 32
""",
    "prefork": """\
StartServers 2
ServerLimit 8
MaxRequestWorkers 8
MinSpareServers 1
MaxSpareServers 8
""",
}
MPM["worker"] = MPM["event"]

MODULES = (
    "log_config", "logio", "version", "unixd", "authn_core", "authz_core", "authz_host", "alias",
    "mime", "dir", "env", "setenvif", "headers",
)  # fmt: skip


def quote(value: object) -> str:
    text = str(value)
    return text if text and all(c.isalnum() or c in "/._-+%{}:#" for c in text) else f'"{text}"'


def options(values: dict[str, object]) -> str:
    """name=value words; a value of None leaves the word out."""
    return " ".join(f"{name}={quote(v)}" for name, v in values.items() if v is not None)


@dataclass
class Vhost:
    name: str
    lines: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        self.lines.extend(lines)

    def text(self, port: int) -> str:
        body = "\n".join(self.lines)
        return (
            f"<VirtualHost 127.0.0.1:{port}>\nServerName {self.name}\n"
            f"ErrorLog logs/{self.name}.log\nLogLevel info\n{body}\n</VirtualHost>\n"
        )


@dataclass
class Config:
    root: str
    port: int
    flavour: Flavour
    settings: Settings
    modules: list[str] = field(default_factory=list)
    top: list[str] = field(default_factory=list)
    """Directives of the main server."""
    vhosts: list[Vhost] = field(default_factory=list)
    python_home: str | None = None
    log_level: str = "info"
    listen_more: list[int] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        self.top.extend(lines)

    def vhost(self, name: str) -> Vhost:
        """A name-based virtual host with its own error log; the first one is the default."""
        vhost = Vhost(name)
        self.vhosts.append(vhost)
        return vhost

    def load_modules(self, names: Iterable[str]) -> list[str]:
        folder = self.settings.modules
        return [
            f"LoadModule {name}_module {folder}/mod_{name}.so"
            for name in names
            if self.settings.has_module(name)
        ]

    def text(self) -> str:
        settings = self.settings
        lines = [
            f"ServerRoot {self.root}",
            "ServerName localhost",
            f"Listen 127.0.0.1:{self.port}",
            *(f"Listen 127.0.0.1:{port}" for port in self.listen_more),
            "PidFile run/httpd.pid",
            "DefaultRuntimeDir run",
            "ErrorLog logs/error.log",
            f"LogLevel {self.log_level}",
            f"CoreDumpDirectory {self.root}/cores",
            *self.load_modules([f"mpm_{self.flavour.mpm}", *MODULES, *self.modules]),
            f"LoadModule wsgi_module {settings.module}",
            MPM[self.flavour.mpm],
            "Timeout 30",
            "KeepAliveTimeout 10",
            "ServerTokens Minimal",
            'CustomLog logs/access.log "%h %l %u %t \\"%r\\" %>s %b %X"',
            f"DocumentRoot {self.root}/htdocs",
            "TypesConfig /dev/null",
            "AddType text/plain .txt",
            f"<Directory {self.root}>\nRequire all granted\nAllowOverride None\n</Directory>",
            "WSGISocketPrefix run/cask",
        ]
        if settings.root:
            lines += [f"User {settings.server_user}", f"Group {settings.server_group}"]
        if self.python_home is not None:
            lines.append(f"WSGIPythonHome {self.python_home}")
        lines += self.top
        return "\n".join(lines) + "\n" + "".join(v.text(self.port) for v in self.vhosts)
