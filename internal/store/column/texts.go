package column

import (
	"encoding/binary"
	"hash/maphash"
)

// maxTexts is the number of different texts that Texts numbers: as many as a column of 2048 may have in a dictionary.
const maxTexts = 2048/2 + 1

// Texts collects the texts of one column and numbers them at once, while they are in the processor's caches: a column that is
// numbered only when it is written has to be fetched from memory once more. The zero value is an empty column. It aliases the
// texts until Reset, and is not safe for concurrent use.
type Texts struct {
	all     []string
	numbers []int64
	dict    []string
	// slots is a hash table with open addressing: numbers plus 1. It has at least twice as many slots as dict has texts.
	slots []uint16
	seed  maphash.Seed
	last  string
	// full says that there were more than maxTexts different texts; those behind are not numbered.
	full bool
}

// Add adds the text of the next row.
func (t *Texts) Add(s string) {
	n := len(t.all)
	if n > 0 && s == t.last {
		t.all = append(t.all, t.last)
		if !t.full {
			t.numbers = append(t.numbers, t.numbers[n-1])
		}
		return
	}
	t.all, t.last = append(t.all, s), s
	if !t.full {
		t.number(s)
	}
}

func (t *Texts) number(s string) {
	if 2*len(t.dict) >= len(t.slots) {
		t.grow()
	}
	slot := t.slot(s)
	if *slot == 0 {
		if len(t.dict) == maxTexts {
			t.full = true
			return
		}
		t.dict = append(t.dict, s)
		*slot = uint16(len(t.dict))
	}
	t.numbers = append(t.numbers, int64(*slot-1))
}

// slot gives that of a text, or the free one that it would take.
func (t *Texts) slot(s string) *uint16 {
	mask := uint64(len(t.slots) - 1)
	for at := maphash.String(t.seed, s) & mask; ; at = (at + 1) & mask {
		if n := t.slots[at]; n == 0 || t.dict[n-1] == s {
			return &t.slots[at]
		}
	}
}

func (t *Texts) grow() {
	size := max(16, 2*len(t.slots))
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	if size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]uint16, size)
	}
	for i, s := range t.dict {
		*t.slot(s) = uint16(i + 1)
	}
}

// Len is the number of texts.
func (t *Texts) Len() int { return len(t.all) }

// Reset empties the column and lets go of its texts. Its memory is used again.
func (t *Texts) Reset() {
	clear(t.all)
	clear(t.dict)
	t.all, t.numbers, t.dict = t.all[:0], t.numbers[:0], t.dict[:0]
	t.slots, t.last, t.full = t.slots[:0], "", false
}

// Texts adds a column of texts, in the bytes that Strings would write.
func (w *Writer) Texts(id int, t *Texts) {
	n := len(t.all)
	if n == 0 || len(t.dict) == 1 && !t.full && t.dict[0] == "" {
		return
	}
	at := len(w.body)
	switch {
	case t.full && maxDict(n) > maxTexts:
		w.body = w.appendStrings(w.body, t.all)
	case t.full || len(t.dict) > maxDict(n):
		w.body = w.appendUnnumbered(w.body, t.all)
	case len(t.dict) == 1:
		w.body = binary.AppendUvarint(append(w.body, textConst), uint64(len(t.dict[0])))
		w.body = append(w.body, t.dict[0]...)
	default:
		w.body = w.appendIndex(w.appendDict(append(w.body, textDict), t.dict), t.numbers)
	}
	w.dir = append(w.dir, entry{id, len(w.body) - at})
}
