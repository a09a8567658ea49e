package twinsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// conn wraps a connection. It implements all optional interfaces; for those that the driver does not have it does what
// database/sql would do without them.
type conn struct {
	base      driver.Conn
	tracing   *tracing
	establish time.Duration // of the connection, until the first statement took it
}

// Raw gives the driver's own connection, for sql.Conn.Raw.
func (c *conn) Raw() driver.Conn { return c.base }

// start begins a statement's span. It gives nil where none is wanted, which does nothing.
func (c *conn) start(ctx context.Context, query string) (context.Context, *twinspan.Span) {
	t := c.tracing
	if t.config.OnlyBelow && twinspan.SpanFromContext(ctx) == nil {
		return ctx, nil
	}
	s := t.statements.describe(query)
	ctx, span := t.tracer.Start(ctx, twinspan.Client, twinspan.SQLClient, s.operation)
	span.SetTags(
		twinspan.String(twinspan.TagDatabase, t.config.Database),
		twinspan.String(twinspan.TagSQL, s.text),
		twinspan.String(twinspan.TagDatabaseType, t.config.System),
		twinspan.String(twinspan.TagEndpoint, t.config.Endpoint),
	)
	span.SetRemoteApp(t.remoteApp)
	if t.config.Endpoint != "" {
		span.SetRemote(t.config.Endpoint)
	}
	if c.establish > 0 {
		span.SetTag(twinspan.TagEstablishCost, cost(c.establish))
		c.establish = 0 // database/sql uses a connection from one goroutine at a time
	}
	return ctx, span
}

// end ends a statement's span. What the driver did not do, because it wants the other way, leaves none.
func end(span *twinspan.Span, begin time.Time, err error) {
	if errors.Is(err, driver.ErrSkip) {
		span.Discard()
		return
	}
	span.SetTag(twinspan.TagExecuteCost, cost(time.Since(begin)))
	span.SetError(err)
	span.End()
}

func cost(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// Prepare is driver.Conn's.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	s, err := c.base.Prepare(query)
	if err != nil {
		return nil, err
	}
	return wrapStmt(c, s, query), nil
}

// PrepareContext is driver.ConnPrepareContext's. Preparing has no span; a failure to prepare has one: the statement failed.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	begin := time.Now()
	s, err := c.prepare(ctx, query)
	if err != nil {
		if !errors.Is(err, driver.ErrBadConn) { // database/sql tries again on another connection
			_, span := c.start(ctx, query)
			end(span, begin, err)
		}
		return nil, err
	}
	return wrapStmt(c, s, query), nil
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.base.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.base.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close() // as database/sql does; the context's error is what counts
		return nil, ctx.Err()
	}
	return s, err
}

// ExecContext is driver.ExecerContext's.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	withContext, ok := c.base.(driver.ExecerContext)
	without, old := c.base.(driver.Execer) //nolint:staticcheck // drivers that have nothing newer
	if !ok && !old {
		return nil, driver.ErrSkip
	}
	begin := time.Now()
	ctx, span := c.start(ctx, query)
	var result driver.Result
	var err error
	if ok {
		result, err = withContext.ExecContext(ctx, query, args)
	} else {
		var values []driver.Value
		if values, err = plain(ctx, args); err == nil {
			result, err = without.Exec(query, values)
		}
	}
	end(span, begin, err)
	return result, err
}

// QueryContext is driver.QueryerContext's.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	withContext, ok := c.base.(driver.QueryerContext)
	without, old := c.base.(driver.Queryer) //nolint:staticcheck // drivers that have nothing newer
	if !ok && !old {
		return nil, driver.ErrSkip
	}
	begin := time.Now()
	ctx, span := c.start(ctx, query)
	var rows driver.Rows
	var err error
	if ok {
		rows, err = withContext.QueryContext(ctx, query, args)
	} else {
		var values []driver.Value
		if values, err = plain(ctx, args); err == nil {
			rows, err = without.Query(query, values)
		}
	}
	end(span, begin, err)
	return rows, err
}

// errNamed is what database/sql itself says.
var errNamed = errors.New("sql: driver does not support the use of Named Parameters")

// plain gives arguments as drivers without contexts take them.
func plain(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errNamed
		}
		values[i] = a.Value
	}
	return values, nil
}

// Begin is driver.Conn's.
func (c *conn) Begin() (driver.Tx, error) {
	base, err := c.base.Begin() //nolint:staticcheck // database/sql calls BeginTx
	if err != nil {
		return nil, err
	}
	return &tx{base: base, conn: c, ctx: context.Background()}, nil
}

// BeginTx is driver.ConnBeginTx's.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	base, err := c.begin(ctx, o)
	if err != nil {
		return nil, err
	}
	return &tx{base: base, conn: c, ctx: ctx}, nil
}

func (c *conn) begin(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.base.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, o)
	}
	// What database/sql does for drivers without BeginTx.
	if o.Isolation != 0 {
		return nil, errors.New("sql: driver does not support non-default isolation level")
	}
	if o.ReadOnly {
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	t, err := c.base.Begin() //nolint:staticcheck // the driver has nothing newer
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback()
		return nil, ctx.Err()
	}
	return t, err
}

// Close is driver.Conn's.
func (c *conn) Close() error { return c.base.Close() }

// Ping is driver.Pinger's.
func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.base.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// ResetSession is driver.SessionResetter's.
func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.base.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid is driver.Validator's.
func (c *conn) IsValid() bool {
	if v, ok := c.base.(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

// CheckNamedValue is driver.NamedValueChecker's.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.base.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// tx wraps a transaction. Its end belongs to the context in which it began.
type tx struct {
	base driver.Tx
	conn *conn
	ctx  context.Context
}

// Commit is driver.Tx's.
func (t *tx) Commit() error { return t.end("COMMIT", t.base.Commit) }

// Rollback is driver.Tx's.
func (t *tx) Rollback() error { return t.end("ROLLBACK", t.base.Rollback) }

func (t *tx) end(verb string, do func() error) error {
	if t.conn.tracing.config.SkipTransactions {
		return do()
	}
	begin := time.Now()
	_, span := t.conn.start(t.ctx, verb)
	err := do()
	end(span, begin, err)
	return err
}
