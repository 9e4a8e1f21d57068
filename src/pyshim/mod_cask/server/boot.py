# SPDX-License-Identifier: Apache-2.0
"""First file of a daemon process: `python boot.py ENGINE PACKAGE_DIR`, with the channel on fd 3.

Loads the engine by its path and hands over to it. The directory of this file leaves `sys.path`, and
the package `mod_cask` is put into `sys.modules` by its path, so that nothing of the environment
the module was installed with becomes importable for applications. An exit status of 70 to 79 tells
the supervisor what was wrong; the one line on stderr says it in words.
"""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

CHANNEL_FD = 3
EXIT_USAGE = 70
EXIT_NO_ENGINE = 71
EXIT_BAD_ENGINE = 72
EXIT_BAD_PACKAGE = 73


def fail(status: int, text: str) -> None:
    """Ends the process with one line; the status is the supervisor's short form of it."""
    os.write(2, f"{text}\n".encode(errors="backslashreplace"))
    os._exit(status)


def version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def forget_own_directory() -> None:
    """`python FILE` put our directory first on the path; with -P or PYTHONSAFEPATH it did not."""
    own = str(Path(__file__).parent)
    if sys.path and os.path.abspath(sys.path[0]) == os.path.abspath(own):  # noqa: PTH100
        del sys.path[0]


def add_package(directory: str) -> None:
    """Makes `import mod_cask` work without making its neighbours importable."""
    init = Path(directory) / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "mod_cask", init, submodule_search_locations=[directory]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{init} is not a Python file")
    package = importlib.util.module_from_spec(spec)
    sys.modules["mod_cask"] = package
    spec.loader.exec_module(package)


def load_engine(path: str) -> object:
    loader = importlib.machinery.ExtensionFileLoader("mod_cask._engine", path)
    spec = importlib.util.spec_from_file_location("mod_cask._engine", path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} is not an extension module")
    engine = importlib.util.module_from_spec(spec)
    sys.modules["mod_cask._engine"] = engine
    loader.exec_module(engine)
    return engine


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        fail(EXIT_USAGE, "boot.py is started by the supervisor of mod_cask, not by hand")
    engine_path, package_dir = arguments
    forget_own_directory()
    if not Path(engine_path).is_file():
        fail(EXIT_NO_ENGINE, f"engine '{engine_path}' for Python {version()} is not there")
    try:
        add_package(package_dir)
    except Exception as error:
        fail(EXIT_BAD_PACKAGE, f"package '{package_dir}' cannot be imported: {error!r}")
    try:
        engine = load_engine(engine_path)
    except Exception as error:
        fail(
            EXIT_BAD_ENGINE,
            f"engine '{engine_path}' does not fit Python {version()} of {sys.executable}: {error}",
        )
    # Only the interpreter's own modules stay visible as __main__: no name of this file.
    sys.argv = ["mod_wsgi"]
    engine.serve_daemon(CHANNEL_FD)


if __name__ == "__main__":
    main(sys.argv[1:])
