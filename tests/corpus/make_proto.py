# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of frames, proto/*.bin, from a second description of the format.

Run it after a change of the format: python3 tests/corpus/make_proto.py
A file is one frame, header and payload. Its name tells what the decoder must say:
ok-<what>.bin, or <status in small letters>-<what>.bin, as in enum cask_frame_status.
"""

import struct
from pathlib import Path

HELLO, HEAD, DATA, CREDIT, REPLY, FILE, END, ABORT, UPGRADE = range(1, 10)
REFUSED, GOAWAY, LOG, HINTS = range(10, 14)
LAST, CONTINUE, FILE_NEXT = 1, 2, 4
MAGIC, VERSION = 0x4B534143, 1
DATA_LIMIT, HEAD_LIMIT = 256 * 1024, 1024 * 1024


def frame(kind: int, payload: bytes, flags: int = 0, reserved: int = 0) -> bytes:
    return struct.pack("=IBBH", len(payload), kind, flags, reserved) + payload


def field(name: bytes | int, value: bytes) -> bytes:
    if isinstance(name, int):
        return struct.pack("=HHI", name, 0, len(value)) + value
    return struct.pack("=HHI", 0, len(name), len(value)) + name + value


def head(
    variables: list[bytes] = [],  # noqa: B006 - never changed
    headers: list[bytes] = [],  # noqa: B006 - never changed
    *,
    script: bytes = b"/srv/app.py",
    callable_: bytes = b"application",
    group: bytes = b"",
    length: int = 0,
    body: bytes = b"",
    **wrong: int,
) -> bytes:
    fixed = struct.pack("=QQQqqqq", 1, 2, 3, 4, length, 5, 6)
    fixed += struct.pack(
        "=IIIIIII",
        0,
        wrong.get("body_len", len(body)),
        wrong.get("script_len", len(script)),
        wrong.get("callable_len", len(callable_)),
        wrong.get("group_len", len(group)),
        wrong.get("n_vars", len(variables)),
        wrong.get("n_headers", len(headers)),
    )
    return fixed + script + callable_ + group + b"".join(variables + headers) + body


def reply(
    headers: list[bytes] = [],  # noqa: B006 - never changed
    *,
    status: int = 200,
    length: int = -1,
    reason: bytes = b"OK",
    body: bytes = b"",
    **wrong: int,
) -> bytes:
    fixed = struct.pack(
        "=qIIII",
        length,
        status,
        wrong.get("body_len", len(body)),
        wrong.get("reason_len", len(reason)),
        wrong.get("n_headers", len(headers)),
    )
    return fixed + reason + b"".join(headers) + body


def hints(headers: list[bytes], *, n_headers: int | None = None) -> bytes:
    return struct.pack("=I", len(headers) if n_headers is None else n_headers) + b"".join(headers)


def hello(magic: int = MAGIC, version: int = VERSION) -> bytes:
    fixed = struct.pack("=II", magic, version)
    return fixed + bytes(range(32)) + struct.pack("=IIIIi", 1, 2, 3, 4, 5)


def abort(text: bytes, detail: bytes, **wrong: int) -> bytes:
    fixed = struct.pack(
        "=IIIII",
        1,
        2,
        501,
        wrong.get("text_len", len(text)),
        wrong.get("detail_len", len(detail)),
    )
    return fixed + text + detail


FIELDS = [field(1, b"GET"), field(b"MY_VARIABLE", b"some value"), field(4, b"")]
HEADERS = [field(64, b"localhost"), field(b"x-own", b"\xe4\xf6")]
REPLY_HEADERS = [field(b"Content-Type", b"text/plain"), field(b"X-Tab", b"a\tb\x80")]

CORPUS = {
    "ok-hello": frame(HELLO, hello()),
    "ok-head": frame(HEAD, head(FIELDS, HEADERS)),
    "ok-head-body": frame(HEAD, head(FIELDS, HEADERS, length=4, body=b"a=bc"), LAST),
    "ok-head-chunked": frame(HEAD, head(FIELDS, HEADERS, length=-1), CONTINUE),
    "ok-head-empty": frame(HEAD, head(script=b"", callable_=b"")),
    "ok-data": frame(DATA, b"x" * 100),
    "ok-data-last": frame(DATA, b"", LAST),
    "ok-credit": frame(CREDIT, struct.pack("=I", 65536)),
    "ok-reply": frame(REPLY, reply(REPLY_HEADERS)),
    "ok-reply-last": frame(REPLY, reply(REPLY_HEADERS, length=5, body=b"hello"), LAST),
    "ok-reply-bare": frame(REPLY, reply(status=999, reason=b"")),
    "ok-reply-file-next": frame(REPLY, reply(REPLY_HEADERS, length=9), FILE_NEXT),
    "ok-hints": frame(HINTS, hints([field(b"Link", b"</a.css>; rel=preload")])),
    "ok-hints-none": frame(HINTS, hints([])),
    "ok-file": frame(FILE, struct.pack("=QQ", 10, 2**40)),
    "ok-end": frame(END, struct.pack("=QQ", 1, 2)),
    "ok-abort": frame(ABORT, abort(b"it broke", b"Traceback\n  line\n")),
    "ok-refused": frame(REFUSED, abort(b"", b"")),
    "ok-goaway": frame(GOAWAY, struct.pack("=I", 3)),
    "ok-log": frame(LOG, struct.pack("=IIII", 6, 0, 0, 0) + b"a line"),
    "ok-log-place": frame(LOG, struct.pack("=IIII", 6, 1, 120, 11) + b"/srv/app.pytwo\nlines"),
    "ok-stream": frame(HELLO, hello())
    + frame(HEAD, head(FIELDS, HEADERS, length=10))
    + frame(DATA, b"12345")
    + frame(DATA, b"67890", LAST)
    + frame(REPLY, reply(REPLY_HEADERS))
    + frame(DATA, b"answer")
    + frame(END, struct.pack("=QQ", 1, 10)),
    "more-nothing": b"",
    "more-half-header": frame(DATA, b"")[:7],
    "bad_kind-zero": frame(0, b""),
    "bad_kind-upgrade": frame(UPGRADE, b"abcd"),
    "bad_kind-beyond": frame(14, b""),
    "bad_kind-255": frame(255, b""),
    "bad_flags-hello": frame(HELLO, hello(), LAST),
    "bad_flags-data-continue": frame(DATA, b"", CONTINUE),
    "bad_flags-head-file-next": frame(HEAD, head(), FILE_NEXT),
    "bad_flags-hints": frame(HINTS, hints([]), LAST),
    "bad_flags-high": frame(HEAD, head(), 128),
    "bad_reserved-low": frame(DATA, b"", 0, 1),
    "bad_reserved-high": frame(DATA, b"", 0, 256),
    "too_large-data": struct.pack("=IBBH", DATA_LIMIT + 1, DATA, 0, 0),
    "too_large-head": struct.pack("=IBBH", DATA_LIMIT + HEAD_LIMIT + 1, HEAD, 0, 0),
    "too_large-hello": frame(HELLO, hello() + b"x"),
    "too_large-abort": struct.pack("=IBBH", 128 * 1024 + 1, ABORT, 0, 0),
    "too_large-log": struct.pack("=IBBH", 64 * 1024 + 1, LOG, 0, 0),
    "too_large-hints": struct.pack("=IBBH", 64 * 1024 + 1, HINTS, 0, 0),
    "too_large-file": frame(FILE, struct.pack("=QQ", 2**63, 0)),
    "too_large-file-sum": frame(FILE, struct.pack("=QQ", 2**62, 2**62)),
    "bad_payload-hello-short": frame(HELLO, hello()[:-1]),
    "bad_payload-credit-short": frame(CREDIT, b"abc"),
    "bad_payload-end-short": frame(END, b"abc"),
    "bad_payload-log-short": frame(LOG, b"abc"),
    "bad_payload-log-file": frame(LOG, struct.pack("=IIII", 6, 0, 1, 7) + b"a line"),
    "bad_payload-log-file-huge": frame(LOG, struct.pack("=IIII", 6, 0, 1, 2000) + bytes(3000)),
    "bad_payload-log-printed": frame(LOG, struct.pack("=IIII", 6, 2, 0, 0) + b"a line"),
    "bad_payload-hints-short": frame(HINTS, b"abc"),
    "bad_payload-hints-rest": frame(HINTS, hints(REPLY_HEADERS, n_headers=1)),
    "bad_payload-hints-cut": frame(HINTS, hints(REPLY_HEADERS)[:-1]),
    "bad_payload-hints-fields": frame(HINTS, hints(REPLY_HEADERS, n_headers=3)),
    "bad_payload-head-none": frame(HEAD, b""),
    "bad_payload-head-short": frame(HEAD, head()[:80]),
    "bad_payload-head-length": frame(HEAD, head(length=-2)),
    "bad_payload-head-cut": frame(HEAD, head(FIELDS, HEADERS)[:-1]),
    "bad_payload-head-rest": frame(HEAD, head(FIELDS, HEADERS) + b"x"),
    "bad_payload-head-body-long": frame(HEAD, head(body=b"abc", body_len=2)),
    "bad_payload-head-body-short": frame(HEAD, head(body=b"abc", body_len=4)),
    "bad_payload-head-body-huge": frame(HEAD, head(body_len=2**32 - 1)),
    "bad_payload-head-script": frame(HEAD, head(script_len=1000)),
    "bad_payload-head-script-huge": frame(HEAD, head(script_len=2**32 - 1)),
    "bad_payload-head-callable": frame(HEAD, head(callable_len=1000)),
    "bad_payload-head-group": frame(HEAD, head(group_len=1000)),
    "bad_payload-head-fields": frame(HEAD, head(FIELDS, n_vars=4)),
    "bad_payload-head-field-cut": frame(HEAD, head([b"1234567"])),
    "bad_payload-head-field-name": frame(HEAD, head([struct.pack("=HHI", 0, 9, 0)])),
    "bad_payload-head-field-value": frame(HEAD, head([struct.pack("=HHI", 1, 0, 2**32 - 1)])),
    "bad_payload-head-key-and-name": frame(HEAD, head([struct.pack("=HHI", 1, 1, 0) + b"x"])),
    "bad_payload-head-no-name": frame(HEAD, head([struct.pack("=HHI", 0, 0, 1) + b"x"])),
    "bad_payload-reply-short": frame(REPLY, reply(reason=b"")[:-1]),
    "bad_payload-reply-length": frame(REPLY, reply(length=-2)),
    "bad_payload-reply-reason": frame(REPLY, reply(reason_len=99)),
    "bad_payload-reply-fields": frame(REPLY, reply(REPLY_HEADERS, n_headers=3)),
    "bad_payload-reply-rest": frame(REPLY, reply(REPLY_HEADERS, n_headers=1)),
    "bad_payload-reply-body": frame(REPLY, reply(body=b"abc", body_len=4)),
    "bad_payload-abort-short": frame(ABORT, abort(b"", b"")[:-1]),
    "bad_payload-abort-text": frame(ABORT, abort(b"abc", b"def", text_len=4)),
    "bad_payload-abort-huge": frame(
        ABORT, abort(b"abc", b"def", text_len=2**32 - 1, detail_len=7)
    ),
    "bad_magic-hello": frame(HELLO, hello(magic=0x47455420)),
    "bad_version-hello": frame(HELLO, hello(version=2)),
    "bad_text-head-script": frame(HEAD, head(script=b"/a\0b")),
    "bad_text-head-callable": frame(HEAD, head(callable_=b"a\0")),
    "bad_text-head-group": frame(HEAD, head(group=b"\0")),
    "bad_text-head-name": frame(HEAD, head([field(b"A\0B", b"")])),
    "bad_text-head-value": frame(HEAD, head([], [field(64, b"a\0b")])),
    "bad_text-reply-status-low": frame(REPLY, reply(status=199)),
    "bad_text-reply-status-high": frame(REPLY, reply(status=1000)),
    "bad_text-reply-reason": frame(REPLY, reply(reason=b"O\rK")),
    "bad_text-reply-name-colon": frame(REPLY, reply([field(b"a:b", b"")])),
    "bad_text-reply-name-space": frame(REPLY, reply([field(b"a b", b"")])),
    "bad_text-reply-name-nul": frame(REPLY, reply([field(b"a\0b", b"")])),
    "bad_text-reply-name-high": frame(REPLY, reply([field(b"\xe4", b"")])),
    "bad_text-reply-value-cr": frame(REPLY, reply([field(b"a", b"x\ry")])),
    "bad_text-reply-value-lf": frame(REPLY, reply([field(b"a", b"x\ny")])),
    "bad_text-reply-value-nul": frame(REPLY, reply([field(b"a", b"x\0y")])),
    "bad_text-reply-key-value": frame(REPLY, reply([field(64, b"x\ny")])),
    "bad_text-hints-name": frame(HINTS, hints([field(b"a:b", b"")])),
    "bad_text-hints-value": frame(HINTS, hints([field(b"Link", b"x\r\nSet-Cookie: a=b")])),
    "too_many-hints": frame(HINTS, hints([], n_headers=2**32 - 1)),
    "too_many-head-vars": frame(HEAD, head(n_vars=65)),
    "too_many-head-headers": frame(HEAD, head(n_headers=65)),
    "too_many-head-sum": frame(HEAD, head(n_vars=2**32 - 1, n_headers=2)),
    "too_many-head-both": frame(HEAD, head(n_vars=64, n_headers=1)),
    "too_many-reply": frame(REPLY, reply(n_headers=2**32 - 1)),
}


def main() -> None:
    folder = Path(__file__).parent / "proto"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.bin"):
        old.unlink()
    for name, data in CORPUS.items():
        (folder / f"{name}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
