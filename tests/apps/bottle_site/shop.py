# SPDX-License-Identifier: Apache-2.0
"""A Bottle application: routes, templates, files, cookies, hooks, a mounted application."""

import stage
from bottle import (
    HTTPResponse,
    abort,
    auth_basic,
    error,
    get,
    hook,
    mount,
    post,
    redirect,
    request,
    response,
    route,
    static_file,
    template,
)  # fmt: skip


@hook("after_request")
def mark():
    response.headers["X-Hook"] = "after"


@get("/list")
def listing():
    return template("list", title="<Things>", items=["ä", "b&c"])


@get("/item/<name:re:[^/]+>")
def item(name):
    return {"name": name, "url": request.url, "query": dict(request.query.decode())}


@get("/file/<path:path>")
def file(path):
    return static_file(path, root="files", download=request.query.get("as") or False)


@post("/upload")
def upload():
    sent = request.files.get("file")
    data = sent.file.read()
    return {"name": sent.raw_filename, "size": len(data), "sum": sum(data),
            "note": request.forms.getunicode("note")}  # fmt: skip


@get("/visits")
def visits():
    count = int(request.get_cookie("n", secret="no secret") or 0) + 1
    response.set_cookie("n", str(count), secret="no secret")
    response.set_cookie("other", "x")
    return f"visit {count}"


@get("/away")
def away():
    redirect("/list")


@get("/private")
@auth_basic(lambda user, password: (user, password) == ("ann", "pass"))
def private():
    return f"for {request.auth[0]}"


@get("/teapot")
def teapot():
    abort(418, "short and stout")


@error(404)
def not_here(problem):
    return "not on this shelf"


@get("/stream")
def stream():
    for number in range(3):
        yield f"part {number}\n"
        stage.gate(f"part{number}")


@route("/any", method=["PUT", "DELETE", "PATCH"])
def any_method():
    return {"method": request.method, "json": request.json}


@get("/fail")
def fail():
    raise LookupError("a view that fails")


def inner(environ, start_response):
    """A WSGI application of its own, mounted with a prefix of its own."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]


mount("/inner/", inner)


@get("/raw")
def raw():
    return HTTPResponse(b"\x00\xff", content_type="application/octet-stream")
