package main

import (
	"fmt"
	"net/http"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

type merchantInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	City string `json:"city"`
}

// merchantNames are the merchants of the example, m1 and on.
var merchantNames = [...][2]string{
	{"西湖龙井茶庄", "杭州"}, {"老盛昌汤包", "上海"}, {"小龙坎火锅", "成都"}, {"华强数码", "深圳"}, {"回民街肉夹馍", "西安"},
	{"知味观", "杭州"}, {"陶陶居", "广州"}, {"全聚德烤鸭", "北京"}, {"Caffè Verona", "上海"}, {"鼎泰丰", "台北"},
}

// merchants knows who is paid: from the cache, or from the database and then from the cache.
type merchants struct {
	*service
	db    *database
	cache *cache
}

func newMerchant(s *service) (parts, error) {
	schema := []string{`CREATE TABLE merchant (id TEXT PRIMARY KEY, name TEXT, city TEXT)`}
	for i, m := range merchantNames {
		schema = append(schema, fmt.Sprintf(`INSERT INTO merchant VALUES ('m%d', '%s', '%s')`, i+1, m[0], m[1]))
	}
	db, err := s.openDatabase(schema...)
	if err != nil {
		return parts{}, err
	}
	m := &merchants{s, db, s.newCache("merchant")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /merchants/{id}", m.get)
	return parts{web: mux}, nil
}

func (m *merchants) get(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	info := merchantInfo{ID: r.PathValue("id")}
	span := twinspan.SpanFromContext(ctx)
	name, ok := m.cache.get(ctx, info.ID)
	span.SetTags(twinspan.Bool("cache.hit", ok))
	if ok && !chance(0.1) { // entries age
		info.Name = name
	} else {
		err := m.db.row(ctx, "SELECT name, city FROM merchant WHERE id = ?", []any{info.ID}, &info.Name, &info.City)
		if err != nil {
			http.Error(w, "there is no such merchant", http.StatusNotFound)
			return
		}
		m.cache.set(ctx, info.ID, info.Name)
	}
	span.SetTag("merchant.name", info.Name)
	if chance(0.005) {
		pause(ctx, 100*time.Millisecond, 300*time.Millisecond)
	}
	writeJSON(w, http.StatusOK, info)
}
