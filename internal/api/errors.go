package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

// requestError is a refusal whose status and words are known.
type requestError struct {
	status        int
	code, message string
}

func (e *requestError) Error() string { return e.message }

// statusClientGone is what proxies log for a client that went away; nobody reads it.
const statusClientGone = 499

// explain is the one place where errors become HTTP: status, the API's code, and what the client is told.
func explain(err error) (status int, code, message string) {
	var refused *requestError
	switch {
	case errors.As(err, &refused):
		return refused.status, refused.code, refused.message
	case errors.Is(err, query.ErrBad):
		return http.StatusBadRequest, "bad_request", err.Error()
	case errors.Is(err, query.ErrNotFound):
		return http.StatusNotFound, "not_found", err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "timeout",
			"the query took longer than api.query_timeout: narrow the time range or add filters"
	case errors.Is(err, context.Canceled):
		return statusClientGone, "canceled", "the request was canceled"
	case errors.Is(err, query.ErrClosed):
		return http.StatusServiceUnavailable, "unavailable", "the server is shutting down: try again later"
	case errors.Is(err, query.ErrCorrupt):
		return http.StatusInternalServerError, "corrupt", "stored data cannot be read: see the server's log"
	}
	return http.StatusInternalServerError, "internal", "the server failed to answer: see its log"
}

type errorJSON struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		*place
	} `json:"error"`
}

// place is where a TraceQL query is wrong, in characters from 1; the end is behind the last one.
type place struct {
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndColumn int `json:"endColumn"`
}

// placeOf gives the place that an error names, nil for most.
func placeOf(err error) *place {
	var p *traceql.ParseError
	if !errors.As(err, &p) {
		return nil
	}
	return &place{p.Line, p.Column, p.EndColumn}
}

// fail answers with an error and gives its status.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) int {
	status, code, message := explain(err)
	if status >= http.StatusInternalServerError {
		a.log.Error("request failed", "path", r.URL.Path, "query", r.URL.RawQuery, "status", status, "error", err)
	}
	var body errorJSON
	body.Error.Code, body.Error.Message, body.Error.place = code, message, placeOf(err)
	b, _ := json.Marshal(body) // strings and numbers
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
	return status
}
