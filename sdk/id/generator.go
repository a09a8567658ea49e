package id

import (
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// The sequence part of a SOFATracer trace id, and the pids that are replaced.
const (
	minSequence = 1000
	maxSequence = 9000

	// minPID is the least process id that is used as it is: in containers the smaller ones repeat from host to host.
	minPID = 100
	// Replacements lie above the greatest pid that Linux gives (2^22) and keep the part within 7 digits.
	minReplacedPID = 4194305
	maxReplacedPID = 9999999
)

// GeneratorConfig says what the fixed parts of the generated ids are. The zero value is right for production.
type GeneratorConfig struct {
	// Address is the host's IPv4 address. Invalid or not IPv4: the first address of an interface that is up and no
	// loopback; if there is none, the part is "ffffffff".
	Address netip.Addr
	// PID is the process id; 0 means that of this process. A pid below 100 or above 9999999 is replaced by a number drawn
	// once from 4194305..9999999.
	PID int
	// KeepSmallPID keeps a pid below 100 as it is.
	KeepSmallPID bool
	// Now gives epoch milliseconds; nil means the system clock.
	Now func() int64
}

// Generator makes SOFATracer trace ids: IPv4 as 8 hex digits, 13 digits of epoch milliseconds, a sequence 1000..9000, pid.
// Ids are unique within one Generator, whatever the clock does. It is safe for concurrent use.
type Generator struct {
	prefix [8]byte
	suffix []byte
	now    func() int64
	// state is the millisecond and the sequence of the last id: ms<<16 | sequence. For one millisecond the sequence only
	// grows; when it turns, the millisecond is advanced. So no pair comes twice.
	state atomic.Uint64
}

// NewGenerator makes a Generator; see GeneratorConfig for what it asks of the host.
func NewGenerator(c GeneratorConfig) *Generator {
	g := &Generator{now: c.Now}
	if g.now == nil {
		g.now = func() int64 { return time.Now().UnixMilli() }
	}
	address := c.Address.Unmap()
	if !address.Is4() {
		address = hostIPv4()
	}
	copy(g.prefix[:], "ffffffff")
	if address.Is4() {
		ip := address.As4()
		hex.Encode(g.prefix[:], ip[:])
	}
	pid := c.PID
	if pid == 0 {
		pid = os.Getpid()
	}
	if pid < 1 || pid > maxReplacedPID || pid < minPID && !c.KeepSmallPID {
		pid = minReplacedPID + rand.IntN(maxReplacedPID-minReplacedPID+1)
	}
	g.suffix = strconv.AppendInt(nil, int64(pid), 10)
	g.state.Store(uint64(minSequence + rand.IntN(maxSequence-minSequence+1)))
	return g
}

// Next gives a new trace id as text, 26 to 32 characters.
func (g *Generator) Next() string {
	var buf [32]byte
	return string(g.AppendNext(buf[:0]))
}

// AppendNext writes a new trace id behind b.
func (g *Generator) AppendNext(b []byte) []byte {
	ms, sequence := g.take()
	b = append(b, g.prefix[:]...)
	b = strconv.AppendUint(b, ms, 10)
	b = strconv.AppendUint(b, sequence, 10)
	return append(b, g.suffix...)
}

func (g *Generator) take() (ms, sequence uint64) {
	now := uint64(min(max(g.now(), minMillis), maxMillis))
	for {
		old := g.state.Load()
		ms, sequence = old>>16, old&0xffff
		if sequence < maxSequence {
			sequence++
		} else {
			sequence = minSequence
			ms++
		}
		ms = max(ms, now)
		if g.state.CompareAndSwap(old, ms<<16|sequence) {
			return ms, sequence
		}
	}
}

// hostIPv4 gives the first IPv4 address of an interface that is up and no loopback, or the zero Addr.
func hostIPv4() netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return netip.Addr{} // without a network the id says so by ffffffff
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			if ip, ok := netip.AddrFromSlice(n.IP.To4()); ok && !ip.IsLinkLocalUnicast() {
				return ip
			}
		}
	}
	return netip.Addr{}
}
