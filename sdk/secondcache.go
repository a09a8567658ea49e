package twinspan

import (
	"encoding/binary"
	"strconv"
)

// secondCache writes times in nanoseconds since 1970 as decimal numbers and keeps the digits of the second, which spans that follow
// each other have in common: a third of strconv's time, for what every line has.
type secondCache struct {
	second int64
	digits [10]byte
}

// The seconds of ten digits: the years 2001 to 2286.
const (
	minCached = 1e9
	maxCached = 1e10 - 1
)

func (c *secondCache) append(b []byte, ns int64) []byte {
	second := ns / 1e9
	if second < minCached || second > maxCached {
		return strconv.AppendInt(b, ns, 10)
	}
	if second != c.second {
		strconv.AppendInt(c.digits[:0], second, 10)
		c.second = second
	}
	rest := uint32(ns - second*1e9)
	b = append(append(b, c.digits[:]...), byte('0'+rest/1e8))
	return binary.LittleEndian.AppendUint64(b, eightDigits(rest%1e8))
}

// eightDigits gives the 8 decimal digits of a number below 10^8 as bytes, the first one lowest, by halves at once: the number is cut in
// two of 4 digits, these in two of 2, and these in digits, with multiplications by rounded-up reciprocals.
func eightDigits(n uint32) uint64 {
	x := uint64(n/10000) | uint64(n%10000)<<32
	hundreds := x * 10486 >> 20 & (0x7f | 0x7f<<32)
	x = hundreds | (x-100*hundreds)<<16
	tens := x * 103 >> 10 & (0xf | 0xf<<16 | 0xf<<32 | 0xf<<48)
	x = tens | (x-10*tens)<<8
	return x | 0x3030303030303030
}
