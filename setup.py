# SPDX-License-Identifier: Apache-2.0
"""Builds the two shared objects of the package `mod_cask`.

mod_cask/mod_cask.so          the httpd module: flags from apxs, no Python symbol
mod_cask/_engine.<SOABI>.so   the engine: an extension of the running Python; beside it
mod_cask/_engine.<SOABI>.info what the module must know of that Python without running it

Environment: APXS (which apxs), CC, CPPFLAGS, CFLAGS, LDFLAGS. Only what has changed (a source, a
header it includes, the command line) is compiled again; `build_ext --parallel N` runs N compilers.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_namespace_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
C = Path("src/c")

# What each object is made of: the sources of these rooms, less the files named. The exclusions are
# the other object's side of a room that both share.
ROOMS = {
    "module": ("apache", "proc", "wire", "metrics", "request", "proto", "platform"),
    "engine": ("entry", "gateway", "interp", "proc", "wire", "metrics", "request", "proto",
               "platform"),
}  # fmt: skip
EXCLUDED = {
    "module": (
        "proc/crash.c",
        "proc/daemon.c",
        "proc/daemon_boot.c",
        "proc/daemon_load.c",
        "proc/guard.c",
        "proc/pool.c",
        "proc/service.c",
        "proc/stale.c",
        "proc/watchdog.c",
        "wire/wire_input.c",
        "wire/wire_job.c",
        "wire/wire_output.c",
        "wire/wire_server.c",
    ),
    "engine": (
        "proc/blackbox.c",
        "proc/confine.c",
        "proc/control.c",
        "proc/environ.c",
        "proc/generation.c",
        "proc/group.c",
        "proc/group_control.c",
        "proc/group_end.c",
        "proc/group_status.c",
        "proc/grouplog.c",
        "proc/lifeline.c",
        "proc/orphans.c",
        "proc/reload.c",
        "proc/spawn.c",
        "proc/supervisor.c",
        "proc/supervisor_loop.c",
        "proc/worker.c",
        "proc/worker_talk.c",
        "wire/wire_call.c",
        "wire/wire_client.c",
        "wire/wire_event.c",
    ),
}

CFLAGS = (
    "-std=gnu11", "-O2", "-g", "-fPIC", "-pthread", "-fvisibility=hidden",
    "-fstack-protector-strong", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
)  # fmt: skip
LDFLAGS = ("-shared", "-pthread", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--as-needed")
LIBRARIES = ("-ldl",)

# What to install when a part is missing, per system.
REMEDIES = {
    "apache": "apache2-dev (Debian, Ubuntu), httpd-devel (Fedora, RHEL), apache2-dev (Alpine) or "
    "httpd (Homebrew on macOS)",
    "compiler": "build-essential (Debian, Ubuntu), gcc (Fedora, RHEL), build-base (Alpine) or the "
    "command line tools (macOS: xcode-select --install)",
    "python": "python3-dev (Debian, Ubuntu), python3-devel (Fedora, RHEL), python3-dev (Alpine) or "
    "python (Homebrew on macOS)",
}


def missing(what: str, part: str) -> SystemExit:
    return SystemExit(f"error: mod_cask cannot be built: {what}; install {REMEDIES[part]}")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find_compiler() -> list[str]:
    """CC, else the compiler Python was built with, else any; one that can compile and link."""
    configured = (sysconfig.get_config_var("CC") or "").split()[:1]
    given = shlex.split(os.environ.get("CC", ""))
    for command in [given] if given else [configured, ["cc"], ["gcc"], ["clang"]]:
        if command and shutil.which(command[0]):
            break
    else:
        raise missing(f"no C compiler was found{' as CC=' + given[0] if given else ''}", "compiler")
    probe = subprocess.run(
        [*command, "-fsyntax-only", "-xc", "-"],
        input="#include <stdio.h>\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if probe.returncode != 0:
        raise missing(f"'{shlex.join(command)}' finds no <stdio.h>", "compiler")
    return command


def include_flags(*flags: str) -> list[str]:
    """Preprocessor flags with the include folders of others as -isystem: no warnings from there.

    The compiler's own folder is left out: as -isystem it would break #include_next.
    """
    result = []
    for flag in dict.fromkeys(flags):
        folder = flag.removeprefix("-I")
        if folder == flag:
            result.append(flag)
        elif Path(folder).is_absolute() and folder.rstrip("/") != "/usr/include":
            result += ["-isystem", folder]
    return result


def apache_flags() -> list[str]:
    given = os.environ.get("APXS")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin",
                            "/usr/local/apache2/bin", "/opt/homebrew/bin"])  # fmt: skip
    names = [given] if given else ["apxs", "apxs2"]
    apxs = next((found for name in names if (found := shutil.which(name, path=path))), None)
    if apxs is None:
        where = f"APXS names '{given}', which is no program" if given else "apxs was not found"
        raise missing(f"{where} (it belongs to Apache's header files)", "apache")
    headers = output(apxs, "-q", "INCLUDEDIR")
    if not Path(headers, "httpd.h").exists():
        raise missing(f"'{headers}/httpd.h' is missing (named by '{apxs}')", "apache")
    words = [*shlex.split(output(apxs, "-q", "EXTRA_CPPFLAGS")), f"-I{headers}"]
    for name in ("APR_CONFIG", "APU_CONFIG"):
        config = output(apxs, "-q", name)
        if shutil.which(config) is None:
            raise missing(f"'{config}' is missing (named by '{apxs}')", "apache")
        words += shlex.split(output(config, "--includes"))
        if name == "APR_CONFIG":
            words += shlex.split(output(config, "--cppflags"))
    return [f for f in include_flags(*words) if f != "-D_GNU_SOURCE"]


def python_flags() -> list[str]:
    paths = sysconfig.get_paths()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not Path(paths["include"], "Python.h").exists():
        raise missing(f"the header files of Python {version} ('{paths['include']}/Python.h') are "
                      "missing", "python")  # fmt: skip
    return include_flags(f"-I{paths['include']}", f"-I{paths['platinclude']}")


def sources(kind: str) -> list[str]:
    found = [
        path.relative_to(ROOT).as_posix()
        for room in ROOMS[kind]
        for path in sorted((ROOT / C / room).glob("*.c"))
    ]
    return [path for path in found if path.removeprefix(f"{C}/") not in EXCLUDED[kind]]


def version() -> str:
    text = (ROOT / "src/pyshim/mod_cask/__init__.py").read_text()
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


def python_facts() -> dict[str, object]:
    """What httpd's side must know of this Python; read by apache/pythons.c."""
    variables = sysconfig.get_config_vars()
    abi = getattr(sys, "abiflags", "")
    return {
        "version": f"{sys.version_info[0]}.{sys.version_info[1]}{'t' if 't' in abi else ''}",
        "soabi": variables["SOABI"],
        "libdir": variables.get("LIBDIR") or "",
        "instsoname": variables.get("INSTSONAME") or "",
        "shared": int(bool(variables.get("Py_ENABLE_SHARED"))),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
    }


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Compiler:
    """Compiles and links one object, only what has changed."""

    def __init__(self, compiler: list[str], flags: list[str], folder: Path) -> None:
        environment = [
            word
            for name in ("CPPFLAGS", "CFLAGS")
            for word in shlex.split(os.environ.get(name, ""))
        ]
        self.command = [*compiler, *CFLAGS, f"-I{C}", *flags, *environment]
        self.link_command = [*compiler, *LDFLAGS, *environment,
                             *shlex.split(os.environ.get("LDFLAGS", ""))]  # fmt: skip
        self.folder = folder

    def compile(self, source: str) -> Path:
        target = self.folder / Path(source).relative_to(C).with_suffix(".o")
        rule = target.with_suffix(".d")
        command = [*self.command, "-MMD", "-MF", str(rule), "-c", source, "-o", str(target)]
        if not up_to_date(target, rule, command):
            target.parent.mkdir(parents=True, exist_ok=True)
            run(command, source)
            target.with_suffix(".cmd").write_text(shlex.join(command))
        return target

    def link(self, objects: list[Path], target: Path) -> None:
        command = [*self.link_command, *map(str, objects), "-o", str(target), *LIBRARIES]
        record = self.folder / "link.cmd"
        newest = max(path.stat().st_mtime_ns for path in objects)
        if (
            target.exists()
            and target.stat().st_mtime_ns >= newest
            and record.exists()
            and record.read_text() == shlex.join(command)
        ):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        # A running httpd has the old file mapped: it must not change under it.
        target.unlink(missing_ok=True)
        run(command, target.name)
        record.write_text(shlex.join(command))


