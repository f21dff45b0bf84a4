import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { choose, createTexts, languages, load } from "../web/i18n.js";
import en from "../web/lang/en.js";

/** @typedef {import("../web/i18n.js").Language} Language */
/** @typedef {import("../web/i18n.js").Messages} Messages */

const codes = /** @type {Language[]} */ (Object.keys(languages));

/** @param {Language} code @returns {Promise<Messages>} */
async function messages(code) {
  return (await import(`../web/lang/${code}.js`)).default;
}

/** @param {import("../web/i18n.js").Message} m */
const forms = (m) => (typeof m === "string" ? [m] : Object.values(m));

/** @param {string} s */
const holes = (s) => [...s.matchAll(/\{\w+\}/g)].map(String).sort();

test("each language says the same", async () => {
  for (const code of codes) {
    const own = await messages(code);
    assert.deepEqual(Object.keys(own), Object.keys(en), code);
    for (const [key, message] of Object.entries(own)) {
      const english = /** @type {Messages} */ (en)[/** @type {keyof Messages} */ (key)];
      assert.equal(typeof message, typeof english, `${code} ${key}`);
      const [wanted = ""] = forms(english);
      for (const form of forms(message)) {
        assert.ok(form.trim() === form && form.length > 0, `${code} ${key}`);
        // "one person" may do without the number.
        const may = typeof message === "string" ? [holes(wanted)] : [holes(wanted), []];
        assert.ok(may.some((m) => m.join() === holes(form).join()), `${code} ${key}: ${form}`);
        assert.ok(!/[<>]|https?:\/\//.test(form), `${code} ${key}: ${form}`);
      }
    }
  }
});

test("each language has all of its plural forms", async () => {
  for (const code of codes) {
    const rules = new Intl.PluralRules(code);
    const needed = new Set(Array.from({ length: 201 }, (_, n) => rules.select(n)));
    for (const [key, message] of Object.entries(await messages(code))) {
      if (typeof message === "string") continue;
      for (const form of needed) assert.ok(message[form], `${code} ${key}: ${form}`);
    }
  }
});

test("no language was forgotten in translation", async () => {
  const mayBeSame = /^(name|badgeActive|limits|data|settings|language|on|off)$/;
  for (const code of codes.filter((c) => c !== "en")) {
    for (const [key, message] of Object.entries(await messages(code))) {
      const english = /** @type {Messages} */ (en)[/** @type {keyof Messages} */ (key)];
      if (!mayBeSame.test(key)) assert.notDeepEqual(message, english, `${code} ${key}`);
    }
  }
});

test("every text of a page has words, and all words are used", () => {
  const files = ["index.html", "embed.html", "options.html", "badge.js", "choice.js", "choices.js", "page.js", "view.js"];
  const text = files.map((f) => readFileSync(new URL(`../web/${f}`, import.meta.url), "utf8")).join("\n");
  for (const [, key = ""] of text.matchAll(/data-t="(\w+)"/g)) assert.ok(Object.hasOwn(en, key), key);
  for (const key of Object.keys(en)) assert.ok(text.includes(`"${key}"`), `${key} is not used`);
});

test("choosing a language", () => {
  for (const [wanted, got] of /** @type {[(string | null | undefined)[], string][]} */ ([
    [[], "en"],
    [[null, undefined, ""], "en"],
    [["de"], "de"],
    [["pt-BR"], "pt"],
    [["ZH-Hant-TW"], "zh"],
    [["it", "fr-CA", "de"], "fr"],
    [["toString", "__proto__", "constructor"], "en"],
    [["english"], "en"],
    [[null, "fa"], "fa"],
  ])) assert.equal(choose(wanted), got, String(wanted));
});

test("texts with values", async () => {
  const english = await load("en");
  assert.equal(english.t("stateActive", { n: 1 }), "Helping 1 person right now");
  assert.equal(english.t("stateActive", { n: 1234 }), "Helping 1,234 people right now");
  assert.equal(english.t("problemTwice", { name: "{n}" }), "\u2068{n}\u2069 is there more than once");
  assert.equal(english.t("problemTwice"), "{name} is there more than once");
  const russian = await load("ru");
  assert.match(russian.t("stateActive", { n: 21 }), /21 человеку/);
  assert.match(russian.t("stateActive", { n: 22 }), /22 людям/);
  const arabic = await load("ar");
  assert.equal(arabic.direction, "rtl");
  assert.equal(arabic.t("stateActive", { n: 2 }), "يساعد شخصين الآن");
  assert.equal((await load("fa")).direction, "rtl");
  assert.equal((await load("zh")).direction, "ltr");
});

test("sizes", async () => {
  const { bytes, rate, number } = await load("en");
  for (const [n, text] of /** @type {[number, string][]} */ ([
    [0, "0 kB"],
    [49, "0 kB"],
    [1_234, "1.2 kB"],
    [99_900, "99.9 kB"],
    [99_960, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1 MB"],
    [123_456_789, "123 MB"],
    [5e9, "5 GB"],
    [7.25e12, "7.3 TB"],
    [1e16, "10,000 TB"],
  ])) assert.equal(bytes(n), text);
  assert.equal(rate(2_500_000), "2.5 MB/s");
  assert.equal(number(12345), "12,345");
  for (const code of codes) assert.match((await load(code)).rate(5e5), /5|٥|۵/);
});

test("a language without the form that is asked for", () => {
  const texts = createTexts("ru", /** @type {any} */ ({ ...en, stateActive: { other: "{n}!" } }));
  assert.equal(texts.t("stateActive", { n: 3 }), "3!");
});
