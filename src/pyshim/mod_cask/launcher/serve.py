# SPDX-License-Identifier: Apache-2.0
"""`mod-cask serve`: look, decide, check the application, then run httpd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mod_cask import __version__
from mod_cask.launcher import check, httpd, identity, install, network, plan, render, root, run
from mod_cask.launcher import target as targets
from mod_cask.launcher.options import ServeOptions

Say = Callable[[str], None]


def serve(options: ServeOptions, say: Say, log: Say) -> int:
    """The exit status; raises Failure before anything has been started."""
    here = Path.cwd()
    module = install.location()
    server = httpd.find()
    who = identity.choose(options.user, options.group)
    target = targets.find(options.target, here)
    addresses = network.listen_addresses(options.host, options.port)
    plan.static_folders(options.static, here)
    python = check.interpreter(options.python)
    checked = check.check(target, who, python, options.embedded)
    if checked.unchecked:
        log(f"mod-cask: not checked before the start: it imports '{checked.unchecked}'")
    with root.opened(options.server_root, who) as folder:
        around = plan.Surroundings(server, who, addresses, module, folder, here)
        made = plan.make(options, target, checked, around)
        for path, text in render.files(made).items():
            root.write(path, text, who)
        command = run.Command(
            server.program,
            folder / "httpd.conf",
            target.home if options.embedded else Path("/"),
            show_routine=options.log_level not in ("emerg", "alert", "crit", "error", "warn"),
        )

        def ready() -> None:
            for line in summary(options, made, checked):
                say(line)

        return run.Runner(command, ready, log, say).run()


def summary(options: ServeOptions, made: plan.Plan, checked: check.Checked) -> list[str]:
    processes = f"{made.processes} process{'es' if made.processes > 1 else ''}"
    count = f"{processes} × {made.threads} thread{'s' if made.threads > 1 else ''}"
    mode = "embedded in Apache" if made.embedded else "daemon"
    wildcards = ("0.0.0.0", "::", "[::]")  # noqa: S104 - said, not bound
    everywhere = " (all addresses)" if options.host in wildcards else ""
    rows = [
        ("URL", network.url(options.host, options.port) + everywhere),
        ("Mode", f"{mode}, {count}, user {made.around.identity.user}"),
        ("Python", f"{checked.python_version} in {checked.python_home}"),
        ("Apache", f"{made.around.httpd.program}, {made.around.httpd.mpm} MPM"),
        *(("Files", f"{static.url}/ from {static.folder}") for static in made.static),
        ("Stop", "Ctrl-C"),
    ]
    title = f"mod-cask {__version__} serves {made.target.found}: {checked.callable_name}"
    return [title, *(f"  {name:<8}{value}" for name, value in rows)]
