package main

import (
	"net/http"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

type couponAnswer struct {
	Cents int64 `json:"cents"`
}

// coupons gives discounts. It fails now and then; a trade goes on without it.
type coupons struct {
	*service
	used *cache
}

func newCoupon(s *service) (parts, error) {
	c := &coupons{s, s.newCache("coupon")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /coupons/{id}/redeem", c.redeem)
	return parts{web: mux}, nil
}

func (c *coupons) redeem(w http.ResponseWriter, r *http.Request) {
	var o order
	if !readJSON(w, r, &o) {
		return
	}
	ctx := r.Context()
	twinspan.SpanFromContext(ctx).SetTags(twinspan.String("coupon.id", r.PathValue("id")), twinspan.String("coupon.name", "满减券,双十一"))
	pause(ctx, 500*time.Microsecond, 4*time.Millisecond)
	switch {
	case chance(0.02):
		http.Error(w, "coupon pool is exhausted", http.StatusInternalServerError)
	case c.used.incr(ctx, r.PathValue("id")+"/"+o.User) > 3:
		http.Error(w, "used too often", http.StatusConflict)
	default:
		writeJSON(w, http.StatusOK, couponAnswer{Cents: o.Cents / 10})
	}
}
