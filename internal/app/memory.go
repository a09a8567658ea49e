package app

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/config"
)

// paceMemory tells the garbage collector how much memory it may let pile up. The variables GOGC and GOMEMLIMIT, which the
// Go runtime reads by itself, win over the settings.
func paceMemory(cfg config.Memory, groups []string, log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(cfg.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := cfg.LimitBytes
	if limit == 0 {
		limit = controlGroupLimit(groups) / 10 * 9
	}
	if limit > 0 {
		debug.SetMemoryLimit(limit)
		log.Debug("memory limit", "bytes", limit)
	}
}

// controlGroups are the files that have the memory limit of a container, in control groups of version 2 and 1.
var controlGroups = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// controlGroupLimit reads the first of the files that is there, and gives 0 where there is no limit.
func controlGroupLimit(files []string) int64 {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max" is no number; version 1 says "no limit" by one near the greatest.
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || n > math.MaxInt64/2 {
			return 0
		}
		return n
	}
	return 0
}

// memoryLimit is the limit that the collector of garbage keeps to, 0 for none.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit
	}
	return 0
}
