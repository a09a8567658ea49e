package logfile

import (
	"os"
	"syscall"
	"unsafe"
)

// maxParts is the number of parts that one system call takes (IOV_MAX).
const maxParts = 1024

// writeParts writes parts one behind the other, by one system call where that is possible: the kernel's page cache then takes
// them in large pages, which costs half of what single writes of 32 KiB do (BenchmarkWrite). It gives the bytes written.
func writeParts(file *os.File, parts [][]byte) (written int, err error) {
	if len(parts) == 1 {
		return file.Write(parts[0])
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	list := make([]syscall.Iovec, 0, min(len(parts), maxParts))
	for len(parts) > 0 && err == nil {
		list = list[:0]
		size := 0
		for _, p := range parts[:min(len(parts), maxParts)] {
			v := syscall.Iovec{Base: unsafe.SliceData(p)}
			v.SetLen(len(p))
			list = append(list, v)
			size += len(p)
		}
		n, errno := 0, syscall.Errno(0)
		err = conn.Write(func(fd uintptr) bool {
			r, _, e := syscall.Syscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(unsafe.SliceData(list))), uintptr(len(list)))
			n, errno = int(r), e
			return e != syscall.EINTR
		})
		switch {
		case err != nil:
		case errno != 0:
			err = &os.PathError{Op: "writev", Path: file.Name(), Err: errno}
		case n == size:
			written += n
			parts = parts[len(list):]
		default: // the disk is full, most likely: the next write says so
			written += n
			rest, i := n, 0
			for rest >= len(parts[i]) {
				rest -= len(parts[i])
				i++
			}
			m, e := file.Write(parts[i][rest:])
			written += m
			parts, err = parts[i+1:], e
		}
	}
	return written, err
}
