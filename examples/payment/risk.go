package main

import (
	"context"
	"sync"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type riskAnswer struct {
	Score float64 `json:"score"`
}

// risks says whether an order may be paid. Now and then it is slower than its caller waits.
type risks struct {
	*service
	lists, counters *cache
}

func newRisk(s *service) (parts, error) {
	r := &risks{s, s.newCache("risk-list"), s.newCache("risk-counter")}
	return parts{rpc: rpc("risk.Risk", method("Check", r.check))}, nil
}

func (r *risks) check(ctx context.Context, o *order) (*riskAnswer, error) {
	if chance(0.005) {
		return nil, status.Error(codes.Unavailable, "risk model is being loaded")
	}
	var looked sync.WaitGroup
	looked.Go(func() { r.lists.get(ctx, "black:"+o.User) })
	looked.Go(func() { r.counters.incr(ctx, "user:"+o.User) })
	looked.Go(func() { r.counters.incr(ctx, "merchant:"+o.Merchant) })
	looked.Wait()
	score := 0.0
	for _, rule := range []string{"velocity", "amount"} {
		score += r.rule(ctx, rule, o)
	}
	span := twinspan.SpanFromContext(ctx)
	span.SetTags(twinspan.Float("risk.score", score), twinspan.String("risk.scene", "扫码支付"))
	if score > 1.98 {
		return nil, status.Error(codes.PermissionDenied, "疑似盗刷: the order looks like fraud")
	}
	return &riskAnswer{score}, nil
}

// rule works one rule out, in a span of its own.
func (r *risks) rule(ctx context.Context, name string, o *order) float64 {
	ctx, span := r.tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "rule "+name)
	defer span.End()
	span.SetTags(twinspan.String(twinspan.TagMethod, name), twinspan.String("order.id", o.ID))
	if name == "velocity" && chance(0.02) {
		span.AddEvent("model is cold")
		pause(ctx, 200*time.Millisecond, 500*time.Millisecond)
	}
	pause(ctx, 200*time.Microsecond, 3*time.Millisecond)
	score := float64(o.Cents%997) / 997
	span.SetTags(twinspan.Float("rule.score", score))
	return score
}
