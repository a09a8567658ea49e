package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// payment is money on its way from a user to a merchant.
type payment struct {
	Trade        string `json:"trade"`
	User         string `json:"user"`
	Merchant     string `json:"merchant"`
	MerchantName string `json:"merchantName"`
	Cents        int64  `json:"cents"`
	Channel      string `json:"channel"`
}

// payments moves money: it debits the account, writes the ledger and tells the queue.
type payments struct {
	*service
	account *grpc.ClientConn
}

func newPayment(s *service) (parts, error) {
	account, err := s.dial("account")
	if err != nil {
		return parts{}, err
	}
	p := &payments{s, account}
	return parts{rpc: rpc("payment.Payment", method("Pay", p.pay), method("Refund", p.refund))}, nil
}

func (s *payments) pay(ctx context.Context, p *payment) (*payment, error) {
	twinspan.SpanFromContext(ctx).SetTags(
		twinspan.String("trade.id", p.Trade),
		twinspan.String("merchant.name", p.MerchantName),
		twinspan.String("pay.channel", p.Channel),
		twinspan.Int("amount.cents", p.Cents),
	)
	if chance(0.03) {
		return nil, status.Error(codes.Unavailable, "payment is moving to another data center")
	}
	if err := s.route(ctx, p); err != nil {
		return nil, err
	}
	if _, err := invoke[balance](ctx, s.account, "account.Account/Debit", p); err != nil {
		return nil, err
	}
	if err := s.book(ctx, p, "PAY"); err != nil {
		return nil, err
	}
	if err := s.send(ctx, *p); err != nil {
		// The payment stands; a job that is not part of this example sends what is missing.
		twinspan.SpanFromContext(ctx).AddEvent("message postponed", twinspan.String("reason", err.Error()))
	}
	return p, nil
}

// route chooses the channel that the money goes through, in a span of its own.
func (s *payments) route(ctx context.Context, p *payment) error {
	_, span := s.tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "route channel")
	defer span.End()
	span.SetTags(twinspan.String(twinspan.TagMethod, "route"), twinspan.String("pay.channel", p.Channel), twinspan.Bool("limit.checked", true))
	pause(ctx, 100*time.Microsecond, time.Millisecond)
	if chance(0.004) {
		err := status.Error(codes.Internal, "no route for channel "+p.Channel)
		span.SetError(err)
		return err
	}
	return nil
}

// book writes the ledger, now and then twice, as after an answer that was lost. An entry that is there is no mistake.
func (s *payments) book(ctx context.Context, p *payment, kind string) error {
	times := 1
	if chance(0.02) {
		times = 2
	}
	for range times {
		err := s.call(ctx, "ledger", http.MethodPost, "/entries", "/entries", entry{Trade: p.Trade, Kind: kind, From: p.User, To: p.Merchant, Cents: p.Cents}, nil)
		var answer *statusError
		if errors.As(err, &answer) && answer.status == http.StatusConflict {
			continue
		}
		if err != nil {
			return status.Error(codes.Aborted, err.Error())
		}
	}
	return nil
}

func (s *payments) refund(ctx context.Context, p *payment) (*payment, error) {
	if err := s.book(ctx, p, "REFUND"); err != nil {
		return nil, err
	}
	if _, err := invoke[balance](ctx, s.account, "account.Account/Credit", p); err != nil {
		return nil, err
	}
	return p, nil
}
