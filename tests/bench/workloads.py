# SPDX-License-Identifier: Apache-2.0
"""What the load generator sends."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    """One kind of request; `body` is the size of the request body in bytes."""

    name: str
    path: str
    connections: int = 16
    body: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def script(self) -> str:
        """Return the Lua script for wrk: the request, and a summary as one JSON line."""
        lines = [f'wrk.method = "{self.method}"']
        lines += [f'wrk.headers["{name}"] = [[{value}]]' for name, value in self.headers.items()]
        if self.body:
            lines.append(f'wrk.body = string.rep("x", {self.body})')
        lines.append(SUMMARY)
        return "\n".join(lines)


SUMMARY = """
done = function(s, latency)
  io.write(string.format('JSON{"requests":%d,"us":%d,"p50":%d,"p99":%d,"failed":%d}\\n',
    s.requests, s.duration, latency:percentile(50), latency:percentile(99),
    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))
end"""

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.9",
    "Cache-Control": "no-cache",
    "Cookie": "sessionid=k3j4h5k2j3h45kj2h345kjh2345kjh; csrftoken=" + "a1" * 32,
    "Referer": "https://www.example.com/some/path/page.html?with=query",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0",
}

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("hello", "/hello"),
        Workload("browser", "/hello", headers=BROWSER),
        Workload("body10k", "/body10k"),
        Workload("body1m", "/body1m"),
        Workload("stream10m", "/stream10m", connections=4),
        Workload("file10m", "/file10m", connections=4),
        Workload("post1m", "/post", connections=8, body=1048576),
        Workload("sleep5", "/sleep5", connections=64),
    )
}
