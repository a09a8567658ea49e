package twinsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

// The drivers of the tests: one with all context interfaces, one with the old ones, one with none but Prepare. They answer
// each query with one row, and fail where the statement says so.

var errQuery = errors.New("no such table: nowhere")

type result struct{}

func (result) LastInsertId() (int64, error) { return 1, nil }
func (result) RowsAffected() (int64, error) { return 1, nil }

type rows struct{ done bool }

func (*rows) Columns() []string { return []string{"n"} }
func (*rows) Close() error      { return nil }
func (r *rows) Next(to []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done, to[0] = true, int64(7)
	return nil
}

func fail(query string) error {
	if strings.Contains(query, "nowhere") {
		return errQuery
	}
	return nil
}

// onlyPrepare has what driver.Conn asks for and no more.
type onlyPrepare struct{}

func (onlyPrepare) Prepare(query string) (driver.Stmt, error) { return plainStmt{query}, nil }
func (onlyPrepare) Close() error                              { return nil }
func (onlyPrepare) Begin() (driver.Tx, error)                 { return fakeTx{}, nil }

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return errors.New("gone") }

type plainStmt struct{ query string }

func (plainStmt) Close() error                                 { return nil }
func (s plainStmt) NumInput() int                              { return strings.Count(s.query, "?") }
func (s plainStmt) Exec([]driver.Value) (driver.Result, error) { return result{}, fail(s.query) }
func (s plainStmt) Query(a []driver.Value) (driver.Rows, error) {
	if err := fail(s.query); err != nil {
		return nil, err
	}
	return &rows{}, nil
}

// old has Execer and Queryer, and wants EXEC statements with arguments to be prepared.
type old struct{ onlyPrepare }

func (old) Exec(query string, args []driver.Value) (driver.Result, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return result{}, fail(query)
}

func (old) Query(query string, _ []driver.Value) (driver.Rows, error) {
	return plainStmt{query}.Query(nil)
}

// full has the interfaces with contexts, and a converter of arguments.
type full struct{ onlyPrepare }

type contextStmt struct{ plainStmt }

func (s contextStmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return result{}, errors.Join(ctx.Err(), fail(s.query))
}

func (s contextStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return s.Query(nil)
}

func (contextStmt) ColumnConverter(int) driver.ValueConverter { return driver.String }

func (full) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	if strings.HasPrefix(query, "BAD") {
		return nil, errors.New("syntax error")
	}
	return contextStmt{plainStmt{query}}, nil
}

func (full) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	return result{}, fail(query)
}

func (full) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	return plainStmt{query}.Query(nil)
}

func (full) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return fakeTx{}, nil }
func (full) Ping(context.Context) error                                   { return errors.New("no ping") }
func (full) ResetSession(context.Context) error                           { return nil }
func (full) IsValid() bool                                                { return true }
func (full) CheckNamedValue(v *driver.NamedValue) error {
	if v.Value == "refused" {
		return errors.New("refused argument")
	}
	return driver.ErrSkip
}

type fakeDriver struct{ conn driver.Conn }

func (d fakeDriver) Open(string) (driver.Conn, error) { return d.conn, nil }

type fixture struct {
	*tracertest.Service
	db *sql.DB
}

