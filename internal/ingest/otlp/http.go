package otlp

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/twinspan/twinspan/internal/ingest"
)

const protocolHTTP = "otlp/http"

// The content types of OTLP/HTTP.
const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// Handler serves POST /v1/traces.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", s.serveTraces)
	return mux
}

func (s *Server) serveTraces(w http.ResponseWriter, r *http.Request) {
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if contentType != typeProtobuf && contentType != typeJSON {
		err := fmt.Errorf("%w: it is %q, send %s or %s", ingest.ErrMedia, r.Header.Get("Content-Type"), typeProtobuf, typeJSON)
		s.answerError(w, typeProtobuf, s.in.Refuse(r.Context(), protocolHTTP, err))
		return
	}
	m, err := s.in.Bodies.Take(w, r)
	if err != nil {
		s.answerError(w, contentType, s.in.Refuse(r.Context(), protocolHTTP, err))
		return
	}
	sum := hash(m.Body)
	if contentType == typeJSON {
		if m.Body, err = fromJSON(m.Body); err != nil {
			s.answerError(w, contentType, s.in.Refuse(r.Context(), protocolHTTP, err))
			return
		}
	}
	p, err := s.export(r.Context(), protocolHTTP, m, sum)
	if err != nil {
		s.answerError(w, contentType, err)
		return
	}
	answer(w, contentType, http.StatusOK, p.encode(contentType))
}

func answer(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender is gone; it will send again
}

// answerError says in OTLP's words what err asks the sender to do: statuses 429, 502, 503 and 504 are sent again, others
// not.
func (s *Server) answerError(w http.ResponseWriter, contentType string, err error) {
	status, code := s.in.Head(w, err, typeProtobuf+", "+typeJSON), codes.Unavailable
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		code = codes.ResourceExhausted
	case http.StatusUnsupportedMediaType, http.StatusBadRequest:
		code = codes.InvalidArgument
	}
	answer(w, contentType, status, encodeStatus(contentType, code, err.Error()))
}

// Refuse answers, in OTLP's form, a request that is not let in to Handler.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code codes.Code, message string) {
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if contentType != typeJSON {
		contentType = typeProtobuf
	}
	answer(w, contentType, status, encodeStatus(contentType, code, message))
}
