#!/usr/bin/env -S python3 -E -s -S
# SPDX-License-Identifier: Apache-2.0
"""Stands in for a group's Python: speaks the supervisor's channel and serves nobody.

Arguments as for a real one: boot.py, engine, package directory. The file `mode` in the package
directory says how to behave. SIGUSR1 makes it report a changed script (its identity is in the file
`id`), SIGUSR2 ask for a replacement, SIGHUP leave by itself.
"""

import os
import signal
import socket
import struct
import sys
from pathlib import Path

MAGIC = 0x4B430001
STOP, START, DRAIN, HELLO = 5, 6, 7, 9
LOADED, READY, FAILED, RELOAD, REPLACE, LEAVING = range(10, 16)


def text(value):
    data = value.encode()
    return struct.pack("=I", len(data)) + data + b"\0"


class Daemon:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.mode = (self.folder / "mode").read_text().strip()
        self.channel = socket.socket(fileno=3)
        self.channel.setblocking(True)
        self.strict = False

    def say(self, kind, payload=b""):
        self.channel.send(struct.pack("=II", MAGIC, kind) + payload)

    def on_signal(self, number, frame):
        if number == signal.SIGUSR1:
            identity = int((self.folder / "id").read_text())
            self.say(RELOAD, text("/app.wsgi") + struct.pack("=QQQQ", 1, 2, 3, identity))
        elif number == signal.SIGUSR2:
            self.say(REPLACE, struct.pack("=I", 1))
        else:
            self.say(LEAVING, struct.pack("=I", 8))
            os._exit(0)

    def start(self):
        kind, _generation, _row, strict = struct.unpack("=IIII", self.channel.recv(65536)[4:20])
        assert kind == START
        if self.mode == "fail" or (self.mode == "fail-strict" and strict):
            problem = struct.pack("=II", 0, 406) + text("cannot load '/app.wsgi'")
            problem += text("Traceback")
            self.say(FAILED, problem)
            sys.exit(1)
        if self.mode == "hang-load":
            signal.pause()
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        if self.mode == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.say(LOADED, text("/app.wsgi") + text("application") + text(""))
        self.say(READY)
        if self.mode == "crash":
            os._exit(3)

    def run(self):
        if self.mode == "no-hello":
            sys.stderr.write("no module named engine\n")
            sys.exit(72)
        self.say(HELLO, struct.pack("=I", sys.hexversion))
        self.start()
        sys.stdout.write("ready and well\n")
        sys.stdout.flush()
        while True:
            data = self.channel.recv(65536)
            kind = struct.unpack("=I", data[4:8])[0] if data else STOP
            if kind in (STOP, DRAIN) and self.mode != "stubborn":
                sys.exit(0)


Daemon(sys.argv[3]).run()
