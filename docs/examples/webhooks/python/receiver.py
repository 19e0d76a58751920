"""Receives Callwire's events. Python 3.9 or newer, nothing to install:

    WEBHOOK_SECRET=… PORT=3000 python3 receiver.py

A request is read as raw bytes, verified, written to disk once and answered. Only then it is worked
on, in the order of its call. What is on disk and not worked on yet is taken up again at the next
start. INBOX is a file here so that nothing has to be installed; in your backend it is a table whose
primary key is the event's id.
"""

import base64
import hashlib
import hmac
import json
import os
import queue
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handle(event):
    """Your work: it may take its time. Called once for each event, and again after a crash."""
    call, sequence = event["call_id"] or "-", event["sequence"] or "-"
    print(f"handled {event['event']} {call} #{sequence}", flush=True)


HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3000"))
INBOX = os.environ.get("INBOX", "callwire-inbox.jsonl")
# Two while a secret is replaced; the order does not matter.
SECRETS = [
    secret
    for name in ("WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS")
    if (secret := os.environ.get(name))
]
TOLERANCE_IN_SECONDS = 300
MAX_BODY_BYTES = 256 * 1024  # Callwire sends 64 KB at most.
# How long an event waits for the ones before it, which may be on their way or never come.
WAIT_FOR_EARLIER_IN_SECONDS = 60


# --- Verify ----------------------------------------------------------------------------------


def is_genuine(headers, body):
    """`body` is the bytes as they came: JSON that is made anew has another signature."""
    if "webhook-signature" in headers:
        timestamp = headers.get("webhook-timestamp", "")
        signed = f"{headers.get('webhook-id')}.{timestamp}.".encode() + body
        expected = [
            b"v1," + base64.b64encode(sign(standard_key(secret), signed)) for secret in SECRETS
        ]
        return is_fresh(timestamp) and matches(headers["webhook-signature"].split(" "), expected)
    if "x-webhook-signature" in headers:
        timestamp = headers.get("x-webhook-timestamp", "")
        signed = f"{timestamp}.".encode() + body
        expected = [b"sha256=" + sign(secret.encode(), signed).hex().encode() for secret in SECRETS]
        return is_fresh(timestamp) and matches([headers["x-webhook-signature"]], expected)
    return False  # X-Signature alone has no timestamp: whoever has seen it could send it for ever.


def sign(key, signed):
    return hmac.new(key, signed, hashlib.sha256).digest()


def standard_key(secret):
    """The key of webhook-signature: behind whsec_ stands base64; any other secret is its own key."""
    return base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()


def is_fresh(timestamp):
    if not (timestamp.isascii() and timestamp.isdigit()):
        return False
    return abs(time.time() - int(timestamp)) <= TOLERANCE_IN_SECONDS


def matches(given, expected):
    """In constant time: == ends at the first difference, and how soon tells where that is."""
    return any(hmac.compare_digest(one.encode(), right) for one in given for right in expected)


# --- Keep, once ------------------------------------------------------------------------------


class Inbox:
    """A line for each event, {"event": …}, and one when it is worked on, {"done": "evt_…"}."""

    def __init__(self, path):
        self._lock = threading.Lock()
        self._file = open(path, "ab", opener=lambda *args: os.open(*args, mode=0o600))
        self._ids = set()
        self.done_before, self.left_over = [], []
        events, done = {}, set()
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # Half a line from a crash: never acknowledged, so it comes again.
                if "event" in entry:
                    events[entry["event"]["id"]] = entry["event"]
                else:
                    done.add(entry["done"])
        for id, event in events.items():
            self._ids.add(id)
            (self.done_before if id in done else self.left_over).append(event)

    def keep(self, event):
        """Returns once the event is on disk: False where it had been before."""
        with self._lock:
            if event["id"] in self._ids:
                return False
            self._append({"event": event})
            self._ids.add(event["id"])
            return True

    def done(self, event):
        with self._lock:
            self._append({"done": event["id"]})

    def _append(self, entry):
        self._file.write(b"\n" + json.dumps(entry).encode())
        self._file.flush()
        os.fsync(self._file.fileno())


# --- Work, in order --------------------------------------------------------------------------


class Call:
    def __init__(self):
        self.next = 1
        self.early = {}
        self.waits_since = 0.0


class Work(threading.Thread):
    """Gives events to `handle` one after the other, those of a call by their `sequence`. Where some
    never come, because the endpoint asked for certain types only, it goes on without them."""

    def __init__(self, inbox):
        super().__init__(daemon=True)
        self._inbox = inbox
        self._arrived = queue.SimpleQueue()
        self._calls = {}
        self._waiting = {}
        for event in inbox.done_before:
            call = self._call(event)
            call.next = max(call.next, (event["sequence"] or 0) + 1)
        for event in inbox.left_over:
            self.add(event)

    def add(self, event):
        self._arrived.put(event)

    def run(self):
        while True:
            try:
                self._take(self._arrived.get(timeout=1))
            except queue.Empty:
                pass
            for id, call in list(self._waiting.items()):
                if time.monotonic() - call.waits_since > WAIT_FOR_EARLIER_IN_SECONDS:
                    call.next = min(call.early)
                    self._release(id, call)

    def _take(self, event):
        call = self._call(event)
        sequence = event["sequence"]
        # Transcripts and events of no call have no place in the order; a latecomer has lost its own.
        if sequence is None or sequence < call.next:
            self._run_one(event)
        else:
            call.early[sequence] = event
            self._release(event["call_id"], call)

    def _call(self, event):
        return self._calls.setdefault(event["call_id"], Call())

    def _release(self, id, call):
        while call.next in call.early:
            self._run_one(call.early.pop(call.next))
            call.next += 1
        call.waits_since = time.monotonic()
        if call.early:
            self._waiting[id] = call
        else:
            self._waiting.pop(id, None)

    def _run_one(self, event):
        try:
            handle(event)
            self._inbox.done(event)
        except Exception:
            traceback.print_exc()  # It is tried again at the next start.


# --- Receive ---------------------------------------------------------------------------------


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15  # For a client that stops in the middle.

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            return self._answer(413 if length else 411)
        body = self.rfile.read(int(length))  # The raw bytes, before any JSON parser.
        if not is_genuine(self.headers, body):
            return self._answer(401)
        event = json.loads(body)  # It is ours, so it is JSON.
        try:
            is_new = inbox.keep(event)
        except OSError:
            traceback.print_exc()
            return self._answer(500)  # Not kept: this brings it again.
        # Also for what came before: whoever sends it again wants to hear that it is here.
        self._answer(200)
        if is_new:
            work.add(event)

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # A burst of connections is more than the 5 of the default.


if __name__ == "__main__":
    if not SECRETS:
        sys.exit("Set WEBHOOK_SECRET to the signing secret of the endpoint.")
    inbox = Inbox(INBOX)
    work = Work(inbox)
    work.start()
    server = Server((HOST, PORT), Receiver)
    print(f"listening on http://{HOST}:{server.server_address[1]}", flush=True)
    server.serve_forever()
