# SPDX-License-Identifier: Apache-2.0
"""Imports an application once, with its own Python and as its own user, before httpd is started.

Runs as `python -c <this text> <request>`, because the user may not be able to read this file; so it
is whole in itself. The answer is one line of JSON on descriptor `answer` of the request.
"""

import contextlib
import importlib
import json
import os
import sys
import sysconfig
import traceback
import types
from pathlib import Path

INSIDE_ONLY = ("mod_wsgi", "apache")  # modules that exist only inside the server


def facts():
    names = ("SOABI", "LIBDIR", "INSTSONAME", "MULTIARCH", "LDVERSION")
    values = {name.lower(): sysconfig.get_config_var(name) or "" for name in names}
    values["prefix"] = sys.prefix
    values["base_prefix"] = sys.base_prefix
    values["version"] = ".".join(map(str, sys.version_info[:3]))
    values["implementation"] = sys.implementation.name
    values["packages"] = [f"{path}/mod_cask" for path in sys.path if path]
    return values


def load(request):
    """The module of the application, or what stands in its way."""
    for name, value in request["environment"]:
        os.environ.setdefault(name, value)
    if request["script"] is None:
        return importlib.import_module(request["module"])
    code = compile(Path(request["script"]).read_bytes(), request["script"], "exec")
    module = types.ModuleType("_mod_wsgi_probe")
    module.__file__ = request["script"]
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102 - the user's own file, as the user
    return module


def find(module, names):
    """(name of the application, reason why there is none)."""
    for name in names:
        thing = module
        with contextlib.suppress(AttributeError):
            for part in name.removesuffix("()").split("."):
                thing = getattr(thing, part)
            if name.endswith("()"):
                thing = thing()
            if callable(thing):
                return name, ""
            return None, f"'{name}' is {type(thing).__name__}, which cannot be called"
    there = sorted(
        name for name, thing in vars(module).items() if callable(thing) and not name.startswith("_")
    )
    listed = ", ".join(there[:20]) or "nothing that can be called"
    return None, f"there is no {' or '.join(names)} in it, but: {listed}"


def own_frames_off(error):
    """The traceback without the frames of this text."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == "<string>":
        frames = frames.tb_next
    while frames is not None and "importlib" in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def examine(request):
    answer = {"facts": facts()}
    try:
        os.chdir(request["home"])
    except OSError as error:
        return answer | {"unreadable": f"{request['home']}: {error.strerror}"}
    name = f"_engine.{answer['facts']['soabi']}.so"
    packages = [request["package"], *answer["facts"]["packages"]]
    answer["engine"] = next((p for p in packages if os.access(f"{p}/{name}", os.R_OK)), None)
    if answer["engine"] is None:
        return answer
    sys.path[:0] = [request["home"]]
    try:
        module = load(request)
        answer["callable"], answer["reason"] = find(module, request["callables"])
    except ModuleNotFoundError as error:
        if error.name in INSIDE_ONLY:
            return answer | {"callable": request["callables"][0], "unchecked": error.name}
        return answer | {"traceback": own_frames_off(error)}
    except BaseException as error:  # SystemExit as well: an application may call exit()
        answer["traceback"] = own_frames_off(error)
    return answer


def main():
    request = json.loads(sys.argv[1])
    if sys.path and not sys.path[0]:
        del sys.path[0]  # the current directory, put there by -c
    sys.argv[:] = [""]
    answer = examine(request)
    with os.fdopen(request["answer"], "w", encoding="utf-8") as out:
        out.write(json.dumps(answer))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)  # without waiting for threads that the application has started


main()
