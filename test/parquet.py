"""Compares an export as Parquet, read by Arrow and DuckDB, with the same one as JSON lines."""
import json
import sys

import duckdb
import pyarrow.parquet as pq

parquet, lines = sys.argv[1:]
want = [json.loads(line) for line in open(lines, encoding="utf-8")]
table = pq.read_table(parquet)
assert pq.read_metadata(parquet).metadata[b"twinspan.schema"] == b"1"
assert table.num_rows == len(want) > 0, (table.num_rows, len(want))
assert str(table.schema.field("start").type) == "timestamp[ns, tz=UTC]", table.schema.field("start").type


def nanoseconds(column):
    return column.cast("int64").to_pylist()


starts = nanoseconds(table.column("start"))
for i, row in enumerate(table.drop(["start"]).select(["w3c_trace_id", "caller", "callee", "operation", "duration_ns", "gap_ns", "sides", "error"]).to_pylist()):
    w = want[i]
    assert row["w3c_trace_id"] == w["w3cTraceId"] and row["caller"] == w["caller"] and row["callee"] == w["callee"], (i, row, w)
    assert starts[i] == int(w["startUnixNano"]) and row["duration_ns"] == w["durationNano"] and row["gap_ns"] == w["gapNano"], (i, row, w)
    assert row["sides"] == w["sides"] and row["error"] == w["error"], (i, row, w)
attributes = 0
for side in ("client", "server"):
    halves = table.column(side).combine_chunks()
    spans, keys = halves.field("span_id").to_pylist(), halves.field("attributes").to_pylist()
    for i, w in enumerate(want):
        h = w[side]
        assert halves[i].is_valid == (h is not None), (i, side)
        if h is not None:
            assert spans[i] == h["spanId"], (i, side)
            assert dict(keys[i]).keys() == h["attributes"].keys(), (i, side, keys[i], h["attributes"])
            attributes += len(keys[i])
rows = duckdb.sql(f"SELECT callee, count(*), sum(duration_ns) FROM '{parquet}' GROUP BY 1 ORDER BY 1").fetchall()
for callee, n, total in rows:
    of = [w for w in want if w["callee"] == callee]
    assert n == len(of) and total == sum(w["durationNano"] for w in of), (callee, n, total)
found = duckdb.sql(f"SELECT sum(len(map_keys(client.attributes))), sum(len(map_keys(server.attributes))) FROM '{parquet}'").fetchall()[0]
assert sum(v or 0 for v in found) == attributes, (found, attributes)
print(f"{parquet}: {table.num_rows} rows, {attributes} attributes, {len(table.schema.names)} columns agree")
