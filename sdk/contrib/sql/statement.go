package twinsql

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// statement is what is logged of a statement: its text, and "<verb> <table>" as the operation.
type statement struct{ text, operation string }

// statements remembers what it made of the texts it has seen: an application has few.
type statements struct {
	keepLiterals bool
	doubleQuoted bool // "a" is a text, as in MySQL
	mu           sync.RWMutex
	known        map[string]statement
}

const (
	maxKnown     = 1000
	maxKnownText = 4096
	// maxSQL is where SOFATracer cuts statements.
	maxSQL = 4096
)

func (s *statements) describe(query string) statement {
	s.mu.RLock()
	d, ok := s.known[query]
	s.mu.RUnlock()
	if ok {
		return d
	}
	d = statement{text: s.normalize(query), operation: summarize(query)}
	if len(query) <= maxKnownText {
		s.mu.Lock()
		if s.known == nil || len(s.known) >= maxKnown {
			s.known = make(map[string]statement) // statements with literals in them: start anew
		}
		s.known[strings.Clone(query)] = d
		s.mu.Unlock()
	}
	return d
}

// normalize does what SOFATracer does to statements (line breaks, '|' and runs of spaces become one space, the length is
// bounded), takes comments out and, unless they are to be kept, puts "?" in place of literals.
func (s *statements) normalize(query string) string {
	b := make([]byte, 0, min(len(query), maxSQL)+8)
	space := func() {
		if len(b) > 0 && b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
	}
	for i := 0; i < len(query) && len(b) <= maxSQL; {
		kind, end := token(query, i)
		part := query[i:end]
		if kind == quotedName && part[0] == '"' && s.doubleQuoted {
			kind = literal
		}
		switch {
		case kind == blank || kind == comment:
			space()
		case kind == literal && !s.keepLiterals && !numbersParameter(b, part):
			b = append(b, '?')
		case part == "|" && s.keepLiterals:
			space()
		default:
			for j := range len(part) {
				if c := part[j]; c == '\n' || c == '\r' {
					space()
				} else {
					b = append(b, c)
				}
			}
		}
		i = end
	}
	text := strings.TrimRight(string(b), " ")
	if len(text) > maxSQL {
		n := maxSQL
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n] + " ..."
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// numbersParameter says that part is the number of a parameter that b ends in: "?1", ":1".
func numbersParameter(b []byte, part string) bool {
	if len(b) == 0 || part[0] < '0' || part[0] > '9' {
		return false
	}
	c := b[len(b)-1]
	return c == '?' || c == ':' || c == '@'
}

type tokenKind uint8

const (
	other tokenKind = iota
	blank
	comment
	word
	quotedName // "a" or `a` or [a]
	literal    // 'a', 1, 0x1f, 1.5e3
)

// token finds the token that begins at i and its end. It knows what the common dialects share, so that a literal is never
// taken for something else. "a" is a name here; see statements.doubleQuoted.
func token(q string, i int) (kind tokenKind, end int) {
	c := q[i]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return blank, i + 1
	case c == '-' && strings.HasPrefix(q[i:], "--"):
		if n := strings.IndexByte(q[i:], '\n'); n >= 0 {
			return comment, i + n + 1
		}
		return comment, len(q)
	case c == '/' && strings.HasPrefix(q[i:], "/*"):
		if n := strings.Index(q[i+2:], "*/"); n >= 0 {
			return comment, i + 2 + n + 2
		}
		return comment, len(q)
	case c == '\'':
		return literal, closing(q, i, true)
	case c == '"' || c == '`':
		return quotedName, closing(q, i, false)
	case c == '$':
		return dollar(q, i)
	case c >= '0' && c <= '9' || c == '.' && i+1 < len(q) && q[i+1] >= '0' && q[i+1] <= '9':
		return literal, number(q, i)
	case wordByte(c):
		end = i + 1
		for end < len(q) && wordByte(q[end]) {
			end++
		}
		return word, end
	}
	return other, i + 1
}

// closing gives the place behind the quote that closes the one at i. Doubled quotes, and in texts backslashes, escape.
func closing(q string, i int, backslash bool) int {
	quote := q[i]
	for i++; i < len(q); i++ {
		switch {
		case q[i] == '\\' && backslash:
			i++
		case q[i] == quote && i+1 < len(q) && q[i+1] == quote:
			i++
		case q[i] == quote:
			return i + 1
		}
	}
	return len(q)
}

// dollar reads $1 (a parameter) and PostgreSQL's $tag$text$tag$.
func dollar(q string, i int) (tokenKind, int) {
	end := i + 1
	for end < len(q) && wordByte(q[end]) {
		end++
	}
	if end < len(q) && q[end] == '$' {
		tag := q[i : end+1]
		if n := strings.Index(q[end+1:], tag); n >= 0 {
			return literal, end + 1 + n + len(tag)
		}
		return literal, len(q)
	}
	return other, end
}

func number(q string, i int) int {
	end := i
	for end < len(q) {
		c := q[end]
		exponent := (c == '+' || c == '-') && end > i && (q[end-1] == 'e' || q[end-1] == 'E') && !strings.HasPrefix(q[i:], "0x")
		if !wordByte(c) && c != '.' && !exponent {
			break
		}
		end++
	}
	return end
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// summarize gives the verb and the first table, such as "SELECT account".
func summarize(query string) string {
	verb := ""
	wanted := false // the next name is the table
	for i := 0; i < len(query); {
		kind, end := token(query, i)
		part := query[i:end]
		i = end
		switch kind {
		case word:
			upper := strings.ToUpper(part)
			switch {
			case verb == "":
				verb = upper
				wanted = verb == "UPDATE" || verb == "CALL"
			case wanted && noise(upper):
			case wanted:
				return verb + " " + qualified(query, part, end)
			default:
				wanted = upper == "FROM" || upper == "INTO" || upper == "TABLE" || upper == "JOIN" ||
					verb != "SELECT" && (upper == "VIEW" || upper == "INDEX")
			}
		case quotedName:
			if wanted {
				return verb + " " + qualified(query, strings.Trim(part, "\"`"), end)
			}
		case other:
			if part == "(" && wanted {
				wanted = false // a sub-select: its own FROM comes
			}
		}
	}
	if verb == "" {
		return "SQL"
	}
	return verb
}

// qualified adds the further parts of "schema.table".
func qualified(query, name string, i int) string {
	for i < len(query) && query[i] == '.' && i+1 < len(query) {
		kind, end := token(query, i+1)
		if kind != word && kind != quotedName {
			break
		}
		name += "." + strings.Trim(query[i+1:end], "\"`")
		i = end
	}
	return name
}

// noise are words between a verb and its table.
func noise(upper string) bool {
	switch upper {
	case "ONLY", "IF", "NOT", "EXISTS", "OR", "IGNORE", "REPLACE", "ROLLBACK", "ABORT", "FAIL", "LATERAL", "CONCURRENTLY":
		return true
	}
	return false
}
