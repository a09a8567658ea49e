"""Reads by Jaeger's HTTP API with the client library of jaeger-mcp, and prints what it found as JSON."""

import json
import sys

from jaeger_mcp import JaegerClient

trace_id = sys.argv[1]


def ask(question):
    """Each question has a client of its own, which is not closed: the library binds them to an event loop that ends."""
    return question(JaegerClient.from_env())


trace = ask(lambda c: c.get_trace(trace_id))
found = ask(lambda c: c.search_traces("backend", operation="get /api", tags={"error": "true"}, min_duration="1ms", limit=5))
print(
    json.dumps(
        {
            "services": ask(lambda c: c.list_services()),
            "root": f"{trace.root_service} {trace.root_operation} {trace.duration_us} {trace.service_count} {trace.errors_count}",
            "spans": sorted(f"{s.service_name} {s.operation} {s.error}" for s in trace.spans),
            "found": [t.trace_id for t in found],
            "dependencies": sorted(f"{d.parent} > {d.child} {d.call_count}" for d in ask(lambda c: c.get_dependencies(lookback_hours=1))),
            "path": json.dumps(ask(lambda c: c.critical_path(trace_id))),
        }
    )
)
