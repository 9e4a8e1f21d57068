# SPDX-License-Identifier: Apache-2.0
"""A Pyramid application: routes, traversal, sessions, policies, static views, streams."""

import logging
from pathlib import Path

import stage
from pyramid.authentication import AuthTktCookieHelper
from pyramid.config import Configurator
from pyramid.csrf import check_csrf_token, get_csrf_token
from pyramid.exceptions import BadCSRFToken
from pyramid.httpexceptions import HTTPForbidden, HTTPFound
from pyramid.response import FileResponse, Response
from pyramid.security import Allow, Authenticated, forget, remember
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import exception_view_config, forbidden_view_config, view_config

HERE = Path(__file__).parent
LOG = logging.getLogger(__name__)


class Root(dict):
    __parent__, __name__ = None, ""
    __acl__ = ((Allow, Authenticated, "edit"),)


class Shelf(dict):
    def __init__(self, parent, name):
        super().__init__()
        self.__parent__, self.__name__ = parent, name

    def __getitem__(self, name):
        return Shelf(self, name)


def root_factory(request):
    root = Root()
    root["shelf"] = Shelf(root, "shelf")
    return root


class Policy:
    def __init__(self, secret):
        self.helper = AuthTktCookieHelper(secret, hashalg="sha512")

    def identity(self, request):
        found = self.helper.identify(request)
        return found and found["userid"]

    authenticated_userid = identity

    def permits(self, request, context, permission):
        from pyramid.authorization import ACLHelper, Everyone

        who = [Everyone]
        if self.identity(request):
            who += [Authenticated, self.identity(request)]
        return ACLHelper().permits(context, who, permission)

    def remember(self, request, userid, **more):
        return self.helper.remember(request, userid, **more)

    def forget(self, request, **more):
        return self.helper.forget(request, **more)


@view_config(route_name="where", renderer="json")
def where(request):
    return {
        "url": request.url, "route": request.route_url("item", name="ä/b"),
        "script": request.script_name, "params": dict(request.params),
        "static": request.static_url(f"{HERE}/site_static/style.css"),
    }  # fmt: skip


@view_config(route_name="item", renderer="json")
def item(request):
    return request.matchdict


@view_config(route_name="count", renderer="string")
def count(request):
    request.session["n"] = request.session.get("n", 0) + 1
    return f"visit {request.session['n']}"


@view_config(route_name="login", request_method="POST")
def login(request):
    return HTTPFound(request.route_path("edit"), headers=remember(request, request.POST["user"]))


@view_config(route_name="logout")
def logout(request):
    return HTTPFound(request.route_path("edit"), headers=forget(request))


@view_config(route_name="edit", permission="edit", renderer="string")
def edit(request):
    return f"{request.authenticated_userid} may edit"


@forbidden_view_config()
def refused(request):
    return HTTPForbidden("log in first")


@view_config(route_name="token", renderer="string", request_method="GET")
def token(request):
    return get_csrf_token(request)


@view_config(route_name="token", renderer="json", request_method="POST")
def guarded(request):
    check_csrf_token(request)
    return {"ok": True}


@exception_view_config(BadCSRFToken, renderer="string")
def bad_token(request):
    request.response.status = 400
    return "bad token"


@view_config(route_name="upload", renderer="json")
def upload(request):
    sent = request.POST["file"]
    data = sent.file.read()
    note = request.POST["note"]
    return {"name": sent.filename, "size": len(data), "sum": sum(data), "note": note}


@view_config(route_name="download")
def download(request):
    return FileResponse(HERE / "data.bin", request, content_type="application/octet-stream")


@view_config(route_name="conditional")
def conditional(request):
    reply = Response(b"the same", conditional_response=True, etag="v1")
    reply.content_type = "text/plain"
    return reply


@view_config(route_name="stream")
def stream(request):
    def parts():
        for number in range(3):
            yield b"part %d\n" % number
            stage.gate(f"part{number}")

    return Response(app_iter=parts(), content_type="text/plain")


@view_config(route_name="json", renderer="json")
def json_(request):
    LOG.info("a line for the log")
    return request.json_body


@view_config(route_name="fail")
def fail(request):
    raise LookupError("a view that fails")


@view_config(context=Shelf, renderer="json")
def shelf(context, request):
    return {"path": request.resource_path(context), "subpath": request.subpath}


def main(settings_of_all, **settings):
    config = Configurator(settings=settings, root_factory=root_factory)
    config.set_session_factory(SignedCookieSessionFactory("also no secret"))
    config.set_security_policy(Policy(settings["secret"]))
    config.add_static_view("static", f"{HERE}/site_static", cache_max_age=3600)
    for name in ("where", "count", "login", "logout", "edit", "token", "upload", "download",
                 "conditional", "stream", "json", "fail"):  # fmt: skip
        config.add_route(name, f"/{name}")
    config.add_route("item", "/item/{name}")
    config.scan()
    return config.make_wsgi_app()
