package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
)

// The fixed part of Bolt's frames, protocol version 1, as SOFARPC writes them by default: protocol, type, command (2), version,
// id (4), codec; then a request has its timeout (4), a response its status (2); then the lengths of class name (2), header (2) and
// content (4), and those.
const (
	boltProtocol = 1
	boltResponse = 0
	boltRequest  = 1
	boltOneway   = 2
	boltCall     = 1 // the command; 0 is a heartbeat
	boltHead     = 10
)

// boltFrame is a request or a response.
type boltFrame struct {
	head           [boltHead]byte
	middle         []byte // a request's timeout, a response's status
	class, content []byte
	header         map[string]string
}

func (f *boltFrame) kind() byte { return f.head[1] }

// call says that the frame is no heartbeat.
func (f *boltFrame) call() bool { return binary.BigEndian.Uint16(f.head[2:]) == boltCall }

func readBolt(r *bufio.Reader) (*boltFrame, error) {
	f := new(boltFrame)
	if _, err := io.ReadFull(r, f.head[:]); err != nil {
		return nil, err
	}
	if f.head[0] != boltProtocol {
		return nil, fmt.Errorf("bolt: protocol %d", f.head[0])
	}
	f.middle = make([]byte, 4)
	if f.kind() == boltResponse {
		f.middle = f.middle[:2]
	}
	var lengths [8]byte
	for _, part := range [][]byte{f.middle, lengths[:]} {
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
	}
	f.class = make([]byte, binary.BigEndian.Uint16(lengths[:]))
	header := make([]byte, binary.BigEndian.Uint16(lengths[2:]))
	f.content = make([]byte, binary.BigEndian.Uint32(lengths[4:]))
	for _, part := range [][]byte{f.class, header, f.content} {
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
	}
	var err error
	f.header, err = readBoltHeader(header)
	return f, err
}

// readBoltHeader reads SOFARPC's map of texts: each with its length in four bytes before it.
func readBoltHeader(b []byte) (map[string]string, error) {
	m := make(map[string]string)
	text := func() (string, error) {
		if len(b) < 4 || uint32(len(b)-4) < binary.BigEndian.Uint32(b) {
			return "", fmt.Errorf("bolt: the header breaks off: %q", b)
		}
		n := binary.BigEndian.Uint32(b)
		s := string(b[4 : 4+n])
		b = b[4+n:]
		return s, nil
	}
	for len(b) > 0 {
		key, err := text()
		if err != nil {
			return nil, err
		}
		if m[key], err = text(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (f *boltFrame) write(w io.Writer) error {
	var header []byte
	for _, key := range slices.Sorted(maps.Keys(f.header)) {
		for _, text := range []string{key, f.header[key]} {
			header = binary.BigEndian.AppendUint32(header, uint32(len(text)))
			header = append(header, text...)
		}
	}
	b := append(f.head[:], f.middle...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.class)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(header)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.content)))
	b = append(append(append(b, f.class...), header...), f.content...)
	_, err := w.Write(b)
	return err
}
