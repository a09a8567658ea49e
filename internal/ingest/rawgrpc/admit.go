package rawgrpc

import (
	"context"
	"time"

	"google.golang.org/grpc/tap"

	"github.com/twinspan/twinspan/internal/ingest"
)

// messageLease is what a call holds of the memory for bodies until it is answered. The length of a message is known to gRPC
// alone, and only once it is being read, so that all count the same: most are smaller, and the server's limit bounds the rest.
const messageLease = 1 << 20

// Admit is for grpc.InTapHandle: where there is no room, it tells a call to come later before a message of it is read. It
// asks next first.
func Admit(room *ingest.Room, next tap.ServerInHandle) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		ctx, err := next(ctx, info)
		if err != nil {
			return ctx, err
		}
		// It must not wait: all calls of the connection would.
		lease, err := room.TryLease(messageLease)
		if err != nil {
			return ctx, Status(err, time.Second)
		}
		context.AfterFunc(ctx, lease.Release) // the call's end
		return ctx, nil
	}
}
