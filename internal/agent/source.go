package agent

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// sources knows how the logs of a directory are read.
type sources struct {
	host      string
	maxRecord int
	zone      *time.Location
	charset   string
	overrides []override
}

type override struct {
	pattern  string
	zone     *time.Location
	charset  string
	format   digestlog.Format
	instance string
}

// newSources makes it from a Config that is valid and has a name.
func newSources(cfg *Config) (*sources, error) {
	s := &sources{host: cfg.Name, maxRecord: int(cfg.MaxRecordBytes), charset: cfg.Charset}
	var err error
	if s.zone, err = zone(cfg.Zone); err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	for _, o := range cfg.Overrides {
		r := override{charset: o.Charset, instance: o.Instance}
		if r.pattern, err = expand(o.Path); err != nil {
			return nil, err
		}
		if r.zone, err = zone(o.Zone); err != nil {
			return nil, fmt.Errorf("zone: %w", err)
		}
		if r.format, err = digestlog.ParseFormat(o.Format); err != nil {
			return nil, err
		}
		s.overrides = append(s.overrides, r)
	}
	return s, nil
}

// source gives how a file in dir is read.
func (s *sources) source(dir string, name digestlog.File) digestlog.Source {
	src := digestlog.Source{
		Name: name.Live, Zone: s.zone, Charset: s.charset, Host: s.host, MaxRecord: s.maxRecord,
	}
	if filepath.Base(dir) == shadowDir {
		// The same process writes both.
		src.Shadow, dir = true, filepath.Dir(dir)
	}
	src.Instance = s.host + ":" + dir
	for _, o := range s.overrides {
		if ok, _ := filepath.Match(o.pattern, dir); !ok {
			continue
		}
		if o.zone != nil {
			src.Zone = o.zone
		}
		if o.charset != "" {
			src.Charset = o.charset
		}
		if o.instance != "" {
			src.Instance = o.instance
		}
		src.Format = o.format
		break
	}
	return src
}
