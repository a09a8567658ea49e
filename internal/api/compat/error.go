package compat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/internal/query"
)

// RequestError is a refusal whose status is known.
type RequestError struct {
	Status  int
	Message string
}

// Error is the message.
func (e *RequestError) Error() string { return e.Message }

// Refuse makes a RequestError.
func Refuse(status int, format string, args ...any) error {
	return &RequestError{status, fmt.Sprintf(format, args...)}
}

// BadRequest makes a RequestError of status 400.
func BadRequest(format string, args ...any) error {
	return Refuse(http.StatusBadRequest, format, args...)
}

// Parameters reads the query string. Unknown parameters stay unread, as in the APIs that are followed.
func Parameters(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, BadRequest("the query string cannot be read: %v", err)
	}
	return values, nil
}

// Explain is the one place where errors become HTTP. api is the name of the API, below which its settings are.
func Explain(err error, api string) (status int, message string) {
	var refused *RequestError
	switch {
	case errors.As(err, &refused):
		return refused.Status, refused.Message
	case errors.Is(err, query.ErrNotFound):
		return http.StatusNotFound, "trace not found" // Jaeger's and Tempo's words; clients compare with them
	case errors.Is(err, query.ErrBad):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "the query took longer than " + api + ".query_timeout: narrow the time range or add filters"
	case errors.Is(err, context.Canceled):
		return 499, "the request was canceled" // what proxies log; nobody reads it
	case errors.Is(err, query.ErrClosed):
		return http.StatusServiceUnavailable, "the server is shutting down: try again later"
	case errors.Is(err, query.ErrCorrupt):
		return http.StatusInternalServerError, "stored data cannot be read: see the server's log"
	}
	return http.StatusInternalServerError, "the server failed to answer: see its log"
}
