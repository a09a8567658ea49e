package store

import (
	"context"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// match evaluates all of a query but its tags and the ids of After on the filter columns. It agrees with Query.Match; the
// conformance suite compares the two.
func (f *filters) match(q *Query) []bool {
	m := matcher{f, make([]bool, f.rows)}
	for i := range m.keep {
		at := f.time(i)
		m.keep[i] = at >= q.From && (q.To == 0 || at < q.To) && (q.After.IsZero() || at <= q.After.Start)
	}
	if q.Callee != "" || q.NoCallee {
		m.texts(colCallee, func(callee string) bool { return isParty(callee, q.Callee, q.NoCallee) })
	}
	if q.Caller != "" || q.NoCaller {
		m.texts(colCaller, func(caller string) bool { return isParty(caller, q.Caller, q.NoCaller) })
	}
	if q.App != "" {
		is := func(app string) bool { return app == q.App }
		caller, some := f.text(colCaller, f.rows).Test(is)
		callee, others := f.text(colCallee, f.rows).Test(is)
		m.rows(func(i int) bool { return some && caller(i) || others && callee(i) })
	}
	if q.Operation != "" {
		m.operation(q.Operation)
	}
	if q.Type != nil {
		types := f.column(colCallType, f.rows)
		m.rows(func(i int) bool { return span.Type(types.At(i)) == *q.Type })
	}
	m.flags(q)
	if q.MinDuration != 0 || q.MaxDuration != 0 {
		m.rows(func(i int) bool {
			d := f.duration(f.lead(i), i)
			return (q.MinDuration == 0 || d >= q.MinDuration) && (q.MaxDuration == 0 || d <= q.MaxDuration)
		})
	}
	for _, want := range [...]struct {
		col   int
		value string
	}{{colComponent, q.Component}, {colInstance, q.Instance}, {colResultCode, q.ResultCode}} {
		if want.value != "" {
			m.halfTexts(func(s string) bool { return s == want.value }, want.col)
		}
	}
	if q.Address != "" {
		m.halfTexts(func(addr string) bool { return matchAddr(addr, q.Address) }, colLocalAddr, colPeerAddr)
	}
	if q.Half != nil {
		m.oneHalf(q.Half)
	}
	return m.keep
}

type matcher struct {
	*filters
	keep []bool
}

// rows drops what does not match.
func (m *matcher) rows(match func(row int) bool) {
	for i, k := range m.keep {
		if k && !match(i) {
			m.keep[i] = false
		}
	}
}

func (m *matcher) texts(col int, match func(string) bool) {
	if test, some := m.text(col, m.filters.rows).Test(match); some {
		m.rows(test)
	} else {
		clear(m.keep)
	}
}

// halves drops what has no half that matches.
func (m *matcher) halves(match func(side, at int) bool) {
	m.rows(func(i int) bool {
		c, s := m.at[0][i], m.at[1][i]
		return c >= 0 && match(0, int(c)) || s >= 0 && match(1, int(s))
	})
}

func (m *matcher) halfTexts(match func(string) bool, cols ...int) {
	var tests [2][]func(int) bool
	for side := range tests {
		for _, col := range cols {
			if test, some := m.halfText(side, col).Test(match); some {
				tests[side] = append(tests[side], test)
			}
		}
	}
	m.halves(func(side, at int) bool {
		for _, test := range tests[side] {
			if test(at) {
				return true
			}
		}
		return false
	})
}

// oneHalf drops what has no half for which all of the filter holds.
func (m *matcher) oneHalf(f *HalfFilter) {
	fits := [2]func(row, at int) bool{m.sideTest(f, 0), m.sideTest(f, 1)}
	m.rows(func(i int) bool {
		c, s := m.at[0][i], m.at[1][i]
		return c >= 0 && fits[0](i, int(c)) || s >= 0 && fits[1](i, int(s))
	})
}

// sideTest makes the test of the halves of one side.
func (m *matcher) sideTest(f *HalfFilter, side int) func(row, at int) bool {
	never := func(int, int) bool { return false }
	if m.halfs[side] == 0 {
		return never
	}
	var texts []func(at int) bool
	for _, want := range [...]struct {
		col  int
		text *Text
	}{{colOperation, &f.Operation}, {colComponent, &f.Component}} {
		if want.text.any() {
			continue
		}
		test, some := m.halfText(side, want.col).Test(want.text.match)
		if !some {
			return never
		}
		texts = append(texts, test)
	}
	app := m.appTest(&f.App, side)
	flags := m.half(side, colFlags)
	return func(row, at int) bool {
		n := flags.At(at)
		if f.Kind != nil && span.Kind(n) != *f.Kind || f.Status != nil && span.Status(n>>8) != *f.Status {
			return false
		}
		for _, test := range texts {
			if !test(at) {
				return false
			}
		}
		if app != nil && !app(row, at) {
			return false
		}
		if f.MinDuration == 0 && f.MaxDuration == 0 {
			return true
		}
		d := m.duration(side, row)
		return (f.MinDuration == 0 || d >= f.MinDuration) && (f.MaxDuration == 0 || d <= f.MaxDuration)
	}
}

// appTest makes the test of a half's app, which mostly is the call's caller or callee; nil if every app will do.
func (m *matcher) appTest(want *Text, side int) func(row, at int) bool {
	if want.any() {
		return nil
	}
	own := &m.ownApp[side]
	own.load(m.half(side, colDerived), derivedApp)
	ofCall, _ := m.text([...]int{colCaller, colCallee}[side], m.filters.rows).Test(want.match)
	ofHalf := func(int) bool { return false }
	if own.n > 0 {
		ofHalf, _ = m.text(sideColumns[side]+colApp, own.n).Test(want.match)
	}
	return func(row, at int) bool {
		if n := own.of(at); n >= 0 {
			return ofHalf(n)
		}
		return ofCall(row)
	}
}

// operation is that of Call.Operation: the server's, else the lead's.
func (m *matcher) operation(want string) {
	is := func(s string) bool { return s == want }
	client, _ := m.halfText(0, colOperation).Test(is)
	server, _ := m.halfText(1, colOperation).Test(is)
	named, _ := m.halfText(1, colOperation).Test(func(s string) bool { return s != "" })
	m.rows(func(i int) bool {
		c, s := m.at[0][i], m.at[1][i]
		if s >= 0 && (c < 0 || named(int(s))) {
			return server(int(s))
		}
		return client(int(c))
	})
}

func (m *matcher) flags(q *Query) {
	some := func(want bool, has func(flags int64) bool) {
		flags := [...]*column.Ints{m.half(0, colFlags), m.half(1, colFlags)}
		m.rows(func(i int) bool {
			c, s := m.at[0][i], m.at[1][i]
			return want == (c >= 0 && has(flags[0].At(int(c))) || s >= 0 && has(flags[1].At(int(s))))
		})
	}
	if q.Error != nil {
		some(*q.Error, func(n int64) bool { return span.Status(n>>8) == span.StatusError })
	}
	if q.LoadTest != nil {
		some(*q.LoadTest, func(n int64) bool { return n&flagLoadTest != 0 })
	}
	if q.Kind != nil {
		some(true, func(n int64) bool { return span.Kind(n) == *q.Kind })
	}
}

// testBatch is how many calls are put together at once to be tested.
const testBatch = 256

// testHalves drops the rows of keep without a half that the filter wants, its Test included. What is put together for that
// is thrown away again: few rows come so far and stay.
func (s *Store) testHalves(ctx context.Context, b *openBlock, f *HalfFilter, keep []bool) error {
	rows := make([]int, 0, testBatch)
	test := func() error {
		var a arena
		err := s.fill(ctx, b, rows, false, &a, func(i int, c span.Call) error {
			keep[rows[i]] = either(&c, f.Match)
			return nil
		})
		rows = rows[:0]
		return err
	}
	for i, k := range keep {
		if !k {
			continue
		}
		if rows = append(rows, i); len(rows) == testBatch {
			if err := test(); err != nil {
				return err
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return test()
}

// matchTags drops the rows of keep whose attributes do not match, reading only the columns of the tags' keys.
func (s *Store) matchTags(ctx context.Context, b *openBlock, tags []Tag, keep []bool) error {
	if err := s.openPayload(ctx, b); err != nil {
		return err
	}
	for i := range tags {
		if err := b.matchTag(&tags[i], keep); err != nil {
			return err
		}
	}
	return nil
}

func (b *openBlock) matchTag(tag *Tag, keep []bool) error {
	found := make([]bool, len(keep))
	for side, p := range b.payload {
		if b.halfs[side] == 0 {
			continue
		}
		resource, some := b.group.resources[side].test(func(r string) bool { return tag.match(span.Payload(bytesOf(r))) })
		inPayload := p.mayHave(tag.Key)
		if !some && !inPayload {
			continue
		}
		var rows, at []int
		for i, k := range keep {
			n := int(b.at[side][i])
			switch {
			case !k || n < 0 || found[i]:
			case some && resource(n):
				found[i] = true
			default:
				rows, at = append(rows, i), append(at, n)
			}
		}
		if !inPayload {
			continue
		}
		if err := p.match(at, tag, func(i int) { found[rows[i]] = true }); err != nil {
			return err
		}
	}
	for i := range keep {
		keep[i] = keep[i] && found[i]
	}
	return nil
}

// match calls yield for every row, of a sorted list, whose payload has the tag.
func (p *payloads) match(rows []int, tag *Tag, yield func(i int)) error {
	candidate := make([]bool, len(p.fields))
	texts := make([]func(int) bool, len(p.fields))
	some := false
	for f := range p.fields {
		field := &p.fields[f]
		if !field.mayBe(tag.Key) {
			continue
		}
		candidate[f] = true
		if field.kind == attrString && (!tag.Exists || tag.Test != nil) {
			if err := p.load(f); err != nil {
				return err
			}
			// Each different text is tested once, and a column without the wanted one ends it here.
			texts[f], candidate[f] = p.texts[f].Test(func(s string) bool { return tag.fits(span.String(s)) })
		}
		some = some || candidate[f]
	}
	if !some {
		return nil
	}
	var buf []byte
	return p.walk(rows, func(i int, shape, at []int) error {
		found := false
		for _, f := range shape {
			n := at[f]
			at[f]++
			if found || !candidate[f] {
				continue
			}
			field := &p.fields[f]
			switch {
			case texts[f] != nil:
				found = texts[f](n)
			case field.kind >= attrEmpty && tag.Exists && tag.Test == nil:
				found = true
			default:
				if err := p.load(f); err != nil {
					return err
				}
				t := p.token(f, n)
				buf = t.appendTo(buf[:0])
				found = tag.match(buf)
			}
		}
		if found {
			yield(i)
		}
		return nil
	})
}
