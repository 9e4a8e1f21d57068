# SPDX-License-Identifier: Apache-2.0
"""What httpd puts around a text: the same for text it would escape and for text it would not."""

import re
import shlex
import sys

import pytest

from harness.wait import wait_until

PLAIN, ODD = "plain", "Grüße \\ \x1b"


def app(site):
    """Answers after it has logged QUERY_STRING in plain and in odd text, in two ways."""
    return site.write_app(
        "formats.py",
        "import logging, mod_wsgi, threading\n"
        "from urllib.parse import unquote\n"
        "LOG = logging.getLogger('formats')\n"
        "LOG.addHandler(mod_wsgi.LogHandler())\n"
        "LOG.setLevel(1)\n"
        "def application(environ, start_response):\n"
        f"    for text in ({PLAIN!r}, {ODD!r}, {PLAIN + ODD!r}):\n"
        "        print(text + ' printed')\n"
        "        LOG.debug(text + ' record')\n"
        "    start_response('200 OK', [])\n"
        "    return [environ.get('UNIQUE_ID', '-').encode()]\n",
    )


def raw_lines(site):
    site.logs.expect(site.logs.entries())
    text = (site.root / "logs" / "error.log").read_text()
    return [line for line in text.split("\n") if "plain" in line or "Grü" in line]


def frames(lines):
    """Each line without its text and what differs from line to line."""
    result = []
    for line in lines:
        short = re.sub(r"\d\d:\d\d:\d\d\.\d{6}", "TIME", line)
        short = re.sub(r"(plain)?(Grüße \\ \\x1b)? (printed|record)", "TEXT", short)
        result.append(re.sub(r"formats\.py\(\d+\)", "PLACE", short))
    return result


@pytest.mark.broad
def test_default_format(site):
    site.config.log_level = "debug"
    site.serve(app(site))
    site.get("/", headers={"Referer": "http://from.test/ä".encode()})
    lines = raw_lines(site)
    assert len(lines) == 6
    by_way = [frames(lines)[way::2] for way in (0, 1)]
    assert all(len(set(found)) == 1 for found in by_way)
    assert re.search(r"\[wsgi:error\] \[pid .*\] \[client 127\.0\.0\.1:\d+\] TEXT", by_way[0][0])
    assert re.search(r"\[wsgi:debug\] \[pid .*\] PLACE: \[client", by_way[1][0])
    assert all("referer: http://from.test/" in line for line in lines)


@pytest.mark.parametrize(
    "format_",
    [
        "%M",
        "[%{cu}t] [%-m:%l] [pid %P] %F %E [client %a] %M% ,%{Referer}i %v %V %k",
        "%-L %-{c}L %-{Referer}i|%M|%-{UNIQUE_ID}e|%-F|%-A|%{User-Agent}i|%%",
        "%l %M|%{Nothing}i %a",
        "{ 'level': '%l', 'text': '%M' }",
    ],
)
def test_error_log_format(site, format_):
    site.config.modules.append("unique_id")
    site.config.log_level = "debug"
    site.config.add(f'ErrorLogFormat "{format_}"')
    site.logs.allow("")  # not in the form that the harness reads
    path = app(site)
    site.add_app(path)
    start_anyhow(site)
    unique = site.get("/", headers={"User-Agent": "agent"}).text
    text = (site.root / "logs" / "error.log").read_text()
    if "Nothing" in format_:  # the text goes with its field
        lines = [
            line for line in text.split("\n") if re.match(r"(error|debug) 127.0.0.1:\d+$", line)
        ]
        assert sum(line.startswith("error") for line in lines) == 3
        assert "plain" not in text
        assert "Grü" not in text
        return
    lines = raw_lines(site)
    assert len(lines) == 6
    for way in (0, 1):
        assert len(set(frames(lines)[way::2])) == 1, lines
    if "UNIQUE_ID" in format_:
        assert unique != "-"
        assert all(f"|{unique}|" in line and line.startswith(unique) for line in lines)
    if "%F" in format_:
        assert all(re.search(r" formats\.py\(\d+\) ", line) for line in lines[1::2])


def start_anyhow(site):
    """The harness waits for a line in the default format."""
    site.started = (site.root / "run" / "httpd.pid").exists
    site.start()
    del site.started


def test_lines_once_per_request(site):
    """Whichever text comes first, httpd's or ours."""
    site.config.log_level = "debug"
    site.config.add(
        'ErrorLogFormat connection "[%{uc}t] [core:info] [pid %P] new %{c}L"',
        'ErrorLogFormat request "[%{uc}t] [core:info] [pid %P] request %L %k"',
        'ErrorLogFormat request "[%{uc}t] [core:info] [pid %P] never %+{Nothing}i"',
        'ErrorLogFormat "[%{uc}t] [%-m:%l] [pid %P] %L %{c}L %M"',
    )
    path = site.write_app(
        "once.py",
        "def application(environ, start_response):\n"
        "    print('Grü one')\n"
        "    print('plain two')\n"
        "    start_response('200 OK', [])\n"
        "    return []\n",
    )
    site.serve(path)
    site.get("/")
    site.wait_log("plain two")
    site.logs.expect(site.logs.entries())
    texts = [e.text for e in site.logs.entries()]
    [one] = [text for text in texts if "Grü one" in text]
    [two] = [text for text in texts if "plain two" in text]
    assert one.split()[:2] == two.split()[:2]
    request, connection = one.split()[:2]
    assert len([t for t in texts if t.startswith(f"request {request} ")]) == 1
    assert len([t for t in texts if t == f"new {connection}"]) == 1
    assert not [t for t in texts if "never" in t]


