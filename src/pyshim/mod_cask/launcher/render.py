# SPDX-License-Identifier: Apache-2.0
"""Turns a plan into the text of files. Pure but for reading the templates."""

from __future__ import annotations

import mimetypes
import string
from pathlib import Path

from mod_cask.common import paths
from mod_cask.common.errors import UsageError
from mod_cask.launcher.plan import GRACEFUL_STOP_S, GROUP, Plan, Pool


class Template(string.Template):
    """@{name} is replaced; `$`, `%` and braces of httpd's own syntax are left alone."""

    delimiter = "@"


def fragment(name: str, **values: object) -> str:
    text = (paths.templates() / f"{name}.conf.in").read_text(encoding="utf-8")
    return Template(text).substitute({key: str(value) for key, value in values.items()})


def quote(value: object) -> str:
    """One argument of a directive. httpd has no way to write some characters: refuse those."""
    text = str(value)
    if "${" in text or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise UsageError(f"{text!r} cannot be written into Apache's configuration", "rename it")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def configuration(plan: Plan) -> str:
    parts = [server(plan), sizing(plan.around.httpd.mpm, plan.pool)]
    parts += [
        fragment("static", url=quote(static.url), folder=quote(static.folder))
        for static in plan.static
    ]
    parts.append(application(plan))
    return "\n".join(parts)


def server(plan: Plan) -> str:
    return fragment(
        "server",
        root=quote(plan.around.root),
        listen="\n".join(f"Listen {address}:{plan.port}" for address in plan.around.addresses),
        modules="\n".join(
            f"LoadModule {name} {quote(file)}" for name, file in plan.around.httpd.load
        ),
        module=quote(plan.around.module),
        identity=identity(plan),
        log_level=log_level(plan.log_level, plan.around.httpd.mpm),
        graceful_stop=GRACEFUL_STOP_S,
        port=plan.port,
    )


def identity(plan: Plan) -> str:
    if not plan.around.identity.switch:
        return ""
    return f"User {quote(plan.around.identity.user)}\nGroup {quote(plan.around.identity.group)}"


def log_level(level: str, mpm: str) -> str:
    """The MPM's notices tell the launcher that httpd is ready; it does not show them."""
    quiet = level in ("emerg", "alert", "crit", "error", "warn")
    return f"{level} mpm_{mpm}:notice" if quiet else level


def sizing(mpm: str, pool: Pool) -> str:
    start = pool.children if pool.fixed else 1
    if mpm == "prefork":
        return fragment("prefork", start=start, children=pool.children)
    return fragment(
        "threaded",
        start=start,
        children=pool.children,
        threads=pool.threads,
        workers=pool.workers,
        spare=pool.workers if pool.fixed else 1,
    )


def application(plan: Plan) -> str:
    common = {
        "script": quote(plan.script),
        "folder": quote(plan.script.parent),
        "file": quote(plan.script.name),
        "callable": "application" if plan.wrapped else plan.callable_name,
        "python_home": quote(plan.python_home),
        "home": quote(plan.target.home),
    }
    if plan.embedded:
        return fragment("embedded", **common)
    who = ""
    if plan.around.identity.switch:
        who = f" user={quote(plan.around.identity.user)} group={quote(plan.around.identity.group)}"
    processes = f" processes={plan.processes}" if plan.processes > 1 else ""
    return fragment(
        "daemon", group=GROUP, concurrency=f"threads={plan.threads}{processes}", who=who, **common
    )


def wrapper(plan: Plan) -> str:
    """The script for applications that are not simply a name in a file."""
    target = plan.target
    lines = [f"# Written by mod-cask: {target.found}.", "import importlib", "import os", ""]
    lines += [f"os.environ.setdefault({name!r}, {value!r})" for name, value in target.environment]
    if target.script is None:
        lines.append(f"application = importlib.import_module({target.module!r})")
    else:
        lines += [
            "import sys",
            "from importlib.machinery import SourceFileLoader",
            "from importlib.util import module_from_spec, spec_from_loader",
            "",
            f"loader = SourceFileLoader('mod_cask_target', {str(target.script)!r})",
            "application = module_from_spec(spec_from_loader(loader.name, loader))",
            "sys.modules[loader.name] = application",
            "loader.exec_module(application)",
        ]
    lines.append(f"application = application.{plan.callable_name}")
    return "\n".join(lines) + "\n"


def mime_types() -> str:
    """Python's table: systems keep httpd's in different places, or have none."""
    table: dict[str, list[str]] = {}
    for suffix, kind in mimetypes.types_map.items():
        table.setdefault(kind, []).append(suffix.lstrip("."))
    return "".join(f"{kind} {' '.join(sorted(names))}\n" for kind, names in sorted(table.items()))


def files(plan: Plan) -> dict[Path, str]:
    result = {
        plan.around.root / "httpd.conf": configuration(plan),
        plan.around.root / "mime.types": mime_types(),
    }
    if plan.wrapped:
        result[plan.around.root / "application.wsgi"] = wrapper(plan)
    return result
