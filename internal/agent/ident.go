package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// inode tells files apart as long as they exist. Numbers are used again after deletion, and devices are numbered anew at
// a reboot, so that it is never trusted without a fingerprint.
type inode struct {
	Device, Number uint64
}

// maxPrint bounds the bytes that identify a file's content.
const maxPrint = 256

// fingerprint identifies a file by the beginning of its content: up to the end of the first line that is not blank, at
// most maxPrint bytes. Logs only grow, so that it stays the same from the moment on when that line is complete,
// through renaming and copying. Lines begin with a time in milliseconds and, in digests, a trace id.
type fingerprint struct {
	Length int
	Hash   uint64
}

// printOf gives the fingerprint of a file that begins with head, of which at most maxPrint bytes are looked at. ok is
// false as long as more bytes could change it.
func printOf(head []byte) (p fingerprint, ok bool) {
	if len(head) > maxPrint {
		head = head[:maxPrint]
	}
	ok = len(head) == maxPrint
	blank := len(head) - len(bytes.TrimLeft(head, "\r\n"))
	if i := bytes.IndexByte(head[blank:], '\n'); i >= 0 {
		head, ok = head[:blank+i+1], true
	}
	return fingerprint{len(head), xxhash.Sum64(head)}, ok
}

// matches says that a file still begins with what the fingerprint was made of.
func (p fingerprint) matches(r io.ReaderAt) (bool, error) {
	var head [maxPrint]byte
	if p.Length < 0 || p.Length > maxPrint {
		return false, nil
	}
	n, err := r.ReadAt(head[:p.Length], 0)
	if n < p.Length {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return false, err
	}
	return xxhash.Sum64(head[:p.Length]) == p.Hash, nil
}

// keyOf names a file at the collector: where it was first seen, without what rolling appends to the name, and its
// content. It can be made again from the file alone, so that nothing is taken twice when the agent's state is lost, and
// a copy (copytruncate) has the same key as its original.
func keyOf(dir, live string, p fingerprint) string {
	path := filepath.ToSlash(filepath.Join(dir, live))
	return fmt.Sprintf("%s#%016x-%d", strings.ToValidUTF8(path, "?"), p.Hash, p.Length)
}

// originOf identifies a record in its trace. prefix is the file's, see originPrefix.
func originOf(prefix []byte, offset int64) uint64 {
	b := binary.LittleEndian.AppendUint64(prefix[:len(prefix):len(prefix)], uint64(offset))
	if h := xxhash.Sum64(b); h != 0 {
		return h
	}
	return 1 // 0 stands for "no origin"
}

func originPrefix(agent, key string) []byte { return []byte(agent + "\x00" + key + "\x00") }
