package digestlog

import "bytes"

// What a record begins with. jsonStartOld is how SOFARPC's own lines begin.
var (
	jsonStart    = []byte(`{"time":"`)
	jsonStartOld = []byte(`{"timestamp":"`)
)

const textStart = "0000-00-00 00:00:00.000,"

// startSize is the number of bytes that decide whether a line begins a record.
const startSize = len(textStart)

// starts says that a line begins a record, whatever went before.
func (r *Reader) starts(line []byte) bool {
	return r.src.Format != FormatText && jsonStarts(line) || r.src.Format != FormatJSON && textStarts(line)
}

func jsonStarts(line []byte) bool {
	return bytes.HasPrefix(line, jsonStart) || bytes.HasPrefix(line, jsonStartOld)
}

func textStarts(line []byte) bool {
	if len(line) < startSize || line[4] != '-' {
		return false
	}
	return matchDigits(string(line[:startSize]), textStart)
}

// mayStart says that a line may begin a record where none is open: JSON with its keys in another order, or the
// beginning of a text line.
func (r *Reader) mayStart(line []byte) bool {
	if r.src.Format != FormatText && line[0] == '{' {
		return true
	}
	return r.src.Format != FormatJSON && len(line) > 4 && line[4] == '-' && matchDigits(string(line[:5]), textStart[:5])
}

// mayEnd says that the open record may end with this line; it spares most attempts at parsing half a record.
func (r *Reader) mayEnd(line []byte) bool {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return false
	}
	last := line[len(line)-1]
	if r.buf[r.head] == '{' {
		return last == '}'
	}
	if r.file.Kind == KindStat {
		return last == 'T' || last == 'F' || last == '}'
	}
	return last == ',' || last == '&' || last == '}'
}

// nextStart gives the place in b where a record begins, at the start of a line or not, or -1.
func nextStart(b []byte) int {
	json := bytes.Index(b, jsonStart)
	if old := bytes.Index(b, jsonStartOld); old >= 0 && (json < 0 || old < json) {
		json = old
	}
	for i := 0; i+startSize <= len(b) && (json < 0 || i < json); i++ {
		if digit(b[i]) && textStarts(b[i:]) {
			return i
		}
	}
	return json
}
