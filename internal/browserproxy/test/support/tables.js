// The tables that the Go twin reads too (twins_test.go).

import { readFileSync } from "node:fs";

/**
 * @param {string} name
 * @returns {any}
 */
export function table(name) {
  return JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
}
