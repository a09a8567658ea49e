package twinsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinsql "github.com/twinspan/twinspan/sdk/contrib/sql"
)

// ledger stands for a driver such as &mysql.MySQLDriver{}.
type ledger struct{}

func (ledger) Open(string) (driver.Conn, error)    { return ledger{}, nil }
func (ledger) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (ledger) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (ledger) Close() error                        { return nil }

func (ledger) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

func ExampleNewConnector() {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config := twinspan.DefaultConfig("payment")
	config.LogDir = dir
	tracer, err := twinspan.New(config)
	if err != nil {
		panic(err)
	}

	connector, err := twinsql.NewConnector(tracer, ledger{}, "user:password@tcp(10.0.0.7:3306)/ledger",
		twinsql.Config{System: "mysql", Database: "ledger", Endpoint: "10.0.0.7:3306"})
	if err != nil {
		panic(err)
	}
	db := sql.OpenDB(connector)
	// The context of the request: its span is the parent.
	if _, err := db.ExecContext(context.Background(), "UPDATE account SET balance = balance - ? WHERE id = ?", 12, 17); err != nil {
		panic(err)
	}
	if err := errors.Join(db.Close(), tracer.Close()); err != nil {
		panic(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "datasource-client-digest.log"))
	fmt.Println(strings.Count(string(text), "\n"), strings.Contains(string(text), "UPDATE account"), err)
	// Output: 1 true <nil>
}
