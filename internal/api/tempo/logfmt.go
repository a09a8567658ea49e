package tempo

import (
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/api/compat"
)

type pair struct{ key, value string }

// maxTags bounds the tags of one search.
const maxTags = 32

// parseLogfmt reads key=value pairs between blanks; values with blanks stand in double quotes.
func parseLogfmt(text string) (pairs []pair, err error) {
	rest := strings.TrimSpace(strings.ToValidUTF8(text, "\ufffd"))
	for rest != "" {
		end := strings.IndexAny(rest, "= \t\"")
		if end < 0 {
			end = len(rest)
		}
		p := pair{key: rest[:end]}
		rest = rest[end:]
		if p.key == "" || strings.HasPrefix(rest, `"`) {
			return nil, compat.BadRequest("invalid tags: want key=value pairs, at %.40q", rest)
		}
		if value, ok := strings.CutPrefix(rest, "="); ok {
			if p.value, rest, err = logfmtValue(value); err != nil {
				return nil, err
			}
		}
		for _, o := range pairs {
			if o.key == p.key {
				return nil, compat.BadRequest("invalid tags: tag %s has been set twice", p.key)
			}
		}
		if pairs = append(pairs, p); len(pairs) > maxTags {
			return nil, compat.BadRequest("invalid tags: more than %d", maxTags)
		}
		rest = strings.TrimLeft(rest, " \t")
	}
	return pairs, nil
}

func logfmtValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err == nil {
		value, err = strconv.Unquote(quoted)
	}
	if err != nil {
		return "", "", compat.BadRequest("invalid tags: the quotes do not end in %.40q", text)
	}
	return value, text[len(quoted):], nil
}
