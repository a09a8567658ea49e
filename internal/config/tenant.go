package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/tenant"
)

// Tenant is one of those that share the process, and what it may have. One with the name of the default tenant says what
// that may have.
type Tenant struct {
	Name string `yaml:"name"`
	// MaxBytes and RetentionDays are as in store; 0 is what that says.
	MaxBytes      int64 `yaml:"max_bytes"`
	RetentionDays int   `yaml:"retention_days"`
	// Rate is as in ingest; what is 0 in it is what that says.
	Rate ingest.Rate `yaml:"rate"`
}

// maxTenants bounds the tenants of a process: each has a log, a store and goroutines of its own.
const maxTenants = 200

func (c *Config) validateTenants() (errs []error) {
	if len(c.Tenants) > maxTenants {
		errs = append(errs, fmt.Errorf("tenants: there are %d, want at most %d", len(c.Tenants), maxTenants))
	}
	first := make(map[string]int)
	for i := range c.Tenants {
		t := &c.Tenants[i]
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("tenants[%d]: %s", i, fmt.Sprintf(format, args...)))
		}
		if err := tenant.Check(t.Name); err != nil {
			fail("name: %v", err)
		}
		if n, again := first[t.Name]; again {
			fail("name: %q is the name of tenants[%d], too", t.Name, n)
		}
		first[t.Name] = i
		if t.MaxBytes < 0 || t.MaxBytes > 0 && t.MaxBytes < 1<<20 {
			fail("max_bytes is %d, want 0 (as in store) or at least 1048576", t.MaxBytes)
		}
		if t.RetentionDays < 0 {
			fail("retention_days is %d, want 0 (as in store) or more", t.RetentionDays)
		}
		rate := t.rate(c.Ingest.Rate)
		if err := rate.Validate(); err != nil {
			fail("rate: %v", err)
		}
	}
	return errs
}

// rate gives what is in force where shared stands behind.
func (t *Tenant) rate(shared ingest.Rate) ingest.Rate {
	return ingest.Rate{
		SpansPerSecond: cmp.Or(t.Rate.SpansPerSecond, shared.SpansPerSecond),
		BytesPerSecond: cmp.Or(t.Rate.BytesPerSecond, shared.BytesPerSecond),
		Burst:          cmp.Or(t.Rate.Burst, shared.Burst),
	}
}

// AllTenants gives every tenant with what is in force for it, the default one first, then as configured.
func (c *Config) AllTenants() []Tenant {
	list := slices.Clone(c.Tenants)
	i := slices.IndexFunc(list, func(t Tenant) bool { return t.Name == tenant.Default })
	if i < 0 {
		list = slices.Insert(list, 0, Tenant{Name: tenant.Default})
	} else {
		list[0], list[i] = list[i], list[0]
	}
	for i := range list {
		t := &list[i]
		t.MaxBytes = cmp.Or(t.MaxBytes, c.Store.MaxBytes)
		t.RetentionDays = cmp.Or(t.RetentionDays, c.Store.RetentionDays)
		t.Rate = t.rate(c.Ingest.Rate)
	}
	return list
}

// TenantNames gives the names of AllTenants, sorted; nil where none are configured.
func (c *Config) TenantNames() []string {
	if len(c.Tenants) == 0 {
		return nil
	}
	var names []string
	for _, t := range c.AllTenants() {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}
