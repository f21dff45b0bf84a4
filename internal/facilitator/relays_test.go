package facilitator

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashproxy/internal/pool"
	"flashproxy/internal/registration"
)

// model is the "Matching" section of the protocol, in as few words as possible:
// it looks at all registrations, endpoints and relays for each poll.
type model struct {
	regs   []registration.Registration // the oldest first
	relays []registration.Relay
	given  []*big.Rat // for the weight: a giving of one with weight 5 is a fifth
}

func (m *model) register(reg registration.Registration) {
	m.regs = slices.DeleteFunc(m.regs, func(old registration.Registration) bool {
		return slices.ContainsFunc(old.Endpoints, func(o registration.Endpoint) bool {
			return slices.ContainsFunc(reg.Endpoints, func(e registration.Endpoint) bool { return e.Addr == o.Addr })
		})
	})
	m.regs = append(m.regs, reg)
}

// setRelays keeps what was given of relays that stay, in whole givings; new ones begin at the
// least of those that are reached as they are, or else at the most of their inner transport.
func (m *model) setRelays(relays []registration.Relay) {
	given := make([]*big.Rat, len(relays))
	whole := func(r *big.Rat, weight int) *big.Rat {
		n := new(big.Int).Mul(r.Num(), big.NewInt(int64(weight)))
		return big.NewRat(n.Div(n, r.Denom()).Int64(), int64(weight))
	}
	var staying []int
	for i, r := range relays {
		if j := slices.IndexFunc(m.relays, func(o registration.Relay) bool { return o.Transport == r.Transport && o.Addr == r.Addr }); j >= 0 {
			given[i] = whole(m.given[j], r.Weight)
			staying = append(staying, i)
		}
	}
	for i, r := range relays {
		if slices.Contains(staying, i) {
			continue
		}
		least, most := (*big.Rat)(nil), new(big.Rat)
		for _, j := range staying {
			o := relays[j]
			if o.Transport.Inner != r.Transport.Inner {
				continue
			}
			if given[j].Cmp(most) > 0 {
				most = given[j]
			}
			if o.Transport.Outer == r.Transport.Outer && pool.FamilyOf(o.Addr.IP) == pool.FamilyOf(r.Addr.IP) && (least == nil || given[j].Cmp(least) < 0) {
				least = given[j]
			}
		}
		if least == nil {
			least = most
		}
		given[i] = whole(least, r.Weight)
	}
	m.relays, m.given = relays, given
}

func (m *model) poll(from netip.Addr, p registration.Poll) *registration.Match {
	best, bestEndpoint := -1, registration.Endpoint{}
	for i, reg := range m.regs {
		served := slices.ContainsFunc(reg.Endpoints, func(e registration.Endpoint) bool {
			return slices.Contains(p.Clients, e.Addr)
		})
		fits := slices.IndexFunc(reg.Endpoints, func(e registration.Endpoint) bool {
			return slices.Contains(p.Outers, e.Transport.Outer) && e.Addr.Addr().Is4() == from.Is4() &&
				slices.ContainsFunc(m.relays, func(r registration.Relay) bool { return leads(r, e, from, p) })
		})
		if fits < 0 || best >= 0 && served {
			continue
		}
		best, bestEndpoint = i, reg.Endpoints[fits]
		if !served {
			break
		}
	}
	if best < 0 {
		return nil
	}
	m.regs = slices.Delete(m.regs, best, best+1)
	relay := -1
	for i, r := range m.relays {
		if leads(r, bestEndpoint, from, p) && (relay < 0 || m.given[i].Cmp(m.given[relay]) < 0) {
			relay = i
		}
	}
	m.given[relay] = new(big.Rat).Add(m.given[relay], big.NewRat(1, int64(m.relays[relay].Weight)))
	return &registration.Match{
		Client: bestEndpoint.Addr, ClientOuter: bestEndpoint.Transport.Outer,
		Relay: m.relays[relay].Addr, RelayOuter: m.relays[relay].Transport.Outer,
	}
}

func leads(r registration.Relay, e registration.Endpoint, from netip.Addr, p registration.Poll) bool {
	return r.Transport.Inner == e.Transport.Inner && slices.Contains(p.Outers, r.Transport.Outer) &&
		(r.Addr.Name != "" || r.Addr.IP.Is4() == from.Is4())
}

// A small world, so that things meet.
var (
	someInners = []string{"", "obfs4", "a|b"}
	someOuters = []string{"websocket", "tcp", "wss", "pigeon"}
)

func anyAddr(rnd *rand.Rand, n int) netip.Addr {
	if rnd.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{9, 9, 9, byte(rnd.IntN(n))})
	}
	return netip.MustParseAddr(fmt.Sprintf("2620:fe::%x", rnd.IntN(n)))
}

func anyOf(rnd *rand.Rand, s []string) string { return s[rnd.IntN(len(s))] }

func anyRegistration(rnd *rand.Rand) registration.Registration {
	var reg registration.Registration
	for range 1 + rnd.IntN(3) {
		reg.Endpoints = append(reg.Endpoints, registration.Endpoint{
			Addr:      netip.AddrPortFrom(anyAddr(rnd, 20), 9000),
			Transport: registration.Transport{Inner: anyOf(rnd, someInners), Outer: anyOf(rnd, someOuters[:3])},
		})
	}
	return reg
}

func anyPoll(rnd *rand.Rand) registration.Poll {
	outers := slices.Clone(someOuters)
	rnd.Shuffle(len(outers), func(i, j int) { outers[i], outers[j] = outers[j], outers[i] })
	p := registration.Poll{Outers: outers[:1+rnd.IntN(len(outers))]}
	for range rnd.IntN(10) {
		p.Clients = append(p.Clients, netip.AddrPortFrom(anyAddr(rnd, 20), 9000))
	}
	return p
}

