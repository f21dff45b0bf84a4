// Addresses of peers, read strictly and judged: the twin of addr.go and relay.go
// in internal/registration. Both are held to test/addresses.json.
//
// Errors name the reason and never hold an address, so that they can be shown.

/**
 * Where a peer listens.
 *
 * @typedef {object} Address
 * @property {Uint8Array | null} ip 4 or 16 bytes, a v4-mapped address as its 4; null for a name
 * @property {string} host as text, without brackets: "1.2.3.4", "2001:db8::1", "relay.example"
 * @property {number} port 1 to 65535
 */

const notNumeric = "not a numeric IP address";
const needsBrackets = "an IPv6 address needs brackets: [ADDRESS]:PORT";
const hasZone = "an address with a zone has no meaning elsewhere";

/**
 * Reads "1.2.3.4:9000" or "[2001:db8::1]:9000": numeric, no zone, the port in
 * plain decimal. Throws an Error.
 *
 * @param {string} s
 * @returns {Address}
 */
export function parseAddrPort(s) {
  const { host, port } = splitHostPort(s);
  if (host === "") throw new Error("no address before the port, and none is known from elsewhere");
  const ip = parseHost(host);
  if (typeof ip === "string") throw new Error(ip);
  return { ip, host: formatIP(ip), port };
}

/**
 * Reads HOST:PORT where HOST is numeric, as in parseAddrPort, or a host name.
 * Throws an Error.
 *
 * @param {string} s
 * @returns {Address}
 */
export function parseRelayAddr(s) {
  const { host, port } = splitHostPort(s);
  const ip = parseHost(host);
  if (typeof ip !== "string") return { ip, host: formatIP(ip), port };
  if (ip !== notNumeric) throw new Error(ip);
  if (!isHostName(host)) throw new Error("neither a numeric address nor a host name");
  return { ip: null, host: host.toLowerCase(), port };
}

/**
 * The inverse of parseAddrPort and parseRelayAddr, and what a URL takes.
 *
 * @param {Address} a
 * @returns {string}
 */
export function formatAddress(a) {
  return `${a.host.includes(":") ? `[${a.host}]` : a.host}:${a.port}`;
}

/**
 * Splits at the last colon that is not within brackets.
 *
 * @param {string} s
 * @returns {{host: string, port: number}}
 */
function splitHostPort(s) {
  const i = s.lastIndexOf(":");
  if (i < 0 || s.endsWith("]")) throw new Error("no port");
  const host = s.slice(0, i);
  if (host.includes(":") && !host.startsWith("[")) throw new Error(needsBrackets);
  const port = s.slice(i + 1);
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65535) {
    throw new Error("the port is not a whole number from 1 to 65535");
  }
  return { host, port: Number(port) };
}

/**
 * Reads an IPv4 address, or an IPv6 one in brackets.
 *
 * @param {string} host
 * @returns {Uint8Array | string} the address, or why it is none
 */
function parseHost(host) {
  if (!host.startsWith("[")) {
    if (host.includes(":")) return needsBrackets;
    return parseIPv4(host) ?? notNumeric;
  }
  if (!host.endsWith("]")) return notNumeric;
  const [bare, zone] = cut(host.slice(1, -1), "%");
  const ip = parseIPv6(bare);
  if (!ip || zone === "") return notNumeric;
  return zone ? hasZone : unmap(ip);
}

/**
 * @param {string} s
 * @param {string} at
 * @returns {[string, string | undefined]} what is before the first of at, and what is after
 */
function cut(s, at) {
  const i = s.indexOf(at);
  return i < 0 ? [s, undefined] : [s.slice(0, i), s.slice(i + at.length)];
}

/**
 * @param {string} s
 * @returns {Uint8Array | null}
 */
function parseIPv4(s) {
  const fields = s.split(".");
  // A leading zero is refused, since some read such a number as octal.
  if (fields.length !== 4 || !fields.every((f) => /^(0|[1-9][0-9]{0,2})$/.test(f) && Number(f) < 256)) return null;
  return Uint8Array.from(fields, Number);
}

/**
 * @param {string} s
 * @returns {Uint8Array | null}
 */
function parseIPv6(s) {
  const [left, right] = cut(s, "::");
  const head = parseGroups(left, right === undefined);
  const tail = right === undefined ? [] : parseGroups(right, true);
  if (!head || !tail) return null;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group of two bytes.
  if (right === undefined ? missing !== 0 : missing < 2) return null;
  const ip = new Uint8Array(16);
  ip.set(head);
  ip.set(tail, 16 - tail.length);
  return ip;
}

/**
 * Reads groups of IPv6, of which the last may be an IPv4 address when they end
 * the text.
 *
 * @param {string} s
 * @param {boolean} last
 * @returns {number[] | null} two bytes a group
 */
