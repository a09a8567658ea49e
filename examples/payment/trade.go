package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// trade is an order on its way.
type trade struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	Cents        int64  `json:"cents"`
	User         string `json:"user"`
	Merchant     string `json:"merchant"`
	MerchantName string `json:"merchantName"`
}

// trades makes orders into payments. It asks merchant, coupon and risk at the same time.
type trades struct {
	*service
	db            *database
	risk, payment *grpc.ClientConn
}

func newTrade(s *service) (parts, error) {
	db, err := s.openDatabase(`CREATE TABLE trade (id TEXT PRIMARY KEY, user TEXT, merchant TEXT, merchant_name TEXT, cents INTEGER, status TEXT)`)
	if err != nil {
		return parts{}, err
	}
	risk, err := s.dial("risk")
	if err != nil {
		return parts{}, err
	}
	payment, err := s.dial("payment")
	if err != nil {
		return parts{}, err
	}
	t := &trades{s, db, risk, payment}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /trades", t.create)
	mux.HandleFunc("GET /trades/{id}", t.get)
	mux.HandleFunc("POST /trades/{id}/refund", t.refund)
	return parts{web: mux}, nil
}

func (t *trades) create(w http.ResponseWriter, r *http.Request) {
	var o order
	if !readJSON(w, r, &o) {
		return
	}
	ctx := r.Context()
	if err := t.validate(ctx, o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tr := trade{ID: o.ID, Status: "CREATED", Cents: o.Cents, User: o.User, Merchant: o.Merchant}
	if err := t.prepare(ctx, o, &tr); err != nil {
		answerError(w, err)
		return
	}
	twinspan.SpanFromContext(ctx).SetTags(twinspan.String("trade.id", tr.ID), twinspan.String("merchant.name", tr.MerchantName))
	if err := t.db.exec(ctx, "INSERT INTO trade VALUES (?, ?, ?, ?, ?, ?)", tr.ID, tr.User, tr.Merchant, tr.MerchantName, tr.Cents, tr.Status); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	err := t.pay(ctx, payment{Trade: tr.ID, User: o.User, Merchant: o.Merchant, MerchantName: tr.MerchantName, Cents: tr.Cents, Channel: o.Channel})
	tr.Status = "PAID"
	if err != nil {
		tr.Status = "FAILED"
	}
	if err := t.db.exec(ctx, "UPDATE trade SET status = ? WHERE id = ?", tr.Status, tr.ID); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err != nil {
		answerError(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, tr)
}

func (t *trades) validate(ctx context.Context, o order) error {
	_, span := t.tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "validate order")
	defer span.End()
	span.SetTags(twinspan.String(twinspan.TagMethod, "validate"), twinspan.String("order.id", o.ID))
	pause(ctx, 50*time.Microsecond, 500*time.Microsecond)
	if o.Cents <= 0 {
		err := fmt.Errorf("amount is %d cents, want more than 0", o.Cents)
		span.SetError(err)
		return err
	}
	span.AddEvent("validated", twinspan.Int("amount.cents", o.Cents))
	return nil
}

// prepare asks three services side by side. Without the merchant there is no trade; without coupon it is dearer; a risk
// check that takes too long is made up for later.
func (t *trades) prepare(ctx context.Context, o order, tr *trade) error {
	var asked sync.WaitGroup
	var m merchantInfo
	var discount couponAnswer
	var merchantErr, riskErr error
	asked.Go(func() {
		merchantErr = t.call(ctx, "merchant", http.MethodGet, "/merchants/{id}", "/merchants/"+o.Merchant, nil, &m)
	})
	if o.Coupon != "" {
		asked.Go(func() {
			err := t.call(ctx, "coupon", http.MethodPost, "/coupons/{id}/redeem", "/coupons/"+o.Coupon+"/redeem", o, &discount)
			if err != nil {
				twinspan.SpanFromContext(ctx).AddEvent("no discount", twinspan.String("reason", err.Error()))
			}
		})
	}
	asked.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		defer cancel()
		_, riskErr = invoke[riskAnswer](ctx, t.risk, "risk.Risk/Check", o)
	})
	asked.Wait()
	switch {
	case merchantErr != nil:
		return merchantErr
	case status.Code(riskErr) == codes.DeadlineExceeded:
		twinspan.SpanFromContext(ctx).AddEvent("risk check postponed", twinspan.String("order.id", o.ID))
	case riskErr != nil:
		return riskErr
	}
	tr.MerchantName = m.Name
	tr.Cents = max(o.Cents-discount.Cents, 1)
	return nil
}

// pay tries again while payment is unavailable, as one may because payment knows a trade that it has paid.
func (t *trades) pay(ctx context.Context, p payment) error {
	var err error
	for attempt := range 3 {
		if attempt > 0 {
			twinspan.SpanFromContext(ctx).AddEvent("retry", twinspan.Int("attempt", int64(attempt+1)))
			pause(ctx, time.Duration(attempt)*5*time.Millisecond, time.Duration(attempt)*15*time.Millisecond)
		}
		if _, err = invoke[payment](ctx, t.payment, "payment.Payment/Pay", p); status.Code(err) != codes.Unavailable {
			return err
		}
	}
	return err
}

func (t *trades) get(w http.ResponseWriter, r *http.Request) {
	var tr trade
	err := t.read(r.Context(), r.PathValue("id"), &tr)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.Error(w, "there is no such trade", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		writeJSON(w, http.StatusOK, tr)
	}
}

func (t *trades) read(ctx context.Context, id string, tr *trade) error {
	return t.db.row(ctx, "SELECT id, user, merchant, merchant_name, cents, status FROM trade WHERE id = ?", []any{id},
		&tr.ID, &tr.User, &tr.Merchant, &tr.MerchantName, &tr.Cents, &tr.Status)
}

func (t *trades) refund(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var tr trade
	if err := t.read(ctx, r.PathValue("id"), &tr); err != nil {
		http.Error(w, "there is no such trade", http.StatusNotFound)
		return
	}
	if tr.Status != "PAID" {
		http.Error(w, "the trade is "+tr.Status, http.StatusConflict)
		return
	}
	if _, err := invoke[payment](ctx, t.payment, "payment.Payment/Refund", payment{Trade: tr.ID, User: tr.User, Merchant: tr.Merchant, Cents: tr.Cents}); err != nil {
		answerError(w, err)
		return
	}
	if err := t.db.exec(ctx, "UPDATE trade SET status = ? WHERE id = ?", "REFUNDED", tr.ID); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
