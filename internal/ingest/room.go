package ingest

import "golang.org/x/sync/semaphore"

// Room is the memory that requests may have that are decoded but not paired yet. The Writers of all tenants share one. It
// is safe for concurrent use.
type Room struct {
	size int64
	free *semaphore.Weighted
}

// NewRoom bounds that memory to size bytes.
func NewRoom(size int64) *Room { return &Room{size: size, free: semaphore.NewWeighted(size)} }
