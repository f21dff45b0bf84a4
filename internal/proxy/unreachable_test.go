package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

// told are the relays that each poll reported.
func (f *fakeFacilitator) told() [][]string {
	var told [][]string
	for _, p := range f.seen() {
		var relays []string
		for _, r := range p.Unreachable {
			relays = append(relays, r.String())
		}
		told = append(told, relays)
	}
	return told
}

func wantTold(t *testing.T, f *fakeFacilitator, want ...[]string) {
	t.Helper()
	if got := f.told(); !reflect.DeepEqual(got, want) {
		t.Errorf("reported %v, want %v", got, want)
	}
}

// answers gives one after the other, and then holds.
func answers(bodies ...string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n >= len(bodies):
			hold(w, r)
		case bodies[n] == "":
			http.Error(w, "later", http.StatusServiceUnavailable)
		case bodies[n] == "no":
			http.Error(w, "no", http.StatusBadRequest)
		default:
			io.WriteString(w, bodies[n])
		}
	}
}

// A relay that cannot be opened is reported in the next poll, and in no other.
func TestUnreachableIsReportedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve(client, silent)
		f := w.facilitator("127.0.0.1:9002", answers(match(client, relay), "client=&check-back-in=1", match(client, relay)))
		w.run(Config{}, f)
		w.settle(30 * time.Second)
		wantTold(t, f, nil, []string{relay}, nil, []string{relay})
	})
}

// It is reported again after a poll that failed, but not to one who calls it wrong.
func TestUnreachableAndFailingPolls(t *testing.T) {
	for _, tt := range []struct {
		fails string
		want  []string
	}{
		{"", []string{relay}}, {"garbage", []string{relay}}, {"no", nil},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.serve(client, silent)
			f := w.facilitator("127.0.0.1:9002", answers(match(client, relay), tt.fails))
			w.run(Config{}, f)
			w.settle(14 * time.Minute) // after a refusal there is a long pause
			if got := f.told(); len(got) < 4 || !reflect.DeepEqual(got[:4], [][]string{nil, {relay}, tt.want, nil}) {
				t.Errorf("after %q: reported %v", tt.fails, got)
			}
		})
	}
}

// What is no fault of the relay's is not reported.
func TestReachableIsNotReported(t *testing.T) {
	flaky := func(w *world) Dialer { // the relay's second connection fails
		n := 0
		return func(ctx context.Context, address string) (net.Conn, error) {
			if address == relay {
				if n++; n == 2 {
					return nil, io.ErrUnexpectedEOF
				}
			}
			return w.dial(ctx, address)
		}
	}
	for name, tt := range map[string]struct {
		clientLives, relayLives bool
		dialer                  func(*world) Dialer
	}{
		"the client is dead":                  {false, false, nil},
		"the client is dead, the relay not":   {false, true, nil},
		"both live":                           {true, true, nil},
		"the second connection does not come": {true, true, flaky},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if tt.clientLives {
					w.serve(client, silent)
				}
				if tt.relayLives {
					w.serve(relay, silent)
				}
				var cfg Config
				if tt.dialer != nil {
					cfg.Dialers = map[string]Dialer{"websocket": tt.dialer(w)}
				}
				f := w.facilitator("127.0.0.1:9002", once(match(client, relay)))
				w.run(cfg, f)
				w.settle(3 * time.Minute)
				for i, relays := range f.told() {
					if relays != nil {
						t.Errorf("poll %d reported %v", i, relays)
					}
				}
			})
		})
	}
}

// A facilitator hears of its own relays only.
func TestUnreachableIsToldToWhoGaveIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve(client, silent)
		a := w.facilitator("127.0.0.1:9002", answers(match(client, relay), "", "client=&check-back-in=1"))
		b := w.facilitator("127.0.0.2:9002", answers("client=&check-back-in=1", "client=&check-back-in=1", ""))
		w.run(Config{}, a, b)
		w.settle(2 * time.Minute)
		if len(b.told()) < 3 {
			t.Fatalf("the second facilitator was asked %d times", len(b.told()))
		}
		for i, relays := range b.told() {
			if relays != nil {
				t.Errorf("poll %d of another facilitator reported %v", i, relays)
			}
		}
		if got := a.told(); len(got) < 3 || !reflect.DeepEqual(got[:3], [][]string{nil, {relay}, {relay}}) {
			t.Errorf("reported %v", got)
		}
	})
}

func TestUnreachableIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve(client, silent)
		failing := make(chan struct{})
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n < 20 {
				io.WriteString(rw, match(client, fmt.Sprintf("5.5.5.5:%d", 1000+n)))
				return
			}
			hold(rw, r)
		})
		// They fail at once, and all together.
		dialer := func(ctx context.Context, address string) (net.Conn, error) {
			if address != client {
				<-failing
			}
			return w.dial(ctx, address)
		}
		w.run(Config{MaxClients: 30, Dialers: map[string]Dialer{"websocket": dialer}}, f)
		w.settle(29 * time.Second)
		close(failing)
		w.settle(5 * time.Minute)
		told := f.told()
		if len(told) < 22 || len(told[21]) != registration.MaxUnreachable {
			t.Fatalf("reported %v", told)
		}
		var u unreachable
		for i := range 100 {
			u.add(registration.RelayAddr{Name: "relay.example", Port: uint16(1 + i)})
		}
		if n := len(u.take()); n != registration.MaxUnreachable {
			t.Errorf("%d relays are kept", n)
		}
		for i, relays := range told {
			if i != 21 && relays != nil {
				t.Errorf("poll %d reported %v", i, relays)
			}
		}
	})
}

// Who stops has nothing to say of the relay that was being dialled.
func TestStoppingIsNotUnreachable(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve(client, silent)
		dialer := func(ctx context.Context, address string) (net.Conn, error) {
			if address == relay {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return w.dial(ctx, address)
		}
		a, err := registration.ParseAnswer([]byte(match(client, relay)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(Config{Given: a.Match, Dialers: map[string]Dialer{"websocket": dialer}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var failed unreachable
		p.serve(ctx, t.Context(), *a.Match, &failed)
		if relays := failed.take(); relays != nil {
			t.Errorf("reported %v", relays)
		}
	})
}
