// Package zipkin receives spans in Zipkin's formats: v2 as JSON and protobuf (POST /api/v2/spans), v1 as JSON and Thrift
// (POST /api/v1/spans), from Zipkin's own clients and from Java SOFATracer's reporter, whose dotted ids and trace ids it
// brings back. It opens no listener.
package zipkin

import (
	"fmt"
	"log/slog"
	"mime"
	"net/http"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// Config bounds requests.
type Config = ingest.Limits

// DefaultConfig gives the limits of all receivers.
func DefaultConfig() Config { return ingest.DefaultLimits() }

// Server answers Zipkin's requests. It is safe for concurrent use and starts no goroutines.
type Server struct{ in *ingest.Intake }

// New makes a Server that gives what it reads to w.
func New(cfg Config, w ingest.Sink, m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return &Server{ingest.NewIntake(cfg, w, m, log)}
}

// protocol is the label of the metrics.
const protocol = "zipkin"

// The content types.
const (
	typeJSON   = "application/json"
	typeProto  = "application/x-protobuf"
	typeThrift = "application/x-thrift"
)

// route is a path with the formats that it takes by their content types. Zipkin's server takes a request without a content
// type for JSON.
type route struct {
	path    string
	formats map[string]format
	accept  string
}

var routes = []route{
	{"/api/v2/spans", map[string]format{"": formatJSON, typeJSON: formatJSON, typeProto: formatProto, "application/protobuf": formatProto},
		typeJSON + ", " + typeProto},
	{"/api/v1/spans", map[string]format{"": formatV1JSON, typeJSON: formatV1JSON, typeThrift: formatV1Thrift},
		typeJSON + ", " + typeThrift},
}

// Handler serves POST /api/v2/spans and /api/v1/spans.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, to := range routes {
		mux.HandleFunc("POST "+to.path, func(w http.ResponseWriter, r *http.Request) {
			if err := s.take(w, r, &to); err != nil {
				s.in.Answer(w, err, to.accept)
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
	}
	return mux
}

// take reads and writes a request, and counts how it is answered.
func (s *Server) take(w http.ResponseWriter, r *http.Request, to *route) error {
	d, body, err := s.read(w, r, to)
	if err != nil {
		return s.in.Refuse(r.Context(), protocol, err)
	}
	req := ingest.Request{Batch: span.Batch{Halves: d.halves}, Bytes: int64(len(body)), Hash: xxhash.Sum64(body)}
	return s.in.Take(r.Context(), protocol, req, &d.left)
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, to *route) (*decoder, []byte, error) {
	header := r.Header.Get("Content-Type")
	contentType, _, _ := mime.ParseMediaType(header)
	f, ok := to.formats[contentType]
	if !ok || contentType == "" && header != "" {
		return nil, nil, fmt.Errorf("%w: it is %q, send one of %s to %s", ingest.ErrMedia, header, to.accept, to.path)
	}
	body, err := s.in.Bodies.Read(w, r)
	if err != nil {
		return nil, nil, err
	}
	d, err := decode(body, f, &s.in.Limits)
	return d, body, err
}
