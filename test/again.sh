#!/usr/bin/env bash
# Runs a command that downloads something, up to five times: a network that stumbles is no failure of ours. Not for tests.
#   test/again.sh npm ci
for pause in 2 5 15 30; do
  "$@" && exit
  echo "failed, once more in $pause s: $*" >&2
  sleep "$pause"
done
exec "$@"