def test_record_levels_off(site):
    """As mod_wsgi: what is printed is an error. Per daemon group; embedded for the whole server."""
    other = site.config.vhost("other.test")
    (other if site.mode == "daemon" else site.config).add("WSGIRecordLevels Off")
    path = site.write_app(
        "levels.py",
        "import logging, mod_wsgi, warnings\n"
        "logging.basicConfig(level=1)\n"
        "warnings.simplefilter('always')\n"
        "logging.getLogger('direct').addHandler(mod_wsgi.LogHandler())\n"
        "logging.getLogger('direct').propagate = False\n"
        "def application(environ, start_response):\n"
        "    logging.info('levels: record')\n"
        "    warnings.warn('levels: warning')\n"
        "    logging.getLogger('direct').info('levels: direct')\n"
        "    start_response('200 OK', [])\n"
        "    return []\n",
    )
    site.add_app(path, where=other, group="other", group_options={"where": other})
    site.add_app(path, where=site.config.vhost("main.test"))
    site.start()
    for host in ("other.test", "main.test"):
        mark = site.logs.mark()
        site.get("/", host=host)
        site.wait_log("levels: direct", mark=mark)
        site.logs.expect(site.logs.entries())
        found = [e.level for e in site.logs.since(mark) if re.search("levels: [a-z]+$", e.text)]
        kept = host == "main.test" and site.mode == "daemon"
        assert found == (["info", "warn", "info"] if kept else ["error", "error", "info"])


def test_piped_log(site):
    """Long records, too: a reader that is slow gets everything in order."""
    target = site.root / "logs" / "piped.txt"
    reader = site.root / "reader.py"
    reader.write_text(
        "import sys\n"
        f"with open({str(target)!r}, 'a') as out:\n"
        "    for line in sys.stdin:\n"
        "        out.write(line)\n"
        "        out.flush()\n"
    )
    vhost = site.config.vhost("piped.test")
    path = site.write_app(
        "piped.py",
        "import threading\n"
        "def run(n):\n"
        "    for i in range(20):\n"
        "        print(f'{n}-{i} ' + chr(0x20ac) * 3000 + ' end')\n"
        "def application(environ, start_response):\n"
        "    threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]\n"
        "    [t.start() for t in threads]\n"
        "    run(9)\n"
        "    [t.join() for t in threads]\n"
        "    start_response('200 OK', [])\n"
        "    return []\n",
    )
    site.add_app(path, where=vhost, group="piped")
    site.start()
    command = shlex.join([sys.executable, str(reader)])
    vhost.lines.append(f'ErrorLog "|{command}"')
    site.restart("restart")
    site.get("/", host="piped.test")
    wait_until(lambda: " 9-19 " in target.read_text(), 10, lambda: target.read_text()[-300:])
    site.stop()
    text = target.read_text() + (site.root / "logs" / "error.log").read_text()
    site.logs.expect(site.logs.entries())
    mine = [line for line in target.read_text().split("\n") if "9-" in line]
    assert [line.rpartition("] ")[2].split()[0] for line in mine] == [f"9-{i}" for i in range(20)]
    assert all(line.endswith("€" * 3000 + " end") for line in mine)
    assert text.count(" end") == 80
    assert text.count("€") == 80 * 3000


def test_lines_without_a_request(site):
    """Loading, threads, and a stream kept from a request that is over."""
    vhost = site.config.vhost("one.test")
    path = site.write_app(
        "outside.py",
        "import logging, mod_wsgi, sys, threading, warnings\n"
        "LOG = logging.getLogger('outside')\n"
        "LOG.addHandler(mod_wsgi.LogHandler())\n"
        "LOG.setLevel(1)\n"
        "print('outside: loading Grüße')\n"
        "LOG.warning('outside: loading warns\\nin two lines')\n"
        "kept = {}\n"
        "def later():\n"
        "    go.wait()\n"
        "    print('outside: by a thread Grüße \\\\ €')\n"
        "    LOG.info('outside: info by a thread')\n"
        "    LOG.debug('outside: debug by a thread')\n"
        "    print('outside: by the stream of a request', file=kept['errors'])\n"
        "    try:\n"
        "        raise LookupError('outside: raised')\n"
        "    except LookupError:\n"
        "        LOG.exception('outside: exception')\n"
        "    print('outside: end')\n"
        "go = threading.Event()\n"
        "thread = threading.Thread(target=later, daemon=True)\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    if environ['PATH_INFO'] == '/go':\n"
        "        go.set()\n"
        "    else:\n"
        "        kept['errors'] = environ['wsgi.errors']\n"
        "        thread.start()\n"
        "    return []\n",
    )
    site.add_app(path, where=vhost, group="outside", group_options={"where": vhost})
    site.start()
    site.get("/", host="one.test")
    site.get("/go", host="one.test")
    site.wait_log("outside: end")
    entries = site.logs.entries()
    found = [e for e in entries if "outside:" in e.text]
    site.logs.expect(entries)
    threaded = [e for e in found if "thread" in e.text or "stream" in e.text]
    assert [(e.level, e.text) for e in threaded] == [
        ("error", "outside: by a thread Grüße \\ €"),
        ("info", "outside: info by a thread"),
        ("error", "outside: by the stream of a request"),
    ]
    log = "one.test.log" if site.mode == "daemon" else "error.log"
    assert {e.file for e in threaded} == {log}
    [start] = [i for i, e in enumerate(entries) if e.text == "outside: exception"]
    assert entries[start + 1].text == "Traceback (most recent call last):"
    ends = [i for i, e in enumerate(entries) if e.text == "LookupError: outside: raised"]
    assert ends == [start + 4]
    loading = [e for e in entries if "loading" in e.text]
    assert [e.level for e in loading] == ["error", "warn"]
    at = entries.index(loading[1])
    assert entries[at + 1].text.endswith("in two lines")
    assert entries[at + 1].level == "warn"
