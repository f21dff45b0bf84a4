// A client and a relay of others' making, for a proxy to connect: WebSocket servers by
// the package ws, which is in the directory $WS. The client says many bytes to the relay,
// which says them again; they ping, and then one of them ends the connection in a way
// of its own, a different one on each connection. Prints "ports CLIENT RELAY", and exits
// with 0 when every connection went as it should.
//
//   node ends.mjs

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(`${process.env.WS}/`)("ws");

// What ends a connection, and the codes with which it ends for the client and for
// the relay. 1006 is none: the connection broke off.
const endings = [
	{ does: (client) => client.close(1000), client: 1000, relay: 1000 },
	{ does: (client) => client.close(), client: 1005, relay: 1000 },
	{ does: (client) => client.close(4000, "reason"), client: 4000, relay: 1000 },
	{ does: (client, relay) => relay.close(1001), client: 1000, relay: 1001 },
	{ does: (client, relay) => relay.terminate(), client: 1000, relay: 1006 },
	{ does: (client) => client.send("text"), client: 1003, relay: 1000 },
	{ does: (client) => client.send(Buffer.alloc((1 << 20) + 1)), client: 1009, relay: 1000 },
	{ does: (client, relay) => relay.send(Buffer.alloc((1 << 20) + 1)), client: 1000, relay: 1009 },
];
const sizes = [0, 1, 125, 126, 65535, 65536, 200000, 1 << 20];

const relays = new Map(); // by the number that is the first byte
let begun = 0;
let left = endings.length;

const ended = (socket) => new Promise((resolve) => socket.on("close", resolve));
const answered = (socket) =>
	new Promise((resolve) => {
		const payload = randomBytes(20);
		socket.on("pong", (got) => got.equals(payload) && resolve());
		socket.ping(payload);
	});

const relay = new WebSocketServer({ host: "127.0.0.1", port: 0 });
relay.on("connection", (socket, request) => {
	check(request);
	let named = false;
	socket.on("message", (data, isBinary) => {
		assert.ok(isBinary && data.length <= 32768);
		if (!named) relays.set(data[0], socket);
		named = true;
		socket.send(data);
	});
});

const client = new WebSocketServer({ host: "127.0.0.1", port: 0 });
client.on("connection", async (socket, request) => {
	check(request);
	const number = begun++ % endings.length;
	const ending = endings[number];
	const sent = [Buffer.of(number), ...sizes.map((n) => randomBytes(n))];
	const all = Buffer.concat(sent);
	const got = [];
	let missing = all.length;
	await new Promise((resolve) => {
		socket.on("message", (data, isBinary) => {
			assert.ok(isBinary);
			got.push(data);
			missing -= data.length;
			if (missing === 0) resolve();
		});
		for (const data of sent) socket.send(data);
	});
	assert.ok(Buffer.concat(got).equals(all));
	const other = relays.get(number);
	await Promise.all([answered(socket), answered(other)]);
	const codes = Promise.all([ended(socket), ended(other)]);
	ending.does(socket, other);
	assert.deepEqual(await codes, [ending.client, ending.relay], `ending ${number}`);
	if (--left === 0) process.exit(0);
});

// check wants what a browser of 2015 would have sent, at least: no extension, no
// subprotocol.
function check({ method, url, headers }) {
	assert.equal(method, "GET");
	assert.equal(url, "/");
	assert.equal(headers["sec-websocket-version"], "13");
	assert.equal(headers["sec-websocket-extensions"], undefined);
	assert.equal(headers["sec-websocket-protocol"], undefined);
}

relay.on("listening", () => {
	const print = () => console.log("ports", client.address().port, relay.address().port);
	if (client.address()) print();
	else client.on("listening", print);
});
