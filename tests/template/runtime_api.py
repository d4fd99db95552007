"""The least of Lambda's Runtime API that a function needs: one event in, one answer out."""

import json
import os
import queue
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Lambda:
    """A function's program, started as Lambda starts it, with the environment of its deployment."""

    def __init__(self, program, environment):
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        runtime = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": program.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "logs",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        }
        self.process = subprocess.Popen([program], env={"PATH": os.environ["PATH"], **runtime, **environment}, stdout=subprocess.PIPE)
        self.log = []
        threading.Thread(target=lambda: self.log.extend(self.process.stdout), daemon=True).start()

    def handler(self):
        events, answers = self.events, self.answers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # …/runtime/invocation/next
                event = json.dumps(events.get()).encode()
                self.send_response(200)
                for name, value in [
                    ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                    ("Lambda-Runtime-Deadline-Ms", "4102444800000"),
                    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f"),
                    ("Content-Length", str(len(event))),
                ]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self):  # …/runtime/invocation/ID/response, …/error
                body = self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self.chunks()
                answers.put((self.path, json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def chunks(self):
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_):
                pass

        return Handler

    def invoke(self, event):
        """The function's answer to an event."""
        self.events.put(event)
        path, answer = self.answers.get(timeout=60)
        assert path.endswith("/response"), (path, answer, self.log)
        return answer

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
