package digestlog

import (
	"strings"
	"time"
)

// clock reads times without a zone; it remembers the minute that it computed last.
type clock struct {
	zone   *time.Location
	minute string
	base   int64 // the minute's start in ns of the Unix epoch
}

// read reads yyyy-MM-dd HH:mm:ss.SSS. A time that the zone has twice counts as its first.
func (c *clock) read(s string) (nanos int64, ok bool) {
	if len(s) != len("2006-01-02 15:04:05.000") || !matchDigits(s, "0000-00-00 00:00:00.000") {
		return 0, false
	}
	if s[:16] != c.minute {
		year, month, day := num(s[0:4]), num(s[5:7]), num(s[8:10])
		hour, minute := num(s[11:13]), num(s[14:16])
		t := time.Date(year, time.Month(month), day, hour, minute, 0, 0, c.zone)
		if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || year < 1970 || year > 2200 {
			return 0, false
		}
		c.minute, c.base = strings.Clone(s[:16]), t.UnixNano()
	}
	sec := num(s[17:19])
	if sec > 60 {
		return 0, false
	}
	return c.base + int64(sec)*1e9 + int64(num(s[20:23]))*1e6, true
}

// num reads decimal digits.
func num(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
