package digestlog

import (
	"strings"
	"unicode/utf8"
)

// scanObject splits a JSON object into its fields. With escapes it reads JSON as it is defined. Without, it reads it as
// Java's SOFATracer writes it: a backslash is a backslash, and a value ends at its next quote. It does not look for the
// end of a value in a wiser way: ok is false where the text does not come out even, and scanKnown and scanUnknown go on.
func scanObject(dst []field, s string, escapes bool) (fields []field, ok bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return dst, false
	}
	end := len(s) - 1
	i := 1
	if end == 1 {
		return dst, true
	}
	for {
		var f field
		if i >= end || s[i] != '"' {
			return dst, false
		}
		if f.key, i, ok = scanString(s, i, escapes); !ok || i >= end || s[i] != ':' {
			return dst, false
		}
		i++
		if i >= end {
			return dst, false
		}
		switch s[i] {
		case '"':
			if f.val, i, ok = scanString(s, i, escapes); !ok {
				return dst, false
			}
		case '{', '[':
			n := balanced(s[i:end])
			if n == 0 {
				return dst, false
			}
			f.val, f.form = s[i:i+n], formRaw
			i += n
		default:
			n := strings.IndexByte(s[i:end], ',')
			if n < 0 {
				n = end - i
			}
			f.val = s[i : i+n]
			if f.form, ok = bareForm(f.val); !ok {
				return dst, false
			}
			i += n
		}
		dst = append(dst, f)
		if i == end {
			return dst, true
		}
		if i > end || s[i] != ',' {
			return dst, false
		}
		i++
	}
}

// scanString reads the string whose opening quote is at i and gives the place behind its closing quote.
func scanString(s string, i int, escapes bool) (val string, next int, ok bool) {
	n := strings.IndexByte(s[i+1:], '"')
	if n < 0 {
		return "", i, false
	}
	val = s[i+1 : i+1+n]
	if !escapes || strings.IndexByte(val, '\\') < 0 {
		return val, i + n + 2, true
	}
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			val, ok = unescapeJSON(s[i+1 : j])
			return val, j + 1, ok
		}
	}
	return "", i, false
}

// unescapeJSON undoes the escapes of a JSON string.
func unescapeJSON(s string) (string, bool) {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", false
		}
		switch c := s[i]; c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			u, ok := hex4(s[i+1:])
			if !ok {
				return "", false
			}
			i += 4
			if u >= 0xd800 && u < 0xdc00 && strings.HasPrefix(s[i+1:], `\u`) {
				if low, ok := hex4(s[i+3:]); ok && low >= 0xdc00 && low < 0xe000 {
					u = (u-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			b.WriteRune(u) // a lone surrogate becomes U+FFFD
		default:
			return "", false
		}
	}
	return b.String(), true
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var u rune
	for i := range 4 {
		switch c := s[i]; {
		case digit(c):
			u = u<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			u = u<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			u = u<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return u, true
}

// balanced gives the length of the JSON object or array that s begins with, by its brackets outside of strings, or 0.
func balanced(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	return 0
}

// budget bounds the places that scanKnown, scanUnknown and fit try in one record; searching stepBytes counts as one more.
const (
	budget    = 20000
	stepBytes = 1024
)

// scanKnown splits an object whose keys and their order are known: a value ends where the next key stands, whatever it
// contains. Of several such places the first counts from which all that follows fits.
func scanKnown(dst []field, s string, keys []key) ([]field, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return dst, false
	}
	steps := budget
	return matchKeys(dst, s, 1, keys, &steps)
}

// matchKeys matches keys against s from i on, where a key's opening quote has to be.
func matchKeys(dst []field, s string, i int, keys []key, steps *int) ([]field, bool) {
	for len(keys) > 0 && !startsKey(s[i:], keys[0].name) {
		if !keys[0].optional {
			return dst, false
		}
		keys = keys[1:]
	}
	if len(keys) == 0 {
		return dst, false
	}
	k := keys[0]
	from := i + len(k.name) + 3
	if from >= len(s) {
		return dst, false
	}
	last := true
	for n := 1; n < len(keys); n++ {
		next := keys[n]
		last = last && next.optional
		for at := from; ; {
			if *steps--; *steps < 0 {
				return dst, false
			}
			j := indexKey(s, at, next.name)
			if j < 0 {
				*steps -= (len(s) - at) / stepBytes
				break
			}
			*steps -= (j - at) / stepBytes
			if f, ok := k.field(s[from:j]); ok {
				if out, ok := matchKeys(append(dst, f), s, j+1, keys[n:], steps); ok {
					return out, true
				}
			}
			at = j + 1
		}
		if !next.optional {
			break
		}
	}
	if last {
		if f, ok := k.field(s[from : len(s)-1]); ok {
			return append(dst, f), true
		}
	}
	return dst, false
}

// startsKey says whether s begins with "name":.
func startsKey(s, name string) bool {
	return len(s) > len(name)+2 && s[0] == '"' && strings.HasPrefix(s[1:], name) && s[len(name)+1] == '"' && s[len(name)+2] == ':'
}

// indexKey gives the place of ,"name": in s from at on, or -1.
func indexKey(s string, at int, name string) int {
	for {
		n := strings.Index(s[at:], name)
		if n < 0 {
			return -1
		}
		j := at + n
		if j >= at+2 && s[j-2] == ',' && startsKey(s[j-1:], name) {
			return j - 2
		}
		at = j + 1
	}
}

// field makes a field of the text between two keys.
func (k key) field(s string) (field, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		f := field{key: k.name, val: s[1 : len(s)-1]}
		if k.number && f.val != "" && !number(f.val) {
			return f, false
		}
		return f, !k.check(f.val)
	}
	bare, ok := bareForm(s)
	if k.number && bare != formNumber && bare != formNull {
		return field{}, false
	}
	return field{k.name, s, bare}, ok
}

