"""Reads by version 3 of Jaeger's API with the helpers of mcp-server-jaeger, and prints what it found as JSON."""

import json
import sys

from jaeger_mcp.helper import tool_helper as client

url = sys.argv[1]
print(
    json.dumps(
        {
            "services": client.get_all_services(url).services,
            "operations": client.get_service_operations(url, "backend").model_dump(),
            "summaries": [s.model_dump() for s in client.get_trace_summaries(url, "frontend").summaries],
        }
    )
)
