# SPDX-License-Identifier: Apache-2.0
"""A Flask application: sessions, files with ranges and conditions, streams, forms, errors."""

import io
from pathlib import Path

import stage
from flask import Flask, Response, abort, jsonify, redirect, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "only for the tests"
app.config["MAX_CONTENT_LENGTH"] = 5_000_000
DATA = Path(__file__).with_name("data.bin")


@app.get("/")
def index():
    session["visits"] = session.get("visits", 0) + 1
    return f"visit {session['visits']}"


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return redirect(url_for("me"))


@app.get("/me")
def me():
    return f"you are {session['user']}" if "user" in session else abort(401)


@app.get("/file")
def file():
    return send_file(DATA, mimetype="application/octet-stream", conditional=True, max_age=60)


@app.get("/memory")
def memory():
    return send_file(io.BytesIO(b"from memory"), mimetype="text/plain")


@app.post("/upload")
def upload():
    sent = request.files["file"]
    data = sent.read()
    return jsonify(name=sent.filename, size=len(data), sum=sum(data), form=dict(request.form))


@app.post("/json")
def json():
    return jsonify(request.get_json())


@app.get("/stream")
def stream():
    def parts():
        for number in range(3):
            yield f"part {number}\n"
            stage.gate(f"part{number}")

    return Response(parts(), mimetype="text/plain")


@app.get("/fail")
def fail():
    raise LookupError("a view that fails")


@app.get("/name/<path:name>")
def name(name):
    return jsonify(name=name, url=request.url, root=request.url_root, args=request.args.to_dict())


application = app
