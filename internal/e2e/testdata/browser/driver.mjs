// Drives one browser, named by the first argument and started with the others, as
// told on standard input: a JSON object a line, {id, do, ...}, answered by {id,
// result} or {id, error}. It ends, and the browser with it, when its input does.
import { createInterface } from 'node:readline';
import process from 'node:process';
import puppeteer from 'puppeteer-core';

// Chromium's own traffic, to servers of its maker, is turned off: tests talk to loopback only.
const chromium = {
  browser: 'chrome',
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-domain-reliability'],
};
const firefox = {
  browser: 'firefox',
  executablePath: '/usr/bin/firefox-esr',
  extraPrefsFirefox: {
    'app.normandy.enabled': false, 'app.update.enabled': false, 'browser.safebrowsing.downloads.enabled': false,
    'browser.safebrowsing.malware.enabled': false, 'browser.safebrowsing.phishing.enabled': false,
    'extensions.getAddons.cache.enabled': false, 'extensions.update.enabled': false, 'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false, 'network.dns.disablePrefetch': true, 'network.http.speculative-parallel-limit': 0,
    'network.prefetch-next': false, 'services.settings.server': '', 'toolkit.telemetry.enabled': false,
  },
};

const [which, ...more] = process.argv.slice(2);
const chosen = which === 'firefox' ? firefox : chromium;
const browser = await puppeteer.launch({ ...chosen, args: [...(chosen.args ?? []), ...more], headless: true });
/** @type {Map<string, import('puppeteer-core').Page>} */
const pages = new Map();
/** @type {Map<string, string[]>} what each page said on its console, and its errors */
const said = new Map();

const verbs = {
  async open({ page, url, language }) {
    const p = await browser.newPage();
    pages.set(page, p);
    said.set(page, []);
    p.on('console', (m) => said.get(page).push(m.text()));
    p.on('pageerror', (e) => said.get(page).push(`error: ${e.message}`));
    if (language) await p.setExtraHTTPHeaders({ 'Accept-Language': language });
    await p.goto(url, { timeout: 60_000 });
  },
  async click({ page, selector }) { await pages.get(page).click(selector); },
  async clickInFrame({ page, selector }) {
    const frame = await (await pages.get(page).waitForSelector('iframe')).contentFrame();
    await (await frame.waitForSelector(selector, { visible: true, timeout: 60_000 })).click();
  },
  async eval({ page, script }) { return pages.get(page).evaluate(script); },
  async said({ page }) { return said.get(page); },
  async front({ page }) { await pages.get(page).bringToFront(); },
  async close({ page }) { await pages.get(page).close({ runBeforeUnload: false }); pages.delete(page); },
  async screenshot({ page, file }) { await pages.get(page).screenshot({ path: file, fullPage: true }); },
  async version() { return browser.version(); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  verbs[order.do](order).then(
    (result) => console.log(JSON.stringify({ id: order.id, result: result ?? null })),
    (error) => console.log(JSON.stringify({ id: order.id, error: String(error?.stack ?? error) })),
  );
}
await browser.close();
