// Package ingest takes halves and stat lines in: one sub-package per protocol decodes and answers, Writer makes what they
// bring durable before they acknowledge it. It does not pair or store.
package ingest

import (
	"errors"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

// Errors that receivers answer in their protocol's own words.
var (
	// ErrLater says that the collector cannot take more now and the sender should try again.
	ErrLater = errors.New("the collector is busy, send again later")
	// ErrTooLarge says that a request is beyond the size limit and must not be sent again as it is.
	ErrTooLarge = errors.New("request too large")
	// ErrInvalid says that a request cannot be read and must not be sent again.
	ErrInvalid = errors.New("request cannot be read")
)

// Request is what a receiver decoded from one request.
type Request struct {
	// Batch is owned by the Writer from the call on. Received is set by the Writer.
	Batch span.Batch
	// Bytes is the size of the request as it came, unpacked, for an agent's the bytes of its log files. The rate limit counts it.
	Bytes int64
	// Hash identifies the request's content, to recognise a request that is sent again; 0 for protocols that have other
	// means.
	Hash uint64
	// Memory is what the batch lies in, where that is to be used again. It is the Writer's to free, whether the batch is
	// taken or not.
	Memory *Memory
	// Left is told of the spans of which the Writer leaves attributes out; nil if nobody asks.
	Left *Left
	// Progress is set for an agent's request.
	Progress []wire.Progress
}

// Hand takes a durable record: its position in the log, the time of receipt in ns of the Unix epoch, and what was in it.
// It is called in the order of the log and must not wait; taken has to be called once nothing refers to the record any
// more: what it lies in is then used for others.
type Hand func(offset, received int64, rec *wire.Record, taken func())
