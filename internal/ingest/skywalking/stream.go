package skywalking

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/semaphore"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
)

const (
	// streamBytes bounds what one stream holds of segments that are received but not written yet; a larger segment waits
	// until it is alone.
	streamBytes = 256 << 10
	// streamSegments bounds their number, and batchSpans the spans of one write.
	streamSegments = 256
	batchSpans     = 2000
)

// collect takes a stream of SegmentObjects. Segments that come while others are written are written together, so that a
// stream is not slowed down to one segment for each sync of the log. What comes faster than that waits in gRPC's own
// window: the agent's buffer is what fills. The answer at the stream's end says that all of it is on disk.
func (s *Server) collect(ctx context.Context, next func() ([]byte, error)) ([]byte, error) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		err := fmt.Errorf("%w: %d streams of segments are open (receivers.skywalking.max_streams)", ingest.ErrLater, cap(s.streams))
		return nil, rawgrpc.Status(s.in.Refuse(ctx, protocolGRPC, err), s.in.Limits.RetryAfter)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	room := semaphore.NewWeighted(streamBytes)
	segments := make(chan received, streamSegments)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for s.writeSome(ctx, segments, room, stop) {
		}
	}()
	err := s.receive(ctx, next, segments, room)
	close(segments)
	<-written
	if cause := context.Cause(ctx); cause != nil {
		err = cause // of why nothing more was received
	}
	if err != nil {
		return nil, rawgrpc.Status(err, s.in.Limits.RetryAfter)
	}
	return nil, nil
}

// received is a segment with what it holds of the memory for bodies.
type received struct {
	message []byte
	lease   *ingest.Lease
}

// receive hands segments over until the stream ends.
func (s *Server) receive(ctx context.Context, next func() ([]byte, error), segments chan<- received, room *semaphore.Weighted) error {
	for {
		m, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := room.Acquire(ctx, weight(m)); err != nil {
			return err
		}
		lease, err := s.room.Lease(ctx, int64(len(m)))
		if err != nil {
			return s.in.Refuse(ctx, protocolGRPC, err)
		}
		select {
		case segments <- received{m, lease}:
		case <-ctx.Done():
			lease.Release()
			return ctx.Err()
		}
	}
}

func weight(m []byte) int64 { return min(int64(len(m))+1, streamBytes) }

// writeSome writes the segments that are there, at least one; it is false once there are no more. An error stops the
// stream, and what comes after it is thrown away.
func (s *Server) writeSome(ctx context.Context, segments <-chan received, room *semaphore.Weighted, stop context.CancelCauseFunc) bool {
	segment, ok := <-segments
	if !ok {
		return false
	}
	d := newDecoder(&s.in.Limits)
	var held, size int64
	for more := true; more; {
		m := segment.message
		defer segment.lease.Release()
		held += weight(m)
		size += int64(len(m))
		if ctx.Err() == nil {
			d.streamed(m)
		}
		if len(d.halves) >= batchSpans {
			break
		}
		select {
		case segment, more = <-segments:
		default:
			more = false
		}
	}
	if ctx.Err() == nil {
		// Without a hash: agents do not send again what a stream lost, and segments are recognised by their spans.
		if err := s.in.Take(ctx, protocolGRPC, ingest.Request{Batch: d.batch(), Bytes: size}, &d.left); err != nil {
			stop(err)
		}
	}
	room.Release(held)
	return true
}

// ignore reads a stream to its end.
func (s *Server) ignore(service string, next func() ([]byte, error)) error {
	for {
		_, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.in.Metrics.Ignored.WithLabelValues(protocolGRPC, service).Inc()
	}
}
