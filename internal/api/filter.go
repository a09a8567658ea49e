package api

import (
	"time"

	"github.com/twinspan/twinspan/internal/query"
)

// ParseFilter reads the parameters of /api/v1/calls that choose calls, without those of pages: from, to and the filters. A
// bound that is missing is open.
func ParseFilter(raw string, now time.Time) (query.SearchRequest, error) {
	in, err := readInput(raw, append(callFilters(), paramFrom, paramTo), now)
	if err != nil {
		return query.SearchRequest{}, err
	}
	if in.from != nil {
		in.search.Query.From = *in.from
	}
	if in.to != nil {
		in.search.Query.To = *in.to
	}
	return in.search, nil
}
