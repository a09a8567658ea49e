// Package compat has what the APIs of other systems (jaeger, zipkin, tempo) share below their own shapes: the bounds of a
// request, its time limit and metrics, what errors mean, the memory of service and operation names, and how JSON text is
// written. Each API's paths, parameters and answers are in its own package; traces as OTLP, which two of them answer, are
// written by package otlp.
package compat

import (
	"fmt"
	"time"
)

// Config bounds what requests to one API may cost.
type Config struct {
	// QueryTimeout bounds one request.
	QueryTimeout time.Duration `yaml:"query_timeout"`
	// MaxSpans is how many spans one search gives; the traces that do not fit are left out, and the answer says so.
	MaxSpans int `yaml:"max_spans"`
	// ReadBatch is how many traces of one search are read together.
	ReadBatch int `yaml:"read_batch"`
	// NamesLookback is how far back services and operations are listed: these requests have no time range.
	NamesLookback time.Duration `yaml:"names_lookback"`
	// NamesRefresh is how old a list of services and operations may be.
	NamesRefresh time.Duration `yaml:"names_refresh"`
}

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config {
	return Config{
		QueryTimeout: 30 * time.Second, MaxSpans: 200_000, ReadBatch: 32,
		NamesLookback: 24 * time.Hour, NamesRefresh: 5 * time.Second,
	}
}

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	for _, s := range []struct {
		name  string
		value int64
	}{
		{"query_timeout", int64(c.QueryTimeout)}, {"max_spans", int64(c.MaxSpans)}, {"read_batch", int64(c.ReadBatch)},
		{"names_lookback", int64(c.NamesLookback)}, {"names_refresh", int64(c.NamesRefresh)},
	} {
		if s.value <= 0 {
			return fmt.Errorf("%s is %d: it has to be above 0", s.name, s.value)
		}
	}
	return nil
}
