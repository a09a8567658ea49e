package span

import "testing"

func TestHTTPOperation(t *testing.T) {
	tests := []struct{ url, host, operation string }{
		{"http://127.0.0.1:8082/pay/12/items?x=1#f", "127.0.0.1:8082", "GET /pay/{}/items"},
		{"/orders/2026-11-23;jsessionid=1", "", "GET /orders/{}"},
		{"http://user@host", "host", "GET /"},
		{"/%E5%BC%A0/a-b_c", "", "GET /{}/a-b_c"},
	}
	for _, tt := range tests {
		host, path := SplitURL(tt.url)
		if got := HTTPOperation("GET", path); host != tt.host || got != tt.operation {
			t.Errorf("%s: got %q, %q", tt.url, host, got)
		}
	}
}

func TestSQLOperation(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT a, 'FROM x' FROM pay.account_07 WHERE 1": "SELECT pay.account_{}",
		"insert into `order` (a) values (1)":             "INSERT order",
		"CREATE TABLE IF NOT EXISTS account (id INT)":    "CREATE account",
		"/* note */ update t set a = 1":                  "UPDATE t",
		"whatever":                                       "SQL",
		"":                                               "SQL",
	} {
		if got := SQLOperation(sql); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}
