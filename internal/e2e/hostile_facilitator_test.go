package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashproxy/internal/registration"
)

// facilitatorAttacks are for a facilitator with this public key that takes no
// private addresses.
func facilitatorAttacks(t *testing.T, publicKey string) []attack {
	t.Helper()
	post := func(body string) string {
		return fmt.Sprintf("POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	get := func(path string) string { return "GET " + path + " HTTP/1.0\r\n\r\n" }
	keepGet := func(path string) string { return "GET " + path + " HTTP/1.1\r\n" + host + "\r\n" }
	const line = "client=1.1.1.1:9000"
	return append(sealedAttacks(t, publicKey, keepGet), []attack{
		{name: "a good registration", send: post(line), gets: "200"},
		{name: "16 lines", send: post(strings.Repeat(line+"\n", 16)), gets: "200"},
		{name: "17 lines", send: post(strings.Repeat(line+"\n", 17)), gets: "400"},
		{name: "a good line and a bad one", send: post(line + "\nclient=\n"), gets: "400"},
		{name: "no line", send: post(""), gets: "400"},
		{name: "body of 100 KiB", send: post(strings.Repeat("x", 100<<10)), gets: "400"},
		{name: "body of 100 KiB and a byte", send: post(strings.Repeat("x", 100<<10+1)), gets: "413"},
		{name: "thousands of keys", send: post(line + strings.Repeat("&a=b", 10_000)), gets: "400"},
		{name: "client twice", send: post(line + "&" + line), gets: "400"},
		{name: "its own address", send: post("client=:9000"), gets: "400"},
		{name: "loopback", send: post("client=127.0.0.1:22"), gets: "400"},
		{name: "private", send: post("client=10.0.0.1:80"), gets: "400"},
		{name: "link-local", send: post("client=169.254.169.254:80"), gets: "400"},
		{name: "loopback, IPv6", send: post("client=[::1]:80"), gets: "400"},
		{name: "loopback as IPv6", send: post("client=[::ffff:127.0.0.1]:80"), gets: "400"},
		{name: "loopback by NAT64", send: post("client=[64:ff9b::7f00:1]:80"), gets: "400"},
		{name: "a name", send: post("client=localhost:80"), gets: "400"},
		{name: "a short address", send: post("client=127.1:80"), gets: "400"},
		{name: "an octal address", send: post("client=0177.0.0.1:80"), gets: "400"},
		{name: "no port", send: post("client=1.1.1.1"), gets: "400"},
		{name: "port 0", send: post("client=1.1.1.1:0"), gets: "400"},
		{name: "port 65536", send: post("client=1.1.1.1:65536"), gets: "400"},
		{name: "no such transport", send: post(line + "&client-transport=smoke"), gets: "400"},
		{name: "no such transport, with another within", send: post(line + "&client-transport=a%7Cb%7Csmoke"), gets: "400"},
		{name: "two transports within", send: post("client=1.1.1.2:9000&client-transport=a%7Cb%7Cwebsocket"), gets: "200"},
		{name: "an empty transport within", send: post("client=1.1.1.3:9000&client-transport=%7Cwebsocket"), gets: "200"},
		{name: "an empty transport", send: post(line + "&client-transport="), gets: "400"},
		{name: "an empty transport outside", send: post(line + "&client-transport=obfs4%7C"), gets: "400"},
		{name: "a blank in a transport", send: post(line + "&client-transport=obfs+4%7Cwebsocket"), gets: "400"},
		{name: "NUL in a transport", send: post(line + "&client-transport=obfs4%00%7Cwebsocket"), gets: "400"},
		{name: "line end in a transport", send: post(line + "&client-transport=websocket%0A"), gets: "400"},
		{name: "a transport of 300 bytes", send: post(line + "&client-transport=" + strings.Repeat("x", 300)), gets: "400"},
		{name: "long transport", send: post(line + "&client-transport=" + strings.Repeat("x", 1000) + "|websocket"), gets: "400"},
		{name: "line end in a value", send: post("client=1.1.1.1%0a:9000"), gets: "400"},
		{name: "61 registrations", send: strings.Repeat(strings.Replace(post(line), "1.0", "1.1\r\nHost: x", 1), 60) + post(line), gets: strings.Repeat("200 ", 60) + "429"},

		{name: "poll without r", send: get("/?client="), gets: "400"},
		{name: "r=2", send: get("/?r=2"), gets: "400"},
		{name: "r twice", send: get("/?r=1&r=1"), gets: "400"},
		{name: "HEAD of a poll", send: "HEAD /?r=1 HTTP/1.0\r\n\r\n", gets: "405"},
		{name: "poll with thousands of keys", send: get("/?r=1" + strings.Repeat("&a=b", 4000)), gets: "400"},
		{name: "poll with hundreds of clients", send: get("/?r=1&transport=x" + strings.Repeat("&client=1.1.1.1:1", 500)), gets: "200"},
		{name: "poll with bad relays", send: get("/?r=1&transport=x&unreachable=&unreachable=x&unreachable=%00&unreachable=" + strings.Repeat("a.", 4000) + "b:1"), gets: "200"},
		{name: "poll with hundreds of relays", send: get("/?r=1&transport=x" + strings.Repeat("&unreachable=1.1.1.1:1", 500)), gets: "200"},
		{name: "poll that waits for ever", send: get("/?r=1&transport=x&wait=99999999999999999999"), gets: "400"},
		{name: "poll that waits below 0", send: get("/?r=1&wait=-1"), gets: "400"},
		{name: "poll with a bad escape", send: get("/?r=1&client=%zz"), gets: "400"},
		{name: "poll with another transport within", send: get("/?r=1&transport=obfs4%7Cwebsocket"), gets: "400"},
		{name: "poll with a transport of 300 bytes", send: get("/?r=1&transport=" + strings.Repeat("x", 300)), gets: "400"},
		{name: "poll with a blank in a transport", send: get("/?r=1&transport=web+socket"), gets: "400"},
		{name: "poll with NUL in a transport", send: get("/?r=1&transport=websocket%00"), gets: "400"},
		{name: "poll with an empty transport", send: get("/?r=1&transport=&transport=x"), gets: "200"},
		{name: "poll that goes", send: keepGet("/?r=1&transport=x&wait=50"), ends: leaves},
		{name: "poll that resets", send: keepGet("/?r=1&transport=x&wait=50"), ends: resets},
		{name: "answers never read", send: strings.Repeat(keepGet("/healthz"), 100), again: keepGet("/healthz"), deaf: true, ends: stays},

		{name: "no blob", send: get("/reg/"), gets: "404"},
		{name: "blob that is none", send: get("/reg/AAAA"), gets: "400"},
		{name: "blob with dots", send: get("/reg/../reg/AAAA"), gets: "404"},
		{name: "long blob", send: get("/reg/" + strings.Repeat("A", 10_000)), gets: "400"},
		{name: "blob of many parts", send: get("/reg" + strings.Repeat("/A", 1000)), gets: "404"},
	}...)
}

// sealedAttacks are with sealed registrations; get makes a request that others may
// follow.
func sealedAttacks(t *testing.T, publicKey string, get func(path string) string) (all []attack) {
	t.Helper()
	key, err := registration.ParsePublicKey(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	other, err := registration.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name   string
		key    registration.PublicKey
		client string
		age    time.Duration
		times  int
		gets   string
	}{
		{"sealed, and replayed", key, "1.1.1.1:9000", -time.Minute, 2, "204 400"},
		{"sealed to another", other.Public(), "1.1.1.1:9000", -time.Minute, 1, "400"},
		{"sealed long ago", key, "1.1.1.1:9000", 2 * time.Hour, 1, "400"},
		{"sealed before the start", key, "1.1.1.1:9000", time.Minute, 1, "503"},
		{"sealed in the future", key, "1.1.1.1:9000", -time.Hour, 1, "400"},
		{"sealed private address", key, "10.0.0.1:9000", -time.Minute, 1, "400"},
	} {
		blob, err := s.key.Seal(registration.Registration{Endpoints: []registration.Endpoint{
			{Addr: netip.MustParseAddrPort(s.client), Transport: registration.Transport{Outer: "websocket"}},
		}}, time.Now().Add(-s.age))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, attack{
			name: s.name, send: strings.Repeat(get("/reg/"+blob), s.times) + "GET /x HTTP/1.0\r\n\r\n", gets: s.gets + " 404",
		})
	}
	return all
}
