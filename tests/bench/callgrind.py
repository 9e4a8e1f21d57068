# SPDX-License-Identifier: Apache-2.0
"""Instructions per request, counted by valgrind: exact, whatever else the machine does.

httpd runs with -X below callgrind twice, serving `FEW` and then `MANY` requests on one connection.
The difference of the totals, divided by the difference in requests, is the cost of one; starting
and stopping cancel out. All processes are added up.
"""

import http.client
import pathlib
import re
import shutil

from servers import Bench, Server, UnavailableError
from workloads import Workload

FEW, MANY = 100, 600


def instructions(bench: Bench, name: str, workload: Workload) -> float:
    """Return user-mode instructions per request of one server, all its processes together."""
    if shutil.which("valgrind") is None:
        raise UnavailableError("valgrind is not installed")
    few, many = (total(bench, name, workload, count) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def total(bench: Bench, name: str, workload: Workload, count: int) -> int:
    out = bench.work / "callgrind"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    out.chmod(0o777)  # the daemons write there as another user
    wrapper = ["valgrind", "--tool=callgrind", "--trace-children=yes", "-q",
               f"--callgrind-out-file={out}/%p"]  # fmt: skip
    server = Server(bench, name, wrapper, threads=4)
    server.start(workload)
    try:
        serve(server.port, workload, count)
    finally:
        server.stop()
    costs = [cost(profile) for profile in out.iterdir()]
    if 0 in costs:
        raise UnavailableError("a process was killed before it wrote its profile")
    return sum(costs)


def serve(port: int, workload: Workload, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    done = 0
    while done < count:
        try:
            connection.request(workload.method, workload.path, b"x" * workload.body or None,
                               workload.headers)  # fmt: skip
            connection.getresponse().read()
            done += 1
        except http.client.HTTPException:
            connection.close()  # httpd has closed an idle connection
    connection.close()


def cost(profile: pathlib.Path) -> int:
    """Return the total of one callgrind output file."""
    found = re.findall(r"^(?:summary|totals): (\d+)", profile.read_text(errors="replace"), re.M)
    return max(map(int, found), default=0)
