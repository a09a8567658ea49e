package ingest

// MixHash joins two hashes, so that equal spans of two services have different origins.
func MixHash(a, b uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	return (a ^ b*odd) * odd
}
