package twinspan

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKeyCache writes every key twice, by one cache and after others that lie in the same place.
func TestKeyCache(t *testing.T) {
	var c keyCache
	keys := []string{"", "a", "b", "http.route", "http.rouTe", `a"b`, "a\xffb", "a\xffbcd", "é", strings.Repeat("k", maxCachedKey), strings.Repeat("k", maxCachedKey+1), strings.Repeat("k", 300)}
	for i := range 300 {
		keys = append(keys, "key."+strings.Repeat("x", i%7)+string(rune('a'+i%26)))
	}
	for range 2 {
		for _, key := range keys {
			want := `,"` + string(appendText(nil, key)) + `":`
			for range 2 {
				if got := string(c.append([]byte("{"), key)); got != "{"+want || !json.Valid([]byte("{"+got[2:]+"1}")) {
					t.Fatalf("%q: %s, want %s", key, got, want)
				}
			}
		}
	}
}
