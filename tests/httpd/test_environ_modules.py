# SPDX-License-Identifier: Apache-2.0
"""What other modules and directives of httpd put into the environ, or change in it."""

import base64
import json
import os
from pathlib import Path

import pytest

from harness.wait import wait_until

SHA = "{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ="  # "pass"


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.config.modules += ["auth_basic", "authn_file", "authz_user", "rewrite", "cgid"]
    (site.root / "passwords").write_text(f"ann:{SHA}\n")
    private = (
        "AuthType Basic",
        "AuthName private",
        f"AuthUserFile {site.root}/passwords",
        "Require valid-user",
    )

    def place(name, *lines):
        site.config.add(f"<Location /environ/{name}>", *lines, "</Location>")

    place("headers", "RequestHeader set X-Set by-httpd", "RequestHeader unset X-Unset",
          "RequestHeader set X_Odd odd", "RequestHeader append Cookie late=1")  # fmt: skip
    place("private", *private)
    place("private/missing", "Redirect 404 /environ/private/missing")
    place("wsgi-auth", "WSGIPassAuthorization On")
    place("cgi-auth", "CGIPassAuth On")
    place("both", "CGIPassAuth On", "WSGIPassAuthorization Off")
    place("current", "CGIVar REQUEST_URI current-uri")
    place("setenv", "SetEnv REMOTE_USER from-setenv", "SetEnv HTTP_X_ADDED from-setenv",
          "SetEnv HTTP_X_SENT from-setenv", "SetEnv HTTP_HOST from-setenv",
          "SetEnv SERVER_NAME from-setenv", "SetEnv EMPTY", "UnsetEnv FROM_SERVER",
          'SetEnv QUOTED "a \\"b\\" c"', "SetEnv LATIN caf\xe9", "SetEnv Mixed.Case-Name 1",
          "SetEnv GATEWAY_INTERFACE CGI/1.1", "SetEnv SERVER_SIGNATURE mine")  # fmt: skip
    place("elsewhere", "Redirect 404 /environ/elsewhere", "ErrorDocument 404 /environ/qualified")
    place("qualified", "QualifyRedirectURL On")
    site.config.add(
        "SetEnv FROM_SERVER 1",
        "PassEnv PATH LANG",
        'SetEnvIf Request_URI "/if/(\\w+)" PART=$1 !REMOVED',
        "SetEnvIfNoCase User-Agent robot ROBOT",
        "MergeSlashes Off",
        'CustomLog run/ids.log "%L %U%q"',
        "AllowEncodedSlashes NoDecode",
        "ServerAdmin admin@example.test",
        "ErrorDocument 404 /environ/error",
        "RewriteEngine On",
        "RewriteRule ^/environ/rewritten - [E=RULE:%{REQUEST_METHOD},E=FLAG]",
        "RewriteRule ^/environ/hidden - [E=!FROM_SERVER]",
        "RewriteCond %{HTTP:Authorization} ^(.+)$",
        "RewriteRule ^/environ/by-rule - [E=HTTP_AUTHORIZATION:%1]",
    )
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def environ(site, path, expect=200, **more):
    return site.get(f"/environ/{path}", expect, **more).json()


