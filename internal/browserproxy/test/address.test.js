import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, isGlobal, isPublicName, parseAddrPort, parseRelayAddr } from "../web/address.js";
import { below, bytes, forSeeds, pick } from "./support/random.js";
import { table } from "./support/tables.js";

const { addrPorts, badAddrPorts, relayAddrs, badRelayAddrs, global, notGlobal } = table("addresses.json");

/** @param {string} ip */
function parseIP(ip) {
  return /** @type {Uint8Array} */ (parseAddrPort(ip.includes(":") ? `[${ip}]:1` : `${ip}:1`).ip);
}

test("addresses that are accepted", () => {
  for (const [s, want] of Object.entries(addrPorts)) assert.equal(formatAddress(parseAddrPort(s)), want, s);
});

test("addresses that are refused, without quoting them", () => {
  for (const s of badAddrPorts) {
    assert.throws(() => parseAddrPort(s), (err) => err instanceof Error && (s.length < 4 || !err.message.includes(s)), s);
  }
});

test("relay addresses that are accepted", () => {
  for (const [s, want] of Object.entries(relayAddrs)) assert.equal(formatAddress(parseRelayAddr(s)), want, s);
});

test("relay addresses that are refused", () => {
  for (const s of badRelayAddrs) assert.throws(() => parseRelayAddr(s), Error, s);
});

test("what is on the public Internet", () => {
  for (const ip of global) assert.equal(isGlobal(parseIP(ip)), true, ip);
  for (const ip of notGlobal) assert.equal(isGlobal(parseIP(ip)), false, ip);
  assert.equal(isGlobal(new Uint8Array(0)), false);
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff, 10, 0, 0, 1], 10);
  assert.equal(isGlobal(mapped), false);
});

test("names that may be on the public Internet", () => {
  for (const name of ["relay.example", "a.b.c", "local.example", "localhost.example", "mylocal.net"]) {
    assert.equal(isPublicName(name), true, name);
  }
  for (const name of ["localhost", "router", "a.localhost", "printer.local", "nas.lan", "x.home.arpa", "db.internal", "a.corp"]) {
    assert.equal(isPublicName(name), false, name);
  }
});

test("any address survives being written and read", () => forSeeds(2000, (random) => {
  // Zeros in runs, so that "::" and v4-mapped addresses come up.
  const ip = bytes(random, pick(random, [4, 16])).map((b) => (random() < 0.5 ? 0 : b));
  if (ip.length === 16 && random() < 0.1) ip.set([...new Uint8Array(10), 0xff, 0xff]);
  const port = 1 + below(random, 65535);
  const groups = Array.from({ length: 8 }, (_, i) => (((ip[2 * i] ?? 0) << 8) | (ip[2 * i + 1] ?? 0)).toString(16));
  const text = ip.length === 4 ? `${ip.join(".")}:${port}` : `[${groups.join(":")}]:${port}`;
  const a = parseAddrPort(text);
  const short = formatAddress(a);
  assert.equal(formatAddress(parseAddrPort(short)), short);
  assert.deepEqual(parseAddrPort(short).ip, a.ip);
  if (a.ip?.length === ip.length) assert.deepEqual([...a.ip], [...ip]);
  else assert.deepEqual([...(a.ip ?? [])], [...ip.subarray(12)]);
  // A browser reads it as the same address.
  assert.equal(new URL(`ws://${short}/`).host, port === 80 ? short.replace(/:80$/, "") : short);
}));

test("rubbish is refused with an Error", () => forSeeds(3000, (random) => {
  const s = Array.from({ length: below(random, 24) }, () => pick(random, [..."0123456789abf:::...[]%x- "])).join("");
  for (const parse of [parseAddrPort, parseRelayAddr]) {
    let a;
    try {
      a = parse(s);
    } catch (err) {
      assert.ok(err instanceof Error);
      continue;
    }
    assert.equal(formatAddress(parse(formatAddress(a))), formatAddress(a), s);
  }
}));
