import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./support/clock.js";
import { matched, networkError, ok } from "./support/facilitator.js";
import { below, bytes, forSeeds, pick } from "./support/random.js";
import { world } from "./support/world.js";

test("whatever facilitator and peers do, it goes on, and stop leaves nothing", () => forSeeds(25, async (random) => {
  const w = world({
    random,
    options: { limits: { maxClients: 1 + below(random, 5), rateLimit: pick(random, [null, 20_000]) } },
    onPoll(p) {
      const what = random();
      if (what < 0.5) p.answer(matched(`8.8.8.${below(random, 9)}:${1 + below(random, 9)}`, `1.1.1.1:${1 + below(random, 9)}`));
      else if (what < 0.6) p.answer(ok("client=&check-back-in=3"));
      else if (what < 0.65) p.fail(networkError());
      else if (what < 0.7) p.answer(ok("rubbish"));
      else if (what < 0.75) p.answer(ok("client=10.1.1.1:1&relay=1.1.1.1:1"));
    },
    onPeer(peer) {
      const what = random();
      if (what < 0.8) peer.accept();
      else if (what < 0.9) peer.refuse();
    },
  });
  w.proxy.start();
  for (let i = 0; i < 150; i++) {
    const peer = pick(random, w.net.peers.length > 0 ? w.net.peers : [null]);
    switch (below(random, 9)) {
      case 0:
        peer?.close();
        break;
      case 1:
        peer?.cut();
        break;
      case 2:
        peer?.pause();
        break;
      case 3:
        peer?.resume();
        break;
      case 4:
        if (random() < 0.2) peer?.send("text");
        break;
      case 5:
        if (random() < 0.2) w.proxy.setLimits({ maxClients: 1 + below(random, 5), rateLimit: pick(random, [null, 20_000]) });
        break;
      case 6:
        w.proxy.retry();
        break;
      default:
        for (let n = below(random, 20); n > 0; n--) peer?.send(bytes(random, below(random, 3000)));
    }
    await w.clock.advance(below(random, 5000));
  }
  const n = w.facilitator.polls.length;
  for (const peer of w.net.peers) peer.close();
  for (const peer of w.net.peers) if (peer.state === "connecting") peer.refuse();
  await w.clock.advance(1_000_000);
  assert.ok(w.facilitator.polls.length > n, "it does not poll any more");
  await w.stop();
  await settle();
}));
