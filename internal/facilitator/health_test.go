package facilitator

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestJudge: who is given a relay in which minute, who reports it, and what it is then.
func TestJudge(t *testing.T) {
	const day = 24 * 60
	type sources []source
	type event struct {
		minute       int
		gave, report sources
		want         bool
	}
	five := sources{1, 2, 3, 4, 5}
	for name, events := range map[string][]event{
		"two are too few":                 {{1, sources{1, 2}, sources{1, 2}, false}},
		"three are enough":                {{1, sources{1, 2, 3}, sources{1, 2, 3}, true}},
		"three of nine are not":           {{1, sources{1, 2, 3, 4, 5, 6, 7, 8, 9}, sources{1, 2, 3}, false}, {2, nil, sources{9}, true}},
		"one often is one":                {{1, five, sources{1, 1, 1, 1, 1}, false}},
		"one who was not given it":        {{1, five, sources{1, 2, 6, 7, 8}, false}},
		"before it was given":             {{1, nil, five, false}, {2, five, nil, false}},
		"ten minutes are remembered":      {{1, five, nil, false}, {10, nil, five, true}},
		"and no more":                     {{1, five, nil, false}, {11, nil, five, false}},
		"a day later":                     {{1, five, five, true}, {day, nil, nil, false}, {day, five, nil, false}, {day, nil, five, true}},
		"reports age":                     {{1, five, five, true}, {6, five, nil, true}, {10, nil, nil, true}, {11, nil, nil, false}},
		"a second report keeps the first": {{1, five, five, true}, {6, five, five, true}, {11, nil, nil, true}, {16, nil, nil, false}},
		"others do not fail":              {{1, five, five, true}, {2, sources{11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, nil, false}},
		"time that goes back":             {{5, five, nil, false}, {4, nil, five, true}, {3, five, five, true}},
	} {
		var h health
		for i, e := range events {
			for _, s := range e.gave {
				h.gave(sighting{s, e.minute})
			}
			for _, s := range e.report {
				h.report(sighting{s, e.minute})
			}
			was := h.suspect
			if changed := h.judge(e.minute); h.suspect != e.want || changed != (was != e.want) {
				t.Errorf("%s: after event %d suspect %v, changed %v", name, i, h.suspect, changed)
			}
		}
	}
}

// What is remembered is bounded, is what it claims to be, and is a sample without regard to who
// came when.
func TestHealthIsBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var h health
	for i := range 100_000 {
		s := sighting{source(rnd.Uint64()), 1 + i/5000}
		h.gave(s)
		if i%2 == 0 {
			h.report(s)
		}
		reports := 0
		for j, g := range h.givings {
			if g.reported > 0 {
				reports++
			}
			if j > 0 && h.givings[j-1].source >= g.source {
				t.Fatal("not in order")
			}
		}
		if len(h.givings) > maxHealthSources || cap(h.givings) > 2*maxHealthSources || reports != h.reports {
			t.Fatalf("%d sources in a room for %d, %d reports, counted %d", len(h.givings), cap(h.givings), reports, h.reports)
		}
	}
	if n := h.reports; n < maxHealthSources/3 || n > maxHealthSources*2/3 {
		t.Errorf("half of them report, and %d of the sample", n)
	}
}

func TestSight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		at := func(s string) source { return w.sight(netip.MustParseAddr(s)).source }
		for _, tt := range []struct {
			a, b string
			same bool
		}{
			{"9.9.9.9", "9.9.9.254", true},
			{"9.9.9.9", "9.9.8.9", false},
			{"9.9.9.9", "::ffff:9.9.9.7", true},
			{"2620:fe::1", "2620:fe:0:ffff::2", true},
			{"2620:fe::1", "2620:fe:1::1", false},
			{"2620:fe::1%eth0", "2620:fe::1", true},
		} {
			if same := at(tt.a) == at(tt.b); same != tt.same {
				t.Errorf("%s and %s are one source: %v", tt.a, tt.b, same)
			}
		}
		if nobody := w.sight(netip.Addr{}).source; nobody == at("9.9.9.9") || nobody != w.sight(netip.Addr{}).source {
			t.Error("all who are not known are not one source of their own")
		}
		if at("9.9.9.9") == newWatch().sight(netip.MustParseAddr("9.9.9.9")).source {
			t.Error("sources can be told from their ids")
		}
		time.Sleep(90 * time.Second)
		if step := w.sight(proxy4.Addr()).step; step != 2 {
			t.Errorf("step %d after a minute and a half", step)
		}
	})
}

// A poll that is given a relay costs no memory but for a source that is new.
func TestHealthAllocatesNothing(t *testing.T) {
	w, h := newWatch(), health{}
	h.gave(w.sight(proxy4.Addr()))
	if n := testing.AllocsPerRun(1000, func() {
		s := w.sight(proxy4.Addr())
		h.gave(s)
		h.report(s)
		h.judge(s.step)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
