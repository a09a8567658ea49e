package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	twinsql "github.com/twinspan/twinspan/sdk/contrib/sql"
	"modernc.org/sqlite"
)

// database is a service's SQLite database, traced and counted. Tracing is the one call of NewConnector.
type database struct {
	*sql.DB
	service *service
}

// openDatabase makes an empty database with a schema.
func (s *service) openDatabase(schema ...string) (*database, error) {
	dir := filepath.Join(s.data, "db")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, s.name+".db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	connector, err := twinsql.NewConnector(s.tracer, &sqlite.Driver{}, "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)",
		twinsql.Config{System: "sqlite", Database: s.name, OnlyBelow: true})
	if err != nil {
		return nil, err
	}
	db := &database{sql.OpenDB(connector), s}
	db.SetMaxOpenConns(1) // SQLite has one writer
	s.closers = append(s.closers, db.Close)
	for _, statement := range schema {
		if _, err := db.DB.ExecContext(context.Background(), statement); err != nil {
			return nil, fmt.Errorf("make the database: %q: %w", statement, err)
		}
	}
	return db, nil
}

// count counts one statement. Statements do not end with the request that they are for: what was begun is done.
func (d *database) count(ctx context.Context, query string, err error) {
	verb, _, _ := strings.Cut(query, " ")
	d.service.counts.add(edge{
		Side: "client", Caller: d.service.name, Callee: "sqlite:" + d.service.name, Type: "db", Operation: verb, LoadTest: loadTest(ctx),
	}, err != nil)
}

func (d *database) exec(ctx context.Context, query string, args ...any) error {
	_, err := d.DB.ExecContext(context.WithoutCancel(ctx), query, args...)
	d.count(ctx, query, err)
	return err
}

// row reads one row into the places.
func (d *database) row(ctx context.Context, query string, args []any, places ...any) error {
	return d.scan(ctx, d.DB, query, args, places)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (d *database) scan(ctx context.Context, q querier, query string, args, places []any) error {
	rows, err := q.QueryContext(context.WithoutCancel(ctx), query, args...)
	d.count(ctx, query, err)
	if err != nil {
		return err
	}
	if !rows.Next() {
		return errors.Join(cmp.Or(rows.Err(), sql.ErrNoRows), rows.Close())
	}
	return errors.Join(rows.Scan(places...), rows.Close())
}

// transaction is a database's, counted in the same way.
type transaction struct {
	tx *sql.Tx
	db *database
}

// do runs fn in a transaction, which is committed if fn gives nil.
func (d *database) do(ctx context.Context, fn func(*transaction) error) error {
	tx, err := d.DB.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	if err := fn(&transaction{tx, d}); err != nil {
		d.count(ctx, "ROLLBACK", tx.Rollback())
		return err
	}
	err = tx.Commit()
	d.count(ctx, "COMMIT", err)
	return err
}

func (t *transaction) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.ExecContext(context.WithoutCancel(ctx), query, args...)
	t.db.count(ctx, query, err)
	return err
}

func (t *transaction) row(ctx context.Context, query string, args []any, places ...any) error {
	return t.db.scan(ctx, t.tx, query, args, places)
}
