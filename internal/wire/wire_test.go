package wire

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/histogram"
	"github.com/twinspan/twinspan/sdk/id"
)

func word(r *rand.Rand) string {
	return [...]string{"", "pay", "ledger", "GET /pay/{id}", "10.0.0.1:80", "账户"}[r.IntN(6)]
}

func randomHalf(r *rand.Rand, resource span.Payload) span.Half {
	h := span.Half{
		Span: id.Span(r.Uint64()), Parent: id.Span(r.Uint64N(2)), Twin: id.Span(r.Uint64N(3)), Shared: r.IntN(2) == 0,
		Kind: span.Kind(r.IntN(6)), Type: span.Type(r.IntN(6)), Status: span.Status(r.IntN(3)), Route: span.Route(r.IntN(4)),
		LoadTest: r.IntN(2) == 0, Coarse: r.IntN(2) == 0, TraceText: word(r), Dotted: word(r), App: word(r),
		Instance: word(r), Operation: word(r), Component: word(r), ResultCode: word(r), LocalAddr: word(r),
		PeerAddr: word(r), Peer: word(r), Start: r.Int64() - r.Int64(), Duration: r.Int64N(1e12), Received: r.Int64(),
		Origin: r.Uint64(), Resource: resource,
	}
	for i := range h.Trace {
		h.Trace[i] = byte(r.Uint32())
	}
	if r.IntN(3) > 0 {
		h.Payload = span.Payload(nil).AppendAttr(word(r), span.String(word(r)))
	}
	return h
}

func randomBatch(seed uint64) (span.Batch, []span.Call) {
	r := rand.New(rand.NewPCG(seed, 1))
	resource := span.Payload(nil).AppendAttr("host.name", span.String("h"))
	b := span.Batch{Halves: []span.Half{}, Stats: []span.Stat{}}
	for range r.IntN(5) {
		b.Halves = append(b.Halves, randomHalf(r, resource))
	}
	b.Halves = append(b.Halves, randomHalf(r, nil))
	for range r.IntN(4) {
		s := span.Stat{
			App: word(r), Instance: word(r), Component: word(r), Operation: word(r), Key: word(r), Peer: word(r),
			Kind: span.Kind(r.IntN(6)), Type: span.Type(r.IntN(6)), Begin: r.Int64(), Length: r.Int64N(1e10),
			Count: r.Uint64N(100), Errors: r.Uint64N(100), TotalNanos: r.Int64N(1e15), LoadTest: r.IntN(2) == 0,
			Origin: r.Uint64(), Received: r.Int64(),
		}
		if r.IntN(2) == 0 {
			s.Latency = new(histogram.H)
			s.Latency.Add(r.Int64N(1e9))
		}
		b.Stats = append(b.Stats, s)
	}
	calls := []span.Call{}
	for range r.IntN(3) {
		c, s := randomHalf(r, resource), randomHalf(r, nil)
		calls = append(calls, span.Call{Caller: word(r), Callee: word(r), Type: span.TypeRPC, Client: &c, Server: &s})
	}
	return b, calls
}

func TestRecordSurvivesTheLog(t *testing.T) {
	e := NewEncoder()
	var packed []byte
	for seed := range uint64(200) {
		batch, _ := randomBatch(seed)
		want := Record{RequestHash: seed, Batch: batch}
		if seed%2 == 0 {
			want.Progress = []Progress{{File: "host/f", To: int64(seed)}, {File: "g"}}
		}
		packed = e.PackRecord(packed, &want)
		got, err := UnpackRecord(packed)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\n got %+v\nwant %+v", seed, got, want)
		}
	}
}

