package twingrpc

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// Option changes what the handlers do.
type Option func(*options)

type options struct {
	remoteApp func(fullMethod string) string
	skip      func(fullMethod string) bool
}

// WithRemoteApp names the app that a client's calls go to.
func WithRemoteApp(app string) Option {
	return func(o *options) { o.remoteApp = func(string) string { return app } }
}

// WithSkip leaves calls untraced for which skip gives true, such as health checks. The method is "/package.Service/Method".
func WithSkip(skip func(fullMethod string) bool) Option { return func(o *options) { o.skip = skip } }

func gather(list []Option) options {
	var o options
	for _, option := range list {
		option(&o)
	}
	return o
}

// NewClientHandler traces a client connection's calls. A nil tracer traces nothing.
func NewClientHandler(tracer *twinspan.Tracer, list ...Option) stats.Handler {
	return &clientHandler{handler{tracer: tracer, options: gather(list)}}
}

// NewServerHandler traces what a server is asked. A nil tracer traces nothing.
func NewServerHandler(tracer *twinspan.Tracer, list ...Option) stats.Handler {
	return &serverHandler{handler{tracer: tracer, options: gather(list)}}
}

type handler struct {
	tracer  *twinspan.Tracer
	options options
}

// call is one RPC under way. A context key of its own tells it from the span around it.
type call struct {
	span           *twinspan.Span
	sent, received atomic.Int64 // bytes of messages, uncompressed
	single         bool         // a good answer is one message
	answered       atomic.Bool  // a message came
}

type callKey struct{}

func (h *handler) skips(method string) bool {
	return h.tracer == nil || h.options.skip != nil && h.options.skip(method)
}

type clientHandler struct{ handler }

// TagRPC starts the client span and puts its context into the metadata.
func (h *clientHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if h.skips(info.FullMethodName) {
		return context.WithValue(ctx, callKey{}, (*call)(nil))
	}
	ctx, span := h.tracer.Start(ctx, twinspan.Client, twinspan.GRPCClient, operation(info.FullMethodName))
	describe(span, info.FullMethodName)
	if h.options.remoteApp != nil {
		span.SetRemoteApp(h.options.remoteApp(info.FullMethodName))
	}
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	span.Inject(Carrier(md))
	return context.WithValue(metadata.NewOutgoingContext(ctx, md), callKey{}, &call{span: span})
}

type serverHandler struct{ handler }

// TagRPC starts the server span from the metadata.
func (h *serverHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if h.skips(info.FullMethodName) {
		return ctx
	}
	md, _ := metadata.FromIncomingContext(ctx)
	ctx, span := h.tracer.StartFrom(ctx, Carrier(md), twinspan.Server, twinspan.GRPCServer, operation(info.FullMethodName))
	describe(span, info.FullMethodName)
	return context.WithValue(ctx, callKey{}, &call{span: span})
}

func operation(fullMethod string) string { return strings.TrimPrefix(fullMethod, "/") }

func describe(span *twinspan.Span, fullMethod string) {
	service, method, _ := strings.Cut(operation(fullMethod), "/")
	span.SetTags(
		twinspan.String(twinspan.TagProtocol, "grpc"),
		twinspan.String(twinspan.TagService, service),
		twinspan.String(twinspan.TagMethod, method),
	)
}

// errUntold stands for the error of a call that the server refused before all of the request was sent: gRPC's client tells its
// stats handlers then that the call ended well.
var errUntold = status.Error(codes.Unknown, "refused before the request was sent; gRPC tells no status")

// HandleRPC follows a call.
func (h *clientHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c := callFrom(ctx)
	if c == nil {
		return
	}
	switch s := s.(type) {
	case *stats.OutHeader:
		if s.RemoteAddr != nil {
			c.span.SetRemote(s.RemoteAddr.String())
			host, port := split(s.RemoteAddr)
			c.span.SetTags(twinspan.String(twinspan.TagRemoteHost, host), twinspan.String(twinspan.TagRemotePort, port))
		}
		if s.LocalAddr != nil {
			c.span.SetLocal(s.LocalAddr.String())
			host, _ := split(s.LocalAddr)
			c.span.SetTags(twinspan.String(twinspan.TagLocalHost, host))
		}
	case *stats.End:
		err := s.Error
		if err == nil && c.single && !c.answered.Load() {
			err = errUntold
		}
		code := status.Code(err)
		c.end(code, err, code != codes.OK, c.sent.Load(), c.received.Load())
	default:
		c.follow(s)
	}
}

// HandleRPC follows a call.
func (h *serverHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c := callFrom(ctx)
	if c == nil {
		return
	}
	switch s := s.(type) {
	case *stats.InHeader:
		if s.RemoteAddr != nil {
			c.span.SetRemote(s.RemoteAddr.String())
		}
		if s.LocalAddr != nil {
			c.span.SetLocal(s.LocalAddr.String())
			host, port := split(s.LocalAddr)
			c.span.SetTags(twinspan.String(twinspan.TagLocalHost, host), twinspan.String(twinspan.TagLocalPort, port))
		}
	case *stats.End:
		code := status.Code(s.Error)
		c.end(code, s.Error, serverFault(code), c.received.Load(), c.sent.Load())
	default:
		c.follow(s)
	}
}

// serverFault says that a code is the server's fault and not its answer to a wrong request.
func serverFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func (c *call) follow(s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.Begin:
		kind := "unary"
		if s.IsClientStream || s.IsServerStream {
			kind = "stream"
		}
		c.single = !s.IsServerStream
		c.span.SetTag(twinspan.TagInvokeType, kind)
	case *stats.InPayload:
		c.answered.Store(true)
		c.received.Add(int64(s.Length))
	case *stats.OutPayload:
		c.sent.Add(int64(s.Length))
	}
}

func (c *call) end(code codes.Code, err error, failed bool, request, response int64) {
	c.span.SetTags(twinspan.Int(twinspan.TagRequestSize, request), twinspan.Int(twinspan.TagResponseSize, response))
	c.span.SetResultCode(resultCode(code))
	if failed {
		message := status.Convert(err).Message()
		if message == "" {
			message = code.String()
		}
		c.span.Fail(message)
	}
	c.span.End()
}

// resultCode is SOFATracer's "00" for success, else the number of the gRPC code.
func resultCode(code codes.Code) string {
	if code == codes.OK {
		return "00"
	}
	return strconv.Itoa(int(code))
}

func split(a net.Addr) (host, port string) {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String(), "" // a Unix socket or bufconn
	}
	return host, port
}

// TagConn is stats.Handler's; connections are not traced.
func (h *handler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is stats.Handler's; connections are not traced.
func (h *handler) HandleConn(context.Context, stats.ConnStats) {}
