package pebble

import "github.com/cockroachdb/pebble/v2"

// Cache is the memory of what was read and the files that are open. Stores may share one. It is safe for concurrent use.
type Cache struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
}

// NewCache makes a cache of some bytes, which its maker closes after all stores that use it.
func NewCache(bytes int64) *Cache {
	return &Cache{blocks: pebble.NewCache(bytes), files: pebble.NewFileCache(4, 1024)}
}

// Close gives the memory back.
func (c *Cache) Close() {
	c.files.Unref()
	c.blocks.Unref()
}
