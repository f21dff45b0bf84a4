// A WebSocket client that was written by others: Node's own. It sends messages of
// many sizes, expects their bytes back in order, and then the connection is closed,
// by itself with a code, or by the server.
//
//   node echo.mjs URL SUBPROTOCOL|"" CODE|none|server

import assert from "node:assert/strict";

const [url, subprotocol, closing] = process.argv.slice(2);
const sizes = [0, 1, 125, 126, 127, 1000, 32767, 32768, 32769, 65535, 65536, 200000, 1 << 20];

const data = Buffer.concat(sizes.map((n, i) => Buffer.alloc(n, `${i}.`)));
const ws = new WebSocket(url, subprotocol ? [subprotocol] : []);
ws.binaryType = "arraybuffer";

ws.onopen = () => {
	assert.equal(ws.protocol, subprotocol);
	assert.equal(ws.extensions, "");
	let sent = 0;
	for (const n of sizes) {
		const message = data.subarray(sent, (sent += n));
		ws.send(subprotocol ? message.toString("base64") : message);
	}
};

const got = [];
let left = data.length;
ws.onmessage = ({ data: message }) => {
	assert.equal(typeof message, subprotocol ? "string" : "object");
	const b = subprotocol ? Buffer.from(message, "base64") : Buffer.from(message);
	assert.ok(b.length > 0 && b.length <= 32768);
	if (left === 0) return; // the echo of "end"
	got.push(b);
	left -= b.length;
	if (left > 0) return;
	assert.ok(Buffer.concat(got).equals(data));
	if (closing === "server") ws.send(subprotocol ? "ZW5k" : Buffer.from("end"));
	else if (closing === "none") ws.close();
	else ws.close(Number(closing), "reason");
};

process.exitCode = 1; // unless onclose comes
ws.onclose = (event) => {
	assert.equal(left, 0);
	assert.equal(event.wasClean, true);
	assert.equal(event.code, { none: 1005, server: 1000 }[closing] ?? Number(closing));
	process.exitCode = 0;
};
