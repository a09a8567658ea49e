package digestlog

import (
	"testing"
	"time"
)

func TestHTTPOperation(t *testing.T) {
	tests := []struct{ url, host, operation string }{
		{"http://127.0.0.1:8082/hello", "127.0.0.1:8082", "GET /hello"},
		{"http://pay", "pay", "GET /"},
		{"http://pay?x=/y", "pay", "GET /"},
		{"https://user:secret@pay.example:443/v1/orders/17/items?x=1#f", "pay.example:443", "GET /v1/orders/{}/items"},
		{"/api/8d3c1f0e-9d0b-4f6e-8f3e-aaaaaaaaaaaa/x", "", "GET /api/{}/x"},
		{"http://[::1]:80/deadbeefdeadbeefcafe", "[::1]:80", "GET /{}"},
		{"http://h/p/a;jsessionid=1234", "h", "GET /p/a"},
		{"http://h/p/%E5%BC%A0", "h", "GET /p/{}"},
		{"http://h/2026-11-23/report.pdf", "h", "GET /{}/report.pdf"},
		{"http://h//p//", "h", "GET //p//"},
	}
	for _, tt := range tests {
		host, path := splitURL(tt.url)
		if op := httpOperation("GET", path); host != tt.host || op != tt.operation {
			t.Errorf("%s: %q %q", tt.url, host, op)
		}
	}
}

func TestSQLOperation(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT id, owner FROM account WHERE id = ?":         "SELECT account",
		"select * from `pay`.\"order\" o":                    "SELECT pay.order",
		"SELECT 'from x' FROM order_0031":                    "SELECT order_{}",
		"/* hint */ -- c\n insert into t1 (a) values (?)":    "INSERT t1",
		"INSERT INTO account (owner, balance) VALUES (?, ?)": "INSERT account",
		"UPDATE account SET x = 1":                           "UPDATE account",
		"DELETE FROM account":                                "DELETE account",
		"CREATE TABLE IF NOT EXISTS account (id INT)":        "CREATE account",
		"{call pay(?)}":                                      "CALL pay",
		"SELECT 1":                                           "SELECT",
		"SELECT (SELECT 1) FROM (SELECT 2)":                  "SELECT",
		"COMMIT":                                             "COMMIT",
		"[bad":                                               "SQL",
		"":                                                   "SQL",
		"frobnicate x":                                       "SQL",
	} {
		if got := sqlOperation(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}

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
