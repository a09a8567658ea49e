package span

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// statJSON is the public spelling of a stat line in `twinspan parse` and in exports; names and units are those of
// halfJSON. success counts are count minus errors.
type statJSON struct {
	App              string  `json:"app"`
	Instance         string  `json:"instance,omitempty"`
	Component        string  `json:"component,omitempty"`
	Kind             string  `json:"kind"`
	Type             string  `json:"type"`
	Operation        string  `json:"operation"`
	Key              string  `json:"statKey"`
	Peer             string  `json:"peer,omitempty"`
	BeginUnixNano    string  `json:"beginUnixNano"`
	Begin            string  `json:"begin"`
	LengthNano       int64   `json:"lengthNano"`
	Count            uint64  `json:"count"`
	Errors           uint64  `json:"errors"`
	TotalNano        int64   `json:"totalDurationNano"`
	LoadTest         bool    `json:"loadTest"`
	P50Nano          float64 `json:"p50Nano,omitempty"`
	P99Nano          float64 `json:"p99Nano,omitempty"`
	LatencyHistogram string  `json:"latencyHistogram,omitempty"`
}

// MarshalJSON gives the public spelling of a stat line. latencyHistogram is the histogram's encoding in base64; the
// quantiles beside it are only for reading.
func (s *Stat) MarshalJSON() ([]byte, error) {
	out := statJSON{
		App: s.App, Instance: s.Instance, Component: s.Component, Kind: s.Kind.String(), Type: s.Type.String(),
		Operation: s.Operation, Key: s.Key, Peer: s.Peer, BeginUnixNano: strconv.FormatInt(s.Begin, 10),
		Begin: time.Unix(0, s.Begin).UTC().Format(time.RFC3339Nano), LengthNano: s.Length, Count: s.Count,
		Errors: s.Errors, TotalNano: s.TotalNanos, LoadTest: s.LoadTest,
	}
	if s.Latency != nil {
		out.LatencyHistogram = base64.StdEncoding.EncodeToString(s.Latency.Append(nil))
		out.P50Nano, out.P99Nano = s.Latency.Quantile(0.5), s.Latency.Quantile(0.99)
	}
	return json.Marshal(out)
}
