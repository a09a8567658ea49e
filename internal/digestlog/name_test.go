package digestlog

import "testing"

func TestKnown(t *testing.T) {
	tests := []struct {
		name string
		want File
	}{
		{"spring-mvc-digest.log", File{Component: "spring-mvc", Kind: KindDigest, Live: "spring-mvc-digest.log"}},
		{"okhttp-stat.log.2026-11-23", File{Component: "okhttp", Kind: KindStat, Live: "okhttp-stat.log", Rolled: "2026-11-23"}},
		{"okhttp-stat.log.2026-11-23_17", File{Component: "okhttp", Kind: KindStat, Live: "okhttp-stat.log", Rolled: "2026-11-23_17"}},
		{"okhttp-stat.log.2026-11-23_17-06", File{Component: "okhttp", Kind: KindStat, Live: "okhttp-stat.log", Rolled: "2026-11-23_17-06"}},
		{"biz-digest.log.2026-11-23.3", File{Component: "biz", Kind: KindDigest, Live: "biz-digest.log", Rolled: "2026-11-23.3"}},
		{"biz-digest.log.12", File{Component: "biz", Kind: KindDigest, Live: "biz-digest.log", Rolled: "12"}},
		{"my-own-digest.log", File{Component: "my-own", Kind: KindDigest, Live: "my-own-digest.log"}},
		{"tracer-self.log.2026-11-22", File{Kind: KindOther, Live: "tracer-self.log", Rolled: "2026-11-22", About: "the tracer's own log"}},
		{"spring-mvc-digest.log.bak", File{}},
		{"spring-mvc-digest.log.2026-11-23.gz", File{}},
		{"spring-mvc-digest.log.", File{}},
		{"spring-mvc-digest.logs", File{}},
		{"app.log", File{}},
		{"-digest.log", File{}},
		{".log", File{}},
		{"", File{}},
	}
	for _, tt := range tests {
		if got, ok := Known(tt.name); got != tt.want || ok != (tt.want != File{}) {
			t.Errorf("%q: %+v %v", tt.name, got, ok)
		}
	}
}
