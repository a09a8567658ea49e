package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HTTP is where and how a batch is posted.
type HTTP struct {
	// URL of the receiver, with its path.
	URL string
	// Header is sent along, such as Authorization.
	Header http.Header
	// Client sends. Default: one of its own, which follows no redirects.
	Client *http.Client
	// Plain leaves bodies unpacked. Default: gzip.
	Plain bool
}

// poster posts bodies.
type poster struct {
	http        HTTP
	contentType string
	packed      bytes.Buffer
	gzip        *gzip.Writer
}

func newPoster(h HTTP, contentType string) *poster {
	if h.Client == nil {
		h.Client = &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &poster{http: h, contentType: contentType, gzip: gzip.NewWriter(io.Discard)}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// post sends a body and gives the answer's.
func (p *poster) post(ctx context.Context, body []byte) ([]byte, error) {
	if !p.http.Plain {
		p.packed.Reset()
		p.gzip.Reset(&p.packed)
		if _, err := p.gzip.Write(body); err != nil {
			return nil, fmt.Errorf("pack the batch: %w", err)
		}
		if err := p.gzip.Close(); err != nil {
			return nil, fmt.Errorf("pack the batch: %w", err)
		}
		body = p.packed.Bytes()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.http.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", p.http.URL, err)
	}
	for key, values := range p.http.Header {
		r.Header[key] = values
	}
	r.Header.Set("Content-Type", p.contentType)
	if !p.http.Plain {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := p.http.Client.Do(r)
	if err != nil {
		return nil, &Retry{Err: fmt.Errorf("post to %s: %w", p.http.URL, err)}
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // what came of it will do
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return text, nil // the batch is taken, whatever became of the rest of the answer
	}
	said := strings.TrimSpace(strings.ToValidUTF8(string(text[:min(len(text), 200)]), "?"))
	err = fmt.Errorf("post to %s: %s: %s", p.http.URL, answer.Status, said)
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, &Retry{Err: err, After: retryAfter(answer.Header.Get("Retry-After"), time.Now())}
	}
	return nil, err
}

// retryAfter reads seconds or a date; more than a minute counts as a minute.
func retryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(text); err == nil {
		d = time.Duration(min(n, 3600)) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), time.Minute)
}

func (p *poster) Close() error {
	p.http.Client.CloseIdleConnections()
	return nil
}
