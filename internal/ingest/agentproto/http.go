package agentproto

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/wire"
)

// errMedia says that a body is in a form that is not taken.
var errMedia = errors.New("unsupported form of the body")

// logEvery bounds how often a refused request is shown in the log.
const logEvery = 10 * time.Second

func (s *Server) servePush(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, r, http.StatusMethodNotAllowed, "agents post to "+Path)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		s.refuse(w, r, http.StatusTooManyRequests, fmt.Sprintf("%d requests are in work (max_requests)", s.cfg.MaxRequests))
		return
	}
	answer, err := s.push(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.metrics.Requests.WithLabelValues("200").Inc()
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(wire.AppendPushAnswer(nil, answer)) // an answer that does not arrive is asked for again
}

func (s *Server) push(w http.ResponseWriter, r *http.Request) ([]wire.Progress, error) {
	body, err := s.body(w, r)
	if err != nil {
		return nil, err
	}
	p, err := wire.DecodePush(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ingest.ErrInvalid, err)
	}
	return s.take(r.Context(), &p)
}

// body reads and unpacks. The caller owns what it gives.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != contentType {
		return nil, fmt.Errorf("%w: Content-Type is %q, want %s", errMedia, r.Header.Get("Content-Type"), contentType)
	}
	return s.bodies.Read(w, r)
}

// fail answers an error in the protocol's words.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, errMedia), errors.Is(err, ingest.ErrEncoding):
		status = http.StatusUnsupportedMediaType
	case errors.Is(err, ingest.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ingest.ErrInvalid):
		status = http.StatusBadRequest
		w.Header().Set(reasonHeader, malformed)
	case r.Context().Err() != nil:
		// The agent is gone or gave up; it sends again.
		status = http.StatusRequestTimeout
	default:
		w.Header().Set("Retry-After", ingest.RetrySeconds(err, time.Second))
	}
	s.refuse(w, r, status, err.Error())
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, msg string) {
	s.metrics.Requests.WithLabelValues(fmt.Sprint(status)).Inc()
	if status/100 == 4 && status != http.StatusTooManyRequests && s.pace.Allow(time.Now(), logEvery) {
		s.log.Warn("a request on the agents' port is not taken", "from", r.RemoteAddr, "status", status, "error", msg)
	}
	http.Error(w, msg, status)
}
