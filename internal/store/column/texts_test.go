package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTextsWritesWhatStringsWrites compares the two ways of adding a column, over columns of any number of different texts.
func TestTextsWritesWhatStringsWrites(t *testing.T) {
	codec, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var texts Texts // used again and again, as blocks do
	for _, rows := range []int{0, 1, 2, 3, 17, 300, 2048, 5000} {
		for _, different := range []int{1, 2, 5, rows/2 + 1, rows/2 + 2, 4 * rows, maxTexts, maxTexts + 1} {
			for _, form := range []string{"", "%d", "/orders/%d/items", "%[1]d\x00", "\x00%x"} {
				v := make([]string, rows)
				for i := range v {
					if form != "" {
						v[i] = fmt.Sprintf(form, rnd.IntN(max(1, different)))
					}
					texts.Add(v[i])
				}
				if texts.Len() != rows {
					t.Fatalf("%d rows, want %d", texts.Len(), rows)
				}
				want, got := NewWriter(codec), NewWriter(codec)
				want.Begin(rows, rows)
				want.Strings(7, v)
				got.Begin(rows, rows)
				got.Texts(7, &texts)
				if !bytes.Equal(got.Append(nil), want.Append(nil)) {
					t.Errorf("%d rows of %d texts like %q are written in another way", rows, different, form)
				}
				texts.Reset()
			}
		}
	}
}
