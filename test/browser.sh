#!/usr/bin/env bash
# Opens search, a trace and the topology of the console in headless Chromium, on a demo with traffic of its own: other
# ports than the defaults, data in a temporary directory. Needs bin/twinspan, bin/payment and console/node_modules.
set -euo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d)
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
while # five ports in a row that nobody listens on, below those that the system gives to clients
  base=$((20000 + RANDOM % 9000))
  listens $base || listens $((base + 1)) || listens $((base + 2)) || listens $((base + 3)) || listens $((base + 4))
do :; done
export TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS=127.0.0.1:$((base + 1))
export TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS=127.0.0.1:$((base + 2))
export TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=127.0.0.1:$((base + 3))
export TWINSPAN_RECEIVERS_AGENT_ADDRESS=127.0.0.1:$((base + 4))
export TWINSPAN_RECEIVERS_JAEGER_GRPC_ADDRESS= TWINSPAN_RECEIVERS_JAEGER_HTTP_ADDRESS=
export TWINSPAN_RECEIVERS_SKYWALKING_GRPC_ADDRESS= TWINSPAN_RECEIVERS_SKYWALKING_HTTP_ADDRESS=

bin/payment demo -twinspan bin/twinspan -data "$data" -http "127.0.0.1:$base" -rate 20 -stat-interval 1s >"$data/demo.log" 2>&1 &
demo=$!
stop() {
  kill "$demo" 2>/dev/null || true
  wait "$demo" || { cat "$data/demo.log" "$data/out/twinspan.log"; }
  rm -rf "$data"
}
trap stop EXIT

url=http://127.0.0.1:$base
SECONDS=0
while [ $SECONDS -lt 300 ]; do
  # Joined calls of the last service of the chain: then every page has something to show.
  if grep -q '"both"' <<<"$(curl -fs "$url/api/v1/calls?callee=settlement&limit=1" 2>/dev/null)"; then
    cd console
    TWINSPAN_URL=$url npm run test:browser
    exit
  fi
  kill -0 "$demo" 2>/dev/null || break
  sleep 0.1
done
echo "no traces came into the console at $url" >&2
exit 1
