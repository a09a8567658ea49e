package main

import (
	"net/http"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// entry is one booking: so much from here to there.
type entry struct {
	Trade string `json:"trade"`
	Kind  string `json:"kind"`
	From  string `json:"from"`
	To    string `json:"to"`
	Cents int64  `json:"cents"`
}

// ledger books every movement twice, debit and credit. A constraint of the database keeps a booking from being made again.
type ledger struct {
	*service
	db *database
}

func newLedger(s *service) (parts, error) {
	db, err := s.openDatabase(
		`CREATE TABLE entry (trade TEXT, kind TEXT, side TEXT, account TEXT, cents INTEGER, UNIQUE (trade, kind, side))`)
	if err != nil {
		return parts{}, err
	}
	l := &ledger{s, db}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /entries", l.book)
	return parts{web: mux}, nil
}

func (l *ledger) book(w http.ResponseWriter, r *http.Request) {
	var e entry
	if !readJSON(w, r, &e) {
		return
	}
	ctx := r.Context()
	twinspan.SpanFromContext(ctx).SetTags(twinspan.String("entry.kind", e.Kind), twinspan.Int("amount.cents", e.Cents))
	err := l.db.do(ctx, func(tx *transaction) error {
		const insert = "INSERT INTO entry VALUES (?, ?, ?, ?, ?)"
		if err := tx.exec(ctx, insert, e.Trade, e.Kind, "debit", e.From, e.Cents); err != nil {
			return err
		}
		return tx.exec(ctx, insert, e.Trade, e.Kind, "credit", e.To, e.Cents)
	})
	switch {
	case err != nil && strings.Contains(err.Error(), "UNIQUE"):
		http.Error(w, "booked before: "+err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}
