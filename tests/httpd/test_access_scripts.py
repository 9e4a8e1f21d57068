# SPDX-License-Identifier: Apache-2.0
"""Scripts of access control: what needs one is refused, in the configuration and in .htaccess."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from requests.auth import HTTPDigestAuth

from harness.site import Site

USER = ("ann", "secret")
BASIC = "AuthType Basic\nAuthName x\nAuthBasicProvider {provider}\n"
DIGEST = "AuthType Digest\nAuthName x\nAuthDigestProvider wsgi\nWSGIAuthUserScript {script}\n"

PLACES = {
    "access": "Require all granted\nWSGIAccessScript {script}",
    "access-any": "Satisfy Any\nRequire all granted\nWSGIAccessScript {script}",
    "access-group": "Require all granted\nWSGIAccessScript {script} application-group=%{{SERVER}}",
    "user": BASIC + "WSGIAuthUserScript {script}\nRequire valid-user",
    "user-none": BASIC + "Require valid-user",
    "user-alias": BASIC.format(provider="other") + "Require valid-user",
    "user-off": BASIC + "AuthBasicAuthoritative Off\nWSGIAuthUserScript {script}\n"
    "Require valid-user",
    "digest": DIGEST + "Require valid-user",
    "group": BASIC.format(provider="file") + "AuthUserFile {users}\n"
    "WSGIAuthGroupScript {script}\nRequire wsgi-group staff",
    "group-none": BASIC.format(provider="file") + "AuthUserFile {users}\nRequire wsgi-group staff",
    "group-not": BASIC.format(provider="file") + "AuthUserFile {users}\n"
    "WSGIAuthGroupScript {script}\n<RequireAll>\nRequire valid-user\n"
    "Require not wsgi-group guests\n</RequireAll>",
}
"""What stands in the directory of that name."""

HTACCESS = {name: text for name, text in PLACES.items() if name != "group-not"}
"""RequireAll may stand there too, but a container makes the same point twice."""

REFUSED = {
    "access": "access control needs '{script}'",
    "access-any": "access control needs '{script}'",
    "access-group": "access control needs '{script}'",
    "user": "AuthBasicProvider wsgi needs '{script}'",
    "user-none": "AuthBasicProvider wsgi needs a script, and no WSGIAuthUserScript is set",
    "user-alias": "AuthBasicProvider wsgi needs '{script}'",
    "user-off": "AuthBasicProvider wsgi needs '{script}'",
    "digest": "AuthDigestProvider wsgi needs '{script}'",
    "group": "Require wsgi-group needs '{script}'",
    "group-none": "Require wsgi-group needs a script, and no WSGIAuthGroupScript is set",
    "group-not": "Require wsgi-group needs '{script}'",
}


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    site.config.modules += [
        "authn_file", "auth_basic", "auth_digest", "authz_user", "access_compat",
    ]  # fmt: skip
    script = site.write_app("guard.py", "def allow_access(environ, host):\n    return True\n")
    users = site.root / "users"
    users.write_text("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")  # secret
    users.chmod(0o644)
    words = {"script": script, "users": users, "provider": "wsgi"}
    site.config.add(
        f"<AuthnProviderAlias wsgi other>\nWSGIAuthUserScript {script}\n</AuthnProviderAlias>",
        f"<Directory {site.root}/htdocs/ht>\nAllowOverride AuthConfig Limit\n</Directory>",
    )
    for name, text in PLACES.items():
        folder = site.root / "htdocs" / name
        folder.mkdir()
        (folder / "page.txt").write_text("private")
        site.config.add(f"<Directory {folder}>\n{text.format(**words)}\n</Directory>")
    for name, text in HTACCESS.items():
        folder = site.root / "htdocs" / "ht" / name
        folder.mkdir(parents=True)
        (folder / "page.txt").write_text("private")
        (folder / ".htaccess").write_text(text.format(**words))
    (site.root / "htdocs" / "page.txt").write_text("public")
    site.add_app(site.write_app("app.py", APP), at="/app")
    site.config.add(
        f"<Location /app/guarded>\nRequire all granted\nWSGIAccessScript {script}\n</Location>"
    )
    site.logs.allow("AH01796: AuthType Basic configured without")  # nobody answered: 500
    site.start()
    return site


APP = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app"]
"""


@pytest.fixture
def site(server: Site, checked: Site) -> Iterator[Site]:
    return checked


@pytest.mark.parametrize("place", [*PLACES, *(f"ht/{name}" for name in HTACCESS)])
def test_what_needs_a_script_is_refused(site: Site, place: str) -> None:
    kind = place.removeprefix("ht/")
    words = REFUSED[kind].format(script=site.apps / "guard.py")
    number = "CASK0132" if kind.endswith("none") else "CASK0131"
    auth = HTTPDigestAuth(*USER) if kind == "digest" else USER
    with site.expects_log(f"{number}: ") as lines:
        reply = site.get(f"/{place}/page.txt", auth=auth, expect=500)
    assert words in lines[0].text
    assert "private" not in reply.text


@pytest.mark.parametrize("place", ["user", "group", "digest", "ht/user"])
def test_who_has_not_said_who_he_is_is_asked(site: Site, place: str) -> None:
    assert "WWW-Authenticate" in site.get(f"/{place}/page.txt", expect=401).headers


def test_applications_are_guarded_too(site: Site) -> None:
    with site.expects_log("CASK0131: "):
        site.get("/app/guarded", expect=500)
    assert site.get("/app").text == "app"


def test_the_rest_is_served(site: Site) -> None:
    assert site.get("/page.txt").text == "public"


def test_refused_without_any_python(fresh_site: Site) -> None:
    """In mod_wsgi this crashed the child: a script first named in .htaccess, no Python started."""
    folder = fresh_site.root / "htdocs"
    (folder / "page.txt").write_text("private")
    (folder / ".htaccess").write_text(f"WSGIAccessScript {fresh_site.apps}/guard.py\n")
    fresh_site.config.add(
        "WSGIRestrictEmbedded On", f"<Directory {folder}>\nAllowOverride AuthConfig\n</Directory>"
    )
    fresh_site.start()
    children = fresh_site.children()
    for _ in range(2):
        with fresh_site.expects_log("CASK0131: "):
            fresh_site.get("/page.txt", expect=500)
    assert fresh_site.children() == children


def test_require_without_groups_is_an_error(fresh_site: Site) -> None:
    fresh_site.config.add("<Directory />\nRequire wsgi-group\n</Directory>")
    result = fresh_site.check()
    assert result.returncode == 1
    assert "Require wsgi-group: needs names of groups" in result.stderr
