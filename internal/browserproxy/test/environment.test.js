import assert from "node:assert/strict";
import { test } from "node:test";
import { consented, obstacle } from "../web/environment.js";

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
const androidTablet = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
const mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15";

/**
 * @param {any} [navigator]
 * @param {any} [changes]
 */
function here(navigator, changes) {
  return {
    WebSocket: class {},
    RTCPeerConnection: class {},
    location: { protocol: "http:" },
    navigator: { userAgent: chrome, ...navigator },
    timeZone: () => "Europe/Berlin",
    ...changes,
  };
}

test("where a proxy may run and where not", () => {
  const noRTC = { RTCPeerConnection: undefined };
  /** @type {[any, any, string | null][]} */
  const cases = [
    [{}, {}, null],
    [{ userAgent: firefox }, {}, null],
    [{ userAgent: mac, maxTouchPoints: 0 }, {}, null],
    [{}, { WebSocket: undefined }, "no-websocket"],
    [{ userAgent: firefox }, { ...noRTC, timeZone: () => "UTC" }, "tor-browser"],
    [{ userAgent: firefox }, { ...noRTC, timeZone: () => "Atlantic/Reykjavik" }, "tor-browser"],
    [{ userAgent: firefox }, noRTC, null],
    [{ userAgent: firefox }, { timeZone: () => "UTC" }, null],
    [{}, { ...noRTC, timeZone: () => "UTC" }, null],
    [{ userAgent: android }, {}, "mobile"],
    [{ userAgent: android, userAgentData: { mobile: true } }, {}, "mobile"],
    [{ userAgent: androidTablet, userAgentData: { mobile: false } }, {}, "mobile"],
    [{ userAgentData: { mobile: false } }, {}, null],
    [{ userAgent: iphone }, {}, "mobile"],
    [{ userAgent: mac, maxTouchPoints: 5 }, {}, "mobile"],
    [{ userAgent: firefox.replace("X11; Linux x86_64", "Android 15; Mobile") }, {}, "mobile"],
    [{ userAgent: firefox.replace("X11; Linux x86_64", "Android 15; Tablet") }, {}, "mobile"],
    [{ connection: { saveData: true } }, {}, "metered"],
    [{ connection: { type: "cellular" } }, {}, "metered"],
    [{ connection: { saveData: false, type: "wifi" } }, {}, null],
  ];
  for (const [navigator, changes, want] of cases) {
    assert.equal(obstacle(here(navigator, changes), "http://f.example/"), want, JSON.stringify(navigator));
  }
});

test("an https page needs a facilitator that it may fetch", () => {
  const https = here({}, { location: { protocol: "https:" } });
  for (const url of ["https://f.example/", "http://127.0.0.1:9002/", "http://localhost/", "http://a.localhost/", "http://[::1]:1/"]) {
    assert.equal(obstacle(https, url), null, url);
  }
  for (const url of ["http://f.example/", "http://127.0.0.1.example/", "http://notlocalhost/"]) {
    assert.equal(obstacle(https, url), "mixed", url);
    assert.equal(obstacle(here(), url), null, url);
  }
});

test("consent", () => {
  for (const consent of /** @type {const} */ (["ask", "optout"])) {
    for (const cookie of [undefined, true, false]) {
      assert.equal(consented(consent, cookie, "on"), true);
      assert.equal(consented(consent, cookie, "off"), false);
    }
  }
  assert.equal(consented("ask", undefined, null), false);
  assert.equal(consented("optout", undefined, null), true);
  assert.equal(consented("ask", false, null), true);
  assert.equal(consented("optout", true, null), false);
});