function parseGroups(s, last) {
  if (s === "") return [];
  const groups = s.split(":");
  /** @type {number[]} */
  const bytes = [];
  for (const [i, group] of groups.entries()) {
    const ip4 = last && i === groups.length - 1 ? parseIPv4(group) : null;
    if (ip4) {
      bytes.push(...ip4);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group) && bytes.length < 16) {
      const n = parseInt(group, 16);
      bytes.push(n >> 8, n & 0xff);
    } else {
      return null;
    }
  }
  return bytes.length <= 16 ? bytes : null;
}

/**
 * A v4-mapped IPv6 address (::ffff:0:0/96) as the IPv4 address that it is.
 *
 * @param {Uint8Array} ip
 * @returns {Uint8Array}
 */
function unmap(ip) {
  const mapped = ip.length === 16 && ip.subarray(0, 10).every((b) => b === 0) && ip[10] === 0xff && ip[11] === 0xff;
  return mapped ? ip.slice(12) : ip;
}

/**
 * The text form of RFC 5952.
 *
 * @param {Uint8Array} ip
 * @returns {string}
 */
function formatIP(ip) {
  if (ip.length === 4) return ip.join(".");
  const view = new DataView(ip.buffer, ip.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  let start = 0;
  let length = 1; // a single zero is not shortened
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (groups[i + n] === "0") n++;
    if (n > length) [start, length] = [i, n];
  }
  if (length === 1) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/**
 * Accepts letter-digit-hyphen labels (RFC 1123, section 2.1) of which the last
 * does not begin with a digit: browsers read "127.1" and "1.0x7f" as addresses
 * (WHATWG URL, "ends in a number").
 *
 * @param {string} s
 * @returns {boolean}
 */
function isHostName(s) {
  const labels = s.split(".");
  return s.length <= 253 &&
    labels.every((l) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(l)) &&
    !/^[0-9]/.test(labels[labels.length - 1] ?? "");
}

/**
 * Tells whether ip is an address on the public Internet: global unicast, and
 * none of loopback, private, link-local, shared, multicast, documentation,
 * benchmarking, reserved or unspecified. It is what keeps a stranger from aiming
 * a visitor's browser at the visitor's own network.
 *
 * Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
 *
 * @param {Uint8Array} ip 4 or 16 bytes
 * @returns {boolean}
 */
export function isGlobal(ip) {
  const bytes = unmap(ip);
  return bytes.length === 4 ? isGlobal4(bytes) : bytes.length === 16 && isGlobal6(bytes);
}

/** @param {Uint8Array} ip */
function isGlobal4(ip) {
  const [a = 0, b = 0, c = 0] = ip;
  return !(a === 0 || // this network
    a === 10 || // private
    (a === 100 && (b & 0xc0) === 64) || // 100.64.0.0/10, carrier-grade NAT (RFC 6598)
    a === 127 || // loopback
    (a === 169 && b === 254) || // link-local
    (a === 172 && (b & 0xf0) === 16) || // private
    (a === 192 && b === 0 && c === 0) || // IETF protocol assignments
    (a === 192 && b === 0 && c === 2) || // documentation
    (a === 192 && b === 88 && c === 99) || // 6to4 relays, deprecated (RFC 7526)
    (a === 192 && b === 168) || // private
    (a === 198 && (b & 0xfe) === 18) || // benchmarking
    (a === 198 && b === 51 && c === 100) || // documentation
    (a === 203 && b === 0 && c === 113) || // documentation
    a >= 224); // multicast, reserved, broadcast
}

/**
 * Starts from 2000::/3, the only global unicast space there is (RFC 4291,
 * section 2.4), and cuts the holes in it. 6to4 and Teredo are holes because they
 * carry an IPv4 address within.
 *
 * @param {Uint8Array} ip
 */
function isGlobal6(ip) {
  const [a = 0, b = 0, c = 0, d = 0] = ip;
  return (a & 0xe0) === 0x20 && !(
    (a === 0x20 && b === 0x01 && (c & 0xfe) === 0) || // 2001::/23, IETF protocols, Teredo
    (a === 0x20 && b === 0x01 && c === 0x0d && d === 0xb8) || // 2001:db8::/32, documentation
    (a === 0x20 && b === 0x02) || // 2002::/16, 6to4
    (a === 0x3f && b === 0xff && (c & 0xf0) === 0)); // 3fff::/20, documentation
}

// Names that stand for something near: RFC 6761, RFC 6762 and its appendix G,
// RFC 8375.
const nearby = /(^|\.)(localhost|local|intranet|internal|private|corp|home|lan|home\.arpa|test|invalid)$/;

/**
 * Tells whether a host name may stand for something on the public Internet. A
 * browser does not say what a name resolves to, so this is all that can be known;
 * such a name is good only for TLS, where the host must prove that it has it.
 *
 * @param {string} name
 * @returns {boolean}
 */
export function isPublicName(name) {
  return name.includes(".") && !nearby.test(name);
}
