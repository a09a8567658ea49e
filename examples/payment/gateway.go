package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// order is what a customer wants to pay.
type order struct {
	ID       string `json:"id"`
	User     string `json:"user"`
	Merchant string `json:"merchant"`
	Cents    int64  `json:"cents"`
	Coupon   string `json:"coupon"`
	Channel  string `json:"channel"`
}

type balance struct {
	User  string `json:"user"`
	Cents int64  `json:"cents"`
}

// gateway is where requests come in: it knows the session and hands over to the services behind it.
type gateway struct {
	*service
	account  *grpc.ClientConn
	sessions *cache
}

func newGateway(s *service) (parts, error) {
	account, err := s.dial("account")
	if err != nil {
		return parts{}, err
	}
	g := &gateway{s, account, s.newCache("session")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/pay", g.pay)
	mux.HandleFunc("GET /api/trades/{id}", g.trade)
	mux.HandleFunc("POST /api/trades/{id}/refund", g.refund)
	mux.HandleFunc("GET /api/balance/{user}", g.balance)
	return parts{web: mux}, nil
}

func (g *gateway) pay(w http.ResponseWriter, r *http.Request) {
	var o order
	if !readJSON(w, r, &o) || !g.authenticated(w, r, o.User) {
		return
	}
	ctx := r.Context()
	twinspan.SpanFromContext(ctx).SetTags(
		twinspan.String("user.id", o.User),
		twinspan.String("pay.channel", o.Channel),
		twinspan.Int("amount.cents", o.Cents),
	)
	var out trade
	if err := g.call(ctx, "trade", http.MethodPost, "/trades", "/trades", o, &out); err != nil {
		answerError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *gateway) trade(w http.ResponseWriter, r *http.Request) {
	if !g.authenticated(w, r, "") {
		return
	}
	var out trade
	if err := g.call(r.Context(), "trade", http.MethodGet, "/trades/{id}", "/trades/"+r.PathValue("id"), nil, &out); err != nil {
		answerError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *gateway) refund(w http.ResponseWriter, r *http.Request) {
	if !g.authenticated(w, r, "") {
		return
	}
	id := r.PathValue("id")
	if err := g.call(r.Context(), "trade", http.MethodPost, "/trades/{id}/refund", "/trades/"+id+"/refund", nil, nil); err != nil {
		answerError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (g *gateway) balance(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if !g.authenticated(w, r, user) {
		return
	}
	out, err := invoke[balance](r.Context(), g.account, "account.Account/Balance", balance{User: user})
	if err != nil {
		answerError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// authenticated looks the session up, in a span of its own; where there is none it has answered.
func (g *gateway) authenticated(w http.ResponseWriter, r *http.Request, user string) bool {
	ctx, span := g.tracer.Start(r.Context(), twinspan.Internal, twinspan.Biz, "authenticate")
	defer span.End()
	span.SetTag(twinspan.TagMethod, "authenticate")
	token := r.Header.Get("Authorization")
	if _, ok := g.sessions.get(ctx, token); !ok {
		if !strings.HasPrefix(token, "Bearer ") {
			span.Fail("no token")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return false
		}
		span.AddEvent("session opened", twinspan.String("user.id", user))
		g.sessions.set(ctx, token, user)
	}
	return true
}

// answerError answers with what went wrong behind.
func answerError(w http.ResponseWriter, err error) {
	var s *statusError
	code := http.StatusInternalServerError
	switch {
	case errors.As(err, &s) && s.status < 500:
		code = s.status
	case errors.As(err, &s):
		code = http.StatusBadGateway
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		code = http.StatusGatewayTimeout
	case status.Code(err) == codes.Unavailable:
		code = http.StatusServiceUnavailable
	case status.Code(err) == codes.FailedPrecondition:
		code = http.StatusConflict
	case status.Code(err) == codes.NotFound:
		code = http.StatusNotFound
	}
	http.Error(w, err.Error(), code)
}
