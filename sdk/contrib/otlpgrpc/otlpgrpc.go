// Package twinotlpgrpc exports spans by OTLP over gRPC. It is package export's exporter with another way of sending; for OTLP over
// HTTP that package is enough, without gRPC's dependencies.
package twinotlpgrpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/export"
)

// Target is where batches go.
type Target struct {
	// Endpoint is host:port, such as "127.0.0.1:4317".
	Endpoint string
	// Credentials secure the connection, such as credentials.NewTLS(nil); insecure.NewCredentials() is without TLS. Required.
	Credentials credentials.TransportCredentials
	// Header is sent along, such as authorization.
	Header metadata.MD
	// Plain leaves messages unpacked. Default: gzip.
	Plain bool
}

// ErrTarget is wrapped by what New says about a Target.
var ErrTarget = errors.New("OTLP target")

// New starts an exporter. It connects with the first batch. app and instance become service.name and service.instance.id.
func New(config export.Config, to Target, app, instance string) (*export.Exporter, error) {
	if to.Endpoint == "" || to.Credentials == nil {
		return nil, fmt.Errorf("%w: it needs Endpoint (host:port) and Credentials", ErrTarget)
	}
	options := []grpc.CallOption{grpc.ForceCodecV2(raw{})}
	if !to.Plain {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	conn, err := grpc.NewClient(to.Endpoint, grpc.WithTransportCredentials(to.Credentials), grpc.WithDefaultCallOptions(options...))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrTarget, to.Endpoint, err)
	}
	return export.New(config, &sender{conn: conn, header: to.Header, encoder: export.OTLPEncoder{App: app, Instance: instance}}), nil
}

// method is the one call of the protocol (opentelemetry-proto, trace_service.proto).
const method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

type sender struct {
	conn    *grpc.ClientConn
	header  metadata.MD
	encoder export.OTLPEncoder
}

// Send is export.Sender's.
func (s *sender) Send(ctx context.Context, spans []*twinspan.SpanData) (int, error) {
	if len(s.header) > 0 {
		ctx = metadata.NewOutgoingContext(ctx, s.header)
	}
	request := s.encoder.Append(nil, spans) // gRPC may keep it beyond the call
	var answer []byte
	if err := s.conn.Invoke(ctx, method, &request, &answer); err != nil {
		return 0, classify(err)
	}
	return export.RejectedSpans(answer, len(spans)), nil
}

// classify says which errors are worth another attempt, by the OTLP specification ("Failures").
func classify(err error) error {
	st := status.Convert(err)
	after, asked := time.Duration(0), false
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			after, asked = min(max(info.GetRetryDelay().AsDuration(), 0), time.Minute), true
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return &export.Retry{Err: err, After: after}
	case codes.ResourceExhausted:
		if asked {
			return &export.Retry{Err: err, After: after}
		}
	}
	return err
}

// Close is export.Sender's.
func (s *sender) Close() error { return s.conn.Close() }

// raw passes messages on that are encoded already.
type raw struct{}

var _ encoding.CodecV2 = raw{}

// Name is encoding.CodecV2's: to the other side it is protobuf.
func (raw) Name() string { return "proto" }

// Marshal is encoding.CodecV2's.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("encode %T: it has to be encoded already", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal is encoding.CodecV2's.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("decode into %T: it has to take bytes", v)
	}
	*b = data.Materialize()
	return nil
}
