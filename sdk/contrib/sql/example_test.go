package twinsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinsql "github.com/twinspan/twinspan/sdk/contrib/sql"
)

func ExampleNewConnector() {
	var (
		tracer      *twinspan.Tracer // twinspan.New(...)
		mysqlDriver driver.Driver    // &mysql.MySQLDriver{}
	)
	connector, err := twinsql.NewConnector(tracer, mysqlDriver, "user:password@tcp(10.0.0.7:3306)/ledger",
		twinsql.Config{System: "mysql", Database: "ledger", Endpoint: "10.0.0.7:3306"})
	if err != nil {
		panic(err)
	}
	db := sql.OpenDB(connector)
	query := func(ctx context.Context) (*sql.Rows, error) { // ctx of the request: its span is the parent
		return db.QueryContext(ctx, "SELECT balance FROM account WHERE id = ?", 17)
	}
	_ = query
}
