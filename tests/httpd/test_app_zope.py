# SPDX-License-Identifier: Apache-2.0
"""Zope 5: its management pages, objects, files, page templates, virtual hosts, conflicts."""

import shutil
import subprocess
import threading

import pytest
import requests

ADMIN = ("admin", "pass")
TEMPLATE = """<html><body tal:define="n python: 6 * 7"><p tal:content="n">x</p>
<p tal:content="context/absolute_url">x</p></body></html>"""


@pytest.fixture(scope="session")
def prepared(world, config):
    folder = world / "zope"
    make = config.applications / "bin" / "mkwsgiinstance"
    subprocess.run([make, "-d", folder, "-u", "admin:pass"], check=True, capture_output=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(module_site, prepared):
    site = module_site
    site.use_applications()
    path = site.install("zope_site")
    instance = path / "instance"
    shutil.copytree(prepared, instance)
    for name in ("zope.conf", "zope.ini"):
        conf = instance / "etc" / name
        conf.write_text(conf.read_text().replace(str(prepared), str(instance)))
    for found in [instance, *instance.rglob("*")]:
        found.chmod(0o777 if found.is_dir() else 0o666)
    site.may_keep = (*site.may_keep, f"{instance}/var/")  # the database stays open
    site.config.modules.append("rewrite")
    site.config.add("WSGIPassAuthorization On")
    inner, outer = site.config.vhost("inner.test"), site.config.vhost("outer.test")
    outer.add(
        "RewriteEngine On",
        "RewriteRule ^/(.*) /VirtualHostBase/https/outer.test:443/shop/VirtualHostRoot/$1 [PT]",
    )
    for vhost in (inner, outer):
        site.add_app(path / "zope.wsgi", at="/", where=vhost, group_options={"threads": 4})
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    checked.session.auth = ADMIN
    return checked


def manage(site, path, data, **more):
    """A form of the management pages; Zope shows a page or redirects to one."""
    reply = site.request("POST", path, data=data, **more)
    assert reply.status_code in (200, 302), f"{reply.status_code}: {reply.text}\n{site.tail()}"


def add_template(site, folder, name, text):
    manage(site, f"{folder}/manage_addProduct/PageTemplates/manage_addPageTemplate",
           {"id": name, "title": ""})  # fmt: skip
    manage(site, f"{folder}/{name}/pt_editAction",
           {"title": "Ä", "text": text, "content_type": "text/html", "expand": "0"})  # fmt: skip


@pytest.fixture
def shop(site):
    """A folder of the test's own."""
    manage(site, "/manage_addFolder", {"id": "shop", "title": "Shop"})
    yield "/shop"
    site.session.auth = ADMIN
    manage(site, "/manage_delObjects", {"ids:list": "shop"})


def test_welcome_and_management(site):
    site.session.auth = None
    assert "Zope" in site.get("/").text
    assert "basic" in site.get("/manage_main", 401).headers["WWW-Authenticate"]
    site.session.auth = ADMIN
    assert "Root Folder" in site.get("/manage_main").text
    site.get("/nosuch", 404)


def test_page_template(site, shop):
    add_template(site, shop, "page", TEMPLATE)
    text = site.get(f"{shop}/page").text
    assert "<p>42</p>" in text
    assert f"<p>{site.url}/shop</p>" in text


def test_virtual_host_monster(site, shop):
    """Rewritten paths go through; Zope makes URLs of the outer address."""
    add_template(site, shop, "page", TEMPLATE)
    text = site.get("/page", host="outer.test").text
    assert "<p>https://outer.test</p>" in text


def test_file(site, shop):
    data = bytes(i * 59 % 256 for i in range(700_000))
    manage(site, f"{shop}/manage_addProduct/OFSP/manage_addFile",
           {"id": "data.bin", "title": ""}, files={"file": ("data.bin", data)})  # fmt: skip
    reply = site.get(f"{shop}/data.bin")
    assert reply.content == data
    assert site.get(f"{shop}/data.bin", 206, headers={"Range": "bytes=7-9"}).content == data[7:10]
    date = {"If-Modified-Since": reply.headers["Last-Modified"]}
    assert site.get(f"{shop}/data.bin", 304, headers=date).content == b""
    head = site.request("HEAD", f"{shop}/data.bin", 200)
    assert head.headers["Content-Length"] == "700000"


def test_dav(site, shop):
    site.request("PUT", f"{shop}/note.txt", 201, data=b"ein Zettel",
                 headers={"Content-Type": "text/plain"})  # fmt: skip
    assert site.get(f"{shop}/note.txt").text == "ein Zettel"
    reply = site.request("PROPFIND", f"{shop}/", 207, headers={"Depth": "1"})
    assert "note.txt" in reply.text
    site.request("DELETE", f"{shop}/note.txt", 204)
    site.get(f"{shop}/note.txt", 404)


def test_writers_side_by_side(site, shop):
    """Threads write to one database; Zope repeats requests that meet."""
    results = []

    def write(number):
        url = f"{site.url}{shop}/manage_addFolder"
        reply = requests.post(url, data={"id": f"f{number}"}, auth=ADMIN, timeout=30,
                              allow_redirects=False)  # fmt: skip
        results.append(reply.status_code)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) <= {200, 302}, results
    assert len(results) == 4
    text = site.get(f"{shop}/manage_main").text
    assert all(f"f{number}" in text for number in range(4))


def test_error_of_a_template(site, shop):
    """Zope logs it once and answers itself."""
    mark = site.logs.mark()
    add_template(site, shop, "bad", '<p tal:content="context/nosuch">x</p>')
    reply = site.request("GET", f"{shop}/bad")
    assert reply.status_code in (404, 500)
    site.logs.expect(site.logs.since(mark))
