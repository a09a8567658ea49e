package ingest

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/tenant"
)

// Sink is what receivers write to: one Writer, or a Router with one for each tenant.
type Sink interface {
	// Write is as Writer.Write.
	Write(ctx context.Context, req Request) error
	// Limit is the greatest size of one request, unpacked, in bytes.
	Limit() int64
	// Room is the memory that requests may have.
	Room() *Room
}

// Router writes each request to the Writer of the tenant that its context names. It is safe for concurrent use.
type Router struct {
	writers map[string]*Writer
	limit   int64
	room    *Room
}

// NewRouter makes a Router of the tenants' Writers, which must all have the same limit and room. The map is the Router's from then on.
func NewRouter(writers map[string]*Writer) *Router {
	r := &Router{writers: writers}
	for _, w := range writers {
		r.limit, r.room = w.Limit(), w.Room()
	}
	return r
}

// Write implements Sink. A tenant that has no Writer gives ErrInvalid.
func (r *Router) Write(ctx context.Context, req Request) error {
	w, ok := r.writers[tenant.Of(ctx)]
	if !ok {
		return fmt.Errorf("%w: there is no tenant %q", ErrInvalid, tenant.Of(ctx))
	}
	return w.Write(ctx, req)
}

// Limit implements Sink.
func (r *Router) Limit() int64 { return r.limit }

// Room implements Sink.
func (r *Router) Room() *Room { return r.room }
