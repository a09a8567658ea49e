package span

import "strings"

// SplitURL gives host:port and path of a URL; the query, the fragment and path parameters (`;jsessionid=…`) are cut.
func SplitURL(url string) (host, path string) {
	path = url
	if i := strings.Index(url, "://"); i >= 0 && !strings.ContainsAny(url[:i], "/?#") {
		host = url[i+3:]
		path = ""
		if j := strings.IndexAny(host, "/?#;"); j >= 0 {
			host, path = host[:j], host[j:]
		}
		if j := strings.LastIndexByte(host, '@'); j >= 0 {
			host = host[j+1:]
		}
	}
	if i := strings.IndexAny(path, "?#;"); i >= 0 {
		path = path[:i]
	}
	if path == "" {
		path = "/"
	}
	return host, path
}

// HTTPOperation gives method and path; parts of the path that look like a value are {}.
func HTTPOperation(method, path string) string {
	var b strings.Builder
	b.Grow(len(method) + 1 + len(path))
	b.WriteString(method)
	if method != "" {
		b.WriteByte(' ')
	}
	for path != "" {
		if path[0] == '/' {
			b.WriteByte('/')
			path = path[1:]
			continue
		}
		part := path
		if i := strings.IndexByte(path, '/'); i >= 0 {
			part = path[:i]
		}
		path = path[len(part):]
		if varies(part) {
			part = "{}"
		}
		b.WriteString(part)
	}
	return b.String()
}

// varies says whether a part of a path looks like a value, not a name: a number, four digits or more (dates, ids, UUIDs),
// 16 or more hex digits, escaped or other bytes outside of what names are made of, or more than 64 bytes.
func varies(part string) bool {
	if len(part) > 64 {
		return true
	}
	digits, hex := 0, 0
	for i := range len(part) {
		switch c := part[i]; {
		case digit(c):
			digits++
			hex++
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			hex++
		case c >= 'g' && c <= 'z', c >= 'G' && c <= 'Z', c == '-', c == '_', c == '.', c == '~', c == ':', c == '@', c == '{', c == '}', c == '*', c == '$':
		default:
			return true
		}
	}
	return digits >= 4 || digits > 0 && digits == len(part) || hex >= 16 && hex == len(part)
}

// sqlVerbs are the first words that make an operation; statements that begin otherwise are all called SQL.
const sqlVerbs = " SELECT INSERT UPDATE DELETE REPLACE MERGE UPSERT CREATE DROP ALTER TRUNCATE CALL EXEC EXECUTE WITH SET SHOW " +
	"BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE EXPLAIN ANALYZE DESCRIBE DESC USE GRANT REVOKE LOCK UNLOCK PRAGMA VACUUM LOAD COPY VALUES "

// sqlObjects are the words between a statement's verb and the name of what it changes.
const sqlObjects = " TABLE INDEX VIEW SEQUENCE UNIQUE TEMPORARY OR REPLACE IF NOT EXISTS DATABASE SCHEMA "

// SQLOperation gives the verb and the first table of a statement, such as "SELECT account".
func SQLOperation(sql string) string {
	words := sqlWords{rest: sql}
	verb := strings.ToUpper(words.next())
	if verb == "{" || verb == "(" {
		verb = strings.ToUpper(words.next())
	}
	if verb == "" || !strings.Contains(sqlVerbs, " "+verb+" ") {
		return "SQL"
	}
	table := ""
	switch verb {
	case "SELECT", "DELETE", "WITH", "EXPLAIN":
		table = words.after("FROM")
	case "INSERT", "REPLACE", "MERGE", "UPSERT", "LOAD":
		table = words.after("INTO")
	case "UPDATE", "CALL", "EXEC", "EXECUTE", "COPY":
		table = words.next()
	case "CREATE", "DROP", "ALTER", "TRUNCATE":
		table = words.next()
		for n := 0; n < 8 && strings.Contains(sqlObjects, " "+strings.ToUpper(table)+" "); n++ {
			table = words.next()
		}
	}
	if table = tableName(table); table == "" {
		return verb
	}
	return verb + " " + table
}

// sqlWords cuts SQL into words: identifiers with dots and quotes, and single other characters. Comments and strings are
// passed over.
type sqlWords struct{ rest string }

func (w *sqlWords) next() string {
	for w.rest != "" {
		switch c := w.rest[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			w.rest = w.rest[1:]
		case strings.HasPrefix(w.rest, "--"):
			w.skip("\n", 1)
		case strings.HasPrefix(w.rest, "/*"):
			w.skip("*/", 2)
		case c == '\'':
			w.rest = w.rest[1:]
			w.skip("'", 1)
		case identifier(c):
			n := 1
			for n < len(w.rest) && identifier(w.rest[n]) {
				n++
			}
			word := w.rest[:n]
			w.rest = w.rest[n:]
			return word
		default:
			w.rest = w.rest[1:]
			return string(rune(c))
		}
	}
	return ""
}

// skip passes over what ends in end.
func (w *sqlWords) skip(end string, size int) {
	if i := strings.Index(w.rest, end); i >= 0 {
		w.rest = w.rest[i+size:]
	} else {
		w.rest = ""
	}
}

// after gives the word that follows a keyword.
func (w *sqlWords) after(keyword string) string {
	for word := w.next(); word != ""; word = w.next() {
		if strings.EqualFold(word, keyword) {
			return w.next()
		}
	}
	return ""
}

func identifier(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '$' || c == '"' || c == '`' || c >= 0x80
}

// tableName takes the quotes off a table's name and makes the digits of sharded tables {}.
func tableName(word string) string {
	if word == "" || !identifier(word[0]) || digit(word[0]) {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		c := word[i]
		if c == '"' || c == '`' {
			continue
		}
		if digit(c) && i+1 < len(word) && digit(word[i+1]) {
			for i+1 < len(word) && digit(word[i+1]) {
				i++
			}
			b.WriteString("{}")
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() > 128 {
		return ""
	}
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
