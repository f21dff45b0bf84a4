package browserproxy_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

// The tables in test/ are also what the JavaScript tests read: what they say holds
// for both twins, or a test fails on one side.

func load(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("test/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestAddressTwins(t *testing.T) {
	var table struct {
		AddrPorts, RelayAddrs                          map[string]string
		BadAddrPorts, BadRelayAddrs, Global, NotGlobal []string
	}
	load(t, "addresses.json", &table)
	for in, want := range table.AddrPorts {
		if got, err := registration.ParseAddrPort(in); err != nil || got.String() != want {
			t.Errorf("ParseAddrPort(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range table.BadAddrPorts {
		if got, err := registration.ParseAddrPort(in); err == nil {
			t.Errorf("ParseAddrPort(%q) = %v; want an error", in, got)
		}
	}
	for in, want := range table.RelayAddrs {
		if got, err := registration.ParseRelayAddr(in); err != nil || got.String() != want {
			t.Errorf("ParseRelayAddr(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range table.BadRelayAddrs {
		if got, err := registration.ParseRelayAddr(in); err == nil {
			t.Errorf("ParseRelayAddr(%q) = %v; want an error", in, got)
		}
	}
	for want, list := range map[bool][]string{true: table.Global, false: table.NotGlobal} {
		if len(list) == 0 {
			t.Errorf("no addresses with IsGlobal = %v", want)
		}
		for _, in := range list {
			if got := registration.IsGlobal(netip.MustParseAddr(in)); got != want {
				t.Errorf("IsGlobal(%s) = %v", in, got)
			}
		}
	}
}

type answer struct {
	Match *struct {
		Client, ClientOuter, Relay, RelayOuter string
	}
	CheckBackIn *int
}

func TestAnswerTwins(t *testing.T) {
	var table struct {
		Answers    map[string]answer
		BadAnswers []string
	}
	load(t, "answers.json", &table)
	for in, want := range table.Answers {
		got, err := registration.ParseAnswer([]byte(in))
		if err != nil {
			t.Errorf("ParseAnswer(%.80q): %v", in, err)
			continue
		}
		back := time.Duration(-1)
		if want.CheckBackIn != nil {
			back = time.Duration(*want.CheckBackIn) * time.Second
		}
		if got.CheckBackIn != back {
			t.Errorf("ParseAnswer(%.80q): check back in %v, want %v", in, got.CheckBackIn, back)
		}
		switch m, w := got.Match, want.Match; {
		case m == nil && w == nil:
		case m == nil || w == nil,
			m.Client.String() != w.Client, m.ClientOuter != w.ClientOuter, m.Relay.String() != w.Relay, m.RelayOuter != w.RelayOuter:
			t.Errorf("ParseAnswer(%.80q): match %+v, want %+v", in, m, w)
		}
	}
	for _, in := range table.BadAnswers {
		if got, err := registration.ParseAnswer([]byte(in)); err == nil {
			t.Errorf("ParseAnswer(%.80q) = %+v; want an error", in, got)
		}
	}
}

func TestPollTwins(t *testing.T) {
	var polls []struct {
		Query       string
		Clients     []netip.AddrPort
		Transports  []string
		Unreachable []string
		Wait        int
	}
	load(t, "polls.json", &polls)
	for _, p := range polls {
		poll := registration.Poll{Outers: p.Transports, Clients: p.Clients, Wait: time.Duration(p.Wait) * time.Second}
		for _, r := range p.Unreachable {
			a, err := registration.ParseRelayAddr(r)
			if err != nil {
				t.Fatal(err)
			}
			poll.Unreachable = append(poll.Unreachable, a)
		}
		if got := poll.Encode(); got != p.Query {
			t.Errorf("Encode of %+v = %s; want %s", poll, got, p.Query)
		}
		if got, err := registration.ParsePoll(p.Query); err != nil || len(got.Unreachable) != len(p.Unreachable) {
			t.Errorf("ParsePoll(%s): %+v, %v", p.Query, got, err)
		}
	}
}
