package twinsql

import (
	"context"
	"database/sql/driver"
	"io"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// NewConnector wraps a driver, for sql.OpenDB. The name is what the driver takes, such as a DSN.
func NewConnector(tracer *twinspan.Tracer, d driver.Driver, name string, c Config) (driver.Connector, error) {
	if opener, ok := d.(driver.DriverContext); ok {
		base, err := opener.OpenConnector(name)
		if err != nil {
			return nil, err
		}
		return WrapConnector(tracer, base, c), nil
	}
	return WrapConnector(tracer, dsnConnector{d, name}, c), nil
}

// WrapConnector wraps a connector that the driver's own package made. With a nil tracer it gives base.
func WrapConnector(tracer *twinspan.Tracer, base driver.Connector, c Config) driver.Connector {
	if tracer == nil {
		return base
	}
	return &connector{base: base, tracing: newTracing(tracer, c)}
}

// WrapDriver wraps a driver, for sql.Register under a name of its own. All databases opened by it are logged as the one
// that c describes.
func WrapDriver(tracer *twinspan.Tracer, d driver.Driver, c Config) driver.Driver {
	if tracer == nil {
		return d
	}
	return &wrappedDriver{base: d, tracer: tracer, config: c}
}

type wrappedDriver struct {
	base   driver.Driver
	tracer *twinspan.Tracer
	config Config
}

// Open is driver.Driver's; database/sql uses OpenConnector.
func (d *wrappedDriver) Open(name string) (driver.Conn, error) {
	c, err := d.OpenConnector(name)
	if err != nil {
		return nil, err
	}
	return c.Connect(context.Background())
}

// OpenConnector is driver.DriverContext's.
func (d *wrappedDriver) OpenConnector(name string) (driver.Connector, error) {
	return NewConnector(d.tracer, d.base, name, d.config)
}

// dsnConnector is for drivers that have none.
type dsnConnector struct {
	driver driver.Driver
	name   string
}

// Connect is driver.Connector's.
func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }

// Driver is driver.Connector's.
func (c dsnConnector) Driver() driver.Driver { return c.driver }

type connector struct {
	base    driver.Connector
	tracing *tracing
}

// Connect opens a connection; the time it took is logged with the connection's first statement.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	start := time.Now()
	base, err := c.base.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{base: base, tracing: c.tracing, establish: time.Since(start)}, nil
}

// Driver is driver.Connector's.
func (c *connector) Driver() driver.Driver { return c.base.Driver() }

// Close closes the driver's connector, if it can be closed.
func (c *connector) Close() error {
	if closer, ok := c.base.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
