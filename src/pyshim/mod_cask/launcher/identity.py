# SPDX-License-Identifier: Apache-2.0
"""Who runs the server and the application."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from mod_cask.common.errors import UsageError

WEB_USERS = ("www-data", "apache", "http", "www", "_www", "nobody")


@dataclass(frozen=True)
class Identity:
    """The user of httpd's children and of the application."""

    user: str
    group: str
    uid: int
    gid: int
    switch: bool
    """The launcher is root and becomes this user; else it is this user already."""


def choose(user: str | None, group: str | None, euid: int | None = None) -> Identity:
    euid = os.geteuid() if euid is None else euid
    if euid != 0:
        return unprivileged(user, group, euid)
    entry = web_user() if user is None else find_user(user)
    if entry.pw_uid == 0:
        raise UsageError("applications never run as root", "name another user with --user")
    gid = entry.pw_gid if group is None else find_group(group)
    return Identity(entry.pw_name, group_name(gid), entry.pw_uid, gid, switch=True)


def unprivileged(user: str | None, group: str | None, euid: int) -> Identity:
    name = user_name(euid)
    gid = os.getegid()
    if user not in (None, name) or (group is not None and find_group(group) != gid):
        flag = "--group" if user in (None, name) else "--user"
        raise UsageError(f"only root can run the application as another with {flag}")
    return Identity(name, group_name(gid), euid, gid, switch=False)


def web_user() -> pwd.struct_passwd:
    for name in WEB_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise UsageError("this system has no user for web servers", "name one with --user")


def find_user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(name[1:])) if name.startswith("#") else pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise UsageError(f"there is no user '{name}'") from None


def find_group(name: str) -> int:
    try:
        return int(name[1:]) if name.startswith("#") else grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        raise UsageError(f"there is no group '{name}'") from None


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"#{gid}"
