package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// accounts keeps balances. An account that is not there yet is opened with some money.
type accounts struct {
	*service
	db *database
}

func newAccount(s *service) (parts, error) {
	db, err := s.openDatabase(
		`CREATE TABLE account (user TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))`,
		// All of the traffic's users but the last five, who have to pay once before they have a balance.
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (VALUES (1000) UNION ALL SELECT i+1 FROM n WHERE i < 1144)
			INSERT INTO account SELECT 'u' || i, %d FROM n`, openingCents))
	if err != nil {
		return parts{}, err
	}
	a := &accounts{s, db}
	return parts{rpc: rpc("account.Account", method("Debit", a.debit), method("Credit", a.credit), method("Balance", a.balance))}, nil
}

const openingCents = 2_000_00

func (a *accounts) debit(ctx context.Context, p *payment) (*balance, error) {
	twinspan.SpanFromContext(ctx).SetTags(twinspan.String("user.id", p.User), twinspan.Int("amount.cents", p.Cents))
	if chance(0.01) {
		pause(ctx, 80*time.Millisecond, 200*time.Millisecond) // a hot account
	}
	return a.change(ctx, p.User, -p.Cents)
}

func (a *accounts) credit(ctx context.Context, p *payment) (*balance, error) {
	return a.change(ctx, p.User, p.Cents)
}

// change adds to a balance. The database refuses one below zero.
func (a *accounts) change(ctx context.Context, user string, cents int64) (*balance, error) {
	out := &balance{User: user}
	err := a.db.do(ctx, func(tx *transaction) error {
		err := tx.row(ctx, "SELECT cents FROM account WHERE user = ?", []any{user}, &out.Cents)
		if errors.Is(err, sql.ErrNoRows) {
			out.Cents = openingCents
			err = tx.exec(ctx, "INSERT INTO account VALUES (?, ?)", user, out.Cents)
		}
		if err != nil {
			return err
		}
		out.Cents += cents
		return tx.exec(ctx, "UPDATE account SET cents = ? WHERE user = ?", out.Cents, user)
	})
	switch {
	case err != nil && out.Cents < 0:
		return nil, status.Errorf(codes.FailedPrecondition, "余额不足: the balance of %s is too low", user)
	case err != nil:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return out, nil
}

func (a *accounts) balance(ctx context.Context, in *balance) (*balance, error) {
	out := &balance{User: in.User}
	err := a.db.row(ctx, "SELECT cents FROM account WHERE user = ?", []any{in.User}, &out.Cents)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, status.Errorf(codes.NotFound, "there is no account of %s", in.User)
	case err != nil:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return out, nil
}
