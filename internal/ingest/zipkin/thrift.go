package zipkin

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"

	"github.com/twinspan/twinspan/internal/ingest/thrift"
)

// The structs and field numbers are those of zipkinCore.thrift in https://github.com/openzipkin/zipkin-api. A request is a
// list of spans in the binary protocol.

// v1Thrift reads a Span.
func v1Thrift(r *thrift.Reader) (s v1Span) {
	var high, low, parent, id int64
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I64:
			low = r.I64()
		case n == 3 && t == thrift.String:
			s.Name = r.String()
		case n == 4 && t == thrift.I64:
			id = r.I64()
		case n == 5 && t == thrift.I64:
			parent = r.I64()
		case n == 6 && t == thrift.List:
			r.List(func(t thrift.Type) bool {
				if t == thrift.Struct {
					s.Annotations = append(s.Annotations, annotationThrift(r))
				}
				return t == thrift.Struct
			})
		case n == 8 && t == thrift.List:
			r.List(func(t thrift.Type) bool {
				if t == thrift.Struct {
					s.Binary = append(s.Binary, binaryThrift(r))
				}
				return t == thrift.Struct
			})
		case n == 10 && t == thrift.I64:
			s.Timestamp = microsThrift(r)
		case n == 11 && t == thrift.I64:
			s.Duration = microsThrift(r)
		case n == 12 && t == thrift.I64:
			high = r.I64()
		default:
			return false
		}
		return true
	})
	if s.TraceID = hex16(low); high != 0 {
		s.TraceID = hex16(high) + s.TraceID
	}
	if s.ID = hex16(id); parent != 0 {
		s.ParentID = hex16(parent)
	}
	return s
}

// microsThrift reads a time; one that is below 0 or too late is none.
func microsThrift(r *thrift.Reader) micros {
	if n := r.I64(); n >= 0 && n <= maxMicros {
		return micros(n)
	}
	return 0
}

func annotationThrift(r *thrift.Reader) (a v1Annotation) {
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I64:
			a.Timestamp = microsThrift(r)
		case n == 2 && t == thrift.String:
			a.Value = r.String()
		case n == 3 && t == thrift.Struct:
			a.Endpoint = endpointThrift(r)
		default:
			return false
		}
		return true
	})
	return a
}

func endpointThrift(r *thrift.Reader) (e endpoint) {
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I32:
			if ip := uint32(r.I32()); ip != 0 {
				e.IPv4 = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))).String()
			}
		case n == 2 && t == thrift.I16:
			e.Port = uint16(r.I16())
		case n == 3 && t == thrift.String:
			e.ServiceName = r.String()
		case n == 4 && t == thrift.String:
			e.IPv6 = ipText(r.Bytes(), 16)
		default:
			return false
		}
		return true
	})
	return e
}

// ipText shows an address of size bytes, "" for what is none.
func ipText(b []byte, size int) string {
	if ip, ok := netip.AddrFromSlice(b); ok && len(b) == size {
		return ip.String()
	}
	return ""
}

// The numbers of AnnotationType.
const (
	annotationBool = iota
	annotationBytes
	annotationI16
	annotationI32
	annotationI64
	annotationDouble
	annotationString
)

func binaryThrift(r *thrift.Reader) (b v1Binary) {
	var value []byte
	kind := int32(annotationString)
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.String:
			b.Key = r.String()
		case n == 2 && t == thrift.String:
			value = r.Bytes()
		case n == 3 && t == thrift.I32:
			kind = r.I32()
		case n == 4 && t == thrift.Struct:
			b.Endpoint = endpointThrift(r)
		default:
			return false
		}
		return true
	})
	b.Value = v1Value(valueText(kind, value))
	return b
}

// valueText shows a value of some AnnotationType. One that is too short for its type is shown as bytes.
func valueText(kind int32, b []byte) string {
	switch {
	case kind == annotationString:
		return string(b)
	case kind == annotationBool && len(b) == 1:
		return strconv.FormatBool(b[0] != 0)
	case kind == annotationI16 && len(b) == 2:
		return decimal(int16(binary.BigEndian.Uint16(b)))
	case kind == annotationI32 && len(b) == 4:
		return decimal(int32(binary.BigEndian.Uint32(b)))
	case kind == annotationI64 && len(b) == 8:
		return decimal(int64(binary.BigEndian.Uint64(b)))
	case kind == annotationDouble && len(b) == 8:
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'g', -1, 64)
	}
	return base64.StdEncoding.EncodeToString(b)
}
