package main

import (
	"context"
	"net/http"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc"
)

// spec is one row of the table of services.
type spec struct {
	name, about string
	// untraced processes stand for what one does not own: they write no logs of Twinspan's.
	untraced bool
	// tune changes the tracer's defaults, to show that services with different settings work together.
	tune func(*twinspan.Config)
	make func(*service) (parts, error)
}

// parts is what a service is made of: what it serves, over HTTP or over gRPC, and what it does by itself.
type parts struct {
	web http.Handler
	rpc []*grpc.ServiceDesc
	// run works until ctx is done, such as the consumer of a queue.
	run func(ctx context.Context)
}

// system is the payment system:
//
//	gateway ── trade ──┬── merchant                    (queue)
//	   │         │     ├── coupon                     ↗      ↘
//	   │         │     └── risk             payment ─┘  ┌── notify ── merchant
//	account      └── payment ──┬── account              └── settlement ── (bank)
//	                           └── ledger
func system() []spec {
	return []spec{
		{name: "queue", about: "message broker (not traced)", untraced: true, make: newQueue},
		{name: "bank", about: "a bank's gateway, somebody else's (not traced)", untraced: true, make: newBank},
		{name: "merchant", about: "HTTP, SQL, cache: who is paid", make: newMerchant},
		{name: "coupon", about: "HTTP, cache: discounts; writes its logs as text", make: newCoupon,
			tune: func(c *twinspan.Config) { c.Format = twinspan.Text }},
		{name: "risk", about: "gRPC, cache: may this be paid? Slow now and then", make: newRisk},
		{name: "account", about: "gRPC, SQL: balances", make: newAccount},
		{name: "ledger", about: "HTTP, SQL: double entry; its server spans have ids of their own", make: newLedger,
			tune: func(c *twinspan.Config) { c.ServerSpanID = twinspan.ChildSpanID }},
		{name: "payment", about: "gRPC: moves the money and tells the queue", make: newPayment},
		{name: "trade", about: "HTTP, SQL: orders", make: newTrade},
		{name: "gateway", about: "HTTP: where requests come in", make: newGateway},
		{name: "notify", about: "consumer: tells the merchant", make: newNotify},
		{name: "settlement", about: "consumer, SQL: pays out through the bank", make: newSettlement},
	}
}
