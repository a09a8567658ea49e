#!/usr/bin/env bash
# Reads an export with other Parquet readers, Arrow and DuckDB from Python's registry, and compares it with the JSON lines.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
test/again.sh "$work/venv/bin/pip" install -q 'pyarrow>=15' 'duckdb>=1'
go build -o "$work/twinspan" ./cmd/twinspan
for golden in internal/store/pebble/testdata/golden/*; do
	data=$work/$(basename "$golden")
	mkdir -p "$data/wal"
	cp -r "$golden" "$data/store"
	"$work/twinspan" export -data "$data" -o "$data/calls.parquet"
	"$work/twinspan" export -data "$data" -format jsonl -o "$data/calls.jsonl"
	"$work/venv/bin/python" test/parquet.py "$data/calls.parquet" "$data/calls.jsonl"
done
