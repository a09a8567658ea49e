package api

import (
	"context"
	"net/http"
)

// Pipeline is what /pipeline tells of the way that spans take: one stage after the other, each with what went through it and
// what it lost since the process started. Times are in nanoseconds of the Unix epoch.
type Pipeline struct {
	StartedUnixNano int64   `json:"startedUnixNano,string"`
	Stages          []Stage `json:"stages"`
	// WindowSeconds is how long halves wait for their other half of late, ConfiguredWindowSeconds the setting.
	WindowSeconds           float64 `json:"windowSeconds"`
	ConfiguredWindowSeconds float64 `json:"configuredWindowSeconds"`
	// SyncSeconds is the mean duration of a sync of the log since the process started.
	SyncSeconds float64 `json:"syncSeconds"`
	// SyncP50Seconds and SyncP99Seconds are of the syncs of the last minute, 0 where there were none.
	SyncP50Seconds float64 `json:"syncP50Seconds"`
	SyncP99Seconds float64 `json:"syncP99Seconds"`
	Disk           Disk    `json:"disk"`
	Process        Process `json:"process"`
	NotReady       string  `json:"notReady"`
}

// Stage is one part of the way.
type Stage struct {
	// Name is receive, log, pair or store.
	Name string `json:"name"`
	// PerSecond is what the first of Counters grew by a second, over 5 seconds; of store, which takes ranges, over 10 minutes.
	PerSecond float64 `json:"perSecond"`
	// LagSeconds is the age of the oldest thing that waits for this stage, Depth the number of things that wait in it, and
	// DepthBytes their size; LimitBytes is what that may be, 0 for no limit of its own.
	LagSeconds float64 `json:"lagSeconds"`
	Depth      int64   `json:"depth"`
	DepthBytes int64   `json:"depthBytes"`
	LimitBytes int64   `json:"limitBytes"`
	// Counters are what went through, Lost what was turned away or failed, since the process started.
	Counters []Count `json:"counters"`
	Lost     []Count `json:"lost"`
}

// Count is a number with its name and, where several have the same, a reason.
type Count struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Value  int64  `json:"value"`
}

// Disk is what is kept, by day of receipt, and what may be.
type Disk struct {
	Bytes    int64 `json:"bytes"`
	LogBytes int64 `json:"logBytes"`
	// MaxBytes is the limit of the store; 0: none but the disk.
	MaxBytes int64 `json:"maxBytes"`
	// FreeBytes is what is free on the disk, less store.reserve_bytes; other programs may take of it.
	FreeBytes     int64       `json:"freeBytes"`
	RetentionDays int         `json:"retentionDays"`
	Days          []StatusDay `json:"days"`
	// BytesPerDay is what a day takes at the rate of the last ten minutes, 0 where that is not known yet. ForecastDays is the number of days that
	// will be kept then, by days, by bytes and by the disk's size.
	BytesPerDay  int64   `json:"bytesPerDay"`
	ForecastDays float64 `json:"forecastDays"`
}

// Process is what the process uses.
type Process struct {
	ResidentBytes int64   `json:"residentBytes"`
	HeapBytes     int64   `json:"heapBytes"`
	CPUSeconds    float64 `json:"cpuSeconds"`
	Goroutines    int64   `json:"goroutines"`
	// LimitBytes is memory.limit_bytes as it is in force, 0 for none.
	LimitBytes int64 `json:"limitBytes"`
}

func (a *API) pipelineHealth(context.Context, *http.Request, *input) (answer, error) {
	p := a.server.Pipeline()
	p.Stages, p.Disk.Days = list(p.Stages), list(p.Disk.Days)
	for i := range p.Stages {
		s := &p.Stages[i]
		s.Counters, s.Lost = list(s.Counters), list(s.Lost)
	}
	return value{p}, nil
}
