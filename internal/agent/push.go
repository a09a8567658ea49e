package agent

import (
	"github.com/klauspost/compress/zstd"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

// reasonRefused is the reason, beside those of digestlog, for records that the collector cannot take even alone.
const reasonRefused digestlog.Reason = "refused"

// push is one request: what is read and not acknowledged.
type push struct {
	chunks []*chunk
	body   []byte // encoded when it is first sent
	tries  int
}

// chunk is what one file gave between two offsets.
type chunk struct {
	file     *file
	from, to int64
	records  []record
	lines    int
	rejected []digestlog.Reason
}

// record is a half or a stat line; to is the offset behind it.
type record struct {
	from, to int64
	half     *span.Half
	stat     *span.Stat
}

// bytes is the number of bytes of logs that the push stands for.
func (p *push) bytes() (n int64) {
	for _, c := range p.chunks {
		n += c.to - c.from
	}
	return n
}

func (p *push) records() (n int) {
	for _, c := range p.chunks {
		n += len(c.records)
	}
	return n
}

// encoder keeps what encoding pushes needs.
type encoder struct {
	wire  *wire.Encoder
	zstd  *zstd.Encoder // nil: not compressed
	plain []byte
}

func newEncoder(compress bool) (*encoder, error) {
	e := &encoder{wire: wire.NewEncoder()}
	if !compress {
		return e, nil
	}
	var err error
	e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return e, err
}

// encode gives the body of the request. It owns its memory.
func (e *encoder) encode(agent string, p *push) []byte {
	msg := wire.Push{Agent: agent, Chunks: make([]wire.Chunk, len(p.chunks))}
	for i, c := range p.chunks {
		m := &msg.Chunks[i]
		m.File, m.From, m.To = c.file.key, c.from, c.to
		for _, r := range c.records {
			if r.half != nil {
				m.Batch.Halves = append(m.Batch.Halves, *r.half)
			} else {
				m.Batch.Stats = append(m.Batch.Stats, *r.stat)
			}
		}
	}
	e.plain = e.wire.AppendPush(e.plain[:0], &msg)
	if e.zstd != nil {
		return e.zstd.EncodeAll(e.plain, nil)
	}
	return append([]byte(nil), e.plain...)
}

// split cuts a push of several records that the collector cannot take in two. The second part goes on where the first ends.
func (p *push) split() (first, second *push) {
	first, second = &push{}, &push{}
	left := p.records() / 2
	for _, c := range p.chunks {
		switch n := len(c.records); {
		case n <= left:
			first.chunks = append(first.chunks, c)
			left -= n
		case left == 0:
			second.chunks = append(second.chunks, c)
		default:
			at := c.records[left-1].to
			// What was counted besides records goes with the second part, which is acknowledged last.
			first.chunks = append(first.chunks, &chunk{file: c.file, from: c.from, to: at, records: c.records[:left]})
			second.chunks = append(second.chunks, &chunk{
				file: c.file, from: at, to: c.to, records: c.records[left:], lines: c.lines, rejected: c.rejected,
			})
			left = 0
		}
	}
	return first, second
}

// without gives the push with its only record left out, so that the collector knows that it is passed.
func (p *push) without() (rest *push, refused record, from *file) {
	rest = &push{chunks: p.chunks}
	for _, c := range p.chunks {
		if len(c.records) > 0 {
			refused, from = c.records[0], c.file
			c.records = nil
			c.rejected = append(c.rejected, reasonRefused)
		}
	}
	return rest, refused, from
}
