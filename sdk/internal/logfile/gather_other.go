//go:build !linux

package logfile

import "os"

// writeParts writes parts one behind the other. It gives the bytes written.
func writeParts(file *os.File, parts [][]byte) (written int, err error) {
	for _, p := range parts {
		n, err := file.Write(p)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
