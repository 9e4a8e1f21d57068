# SPDX-License-Identifier: Apache-2.0
"""What virtual hosts share and what they do not: values, aliases, groups."""

from __future__ import annotations

import pytest

from harness.site import Site

APP = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["mod_wsgi.process_group"].encode(), b" ", __file__.rpartition("/")[2].encode()]
"""


@pytest.mark.only("daemon", reason="about daemon groups")
def test_groups_of_hosts(site: Site) -> None:
    one, two = site.write_app("one.py", APP), site.write_app("two.py", APP)
    site.group("shared")
    site.config.add(
        "WSGIProcessGroup shared",
        "WSGIApplicationGroup %{GLOBAL}",
        f"WSGIScriptAlias /main {one}",
        f"WSGIScriptAlias /both {one}",
    )
    first = site.config.vhost("first.example")
    site.group("own", where=first)
    first.add("WSGIProcessGroup own", f"WSGIScriptAlias /both {two}")
    second = site.config.vhost("second.example")
    second.add(f"WSGIScriptAlias /other {two} process-group=own")
    site.logs.allow("CASK0114: .*'own'")
    site.start()
    assert site.get("/main", host="first.example").text == "own one.py"
    assert site.get("/both", host="first.example").text == "own two.py"
    assert site.get("/main", host="second.example").text == "shared one.py"
    assert site.get("/both", host="second.example").text == "shared one.py"
    with site.expects_log("CASK0126: .*'own'", log="second.example"):
        site.get("/other", host="second.example", expect=500)


@pytest.mark.only("daemon", reason="about daemon groups")
def test_hosts_of_one_name_share_groups(site: Site) -> None:
    app = site.write_app("one.py", APP)
    other_port = site.lease_port()
    site.config.listen_more.append(other_port)
    first = site.config.vhost("same.example")
    site.group("own", where=first)
    site.config.add(
        f"<VirtualHost 127.0.0.1:{other_port}>\nServerName same.example\n"
        f"WSGIScriptAlias / {app} process-group=own application-group=%{{GLOBAL}}\n</VirtualHost>"
    )
    site.start()
    reply = site.session.get(f"http://127.0.0.1:{other_port}/", timeout=30)
    assert (reply.status_code, reply.text) == (200, "own one.py")


def test_restrict_embedded(site: Site) -> None:
    app = site.write_app("one.py", APP)
    site.config.add("WSGIRestrictEmbedded On", f"WSGIScriptAlias / {app}")
    site.start()
    with site.expects_log("CASK0124: .*one.py"):
        site.get("/", expect=500)
