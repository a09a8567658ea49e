package collect

import (
	"encoding/binary"
	"errors"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

// state is what a done range leaves for the time behind it: written with the range, read at a restart. It is a protobuf
// message: cut 1 (fixed64), progress 2 {file 1, to 2}, requests 3 (packed fixed64: hash, time, offset of each), whole 5 (behind progress), late 4 {hash 1,
// duration 2, flags 3, minute 4, type 5, caller 6, callee 7, operation 8, instance 9}.
type state struct {
	cut      int64
	progress []wire.Progress
	// whole says that progress has what all ranges before have, too, so that these need not be read.
	whole    bool
	requests []RequestHash
	late     []lateRow
}

const (
	lateFailed = 1 << iota
	lateClient
	lateJoined
	lateLoadTest
	lateProducer
	lateGone
)

var errState = errors.New("malformed range state")

func (s *state) append(b []byte) []byte {
	b = span.AppendFixed64Field(b, 1, uint64(s.cut))
	var m []byte
	for _, p := range s.progress {
		m = span.AppendStringField(m[:0], 1, p.File)
		m = span.AppendVarintField(m, 2, uint64(p.To))
		b = span.AppendBytesField(b, 2, m)
	}
	if s.whole {
		b = span.AppendVarintField(b, 5, 1)
	}
	m = m[:0]
	for _, r := range s.requests {
		m = binary.LittleEndian.AppendUint64(m, r.Hash)
		m = binary.LittleEndian.AppendUint64(m, uint64(r.At))
		m = binary.LittleEndian.AppendUint64(m, uint64(r.Offset))
	}
	if len(m) > 0 {
		b = span.AppendBytesField(b, 3, m)
	}
	for i := range s.late {
		m = s.late[i].append(m[:0])
		b = span.AppendBytesField(b, 4, m)
	}
	return b
}

func (r *lateRow) append(m []byte) []byte {
	k, flags := r.call.key, uint64(0)
	for _, f := range [...]struct {
		on  bool
		bit uint64
	}{
		{r.call.failed, lateFailed}, {r.call.client, lateClient}, {r.call.joined, lateJoined}, {k.LoadTest, lateLoadTest},
		{r.call.producer, lateProducer}, {r.gone, lateGone},
	} {
		if f.on {
			flags |= f.bit
		}
	}
	m = span.AppendFixed64Field(m, 1, r.hash)
	m = span.AppendVarintField(m, 2, uint64(r.call.duration))
	m = span.AppendVarintField(m, 3, flags)
	m = span.AppendVarintField(m, 4, uint64(k.Minute))
	m = span.AppendVarintField(m, 5, uint64(k.Type))
	m = span.AppendStringField(m, 6, k.Caller)
	m = span.AppendStringField(m, 7, k.Callee)
	m = span.AppendStringField(m, 8, k.Operation)
	return span.AppendStringField(m, 9, k.Instance)
}

// decodeState reads a state. Of one cut before since it leaves out what nobody needs any more: requests and late calls, which
// are nearly all of it.
func decodeState(b []byte, since int64) (s state, err error) {
	for len(b) > 0 {
		f, rest, ok := span.NextField(b)
		if !ok {
			return s, errState
		}
		b = rest
		if (f.Number == 3 || f.Number == 4) && s.cut < since {
			break // the others stand before them
		}
		switch f.Number {
		case 1:
			s.cut = int64(f.Num)
		case 2:
			var p wire.Progress
			eachField(f.Data, func(f span.Field) {
				switch f.Number {
				case 1:
					p.File = string(f.Data)
				case 2:
					p.To = int64(f.Num)
				}
			})
			s.progress = append(s.progress, p)
		case 5:
			s.whole = f.Num != 0
		case 3:
			for m := f.Data; len(m) >= 24; m = m[24:] {
				s.requests = append(s.requests, RequestHash{
					Hash: binary.LittleEndian.Uint64(m), At: int64(binary.LittleEndian.Uint64(m[8:])),
					Offset: int64(binary.LittleEndian.Uint64(m[16:])),
				})
			}
		case 4:
			s.late = append(s.late, decodeLate(f.Data))
		}
	}
	return s, nil
}

func decodeLate(m []byte) (r lateRow) {
	k := new(span.RollupKey)
	r.call.key = k
	eachField(m, func(f span.Field) {
		switch f.Number {
		case 1:
			r.hash = f.Num
		case 2:
			r.call.duration = int64(f.Num)
		case 3:
			r.call.failed, r.call.client = f.Num&lateFailed != 0, f.Num&lateClient != 0
			r.call.joined, k.LoadTest = f.Num&lateJoined != 0, f.Num&lateLoadTest != 0
			r.call.producer, r.gone = f.Num&lateProducer != 0, f.Num&lateGone != 0
		case 4:
			k.Minute = int64(f.Num)
		case 5:
			k.Type = span.Type(f.Num)
		case 6:
			k.Caller = string(f.Data)
		case 7:
			k.Callee = string(f.Data)
		case 8:
			k.Operation = string(f.Data)
		case 9:
			k.Instance = string(f.Data)
		}
	})
	return r
}

func eachField(m []byte, fn func(span.Field)) {
	for f, rest, ok := span.NextField(m); ok; f, rest, ok = span.NextField(rest) {
		fn(f)
	}
}
