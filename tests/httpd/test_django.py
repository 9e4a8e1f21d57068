# SPDX-License-Identifier: Apache-2.0
"""A real Django project: admin, forms with CSRF protection, uploads, streams, static files."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.parts import check_parts

PROJECT = Path(__file__).parents[1] / "apps" / "django_site"


@pytest.fixture(scope="session")
def prepared(world, config):
    """The project with its database, an administrator and collected static files."""
    folder = world / "django"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT.parent / "lib", world / "lib")
    (folder / "data" / "media").mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(world / "lib"), "PYTHONDONTWRITEBYTECODE": "1",
                   "DJANGO_SUPERUSER_PASSWORD": "pass"}  # fmt: skip
    for command in (
        ["migrate", "--run-syncdb", "-v0"],
        ["createsuperuser", "--noinput", "--username=ann", "--email=ann@example.test"],
        ["collectstatic", "--noinput", "-v0"],
    ):
        subprocess.run(
            [config.python_home / "bin" / "python", "manage.py", *command],
            cwd=folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip
    yield folder
    shutil.rmtree(folder)
    shutil.rmtree(world / "lib")


@pytest.fixture(scope="module")
def server(module_site, prepared):
    site = module_site
    folder = site.apps / "django"
    shutil.copytree(prepared, folder)
    for path in [folder / "data", *(folder / "data").rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    site.config.add(f"Alias /static/ {folder}/static/", "AddType text/css .css")
    path = folder / "wsgi.py"
    site.add_app(path, at="/", group_options={"processes": 2, "threads": 3})
    site.add_app(path, at="/sub", application_group="second")
    site.config.top.sort(key=lambda line: "WSGIScriptAlias / " in line)
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]


def log_in(site):
    page = site.get("/admin/login/?next=/admin/")
    data = {
        "username": "ann", "password": "pass", "next": "/admin/",
        "csrfmiddlewaretoken": token(page),
    }  # fmt: skip
    reply = site.post("/admin/login/?next=/admin/", 302, data=data)
    assert reply.headers["Location"] == "/admin/"


def test_admin_asks_for_a_login(site):
    reply = site.get("/admin/", 302)
    assert reply.headers["Location"] == "/admin/login/?next=/admin/"


def test_wrong_password(site):
    page = site.get("/admin/login/")
    data = {"username": "ann", "password": "no", "csrfmiddlewaretoken": token(page)}
    assert "Please enter the correct username" in site.post("/admin/login/", data=data).text


def test_admin_adds_changes_and_deletes(site):
    log_in(site)
    assert "Site administration" in site.get("/admin/").text
    page = site.get("/admin/library/book/add/")
    data = {"title": "Träume & <Schäume>", "csrfmiddlewaretoken": token(page), "_save": "Save"}
    site.post("/admin/library/book/add/", 302, data=data, files={"cover": ("", b"")})
    listing = site.get("/admin/library/book/").text
    assert "was added successfully" in listing
    number = re.search(r"/admin/library/book/(\d+)/change/", listing)[1]
    assert "Träume &amp; &lt;Schäume&gt;" in site.get("/").text
    change = f"/admin/library/book/{number}/change/"
    page = site.get(change)
    data = {"title": "Changed", "csrfmiddlewaretoken": token(page), "_save": "Save"}
    site.post(change, 302, data=data, files={"cover": ("", b"")})
    assert "Changed" in site.get("/").text
    delete = f"/admin/library/book/{number}/delete/"
    page = site.get(delete)
    site.post(delete, 302, data={"post": "yes", "csrfmiddlewaretoken": token(page)})
    assert "Changed" not in site.get("/").text


def test_log_out(site):
    log_in(site)
    page = site.get("/admin/")
    site.post("/admin/logout/", 200, data={"csrfmiddlewaretoken": token(page)})
    site.get("/admin/", 302)


def test_form_without_a_token_is_refused(site):
    reply = site.post("/upload/", 403, data={"title": "x"}, files={"cover": ("a", b"x")})
    assert "CSRF" in reply.text


@pytest.mark.parametrize("size", [0, 100, 3_000_000])  # above 2.5 MB Django uses a temporary file
def test_upload_and_download(site, size):
    data = bytes(i * 13 % 256 for i in range(size % 65536)) + b"\0" * (size - size % 65536)
    page = site.get("/")
    reply = site.post(
        "/upload/",
        302,
        data={"title": f"size {size}", "csrfmiddlewaretoken": token(page)},
        files={"cover": ("cover.bin", data or b"")},
    )
    assert site.get(reply.headers["Location"]).content == data


def test_stream(site):
    check_parts(site, "/stream/")


def test_static_files_come_from_httpd(site):
    for path, text in (("library/style.css", "square"), ("admin/css/base.css", "body")):
        reply = site.get(f"/static/{path}")
        assert text in reply.text
        assert reply.headers["Content-Type"].startswith("text/css")
        again = site.get(f"/static/{path}", 304, headers={"If-None-Match": reply.headers["ETag"]})
        assert again.content == b""


def test_view_that_fails(site):
    site.logs.allow("Internal Server Error|LookupError|Traceback|File ")
    assert "Server Error" in site.get("/fail/", 500).text


def test_urls(site):
    found = site.get("/where/?q=1", host="shop.test:8000").json()
    assert found == {
        "url": "http://shop.test:8000/where/?q=1", "reverse": "/where/", "script": "",
        "secure": False,
    }  # fmt: skip
    below = site.get("/sub/where/").json()
    assert below["reverse"] == "/sub/where/"
    assert below["script"] == "/sub"
