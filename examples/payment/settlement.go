package main

import (
	"context"
	"time"

	"net/http"
)

// settlement pays merchants out: it notes each payment and asks the bank for some. The bank is slower than it should be.
type settlement struct {
	*service
	db *database
}

func newSettlement(s *service) (parts, error) {
	db, err := s.openDatabase(`CREATE TABLE settlement (trade TEXT, merchant TEXT, cents INTEGER, paid_out INTEGER)`)
	if err != nil {
		return parts{}, err
	}
	x := &settlement{s, db}
	return parts{run: func(ctx context.Context) { s.consume(ctx, x.settle) }}, nil
}

func (x *settlement) settle(ctx context.Context, p payment) error {
	if err := x.db.exec(ctx, "INSERT INTO settlement VALUES (?, ?, ?, 0)", p.Trade, p.Merchant, p.Cents); err != nil {
		return err
	}
	if p.Cents%4 != 0 || loadTest(ctx) { // shadow traffic moves no money
		return nil
	}
	inner, cancel := context.WithTimeout(ctx, 150*time.Millisecond)
	defer cancel()
	if err := x.call(inner, "bank", http.MethodPost, "/transfers", "/transfers", p, nil); err != nil {
		return err
	}
	return x.db.exec(ctx, "UPDATE settlement SET paid_out = 1 WHERE trade = ?", p.Trade)
}
