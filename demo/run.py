# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a Django gallery and a Flask guestbook behind one Apache, in the foreground.

Code and data are copied below the work folder, because the applications run as other users when we
are root, and the checkout may be private. Nothing of the machine's own Apache is touched.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mod_cask.common.errors import Failure
from mod_cask.launcher import httpd, identity, install, network, render, root, run

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PREFERRED_PORT = 8000
PASSWORD = "demo"  # noqa: S105 - for one's own machine, printed at the start
SECOND_USERS = ("nobody", "daemon", "games")


@dataclass(frozen=True)
class Application:
    name: str
    who: identity.Identity
    code: Path
    data: Path

    def user_options(self) -> str:
        return f"user={self.who.user} group={self.who.group}" if self.who.switch else ""

    def run(self, *command: str, **environment: str) -> None:
        """As its user; output only when it fails."""
        who = {}
        if self.who.switch:
            groups = os.getgrouplist(self.who.user, self.who.gid)
            who = {"user": self.who.uid, "group": self.who.gid, "extra_groups": groups}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.code, env={**os.environ, "HOME": str(self.data), **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **who,
        )  # fmt: skip
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)} failed", detail=done.stdout + done.stderr)


def second_identity(first: identity.Identity) -> identity.Identity:
    """Another user than the first, when we may choose."""
    if not first.switch:
        return first
    for name in SECOND_USERS:
        try:
            if pwd.getpwnam(name).pw_uid not in (0, first.uid):
                return identity.choose(name, None)
        except KeyError:
            continue
    return first


def prepare(work: Path, name: str, who: identity.Identity, data: Path) -> Application:
    """A fresh copy of the code; the data of earlier runs is kept."""
    code = work / name
    shutil.rmtree(code, ignore_errors=True)
    shutil.copytree(HERE / name, code, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (code, *code.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    data.mkdir(mode=0o700, exist_ok=True)
    if who.switch:
        os.chown(data, who.uid, who.gid)
    application = Application(name, who, code, data)
    application.run("-c", FOLDERS, str(data))
    return application


def prepare_gallery(gallery: Application) -> None:
    gallery.run("manage.py", "migrate", "--verbosity=0")
    gallery.run("manage.py", "collectstatic", "--noinput", "--verbosity=0")
    gallery.run("-c", ADMINISTRATOR, DJANGO_SETTINGS_MODULE="gallery.settings")


# Done as the application's user: root writes nothing into a folder of somebody else.
FOLDERS = """
import pathlib, secrets, sys
data = pathlib.Path(sys.argv[1])
(data / "media").mkdir(exist_ok=True)
secret = data / "secret"
if not secret.exists():
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(50))
"""
ADMINISTRATOR = f"""
import django; django.setup()
from django.contrib.auth.models import User
if not User.objects.filter(username="admin").exists():
    User.objects.create_superuser("admin", password={PASSWORD!r})
"""


def choose_port(wanted: int | None) -> int:
    if wanted is not None:
        network.listen_addresses(HOST, wanted)
        return wanted
    try:
        network.listen_addresses(HOST, PREFERRED_PORT)
        return PREFERRED_PORT
    except Failure:
        with socket.socket() as lease:
            lease.bind((HOST, 0))
            return int(lease.getsockname()[1])


def configuration(folder: Path, port: int, gallery: Application, guestbook: Application) -> str:
    server = httpd.find()
    text = (HERE / "httpd.conf.in").read_text(encoding="utf-8")
    who = gallery.who
    return render.Template(text).substitute(
        root=render.quote(folder),
        modules="\n".join(f"LoadModule {name} {render.quote(file)}" for name, file in server.load),
        module=render.quote(install.location()),
        port=port,
        identity=f"User {who.user}\nGroup {who.group}" if who.switch else "",
        mpm=server.mpm,
        python_home=render.quote(sys.prefix),
        gallery_user=gallery.user_options(),
        gallery_code=gallery.code,
        gallery_data=gallery.data,
        guestbook_user=guestbook.user_options(),
        guestbook_code=guestbook.code,
    )


def serve(work: Path, port: int) -> int:
    first = identity.choose(None, None)
    gallery = prepare(work, "gallery", first, work / "data")
    guestbook = prepare(work, "guestbook", second_identity(first), work / "guestbook-data")
    prepare_gallery(gallery)
    with root.opened(None, first) as folder:
        text = configuration(folder, port, gallery, guestbook)
        root.write(folder / "httpd.conf", text, first)
        root.write(folder / "mime.types", render.mime_types(), first)
        command = run.Command(httpd.find().program, folder / "httpd.conf", Path("/"))

        def ready() -> None:
            url = network.url(HOST, port)
            show(f"Gallery    {url}  (Django, user {gallery.who.user})")
            show(f"Admin      {url}admin/  (name admin, password {PASSWORD})")
            show(f"Guestbook  {url}guestbook/  (Flask, user {guestbook.who.user})")
            show("Stop       Ctrl-C")

        return run.Runner(command, ready, complain, show).run()


def show(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program of its own


def complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a program of its own


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for code and data")
    parser.add_argument("--port", type=int, help=f"port (default: {PREFERRED_PORT} or a free one)")
    options = parser.parse_args()
    try:
        port = choose_port(options.port)
        work = options.work.absolute()
        work.mkdir(parents=True, exist_ok=True)
        return serve(work, port)
    except Failure as failure:
        if failure.detail:
            complain(failure.detail)
        complain(f"demo: error: {failure}")
        return failure.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
