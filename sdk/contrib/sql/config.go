package twinsql

import (
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Config describes the database behind a driver.
type Config struct {
	// System is the database's type, such as "mysql", "postgresql", "sqlite".
	System string
	// Database is the database's name.
	Database string
	// Endpoint is the server's "host:port", "" for an embedded database. It is not looked up.
	Endpoint string
	// KeepLiterals logs statements as they are. Without it literals are replaced by "?".
	KeepLiterals bool
	// SkipTransactions makes no spans of COMMIT and ROLLBACK. (BEGIN never has one: most drivers send nothing for it.)
	SkipTransactions bool
	// OnlyBelow makes spans only where the context carries one, so that statements outside of requests begin no traces.
	OnlyBelow bool
}

// tracing is what all wrappers of one pool share.
type tracing struct {
	tracer     *twinspan.Tracer
	config     Config
	remoteApp  string
	statements statements
}

func newTracing(tracer *twinspan.Tracer, c Config) *tracing {
	t := &tracing{tracer: tracer, config: c, remoteApp: c.System + ":" + c.Database}
	t.statements.keepLiterals = c.KeepLiterals
	switch strings.ToLower(c.System) {
	case "mysql", "mariadb", "tidb", "oceanbase":
		t.statements.doubleQuoted = true
	}
	return t
}
