"""Tells where it runs."""

import getpass
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen


class Beacon(BaseHTTPRequestHandler):
    """Answers every path alike."""

    def do_GET(self) -> None:
        """Who runs, in what."""
        answer = {
            "user": getpass.getuser(),
            "shell": os.path.exists("/bin/sh"),
            "python": sys.base_prefix.startswith("/opt/python/cpython-3.13."),
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


def main() -> None:
    """Serves, or asks whoever serves."""
    port = int(os.environ.get("PORT", "8080"))
    if sys.argv[1:] == ["--ping"]:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=4) as answer:
            sys.exit(answer.status != 200)
    ThreadingHTTPServer(("", port), Beacon).serve_forever()
