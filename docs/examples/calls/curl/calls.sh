#!/usr/bin/env bash
# Places a call, waits until it is over, lists calls, takes one back. Needs curl, nothing else:
#
#   API_KEY=… TO=+15550100001 KEY=lead-7-first-call bash calls.sh
#
# Run again with the same KEY it places nothing, and shows the same calls.
set -euo pipefail

url=${CALLWIRE_URL:-http://127.0.0.1:8080} agent=${AGENT:-receptionist}

# What passes by itself is asked again: the key makes that one call, however often it is asked for.
# Of a refusal the body says why: {"error":{"code":…,"message":…}}.
request() {
  local answer
  answer=$(curl --silent --show-error --fail-with-body --max-time 10 --retry 4 --retry-connrefused \
    -H "Authorization: Bearer $API_KEY" -X "$1" "$url$2" \
    ${3:+-H 'Content-Type: application/json' -d "$3"}) || { echo "$answer" >&2; return 1; }
  echo "$answer"
}

# The first text of that name in a JSON answer; with jq: jq -r '.call.id'.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

call=$(request POST /v1/calls "{
  \"agentId\": \"$agent\",
  \"phoneNumber\": \"$TO\",
  \"metadata\": { \"lead\": 7 },
  \"knownConsent\": true,
  \"idempotencyKey\": \"$KEY\"
}")
id=$(field id <<<"$call")
echo "placed $id"

# For a backend events are better (docs/webhooks.md): they come by themselves.
while [ "$(field status <<<"$call")" != ended ]; do
  sleep 1
  call=$(request GET "/v1/calls/$id")
done
echo "ended $id: $(field endReason <<<"$call")"

echo "the newest of all is $(request GET '/v1/calls?limit=5' | field id)"

# One for tomorrow, and not after all.
later=$(request POST /v1/calls "{
  \"agentId\": \"$agent\",
  \"phoneNumber\": \"$TO\",
  \"knownConsent\": true,
  \"scheduledFor\": \"$(date -u -d tomorrow +%F 2>/dev/null || date -u -v+1d +%F)T18:00:00Z\",
  \"idempotencyKey\": \"$KEY-again\"
}" | field id)
echo "placed $later"
echo "ended $later: $(request POST "/v1/calls/$later/end" | field endReason)"
