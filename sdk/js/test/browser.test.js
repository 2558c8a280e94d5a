/* In headless Chromium: the outbox survives reloads, two tabs send nothing twice, and the short form
 * of browser_kill.js. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { Browser, findChromium, reload } from './browser.js';
import { browserKillTest } from './browser_kill.js';
import { closeAll, person, roomOf, Server, signIn, sleep, texts, token, until } from './server.js';

const skip = findChromium() ? false : 'there is no Chromium here: apt-get install chromium';

describe('in Chromium', { skip }, () => {
	let server;
	let browser;
	before(async () => {
		server = await Server.start();
		browser = await Browser.start();
	});
	afterEach(closeAll);
	after(async () => {
		await browser?.stop();
		await server?.stop();
		assert.deepEqual(browser?.errors, []);
	});

	const open = async (page, who, room, url = server.url()) => {
		await page.evaluate((how) => { globalThis.page.opened = globalThis.page.open(how); }, { url, token: token(who), room });
	};
	const signedIn = (page) => page.evaluate(() => globalThis.page.opened);
	const send = (page, room, text) => page.evaluate(async ([to, content]) => {
		globalThis.page.last = globalThis.page.chat.sendMessage(to, content);
		await globalThis.page.chat.stored();
	}, [room, text]);
	const count = (page) => page.evaluate(() => globalThis.page.waiting());
	const NOWHERE = 'ws://127.0.0.1:9/ws';

	async function scene() {
		const [ann, ben] = [person('ann'), await signIn(server, 'ben')];
		const other = await signIn(server, ann);
		const room = await roomOf(other, ben);
		return { ann, ben, room };
	}

	test('it connects with the WebSocket of the page, and sends', async () => {
		const { ann, ben, room } = await scene();
		const page = await browser.page();
		await open(page, ann, room);
		assert.equal((await signedIn(page)).success, true);
		await send(page, room, 'from a page');
		await until('heard', () => texts(ben).length === 1);
		await until('shown', async () => (await page.evaluate(() => globalThis.page.texts())).length === 1);
		assert.equal(await count(page), 0);
		await page.close();
	});

	test('what was not sent survives a reload, in order, and goes before what is new', async () => {
		const own = await Server.start();
		try {
			const ann = person('ann');
			const ben = await signIn(own, 'ben');
			const room = await roomOf(await signIn(own, ann), ben);
			const page = await browser.page();
			await open(page, ann, null, own.url());
			await signedIn(page);
			await own.kill();
			for (const text of ['m0', 'm1', 'm2'])
				await send(page, room, text);
			assert.equal(await count(page), 3);
			await reload(page);
			await open(page, ann, null, own.url());
			await send(page, room, 'm3');
			await own.launch();
			await until('all', () => texts(ben).length === 4);
			assert.deepEqual(texts(ben), ['m0', 'm1', 'm2', 'm3']);
			await until('nothing waits', async () => (await count(page)) === 0);
			await page.close();
		} finally {
			await closeAll();
			await own.stop();
		}
	});

	test('with nobody there to answer: three messages, two reloads, sent once', async () => {
		const own = await Server.start();
		try {
			const ann = person('ann');
			const ben = await signIn(own, 'ben');
			const room = await roomOf(await signIn(own, ann), ben);
			const url = own.url();
			await own.kill();
			const page = await browser.page();
			for (const text of ['m0', 'm1', 'm2']) {
				await open(page, ann, null, url);
				await send(page, room, text);
				await reload(page);
			}
			await open(page, ann, null, url);
			await until('read again', async () => (await count(page)) === 3);
			await own.launch();
			await until('all', () => texts(ben).length === 3);
			assert.deepEqual(texts(ben), ['m0', 'm1', 'm2']);
			await reload(page);
			await open(page, ann, room, url);
			await signedIn(page);
			await sleep(300);
			assert.equal(await count(page), 0);
			assert.equal(texts(ben).length, 3);
			await page.close();
		} finally {
			await closeAll();
			await own.stop();
		}
	});

	test('two tabs: each sends its own; what a closed one left is taken over by one', async () => {
		const own = await Server.start();
		try {
			const ann = person('ann');
			const ben = await signIn(own, 'ben');
			const room = await roomOf(await signIn(own, ann), ben);
			const url = own.url();
			await own.kill();
			const [first, second, third] = [await browser.page(), await browser.page(), await browser.page()];
			for (const [i, page] of [first, second, third].entries()) {
				await open(page, ann, null, url);
				await send(page, room, `tab ${i}`);
			}
			assert.deepEqual([await count(first), await count(second), await count(third)], [1, 1, 1]);
			await first.close();
			await reload(second);
			await open(second, ann, null, url);
			await until('taken over', async () => (await count(second)) === 2);
			assert.equal(await count(third), 1, 'who is alive keeps its own');
			await own.launch();
			await until('all', () => texts(ben).length === 3);
			await until('nothing waits', async () => (await count(second)) + (await count(third)) === 0);
			assert.deepEqual([...texts(ben)].sort(), ['tab 0', 'tab 1', 'tab 2']);
			await second.close();
			await third.close();
		} finally {
			await closeAll();
			await own.stop();
		}
	});

	const BROKEN = {
		'without IndexedDB and Web Locks': () => {
			Object.defineProperty(globalThis, 'indexedDB', { value: { open: () => { throw new Error('private'); } } });
			Object.defineProperty(navigator, 'locks', { value: undefined });
		},
		'where storage may not even be looked at': () => {
			const get = () => { throw new DOMException('denied', 'SecurityError'); };
			Object.defineProperty(globalThis, 'indexedDB', { get });
			Object.defineProperty(globalThis, 'localStorage', { get });
		},
		'with a database that never opens': () => {
			Object.defineProperty(globalThis, 'indexedDB', { value: { open: () => ({}) } });
		},
		'when the quota is used up': () => {
			IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };
		},
	};
	for (const [name, breakIt] of Object.entries(BROKEN))
		test(`${name}: it works in memory, and says so`, async () => {
			const { ann, ben, room } = await scene();
			const page = await browser.context.newPage();
			await page.addInitScript(breakIt);
			await page.goto(`${browser.origin}/test/page/`);
			await page.waitForFunction(() => globalThis.page);
			await open(page, ann, null, NOWHERE);
			await page.evaluate((to) => { globalThis.page.chat.sendMessage(to, 'm0'); }, room);
			assert.equal(await page.evaluate(() => globalThis.page.chat.stored()), false);
			await page.evaluate(() => globalThis.page.chat.destroy());
			await open(page, ann, null);
			await page.evaluate((to) => { globalThis.page.chat.sendMessage(to, 'm1'); }, room);
			await until('heard', () => texts(ben).length === 1);
			await page.close();
		});

	test('a database that is taken away is made anew', async () => {
		const { ann } = await scene();
		const page = await browser.page();
		await open(page, ann, null, NOWHERE);
		await send(page, 'r', 'm0');
		await page.evaluate(() => new Promise((resolve, reject) => {
			const request = indexedDB.deleteDatabase('parley-client');
			request.onsuccess = resolve;
			request.onerror = reject;
		}));
		await send(page, 'r', 'm1');
		await reload(page);
		await open(page, ann, null, NOWHERE);
		await until('the second is there', async () => (await count(page)) === 1);
		await page.close();
	});

	test('somebody else in the same browser does not send what waits for the first', async () => {
		const { ann, ben, room } = await scene();
		const eve = person('eve');
		const page = await browser.page();
		await open(page, ann, null, NOWHERE);
		await send(page, room, 'by ann');
		await reload(page);
		await open(page, eve, null);
		assert.equal((await signedIn(page)).success, true);
		assert.equal(await count(page), 0);
		await sleep(200);
		assert.equal(texts(ben).length, 0);
		await page.close();
	});

	test("localStorage['websocket-debug'] turns on debug lines, without tokens", async () => {
		const { ann } = await scene();
		const page = await browser.page();
		const lines = [];
		page.on('console', (message) => lines.push(message.text()));
		await open(page, ann, null);
		await signedIn(page);
		assert.deepEqual(lines, []);
		await page.evaluate(() => { localStorage.setItem('websocket-debug', 'true'); });
		await reload(page);
		const secret = token(ann);
		await page.evaluate((how) => globalThis.page.open(how), { url: server.url(), token: secret });
		assert.ok(lines.some((line) => line.includes('auth_success')), lines.join('\n'));
		assert.ok(!lines.some((line) => line.includes(secret)));
		await page.evaluate(() => localStorage.removeItem('websocket-debug'));
		await page.close();
	});

	test('six kills, 120 sends, 4 pages, each reloaded', async () => {
		const { faults, ...figures } = await browserKillTest({ kills: 6, sends: 120, clients: 4, seed: crypto.randomInt(2 ** 31) });
		assert.deepEqual(faults, [], JSON.stringify(figures));
		assert.equal(figures.reloads, 4);
	});
});
