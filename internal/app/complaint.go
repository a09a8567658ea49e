package app

import (
	"log/slog"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/ingest"
)

// complaints take what the standard library's HTTP server has to say, most of it about clients that fail to agree on TLS. It
// says it of each connection, so that only a sample goes to the log.
type complaints struct {
	port string
	log  *slog.Logger
	pace ingest.Pace
}

// complaintPace is how often one is shown.
const complaintPace = 10 * time.Second

// Write implements io.Writer, for a log.Logger.
func (c *complaints) Write(line []byte) (int, error) {
	if c.pace.Allow(time.Now(), complaintPace) {
		c.log.Warn("a connection fails", "port", c.port, "reason", strings.TrimSpace(string(line)))
	}
	return len(line), nil
}
