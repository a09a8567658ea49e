package digest

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/rollup"
	"github.com/twinspan/twinspan/internal/span"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// TestOverflowCountsAll: of an application that names a different operation each time, the SDK's stat lines have as many keys as they may and
// one more for the rest, in each format; what the collector counts of them is every call, and no more operations than lines.
func TestOverflowCountsAll(t *testing.T) {
	const spans, keys = 500, 20
	for _, format := range []twinspan.Format{twinspan.JSON, twinspan.Text} {
		c := twinspan.DefaultConfig("pay")
		c.LogDir, c.Format, c.StatMaxKeys, c.DisableDigest = t.TempDir(), format, keys, []string{"all"}
		c.StatInterval = time.Hour // each interval may have so many keys
		tracer, err := twinspan.New(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range spans {
			operation := fmt.Sprintf("GET /pay/%d", i)
			_, server := tracer.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, operation)
			server.SetTags(twinspan.String(twinspan.TagURL, fmt.Sprintf("http://h/pay/%d", i)), twinspan.String(twinspan.TagMethod, "GET"))
			if i%2 == 1 {
				server.Fail("no luck")
			}
			server.End()
		}
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		records, _ := read(t, c.LogDir, "stat")
		counter := rollup.NewCounter(1000)
		for _, rec := range records {
			counter.Stat(rec.Stat)
		}
		calls, errors, rest := int64(0), int64(0), int64(0)
		latencies := uint64(0)
		for row := range counter.Each {
			calls, errors, latencies = calls+int64(row.Calls), errors+int64(row.Errors), latencies+row.Latency.Count
			if row.Side != span.KindServer || row.Callee != "pay" {
				t.Errorf("%s: %+v", format, row.RollupKey)
			}
			if row.Operation == "<overflow>" {
				rest += int64(row.Calls)
			}
		}
		counted := int64(tracer.Counters().StatOverflow)
		if calls != spans || errors != spans/2 || latencies != spans || rest != counted || rest < spans-keys || counter.Len() > keys+2 {
			t.Errorf("%s: %d calls, %d errors, %d latencies, %d under the overflow key (the tracer says %d), %d rows of %d lines", format, calls, errors, latencies,
				rest, counted, counter.Len(), len(records))
		}
	}
}
