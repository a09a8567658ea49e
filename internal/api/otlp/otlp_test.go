package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

func assemble(t testing.TB, text string) *query.Trace {
	t.Helper()
	calls := querytest.Calls(t, text)
	for i := range calls {
		if s := calls[i].Server; s != nil && s.Dotted == "0.1" {
			s.Span = id.ServerSpanOf(s.Dotted)
		}
	}
	return query.Assemble(calls[0].Trace(), calls, false)
}

const (
	payment = `
	server gw 1 trace=a1 at=0+100 type=http op=POST_/pay tag=user:42
	client gw 2 trace=a1 parent=1 at=10+50 op=Do & server pay 3 trace=a1 parent=2 twin=2 at=15+40 op=Pay/Do error message=no_money
	internal pay 5 trace=a1 parent=3 at=31+1 op=check`
	transfer = `
	client bank 0.1 dotted=0.1 parent=0 at=1001+20 op=Ledger/Book route=agent code=00 remote=10.0.0.9:12200 & server ledger 99 dotted=0.1 parent=0.1 twin=0.1 at=1005+10 op=Ledger/Book route=agent code=00 load
	client ledger 0.1.1 dotted=0.1.1 parent=0.1 at=1006+2 type=db peer=mysql:ledger op=INSERT_entry route=agent`
)

func decodeProto(t testing.TB, tr *query.Trace) *tracepb.TracesData {
	t.Helper()
	var m tracepb.TracesData
	if err := proto.Unmarshal(AppendProto(nil, tr), &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// The three forms say the same.
func TestFormsAgree(t *testing.T) {
	for _, text := range []string{payment, transfer} {
		tr := assemble(t, text)
		h := tr.Nodes[0].Call.Lead()
		h.Payload = h.Payload.AppendAttr("n", span.Int(math.MaxInt64)).AppendAttr("f", span.Float(0.5)).AppendAttr("b", span.Bool(true)).
			AppendAttr("inf", span.Float(math.Inf(-1))).AppendEvent(5, "event", span.Payload(nil).AppendAttr("k", span.String("v")))
		want := decodeProto(t, tr)

		list := append([]byte(`{"resourceSpans":[`), ProtoJSON.AppendJSON(nil, tr, true)...)
		list = append(list, "]}"...)
		var got tracepb.TracesData
		if err := protojson.Unmarshal(list, &got); err != nil {
			t.Fatalf("%v: %s", err, list)
		}
		if !proto.Equal(&got, want) {
			t.Errorf("JSON says\n%v\nprotobuf\n%v", &got, want)
		}

		standard := append([]byte(`[`), Standard.AppendJSON(nil, tr, true)...)
		var a, b any
		if err := json.Unmarshal(append(standard, ']'), &a); err != nil {
			t.Fatalf("%v: %s", err, standard)
		}
		if err := json.Unmarshal([]byte("["+string(list[len(`{"resourceSpans":[`):len(list)-2])+"]"), &b); err != nil {
			t.Fatal(err)
		}
		if normalize(b); !reflect.DeepEqual(a, b) {
			t.Errorf("standard JSON\n%v\nother\n%v", a, b)
		}
	}
}

// normalize makes ids hex and enumerations numbers.
func normalize(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			normalize(e)
		}
	case map[string]any:
		for k, e := range v {
			text, _ := e.(string)
			switch k {
			case "traceId", "spanId", "parentSpanId":
				b, _ := base64.StdEncoding.DecodeString(text)
				v[k] = hex.EncodeToString(b)
			case "kind", "code":
				for _, names := range [][]string{kindNames[:], statusNames[:]} {
					for i, name := range names {
						if name == text {
							v[k] = float64(i)
						}
					}
				}
			default:
				normalize(e)
			}
		}
	}
}

func TestProto(t *testing.T) {
	m := decodeProto(t, assemble(t, transfer))
	type row struct {
		service, name, own, parent string
		kind                       tracepb.Span_SpanKind
		nanos                      uint64
	}
	var rows []row
	for _, rs := range m.GetResourceSpans() {
		for _, s := range rs.GetScopeSpans()[0].GetSpans() {
			rows = append(rows, row{rs.GetResource().GetAttributes()[0].GetValue().GetStringValue(), s.GetName(), hex.EncodeToString(s.GetSpanId()),
				hex.EncodeToString(s.GetParentSpanId()), s.GetKind(), s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()})
			if hex.EncodeToString(s.GetTraceId()) != "0ad1348f1403169275002100356696ff" {
				t.Errorf("%x", s.GetTraceId())
			}
		}
	}
	client, server := id.SpanOf("0.1").String(), id.ServerSpanOf("0.1").String()
	want := []row{
		{"bank", "Ledger/Book", client, id.SpanOf("0").String(), tracepb.Span_SPAN_KIND_CLIENT, 20e6},
		{"ledger", "Ledger/Book", server, client, tracepb.Span_SPAN_KIND_SERVER, 10e6},
		{"ledger", "INSERT entry", id.SpanOf("0.1.1").String(), server, tracepb.Span_SPAN_KIND_CLIENT, 2e6},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("%+v\nwant %+v", rows, want)
	}
}

func FuzzForms(f *testing.F) {
	f.Add([]byte(span.Payload(nil).AppendAttr("a", span.String("b")).AppendEvent(1, "e", nil).AppendStatusMessage("x")), []byte{})
	f.Fuzz(func(t *testing.T, payload, resource []byte) {
		h := span.Half{Trace: id.Trace{1}, Span: 1, Kind: span.KindServer, App: "a", Payload: payload, Resource: resource, Route: span.RouteOTLP}
		tr := query.Assemble(h.Trace, []span.Call{span.Join(nil, &h, "")}, false)
		for _, d := range []Dialect{Standard, ProtoJSON} {
			if b := d.AppendJSON([]byte("["), tr, true); !json.Valid(append(b, ']')) {
				t.Errorf("no JSON: %s", b)
			}
		}
		for rest := AppendProto(nil, tr); len(rest) > 0; {
			var ok bool
			if _, rest, ok = span.NextField(rest); !ok {
				t.Error("malformed protobuf")
				break
			}
		}
	})
}
