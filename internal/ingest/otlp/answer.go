package otlp

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/twinspan/twinspan/internal/span"
)

// encode gives an ExportTraceServiceResponse message.
func (p partial) encode(contentType string) []byte {
	if contentType == typeJSON {
		if p.message == "" {
			return []byte("{}")
		}
		return marshal(map[string]any{"partialSuccess": map[string]any{
			"rejectedSpans": strconv.Itoa(p.rejected), // as protobuf's JSON has 64-bit integers
			"errorMessage":  p.message,
		}})
	}
	if p.message == "" {
		return nil
	}
	var m []byte
	if p.rejected > 0 {
		m = span.AppendVarintField(m, 1, uint64(p.rejected))
	}
	m = span.AppendStringField(m, 2, strings.ToValidUTF8(p.message, "\ufffd"))
	return span.AppendBytesField(nil, 1, m)
}

// encodeStatus gives a google.rpc.Status message, the body of OTLP/HTTP's errors.
func encodeStatus(contentType string, code codes.Code, message string) []byte {
	if contentType == typeJSON {
		return marshal(map[string]any{"code": uint32(code), "message": message})
	}
	m := span.AppendVarintField(nil, 1, uint64(code))
	return span.AppendStringField(m, 2, strings.ToValidUTF8(message, "\ufffd"))
}

func marshal(v map[string]any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("otlp: text and numbers do not encode: " + err.Error())
	}
	return b
}