// check says that a baggage value is not one; it is what tells a record's end from a quote inside a value.
func (k key) check(val string) bool { return k.baggage && !validBaggage(val) }

// scanUnknown splits an object whose first and last keys are known and the others not. Between them a value ends at the
// first quote that is followed by something that looks like a key.
func scanUnknown(dst []field, s string, head, tail []key) ([]field, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return dst, false
	}
	steps := budget
	from := len(s)
	for from > 0 {
		if from = strings.LastIndex(s[:from], `,"`+tail[0].name+`":`); from < 0 {
			return dst, false
		}
		out, ok := scanBetween(dst, s, from, head, &steps)
		if ok {
			if out, ok = matchKeys(out, s, from+1, tail, &steps); ok {
				return out, true
			}
		}
		if steps < 0 {
			return dst, false
		}
	}
	return dst, false
}

// scanBetween splits s[:end], which has no closing bracket.
func scanBetween(dst []field, s string, end int, head []key, steps *int) ([]field, bool) {
	middle := 0
	// The last of the known first keys ends at any key.
	for i := 1; i < end; {
		if *steps--; *steps < 0 {
			return dst, false
		}
		name := keyAt(s[i:end])
		if name == "" {
			return dst, false
		}
		k := key{name: name}
		if middle < len(head) {
			if k = head[middle]; k.name != name {
				return dst, false
			}
		}
		middle++
		from := i + len(name) + 3
		to := end
		if middle < len(head) {
			if to = indexKey(s[:end], from, head[middle].name); to < 0 {
				return dst, false
			}
		} else if n := valueEnd(s[from:end]); n > 0 {
			to = from + n
		}
		*steps -= (to - from) / stepBytes
		f, ok := k.field(s[from:to])
		if !ok {
			return dst, false
		}
		dst = append(dst, f)
		i = to + 1
	}
	return dst, middle >= len(head)
}

// valueEnd gives the length of the value that s begins with, or 0 when it goes on to the end of s.
func valueEnd(s string) int {
	if s == "" {
		return 0
	}
	if s[0] == '{' || s[0] == '[' {
		if n := balanced(s); n > 0 && (n == len(s) || s[n] == ',' && keyAt(s[n+1:]) != "") {
			return n
		}
	}
	for i := 1; i < len(s); i++ {
		if s[i] != ',' || keyAt(s[i+1:]) == "" {
			continue
		}
		if s[0] != '"' || i > 1 && s[i-1] == '"' {
			return i
		}
	}
	return 0
}

// keyAt gives the key that s begins with, as "key":, or "". A key has no quotes, breaks or commas and at most 128 bytes.
func keyAt(s string) string {
	if s == "" || s[0] != '"' {
		return ""
	}
	for i := 1; i < len(s) && i <= 129; i++ {
		switch c := s[i]; {
		case c == '"':
			if i > 1 && i+1 < len(s) && s[i+1] == ':' {
				return s[1:i]
			}
			return ""
		case c < ' ', c == ',', c == utf8.RuneSelf-1:
			return ""
		}
	}
	return ""
}
