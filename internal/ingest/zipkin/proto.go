package zipkin

import (
	"encoding/hex"
	"fmt"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// The messages and field numbers are those of zipkin.proto (zipkin.proto3) in https://github.com/openzipkin/zipkin-api.

// The protobuf wire types that the messages use.

// listProto gives the spans of a ListOfSpans in their encoded form.
func listProto(body []byte) (list [][]byte, err error) {
	if !span.EachField(body, func(f span.Field) {
		if f.Number == 1 && f.Wire == span.WireBytes {
			list = append(list, f.Data)
		}
	}) {
		return nil, fmt.Errorf("%w: want a zipkin.proto3.ListOfSpans: malformed protobuf", ingest.ErrInvalid)
	}
	return list, nil
}

// kinds are the names of Span.Kind by their numbers.
var kinds = [...]string{"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"}

// messageProto reads a Span.
func messageProto(b []byte) (m message, err error) {
	good := true
	ok := span.EachField(b, func(f span.Field) {
		switch f.Wire {
		case span.WireVarint:
			switch f.Number {
			case 4:
				if f.Num < uint64(len(kinds)) {
					m.Kind = kinds[f.Num]
				}
			case 7:
				m.Duration = microsOf(f.Num)
			case 13:
				m.Shared = f.Num != 0
			}
		case span.WireFixed64:
			if f.Number == 6 {
				m.Timestamp = microsOf(f.Num)
			}
		case span.WireBytes:
			good = m.bytesField(f) && good
		}
	})
	if !ok || !good {
		return m, fmt.Errorf("malformed protobuf")
	}
	return m, nil
}

// microsOf reads a time; one that is too late is none.
func microsOf(n uint64) micros {
	if n > maxMicros {
		return 0
	}
	return micros(n)
}

func (m *message) bytesField(f span.Field) (ok bool) {
	ok = true
	switch f.Number {
	case 1:
		m.TraceID = hex.EncodeToString(f.Data)
	case 2:
		m.ParentID = hex.EncodeToString(f.Data)
	case 3:
		m.ID = hex.EncodeToString(f.Data)
	case 5:
		m.Name = string(f.Data)
	case 8:
		m.LocalEndpoint, ok = endpointProto(f.Data)
	case 9:
		m.RemoteEndpoint, ok = endpointProto(f.Data)
	case 10:
		var a annotation
		ok = span.EachField(f.Data, func(f span.Field) {
			switch {
			case f.Number == 1 && f.Wire == span.WireFixed64:
				a.Timestamp = microsOf(f.Num)
			case f.Number == 2 && f.Wire == span.WireBytes:
				a.Value = string(f.Data)
			}
		})
		m.Annotations = append(m.Annotations, a)
	case 11:
		var t tag
		ok = span.EachField(f.Data, func(f span.Field) {
			switch {
			case f.Number == 1 && f.Wire == span.WireBytes:
				t.key = string(f.Data)
			case f.Number == 2 && f.Wire == span.WireBytes:
				t.value = string(f.Data)
			}
		})
		m.Tags = append(m.Tags, t)
	}
	return ok
}

func endpointProto(b []byte) (e endpoint, ok bool) {
	ok = span.EachField(b, func(f span.Field) {
		switch {
		case f.Number == 4 && f.Wire == span.WireVarint:
			e.Port = uint16(f.Num)
		case f.Wire != span.WireBytes:
		case f.Number == 1:
			e.ServiceName = string(f.Data)
		case f.Number == 2:
			e.IPv4 = ipText(f.Data, 4)
		case f.Number == 3:
			e.IPv6 = ipText(f.Data, 16)
		}
	})
	return e, ok
}
