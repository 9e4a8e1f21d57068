# SPDX-License-Identifier: Apache-2.0
"""A guest book for webapp2 and webapp3, which have the same classes; make(module) builds it."""

import json

import stage

ENTRIES = []


def handlers_of(webapp):  # noqa: C901 - classes, not branches
    class Page(webapp.RequestHandler):
        def get(self):
            self.response.headers["Content-Type"] = "text/plain; charset=utf-8"
            self.response.write("\n".join(ENTRIES))

        def post(self):
            ENTRIES.append(self.request.get("text"))
            self.redirect(self.uri_for("page"), code=303)

        def delete(self):
            ENTRIES.clear()
            self.response.status = 204

    class Item(webapp.RequestHandler):
        def get(self, name):
            self.response.content_type = "application/json"
            self.response.write(json.dumps({
                "name": name, "uri": self.uri_for("item", name="x", _full=True),
                "get": self.request.get_all("q"), "script": self.request.script_name,
            }))  # fmt: skip

    class Upload(webapp.RequestHandler):
        def post(self):
            sent = self.request.POST["file"]
            data = sent.file.read()
            self.response.content_type = "application/json"
            self.response.write(json.dumps(
                {"name": sent.filename, "size": len(data), "sum": sum(data)}
            ))  # fmt: skip

    class Visits(webapp.RequestHandler):
        def get(self):
            number = int(self.request.cookies.get("n", 0)) + 1
            self.response.set_cookie("n", str(number))
            self.response.write(f"visit {number}")

    class Stream(webapp.RequestHandler):
        def get(self):
            def parts():
                for number in range(3):
                    yield b"part %d\n" % number
                    stage.gate(f"part{number}")

            self.response.content_type = "text/plain"
            self.response.app_iter = parts()

    class Fail(webapp.RequestHandler):
        def get(self):
            raise LookupError("a handler that fails")

    return Page, Item, Upload, Visits, Stream, Fail


def make(webapp):
    page, item, upload, visits, stream, fail = handlers_of(webapp)
    app = webapp.WSGIApplication([
        webapp.Route("/", page, name="page"),
        webapp.Route("/item/<name>", item, name="item"),
        ("/upload", upload), ("/visits", visits), ("/stream", stream), ("/fail", fail),
    ])  # fmt: skip

    def not_found(request, response, exception):
        response.write("not in this book")
        response.set_status(404)

    app.error_handlers[404] = not_found
    return app
