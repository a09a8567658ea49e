package app

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/twinspan/twinspan/internal/tenant"
)

// inner is a listener within the process, for the agent beside a collector: what stands before the port for agents, TLS
// and tokens, is for others.
type inner struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newInner() *inner { return &inner{conns: make(chan net.Conn), done: make(chan struct{})} }

// Dial opens a connection.
func (i *inner) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case i.conns <- server:
		return client, nil
	case <-i.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (i *inner) Accept() (net.Conn, error) {
	select {
	case c := <-i.conns:
		return c, nil
	case <-i.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (i *inner) Close() error {
	i.once.Do(func() { close(i.done) })
	return nil
}

// Addr implements net.Listener.
func (i *inner) Addr() net.Addr { return innerAddr{} }

type innerAddr struct{}

func (innerAddr) Network() string { return "pipe" }
func (innerAddr) String() string  { return "this process" }

// asTenant lets all requests be for one tenant.
func asTenant(name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), name)))
	})
}
