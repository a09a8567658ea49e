// Package digestlog reads the digest and stat logs that SOFATracer (Java 3.x and 4.x) and Twinspan's own tracer write on
// disk, JSON and text, and turns their lines into span.Half and span.Stat. It frames records (values with line breaks
// spread a record over several lines), undoes what the writers leave unescaped, and says of every line that it cannot
// read why. docs/formats/sofatracer-logs.md describes all of it.
//
// It opens no files, follows no rotation and sends nothing: that is internal/agent.
package digestlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// Format is the form of the lines of a file.
type Format uint8

// The formats. With FormatAuto each record's first bytes decide: `{` is JSON, a date is text.
const (
	FormatAuto Format = iota
	FormatJSON
	FormatText
)

var formatNames = [...]string{"auto", "json", "text"}

// ParseFormat reads the name of a format: auto, json or text; "" is FormatAuto.
func ParseFormat(s string) (Format, error) {
	if s == "" {
		return FormatAuto, nil
	}
	for i, n := range formatNames {
		if n == s {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("log format %q is unknown: use one of %q", s, formatNames)
}

// DefaultMaxRecord is the size in bytes up to which a record is kept in memory while its end is awaited.
const DefaultMaxRecord = 1 << 20

// Source says how the lines of one file are read.
type Source struct {
	// Name is the file's base name; it decides component and kind, see Known.
	Name string
	// File takes the place of what Known says of Name where a service gives its logs names of its own. The zero value is
	// for all others.
	File File
	// Zone is the time zone of times without one, nil is the host's.
	Zone *time.Location
	// Charset is the IANA name of the charset, such as gb18030; "" is UTF-8.
	Charset string
	Format  Format
	// Instance names the process where the line does not; "" is Host.
	Instance string
	// Host is the agent's host: instance and local address where a line has none.
	Host string
	// Shadow says that the file lies in shadow/: all of it is load-test traffic.
	Shadow bool
	// MaxRecord is the size in bytes beyond which a record is rejected, 0 is DefaultMaxRecord; it is at least 256.
	MaxRecord int
}

// Record is one record of a log: a line, or the lines over which an unescaped value spreads it. Exactly one of Half, Stat,
// Err and Other is set.
type Record struct {
	// From and To are the file offsets of the record's first byte and of the byte behind its line end. Records come in
	// order and do not overlap; only blank lines lie between them.
	From, To int64
	// Lines is the number of physical lines.
	Lines int
	// Half and Stat own their memory; Origin and Received are left for the caller.
	Half *span.Half
	Stat *span.Stat
	// Other says that the line belongs to a file that is known and holds neither halves nor stat lines.
	Other bool
	// Repairs tells what had to be undone to read the record.
	Repairs Repairs
	// Err is what was wrong with the record.
	Err *Rejection
}

// Repairs is a set of the recoveries that a record needed.
type Repairs uint8

// The recoveries.
const (
	// RepairUnescaped: quotes, brackets or control characters stood in JSON values as they were.
	RepairUnescaped Repairs = 1 << iota
	// RepairLines: line breaks in values spread the record over lines.
	RepairLines
	// RepairColumns: commas in values shifted the columns of a text line.
	RepairColumns
	// RepairCharset: bytes that the charset does not have became U+FFFD.
	RepairCharset
	// RepairKeys: the keys are not those known for the component; they were read as they came.
	RepairKeys
	// RepairTorn: the record began in the middle of a line that an earlier record had left unfinished.
	RepairTorn
)

var repairNames = [...]string{"unescaped", "lines", "columns", "charset", "keys", "torn"}

// names gives the names of the recoveries in the set.
func (r Repairs) names() []string {
	var names []string
	for i, n := range repairNames {
		if r&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Reason is the code of why a record was rejected.
type Reason string

// The reasons. Each is explained in docs/formats/sofatracer-logs.md.
const (
	ReasonNoStart    Reason = "no-start"    // the line does not begin a record and none is open
	ReasonIncomplete Reason = "incomplete"  // the record breaks off
	ReasonMalformed  Reason = "malformed"   // keys or columns cannot be told apart
	ReasonTooLong    Reason = "too-long"    // longer than MaxRecord
	ReasonTime       Reason = "bad-time"    // time is not yyyy-MM-dd HH:mm:ss.SSS
	ReasonTraceID    Reason = "no-trace-id" // traceId is missing or empty
	ReasonSpanID     Reason = "no-span-id"  // spanId is missing or empty
	ReasonNumber     Reason = "bad-number"  // a field that has to be a number is none
)

// Rejection says why a record was rejected.
type Rejection struct {
	Reason Reason
	// Detail says what was looked for and what was found.
	Detail string
	// Sample is the beginning of the record, at most 200 bytes.
	Sample string
}

// ErrUnknownFile says that a file's name is not one that holds SOFATracer or Twinspan logs.
var ErrUnknownFile = errors.New("no digest or stat log by its name")
