# SPDX-License-Identifier: Apache-2.0
"""The application at the bottom of the stack: WebOb, transactions, replies of several kinds."""

import stage
import transaction
from webob import Response
from webob.dec import wsgify
from webob.exc import HTTPForbidden, HTTPNotFound


class Notes:
    """Takes part in the transaction and notes its end."""

    def abort(self, _):
        stage.note("transaction", "abort")

    def tpc_begin(self, _):
        pass

    commit = tpc_vote = tpc_begin

    def tpc_finish(self, _):
        stage.note("transaction", "commit")

    tpc_abort = abort

    def sortKey(self):
        return "notes"


def where(request, settings):
    return Response(json={
        "url": request.url, "script": request.script_name, "greeting": settings["greeting"],
        "user": request.remote_user,
    })  # fmt: skip


def big(request, settings):
    reply = Response("one line of text\n" * 5000, content_type="text/plain")
    if "gzip" in request.accept_encoding:
        reply.encode_content("gzip")
    return reply


def private(request, settings):
    if not request.remote_user:
        return Response("who are you?", status=401)
    return Response(f"hello {request.remote_user}")


def save(request, settings):
    """Something takes part in the transaction; the query says how the request ends."""
    transaction.get().join(Notes())
    how = request.query_string
    if how == "veto":
        return Response("no", status=500)
    if how == "raise":
        raise LookupError("in the middle of a transaction")
    if how == "parts":
        return Response(app_iter=iter([b"one ", b"two ", b"three"]), content_type="text/plain")
    if how == "304":
        return Response(status=304)
    reply = Response("saved", content_type="text/plain")
    if how == "etag":
        reply.conditional_response, reply.etag = True, "v1"
    return reply


def forbidden(request, settings):
    raise HTTPForbidden("not for you")


PAGES = {page.__name__: page for page in (where, big, private, save, forbidden)}


def main(settings_of_all, **settings):
    @wsgify
    def application(request):
        page = PAGES.get(request.path_info_peek())
        if page is None:
            raise HTTPNotFound
        return page(request, settings)

    return application
