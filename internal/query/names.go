package query

import (
	"context"
	"iter"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Name is an operation that an application did, or called, in the words of the called one.
type Name struct {
	App, Operation string
	// Kind is the side of the application.
	Kind span.Kind
}

// Bounds of NameSet: lists of operations are for people to choose from. The first name of an application is always taken, so
// that one which makes names without end hides no other one. 50,000 names are about 10 MB.
const (
	maxNamedApps  = 20_000
	maxNamesOfApp = 2000
	maxNames      = 50_000
)

// NameSet is a bounded set of names. The zero value is empty.
type NameSet struct {
	apps  map[string]map[Name]struct{}
	names int
	// Partial says that there are names which found no room.
	Partial bool
}

// add takes a name, whose texts may be reused afterwards.
func (s *NameSet) add(n Name) {
	of, known := s.apps[n.App]
	if _, ok := of[n]; ok {
		return
	}
	if !known && len(s.apps) >= maxNamedApps || known && (len(of) >= maxNamesOfApp || s.names >= maxNames) {
		s.Partial = true
		return
	}
	n.App, n.Operation = strings.Clone(n.App), strings.Clone(n.Operation)
	if !known {
		if s.apps == nil {
			s.apps = make(map[string]map[Name]struct{})
		}
		of = make(map[Name]struct{})
		s.apps[n.App] = of
	}
	of[n] = struct{}{}
	s.names++
}

// Of gives the names of an application, of all for "".
func (s *NameSet) Of(app string) iter.Seq[Name] {
	return func(yield func(Name) bool) {
		if app != "" {
			for n := range s.apps[app] {
				if !yield(n) {
					return
				}
			}
			return
		}
		for _, of := range s.apps {
			for n := range of {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// Names adds the names of a time range to a set, without those that no half of an application stands for as far as
// roll-ups tell: stores, queues, and what a caller alone names while others of that name are not heard of.
func (s *Service) Names(ctx context.Context, r Range, to *NameSet) error {
	var seen NameSet
	roles := make(kinds)
	note := func(app, operation string, kind span.Kind) {
		if app != "" {
			seen.add(Name{app, operation, kind})
		}
	}
	_, err := s.each(ctx, r, 0, func(row *span.Rollup) {
		roles.add(row)
		caller, callee := span.KindClient, span.KindServer
		switch row.Type {
		case span.TypeInternal:
			caller, callee = span.KindInternal, span.KindInternal
		case span.TypeMQ:
			caller, callee = span.KindProducer, span.KindConsumer
		}
		if row.Side != span.KindServer {
			note(row.Caller, row.Operation, caller)
		}
		if row.Side != span.KindClient {
			note(row.Callee, row.Operation, callee)
		}
	})
	if err != nil {
		return err
	}
	to.Partial = to.Partial || seen.Partial
	for n := range seen.Of("") {
		if roles.of(n.App) == KindApp {
			to.add(n)
		}
	}
	return nil
}
