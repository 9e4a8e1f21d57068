# SPDX-License-Identifier: Apache-2.0
"""Builds driver.c against this Python and speaks with it: one process per test, no httpd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

HERE = Path(__file__).parent
TOP = HERE.parent.parent.parent
C = TOP / "src" / "c"
PACKAGE = TOP / "src" / "pyshim" / "mod_cask"
ROOMS = ("gateway", "interp", "request", "platform")
HEAD, HTTPS, RELOADING, STALE_OK, CHUNKED = 1, 2, 4, 8, 16


def build(output: Path) -> Path:
    """The driver with sanitizers; compiled again only when a source is newer."""
    program = output / f"driver-{sysconfig.get_config_var('SOABI')}"
    ours = [HERE / "driver.c", HERE / "driver_text.c"]
    sources = [*ours, *(p for room in ROOMS for p in sorted((C / room).glob("*.c")))]
    inputs = [*sources, *HERE.glob("*.h"), *C.glob("*/*.h"), *C.glob("*/*.def")]
    if program.exists() and program.stat().st_mtime > max(p.stat().st_mtime for p in inputs):
        return program
    if shutil.which("gcc") is None:
        pytest.fail("the gateway's tests need gcc")
    output.mkdir(parents=True, exist_ok=True)
    library = sysconfig.get_config_var("LIBDIR")
    name = f"python{sysconfig.get_config_var('LDVERSION')}"
    command = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-fno-omit-frame-pointer"]
    command += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-Wall"]
    command += [f"-I{C}", f"-I{sysconfig.get_path('include')}", "-o", str(program)]
    command += [*map(str, sources), f"-L{library}", f"-l{name}", f"-Wl,-rpath,{library}"]
    command += ["-pthread"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if f"cannot find -l{name}" in made.stderr:
        pytest.skip("this Python has no shared library to embed")
    assert made.returncode == 0, made.stderr
    return program


@dataclass
class Answer:
    """What one command gave: lines by their first word."""

    lines: list[str]

    def of(self, word: str) -> list[str]:
        return [line[len(word) + 1 :] for line in self.lines if line.split(" ", 1)[0] == word]

    @property
    def outcome(self) -> str:
        return self.of("outcome")[0]

    @property
    def status(self) -> int:
        return int(self.of("start")[0].split()[0])

    @property
    def length(self) -> int:
        return int(self.of("start")[0].split()[1].removeprefix("length="))

    @property
    def headers(self) -> list[str]:
        return self.of("header")

    @property
    def writes(self) -> list[str]:
        return self.of("write")

    @property
    def steps(self) -> list[str]:
        """The order of the reply's operations."""
        words = ("start", "write", "flush", "file", "finish")
        return [w for w in (line.split(" ", 1)[0] for line in self.lines) if w in words]

    @property
    def log(self) -> list[str]:
        return self.of("log")

    @property
    def problem(self) -> str:
        return self.of("problem")[0] if self.of("problem") else ""

    @property
    def detail(self) -> str:
        return "\n".join(self.of("detail"))


@dataclass
class Engine:
    program: Path
    folder: Path
    daemon: bool = False
    python_path: str = ""
    process: subprocess.Popen[str] | None = None
    script: Path = field(init=False)
    scripts: int = 0

    def __post_init__(self) -> None:
        self.script = self.folder / "app.py"

    def open(self) -> None:
        arguments = [str(self.program), sys.executable, str(PACKAGE)]
        self.process = subprocess.Popen(
            arguments + (["daemon"] if self.daemon else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            env={
                **os.environ,
                "DRIVER_PYTHON_PATH": self.python_path,
                # CPython keeps memory for ever; what we own is looked at by the other tests.
                "ASAN_OPTIONS": "detect_leaks=0",
            },
        )
        self.app()

    def send(self, *words: str) -> None:
        if self.process is None:
            self.open()
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()

    def ask(self, *words: str) -> Answer:
        self.send(*words)
        assert self.process is not None and self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            if line == ".\n":
                return Answer(lines)
            lines.append(line.rstrip("\n"))
        _, errors = self.process.communicate(timeout=20)
        raise AssertionError(f"the driver died:\n{errors}\n" + "\n".join(lines))

    def write(self, text: str) -> None:
        """A script of its own for each text: nothing is loaded twice unless a test asks for it."""
        self.scripts += 1
        self.script = self.folder / f"app{self.scripts}.py"
        self.script.write_text(text)
        self.app()

    def app(self, callable_name: str = "application", group: str = "") -> None:
        self.send("app", str(self.script), callable_name, group)

    def serve(
        self,
        text: str | None = None,
        *,
        body: list[bytes] | None = None,
        headers: dict[str, str] | None = None,
        flags: int = 0,
        settings: tuple[tuple[str, ...], ...] = (),
        command: str = "serve",
        **variables: str,
    ) -> Answer:
        if text is not None:
            self.write(text)
        self.send("clear")
        for name, value in variables.items():
            self.send("var", name, quote_from_bytes(value.encode("utf-8", "surrogateescape")))
        for name, value in (headers or {}).items():
            self.send("header", name, quote_from_bytes(value.encode("latin-1")))
        for part in body or []:
            self.send("body", quote_from_bytes(part))
        self.send("flags", str(flags))
        for setting in settings:
            self.send(*setting)
        return self.ask(command)

    def close(self) -> None:
        """Ends the driver and looks for what the sanitizers said."""
        if self.process is None:
            return
        _, errors = self.process.communicate(timeout=20)
        code = self.process.returncode
        self.process = None
        assert code == 0, errors
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors


def app(body: str, status: str = "'200 OK'", headers: str = "[('X-A', 'b')]") -> str:
    lines = "\n".join("    " + line for line in body.splitlines())
    start = f"    write = start_response({status}, {headers})\n"
    return "def application(environ, start_response):\n" + start + lines + "\n"
