# SPDX-License-Identifier: Apache-2.0
"""A guestbook: Flask beside Django, in another group of processes, as another user."""

import os
import pwd
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, redirect, render_template, request, session, url_for

DATA = Path(os.environ.get("GUESTBOOK_DATA") or Path(__file__).parent.parent / "guestbook-data")
TABLE = "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT, words TEXT)"

application = Flask(__name__)
application.secret_key = (DATA / "secret").read_text()


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(DATA / "guestbook.sqlite3", timeout=20)
    connection.execute(TABLE)
    return connection


def user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@application.get("/")
def index() -> str:
    session["visits"] = session.get("visits", 0) + 1
    token = session.setdefault("token", secrets.token_hex(16))
    with closing(database()) as connection:
        entries = connection.execute(
            "SELECT name, words FROM entry ORDER BY id DESC LIMIT 50"
        ).fetchall()
    return render_template(
        "index.html",
        entries=entries,
        token=token,
        visits=session["visits"],
        user=user_name(),
        pid=os.getpid(),
        group=request.environ.get("mod_wsgi.process_group", ""),
    )


@application.post("/")
def sign() -> Response | tuple[str, int]:
    if not secrets.compare_digest(request.form.get("token", ""), session.get("token", "-")):
        return "Please load the page again.", 403
    name = request.form.get("name", "").strip()[:40]
    words = request.form.get("words", "").strip()[:400]
    if name and words:
        with closing(database()) as connection, connection:
            connection.execute("INSERT INTO entry (name, words) VALUES (?, ?)", (name, words))
    return redirect(url_for("index"), 303)
