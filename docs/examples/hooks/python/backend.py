"""The backend of an agent: says at each call how it is, does its tools, hears of the end. Python 3.9 or
newer, nothing to install:

    HOOK_SECRET=… PORT=3000 python3 backend.py
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3000"))
SECRET = os.environ.get("HOOK_SECRET") or sys.exit(
    "HOOK_SECRET is not set: it is the secret that signs the hooks."
)
TOLERANCE_IN_SECONDS = 300
MAX_BODY_BYTES = 8 * 1024 * 1024  # An end hook has the whole transcript.

# --- Your agent -------------------------------------------------------------------------------


def start(call, _key):
    """The phone still rings: look up what you know of the caller, and be quick."""
    print(f"start {call['callSid']}", flush=True)
    if call["callerNumber"] is None:
        return {"reject": {"reason": "withheld numbers are not answered"}}
    contact = call.get("contact") or {}
    return {
        "systemPrompt": "You are the front desk of a storage company, on the phone. Keep your answers"
        " short. Look dates up with check_availability; never invent one.",
        "greeting": f"Hello {contact.get('name') or 'there'}, which date would you like?",
        "tools": [
            {
                "type": "function",
                "name": "check_availability",
                "description": "How many units are free on a date.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "date": {"type": "string", "description": "As the caller says it."},
                        "size": {"type": "string", "enum": ["small", "large"]},
                    },
                    "required": ["date"],
                },
            }
        ],
        "metadata": {"customerId": contact.get("id")},
    }


# Results by `Idempotency-Key`: a request that is made again has its effect once.
results = {}
lock = threading.Lock()


def tool(call, key):
    """What you give back is told to the model. It may take seconds: the agent says that it is looking."""
    with lock:
        if key not in results:
            name, arguments = call["toolName"], call["arguments"]
            print(f"tool {call['callSid']} {name} {json.dumps(arguments)}", flush=True)
            if name == "check_availability":
                results[key] = {"result": f"We have 3 units on {arguments['date']}."}
            else:
                results[key] = {"result": {"error": f"there is no {name}"}}
        return results[key]


def end(call, _key):
    """Comes again until you answer 2xx, under the same `webhook-id`."""
    customer = call["metadata"].get("customerId") or "-"
    lines = len(call["transcript"])
    print(
        f"end {call['callSid']} {call['durationSeconds']}s {lines} lines, customer {customer}",
        flush=True,
    )
    return {}


# --- HTTP -------------------------------------------------------------------------------------

HOOKS = {"/calls/start": start, "/calls/tool": tool, "/calls/end": end}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            return self.answer(413, {"error": "too large"})
        body = self.rfile.read(length)
        hook = HOOKS.get(self.path)
        if hook is None:
            return self.answer(404, {"error": "not found"})
        if not is_genuine(self.headers, body):
            return self.answer(401, {"error": "signature"})
        try:
            answer = hook(json.loads(body), self.headers.get("Idempotency-Key"))
        except Exception as error:  # pylint: disable=broad-except
            print(f"failed: {error!r}", file=sys.stderr, flush=True)
            return self.answer(500, {"error": "failed"})
        return self.answer(200, answer)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


def is_genuine(headers, body):
    """`body` is the bytes as they came: JSON that is made anew has another signature."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not timestamp.isdigit():
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_IN_SECONDS:
        return False
    # Behind `whsec_` stands base64; any other secret is its own key.
    if SECRET.startswith("whsec_"):
        key = base64.b64decode(SECRET[6:])
    else:
        key = SECRET.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode()
    return any(hmac.compare_digest(one, expected) for one in given.split(b" "))


if __name__ == "__main__":
    server = ThreadingHTTPServer((HOST, PORT), Handler)
    print(f"listening on http://{HOST}:{server.server_address[1]}", flush=True)
    server.serve_forever()
