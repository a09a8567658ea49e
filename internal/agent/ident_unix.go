//go:build unix

package agent

import (
	"io/fs"
	"syscall"
)

func inodeOf(_ string, info fs.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(st.Dev), st.Ino} //nolint:unconvert // Dev is 32 bits wide on some systems
	}
	return inode{}
}
