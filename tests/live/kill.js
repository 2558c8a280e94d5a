'use strict';
/*
 * Proof that an acknowledged message survives kill -9: four clients send without pause, the server
 * is killed at random instants and started again on the same data, and in the end every
 * acknowledged message is there exactly once, under the sequence number of its acknowledgement.
 *
 *   node kill.js [--kills 100] [--dialect native|realtime] [--bin PATH] [--expect-loss] [--seed N]
 *
 * Exit code 1 on any loss. With --expect-loss (the control, against a build that acknowledges
 * before it commits) the exit code is 1 when nothing was lost: then the proof would be blind.
 */
const crypto = require('node:crypto');
const { parseArgs } = require('node:util');
const { Server, sleep } = require('./harness.js');
const { Client, people } = require('./client.js');
const { NativeSender, nativeListener, ROOM } = require('./kill_native.js');
const { realtimeListener, realtimeVoice } = require('./kill_realtime.js');
const { person } = require('./tokens.js');

const NAMES = ['ann', 'ben', 'cat', 'dan'];
const WINDOW = 8;
const EARLIEST_MS = 5;
const LATEST_MS = 400;

/* A small generator of our own, so that a run can be repeated by its seed. */
function random(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

/* How a client comes in, says something and goes: what it was answered once that was kept. */
const qryptVoice = {
	async open(server, who, conversationId) {
		const client = await Client.signIn(server, who);
		await client.ok('join_conversation', { conversationId }, 'conversation_joined');
		return client;
	},
	async say(client, conversationId, message) {
		const reply = await client.request('send_message', { conversationId, ...message });
		if (reply.type !== 'message_sent')
			throw new Error(`refused: ${JSON.stringify(reply)}`);
		const { id, seq, encrypted_content: content } = reply.payload.message;
		return { id, seq, content };
	},
	drop: (client) => client.drop(),
};

/* One person who sends numbered messages and remembers which were acknowledged. */
class Sender {
	constructor(who, conversationId, faults, voice) {
		Object.assign(this, { who, conversationId, faults, voice });
		this.sent = 0;
		this.open = new Map();
		this.acked = new Map();
		this.retried = 0;
	}

	/* Sends until the connection is gone: first again what was not acknowledged, then new. */
	async run(server) {
		this.going = true;
		const client = await this.voice.open(server, this.who, this.conversationId);
		const again = [...this.open.values()];
		this.retried += again.length;
		const next = () => again.shift() ?? (this.going ? this.fresh() : null);
		const lane = async () => {
			for (let message = next(); message; message = next())
				await this.deliver(client, message);
		};
		const lanes = Array.from({ length: WINDOW }, lane);
		const results = await Promise.allSettled(lanes);
		this.voice.drop(client);
		const refused = results.find((r) => r.status === 'rejected' && !/closed/.test(r.reason.message));
		if (refused)
			throw refused.reason;
	}

	fresh() {
		const message = {
			clientMessageId: crypto.randomUUID(),
			content: `${this.who.username} ${this.sent++} ${crypto.randomBytes(16).toString('hex')}`,
		};
		this.open.set(message.clientMessageId, message);
		return message;
	}

	async deliver(client, message) {
		const { id, seq, content } = await this.voice.say(client, this.conversationId, message);
		if (content !== message.content)
			this.faults.push(`acknowledged with other content: ${content}`);
		this.open.delete(message.clientMessageId);
		this.acked.set(id, { content, seq });
	}
}

async function everything(client, conversationId) {
	let page = (await client.ok('load_messages', { conversationId }, 'messages_loaded')).payload;
	const pages = [page.messages];
	let count = page.messages.length;
	while (page.messages.length && page.hasMore !== false) {
		const beforeMessageId = page.messages[0].id;
		page = (await client.ok('load_more_messages', { conversationId, beforeMessageId, limit: 200 }, 'messages_loaded')).payload;
		pages.unshift(page.messages);
		count += page.messages.length;
		if (count > 5e6)
			throw new Error('history does not end');
	}
	return pages.flat();
}

/* Compares what was acknowledged with what is there. Returns the complaints. */
function judge(senders, stored) {
	const faults = [];
	const byId = new Map(stored.map((m) => [m.id, m]));
	const contents = new Set(stored.map((m) => m.encrypted_content));
	if (byId.size !== stored.length)
		faults.push(`${stored.length - byId.size} ids more than once`);
	if (contents.size !== stored.length)
		faults.push(`${stored.length - contents.size} messages doubled`);
	stored.forEach((m, i) => {
		if (m.seq !== stored[0].seq + i)
			faults.push(`gap: ${m.seq} at place ${i}, the first is ${stored[0].seq}`);
	});
	let lost = 0;
	for (const sender of senders) {
		for (const [id, { content, seq }] of sender.acked) {
			const found = byId.get(id);
			if (!found)
				lost++;
			else if (found.encrypted_content !== content || (seq && found.seq !== seq))
				faults.push(`changed: ${id} was ${seq}, is ${found.seq}`);
		}
		if (sender.open.size)
			faults.push(`${sender.open.size} never acknowledged`);
	}
	if (lost)
		faults.unshift(`${lost} acknowledged messages lost`);
	return { lost, faults };
}

async function round(server, senders, wait) {
	const runs = senders.map((sender) => sender.run(server).catch((error) => {
		if (!/closed|ECONNRE|hang up/.test(error.message))
			throw error;
	}));
	await sleep(wait);
	await server.kill();
	await Promise.all(runs);
	const since = Date.now();
	await server.launch();
	return Date.now() - since;
}

/* What is left is sent once more, without a kill. */
async function settle(server, senders) {
	await Promise.all(senders.map((sender) => {
		const run = sender.run(server);
		sender.going = false;
		return run;
	}));
}

/* Four senders of a group, and its id. */
async function inGroup(server, faults, voice) {
	const clients = await people(server, ...NAMES);
	const made = await clients[0].ok('create_conversation',
		{ participantIds: clients.slice(1).map((c) => c.id), isGroup: true, name: 'kill' }, 'conversation_created');
	const conversationId = made.payload.conversation.id;
	for (const client of clients)
		await client.close();
	return { senders: clients.map((client) => new Sender(client.who, conversationId, faults, voice)), conversationId };
}

/* The same of an open room, and its name. */
function inRoom(faults) {
	const senders = NAMES.map((name) => new NativeSender(person(name), faults));
	return { senders, conversationId: ROOM };
}

async function killTest({ kills, seed, dialect = 'qrypt', log = () => {} }) {
	const next = random(seed);
	const faults = [];
	const extra = await { native: nativeListener, realtime: realtimeListener }[dialect]?.();
	const server = await Server.start({ flags: extra?.flags });
	server[dialect] = extra?.port;
	const { senders, conversationId } = dialect === 'native' ? inRoom(faults)
		: await inGroup(server, faults, dialect === 'realtime' ? realtimeVoice : qryptVoice);
	let slowest = 0;
	for (let i = 0; i < kills; i++) {
		const wait = EARLIEST_MS + next() * (LATEST_MS - EARLIEST_MS);
		slowest = Math.max(slowest, await round(server, senders, wait));
		if ((i + 1) % 10 === 0)
			log(`${i + 1} kills, ${senders.reduce((n, s) => n + s.acked.size, 0)} acknowledged`);
	}
	await settle(server, senders);
	const reader = await Client.signIn(server, senders[0].who);
	const stored = await everything(reader, conversationId);
	await reader.close();
	await server.stop();
	const result = judge(senders, stored);
	return {
		kills,
		seed,
		acknowledged: senders.reduce((n, s) => n + s.acked.size, 0),
		retried: senders.reduce((n, s) => n + s.retried, 0),
		stored: stored.length,
		lost: result.lost,
		slowestStartMs: slowest,
		faults: [...faults, ...result.faults],
	};
}

async function main() {
	const { values } = parseArgs({
		options: {
			kills: { type: 'string', default: '100' },
			seed: { type: 'string', default: String(crypto.randomInt(2 ** 31)) },
			dialect: { type: 'string', default: 'qrypt' },
			bin: { type: 'string' },
			'expect-loss': { type: 'boolean', default: false },
		},
	});
	if (values.bin)
		process.env.PARLEY_BIN = values.bin;
	const result = await killTest({
		kills: Number(values.kills), seed: Number(values.seed), dialect: values.dialect, log: console.log,
	});
	const { faults, ...figures } = result;
	console.log(figures);
	console.log(faults.slice(0, 20).join('\n') || 'nothing lost, nothing doubled, no gap');
	const good = values['expect-loss'] ? result.lost > 0 : faults.length === 0;
	process.exitCode = good ? 0 : 1;
}

module.exports = { killTest, judge };

if (require.main === module)
	main();
