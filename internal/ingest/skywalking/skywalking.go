// Package skywalking receives trace segments of Apache SkyWalking's agents (data collect protocol v3): over gRPC, streamed
// or in one request, and as JSON over HTTP. A segment's spans become halves; ids are derived from the segment's. The
// messages are read by a small decoder of its own: the published generated code brings all of SkyWalking's services along.
//
// What agents send beside segments (metrics of the process, logs, profiles, their properties) is answered as they expect,
// counted, and not kept. The package opens no listener.
package skywalking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"google.golang.org/grpc"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
)

// Config bounds requests.
type Config struct {
	// MaxStreams is how many streams of segments may be open at a time: an agent keeps one.
	MaxStreams    int `yaml:"max_streams"`
	ingest.Limits `yaml:",inline"`
}

// DefaultConfig gives the limits of all receivers, and takes a thousand agents.
func DefaultConfig() Config { return Config{MaxStreams: 1000, Limits: ingest.DefaultLimits()} }

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxStreams < 1 {
		errs = append(errs, fmt.Errorf("max_streams is %d, want 1 or more", c.MaxStreams))
	}
	return errors.Join(append(errs, c.Limits.Validate())...)
}

// Server answers SkyWalking's agents. It is safe for concurrent use. It starts one goroutine for each open stream, which
// ends with it.
type Server struct {
	in      *ingest.Intake
	room    *ingest.Room
	streams chan struct{}
}

// New makes a Server that gives what it reads to w.
func New(cfg Config, w ingest.Sink, m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return &Server{in: ingest.NewIntake(cfg.Limits, w, m, log), room: w.Room(), streams: make(chan struct{}, cfg.MaxStreams)}
}

// The protocols, as labels of the metrics.
const (
	protocolGRPC = "skywalking/grpc"
	protocolHTTP = "skywalking/http"
)

// GRPCOptions are what a gRPC server needs for RegisterGRPC.
func (s *Server) GRPCOptions() []grpc.ServerOption {
	return rawgrpc.Options(s.in.Bodies.Limit(), rawgrpc.Fresh)
}

// beside lists, by service, the methods that agents call beside reporting segments: those with one request, and those
// with a stream of them.
var beside = []struct {
	service        string
	unary, streams []string
}{
	{"skywalking.v3.ManagementService", []string{"reportInstanceProperties", "keepAlive"}, nil},
	{"skywalking.v3.JVMMetricReportService", []string{"collect"}, nil},
	{"skywalking.v3.CLRMetricReportService", []string{"collect"}, nil},
	{"skywalking.v3.GolangMetricReportService", []string{"collect"}, nil},
	{"skywalking.v3.MeterReportService", nil, []string{"collect", "collectBatch"}},
	{"skywalking.v3.LogReportService", nil, []string{"collect"}},
	{"skywalking.v3.EventService", nil, []string{"collect"}},
	{"skywalking.v3.SpanAttachedEventReportService", nil, []string{"collect"}},
	{"skywalking.v3.ConfigurationDiscoveryService", []string{"fetchConfigurations"}, nil},
	{"skywalking.v3.ProfileTask", []string{"getProfileTaskCommands", "reportTaskFinish"}, []string{"collectSnapshot"}},
	{"skywalking.v10.AsyncProfilerTask", []string{"getAsyncProfilerTaskCommands"}, nil},
	{"ManagementService", []string{"reportInstanceProperties", "keepAlive"}, nil},
	{"JVMMetricReportService", []string{"collect"}, nil},
	{"CLRMetricReportService", []string{"collect"}, nil},
	{"ProfileTask", []string{"getProfileTaskCommands", "reportTaskFinish"}, []string{"collectSnapshot"}},
}

// RegisterGRPC registers the services with g, which must have been made with GRPCOptions. Agents before 8.4 know them
// without a package.
func (s *Server) RegisterGRPC(g *grpc.Server) {
	for _, name := range []string{"skywalking.v3.TraceSegmentReportService", "TraceSegmentReportService"} {
		rawgrpc.Service(g, name, map[string]rawgrpc.Unary{"collectInSync": s.collectInSync}, map[string]rawgrpc.Stream{"collect": s.collect})
	}
	for _, b := range beside {
		unary, streams := make(map[string]rawgrpc.Unary), make(map[string]rawgrpc.Stream)
		for _, method := range b.unary {
			unary[method] = func(context.Context, *ingest.Memory) ([]byte, error) {
				s.in.Metrics.Ignored.WithLabelValues(protocolGRPC, b.service).Inc()
				return nil, nil // no commands
			}
		}
		for _, method := range b.streams {
			streams[method] = func(_ context.Context, next func() ([]byte, error)) ([]byte, error) {
				return nil, s.ignore(b.service, next)
			}
		}
		rawgrpc.Service(g, b.service, unary, streams)
	}
}

// collectInSync takes a SegmentCollection.
func (s *Server) collectInSync(ctx context.Context, request *ingest.Memory) ([]byte, error) {
	d := newDecoder(&s.in.Limits)
	lease, err := s.room.Lease(ctx, int64(len(request.Body)))
	defer lease.Release()
	if err == nil {
		err = d.collection(request.Body)
	}
	if err == nil {
		err = s.take(ctx, protocolGRPC, d, len(request.Body), hash(request.Body))
	} else {
		err = s.in.Refuse(ctx, protocolGRPC, err)
	}
	if err != nil {
		return nil, rawgrpc.Status(err, s.in.Limits.RetryAfter)
	}
	return nil, nil
}

// take writes what d read.
func (s *Server) take(ctx context.Context, protocol string, d *decoder, size int, hash uint64) error {
	return s.in.TakeSome(ctx, protocol, ingest.Request{Batch: d.batch(), Bytes: int64(size), Hash: hash}, &d.left)
}

// Handler serves POST /v3/segment and /v3/segments, and answers /v3/management/….
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/segment", func(w http.ResponseWriter, r *http.Request) { s.serveSegments(w, r, false) })
	mux.HandleFunc("POST /v3/segments", func(w http.ResponseWriter, r *http.Request) { s.serveSegments(w, r, true) })
	for _, path := range []string{"/v3/management/reportProperties", "/v3/management/keepAlive"} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, _ *http.Request) {
			s.in.Metrics.Ignored.WithLabelValues(protocolHTTP, path).Inc()
			answer(w)
		})
	}
	return mux
}

func (s *Server) serveSegments(w http.ResponseWriter, r *http.Request, list bool) {
	d, body, err := s.readHTTP(w, r, list)
	if err == nil {
		err = s.take(r.Context(), protocolHTTP, d, len(body), hash(body))
	} else {
		err = s.in.Refuse(r.Context(), protocolHTTP, err)
	}
	if err != nil {
		s.in.Answer(w, err, typeJSON)
		return
	}
	answer(w)
}

// answer gives an empty Commands message.
func answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", typeJSON)
	_, _ = w.Write([]byte("{}")) // an agent that is gone does not send again
}
