# SPDX-License-Identifier: Apache-2.0
"""A Falcon application: resources, media, streams, uploads, hooks, errors."""

import io
from pathlib import Path

import falcon
import stage

HERE = Path(__file__).parent


class Thing:
    def on_get(self, req, resp, name):
        resp.media = {
            "name": name, "uri": req.uri, "prefix": req.prefix, "root": req.root_path,
            "params": req.params, "host": req.host, "remote": req.remote_addr,
        }  # fmt: skip

    def on_put(self, req, resp, name):
        resp.media = {"name": name, "got": req.get_media()}
        resp.status = falcon.HTTP_201
        resp.location = f"{req.prefix}/thing/{name}"

    def on_delete(self, req, resp, name):
        resp.status = falcon.HTTP_204


class Raw:
    """The body as it comes, through Falcon's bounded stream."""

    def on_post(self, req, resp):
        size = total = 0
        while block := req.bounded_stream.read(65536):
            size += len(block)
            total += sum(block)
        resp.media = {"size": size, "sum": total, "length": req.content_length}


class Echo:
    """Reads and answers in turn."""

    def on_post(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = (line.upper() for line in req.bounded_stream)


class Upload:
    def on_post(self, req, resp):
        found = {}
        for part in req.get_media():
            data = part.stream.read()
            found[part.name] = [part.filename, len(data), sum(data)]
        resp.media = found


class File:
    def on_get(self, req, resp):
        size = (HERE / "data.bin").stat().st_size
        resp.set_stream((HERE / "data.bin").open("rb"), size)
        resp.content_type = "application/octet-stream"
        resp.etag = "v1"

    def on_get_memory(self, req, resp):
        resp.stream = io.BytesIO(b"from memory")
        resp.content_type = falcon.MEDIA_TEXT


class Parts:
    def on_get(self, req, resp):
        def parts():
            for number in range(3):
                yield b"part %d\n" % number
                stage.gate(f"part{number}")

        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = parts()


class Cookies:
    def on_get(self, req, resp):
        count = int(req.cookies.get("n", 0)) + 1
        resp.set_cookie("n", str(count), secure=False)
        resp.set_cookie("other", "x", secure=False)
        resp.text = f"visit {count}"


def only_ann(req, resp, resource, params):
    if req.get_header("X-User") != "ann":
        raise falcon.HTTPForbidden(title="not you")


class Private:
    @falcon.before(only_ann)
    def on_get(self, req, resp):
        resp.text = "hello ann"


class Fail:
    def on_get(self, req, resp):
        raise LookupError("a resource that fails")


class Time:
    """Middleware."""

    def process_request(self, req, resp):
        req.context.note = "seen"

    def process_response(self, req, resp, resource, succeeded):
        resp.set_header("X-Middleware", req.context.note)
        stage.note("middleware", f"{req.method} {succeeded}")


application = falcon.App(middleware=[Time()])
files = File()
for path, resource in (
    ("/thing/{name}", Thing()), ("/raw", Raw()), ("/echo", Echo()), ("/upload", Upload()),
    ("/file", files), ("/parts", Parts()), ("/cookies", Cookies()), ("/private", Private()),
    ("/fail", Fail()),
):  # fmt: skip
    application.add_route(path, resource)
application.add_route("/memory", files, suffix="memory")
application.add_static_route("/static", str(HERE / "static"))
