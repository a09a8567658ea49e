package query

import "github.com/twinspan/twinspan/internal/store"

// Query is the store's, under this package's name: who asks does not see the store behind it.
type Query = store.Query

// Tag is the store's too.
type Tag = store.Tag

var (
	// ErrClosed says that the process is stopping.
	ErrClosed = store.ErrClosed
	// ErrCorrupt says that stored bytes cannot be read.
	ErrCorrupt = store.ErrCorrupt
)
