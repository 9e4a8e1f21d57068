# SPDX-License-Identifier: Apache-2.0
"""The environ of a request: CGI keys, wsgi.* keys, module keys, headers."""

import json
import re
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.broad

CGI = {
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "SERVER_NAME",
    "SERVER_PORT", "SERVER_ADDR", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "SERVER_ADMIN",
    "REMOTE_ADDR", "REMOTE_PORT", "DOCUMENT_ROOT", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT",
    "SCRIPT_FILENAME", "REQUEST_SCHEME",
}  # fmt: skip
WSGI = {
    "wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once",
    "wsgi.input", "wsgi.errors", "wsgi.input_terminated", "wsgi.file_wrapper", "wsgi.early_hints",
}  # fmt: skip
MODULE = {
    "apache.version", "mod_wsgi.version", "mod_wsgi.process_group", "mod_wsgi.application_group",
    "mod_wsgi.callable_object", "mod_wsgi.request_handler", "mod_wsgi.handler_script",
    "mod_wsgi.script_name", "mod_wsgi.path_info", "mod_wsgi.listener_host",
    "mod_wsgi.listener_port", "mod_wsgi.server_pid", "mod_wsgi.request_id", "mod_wsgi.thread_id",
    "mod_wsgi.request_start", "mod_wsgi.queue_start", "mod_wsgi.daemon_start",
    "mod_wsgi.application_start",
}  # fmt: skip
# "connection_id only if generated": httpd makes it with the first log line of a connection.
# SCRIPT_URL and SCRIPT_URI are mod_rewrite's.
SOMETIMES = {"mod_wsgi.connection_id", "UNIQUE_ID", "SCRIPT_URL", "SCRIPT_URI"}


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.config.modules += ["auth_basic", "authn_file", "authz_user", "rewrite", "deflate"]
    (site.root / "passwords").write_text("ann:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n")  # pass
    site.config.add(
        'SetEnv VISIBLE "from SetEnv"',
        "SetEnv mod_wsgi.x-hidden 1",
        "SetEnv mod_wsgi.custom kept",
        "SetEnv wsgi.custom kept",
        "SetEnv wsgi.version overwritten",
        "SetEnv mod_wsgi.process_group overwritten",
        "SetEnv REQUEST_METHOD overwritten",
        "SetEnv PATH /not/shown",
        'SetEnvIf X-Https "^(.*)$" HTTPS=$1',
        "PassEnv LANG",
        "<Location /environ/private>",
        "AuthType Basic",
        "AuthName private",
        f"AuthUserFile {site.root}/passwords",
        "Require valid-user",
        "</Location>",
        "RewriteEngine On",
        "RewriteRule ^/old/(.*)$ /environ/$1?new=1 [PT,QSA]",
        "ErrorDocument 404 /environ/error-document",
        "<Location /missing>\nRedirect 404\n</Location>",
    )
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def environ(site, path="/environ", expect=200, **more):
    return site.get(path, expect, **more).json()


def test_cgi_keys(site):
    found = environ(site, "/environ/a%20b/c?x=1&y=%20")
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SCRIPT_NAME"] == ""
    assert found["PATH_INFO"] == "/environ/a b/c"
    assert found["QUERY_STRING"] == "x=1&y=%20"
    assert found["REQUEST_URI"] == "/environ/a%20b/c?x=1&y=%20"
    assert found["SERVER_NAME"] == "127.0.0.1"
    assert found["SERVER_PORT"] == str(site.port)
    assert found["SERVER_ADDR"] == "127.0.0.1"
    assert found["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert re.match(r"Apache/2\.\d+\.\d+", found["SERVER_SOFTWARE"])
    assert found["SERVER_ADMIN"] == "[no address given]"
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["DOCUMENT_ROOT"] == f"{site.root}/htdocs"
    assert found["CONTEXT_PREFIX"] == ""
    assert found["CONTEXT_DOCUMENT_ROOT"] == f"{site.root}/htdocs"
    assert found["SCRIPT_FILENAME"] == f"{site.root}/apps/gateway.py"
    assert found["REQUEST_SCHEME"] == "http"


def test_the_keys_are_these_and_no_others(site):
    """The same in both modes; nothing of httpd's or the shell's environment leaks in."""
    found = site.get("/environ").json()
    keys = {k for k in found if k not in ("types", "type of environ", "pid", "thread")}
    headers = {k for k in keys if k.startswith("HTTP_")}
    from_config = {"VISIBLE", "LANG", "mod_wsgi.custom", "wsgi.custom"}
    assert keys - headers - SOMETIMES == CGI | WSGI | MODULE | from_config
    assert headers == {"HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING",
                       "HTTP_CONNECTION"}  # fmt: skip


def test_the_guide_names_every_key():
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "environ.md").read_text()
    assert not [key for key in CGI | WSGI | MODULE if f"`{key}`" not in guide]


