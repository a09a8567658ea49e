package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/ingest"
)

// fromJSON translates a request in OTLP's JSON into protobuf. It goes through the official messages: JSON is for browsers
// and for trying things out, not for volume.
func fromJSON(body []byte) ([]byte, error) {
	standard, err := standardIDs(body)
	if err != nil {
		return nil, err
	}
	// TracesData has the same fields as ExportTraceServiceRequest, whose package brings a gateway along.
	var data tracepb.TracesData
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(standard, &data); err != nil {
		return nil, fmt.Errorf("%w: OTLP/JSON: %w", ingest.ErrInvalid, err)
	}
	out, err := proto.Marshal(&data)
	if err != nil {
		return nil, fmt.Errorf("%w: OTLP/JSON: %w", ingest.ErrInvalid, err)
	}
	return out, nil
}

// standardIDs turns the ids of spans and links, which OTLP's JSON has in hex, into base64, which protobuf's JSON has for
// bytes. Attributes cannot be meant: they are no members of objects but values of "key".
func standardIDs(body []byte) ([]byte, error) {
	out := make([]byte, 0, len(body)+len(body)/8)
	for i := 0; i < len(body); {
		if body[i] != '"' {
			out = append(out, body[i])
			i++
			continue
		}
		name, behind := jsonString(body, i)
		out = append(out, body[i:behind]...)
		i = behind
		if !isIDName(name) {
			continue
		}
		value := skip(body, skip(body, i, " \t\r\n"), ":")
		at := skip(body, value, " \t\r\n")
		if value == i || at >= len(body) || body[at] != '"' {
			continue // no member, or one that protojson judges
		}
		text, behind := jsonString(body, at)
		id, err := hex.DecodeString(string(text))
		if err != nil {
			return nil, fmt.Errorf("%w: OTLP/JSON: %s is %.40q, want hex digits", ingest.ErrInvalid, name, text)
		}
		out = append(append(out, body[i:at]...), '"')
		out = append(base64.StdEncoding.AppendEncode(out, id), '"')
		i = behind
	}
	return out, nil
}

// jsonString gives what is between the quotes of the string that begins at i, and where it ends; escapes stay.
func jsonString(b []byte, i int) (text []byte, behind int) {
	for j := i + 1; j < len(b); j++ {
		switch b[j] {
		case '\\':
			j++
		case '"':
			return b[i+1 : j], j + 1
		}
	}
	return nil, len(b)
}

func skip(b []byte, i int, set string) int {
	for i < len(b) && bytes.IndexByte([]byte(set), b[i]) >= 0 {
		i++
	}
	return i
}

func isIDName(name []byte) bool {
	switch string(name) {
	case "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id":
		return true
	}
	return false
}
