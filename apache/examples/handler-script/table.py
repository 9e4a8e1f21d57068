# SPDX-License-Identifier: Apache-2.0
"""Shows a file of comma-separated values as a page."""

import csv
import html
from pathlib import Path

PAGE = "<!doctype html><meta charset=utf-8><title>{title}</title><table>{rows}</table>\n"


def row_of(cells):
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def handle_request(environ, start_response):
    try:
        with Path(environ["SCRIPT_FILENAME"]).open(encoding="utf-8", newline="") as file:
            rows = [row_of(cells) for cells in csv.reader(file)]
    except FileNotFoundError:  # httpd leaves this to the script
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such table.\n"]
    title = html.escape(environ["SCRIPT_NAME"].rpartition("/")[2])
    body = PAGE.format(title=title, rows="".join(rows)).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [body]
