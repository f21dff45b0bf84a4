// What the pages say, in the visitor's language. The words are in lang/, one file a
// language, of which only one is loaded. Numbers, sizes, times and plural forms
// are left to Intl.

/** @typedef {keyof typeof import("./lang/en.js").default} Key */

/**
 * A text, or one for each plural form that the language has (Unicode CLDR, "Plural Rules"), of which
 * the value n decides. {name} in it stands for a value.
 *
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}} Message
 */

/** @typedef {Record<Key, Message>} Messages */

/** The languages that there are, each by its own name, in the order to show. */
export const languages = /** @type {const} */ ({
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  pt: "Português",
  ru: "Русский",
  ar: "العربية",
  fa: "فارسی",
  zh: "简体中文",
});

/** @typedef {keyof typeof languages} Language */

/** @type {ReadonlySet<string>} */
const rightToLeft = new Set(["ar", "fa"]);

/**
 * The first of wanted that there is; English if there is none. Regions do not
 * count: "pt-BR" is "pt".
 *
 * @param {readonly (string | null | undefined)[]} wanted language tags (BCP 47), best first
 * @returns {Language}
 */
export function choose(wanted) {
  for (const tag of wanted) {
    const code = tag?.toLowerCase().split("-")[0] ?? "";
    if (Object.hasOwn(languages, code)) return /** @type {Language} */ (code);
  }
  return "en";
}

/**
 * Loads the words of a language.
 *
 * @param {Language} language
 * @returns {Promise<Texts>}
 */
export async function load(language) {
  const { default: messages } = await import(`./lang/${language}.js`);
  return createTexts(language, messages);
}

/** @typedef {ReturnType<typeof createTexts>} Texts */

const sizes = ["kilobyte", "megabyte", "gigabyte", "terabyte"];

/**
 * @param {Language} language
 * @param {Messages} messages
 */
export function createTexts(language, messages) {
  const plurals = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  const times = new Intl.DateTimeFormat(language, { timeStyle: "medium" });

  /** @param {number} n */
  const number = (n) => numbers.format(n);

  /**
   * @param {number} n
   * @param {string} suffix of the unit (Unicode CLDR, "Unit Identifiers")
   */
  function size(n, suffix) {
    let i = 0;
    for (n /= 1000; i < sizes.length - 1 && n >= 999.5; i++) n /= 1000;
    return new Intl.NumberFormat(language, {
      style: "unit",
      unit: sizes[i] + suffix,
      maximumFractionDigits: n < 99.95 ? 1 : 0,
    }).format(n);
  }

  return {
    language,
    direction: rightToLeft.has(language) ? "rtl" : "ltr",
    number,
    /** @param {number} n */
    bytes: (n) => size(n, ""),
    /** @param {number} n bytes a second */
    rate: (n) => size(n, "-per-second"),
    /** @param {number} t milliseconds since 1970 */
    time: (t) => times.format(t),
    /**
     * @param {Key} key
     * @param {Record<string, string | number>} [values]
     * @returns {string}
     */
    t(key, values = {}) {
      const message = messages[key];
      const form = typeof message === "string" ? message : message[plurals.select(Number(values.n))] ?? message.other;
      return form.replace(/\{(\w+)\}/g, (whole, name) => {
        const value = values[name];
        if (value === undefined) return whole;
        // A value of foreign letters must not turn what is around it (Unicode UAX 9, "isolates").
        return typeof value === "number" ? number(value) : `\u2068${value}\u2069`;
      });
    },
  };
}
