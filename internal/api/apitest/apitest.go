// Package apitest is what the tests of the HTTP APIs share: traces that each of them shows in its own form, and the comparison of
// answers with golden files.
package apitest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// Transfer is a trace of querytest's scenarios from SOFATracer, whose halves share their ids.
const Transfer = `
	server bank 0 dotted=0 at=1000+30 type=http op=POST_/transfer code=00 route=agent coarse
	client bank 0.1 dotted=0.1 parent=0 at=1001+20 op=Ledger/Book route=agent coarse code=00 remote=10.0.0.9:12200 & server ledger 99 dotted=0.1 parent=0.1 twin=0.1 at=1005+10 op=Ledger/Book route=agent coarse code=00 load
	client ledger 0.1.1 dotted=0.1.1 parent=0.1 at=1006+2 type=db peer=mysql:ledger op=INSERT_entry route=agent coarse`

// Message is a message, sent and consumed.
const Message = `
	producer shop 21 trace=b2 at=2000+2 type=mq op=orders_publish & consumer mailer 22 trace=b2 parent=21 twin=21 at=2100+700 type=mq op=orders_process
	internal mailer 23 trace=b2 parent=77 at=2110+5 op=render`

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares an answer with testdata/NAME.json of the package under test.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s\nwant\n%s", file, got, want)
	}
}
