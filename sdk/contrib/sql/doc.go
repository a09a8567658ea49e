// Package twinsql traces database/sql: it wraps a driver, so that every statement and transaction end of the pool is a
// client span, with or without a context. They are written to datasource-client-*.log.
//
//	connector, err := twinsql.NewConnector(tracer, driver, dsn, twinsql.Config{System: "mysql", Database: "ledger"})
//	db := sql.OpenDB(connector)
//
// Statements are logged with their literals replaced by "?": values belong to the database, not to a log. The package
// reads no rows.
package twinsql
