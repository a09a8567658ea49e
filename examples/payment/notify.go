package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// notify tells merchants what they were paid. What fails is delivered again.
type notify struct{ *service }

func newNotify(s *service) (parts, error) {
	n := &notify{s}
	return parts{run: func(ctx context.Context) { s.consume(ctx, n.tell) }}, nil
}

func (n *notify) tell(ctx context.Context, p payment) error {
	var m merchantInfo
	if err := n.call(ctx, "merchant", http.MethodGet, "/merchants/{id}", "/merchants/"+p.Merchant, nil, &m); err != nil {
		return err
	}
	ctx, span := n.tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "push message")
	defer span.End()
	span.SetTags(
		twinspan.String(twinspan.TagMethod, "push"),
		twinspan.String("push.text", fmt.Sprintf("【收款到账】%s 收到 %d.%02d 元", m.Name, p.Cents/100, p.Cents%100)),
	)
	pause(ctx, time.Millisecond, 8*time.Millisecond)
	if chance(0.03) {
		err := errors.New("push channel is not connected")
		span.SetError(err)
		return err
	}
	return nil
}
