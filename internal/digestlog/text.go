package digestlog

import (
	"slices"
	"strconv"
	"strings"
)

// Every digest line begins with time, app, trace id, span id, kind, result code, thread and cost, and ends with the two
// columns of baggage.
const (
	headColumns = 8
	tailColumns = 2
	// maxPieces bounds the columns of a line, commas inside values included.
	maxPieces = 1 << 16
)

// pieces is a text line cut at its commas. A value with commas is several pieces.
type pieces struct {
	line string
	ends []int // ends[i] is the place behind piece i
}

func (p *pieces) cut(line string) bool {
	p.line, p.ends = line, p.ends[:0]
	for i := 0; i < len(line); i++ {
		if line[i] == ',' {
			p.ends = append(p.ends, i)
		}
	}
	p.ends = append(p.ends, len(line))
	return len(p.ends) <= maxPieces
}

// text gives the pieces from to to-1 as one value.
func (p *pieces) text(from, to int) string {
	start := 0
	if from > 0 {
		start = p.ends[from-1] + 1
	}
	if to <= from {
		return ""
	}
	return p.line[start:p.ends[to-1]]
}

// textFit is the way in which a text digest's pieces were given to its columns.
type textFit struct {
	fields []field
	// open says that the last column before the baggage holds free text, so that lines to come could belong to it.
	open    bool
	shifted bool
}

// splitDigest finds the columns of a text digest. Columns of a known form hold the line together: the kind and the cost on
// the left, the baggage on the right, and between them what the component's table says; what is over belongs to the
// columns of free text.
func (d *lineDecoder) splitDigest(line string) (textFit, bool) {
	fit := textFit{fields: d.fields[:0]}
	p := &d.pieces
	if !p.cut(line) {
		return fit, false
	}
	n := len(p.ends)
	if n < headColumns+tailColumns {
		return fit, false
	}
	// time,app,trace id,span id,kind: the app is what has commas, if any has.
	// A span that nobody gave a kind leaves it empty.
	kind := 4
	for ; p.text(4, 5) != "" && kind < n && !spanKind(p.text(kind, kind+1)); kind++ {
	}
	cost := kind + 3
	for ; cost < n && !millis(p.text(cost, cost+1)); cost++ {
	}
	if cost >= n-tailColumns {
		return fit, false
	}
	fit.fields = append(fit.fields,
		field{key: "time", val: p.text(0, 1)},
		field{key: "local.app", val: p.text(1, kind-2)},
		field{key: "traceId", val: p.text(kind-2, kind-1)},
		field{key: "spanId", val: p.text(kind-1, kind)},
		field{key: "span.kind", val: p.text(kind, kind+1)},
		field{key: "result.code", val: p.text(kind+1, kind+2)},
		field{key: "current.thread.name", val: p.text(kind+2, cost)},
		field{key: "time.cost.milliseconds", val: p.text(cost, cost+1)})
	fit.shifted = kind != 4 || cost != kind+3

	steps := budget
	for biz := n - 1; biz > cost+1; biz-- {
		if steps -= 1; steps < 0 {
			return fit, false
		}
		bizText := p.text(biz, n)
		if bizText != "" && bizText[len(bizText)-1] != '&' {
			return fit, false // as would be any longer one
		}
		if !validBaggage(bizText) {
			continue
		}
		for sys := biz - 1; sys > cost; sys-- {
			if steps -= 1; steps < 0 {
				return fit, false
			}
			sysText := p.text(sys, biz)
			if !validBaggage(sysText) {
				if sysText != "" && !strings.HasSuffix(sysText, "&") {
					break
				}
				continue
			}
			fields, ok := d.middle(fit.fields, cost+1, sys, &steps)
			if !ok {
				continue
			}
			if last := fields[len(fields)-1]; last.key == "error" && last.val != "" {
				fit.open = true
			}
			fit.shifted = fit.shifted || biz != n-1 || sys != biz-1 || d.shifted(cost+1, sys)
			fit.fields = append(fields, field{key: "sys.baggage", val: sysText}, field{key: "biz.baggage", val: bizText})
			return fit, true
		}
	}
	return fit, false
}

// shifted says that there are more pieces than the component has columns.
func (d *lineDecoder) shifted(from, to int) bool {
	return d.comp.columns != nil && to-from > len(d.comp.columns)
}

// middle gives the pieces from to to-1 to the component's own columns.
func (d *lineDecoder) middle(dst []field, from, to int, steps *int) ([]field, bool) {
	if d.comp.columns == nil {
		for i := from; i < to; i++ {
			dst = append(dst, field{key: "column." + strconv.Itoa(i+1), val: d.pieces.text(i, i+1)})
		}
		return dst, true
	}
	if out, ok := d.pieces.fit(dst, from, to, d.comp.columns, steps); ok {
		return out, true
	}
	// The values are not of the form expected, but there are as many as columns.
	if to-from != len(d.comp.columns) {
		return dst, false
	}
	for i, c := range d.comp.columns {
		f := field{key: c.name, val: d.pieces.text(from+i, from+i+1)}
		if c.holds(f.val) {
			f = c.field(f.val)
		}
		dst = append(dst, f)
	}
	return dst, true
}