def test_environ_is_a_plain_dict_of_native_strings(site):
    found = environ(site)
    assert found["type of environ"] == "dict"
    names = CGI | {k for k in found["types"] if k.startswith("HTTP_")}
    assert {found["types"][name] for name in names} == {"str"}


@pytest.mark.parametrize(
    "name",
    ["GATEWAY_INTERFACE", "PATH_TRANSLATED", "SERVER_SIGNATURE", "REMOTE_HOST", "REMOTE_IDENT",
     "PATH", "LD_LIBRARY_PATH", "HTTPS", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_USER",
     "AUTH_TYPE", "REDIRECT_URL", "mod_wsgi.x-hidden", "mod_wsgi.mount_point",
     "apache.request_rec"],
)  # fmt: skip
def test_absent_key(site, name):
    assert name not in environ(site)["types"]


def test_query_string_is_empty_when_there_is_none(site):
    assert environ(site)["QUERY_STRING"] == ""


def test_remote_port_is_the_clients(site):
    with site.raw() as client:
        client.request("GET /environ")
        assert f'"REMOTE_PORT": "{client.sock.getsockname()[1]}"' in (
            client.read_reply().body.decode()
        )


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("example.test", "example.test", "80"),
        ("example.test:81", "example.test", "81"),
        ("EXAMPLE.test:81", "example.test", "81"),
        ("[::1]:82", "[::1]", "82"),
    ],
)
def test_server_name_and_port_follow_the_host_header(site, host, name, port):
    found = environ(site, host=host)
    assert found["SERVER_NAME"] == name
    assert found["HTTP_HOST"] == host
    if ":" in host.rpartition("]")[2]:
        assert found["SERVER_PORT"] == port


def test_http_1_0(site):
    with site.raw() as client:
        client.send(b"GET /environ HTTP/1.0\r\n\r\n")
        body = client.read_reply().body.decode()
    assert '"SERVER_PROTOCOL": "HTTP/1.0"' in body
    assert '"HTTP_HOST"' not in body
    assert '"SERVER_NAME": "localhost"' in body


def test_bytes_are_decoded_as_latin_1(site):
    with site.raw() as client:
        client.send(
            b"GET /environ/%C3%A9%FF?\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n"
            b"X-Odd: caf\xe9 \xc3\xa9\r\n\r\n"
        )
        reply = client.read_reply()
    found = json.loads(reply.body)
    assert found["PATH_INFO"] == "/environ/\xc3\xa9\xff"
    assert found["QUERY_STRING"] == "\xc3\xa9"
    assert found["HTTP_X_ODD"] == "caf\xe9 \xc3\xa9"


def test_authentication(site):
    found = environ(site, "/environ/private", auth=("ann", "pass"))
    assert found["REMOTE_USER"] == "ann"
    assert found["AUTH_TYPE"] == "Basic"
    assert "HTTP_AUTHORIZATION" not in found


def test_content_headers(site):
    found = site.post("/environ", data=b"12345", headers={"Content-Type": "text/x; q=1"}).json()
    assert found["CONTENT_TYPE"] == "text/x; q=1"
    assert found["CONTENT_LENGTH"] == "5"
    assert "HTTP_CONTENT_TYPE" not in found
    assert "HTTP_CONTENT_LENGTH" not in found
    assert found["REQUEST_METHOD"] == "POST"


def test_rewritten_request(site):
    found = environ(site, "/old/thing?q=2")
    assert found["PATH_INFO"] == "/environ/thing"
    assert found["QUERY_STRING"] == "new=1&q=2"
    assert found["REQUEST_URI"] == "/old/thing?q=2"


def test_internal_redirect(site):
    found = environ(site, "/missing?why=not")
    assert found["PATH_INFO"] == "/environ/error-document"
    assert found["REDIRECT_URL"].endswith("/missing")
    assert found["REDIRECT_QUERY_STRING"] == "why=not"
    assert found["REDIRECT_STATUS"] == "404"
    assert found["REQUEST_URI"] == "/missing?why=not"


def test_wsgi_keys(site):
    found = environ(site)
    assert found["wsgi.version"] == [1, 0]
    assert found["types"]["wsgi.version"] == "tuple"
    assert found["wsgi.url_scheme"] == "http"
    assert found["wsgi.run_once"] is False
    assert found["wsgi.input_terminated"] is True
    assert found["types"]["wsgi.multithread"] == "bool"
    assert found["types"]["wsgi.multiprocess"] == "bool"
    if site.mode == "daemon":
        assert found["wsgi.multithread"] is True  # threads=5
        assert found["wsgi.multiprocess"] is False  # no processes=
    else:
        assert found["wsgi.multithread"] is (site.mpm != "prefork")
        assert found["wsgi.multiprocess"] is True


