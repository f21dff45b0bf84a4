package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

func TestPollAndPollAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		f := w.facilitator("127.0.0.1:9002", func(_ int, rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/sub/" {
				t.Errorf("path %q", r.URL.Path)
			}
			hold(rw, r)
		})
		f.url.Path = "/sub/"
		w.run(Config{}, f)
		w.settle(5 * time.Minute)
		polls := f.seen()
		if len(polls) != 6 {
			t.Fatalf("%d polls, want 6", len(polls))
		}
		for i, p := range polls {
			want := registration.Poll{Outers: []string{"websocket"}, Wait: time.Minute}
			if !reflect.DeepEqual(p.Poll, want) || p.at != time.Duration(i)*time.Minute {
				t.Errorf("poll %d at %v: %+v, want %+v", i, p.at, p.Poll, want)
			}
		}
	})
}

func TestIntervals(t *testing.T) {
	for _, tt := range []struct {
		answer    string
		interval  time.Duration
		low, high time.Duration
	}{
		{"client=&check-back-in=0", 0, time.Second, time.Second},
		{"client=&check-back-in=1", 0, time.Second, 1250 * time.Millisecond},
		{"client=&check-back-in=20", 0, 15 * time.Second, 25 * time.Second},
		{"client=&check-back-in=86400", 0, 45 * time.Minute, 75 * time.Minute},
		{"client=", 0, 45 * time.Second, 75 * time.Second},
		{"client=&check-back-in=600", 20 * time.Second, 15 * time.Second, 25 * time.Second},
		{"client=&check-back-in=0", 100 * time.Millisecond, time.Second, time.Second},
	} {
		t.Run(fmt.Sprint(tt.answer, tt.interval), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				f := w.facilitator("127.0.0.1:9002", say(tt.answer))
				w.run(Config{PollInterval: tt.interval}, f)
				w.settle(20 * tt.high)
				gaps := f.gaps()
				if len(gaps) < 15 {
					t.Fatalf("%d polls", len(gaps)+1)
				}
				for _, gap := range gaps {
					wantBetween(t, "time to the next poll", gap, tt.low-time.Millisecond, tt.high+time.Millisecond)
				}
				if tt.high > time.Second && slices.Max(gaps) == slices.Min(gaps) {
					t.Error("no jitter")
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 12 {
				io.WriteString(rw, "client=&check-back-in=10")
				return
			}
			rw.WriteHeader(http.StatusBadGateway)
		})
		w.run(Config{}, f)
		w.settle(3 * time.Hour)
		gaps := f.gaps()
		want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600, 10, 5, 10, 20, 40}
		if len(gaps) < len(want) {
			t.Fatalf("%d polls, want at least %d", len(gaps)+1, len(want)+1)
		}
		for i, d := range want {
			d *= time.Second
			wantBetween(t, fmt.Sprint("pause ", i), gaps[i], d*3/4, d*5/4)
		}
		w.wantLogged("level=WARN", 2)
		w.wantLogged("502 Bad Gateway", 2)
		w.wantLogged("answers again", 1)
	})
}

func TestNobodyThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gone := &fakeFacilitator{url: w.facilitator("127.0.0.1:9002", nil).url}
		w.hosts["127.0.0.1:9002"].Close()
		w.run(Config{}, gone)
		w.settle(24 * time.Hour)
		w.wantLogged("level=WARN", 1)
		w.wantLogged("connection refused", 1)
		w.wantLogged("msg=\"in the last hour\"", 24)
	})
}

// A facilitator that works only now and then is not reported each time.
func TestFlapping(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n%2 == 0 {
				rw.WriteHeader(http.StatusBadGateway)
			}
			io.WriteString(rw, "client=&check-back-in=0")
		})
		w.run(Config{}, f)
		w.settle(3*time.Hour + time.Minute)
		if n := len(f.seen()); n < 1500 {
			t.Fatalf("only %d polls", n)
		}
		if n := strings.Count(w.logged(), "level=WARN"); n < 3 || n > 4 {
			t.Errorf("%d warnings in three hours", n)
		}
		if n := strings.Count(w.logged(), "answers again"); n < 3 || n > 4 {
			t.Errorf("%d all-clears in three hours", n)
		}
	})
}

func TestRefusal(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		f := w.facilitator("127.0.0.1:9002", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusBadRequest)
			io.WriteString(rw, "r: not\x1b[2J\x00 \u202ethis one\n"+strings.Repeat("more ", 100_000))
		})
		w.run(Config{}, f)
		w.settle(5 * time.Hour)
		gaps := f.gaps()
		if len(gaps) < 20 {
			t.Fatalf("%d polls", len(gaps)+1)
		}
		for _, gap := range gaps {
			wantBetween(t, "pause", gap, 450*time.Second, 750*time.Second)
		}
		w.wantLogged("level=WARN", 1)
		w.wantLogged("400 Bad Request: r: not[2J this one", 1)
		w.wantLogged("more", 0)
	})
}

func TestFacilitatorsInTurn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bad := func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }
		var down atomic.Bool
		a := w.facilitator("127.0.0.1:1", bad)
		b := w.facilitator("127.0.0.1:2", func(_ int, rw http.ResponseWriter, r *http.Request) {
			if down.Load() {
				bad(0, rw, r)
				return
			}
			hold(rw, r)
		})
		c := w.facilitator("127.0.0.1:3", func(_ int, rw http.ResponseWriter, r *http.Request) { hold(rw, r) })
		w.run(Config{}, a, b, c)
		w.settle(10*time.Minute + 30*time.Second)
		down.Store(true)
		w.settle(20*time.Minute + 30*time.Second)
		if a, b, c := a.seen(), b.seen(), c.seen(); len(a) != 1 || len(b) != 12 || len(c) != 10 ||
			a[0].at != 0 || b[0].at != time.Second || c[0].at-b[11].at != time.Second {
			t.Errorf("polls: %v\n%v\n%v", a, b, c)
		}
	})
}

