/*
 * browser.js - headless Chromium (the system's own, nothing is downloaded) and a server for its
 * pages. CHROMIUM names another program.
 */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const TYPES = { '.js': 'text/javascript', '.html': 'text/html' };
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function findChromium() {
	return [process.env.CHROMIUM, ...PLACES].find((place) => place && fs.existsSync(place));
}

function serve(request, response) {
	const { pathname } = new URL(request.url, 'http://host');
	const file = path.join(ROOT, pathname.endsWith('/') ? `${pathname}index.html` : pathname);
	const isOurs = /^\/(src|test\/page)\//.test(pathname) && !pathname.includes('..');
	if (!isOurs || !fs.existsSync(file)) {
		response.writeHead(404).end();
		return;
	}
	response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'text/plain', 'cache-control': 'no-store' });
	fs.createReadStream(file).pipe(response);
}

export class Browser {
	static async start() {
		const browser = new Browser();
		browser.http = http.createServer(serve);
		await new Promise((resolve) => browser.http.listen(0, '127.0.0.1', resolve));
		browser.origin = `http://127.0.0.1:${browser.http.address().port}`;
		browser.chromium = await chromium.launch({ executablePath: findChromium(), headless: true, args: ['--disable-gpu'] });
		browser.context = await browser.chromium.newContext();
		browser.errors = [];
		return browser;
	}

	/** A page with test/page/client.js in it. */
	async page() {
		const page = await this.context.newPage();
		page.on('pageerror', (error) => this.errors.push(error.message));
		await page.goto(`${this.origin}/test/page/`);
		await page.waitForFunction(() => globalThis.page);
		return page;
	}

	async stop() {
		await this.chromium.close();
		this.http.closeAllConnections?.();
		await new Promise((resolve) => this.http.close(resolve));
	}
}

export async function reload(page) {
	await page.reload();
	await page.waitForFunction(() => globalThis.page);
}
