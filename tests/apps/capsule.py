# SPDX-License-Identifier: Apache-2.0
"""What an extension module does with apache.request_rec, written with ctypes: it reads the line of
the request out of httpd's own record."""

import ctypes

get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
get_pointer.restype = ctypes.c_void_p
get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]

# behind pool, connection, server, next, prev, main
THE_REQUEST = 6 * ctypes.sizeof(ctypes.c_void_p)
KEPT = []


def line_of(capsule):
    record = get_pointer(capsule, None)
    return ctypes.c_char_p.from_address(record + THE_REQUEST).value.decode()


def application(environ, start_response):
    capsule = environ.get("apache.request_rec")
    if capsule is None:
        text = "none"
    elif environ["PATH_INFO"] == "/kept":
        try:
            text = line_of(KEPT[0])
        except ValueError as error:
            text = f"ValueError: {error}"
    else:
        KEPT[:] = [capsule]
        text = f"{type(capsule).__name__} {line_of(capsule)}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
