# Serves, on the loopback interface, an empty but valid wheel for whatever wheel file is asked for. The installed package
# holds the name of the file that it came from, in `wheel_file`. Prints its port; ends when its input is closed.
import http.server
import io
import sys
import threading
import urllib.parse
import zipfile


def wheel(file: str) -> bytes:
    name, version, *_, python, abi, platform = file.removesuffix(".whl").split("-")
    folder = f"{name}-{version}.dist-info/"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: parity\nRoot-Is-Purelib: true\nTag: {python}-{abi}-{platform}\n",
        "wheel_file": file,
    }
    files["RECORD"] = "".join(f"{folder}{file},,\n" for file in [*files, "RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, text in files.items():
            archive.writestr(folder + file, text)
    return buffer.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        file = urllib.parse.unquote(self.path).rsplit("/", 1)[-1]
        body = wheel(file) if file.endswith(".whl") else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
