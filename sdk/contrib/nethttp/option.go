package nethttp

import (
	"context"
	"net/http"
	"strings"
)

// Option changes what NewTransport or NewHandler does.
type Option func(*options)

type options struct {
	remoteApp func(*http.Request) string
	route     func(*http.Request) string
	skip      func(*http.Request) bool
	query     bool
}

// WithRemoteApp names the app that a client's request goes to, such as by its host.
func WithRemoteApp(app func(*http.Request) string) Option {
	return func(o *options) { o.remoteApp = app }
}

// WithRoute names the route of a request, such as "/pay/{id}". "" leaves it to the defaults: for a client the context's
// (see ContextWithRoute), for a server http.ServeMux's pattern, and then the path with numbers and the like replaced.
func WithRoute(route func(*http.Request) string) Option { return func(o *options) { o.route = route } }

// WithSkip leaves requests untraced for which skip gives true, such as health checks.
func WithSkip(skip func(*http.Request) bool) Option { return func(o *options) { o.skip = skip } }

// WithQuery has request.url hold the query. Without it queries stay out of the logs: they may hold secrets.
func WithQuery() Option { return func(o *options) { o.query = true } }

func gather(list []Option) options {
	var o options
	for _, option := range list {
		option(&o)
	}
	return o
}

type routeKey struct{}

// ContextWithRoute names the route of the client requests made with ctx, such as "/pay/{id}".
func ContextWithRoute(ctx context.Context, route string) context.Context {
	return context.WithValue(ctx, routeKey{}, route)
}

// url gives request.url: no user, no fragment, the query by option only.
func (o *options) url(scheme, host string, r *http.Request) string {
	url := scheme + "://" + host + r.URL.EscapedPath()
	if o.query && r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	return url
}

// GeneralRoute gives a path with the parts replaced by "{id}" that look as if each request had its own: numbers, UUIDs and
// other hex of 8 digits or more, parts of more than 40 characters.
func GeneralRoute(path string) string {
	if path == "" {
		return "/"
	}
	changed := false
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if individual(part) {
			parts[i] = "{id}"
			changed = true
		}
	}
	if !changed {
		return path
	}
	return strings.Join(parts, "/")
}

func individual(part string) bool {
	digits, hex := 0, 0
	for i := range len(part) {
		switch c := part[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-':
			hex++
		}
	}
	return digits > 0 && digits == len(part) ||
		digits > 0 && digits+hex == len(part) && len(part) >= 8 || len(part) > 40
}
