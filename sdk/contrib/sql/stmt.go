package twinsql

import (
	"context"
	"database/sql/driver"
	"time"
)

// stmt wraps a prepared statement.
type stmt struct {
	base  driver.Stmt
	conn  *conn
	query string
}

// convertingStmt is a stmt whose driver converts arguments itself: database/sql asks for that by type.
type convertingStmt struct {
	*stmt
	converter driver.ColumnConverter //nolint:staticcheck // drivers that have nothing newer
}

// ColumnConverter is driver.ColumnConverter's.
func (s *convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	return s.converter.ColumnConverter(i)
}

func wrapStmt(c *conn, base driver.Stmt, query string) driver.Stmt {
	s := &stmt{base: base, conn: c, query: query}
	if converter, ok := base.(driver.ColumnConverter); ok { //nolint:staticcheck // see convertingStmt
		return &convertingStmt{s, converter}
	}
	return s
}

// Close is driver.Stmt's.
func (s *stmt) Close() error { return s.base.Close() }

// NumInput is driver.Stmt's.
func (s *stmt) NumInput() int { return s.base.NumInput() }

// Exec is driver.Stmt's; database/sql calls ExecContext.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	begin := time.Now()
	_, span := s.conn.start(context.Background(), s.query)
	result, err := s.base.Exec(args) //nolint:staticcheck // the interface asks for it
	end(span, begin, err)
	return result, err
}

// Query is driver.Stmt's; database/sql calls QueryContext.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	begin := time.Now()
	_, span := s.conn.start(context.Background(), s.query)
	rows, err := s.base.Query(args) //nolint:staticcheck // the interface asks for it
	end(span, begin, err)
	return rows, err
}

// ExecContext is driver.StmtExecContext's.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	begin := time.Now()
	ctx, span := s.conn.start(ctx, s.query)
	var result driver.Result
	var err error
	if withContext, ok := s.base.(driver.StmtExecContext); ok {
		result, err = withContext.ExecContext(ctx, args)
	} else {
		var values []driver.Value
		if values, err = plain(ctx, args); err == nil {
			result, err = s.base.Exec(values) //nolint:staticcheck // the driver has nothing newer
		}
	}
	end(span, begin, err)
	return result, err
}

// QueryContext is driver.StmtQueryContext's.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	begin := time.Now()
	ctx, span := s.conn.start(ctx, s.query)
	var rows driver.Rows
	var err error
	if withContext, ok := s.base.(driver.StmtQueryContext); ok {
		rows, err = withContext.QueryContext(ctx, args)
	} else {
		var values []driver.Value
		if values, err = plain(ctx, args); err == nil {
			rows, err = s.base.Query(values) //nolint:staticcheck // the driver has nothing newer
		}
	}
	end(span, begin, err)
	return rows, err
}

// CheckNamedValue is driver.NamedValueChecker's: the statement's own, else the connection's, as database/sql asks them.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := s.base.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}
