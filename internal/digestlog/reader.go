package digestlog

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/text/encoding"
)

// maxTries bounds how often an open record is parsed again when one more line of it came; after that its end is
// the start of the next record.
const maxTries = 64

// minMaxRecord is the least MaxRecord that makes sense: the beginning of a record has to fit.
const minMaxRecord = 256

// sampleSize bounds a Rejection's sample.
const sampleSize = 200

// Reader cuts the bytes of one file into records and decodes them. It is for one goroutine. The records do not depend on
// how the bytes are cut into Feeds, as long as Settle is not called between them.
type Reader struct {
	src     Source
	file    File
	decoder *encoding.Decoder
	lines   *lineDecoder

	buf     []byte
	base    int64 // file offset of buf[0]
	head    int   // buf[:head] is done with
	scan    int   // buf[head:scan] is the open record
	midline bool  // the beginning of the line at scan is gone: it was too long

	open   bool // a record is open
	count  int  // lines of the open record
	tries  int  // how often it was parsed in vain
	held   bool // the open record is complete by its looks; heldAs is what it gave
	heldAs Record

	skipping  bool // the open record is too long: its bytes are gone, its end is awaited
	skipFrom  int64
	skipLines int
	skipHead  string

	out  []Record
	next int
	done int64
}

// NewReader gives a reader of a file's bytes from the offset from on, which has to be the start of a line: 0, or a
// Record's To. It fails for a name that Known does not know and for a charset that is unknown or not a superset of ASCII.
func NewReader(src Source, from int64) (*Reader, error) {
	file := src.File
	if file == (File{}) {
		var ok bool
		if file, ok = Known(src.Name); !ok {
			return nil, fmt.Errorf("reading log %q: %w: names end in -digest.log or -stat.log", src.Name, ErrUnknownFile)
		}
	}
	enc, err := charset(src.Charset)
	if err != nil {
		return nil, fmt.Errorf("reading log %q: %w", src.Name, err)
	}
	if src.Zone == nil {
		src.Zone = time.Local
	}
	if src.MaxRecord <= 0 {
		src.MaxRecord = DefaultMaxRecord
	}
	src.MaxRecord = max(src.MaxRecord, minMaxRecord)
	if componentOf(file.Component).foreign {
		src.Format = FormatAuto // SOFARPC writes JSON whatever the format of the others
	}
	if src.Instance == "" {
		src.Instance = src.Host
	}
	r := &Reader{src: src, file: file, base: from, done: from, lines: newLineDecoder(src, file)}
	if enc != nil {
		r.decoder = enc.NewDecoder()
	}
	return r, nil
}

// Offset is the file offset before which everything has been delivered by Next: where to go on after a restart.
func (r *Reader) Offset() int64 {
	if r.next < len(r.out) {
		return r.out[r.next].From
	}
	return r.done
}

// Fed is the file offset of the byte to feed next.
func (r *Reader) Fed() int64 { return r.base + int64(len(r.buf)) }

// Feed takes the bytes that follow in the file. They are copied.
func (r *Reader) Feed(data []byte) {
	if r.head > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.head:])]
		r.base += int64(r.head)
		r.scan -= r.head
		r.head = 0
	}
	if cap(r.buf) > 4*r.src.MaxRecord && len(r.buf)+len(data) < r.src.MaxRecord {
		r.buf = append(make([]byte, 0, len(r.buf)+len(data)), r.buf...)
	}
	r.buf = append(r.buf, data...)
	r.cut()
}

// Next gives the next record; ok is false when more bytes are needed.
func (r *Reader) Next() (rec Record, ok bool) {
	if r.next == len(r.out) {
		return rec, false
	}
	rec = r.out[r.next]
	r.out[r.next] = Record{}
	if r.next++; r.next == len(r.out) {
		r.out, r.next = r.out[:0], 0
	}
	return rec, true
}

// Settle says that nothing came for a while: a record that is complete by its looks, but was held because lines to come
// could have belonged to it, is delivered. An unfinished one stays.
func (r *Reader) Settle() {
	if r.held && r.scan == len(r.buf) {
		r.end()
	}
}

// Flush says that the file has ended: what is open is delivered or rejected.
func (r *Reader) Flush() {
	if len(r.buf) > r.scan {
		r.line(len(r.buf))
	} else if r.midline {
		r.midline = false
		r.skipLines++
	}
	r.end()
	r.head = len(r.buf)
	r.done = r.Fed()
}

// cut looks at the whole lines that have come, and at what of an unfinished one may be looked at.
func (r *Reader) cut() {
	for {
		n := bytes.IndexByte(r.buf[r.scan:], '\n')
		if n < 0 {
			break
		}
		r.line(r.scan + n + 1)
	}
	rest := r.buf[r.scan:]
	if len(rest) >= startSize && !r.midline && r.starts(rest) {
		r.end()
	}
	if len(r.buf)-r.head > r.src.MaxRecord {
		r.skip()
	}
	if r.skipping && len(rest) > r.src.MaxRecord {
		r.scan = len(r.buf)
		r.head, r.midline = r.scan, true
	}
}

