package twinspan

import (
	"fmt"
	"slices"
	"strings"
)

// Encoder appends an ended span's digest line to b, for a component that is to have lines of its own form: Config.Encoders. It is
// called by the goroutine that ends the span, also by several at once, before the line is queued. The newline is added; others
// in the line become spaces. A line of nothing is not written. Twinspan's agent reads only lines of the documented form.
type Encoder func(b []byte, d *SpanData) []byte

// allComponents in Config.DisableDigest means every component.
const allComponents = "all"

// componentNames gives the names of all components' files.
func componentNames() (names []string) {
	for c := range componentCount {
		names = append(names, c.String())
	}
	return names
}

// digestSet says for each component whether it has digest lines, and in what form.
type digestSet struct {
	off      [componentCount]bool
	encoders [componentCount]Encoder
}

func newDigestSet(c *Config) (d digestSet, err error) {
	names := componentNames()
	for _, name := range c.DisableDigest {
		at := slices.Index(names, name)
		switch {
		case name == allComponents:
			for i := range d.off {
				d.off[i] = true
			}
		case at >= 0:
			d.off[at] = true
		default:
			return d, fmt.Errorf("%w: disable_digest is %q; it has to be a list of %s, or %s", ErrConfig, name, strings.Join(names, ", "), allComponents)
		}
	}
	for component, encoder := range c.Encoders {
		if component >= componentCount || encoder == nil {
			return d, fmt.Errorf("%w: encoders has one of %s that is nil or of no component with files", ErrConfig, component.pattern())
		}
		d.encoders[component] = encoder
	}
	return d, nil
}

// ownLine gives the line of a component with an Encoder, with its newline; "" for none.
func (d *digestSet) ownLine(s *Span, r *resolved) []byte {
	b := d.encoders[s.component](nil, s.data(r))
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return nil
	}
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b[i] = ' '
		}
	}
	return append(b, '\n')
}
