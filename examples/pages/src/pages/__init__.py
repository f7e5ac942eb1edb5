"""Makes pages of texts, and serves them."""

import functools
import html
import http.server
import os
import pathlib
import sys


def render() -> None:
    """Makes a page of each text: `python -c "import pages; pages.render()" TEXTS PAGES`."""
    texts, pages = map(pathlib.Path, sys.argv[1:])
    for text in sorted(texts.glob("*.txt")):
        title, _, body = text.read_text(encoding="utf-8").partition("\n")
        page = f"<title>{html.escape(title)}</title>\n<p>{html.escape(body.strip())}</p>\n"
        (pages / (text.stem + ".html")).write_text(page, encoding="utf-8")


def serve() -> None:
    """Serves what the image has below `/app/site`."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="/app/site")
    http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), handler).serve_forever()
