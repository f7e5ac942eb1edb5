"""Answers over HTTP."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

from acme_catalog import items, listing
from acme_core import shop_name
from acme_money import price
from tinyroute import Router

try:
    import tallyho
except ModuleNotFoundError:  # The extra `metrics` brings it.
    tallyho = None


def index() -> str:
    """The front page, from a template outside the package."""
    template = Path(os.environ.get("TEMPLATES", "/app/templates"), "index.txt").read_text("utf-8")
    return Template(template).substitute(shop=shop_name(), items=listing())


def item(name: str) -> str:
    """The price of one thing."""
    return price(items()[name]) + "\n"


def metrics() -> str:
    """How often each other path was asked for."""
    return "counted:\n" + tallyho.report() if tallyho else "metrics are not installed\n"


ROUTER = Router()
ROUTER.add("/", index)
ROUTER.add("/items/{}", item)
ROUTER.add("/metrics", metrics)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Answers with text."""
        if tallyho and self.path != "/metrics":
            tallyho.count(self.path)
        found = ROUTER.find(self.path)
        status, text = (200, found[0](*found[1])) if found else (404, "not found\n")
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves until it is stopped."""
    port = int(os.environ.get("PORT", "8080"))
    ThreadingHTTPServer(("0.0.0.0", port), Handler).serve_forever()