// fit gives the pieces from to to-1 to columns, in order. A column of free text takes as few as possible.
func (p *pieces) fit(dst []field, from, to int, columns []column, steps *int) ([]field, bool) {
	if *steps--; *steps < 0 {
		return dst, false
	}
	if len(columns) == 0 {
		return dst, from == to
	}
	c := columns[0]
	most := from + 1
	if c.kind == colFree || c.kind == colJSON || c.kind == colTags {
		most = to - needed(columns[1:])
	}
	first := from + 1
	switch {
	case c.kind == colJSON:
		if end := p.object(from, to); end > 0 {
			first, most = end, end
		}
	case len(columns) == 1:
		first = max(first, most) // the last column takes all that is left
	}
	for end := first; end <= most && end <= to; end++ {
		if *steps--; *steps < 0 {
			return dst, false
		}
		val := p.text(from, end)
		if !c.holds(val) {
			continue
		}
		next := dst
		if c.kind == colTags {
			eachItem(val, func(k, v string) { next = append(next, field{key: k, val: v}) })
		} else if c.kind != colIgnore {
			next = append(next, c.field(val))
		}
		if out, ok := p.fit(next, end, to, columns[1:], steps); ok {
			return out, true
		}
	}
	if c.optional {
		return p.fit(dst, from, to, columns[1:], steps)
	}
	return dst, false
}

// object gives the end of the pieces of the JSON object that piece from begins, or 0.
func (p *pieces) object(from, to int) int {
	all := p.text(from, to)
	n := balanced(all)
	if n == 0 {
		return 0
	}
	end, _ := slices.BinarySearch(p.ends, p.ends[to-1]-len(all)+n)
	if end >= to {
		return 0
	}
	return end + 1
}

// needed is the least number of pieces that columns take.
func needed(columns []column) int {
	n := 0
	for _, c := range columns {
		if !c.optional {
			n++
		}
	}
	return n
}

// holds says whether the column may have this value.
func (c column) holds(val string) bool {
	switch c.kind {
	case colMethod:
		return httpMethod(val)
	case colInt:
		_, ok := parseInt(val)
		return ok
	case colBytes:
		_, ok := parseInt(strings.TrimSuffix(val, "B"))
		return ok
	case colMillis:
		return millis(val)
	case colMaybe:
		_, ok := parseInt(val)
		return ok || val == "" || val == "null"
	case colIgnore:
		return val == "" || val == "null"
	case colJSON:
		return val == "" || balanced(val) == len(val)
	case colTags:
		return validBaggage(val)
	case colPath:
		return strings.HasPrefix(val, "/") || strings.Contains(val, ":")
	}
	return true
}

// field gives the value the form that it has in JSON.
func (c column) field(val string) field {
	f := field{key: c.name, val: val}
	switch c.kind {
	case colInt:
		f.form = formNumber
	case colBytes:
		f.val, f.form = strings.TrimSuffix(val, "B"), formNumber
	case colMaybe:
		if val == "null" {
			f.val = ""
		} else if val != "" {
			f.form = formNumber
		}
	case colJSON:
		f.form = formRaw
	}
	return f
}

// spanKind says whether s is a value of span.kind.
func spanKind(s string) bool {
	switch s {
	case "client", "server", "producer", "consumer", "internal":
		return true
	}
	return false
}

// millis says whether s is a duration such as 12ms.
func millis(s string) bool {
	n, ok := strings.CutSuffix(s, "ms")
	if !ok || n == "" {
		return false
	}
	_, ok = parseInt(n)
	return ok
}

// httpMethod says whether s looks like a method: capital letters.
func httpMethod(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// splitStat finds the columns of a text stat line: time and app on the left, count, total cost, success and load test on
// the right, the key's columns between them.
func (d *lineDecoder) splitStat(line string) (head [6]string, keys []field, shifted, ok bool) {
	p := &d.pieces
	keys = d.fields[:0]
	if !p.cut(line) {
		return head, keys, false, false
	}
	n := len(p.ends)
	if n < 6 {
		return head, keys, false, false
	}
	head = [6]string{p.text(0, 1), p.text(1, 2), p.text(n-4, n-3), p.text(n-3, n-2), p.text(n-2, n-1), p.text(n-1, n)}
	if head[1] != "" {
		keys = append(keys, field{key: "local.app", val: head[1]})
	}
	if d.comp.stat == nil {
		for i := 2; i < n-4; i++ {
			keys = append(keys, field{key: "column." + strconv.Itoa(i+1), val: p.text(i, i+1)})
		}
		return head, keys, false, true
	}
	steps := budget
	fit, ok := p.fit(keys, 2, n-4, d.comp.stat, &steps)
	if !ok && n-6 == len(d.comp.stat) { // such as an overflow key, which is no HTTP method
		for i, c := range d.comp.stat {
			keys = append(keys, field{key: c.name, val: p.text(2+i, 3+i)})
		}
		return head, keys, false, true
	}
	return head, fit, n-6 > len(d.comp.stat), ok
}