func TestPushAndAnswer(t *testing.T) {
	a, _ := randomBatch(1)
	b, _ := randomBatch(2)
	want := Push{Agent: "host", Chunks: []Chunk{{File: "f", From: 5, To: 90, Batch: a}, {File: "g", To: 7, Batch: b}}}
	got, err := DecodePush(NewEncoder().AppendPush(nil, &want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\n got %+v\nwant %+v", err, got, want)
	}
	list := []Progress{{"f", 90}, {"g", 0}}
	if back, err := DecodePushAnswer(AppendPushAnswer(nil, list)); err != nil || !reflect.DeepEqual(back, list) {
		t.Fatalf("%v %v", back, err)
	}
	if _, err := DecodePush(NewEncoder().AppendPush(nil, &Push{Chunks: []Chunk{{File: "f", From: 9, To: 5}}})); err == nil {
		t.Error("offsets that run backwards were taken")
	}
}

// An encoder is kept for long: it must not hold the memory of the request that it wrote last.
func TestEncoderHoldsOnToNothing(t *testing.T) {
	e := NewEncoder()
	batch, calls := randomBatch(3)
	e.AppendBatch(nil, &batch, calls)
	if len(e.strings) != 1 || len(e.index) != 1 || len(e.resources) != 1 || len(e.resource) != 1 {
		t.Errorf("%d strings and %d resources are kept", len(e.strings), len(e.resources))
	}
	for _, s := range e.strings[:cap(e.strings)] {
		if s != "" {
			t.Errorf("holds %q", s)
		}
	}
}

// TestCodecIsTheSchema holds the hand-written codec against the published schema: what it writes has no field that the
// compiled schema does not know, and what the schema's own encoder writes reads back the same.
func TestCodecIsTheSchema(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(context.Background(), "twinspan.proto")
	if err != nil {
		t.Fatal(err)
	}
	schema := files[0].Messages().ByName("Batch")
	for seed := range uint64(100) {
		batch, calls := randomBatch(seed)
		mine := NewEncoder().AppendBatch(nil, &batch, calls)
		m := dynamicpb.NewMessage(schema)
		if err := proto.Unmarshal(mine, m); err != nil {
			t.Fatalf("the schema cannot read what the codec writes: %v", err)
		}
		noUnknown(t, m)
		theirs, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		gotBatch, gotCalls, err := DecodeBatch(theirs)
		if err != nil || !reflect.DeepEqual(gotBatch, batch) || !reflect.DeepEqual(gotCalls, calls) {
			t.Fatalf("seed %d: %v\n got %+v\nwant %+v", seed, err, gotBatch, batch)
		}
	}
}

func noUnknown(t *testing.T, m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		t.Fatalf("%s has fields that the schema does not know", m.Descriptor().Name())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				noUnknown(t, v.List().Get(i).Message())
			}
		case f.Message() != nil:
			noUnknown(t, v.Message())
		}
		return true
	})
}

func FuzzDecode(f *testing.F) {
	batch, calls := randomBatch(3)
	e := NewEncoder()
	f.Add(e.AppendBatch(nil, &batch, calls))
	f.Add(e.AppendRecord(nil, &Record{RequestHash: 1, Progress: []Progress{{"f", 3}}, Batch: batch}))
	f.Add(e.AppendPush(nil, &Push{Agent: "a", Chunks: []Chunk{{File: "f", To: 1, Batch: batch}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = DecodePush(b)
		_, _ = DecodeRecord(b)
		batch, calls, err := DecodeBatch(b)
		if err != nil {
			return
		}
		again, callsAgain, err := DecodeBatch(NewEncoder().AppendBatch(nil, &batch, calls))
		if err != nil || len(again.Halves) != len(batch.Halves) || len(callsAgain) != len(calls) {
			t.Fatalf("does not survive a round trip: %v", err)
		}
	})
}

func BenchmarkPackRecord(b *testing.B) {
	rec := benchRecord()
	e := NewEncoder()
	var out []byte
	b.ReportAllocs()
	for range b.N {
		out = e.PackRecord(out, rec)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rec.Batch.Halves)), "ns/half")
	b.ReportMetric(float64(len(out))/float64(len(rec.Batch.Halves)), "B/half")
}

func BenchmarkUnpackRecord(b *testing.B) {
	rec := benchRecord()
	packed := NewEncoder().PackRecord(nil, rec)
	b.ReportAllocs()
	for range b.N {
		if _, err := UnpackRecord(packed); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rec.Batch.Halves)), "ns/half")
}

func benchRecord() *Record {
	rec := &Record{RequestHash: 1}
	for seed := range uint64(200) {
		batch, _ := randomBatch(seed)
		rec.Batch.Halves = append(rec.Batch.Halves, batch.Halves...)
	}
	return rec
}
