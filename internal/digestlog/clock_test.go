package digestlog

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	c := clock{zone: shanghai}
	for text, want := range map[string]string{
		"2026-11-23 16:48:49.290":  "2026-11-23T08:48:49.29Z",
		"2026-11-23 16:48:01.001":  "2026-11-23T08:48:01.001Z",
		"2026-02-28 23:59:59.999":  "2026-02-28T15:59:59.999Z",
		"2026-11-23 16:48:49":      "",
		"2026-13-23 16:48:49.290":  "",
		"2026-11-23 24:48:49.290":  "",
		"2026-11-23T16:48:49.290":  "",
		"2026-11-23 16:48:49.2900": "",
		"":                         "",
	} {
		nanos, ok := c.read(text)
		got := ""
		if ok {
			got = time.Unix(0, nanos).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestBaggage(t *testing.T) {
	for text, valid := range map[string]bool{
		"": true, "k=v&": true, "k=&": true, "k=a,b&l=x\ny&": true, "k": false, "k=v": false, "k=v=w&": false, "&": false, "k&": false,
	} {
		if validBaggage(text) != valid {
			t.Errorf("%q: valid %v", text, !valid)
		}
	}
	const text = "a%3Db=1%262%25%zz&Mark=T&mark=T&"
	if baggageItem(text, "a=b") != "1&2%%zz" || baggageItem(text, "mark") != "T" || baggageItem(text, "x") != "" {
		t.Error("items are not found")
	}
}
