# SPDX-License-Identifier: Apache-2.0
"""Trac: a login checked by httpd, wiki pages, tickets, attachments, feeds, its own static files."""

import re
import shutil
import subprocess

import pytest

PASSWORDS = "ann:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n"
"""For "pass"."""


@pytest.fixture(scope="session")
def prepared(world, config):
    """A Trac environment with one administrator."""
    folder = world / "trac"
    admin = [config.applications / "bin" / "trac-admin", folder]
    for words in (
        ["initenv", "Demo", "sqlite:db/trac.db"], ["permission", "add", "ann", "TRAC_ADMIN"],
    ):  # fmt: skip
        subprocess.run([*admin, *words], check=True, capture_output=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(module_site, prepared):
    site = module_site
    site.use_applications()
    path = site.install("trac_site")
    shutil.copytree(prepared, path / "env")
    (path / "eggs").mkdir()
    for found in [path / "env", path / "eggs", *(path / "env").rglob("*")]:
        found.chmod(0o777 if found.is_dir() else 0o666)
    site.may_keep = (*site.may_keep, f"{path}/env/")  # its log and its database
    (path / "passwords").write_text(PASSWORDS)
    site.config.modules += ["auth_basic", "authn_file", "authz_user"]
    site.config.add(
        "<Location /trac/login>", "AuthType Basic", "AuthName Trac",
        f"AuthUserFile {path}/passwords", "Require valid-user", "</Location>",
    )  # fmt: skip
    site.add_app(path / "trac.wsgi", at="/trac", group_options={"processes": 2, "threads": 3})
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.fixture
def ann(site):
    """The site, logged in: httpd asks for the password at /trac/login only."""
    site.get("/trac/login", 401)
    reply = site.get("/trac/login", 302, auth=("ann", "pass"))
    assert "trac_auth" in reply.headers["Set-Cookie"]
    return site


def token(page):
    return re.search(r'name="__FORM_TOKEN" value="([^"]+)"', page.text)[1]


def test_pages(site):
    page = site.get("/trac/", allow_redirects=True)
    assert "Welcome to Trac" in page.text
    assert "Active Tickets" in site.get("/trac/report", 200).text
    site.get("/trac/nosuch", 404)


def test_static_files_of_trac(site):
    reply = site.get("/trac/chrome/common/css/trac.css")
    assert reply.headers["Content-Type"].startswith("text/css")
    date = {"If-Modified-Since": reply.headers["Last-Modified"]}
    assert site.get("/trac/chrome/common/css/trac.css", 304, headers=date).content == b""


def test_needs_a_login(site):
    site.get("/trac/admin", 404)  # no panel that anonymous may see
    with site.expects_log("AH01617: user ann: authentication failure"):
        site.get("/trac/login", 401, auth=("ann", "no"))


def test_wiki(ann):
    page = ann.get("/trac/wiki/Page%C3%84?action=edit")
    data = {"__FORM_TOKEN": token(page), "action": "edit", "version": "0", "save": "Submit changes",
            "text": "= Über uns =\n'''bold'''", "comment": "first"}  # fmt: skip
    reply = ann.post("/trac/wiki/Page%C3%84", 303, data=data)
    assert reply.headers["Location"].startswith(f"{ann.url}/trac/wiki/Page%C3%84")
    shown = ann.get("/trac/wiki/Page%C3%84")
    assert "Über uns" in shown.text
    assert "<strong>bold</strong>" in shown.text
    assert ann.get("/trac/wiki/Page%C3%84?format=txt").text.startswith("= Über uns =")
    assert "first" in ann.get("/trac/wiki/Page%C3%84?action=history").text


def new_ticket(site, summary):
    page = site.get("/trac/newticket")
    data = {"__FORM_TOKEN": token(page), "field_summary": summary, "field_description": "x",
            "field_type": "defect", "field_priority": "major", "field_status": "new",
            "field_reporter": "ann", "submit": "Create ticket"}  # fmt: skip
    reply = site.post("/trac/newticket", 303, data=data)
    return reply.headers["Location"].rpartition("/")[2]


def test_ticket(ann):
    number = new_ticket(ann, "Träume & <Schäume>")
    assert "Träume &amp; &lt;Schäume&gt;" in ann.get(f"/trac/ticket/{number}").text
    assert "Träume" in ann.get("/trac/query?status=new&format=csv").text
    feed = ann.get(f"/trac/ticket/{number}?format=rss")
    assert feed.headers["Content-Type"].startswith("application/rss+xml")


def test_attachment(ann):
    number = new_ticket(ann, "with a file")
    data = bytes(i * 53 % 256 for i in range(200_000))
    page = ann.get(f"/trac/attachment/ticket/{number}/?action=new")
    form = {"__FORM_TOKEN": token(page), "action": "new", "realm": "ticket", "id": number,
            "description": ""}  # fmt: skip
    ann.post(f"/trac/attachment/ticket/{number}/", 303,
             data=form, files={"attachment": ("fi le.bin", data)})  # fmt: skip
    reply = ann.get(f"/trac/raw-attachment/ticket/{number}/fi%20le.bin")
    assert reply.content == data
    assert reply.headers["Content-Length"] == str(len(data))


def test_form_without_a_token(ann):
    """Trac refuses it with 400."""
    ann.post("/trac/newticket", 400, data={"field_summary": "x", "submit": "Create"})


def test_log_out(ann):
    page = ann.get("/trac/prefs")
    assert "logged in as" in page.text
    ann.post("/trac/logout", 303, data={"__FORM_TOKEN": token(page)})
    assert "logged in as" not in ann.get("/trac/prefs").text