// line takes the next line, buf[scan:to].
func (r *Reader) line(to int) {
	line := r.buf[r.scan:to]
	starts := !r.midline && r.starts(line)
	r.midline = false
	if starts {
		r.end()
	}
	if r.skipping {
		r.skipLines++
		r.scan, r.head = to, to
		return
	}
	if !r.open {
		if len(line) <= r.src.MaxRecord && len(bytes.Trim(line, "\r\n")) == 0 {
			r.done += int64(len(line))
			r.scan, r.head = to, to
			return
		}
		r.open, r.count, r.tries, r.held = true, 0, 0, false
		if len(line) <= r.src.MaxRecord && (r.file.Kind == KindOther || !starts && !r.mayStart(line)) {
			r.count, r.scan = 1, to
			if r.file.Kind == KindOther {
				r.deliver(Record{Other: true, Lines: 1})
			} else if !r.torn(true) {
				r.reject(ReasonNoStart, "the line does not begin with a time, and no record before it is unfinished")
			}
			return
		}
	}
	r.count++
	r.scan = to
	if r.scan-r.head > r.src.MaxRecord {
		r.skip()
		return
	}
	r.held = false
	if r.tries < maxTries && r.mayEnd(line) {
		r.tries++
		r.try(false)
	}
}

// end ends the open record, because another begins or the file ends.
func (r *Reader) end() {
	switch {
	case r.skipping:
		r.push(Record{From: r.skipFrom, To: r.base + int64(r.scan), Lines: r.skipLines, Err: &Rejection{
			Reason: ReasonTooLong,
			Detail: fmt.Sprintf("the record has more than %d bytes", r.src.MaxRecord),
			Sample: r.skipHead,
		}})
		r.skipping, r.skipHead = false, ""
	case r.held:
		r.deliver(r.heldAs)
	case r.open:
		r.try(true)
	}
}

// try parses the open record. final says that no more lines can belong to it.
func (r *Reader) try(final bool) {
	rec, state := r.lines.decode(r.text(r.buf[r.head:r.scan]))
	rec.Lines = r.count
	if r.count > 1 {
		rec.Repairs |= RepairLines
	}
	switch {
	case state != broken && rec.Repairs&(RepairUnescaped|RepairColumns|RepairKeys) != 0 && r.torn(true):
	case state == complete, state == looksComplete && final:
		r.deliver(rec)
	case state == looksComplete:
		r.held, r.heldAs = true, rec
	case final && !r.torn(false):
		r.deliver(Record{Lines: r.count, Err: rec.Err})
	}
}

// torn looks for a record in the middle of the open one: if a process died while writing, the next one's first record
// follows on the same line. clean says that it counts only if it needs no repair, because the whole can be read too.
func (r *Reader) torn(clean bool) bool {
	all := r.buf[r.head:r.scan]
	for from, tries := 1, 0; from < len(all) && tries < maxTries; tries++ {
		i := nextStart(all[from:])
		if i < 0 {
			break
		}
		from += i
		rec, state := r.lines.decode(r.text(all[from:]))
		if state != broken && (!clean || rec.Repairs&^RepairCharset == 0) {
			before := bytes.Count(all[:from], []byte{'\n'})
			start := r.base + int64(r.head)
			r.push(Record{From: start, To: start + int64(from), Lines: before, Err: &Rejection{
				Reason: ReasonIncomplete, Detail: "another record begins on the same line", Sample: r.sample(all[:from]),
			}})
			r.head += from
			rec.Lines = r.count - before
			rec.Repairs |= RepairTorn
			r.deliver(rec)
			return true
		}
		from++
	}
	return false
}

// reject rejects the open record.
func (r *Reader) reject(reason Reason, detail string) {
	r.deliver(Record{Lines: r.count, Err: &Rejection{Reason: reason, Detail: detail}})
}

// deliver queues what became of the open record, buf[head:scan], and closes it.
func (r *Reader) deliver(rec Record) {
	rec.From, rec.To = r.base+int64(r.head), r.base+int64(r.scan)
	if rec.Err != nil && rec.Err.Sample == "" {
		rec.Err.Sample = r.sample(r.buf[r.head:r.scan])
	}
	r.push(rec)
	r.open, r.held, r.heldAs, r.head = false, false, Record{}, r.scan
}

func (r *Reader) push(rec Record) {
	r.out = append(r.out, rec)
	r.done = rec.To
}

// skip gives up the open record, or the unfinished line that would begin one, and waits for the next record.
func (r *Reader) skip() {
	if r.skipping {
		return
	}
	r.skipping, r.skipFrom, r.skipLines = true, r.base+int64(r.head), 0
	if r.open {
		r.skipLines = r.count
	}
	r.skipHead = r.sample(r.buf[r.head:])
	r.open, r.held, r.heldAs, r.head = false, false, Record{}, r.scan
}

// text decodes a record's bytes; its line end is cut.
func (r *Reader) text(b []byte) (string, Repairs) {
	b = bytes.TrimSuffix(b, []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	return decodeCharset(r.decoder, b)
}

func (r *Reader) sample(b []byte) string {
	s, _ := r.text(b[:min(len(b), sampleSize)])
	return s[:min(len(s), sampleSize)]
}
