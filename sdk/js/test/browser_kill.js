/*
 * browser_kill.js - what kill.js proves, for pages in Chromium, each of which is reloaded in the
 * middle of what it sends:
 *
 *   node test/browser_kill.js [--kills 50] [--sends 2000] [--clients 10] [--reloads 1] [--seed N]
 */
import crypto from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Browser, reload } from './browser.js';
import { judge, random, settled } from './kill.js';
import { closeAll, person, Server, signIn, sleep, token } from './server.js';

const EARLIEST_MS = 20;
const LATEST_MS = 400;

/** One page and who sits there. */
class Seat {
	constructor(browser, server, { name, run, room, each, who }) {
		Object.assign(this, { browser, server, name, run, room, each, who });
		this.cut = 0;
	}

	async open() {
		this.page ??= await this.browser.page();
		const { room } = this;
		await this.page.evaluate((how) => { globalThis.page.open(how); }, { url: this.server.url(), token: token(this.who), room });
		await this.page.evaluate((how) => { globalThis.page.talk(how); }, { run: this.run, name: this.name, room, each: this.each });
	}

	allow(target) {
		return this.page.evaluate((n) => { globalThis.page.target = n; }, target);
	}

	/** In the middle of things: what waits in the page's memory is gone with it. */
	async reload() {
		this.cut += await this.page.evaluate(() => globalThis.page.waiting());
		await reload(this.page);
		await this.open();
	}

	/** How many wait, and the last number that is shown. */
	look() {
		return this.page.evaluate(() => [globalThis.page.waiting(), globalThis.page.chat.getState().messages.at(-1)?.seq ?? 0]);
	}

	async faults() {
		const { page } = this;
		const rows = await page.evaluate((room) => globalThis.page.readAll(room), this.room);
		const seen = await page.evaluate(() => [...globalThis.page.faults, ...globalThis.page.refused]);
		return [...seen, ...judge(rows, this.names, this.each)].map((fault) => `${this.name}: ${fault}`);
	}
}

async function makeRoom(server, people) {
	const chats = [];
	for (const who of people)
		chats.push(await signIn(server, who));
	const ids = chats.slice(1).map((chat) => chat.getState().user.id);
	const made = await chats[0].request('create_conversation', { participantIds: ids, isGroup: true, name: 'kill' });
	await closeAll();
	return made.payload.conversation.id;
}

export async function browserKillTest({ kills, sends, clients = 10, reloads = 1, seed, log = () => {} }) {
	const next = random(seed);
	const server = await Server.start();
	const browser = await Browser.start();
	try {
		const names = Array.from({ length: clients }, (_, i) => `c${i}`);
		const people = names.map((name) => person(name));
		const room = await makeRoom(server, people);
		const each = Math.floor(sends / clients);
		const run = crypto.randomUUID();
		const seats = names.map((name, i) => new Seat(browser, server, { name, run, room, each, who: people[i] }));
		for (const seat of seats) {
			seat.names = names;
			await seat.open();
		}
		const since = Date.now();
		const reloading = new Map();
		for (let r = 1; r <= reloads; r++)
			seats.forEach((seat, i) => {
				const at = Math.floor((kills * r) / (reloads + 1)) + (i % 3);
				reloading.set(at, [...(reloading.get(at) ?? []), seat]);
			});
		for (let killed = 0; killed <= kills; killed++) {
			const target = Math.ceil(((killed + 1) / (kills + 1)) * each);
			await Promise.all(seats.map((seat) => seat.allow(target)));
			await sleep(EARLIEST_MS + next() * (LATEST_MS - EARLIEST_MS));
			if (killed === kills)
				break;
			await server.kill();
			/* While the server is away: what the page has sent lately is nowhere but in its storage. */
			const going = reloading.get(killed) ?? [];
			await Promise.all(going.map(async (seat) => {
				await seat.allow(target + 2);
				await sleep(50);
				await seat.reload();
				await seat.allow(target + 2);
			}));
			await server.launch();
			if ((killed + 1) % 10 === 0)
				log(`${killed + 1} kills`);
		}
		const faults = [...browser.errors];
		await settled(async () => {
			const looks = await Promise.all(seats.map((seat) => seat.look()));
			return [looks.every(([waiting, last]) => waiting === 0 && last >= each * clients), looks.join()];
		});
		for (const seat of seats)
			faults.push(...(await seat.faults()));
		const cut = seats.reduce((n, seat) => n + seat.cut, 0);
		return { kills, sends: each * clients, clients, reloads: reloads * clients, waitingAtReload: cut, seed, seconds: Math.round((Date.now() - since) / 1000), faults };
	} finally {
		await browser.stop();
		await server.stop();
	}
}

async function main() {
	const { values } = parseArgs({
		options: {
			kills: { type: 'string', default: '50' },
			sends: { type: 'string', default: '2000' },
			clients: { type: 'string', default: '10' },
			reloads: { type: 'string', default: '1' },
			seed: { type: 'string', default: String(crypto.randomInt(2 ** 31)) },
		},
	});
	const numbers = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]));
	const { faults, ...figures } = await browserKillTest({ ...numbers, log: console.log });
	console.log(figures);
	console.log(faults.slice(0, 20).join('\n') || 'every message once and in order in every page');
	process.exitCode = faults.length ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
	main();
