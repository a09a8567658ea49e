package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// Layout: docs/formats/wal.md. All numbers are little endian.
const (
	segmentMagic      = "TWINWAL\n"
	segmentVersion    = 1
	segmentHeaderSize = 40
	frameHeaderSize   = 40

	// flagLast marks the last record of one Append. Recovery cuts after such a record only, so that
	// an Append is there as a whole or not at all.
	flagLast   = 1 << 0
	knownFlags = flagLast
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader begins every segment file.
type segmentHeader struct {
	first int64
	// salt is random. It goes into the checksum of every frame header, so that neither a record
	// which contains a copy of a segment nor old blocks of the disk are taken for frames.
	salt uint64
}

func (h segmentHeader) put(dst []byte) {
	clear(dst[:segmentHeaderSize])
	copy(dst, segmentMagic)
	binary.LittleEndian.PutUint32(dst[8:], segmentVersion)
	binary.LittleEndian.PutUint64(dst[16:], uint64(h.first))
	binary.LittleEndian.PutUint64(dst[24:], h.salt)
	binary.LittleEndian.PutUint32(dst[36:], crc32.Checksum(dst[:36], castagnoli))
}

// parseSegmentHeader returns the header and its version; ok is false where the bytes are no header.
func parseSegmentHeader(src []byte) (h segmentHeader, version uint32, ok bool) {
	if len(src) < segmentHeaderSize || string(src[:8]) != segmentMagic ||
		crc32.Checksum(src[:36], castagnoli) != binary.LittleEndian.Uint32(src[36:]) {
		return h, 0, false
	}
	h.first = int64(binary.LittleEndian.Uint64(src[16:]))
	h.salt = binary.LittleEndian.Uint64(src[24:])
	return h, binary.LittleEndian.Uint32(src[8:]), h.first >= 0
}

// seed is what the checksums of the segment's frame headers start from.
func (h segmentHeader) seed() uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], h.salt)
	return crc32.Checksum(b[:], castagnoli)
}

// frameHeader stands before each record's payload.
type frameHeader struct {
	crc       uint32 // of the payload
	length    uint32 // of the payload, bytes
	partition uint16
	flags     uint16
	offset    int64
	received  int64
	// commit is the offset of the first record that was written and synced together with this one.
	// A frame is a proof that all records before its commit had been synced: that is how recovery
	// tells a torn tail (never acknowledged) from damage to acknowledged records.
	commit int64
}

func (h frameHeader) put(dst []byte, seed uint32) {
	_ = dst[frameHeaderSize-1]
	binary.LittleEndian.PutUint32(dst[4:], h.crc)
	binary.LittleEndian.PutUint32(dst[8:], h.length)
	binary.LittleEndian.PutUint16(dst[12:], h.partition)
	binary.LittleEndian.PutUint16(dst[14:], h.flags)
	binary.LittleEndian.PutUint64(dst[16:], uint64(h.offset))
	binary.LittleEndian.PutUint64(dst[24:], uint64(h.received))
	binary.LittleEndian.PutUint64(dst[32:], uint64(h.commit))
	binary.LittleEndian.PutUint32(dst, crc32.Update(seed, castagnoli, dst[4:frameHeaderSize]))
}

// parseFrameHeader decodes a frame header; ok is false where the bytes are none of this segment's.
func parseFrameHeader(src []byte, seed uint32) (h frameHeader, ok bool) {
	if len(src) < frameHeaderSize ||
		crc32.Update(seed, castagnoli, src[4:frameHeaderSize]) != binary.LittleEndian.Uint32(src) {
		return h, false
	}
	h = frameHeader{
		crc:       binary.LittleEndian.Uint32(src[4:]),
		length:    binary.LittleEndian.Uint32(src[8:]),
		partition: binary.LittleEndian.Uint16(src[12:]),
		flags:     binary.LittleEndian.Uint16(src[14:]),
		offset:    int64(binary.LittleEndian.Uint64(src[16:])),
		received:  int64(binary.LittleEndian.Uint64(src[24:])),
		commit:    int64(binary.LittleEndian.Uint64(src[32:])),
	}
	return h, h.commit >= 0 && h.commit <= h.offset && h.flags&^knownFlags == 0
}