func anyRelays(rnd *rand.Rand) []registration.Relay {
	var relays []registration.Relay
	for i := range rnd.IntN(6) {
		r := registration.Relay{
			Transport: registration.Transport{Inner: anyOf(rnd, someInners), Outer: anyOf(rnd, someOuters)},
			Addr:      registration.RelayAddr{IP: anyAddr(rnd, 20), Port: uint16(1000 + i)},
			Weight:    1 + rnd.IntN(5)*rnd.IntN(5),
		}
		if r.Transport.Outer == "wss" && rnd.IntN(2) == 0 {
			r.Addr = registration.RelayAddr{Name: "relay.example", Port: uint16(1000 + i)}
		}
		relays = append(relays, r)
	}
	return relays
}

// TestMatchingAsWritten drives the handler and the model with the same events; they
// must give the same answers.
func TestMatchingAsWritten(t *testing.T) {
	var matches, none int
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p := pool.NewMemory(pool.Config{})
		s := New(Config{Pool: p, Outers: someOuters[:3]})
		s.register = newBuckets(1000, 10_000)
		h := s.Handler()
		var m model
		for range 300 {
			switch n := rnd.IntN(20); {
			case n == 0:
				relays := anyRelays(rnd)
				for _, r := range m.relays {
					if rnd.IntN(2) == 0 && !slices.ContainsFunc(relays, func(o registration.Relay) bool { return o.Addr == r.Addr }) {
						r.Weight = 1 + rnd.IntN(9)
						relays = slices.Insert(relays, rnd.IntN(len(relays)+1), r)
					}
				}
				relays = relays[:min(len(relays), 12)]
				s.SetRelays(relays)
				m.setRelays(relays)
			case n < 12:
				reg := anyRegistration(rnd)
				m.register(reg)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(reg.Encode()))))
				if w.Code != http.StatusOK {
					t.Fatalf("register: %d %s", w.Code, w.Body)
				}
			default:
				from, poll := anyAddr(rnd, 20), anyPoll(rnd)
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, "/?"+poll.Encode(), nil)
				r.RemoteAddr = netip.AddrPortFrom(from, 1).String()
				h.ServeHTTP(w, r)
				got, err := registration.ParseAnswer(w.Body.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				want := m.poll(from, poll)
				if (got.Match == nil) != (want == nil) || want != nil && *got.Match != *want {
					t.Fatalf("seed %d: poll %+v from %v got %+v, want %+v", seed, poll, from, got.Match, want)
				}
				if want != nil {
					matches++
				} else {
					none++
				}
			}
		}
		if stats, err := p.Stats(context.Background()); err != nil || stats.Registrations != len(m.regs) {
			t.Fatalf("seed %d: %+v, %v, want %d", seed, stats, err, len(m.regs))
		}
		_ = p.Close()
	}
	if matches < 500 || none < 500 {
		t.Errorf("%d matches and %d none: the events are too one-sided to tell", matches, none)
	}
}

func TestUnknownFamily(t *testing.T) {
	relays, err := registration.ParseRelays(strings.NewReader("websocket 1.1.1.1\nwebsocket [2620:fe::1]\nwss relay.example"))
	if err != nil {
		t.Fatal(err)
	}
	table := newTable(context.Background(), relays, map[string]bool{"websocket": true}, nil)
	defer table.replace()
	if c := table.classes([]string{"websocket"}, pool.FamilyNone); c != nil {
		t.Errorf("only relays of a family, and yet %v", c)
	}
	for _, c := range table.classes([]string{"websocket", "wss"}, pool.FamilyNone) {
		if c.Family != pool.FamilyNone {
			t.Errorf("class %v for who knows whom", c)
		}
	}
	if r, _ := table.pick("", []string{"websocket", "wss"}, pool.FamilyNone, sighting{}); r == nil || r.Addr.Name == "" {
		t.Errorf("relay %v", r)
	}
}

func TestLoadRelays(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		private    bool
		want       string // part of the error
	}{
		{"good", "# x\n\nwebsocket 1.1.1.1\nwss relay.example\n", false, ""},
		{"private", "# x\n\n \t# y\r\nwebsocket 1.1.1.1\n\nwebsocket 10.0.0.1 \ntcp 10.0.0.2", false, "line 6: the address is not one on the public Internet"},
		{"private, last", "websocket 1.1.1.1\nwebsocket [::1]", false, "line 2:"},
		{"private, allowed", "websocket 127.0.0.1:1\n", true, ""},
		{"malformed", "websocket\n", true, "line 1: want TRANSPORT ADDRESS"},
		{"empty", "#\n", true, "no relay in it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "relays")
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			relays, err := LoadRelays(path, tt.private)
			switch {
			case tt.want == "" && (err != nil || len(relays) == 0):
				t.Errorf("%v, %v", relays, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path)):
				t.Errorf("error %v, want %q and the file's name", err, tt.want)
			}
		})
	}
	if _, err := LoadRelays(filepath.Join(t.TempDir(), "none"), false); err == nil {
		t.Error("no file, no error")
	}
}

func BenchmarkPoll(b *testing.B) {
	p := pool.NewMemory(pool.Config{})
	defer p.Close()
	s := New(Config{Pool: p, Outers: []string{"websocket", "tcp"}})
	rnd := rand.New(rand.NewPCG(1, 1))
	var relays []registration.Relay
	for range 20 {
		relays = append(relays, anyRelays(rnd)...)
	}
	s.SetRelays(relays)
	h := s.Handler()
	r := httptest.NewRequest(http.MethodGet, "/?r=1&transport=websocket&transport=tcp", nil)
	r.RemoteAddr = "9.9.9.9:1"
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