def test_setenv(site):
    found = environ(site, "setenv", headers={"X-Sent": "from the client"})
    assert found["REMOTE_USER"] == "from-setenv"
    assert found["HTTP_X_ADDED"] == "from-setenv"
    assert found["HTTP_X_SENT"] == "from the client"  # what is computed counts
    assert found["HTTP_HOST"] == f"127.0.0.1:{site.port}"
    assert found["SERVER_NAME"] == "127.0.0.1"
    assert found["EMPTY"] == ""
    assert found["QUOTED"] == 'a "b" c'
    assert found["LATIN"].encode("latin-1") in (b"caf\xe9", "caf\xe9".encode())
    assert found["Mixed.Case-Name"] == "1"
    assert found["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert found["SERVER_SIGNATURE"] == "mine"
    assert "FROM_SERVER" not in found
    assert environ(site, "other")["FROM_SERVER"] == "1"
    for _ in range(3):  # also when the gateway knows the values already
        assert environ(site, "setenv")["REMOTE_USER"] == "from-setenv"
        assert "REMOTE_USER" not in environ(site, "other")


def test_passenv(site):
    found = environ(site, "other")
    assert found["LANG"] == "C"
    assert "PATH" not in found


def test_setenvif(site):
    found = environ(site, "if/word", headers={"User-Agent": "Some Robot 1.0"})
    assert found["PART"] == "word"
    assert found["ROBOT"] == "1"
    assert "REMOVED" not in found
    assert "PART" not in environ(site, "other")


def test_rewrite_rule(site):
    found = environ(site, "rewritten")
    assert found["RULE"] == "GET"
    assert found["FLAG"] == ""
    assert environ(site, "hidden").get("RULE") is None
    found = environ(site, "by-rule", headers={"Authorization": "Bearer token"})
    assert found["HTTP_AUTHORIZATION"] == "Bearer token"
    assert "HTTP_AUTHORIZATION" not in environ(site, "by-rule")


def test_request_header(site):
    found = environ(site, "headers", headers={"X-Set": "theirs", "X-Unset": "1", "Cookie": "a=1"})
    assert found["HTTP_X_SET"] == "by-httpd"
    assert "HTTP_X_UNSET" not in found
    assert "HTTP_X_ODD" not in found
    assert found["HTTP_COOKIE"] == "a=1; late=1"


def test_basic_auth(site):
    found = environ(site, "private", auth=("ann", "pass"))
    assert found["REMOTE_USER"] == "ann"
    assert found["AUTH_TYPE"] == "Basic"
    assert "HTTP_AUTHORIZATION" not in found
    # "user ann: authentication failure"
    with site.expects_log("AH01617"):
        environ_of = site.get("/environ/private", 401, auth=("ann", "wrong"))
    assert "environ" not in environ_of.text


def test_user_of_a_redirected_request(site):
    found = environ(site, "private/missing", auth=("ann", "pass"))
    assert found["PATH_INFO"] == "/environ/error"
    assert "REMOTE_USER" not in found
    assert found["REDIRECT_REMOTE_USER"] == "ann"
    assert found["REDIRECT_URL"] == "/environ/private/missing"
    assert found["REDIRECT_STATUS"] == "404"


def test_qualified_redirect_url(site):
    assert environ(site, "elsewhere")["REDIRECT_URL"] == (
        f"http://127.0.0.1:{site.port}/environ/elsewhere"
    )


@pytest.mark.parametrize(
    ("place", "authorization", "proxy"),
    [("other", False, False), ("wsgi-auth", True, False), ("cgi-auth", True, True),
     ("both", True, True)],
)  # fmt: skip
def test_authorization_header(site, place, authorization, proxy):
    value = "Basic " + base64.b64encode(b"ann:pass").decode()
    found = environ(site, place, headers={"Authorization": value, "Proxy-Authorization": value})
    assert found.get("HTTP_AUTHORIZATION") == (value if authorization else None)
    assert found.get("HTTP_PROXY_AUTHORIZATION") == (value if proxy else None)


def test_request_uri(site):
    assert environ(site, "a%20b?c=%20")["REQUEST_URI"] == "/environ/a%20b?c=%20"
    assert environ(site, "current/a%20b?c=%20")["REQUEST_URI"] == "/environ/current/a b"


def test_ids_are_those_of_the_log(site):
    found = environ(site, "other?ids")
    log = site.root / "run" / "ids.log"
    wait_until(lambda: "?ids" in log.read_text(), 5)
    line = next(line for line in log.read_text().splitlines() if "?ids" in line)
    assert found["mod_wsgi.request_id"] in line


def test_server_admin(site):
    assert environ(site, "other")["SERVER_ADMIN"] == "admin@example.test"


def test_runs_of_slashes_are_one(site):
    """Also where httpd is told not to merge them."""
    with site.raw() as client:
        client.request("GET //environ///a//b/")
        found = json.loads(client.read_reply().body)
    assert found["PATH_INFO"] == found["mod_wsgi.path_info"] == "/environ/a/b/"
    assert found["SCRIPT_NAME"] == ""
    assert found["REQUEST_URI"] == "//environ///a//b/"


def test_encoded_slashes(site):
    assert environ(site, "a%2Fb")["PATH_INFO"] == "/environ/a%2Fb"


def test_file_names_in_any_encoding(site, fresh_site):
    """DOCUMENT_ROOT and SCRIPT_FILENAME are names of files as Python has them: open() finds them,
    also when they are no UTF-8."""
    folder = Path(os.fsdecode(os.fsencode(fresh_site.apps) + b"/\xc3\xa9t\xe9"))
    folder.mkdir(0o755)
    script = folder / "app.py"
    script.write_text(fresh_site.install("gateway.py").read_text())
    script.chmod(0o644)
    link = fresh_site.apps / "map.conf"
    options = f"application-group={fresh_site.application_group}"
    if fresh_site.mode == "daemon":
        fresh_site.group("main")
        options += " process-group=main"
    else:
        fresh_site.config.add(f"WSGIPythonPath {fresh_site.apps / 'lib'}")
    link.write_bytes(
        b'WSGIScriptAlias / "' + os.fsencode(script) + f'" {options}\n'.encode()
        + b'DocumentRoot "' + os.fsencode(folder) + b'"\n'
    )  # fmt: skip
    fresh_site.config.add(f"Include {link}")
    fresh_site.start()
    found = fresh_site.get("/environ").json()
    assert found["SCRIPT_FILENAME"] == str(script)
    assert found["DOCUMENT_ROOT"] == str(folder)
    assert fresh_site.get("/environ").json()["SCRIPT_FILENAME"] == str(script)
