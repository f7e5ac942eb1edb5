"""The emulator of a stand-in for images of AWS Lambda: answers invocations over HTTP, and starts the real runtime client.

    emulator.py HANDLER

It takes `POST /2015-03-31/functions/function/invocations` on the loopback, at the port in AWS_LAMBDA_EMULATOR_PORT (8080), as the
runtime interface emulator of the official images does, and hands the event on by the runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
"""

import http.server
import os
import queue
import sys
import threading
import time
import uuid

INVOCATIONS = "/2015-03-31/functions/function/invocations"
RUNTIME = "/2018-06-01/runtime"

# Events that wait for the function, and answers to them by id.
EVENTS = queue.Queue()
ANSWERS = {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Whoever invokes the function, and the function's runtime client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """The runtime client asks for the next event."""
        if self.path != RUNTIME + "/invocation/next":
            return self.answer(404, b"")
        identity, event = EVENTS.get()
        self.answer(200, event, {
            "Content-Type": "application/json",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
            "Lambda-Runtime-Aws-Request-Id": identity,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:012345678912:function:test_function",
        })

    def do_POST(self):
        """An event, or what became of one."""
        body = self.body()
        if self.path == INVOCATIONS:
            identity, answer = str(uuid.uuid4()), queue.Queue()
            ANSWERS[identity] = answer
            EVENTS.put((identity, body))
            return self.answer(200, answer.get(), {"Content-Type": "application/json"})
        if self.path.startswith(RUNTIME + "/invocation/"):
            ANSWERS.pop(self.path.split("/")[-2]).put(body)
        elif self.path != RUNTIME + "/init/error":
            return self.answer(404, b"")
        self.answer(202, b"")

    def body(self):
        """Of a request, in one piece or in several."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(self, status, body, headers={}):
        """Sends an answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: the log is the function's."""


def function(handler, port):
    """Becomes the function, as the official images start it."""
    os.environ["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:%d" % port
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    bootstrap.run(handler, LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))


def main(handler):
    """Serves as long as the function runs. That is another process: its client keeps python from running while it waits."""
    port = int(os.environ.get("AWS_LAMBDA_EMULATOR_PORT", "8080"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if os.fork() == 0:
        server.socket.close()
        return function(handler, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.wait()
    sys.exit("the function has ended")


main(*sys.argv[1:])
