#!/usr/bin/env bash
# Sends a webhook signed as Retell signs it. Needs curl and openssl:
#
#   RETELL_API_KEY=… bash retell.sh retell.json
set -euo pipefail

url=${CALLWIRE_URL:-http://127.0.0.1:8080}/api/calls/webhook

# HMAC-SHA256 of the body and, right behind it, the time in milliseconds.
ms=$(date +%s)000
digest=$({ cat "$1"; printf %s "$ms"; } | openssl dgst -sha256 -hmac "$RETELL_API_KEY" | sed 's/.* //')

curl --silent --show-error --fail-with-body "$url" \
  -H 'Content-Type: application/json' -H "X-Retell-Signature: v=$ms,d=$digest" --data-binary "@$1"
