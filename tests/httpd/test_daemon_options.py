# SPDX-License-Identifier: Apache-2.0
"""Options of WSGIDaemonProcess, each seen from inside the process and in /proc."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from harness import procs, sanitizer
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="options of daemon groups")


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    home = site.root / "home"
    home.mkdir()
    extra = site.apps / "extra"
    extra.mkdir()
    (extra / "unusual_module.py").write_text("value = 'found'\n")
    path = site.install("gateway.py")
    groups = {
        "plain": {},
        "umask": {"umask": "0027"},
        "home": {"home": home},
        "names": {"lang": "C.UTF-8", "locale": "C.UTF-8"},
        "path": {"python-path": f"{extra}:{site.apps / 'lib'}"},
        "show": {"display-name": "%{GROUP}"},
        "text": {"display-name": "a rather long name of my own for this group"},
        "many": {"processes": 3, "threads": 2},
        "single": {"processes": 1, "threads": 1},
        "once": {"threads": 1, "maximum-requests": 1},
        "server-user": {"user": None, "group": None},
        "number": {"user": f"#{pwd.getpwnam(site.settings.daemon_user).pw_uid}",
                   "group": f"#{grp.getgrnam(site.settings.daemon_group).gr_gid}"},
        "second": {"user": "nobody" if site.settings.root else None,
                   "group": None, "home": site.root},
    }  # fmt: skip
    for name, options in groups.items():
        chosen = {key.replace("-", "_"): value for key, value in options.items()}
        if not site.settings.root:
            chosen |= {"user": None, "group": None}
        site.group(name, **chosen)
        site.add_app(path, at=f"/{name}", group=name)
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def process(site, group):
    return site.get(f"/{group}/process").json()


def ids(pid, field):
    return [int(word) for word in procs.status_field(pid, field).split()]


@pytest.mark.root
def test_runs_as_the_groups_user(site):
    """All four ids of both kinds: there is no way back to root."""
    user = pwd.getpwnam(site.settings.daemon_user)
    gid = grp.getgrnam(site.settings.daemon_group).gr_gid
    for group in ("plain", "number"):
        pid = process(site, group)["pid"]
        assert ids(pid, "Uid") == [user.pw_uid] * 4
        assert ids(pid, "Gid") == [gid] * 4
        assert set(ids(pid, "Groups")) <= set(os.getgrouplist(user.pw_name, gid))
        assert int(procs.status_field(pid, "CapEff"), 16) == 0
        assert int(procs.status_field(pid, "CapPrm"), 16) == 0


@pytest.mark.root
def test_default_user_and_group_are_httpds(site):
    found = process(site, "server-user")
    assert found["uid"] == pwd.getpwnam(site.settings.server_user).pw_uid
    assert found["gid"] == grp.getgrnam(site.settings.server_group).gr_gid
    second = process(site, "second")
    assert second["uid"] == pwd.getpwnam("nobody").pw_uid
    assert second["gid"] == grp.getgrnam(site.settings.server_group).gr_gid


def test_supervisor_runs_no_python(site):
    (supervisor,) = site.supervisors()
    assert "libpython" not in procs.maps(supervisor)
    parents = {process(site, group)["ppid"] for group in ("plain", "many", "show")}
    assert parents == {supervisor}


def test_umask(site):
    assert process(site, "umask")["umask"] == 0o027
    assert process(site, "plain")["umask"] == 0o022


def test_home(site):
    found = process(site, "home")
    home = str(site.root / "home")
    assert found["cwd"] == home
    assert found["path"][0] == home
    assert str(Path(f"/proc/{found['pid']}/cwd").readlink()) == home


@pytest.mark.root
def test_without_home_it_is_the_users(site):
    found = process(site, "plain")
    assert found["cwd"] == pwd.getpwnam(site.settings.daemon_user).pw_dir
    assert found["cwd"] not in found["path"]
    assert "" not in found["path"]


def test_home_variable_is_the_users(site):
    user = site.settings.daemon_user if site.settings.root else pwd.getpwuid(os.geteuid()).pw_name
    assert process(site, "plain")["env"]["HOME"] == pwd.getpwnam(user).pw_dir
    assert process(site, "home")["env"]["HOME"] == pwd.getpwnam(user).pw_dir


def test_lang_and_locale(site):
    found = process(site, "names")
    assert found["env"]["LANG"] == "C.UTF-8"
    assert found["env"]["LC_ALL"] == "C.UTF-8"
    assert "UTF-8" in found["locale"] or "utf8" in found["locale"].lower()


def test_python_path(site):
    path = process(site, "path")["path"]
    assert path[0] == str(site.apps / "extra")
    assert path[1] == str(site.apps / "lib")


def test_python_is_an_ordinary_interpreter(site):
    found = process(site, "plain")
    home = site.settings.python_home
    assert found["prefix"] == str(home)
    assert found["executable"] in (f"{home}/bin/python3", f"{home}/bin/python")
    assert Path(f"/proc/{found['pid']}/exe").samefile(found["executable"])
    assert found["argv"] == ["mod_wsgi"]
    assert not [entry for entry in found["path"] if "mod_cask" in entry]


def test_display_name(site):
    assert procs.command_line(process(site, "show")["pid"]) == "(wsgi:show)"
    text = procs.command_line(process(site, "text")["pid"])
    assert text == "a rather long name of my own for this group"
    assert "python" in procs.command_line(process(site, "plain")["pid"])


def test_processes_and_threads(site):
    def flags(group):
        found = site.get(f"/{group}/environ").json()
        return [found[f"wsgi.{name}"] for name in ("multiprocess", "multithread", "run_once")]

    assert flags("many") == [True, True, False]
    assert flags("single") == [True, False, False]
    assert flags("plain") == [False, True, False]
    assert flags("once") == [False, False, True]
    wait_until(lambda: len(site.group_pids("many")) == 3, what="three processes")


def test_all_processes_serve(site):
    """Six requests held at a gate: two in each of the three processes."""
    site.stage.close_gate("all")
    clients = [site.raw() for _ in range(6)]
    for client in clients:
        client.request("GET /many/gate?all")
    site.stage.wait_reached("all", 6)
    pids = site.stage.notes("all.reached")
    assert sorted(pids.count(pid) for pid in set(pids)) == [2, 2, 2]
    site.stage.open_gate("all")
    assert all(client.read_reply().status == 200 for client in clients)


def test_maximum_requests(site):
    """The process is replaced after its last request, again and again; none is lost meanwhile."""
    pids = []

    def four_processes():
        pid = process(site, "once")["pid"]
        if pid not in pids:
            pids.append(pid)
        return len(pids) >= 4

    wait_until(four_processes, 15, lambda: f"processes {pids}")
    wait_until(lambda: not [pid for pid in pids[:-1] if procs.alive(pid)], what="old ones gone")


def test_environment_has_nothing_of_httpds(site):
    found = process(site, "plain")["env"]
    wrong = {name for name in found if name.startswith(("APACHE", "CASK", "PYTHON"))}
    assert wrong <= sanitizer.environment().keys()


def test_daemon_holds_no_descriptor_of_httpd(site):
    """Not the listening ports, not the logs, not other groups' sockets or boards."""
    pid = process(site, "plain")["pid"]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_ports = {row[9] for row in rows if row[3] == "0A"}
    targets = procs.descriptors(pid).values()
    assert not [t for t in targets if t.startswith("socket:[") and t[8:-1] in open_ports]
    assert not [t for t in targets if t.startswith(str(site.root / "logs"))]


@pytest.mark.root
def test_board_and_socket_are_closed_to_others(site):
    """All but the control socket, which asks the kernel who has come (test_control.py)."""
    run = site.root / "run"
    sockets = [p for p in run.iterdir() if p.is_socket() and p.suffix != ".control"]
    assert sockets
    for path in sockets:
        status = path.stat()
        assert status.st_mode & 0o777 == 0o600 or status.st_mode & 0o077 == 0
        assert status.st_uid == pwd.getpwnam(site.settings.server_user).pw_uid


def test_python_home_of_a_group(fresh_site, config, bare_venv):
    """An environment without mod_cask is served by the engine beside the module, and sees nothing
    of the module's own environment."""
    site = fresh_site
    site.group("bare", python_home=bare_venv)
    site.serve("gateway.py", group="bare")
    found = site.get("/process").json()
    assert found["prefix"] == str(bare_venv)
    assert found["executable"].startswith(str(bare_venv))
    assert not [p for p in found["path"] if str(config.python_home) in p or "mod_cask" in p]
