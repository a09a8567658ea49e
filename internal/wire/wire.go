// Package wire is the published protobuf schema (twinspan.proto) of halves, calls and stat lines, and its codec. The codec
// is written by hand because it is on the path of every span: decoded halves alias the message, and strings that repeat
// are numbers of the batch's table. A test holds it against the compiled schema. It does not know the log or the network.
package wire

import (
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
)

// ErrMalformed says that bytes are not a message of the schema.
var ErrMalformed = errors.New("wire: malformed message")

// fields calls fn for each field of a message.
func fields(m []byte, fn func(span.Field) error) error {
	for len(m) > 0 {
		f, rest, ok := span.NextField(m)
		if !ok {
			return ErrMalformed
		}
		if err := fn(f); err != nil {
			return err
		}
		m = rest
	}
	return nil
}

// Flags of a half.
const (
	flagLoadTest = 1 << iota
	flagCoarse
	flagShared
)

// enum bounds a number of the message to the values that this version knows; others become 0.
func enum[T ~uint8](v uint64, last T) T {
	if v > uint64(last) {
		return 0
	}
	return T(v)
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
