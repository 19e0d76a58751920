"""Places a call, waits until it is over, lists calls, takes one back. Python 3.9 or newer, nothing to
install:

    API_KEY=… TO=+15550100001 KEY=lead-7-first-call python3 calls.py

Run again with the same KEY it places nothing, and shows the same calls.
"""

import json
import os
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

URL = os.environ.get("CALLWIRE_URL", "http://127.0.0.1:8080")
AGENT = os.environ.get("AGENT", "receptionist")
API_KEY, TO, KEY = os.environ["API_KEY"], os.environ["TO"], os.environ["KEY"]


class Refused(Exception):
    """An answer that is not 2xx; what to decide by is `code`."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.code = code


def request(method, path, body=None, attempt=1):
    """What passes by itself is asked again: the key makes that one call, however often it is asked."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    wait = 0.5 * 2**attempt
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        if attempt == 5 or (answer.code != 429 and answer.code < 500):
            error = json.load(answer)["error"]
            raise Refused(answer.code, error["code"], error["message"]) from None
        wait = float(answer.headers.get("Retry-After") or wait)
    except OSError:
        if attempt == 5:
            raise
    time.sleep(wait)
    return request(method, path, body, attempt + 1)


call = request(
    "POST",
    "/v1/calls",
    {
        "agentId": AGENT,
        "phoneNumber": TO,
        "metadata": {"lead": 7},
        "knownConsent": True,
        "idempotencyKey": KEY,
    },
)["call"]
print(f"placed {call['id']}")

# For a backend events are better (docs/webhooks.md): they come by themselves.
while call["status"] != "ended":
    time.sleep(1)
    call = request("GET", f"/v1/calls/{call['id']}")["call"]
print(f"ended {call['id']}: {call['endReason']}")

newest = request("GET", "/v1/calls?limit=5")["calls"][0]
print(f"the newest of all is {newest['id']}")

# One for tomorrow, and not after all.
tomorrow = (datetime.now(timezone.utc) + timedelta(days=1)).date()
later = request(
    "POST",
    "/v1/calls",
    {
        "agentId": AGENT,
        "phoneNumber": TO,
        "knownConsent": True,
        "scheduledFor": f"{tomorrow}T18:00:00Z",
        "idempotencyKey": f"{KEY}-again",
    },
)["call"]
print(f"placed {later['id']}")
ended = request("POST", f"/v1/calls/{later['id']}/end")["call"]
print(f"ended {ended['id']}: {ended['endReason']}")