// Each facilitator has its own pause; the one that refuses is asked seldom.
func TestAllFacilitatorsFail(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		fail := func(status int) func(int, http.ResponseWriter, *http.Request) {
			return func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }
		}
		a, b := w.facilitator("127.0.0.1:1", fail(404)), w.facilitator("127.0.0.1:2", fail(500))
		w.run(Config{}, a, b)
		w.settle(8 * time.Minute)
		if n, m := len(a.seen()), len(b.seen()); n > 2 || m != 7 {
			t.Errorf("%d polls of the one that refuses, %d of the other", n, m)
		}
		for i, gap := range b.gaps() {
			d := 5 * time.Second << i
			wantBetween(t, fmt.Sprint("pause ", i), gap, d*3/4, d*5/4+time.Second)
		}
	})
}

func TestHostileAnswers(t *testing.T) {
	const client, relay = "4.4.4.4:9000", "5.5.5.5:9902"
	good := match(client, relay)
	for name, bad := range map[string]http.HandlerFunc{
		"huge":           text(good + "&x=" + strings.Repeat("y", 1<<20)),
		"nothing":        text(""),
		"no sense":       text("\x00\xff&&&=%zz"),
		"NUL":            text("client=4.4.4.4%00:9000&relay=" + relay),
		"html":           text("<html>Sign in to the hotel's network</html>"),
		"wrong types":    text("client=[]&check-back-in=soon"),
		"two clients":    text(good + "&client=6.6.6.6:1"),
		"overflow":       text("client=&check-back-in=99999999999999999999"),
		"negative":       text("client=&check-back-in=-5"),
		"a name":         text(match("client.example:9000", relay)),
		"loopback":       text(match("127.0.0.1:9000", relay)),
		"mapped":         text(match("[::ffff:10.0.0.1]:9000", relay)),
		"metadata":       text(match("169.254.169.254:80", relay)),
		"private relay":  text(match(client, "192.168.1.1:80")),
		"loopback relay": text(match(client, "[::1]:80")),
		"port 0":         text(match("4.4.4.4:0", relay)),
		"not offered":    text("client=" + client + "&client-transport=tcp&relay=" + relay),
		"redirect": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://127.0.0.1:3/", http.StatusFound)
		},
		"redirect 307": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://127.0.0.1:3/", http.StatusTemporaryRedirect)
		},
		"huge header": func(rw http.ResponseWriter, r *http.Request) { rw.Header().Set("X", strings.Repeat("y", 1<<20)) },
		"no content":  func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusNoContent) },
		"teapot":      func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusTeapot) },
		"hangs up":    func(rw http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"silent":      func(rw http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"slow":        trickle,
		"endless": func(rw http.ResponseWriter, r *http.Request) {
			for {
				if _, err := rw.Write([]byte(strings.Repeat("client=&", 1000))); err != nil {
					return
				}
			}
		},
		"not HTTP": func(rw http.ResponseWriter, r *http.Request) {
			c, _, _ := rw.(http.Hijacker).Hijack()
			io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n"+strings.Repeat("x", 1<<20))
			c.Close()
		},
		"longer than said": func(rw http.ResponseWriter, r *http.Request) {
			c, _, _ := rw.(http.Hijacker).Hijack()
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"+good)
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, r *http.Request) {
					switch n {
					case 0:
						bad(rw, r)
					case 1:
						io.WriteString(rw, good)
					default:
						hold(rw, r)
					}
				})
				w.facilitator("127.0.0.1:3", func(int, http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
				w.serve(client, silent)
				w.serve(relay, silent)
				w.run(Config{ConnsPerClient: 1, Drain: time.Second}, f)
				w.settle(15 * time.Minute)
				if got, want := w.dialled(), []string{client, relay}; !slices.Equal(got, want) {
					t.Errorf("dialled %q, want %q", got, want)
				}
				gap := f.gaps()[0]
				wantBetween(t, "pause", gap, 3750*time.Millisecond, 750*time.Second)
				w.wantLogged("level=WARN", 1)
			})
		})
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
}

// trickle sends a byte a second for ever.
func trickle(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.WriteString(w, "c"); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
}

func TestAllowPrivate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.serve("127.0.0.1:9000", silent)
		w.serve("[::1]:9902", silent)
		f := w.facilitator("127.0.0.1:9002", say(match("127.0.0.1:9000", "[::1]:9902")))
		w.run(Config{AllowPrivate: true, MaxClients: 1, ConnsPerClient: 1}, f)
		w.settle(time.Second)
		if got, want := w.dialled(), []string{"127.0.0.1:9000", "[::1]:9902"}; !slices.Equal(got, want) {
			t.Errorf("dialled %q, want %q", got, want)
		}
	})
}

// Nothing that the proxy says at its usual level, or in an error, tells whom it
// serves: net/http's errors would quote the request.
func TestErrorsHoldNoClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const client, relay = "4.4.4.4:9000", "5.5.5.5:9902"
		w.serve(client, silent)
		w.serve(relay, silent)
		f := w.facilitator("127.0.0.1:9002", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 0 {
				io.WriteString(rw, match(client, relay))
				return
			}
			panic(http.ErrAbortHandler)
		})
		w.run(Config{}, f)
		w.settle(time.Hour)
		if want := []netip.AddrPort{netip.MustParseAddrPort(client)}; !slices.Equal(f.seen()[1].Clients, want) {
			t.Errorf("served clients reported: %v, want %v", f.seen()[1].Clients, want)
		}
		w.wantLogged("level=WARN", 1)
		w.wantLogged("4.4.4.4", 0)
	})
}
