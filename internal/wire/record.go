package wire

import (
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/twinspan/twinspan/internal/span"
)

// Progress says up to which offset a file of an agent is taken.
type Progress struct {
	File string
	To   int64
}

// Record is one entry of the durable log: the batch of one acknowledged request.
type Record struct {
	// RequestHash recognises a request that is sent again; 0 where the protocol has other means.
	RequestHash uint64
	Progress    []Progress
	Batch       span.Batch
}

// AppendRecord appends r as a Record message.
func (e *Encoder) AppendRecord(b []byte, r *Record) []byte {
	b = span.AppendFixed64Field(b, 1, r.RequestHash)
	b = appendProgress(b, 2, r.Progress)
	return appendMessage(b, 3, func(b []byte) []byte { return e.AppendBatch(b, &r.Batch, nil) })
}

// PackRecord gives r as it stands in the log: a Record message as one S2 block. It uses the memory of dst if that is
// enough.
func (e *Encoder) PackRecord(dst []byte, r *Record) []byte {
	e.plain = e.AppendRecord(e.plain[:0], r)
	return s2.Encode(dst[:cap(dst)], e.plain)
}

// UnpackRecord reads what PackRecord gave. The record has memory of its own.
func UnpackRecord(packed []byte) (Record, error) {
	plain, err := s2.Decode(nil, packed)
	if err != nil {
		return Record{}, fmt.Errorf("%w: decompress a log record: %w", ErrMalformed, err)
	}
	return DecodeRecord(plain)
}

// DecodeRecord reads a Record message. What it gives aliases m.
func DecodeRecord(m []byte) (r Record, err error) {
	err = fields(m, func(f span.Field) (err error) {
		switch f.Number {
		case 1:
			r.RequestHash = f.Num
		case 2:
			r.Progress, err = progress(r.Progress, f.Data)
		case 3:
			r.Batch, _, err = DecodeBatch(f.Data)
		}
		return err
	})
	return r, err
}

// Push is one request of an agent.
type Push struct {
	Agent  string
	Chunks []Chunk
}

// Chunk is what an agent read from one file between two offsets.
type Chunk struct {
	File     string
	From, To int64
	Batch    span.Batch
}

// AppendPush appends p as a Push message.
func (e *Encoder) AppendPush(b []byte, p *Push) []byte {
	b = span.AppendStringField(b, 1, p.Agent)
	for i := range p.Chunks {
		c := &p.Chunks[i]
		b = appendMessage(b, 2, func(b []byte) []byte {
			b = span.AppendStringField(b, 1, c.File)
			b = span.AppendVarintField(b, 2, uint64(c.From))
			b = span.AppendVarintField(b, 3, uint64(c.To))
			return appendMessage(b, 4, func(b []byte) []byte { return e.AppendBatch(b, &c.Batch, nil) })
		})
	}
	return b
}

// DecodePush reads a Push message. What it gives aliases m.
func DecodePush(m []byte) (p Push, err error) {
	err = fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			p.Agent = view(f.Data)
		case 2:
			p.Chunks = append(p.Chunks, Chunk{})
			return p.Chunks[len(p.Chunks)-1].decode(f.Data)
		}
		return nil
	})
	return p, err
}

func (c *Chunk) decode(m []byte) error {
	err := fields(m, func(f span.Field) (err error) {
		switch f.Number {
		case 1:
			c.File = view(f.Data)
		case 2:
			c.From = int64(f.Num)
		case 3:
			c.To = int64(f.Num)
		case 4:
			c.Batch, _, err = DecodeBatch(f.Data)
		}
		return err
	})
	if err == nil && (c.From < 0 || c.To < c.From || c.File == "") {
		return malformed("chunk without file or with offsets that run backwards")
	}
	return err
}

// AppendPushAnswer appends a PushAnswer message.
func AppendPushAnswer(b []byte, p []Progress) []byte { return appendProgress(b, 1, p) }

// DecodePushAnswer reads a PushAnswer message.
func DecodePushAnswer(m []byte) (p []Progress, err error) {
	err = fields(m, func(f span.Field) (err error) {
		if f.Number == 1 {
			p, err = progress(p, f.Data)
		}
		return err
	})
	return p, err
}

func appendProgress(b []byte, number int, list []Progress) []byte {
	for _, p := range list {
		b = appendMessage(b, number, func(b []byte) []byte {
			b = span.AppendStringField(b, 1, p.File)
			return span.AppendVarintField(b, 2, uint64(p.To))
		})
	}
	return b
}

func progress(list []Progress, m []byte) ([]Progress, error) {
	var p Progress
	err := fields(m, func(f span.Field) error {
		switch f.Number {
		case 1:
			p.File = string(f.Data)
		case 2:
			p.To = int64(f.Num)
		}
		return nil
	})
	return append(list, p), err
}