@pytest.mark.parametrize(
    ("value", "scheme"),
    [("on", "https"), ("On", "https"), ("ON", "https"), ("1", "https"), ("off", "http"),
     ("0", "http"), ("yes", "http")],
)  # fmt: skip
def test_url_scheme_follows_the_variable_https(site, value, scheme):
    found = environ(site, headers={"X-Https": value})
    assert found["wsgi.url_scheme"] == scheme
    assert "HTTPS" not in found


def test_module_keys(site):
    before = time.time()
    found = environ(site)
    daemon = site.mode == "daemon"
    assert found["mod_wsgi.process_group"] == ("main" if daemon else "")
    assert found["mod_wsgi.application_group"] == (
        "" if site.flavour.interpreter == "main" else "sub"
    )
    assert found["mod_wsgi.callable_object"] == "application"
    assert found["mod_wsgi.request_handler"] == "wsgi-script"
    assert found["mod_wsgi.handler_script"] == ""
    assert found["mod_wsgi.script_name"] == ""
    assert found["mod_wsgi.path_info"] == "/environ"
    assert found["mod_wsgi.listener_host"] in ("127.0.0.1", "")
    assert found["mod_wsgi.listener_port"] == str(site.port)
    assert int(found["mod_wsgi.server_pid"]) in site.children()
    assert found["types"]["mod_wsgi.request_id"] == "str"
    assert found["mod_wsgi.request_id"]
    assert found["types"]["mod_wsgi.thread_id"] == "int"
    assert found["mod_wsgi.version"] == [6, 1, 1]
    assert found["apache.version"][0] == 2
    assert [found["types"][f"{k}.version"] for k in ("mod_wsgi", "apache")] == ["tuple"] * 2
    times = [found[f"mod_wsgi.{k}_start"] for k in ("request", "queue", "daemon", "application")]
    assert all(isinstance(moment, float) for moment in times)
    if daemon:
        assert times == sorted(times)
        assert found["pid"] in site.daemons()
    else:
        assert times[1:3] == [0.0, 0.0]
        assert times[0] <= times[3]
        assert found["pid"] == int(found["mod_wsgi.server_pid"])
    assert abs(times[0] - before) < 5


def test_setenv(site):
    found = environ(site)
    assert found["VISIBLE"] == "from SetEnv"
    assert found["mod_wsgi.custom"] == "kept"
    assert found["wsgi.custom"] == "kept"
    assert found["LANG"] == "C"
    assert found["REQUEST_METHOD"] == "GET"
    assert found["wsgi.version"] == [1, 0]
    assert found["mod_wsgi.process_group"] != "overwritten"


def test_headers(site):
    with site.raw() as client:
        client.request(
            "GET /environ",
            "X-Multi: one",
            "X-Multi: two",
            "X_Underscore: dropped",
            "X.Dot: dropped",
            "Proxy: dropped",
            "Authorization: Basic dropped",
            "Proxy-Authorization: Basic dropped",
            "X-Empty:",
            "X-Spaces:   around   ",
            "Expect-Nothing: 1",
            "Upgrade-Insecure-Requests: 1",
        )
        found = json.loads(client.read_reply().body)
    assert found["HTTP_X_MULTI"] == "one, two"
    assert found["HTTP_X_EMPTY"] == ""
    assert found["HTTP_X_SPACES"] == "around"
    assert found["HTTP_EXPECT_NOTHING"] == "1"
    assert found["HTTP_UPGRADE_INSECURE_REQUESTS"] == "1"
    assert not [k for k, v in found.items() if "dropped" in str(v)]
    assert not [k for k in found if k.startswith(("HTTP_X_UNDER", "HTTP_X_DOT", "HTTP_PROXY"))]


def test_many_and_long_headers(site):
    headers = {f"X-Number-{n}": str(n) * 60 for n in range(80)}
    headers["X-Long"] = "v" * 8000
    found = environ(site, headers=headers)
    assert found["HTTP_X_LONG"] == "v" * 8000
    assert all(found[f"HTTP_X_NUMBER_{n}"] == str(n) * 60 for n in range(80))


def test_a_value_is_never_that_of_an_earlier_request(site):
    """Templates and cached values of the environ do not mix requests up."""
    for number in range(20):
        found = environ(
            site,
            f"/environ/{number}?n={number}",
            headers={"Cookie": f"c={number}", "X-N": str(number), "Accept": f"x/{number}"},
        )
        assert found["PATH_INFO"] == f"/environ/{number}"
        assert found["QUERY_STRING"] == f"n={number}"
        assert found["HTTP_COOKIE"] == f"c={number}"
        assert found["HTTP_X_N"] == str(number)
        assert found["HTTP_ACCEPT"] == f"x/{number}"
        plain = environ(site)
        assert "HTTP_COOKIE" not in plain
        assert "HTTP_X_N" not in plain


def test_standard_methods(site):
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        assert site.request(method, "/environ", 200).json()["REQUEST_METHOD"] == method
