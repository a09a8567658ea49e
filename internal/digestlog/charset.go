package digestlog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// CheckCharset says whether NewReader can read a charset of this name.
func CheckCharset(name string) error {
	_, err := charset(name)
	return err
}

// charset gives the encoding of a name, nil for UTF-8. US-ASCII is read as UTF-8, of which it is a part.
func charset(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968":
		return nil, nil
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		if enc, err = htmlindex.Get(name); err != nil {
			return nil, fmt.Errorf("charset %q is unknown: use its IANA name, such as UTF-8, GB18030 or ISO-8859-1", name)
		}
	}
	// Records are found in the bytes as they are, so line ends, quotes and commas have to be those of ASCII.
	const probe = "{\"a\":1},\r\n"
	if b, err := enc.NewEncoder().String(probe); err != nil || b != probe {
		return nil, fmt.Errorf("charset %q does not contain ASCII, so that lines cannot be found in it", name)
	}
	return enc, nil
}

// decodeCharset gives b as valid UTF-8 in memory of its own. What cannot be decoded becomes U+FFFD.
func decodeCharset(dec *encoding.Decoder, b []byte) (string, Repairs) {
	if dec != nil && !ascii(b) {
		if out, err := dec.Bytes(b); err == nil {
			s := string(out)
			if strings.ContainsRune(s, utf8.RuneError) {
				return s, RepairCharset
			}
			return s, 0
		}
	}
	s := string(b)
	if utf8.ValidString(s) {
		return s, 0
	}
	return strings.ToValidUTF8(s, "\uFFFD"), RepairCharset
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
