// A flash proxy of others' making: it connects to a client and then to a relay, and
// passes on each message, until one of the two ends.
//
//   node proxy.mjs node|ws|base64 CLIENT RELAY     ADDRESS:PORT each
//   node proxy.mjs node|ws|base64 URL              asks a facilitator, as a browser did in 2015
//
// "node" is Node's own WebSocket, "ws" the package of that name, which is in the
// directory $WS; "base64" is ws without binary messages, as some browsers were.

import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";

const [kind, first, second] = process.argv.slice(2);
const Socket = kind === "node" ? WebSocket : createRequire(`${process.env.WS}/`)("ws");
const protocols = kind === "base64" ? ["base64"] : [];

function open(address) {
	return new Promise((resolve, reject) => {
		const socket = new Socket(`ws://${address}/`, protocols);
		socket.binaryType = "arraybuffer";
		socket.early = []; // messages that come before there is somebody to pass them to
		socket.onmessage = ({ data }) => socket.early.push(data);
		socket.onopen = () => {
			assert.equal(socket.protocol, protocols[0] ?? "");
			assert.equal(socket.extensions, "");
			resolve(socket);
		};
		socket.onerror = () => reject(new Error(`cannot connect to ${address}`));
	});
}

// pass carries the messages of one to the other, as they are, and its end.
function pass(from, to) {
	const on = (data) => {
		assert.equal(typeof data, kind === "base64" ? "string" : "object");
		to.send(data);
	};
	from.early.forEach(on);
	from.onmessage = ({ data }) => on(data);
	return new Promise((resolve) => {
		from.onclose = ({ code, wasClean }) => {
			to.close(1000);
			resolve([code, wasClean]);
		};
	});
}

async function serve(client, relay) {
	const a = await open(client);
	const b = await open(relay);
	const ends = await Promise.all([pass(a, b), pass(b, a)]);
	assert.deepEqual(ends, [[1000, true], [1000, true]]);
}

// ask is the poll of 2015: no wait, and the clients that are served already.
function ask(url, served) {
	let query = "?r=1";
	for (const client of served) query += `&client=${encodeURIComponent(client)}`;
	return new Promise((resolve, reject) => {
		http.get(`${url}${query}&transport=websocket`, (answer) => {
			assert.equal(answer.statusCode, 200); // it never asked again after anything else
			assert.equal(answer.headers["access-control-allow-origin"], "*");
			let text = "";
			answer.on("data", (more) => (text += more));
			answer.on("end", () => resolve(new URLSearchParams(text)));
		}).on("error", reject);
	});
}

if (second) {
	await serve(first, second);
} else {
	const answer = await ask(first, []);
	assert.notEqual(answer.get("client"), "");
	assert.equal(answer.get("client-transport"), "websocket");
	assert.equal(answer.get("relay-transport"), "websocket");
	assert.ok(Number(answer.get("check-back-in")) >= 10);
	const pair = [answer.get("client"), answer.get("relay")];
	const both = [serve(...pair), serve(...pair)];
	const again = await ask(first, [pair[0], pair[0]]);
	assert.ok(again.has("client"));
	await Promise.all(both);
}
