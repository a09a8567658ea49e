//go:build linux || darwin

package doctor

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
)

// free gives the bytes that an ordinary user can still write to the disk of dir, and those of the whole disk.
func free(dir string) (left, all int64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, false
	}
	block := int64(st.Bsize) //nolint:unconvert // 32 bits wide on some systems
	return int64(st.Bavail) * block, int64(st.Blocks) * block, true
}

// owner names the user whose file it is.
func owner(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "somebody"
	}
	uid := strconv.FormatUint(uint64(st.Uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return fmt.Sprintf("user %s", uid)
}
