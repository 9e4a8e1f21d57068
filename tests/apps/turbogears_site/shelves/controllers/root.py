# SPDX-License-Identifier: Apache-2.0
"""Controllers of a TurboGears 2 application: exposure, templates, validation, REST, sessions."""

import stage
import tg
from tg import (
    RestController,
    TGController,
    abort,
    expose,
    flash,
    redirect,
    request,
    response,
    session,
    validate,
)  # fmt: skip
from tg.validation import Convert


class Books(RestController):
    def __init__(self):
        super().__init__()
        self.shelf = {}

    @expose("json")
    def get_all(self):
        return {"books": self.shelf}

    @expose("json")
    def get_one(self, name):
        return {"title": self.shelf[name]} if name in self.shelf else abort(404)

    @expose("json")
    def put(self, name, title):
        self.shelf[name] = title
        response.status = 201
        return {"name": name}

    @expose("json")
    def delete(self, name):
        del self.shelf[name]
        return {}


class Deep(TGController):
    @expose("json")
    def _default(self, *parts, **more):
        return {"parts": parts, "more": more, "url": tg.url("/x", {"a": "ä"}),
                "absolute": tg.url("/x", qualified=True)}  # fmt: skip


class RootController(TGController):
    books = Books()
    deep = Deep()

    @expose("shelves.templates.list")
    def index(self):
        return {"title": "Things & more", "items": ["ä", "<b>"]}

    @expose("json")
    def refused(self, **more):
        return {"error": "no number"}

    @expose("json")
    @validate({"number": Convert(int)}, error_handler=refused)
    def twice(self, number):
        return {"twice": number * 2}

    @expose("json")
    def visits(self):
        session["n"] = session.get("n", 0) + 1
        session.save()
        return {"n": session["n"]}

    @expose()
    def message(self):
        flash("well done")
        redirect("/shown")

    @expose()
    def shown(self):
        return tg.flash.pop_payload().get("message", "nothing")

    @expose("json")
    def upload(self, file, note):
        data = file.file.read()
        return {"name": file.filename, "size": len(data), "sum": sum(data), "note": note}

    @expose(content_type="text/plain")
    def stream(self):
        def parts():
            for number in range(3):
                yield b"part %d\n" % number
                stage.gate(f"part{number}")

        response.app_iter = parts()
        return response

    @expose()
    def who(self):
        return request.remote_addr

    @expose()
    def fail(self):
        raise LookupError("a controller that fails")
