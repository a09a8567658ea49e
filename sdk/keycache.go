package twinspan

// keyCache has the usual keys of attributes as lines have them, `,"key":`: they are found again faster than looked through for what has
// to be escaped, and written at once.
type keyCache [cachedKeys]struct {
	size uint8
	text [maxCachedKey + 4]byte
}

const (
	cachedKeys   = 128 // a power of two
	maxCachedKey = 42  // the length of the longest key that is kept
)

// append writes a key, with a comma before it and a colon behind.
func (c *keyCache) append(b []byte, key string) []byte {
	n := len(key)
	if n == 0 || n > maxCachedKey {
		return append(appendText(append(b, ',', '"'), key), '"', ':')
	}
	e := &c[(uint(n)*5^uint(key[n-1])^uint(key[n/2])<<2)%cachedKeys]
	if int(e.size) == n+4 && string(e.text[2:n+2]) == key {
		return append(b, e.text[:n+4]...)
	}
	from := len(b)
	b = append(appendText(append(b, ',', '"'), key), '"', ':')
	if len(b)-from == n+4 { // nothing is escaped
		e.size = uint8(copy(e.text[:], b[from:]))
	}
	return b
}
