"""Receives webhooks of Signet and verifies them, with Python's standard library alone.

    WEBHOOK_SECRET=whsec_… python receive-webhook.py 8080

Prints the type of each event that verifies. A framework of yours does the same: hand `verify` the headers and the
body's bytes as they came, before anything parses them.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds: an older request may be somebody's recording


def verify(secret, headers, body):
    """Return the event, or raise ValueError. `headers` are asked in lower case, `body` is bytes."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        raise ValueError("the timestamp is missing, too old or too new")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # while a secret is being rotated there are two signatures; one that fits is enough
    given = [item.partition(",")[2] for item in headers.get("webhook-signature", "").split() if item.startswith("v1,")]
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in given):
        raise ValueError("no signature fits")
    return json.loads(body)


seen = set()  # in production a table with a unique column


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = verify(os.environ["WEBHOOK_SECRET"], headers, body)
        except ValueError as error:
            self.send_error(400, str(error))
            return
        # the same id comes again when an answer of yours was lost
        if headers["webhook-id"] not in seen:
            seen.add(headers["webhook-id"])
            print(event["type"], flush=True)  # put it into a queue; answer at once, work later
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print("listening on", server.server_port, flush=True)
    server.serve_forever()
