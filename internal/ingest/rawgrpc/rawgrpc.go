// Package rawgrpc lets receivers serve gRPC methods whose requests and answers stay encoded: their own decoders read the
// bytes. It holds what such servers share (codec, size limit, compressors, the words for errors), and knows no protocol.
package rawgrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
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

// Message is a request or an answer in its encoded form.
type Message struct{ Data []byte }

// Options are what a gRPC server needs for Service: a codec that leaves Messages encoded (and serves others as always),
// the limit of a message's size unpacked, in bytes, and the compressors that senders may use: gzip and zstd.
func Options(limit int64) []grpc.ServerOption {
	RegisterZstd()
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name)}),
		grpc.MaxRecvMsgSize(int(limit)),
	}
}

// Unary answers one request. It owns the bytes of the request.
type Unary func(ctx context.Context, request []byte) (answer []byte, err error)

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
		req := new(Message)
		if err := dec(req); err != nil {
			return nil, err
		}
		call := func(ctx context.Context, req any) (any, error) {
			answer, err := fn(ctx, req.(*Message).Data)
			if err != nil {
				return nil, err
			}
			return &Message{answer}, nil
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
			m := new(Message)
			if err := s.RecvMsg(m); err != nil {
				return nil, err
			}
			return m.Data, nil
		})
		if err != nil {
			return err
		}
		return s.SendMsg(&Message{answer})
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

// codec is the protobuf codec, but for Messages.
type codec struct{ encoding.CodecV2 }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*Message); ok {
		return mem.BufferSlice{mem.SliceBuffer(m.Data)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*Message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if m.Data != nil {
		return fmt.Errorf("read a request: it was read before")
	}
	m.Data = data.Materialize() // a copy: the halves keep it, gRPC uses its buffers again
	return nil
}

// RegisterZstd adds zstd to gRPC's compressors, which are the process's; gzip is there by the import. gRPC wants that done
// before the first server or client starts.
var RegisterZstd = sync.OnceFunc(func() { encoding.RegisterCompressor(new(zstdCompressor)) })

// zstdCompressor is gRPC's "zstd". Readers and writers are used again.
type zstdCompressor struct{ readers, writers sync.Pool }

// maxWindow bounds what one message's history takes. Usual levels have windows of up to 8 MiB.
const maxWindow = 8 << 20

func (*zstdCompressor) Name() string { return "zstd" }

func (c *zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*zstd.Encoder)
	if !ok {
		var err error
		z, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
	}
	z.Reset(w)
	return &zstdWriter{z, &c.writers}, nil
}

func (c *zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*zstd.Decoder)
	if !ok {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
	}
	if err := z.Reset(r); err != nil {
		return nil, err
	}
	return &zstdReader{z, &c.readers}, nil
}

// zstdReader gives its decoder back once it is read to the end; of one that is not, the garbage collector takes care, since
// a decoder of concurrency 1 starts no goroutines.
type zstdReader struct {
	z    *zstd.Decoder
	pool *sync.Pool
}

func (r *zstdReader) Read(p []byte) (int, error) {
	if r.z == nil {
		return 0, io.EOF
	}
	n, err := r.z.Read(p)
	if errors.Is(err, io.EOF) {
		_ = r.z.Reset(nil) // lets go of the request
		r.pool.Put(r.z)
		r.z = nil
	}
	return n, err
}

type zstdWriter struct {
	z    *zstd.Encoder
	pool *sync.Pool
}

func (w *zstdWriter) Write(p []byte) (int, error) { return w.z.Write(p) }

func (w *zstdWriter) Close() error {
	err := w.z.Close()
	w.z.Reset(nil)
	w.pool.Put(w.z)
	return err
}