func open(t *testing.T, conn driver.Conn, c Config) *fixture {
	t.Helper()
	service := tracertest.New(t, "ledger")
	c.System, c.Database = "fake", "ledger"
	connector, err := NewConnector(service.Tracer, fakeDriver{conn}, "dsn", c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{service, sql.OpenDB(connector)}
	t.Cleanup(func() {
		if err := f.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// lines gives "spanId sql result.code error" of all statements.
func (f *fixture) lines(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, line := range f.Lines(t, "datasource-client-digest.log") {
		tracertest.Check(t, "statement", line, map[string]any{"remote.app": "fake:ledger", "type": "db"})
		text := fmt.Sprint(line["spanId"], " ", line["sql"], " ", line["result.code"])
		if line["error"] != nil {
			text += fmt.Sprint(" ", line["error"])
		}
		all = append(all, text)
	}
	return all
}

// TestPaths runs every way to a statement on every sort of driver: the same statements, each with one span.
func TestPaths(t *testing.T) {
	for name, conn := range map[string]driver.Conn{"contexts": full{}, "old interfaces": old{}, "prepare only": onlyPrepare{}} {
		f := open(t, conn, Config{})
		ctx, root := f.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var n int
		must(f.db.QueryRowContext(ctx, "SELECT n FROM account WHERE id = ?", "1").Scan(&n))
		_, err := f.db.ExecContext(ctx, "UPDATE account SET n = 5 WHERE owner = 'x, y' AND id = ?", "1")
		must(err)
		if _, err = f.db.ExecContext(ctx, "DELETE FROM nowhere"); !errors.Is(err, errQuery) {
			t.Errorf("%s: %v", name, err)
		}
		s, err := f.db.PrepareContext(ctx, "INSERT INTO account VALUES (?)")
		must(err)
		_, err = s.ExecContext(ctx, "1")
		must(err)
		must(s.Close())
		s, err = f.db.PrepareContext(ctx, "SELECT 1 FROM nowhere")
		must(err)
		if _, err = s.QueryContext(ctx); !errors.Is(err, errQuery) {
			t.Errorf("%s: %v", name, err)
		}
		must(s.Close())
		tx, err := f.db.BeginTx(ctx, nil)
		must(err)
		_, err = tx.ExecContext(ctx, "UPDATE account SET n = 0")
		must(err)
		must(tx.Commit())
		tx, err = f.db.BeginTx(ctx, nil)
		must(err)
		if err := tx.Rollback(); err == nil {
			t.Errorf("%s: the rollback's failure is lost", name)
		}
		_, err = f.db.Exec("CREATE TABLE alone (n INT)") // without a context: a trace of its own
		must(err)
		root.End()
		want := []string{
			"0.1 SELECT n FROM account WHERE id = ? success",
			"0.2 UPDATE account SET n = ? WHERE owner = ? AND id = ? success",
			"0.3 DELETE FROM nowhere failed no such table: nowhere",
			"0.4 INSERT INTO account VALUES (?) success",
			"0.5 SELECT ? FROM nowhere failed no such table: nowhere",
			"0.6 UPDATE account SET n = ? success",
			"0.7 COMMIT success",
			"0.8 ROLLBACK failed gone",
			"0 CREATE TABLE alone (n INT) success",
		}
		got := f.lines(t)
		if name == "old interfaces" { // the skipped statement used up a number
			want[1] = "0.3" + want[1][3:]
			for i := 2; i < 8; i++ {
				want[i] = "0." + string(rune('2'+i)) + want[i][3:]
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestFailureToPrepare(t *testing.T) {
	f := open(t, full{}, Config{})
	if _, err := f.db.Prepare("BAD statement"); err == nil {
		t.Error("the failure is lost")
	}
	if got := f.lines(t); !slices.Equal(got, []string{"0 BAD statement failed syntax error"}) {
		t.Errorf("%q", got)
	}
}

// TestDriverKeepsItsSay checks what the driver decides: pings, arguments, transaction options.
func TestDriverKeepsItsSay(t *testing.T) {
	f := open(t, full{}, Config{})
	if err := f.db.PingContext(t.Context()); err == nil {
		t.Error("the driver's ping fails, and nobody hears of it")
	}
	if _, err := f.db.Exec("UPDATE account SET n = ?", "refused"); err == nil || !strings.Contains(err.Error(), "refused argument") {
		t.Errorf("the driver's check is not asked: %v", err)
	}
	s, err := f.db.Prepare("UPDATE account SET n = ?")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(5); err != nil { // driver.String converts it
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	o := open(t, onlyPrepare{}, Config{})
	if _, err := o.db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true}); err == nil {
		t.Error("a driver without BeginTx does not know read-only transactions")
	}
	if _, err := o.db.Exec("UPDATE account SET n = ?", sql.Named("n", 1)); err == nil {
		t.Error("a driver without contexts does not know named arguments")
	}
	if err := o.db.Ping(); err != nil {
		t.Error(err)
	}
	c, err := f.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Raw(func(conn any) error {
		if _, ok := conn.(interface{ Raw() driver.Conn }).Raw().(full); !ok {
			t.Error("the driver's own connection cannot be reached")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	f := open(t, full{}, Config{OnlyBelow: true, SkipTransactions: true, KeepLiterals: true})
	if _, err := f.db.Exec("DELETE FROM background"); err != nil {
		t.Fatal(err)
	}
	ctx, root := f.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM account\n WHERE id = 17"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	root.End()
	if got := f.lines(t); !slices.Equal(got, []string{"0.1 DELETE FROM account WHERE id = 17 success"}) {
		t.Errorf("%q", got)
	}
}

func TestWithoutTracer(t *testing.T) {
	connector, err := NewConnector(nil, fakeDriver{full{}}, "dsn", Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := connector.(dsnConnector); !ok {
		t.Errorf("a %T", connector)
	}
	if d := WrapDriver(nil, fakeDriver{full{}}, Config{}); d != (fakeDriver{full{}}) {
		t.Errorf("a %T", d)
	}
}

func TestStatements(t *testing.T) {
	tests := []struct{ query, text, operation string }{
		{"SELECT 1", "SELECT ?", "SELECT"},
		{"select a.b, 'it''s', \"Col 1\" from shop.account a1 where x=-1.5e-3 and y in (1,2,0x1F)",
			"select a.b, ?, \"Col 1\" from shop.account a1 where x=-? and y in (?,?,?)", "SELECT shop.account"},
		{"SELECT * FROM (SELECT id FROM inner_table) t", "SELECT * FROM (SELECT id FROM inner_table) t", "SELECT inner_table"},
		{"INSERT INTO `order` (id) VALUES ($1)", "INSERT INTO `order` (id) VALUES ($1)", "INSERT order"},
		{"INSERT OR REPLACE INTO t1 VALUES (?1, :name, @p2)", "INSERT OR REPLACE INTO t1 VALUES (?1, :name, @p2)", "INSERT t1"},
		{"UPDATE ONLY account SET a = 'x\\'y'", "UPDATE ONLY account SET a = ?", "UPDATE account"},
		{"DELETE FROM account -- with 'secret'\nWHERE id = 7", "DELETE FROM account WHERE id = ?", "DELETE account"},
		{"/* app=pay 17 */ CREATE TABLE IF NOT EXISTS t2 (id INT)", "CREATE TABLE IF NOT EXISTS t2 (id INT)", "CREATE t2"},
		{"WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT ?) SELECT * FROM x", "WITH x"},
		{"SELECT $tag$secret$tag$ FROM t", "SELECT ? FROM t", "SELECT t"},
		{"SELECT N'x', E'\\n', :1, a1 FROM t", "SELECT N?, E?, :1, a1 FROM t", "SELECT t"},
		{"SELECT 'open", "SELECT ?", "SELECT"},
		{"  BEGIN ;", "BEGIN ;", "BEGIN"},
		{"CALL settle(17)", "CALL settle(?)", "CALL settle"},
		{"", "", "SQL"},
		{"SELECT a\t|| b\r\n  FROM t3", "SELECT a || b FROM t3", "SELECT t3"},
	}
	for _, tt := range tests {
		if got := new(statements).normalize(tt.query); got != tt.text {
			t.Errorf("%q: %q, want %q", tt.query, got, tt.text)
		}
		if got := summarize(tt.query); got != tt.operation {
			t.Errorf("%q: operation %q, want %q", tt.query, got, tt.operation)
		}
	}
	if got := (&statements{keepLiterals: true}).normalize("SELECT 'a'\r\n|  'b'  "); got != "SELECT 'a' 'b'" {
		t.Errorf("with literals: %q", got)
	}
	if got := new(statements).normalize(strings.Repeat("張", 5000)); len(got) > maxSQL+4 || !strings.HasSuffix(got, "張 ...") {
		t.Errorf("%d bytes", len(got))
	}
	mysql := newTracing(nil, Config{System: "MySQL"})
	if got := mysql.statements.describe(`SELECT "secret" FROM t`).text; got != "SELECT ? FROM t" {
		t.Errorf("MySQL: %q", got)
	}
	var s statements
	for i := range 3 * maxKnown {
		s.describe("SELECT " + strings.Repeat("a", i%2000))
	}
	if len(s.known) > maxKnown {
		t.Errorf("%d statements are remembered", len(s.known))
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("SELECT 'a''b' FROM \"t\" -- x\n WHERE $a$b$a$ /* c */ = 1.5e-3 AND `x` = N'x'")
	f.Fuzz(func(t *testing.T, query string) {
		text := new(statements).normalize(query)
		if len(text) > maxSQL+len(" ...")+3 || strings.ContainsAny(text, "\r\n") {
			t.Errorf("%q gives %q", query, text)
		}
		summarize(query)
	})
}
