// Package traceql is the query language TraceQL, as Grafana Tempo documents it, over Twinspan's halves: a lexer, a parser
// whose errors say where and what was expected, a printer, and an evaluator over the spans of one trace. What may be asked
// is in docs/search.md. It finds nothing by itself: package query chooses traces with the help of Candidates and gives
// them to Eval.
package traceql

import (
	"fmt"
	"strings"
)

// Query is a query that was parsed and checked. It is not changed and may be used from any goroutine.
type Query struct {
	// Text is the query as it was given.
	Text string
	// Pipeline selects spans.
	Pipeline *Pipeline
	// Metrics, unless nil, makes series of them.
	Metrics *Metrics
	// Rank, unless nil, keeps some of the series.
	Rank *Rank
}

// MaxLength bounds the text of a query, in bytes.
const MaxLength = 64 << 10

// Parse reads a query. Its errors are *ParseError.
func Parse(text string) (*Query, error) {
	if len(text) > MaxLength {
		return nil, &ParseError{Line: 1, Column: 1, Message: fmt.Sprintf("the query has %d bytes: at most %d are read", len(text), MaxLength)}
	}
	p := &parser{lexer: lexer{text: text}}
	q, err := p.query()
	if err != nil {
		return nil, locate(text, err)
	}
	q.Text = text
	return q, nil
}

// ParseError says what is wrong with a query, and where.
type ParseError struct {
	// Line and Column are counted from 1, columns in characters. EndColumn is behind the last character, in the same line.
	Line, Column, EndColumn int
	// Offset and End bound the place in bytes of the text.
	Offset, End int
	Message     string
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("TraceQL, line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// locate turns an offset into line and column.
func locate(text string, e *ParseError) error {
	before := text[:min(e.Offset, len(text))]
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
	wrong := text[min(e.Offset, len(text)):min(max(e.End, e.Offset), len(text))]
	wrong, _, _ = strings.Cut(wrong, "\n")
	e.EndColumn = e.Column + max(1, len([]rune(wrong)))
	return e
}
