// Package rawgrpc lets receivers serve gRPC methods whose requests and answers stay encoded: their own decoders read the
// bytes. It holds what such servers share (codec, size limit, compressors, the words for errors), and knows no protocol.
package rawgrpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // lets senders pack their requests
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/twinspan/twinspan/internal/ingest"
)

// message is a request or an answer in its encoded form.
type message struct {
	request *ingest.Memory
	answer  []byte
}

// Options are what a gRPC server needs for Service: a codec that leaves requests and answers encoded (and serves other messages as
// always), the limit of a message's size unpacked, in bytes, and the compressors that senders may use: gzip and zstd. memory
// gives what a request of a size is read into, with an empty Body.
func Options(limit int64, memory func(size int) *ingest.Memory) []grpc.ServerOption {
	registerZstd()
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name), memory}),
		grpc.MaxRecvMsgSize(int(limit)),
	}
}

// Fresh is memory that is nobody else's, for Options.
func Fresh(size int) *ingest.Memory { return &ingest.Memory{Body: make([]byte, 0, size)} }

// Unary answers one request, which it owns.
type Unary func(ctx context.Context, request *ingest.Memory) (answer []byte, err error)

// Stream answers a stream of requests: next gives them, io.EOF after the last one.
type Stream func(ctx context.Context, next func() ([]byte, error)) (answer []byte, err error)

// Service registers methods by their names. They return errors made by Status.
func Service(g *grpc.Server, service string, unary map[string]Unary, streams map[string]Stream) {
	desc := &grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil)}
	for method, fn := range unary {
		desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: method, Handler: unaryHandler(service, method, fn)})
	}
	for method, fn := range streams {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{StreamName: method, ClientStreams: true, Handler: streamHandler(fn)})
	}
	g.RegisterService(desc, nil)
}

func unaryHandler(service, method string, fn Unary) grpc.MethodHandler {
	return func(_ any, ctx context.Context, dec func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		req := new(message)
		if err := dec(req); err != nil {
			return nil, err
		}
		call := func(ctx context.Context, req any) (any, error) {
			answer, err := fn(ctx, req.(*message).request)
			if err != nil {
				return nil, err
			}
			return &message{answer: answer}, nil
		}
		if intercept == nil {
			return call(ctx, req)
		}
		return intercept(ctx, req, &grpc.UnaryServerInfo{FullMethod: "/" + service + "/" + method}, call)
	}
}

func streamHandler(fn Stream) grpc.StreamHandler {
	return func(_ any, s grpc.ServerStream) error {
		answer, err := fn(s.Context(), func() ([]byte, error) {
			m := new(message)
			if err := s.RecvMsg(m); err != nil {
				return nil, err
			}
			return m.request.Body, nil
		})
		if err != nil {
			return err
		}
		return s.SendMsg(&message{answer: answer})
	}
}

// Status says in gRPC's words what err asks the sender to do: what has a RetryInfo is to be sent again, after retryAfter at
// least, the others not.
func Status(err error, retryAfter time.Duration) error {
	switch {
	case errors.Is(err, ingest.ErrLater):
		code := codes.Unavailable
		if errors.Is(err, ingest.ErrRate) {
			code = codes.ResourceExhausted
		}
		st := status.New(code, err.Error())
		delay := durationpb.New(ingest.RetryAfter(err, retryAfter))
		if with, e := st.WithDetails(&errdetails.RetryInfo{RetryDelay: delay}); e == nil {
			st = with
		}
		return st.Err()
	case errors.Is(err, ingest.ErrTooLarge):
		return status.Error(codes.ResourceExhausted, err.Error())
	case errors.Is(err, ingest.ErrInvalid):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if st, ok := status.FromError(err); ok {
		return st.Err()
	}
	return status.FromContextError(err).Err()
}

// codec is the protobuf codec, but for messages.
type codec struct {
	encoding.CodecV2
	memory func(size int) *ingest.Memory
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*message); ok {
		return mem.BufferSlice{mem.SliceBuffer(m.answer)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if m.request != nil {
		return fmt.Errorf("read a request: it was read before")
	}
	m.request = c.memory(data.Len()) // a copy: the halves keep it, gRPC uses its buffers again
	m.request.Body = m.request.Body[:data.Len()]
	data.CopyTo(m.request.Body)
	return nil
}
