/*
 * kill.js - proof that every message arrives exactly once and in order at every client, while the
 * server is killed (-9) again and again: clients in one room send without pause, and each must in
 * the end show the same run of all messages, each sender's in the sender's order.
 *
 *   node test/kill.js [--kills 50] [--sends 2000] [--clients 10] [--seed N]
 *
 * PARLEY_BIN is the program. Exit code 1 on any fault.
 */
import crypto from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { closeAll, person, Server, signIn, sleep, texts } from './server.js';

const EARLIEST_MS = 20;
const LATEST_MS = 400;

/** Small, and repeatable by its seed. */
export function random(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

/** Complaints about what one client shows. @param {any[]} rows @param {string[]} names @param {number} each */
export function judge(rows, names, each) {
	const faults = [];
	rows.forEach((row, i) => {
		if (row.seq !== i + 1)
			faults.push(`seq ${row.seq} at place ${i + 1}`);
	});
	if (new Set(rows.map((row) => row.id)).size !== rows.length)
		faults.push('an id twice');
	if (rows.length !== names.length * each)
		faults.push(`${rows.length} messages, not ${names.length * each}`);
	for (const name of names) {
		const own = rows.map((row) => row.encrypted_content).filter((text) => text.startsWith(`${name} `));
		const at = own.findIndex((text, i) => text !== `${name} ${i}`);
		if (at >= 0 || own.length !== each)
			faults.push(`${name}: ${own.length} of ${each}, at ${at}: ${own[at]}`);
	}
	return faults;
}

/**
 * Waits until `isDone`, but not for what will never come: a loss shows as a state in which nothing
 * moves any more. @param {() => Promise<[isDone: boolean, state: string]>} look
 */
export async function settled(look, stillMs = 15000) {
	let [last, since] = ['', Date.now()];
	for (;;) {
		const [isDone, state] = await look();
		if (isDone)
			return;
		if (state !== last)
			[last, since] = [state, Date.now()];
		if (Date.now() - since > stillMs)
			return;
		await sleep(100);
	}
}

/** How a client watches its own store: no state of it may have a hole or step back. */
export function watch(chat, faults, name) {
	let last = 0;
	chat.messages.subscribe((messages) => {
		const rows = messages.slice(last);
		if (messages.length < last || rows.some((row, i) => row.seq !== last + i + 1))
			faults.push(`${name}: a state with a hole after ${last}`);
		last = messages.length;
	});
}

/**
 * @param {{kills: number, sends: number, clients?: number, seed: number, log?: (line: string) => void}} options
 */
export async function killTest({ kills, sends, clients = 10, seed, log = () => {} }) {
	const next = random(seed);
	const server = await Server.start();
	const each = Math.floor(sends / clients);
	const names = Array.from({ length: clients }, (_, i) => `c${i}`);
	const chats = [];
	for (const name of names)
		chats.push(await signIn(server, person(name)));
	const made = await chats[0].request('create_conversation',
		{ participantIds: chats.slice(1).map((chat) => chat.getState().user.id), isGroup: true, name: 'kill' });
	const room = made.payload.conversation.id;
	const faults = [];
	for (const [i, chat] of chats.entries()) {
		await chat.joinConversation(room);
		await chat.loadMessages(room);
		watch(chat, faults, names[i]);
	}
	const since = Date.now();
	const stored = () => texts(chats[0]).length;
	/* Spread over the kills: talking never ends before the last of them. */
	let killed = 0;
	const share = () => Math.ceil(((killed + 1) / (kills + 1)) * each);
	const talks = Promise.all(chats.map(async (chat, i) => {
		const results = [];
		for (let sent = 0; sent < each;) {
			const until = share();
			const part = [];
			for (; sent < until; sent++) {
				part.push(chat.sendMessage(room, `${names[i]} ${sent}`));
				await sleep(next() * 10);
			}
			results.push(...part);
			await sleep(10);
		}
		return Promise.all(results);
	}));
	for (; killed < kills;) {
		await sleep(EARLIEST_MS + next() * (LATEST_MS - EARLIEST_MS));
		await server.kill();
		killed++;
		await server.launch();
		if (killed % 10 === 0)
			log(`${killed} kills, ${stored()} messages`);
	}
	const results = (await talks).flat();
	const refused = results.filter((r) => !r.success);
	if (refused.length)
		faults.push(`${refused.length} refused: ${JSON.stringify(refused[0])}`);
	await settled(async () => {
		const counts = chats.map((chat) => texts(chat).length);
		return [counts.every((n) => n >= each * clients), counts.join()];
	});
	for (const [i, chat] of chats.entries()) {
		faults.push(...judge(chat.getState().messages, names, each).map((fault) => `${names[i]}: ${fault}`));
		if (chat.getState().pending.length)
			faults.push(`${names[i]}: something still waits`);
	}
	const figures = { kills, sends: each * clients, clients, seed, seconds: Math.round((Date.now() - since) / 1000) };
	await closeAll();
	await server.stop();
	return { ...figures, faults };
}

async function main() {
	const { values } = parseArgs({
		options: {
			kills: { type: 'string', default: '50' },
			sends: { type: 'string', default: '2000' },
			clients: { type: 'string', default: '10' },
			seed: { type: 'string', default: String(crypto.randomInt(2 ** 31)) },
		},
	});
	const numbers = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]));
	const { faults, ...figures } = await killTest({ ...numbers, log: console.log });
	console.log(figures);
	console.log(faults.slice(0, 20).join('\n') || 'every message once and in order at every client');
	process.exitCode = faults.length ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
	main();