def run(command: list[str], what: str) -> None:
    print(shlex.join(command) if os.environ.get("V") else f"  {what}", flush=True)
    done = subprocess.run(command, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"error: this command failed:\n{shlex.join(command)}")


def up_to_date(target: Path, rule: Path, command: list[str]) -> bool:
    record = target.with_suffix(".cmd")
    try:
        built = target.stat().st_mtime_ns
        if record.read_text() != shlex.join(command):
            return False
        needed = rule.read_text().replace("\\\n", " ").split(":", 1)[1].split()
        return all((ROOT / name).stat().st_mtime_ns < built for name in needed)
    except (FileNotFoundError, IndexError):
        return False


class Build(build_ext):
    """Replaces setuptools' way of compiling; names, folders and packaging stay its business."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.endswith("mod_cask.mod_cask") or fullname == "mod_cask":
            return "mod_cask/mod_cask.so" if "." in fullname else "mod_cask.so"
        return super().get_ext_filename(fullname)

    def get_outputs(self) -> list[str]:
        outputs = super().get_outputs()
        return [*outputs, *(str(info_file(Path(o))) for o in outputs if is_engine(o))]

    def copy_extensions_to_source(self) -> None:
        super().copy_extensions_to_source()
        for extension in self.extensions:
            built = Path(
                self.build_lib, self.get_ext_filename(self.get_ext_fullname(extension.name))
            )
            if is_engine(built):
                shutil.copy(info_file(built), ROOT / "src/pyshim/mod_cask" / info_file(built).name)

    def build_extensions(self) -> None:
        compiler = find_compiler()
        flags = {"module": apache_flags(), "engine": python_flags()}
        for extension in self.extensions:
            kind = "engine" if extension.name.endswith("_engine") else "module"
            target = Path(self.get_ext_fullpath(extension.name))
            temp = Path(self.build_temp).resolve() / kind
            if kind == "engine":  # several Pythons may share the folder
                temp = temp / sysconfig.get_config_var("SOABI")
            tool = Compiler(compiler, [*flags[kind], f'-DCASK_VERSION="{version()}"'], temp)
            with ThreadPoolExecutor(self.parallel or 1) as pool:
                objects = list(pool.map(tool.compile, extension.sources))
            tool.link(objects, target.resolve())
            if kind == "engine":
                facts = "".join(f"{name}={value}\n" for name, value in python_facts().items())
                write_if_changed(info_file(target), facts)


def is_engine(path: str | Path) -> bool:
    return Path(path).name.startswith("_engine.")


def info_file(engine: Path) -> Path:
    return engine.with_suffix(".info")


os.chdir(ROOT)
setup(
    license="Apache-2.0",
    packages=[
        *find_namespace_packages("src/pyshim", exclude=["*__pycache__*", "*.egg-info*"]),
        "mod_cask.apache.templates",
    ],
    package_dir={"": "src/pyshim", "mod_cask.apache.templates": "apache/templates"},
    package_data={"mod_cask.apache.templates": ["*.conf.in"]},
    ext_modules=[
        Extension("mod_cask.mod_cask", sources("module")),
        Extension("mod_cask._engine", sources("engine")),
    ],
    cmdclass={"build_ext": Build},
)
