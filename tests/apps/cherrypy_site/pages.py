# SPDX-License-Identifier: Apache-2.0
"""Pages of a CherryPy site: sessions, static files, uploads, streams, method dispatch, errors."""

from pathlib import Path

import cherrypy
import stage

HERE = Path(__file__).parent


@cherrypy.expose
class Store:
    """REST, one method for each HTTP method."""

    kept = ""

    def GET(self):
        return self.kept

    @cherrypy.tools.accept(media="text/plain")
    def PUT(self):
        Store.kept = cherrypy.request.body.read().decode()
        cherrypy.response.status = "201 Created"
        return "kept"

    def DELETE(self):
        Store.kept = ""


class Root:
    store = Store()

    @cherrypy.expose
    def index(self, name="nobody"):
        return f"hello {name} at {cherrypy.url()} below {cherrypy.request.script_name}"

    @cherrypy.expose
    def visits(self):
        cherrypy.session["n"] = cherrypy.session.get("n", 0) + 1
        return f"visit {cherrypy.session['n']}"

    @cherrypy.expose
    @cherrypy.tools.json_out()
    def upload(self, file, note):
        size = total = 0
        while block := file.file.read(65536):
            size += len(block)
            total += sum(block)
        return {"name": file.filename, "size": size, "sum": total, "note": note}

    @cherrypy.expose
    @cherrypy.tools.json_in()
    @cherrypy.tools.json_out()
    def json(self):
        return cherrypy.request.json

    @cherrypy.expose
    def download(self):
        return cherrypy.lib.static.serve_file(
            str(HERE / "data.bin"), "application/octet-stream", "attachment"
        )

    @cherrypy.expose
    @cherrypy.config(**{"response.stream": True})
    def stream(self):
        cherrypy.response.headers["Content-Type"] = "text/plain"
        for number in range(3):
            yield f"part {number}\n"
            stage.gate(f"part{number}")

    @cherrypy.expose
    def away(self):
        raise cherrypy.HTTPRedirect("/cp/other/")

    @cherrypy.expose
    def missing(self):
        raise cherrypy.HTTPError(404, "not on this shelf")

    @cherrypy.expose
    def fail(self):
        raise LookupError("a page that fails")

    @cherrypy.expose
    def private(self):
        return f"for {cherrypy.request.login}"


class Other:
    @cherrypy.expose
    def index(self):
        return "the other application " * 100


CONFIG = {
    "/": {"tools.sessions.on": True, "tools.encode.on": True},
    "/static": {"tools.staticdir.on": True, "tools.staticdir.dir": str(HERE / "static"),
                "tools.etags.on": True, "tools.sessions.on": False},
    "/store": {"request.dispatch": cherrypy.dispatch.MethodDispatcher()},
    "/private": {
        "tools.auth_basic.on": True, "tools.auth_basic.realm": "cp",
        "tools.auth_basic.checkpassword": lambda realm, user, word: (user, word) == ("ann", "pass"),
    },
}  # fmt: skip
