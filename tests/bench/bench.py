# SPDX-License-Identifier: Apache-2.0
"""Compare mod_cask with a bare C handler and mod_wsgi, side by side, in one run.

The servers take turns within a round, so that a slow minute of the machine hits all of them.
Figures to trust, in this order: instructions per request, CPU seconds per 1000 requests, requests
per second. Load generator and servers share the machine: read ratios, never absolute values.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import app
import callgrind
from servers import HERE, SERVERS, Bench, Server, UnavailableError
from workloads import WORKLOADS, Workload

REFERENCE = "mod_wsgi_daemon"
Results = dict[tuple[str, str], list["Figure"]]


@dataclass(frozen=True)
class Figure:
    """One measurement: requests per second, CPU seconds per 1000 requests, p99 in µs."""

    rate: float
    cpu: float
    p99: int
    failed: int


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="mod-cask-bench-", dir="/var/tmp") as folder:
        bench = prepare(pathlib.Path(folder), options)
        names = options.workloads.split(",")
        servers = options.servers.split(",")
        results = measure(bench, servers, [WORKLOADS[name] for name in names], options)
        counts = {} if options.no_callgrind else count(bench, servers)
    text = report(results, counts, servers, names)
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text)
    sys.exit(any(figure.failed for figures in results.values() for figure in figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--no-callgrind", action="store_true", help="skip counting instructions")
    parser.add_argument("--output", type=pathlib.Path, help="write the tables to this file too")
    return parser.parse_args()


def prepare(work: pathlib.Path, options: argparse.Namespace) -> Bench:
    """Fill the work folder: the application, the 10 MB file, the C handler."""
    work.chmod(0o755)
    shutil.copy(HERE / "app.py", work)
    app.FILE_10M.write_bytes(b"x" * (160 * 65536))
    app.FILE_10M.chmod(0o644)
    shutil.copy(HERE / "limit_handler.c", work)
    command = [os.environ.get("APXS", "apxs"), "-c", "-o", "limit.so", "limit_handler.c"]
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    for tool in ("wrk",):
        if shutil.which(tool) is None:
            sys.exit(f"bench: {tool} is missing; install the package '{tool}'")
    return Bench(work, location("mod-cask"), location("mod_wsgi-express"), work / ".libs/limit.so")


def location(command: str) -> pathlib.Path | None:
    """Return the module of an installed package, by its `module-location` command."""
    path = pathlib.Path(sys.prefix, "bin", command)
    if not path.exists():
        return None
    text = subprocess.run([path, "module-location"], check=True, capture_output=True, text=True)
    return pathlib.Path(text.stdout.strip())


def measure(bench: Bench, servers: list[str], workloads: list[Workload],
            options: argparse.Namespace) -> Results:  # fmt: skip
    results: Results = {}
    for turn in range(options.rounds):
        for name in servers:
            server = Server(bench, name)
            try:
                server.start(workloads[0])
            except UnavailableError as error:
                tell(f"{name}: {error}")
                continue
            try:
                for workload in workloads:
                    if name != "c_handler" or workload.name in ("hello", "browser"):
                        figure = load(server, workload, options.seconds)
                        results.setdefault((workload.name, name), []).append(figure)
                        tell(f"round {turn + 1} {name} {workload.name}: {figure}")
            finally:
                server.stop()
    return results


def load(server: Server, workload: Workload, seconds: int) -> Figure:
    """Run wrk once to warm up and once to measure."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(workload.script())
        script.flush()
        wrk(server, workload, script.name, 1)
        before = server.cpu()
        got = wrk(server, workload, script.name, seconds)
        spent = server.cpu() - before
    served = max(1, got["requests"])
    return Figure(served * 1e6 / got["us"], spent * 1000 / served, got["p99"], got["failed"])


def wrk(server: Server, workload: Workload, script: str, seconds: int) -> dict[str, int]:
    command = ["wrk", "-t1", f"-c{workload.connections}", f"-d{seconds}s", "--timeout", "10s",
               "-s", script, f"http://127.0.0.1:{server.port}{workload.path}"]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.rpartition("JSON")[2].splitlines()[0])


def count(bench: Bench, servers: list[str]) -> dict[str, float | str]:
    counts: dict[str, float | str] = {}
    for name in servers:
        try:
            counts[name] = callgrind.instructions(bench, name, WORKLOADS["hello"])
        except UnavailableError as error:
            counts[name] = f"n/a: {error}"
        tell(f"callgrind {name}: {counts[name]}")
    return counts


def report(results: Results, counts: dict[str, float | str], servers: list[str],
           names: list[str]) -> str:  # fmt: skip
    """Return the tables as Markdown; ratios are against mod_wsgi's daemon mode."""
    lines: list[str] = []
    if counts:
        lines += ["### Instructions per hello", "", "| server | instructions |", "|---|---:|"]
        lines += [f"| {name} | {value if isinstance(value, str) else f'{value:,.0f}'} |"
                  for name, value in counts.items()]  # fmt: skip
        lines.append("")
    for workload in names:
        lines += [f"### {workload}", "",
                  "| server | req/s | ratio | CPU s/1000 | ratio | p99 ms | failed |",
                  "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
        base = results.get((workload, REFERENCE))
        for name in servers:
            if figures := results.get((workload, name)):
                lines.append(row(name, figures, base))
        lines.append("")
    return "\n".join(lines) + "\n"


def row(name: str, figures: list[Figure], base: list[Figure] | None) -> str:
    rate, cpu = middle(figures, "rate"), middle(figures, "cpu")
    faster = f"{rate / middle(base, 'rate'):.2f}" if base else ""
    dearer = f"{cpu / middle(base, 'cpu'):.2f}" if base and middle(base, "cpu") else ""
    failed = sum(figure.failed for figure in figures)
    p99 = middle(figures, "p99") / 1000
    return f"| {name} | {rate:.0f} | {faster} | {cpu:.4f} | {dearer} | {p99:.2f} | {failed} |"


def tell(text: str) -> None:
    """Say what has just been measured, while the tables are not there yet."""
    sys.stderr.write(text + "\n")


def middle(figures: list[Figure], key: str) -> float:
    return statistics.median(getattr(figure, key) for figure in figures)


if __name__ == "__main__":
    main()
