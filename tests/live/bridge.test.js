'use strict';
/*
 * One hub: whatever dialect something is said in, everybody hears it once, in one order and in the
 * own words, or does not hear it, as docs/bridging.md promises. One test for every ordered pair of
 * dialects and kind of place; the last one prints the grid, sender rows by receiver columns:
 * ok: heard as promised; -: promised not to be heard, and was not; FAILED.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, freePort, sleep } = require('./harness.js');
const { Client } = require('./client.js');
const { Native } = require('./native_client.js');
const { Realtime } = require('./realtime_client.js');
const { person, token } = require('./tokens.js');
const { ROWS, assertLike } = require('./bridge_rows.js');

const GRACE_MS = 300;
const HEAR_MS = 20000;
const QUIET_MS = 3 * GRACE_MS;
const ASPECTS = ['text direct', 'text room', 'history direct', 'history room', 'typing direct', 'typing room',
	'presence direct', 'presence room', 'broadcast room'];

let server;
before(async () => {
	const [native, chat, presence, all] = [await freePort(), await freePort(), await freePort(), await freePort()];
	const flags = [[native, 'native'], [chat, 'realtime-chat'], [presence, 'realtime-presence'], [all, 'all']]
		.flatMap(([port, dialect]) => ['--listen', `127.0.0.1:${port}=${dialect}`]);
	server = new Server({
		dialect: 'qrypt',
		set: { 'presence.grace': `${GRACE_MS}ms`, 'native.messages': '0' },
		flags: ['--workers', '3', ...flags],
	});
	await server.launch();
	Object.assign(server, { native, chat, presence, all });
});
after(() => server?.stop());

/* ---- people, places, clients ---- */

/* Two people who may talk to each other alone. Nobody is online afterwards. */
async function directOf(a, b) {
	const [one, two] = [await Client.signIn(server, a), await Client.signIn(server, b)];
	[a.id, b.id] = [one.id, two.id];
	const made = await one.ok('create_conversation', { participantIds: [b.id] }, 'conversation_created');
	await Promise.all([one.close(), two.close()]);
	await sleep(QUIET_MS);
	return { kind: 'direct', id: made.payload.conversation.id, of: [a, b] };
}

/* A room by name of which they all are members. Nobody is online afterwards. */
async function roomOf(...people) {
	const alias = `room-${crypto.randomBytes(4).toString('hex')}`;
	const clients = [];
	let members;
	for (const who of people) {
		const client = await Native.connect(server, who, { port: server.native });
		({ members } = await client.join(alias));
		clients.push(client);
	}
	people.forEach((who, i) => (who.id = members[i].id));
	const clerk = await Client.signIn(server, people[0]);
	const joined = await clerk.ok('join_conversation', { conversationId: alias }, 'conversation_joined');
	await Promise.all([...clients, clerk].map((client) => client.close()));
	await sleep(QUIET_MS);
	return { kind: 'room', alias, id: joined.payload.conversationId };
}

async function come(row, who, place) {
	const client = await row.come(server, who);
	client.row = row;
	await row.sit(client, place);
	return client;
}

const go = (client) => Promise.all(client.sockets.map((socket) => socket.close()));

/* What it heard, but of its own coming: QryptChat tells all connections of a conversation. */
const heard = (client) => client.heard().filter((frame) => frame.payload?.userId !== client.who.id);

/* Until it heard n frames; those. */
async function hear(client, n, what) {
	const until = Date.now() + HEAR_MS;
	while (heard(client).length < n) {
		assert.ok(Date.now() < until, `${client.row.name}: ${what}: heard ${JSON.stringify(heard(client))}`);
		await sleep(5);
	}
	return heard(client);
}

/* Exactly these since the last time, in this order; then they are forgotten. */
async function hearsExactly(client, expected, what) {
	const frames = [...await hear(client, expected.length, what)];
	assert.equal(frames.length, expected.length, `${what}: ${JSON.stringify(frames)}`);
	expected.forEach((words, i) => assertLike(frames[i], words, what));
	forget(client);
}

function forget(client) {
	for (const socket of client.sockets)
		socket.kept.length = 0;
}

/* What one row says of somebody's coming or going: one frame, or some. */
async function hearsPresence(client, place, who, isOn, what) {
	const words = client.row.presence(place, who, isOn);
	const expected = Array.isArray(words[0]) ? words : [words];
	await hear(client, expected.length, what);
	if (client.row.inAnyOrder)
		client.sockets[0].kept.sort((a, b) => (a[0] < b[0] ? -1 : 1));
	await hearsExactly(client, expected, what);
}

const isSilent = (client, what) => assert.deepEqual(heard(client), [], what);

/* ---- the grid ---- */

const pair = (from, to) => `${from.name} > ${to.name}`;

/* What a row cannot say, or a column cannot ask for, stays empty. */
const canBe = (aspect, from, to) => ({
	typing: from.types,
	broadcast: from.broadcasts,
	history: to.history,
}[aspect.split(' ')[0]] ?? /text|presence/.test(aspect));

/* A cell that no test came to has failed. */
const grid = Object.fromEntries(ASPECTS.map((aspect) => [aspect, {}]));
for (const aspect of ASPECTS)
	for (const from of ROWS)
		for (const to of ROWS)
			if (canBe(aspect, from, to))
				grid[aspect][pair(from, to)] = 'FAILED';

async function cell(aspect, from, to, isPromised, check) {
	const key = pair(from, to);
	grid[aspect][key] = 'FAILED';
	try {
		await check();
		grid[aspect][key] = isPromised ? 'ok' : '-';
	} catch (error) {
		throw Object.assign(error, { message: `${aspect}, ${key}: ${error.message}` });
	}
}

/* ---- what one of a dialect hears of one of another ---- */

const TEXTS = ['hello', 'Grüße, 世界 🌍 "quoted" \\ </script>', 'the third'];

async function coming(to, from, speaker, place) {
	const isPromised = to.hearsPresence[place.kind];
	const listener = await come(to, place.of ? place.of[1] : place.listener, place);
	const who = place.of ? place.of[0] : place.speaker;
	speaker.client = await come(from, who, place);
	await cell(`presence ${place.kind}`, from, to, isPromised, async () => {
		if (isPromised)
			await hearsPresence(listener, place, who, true, 'coming');
		await to.sync(listener);
		isSilent(listener, 'coming');
	});
	return listener;
}

async function talking(to, from, speaker, listener, place) {
	const { who } = speaker;
	await cell(`text ${place.kind}`, from, to, true, async () => {
		for (const text of TEXTS) {
			await from.say(speaker, place, text);
			await hearsExactly(listener, [to.message(place, who, text)], 'a text');
		}
		const echo = TEXTS.map((text) => from.message(place, who, text));
		await hearsExactly(speaker, from.hearsItself[place.kind] ? echo : [], 'the own text');
	});
}

async function reading(to, from, speaker, listener, place) {
	if (!to.history)
		return;
	await cell(`history ${place.kind}`, from, to, true, async () => {
		const expected = TEXTS.map((text) => [speaker.who.username, text]);
		assert.deepEqual(await to.history(listener, place), expected);
	});
}

/* What follows on the same way proves that nothing came before. */
async function typing(to, from, speaker, listener, place) {
	if (!from.types)
		return;
	await cell(`typing ${place.kind}`, from, to, !!to.hearsTyping[place.kind], async () => {
		await from.type(speaker, place);
		if (to.hearsTyping[place.kind])
			await hearsExactly(listener, [true, false].map((on) => to.typing(place, speaker.who, on)), 'typing');
		await from.say(speaker, place, 'done');
		await hearsExactly(listener, [to.message(place, speaker.who, 'done')], 'after typing');
		await hear(speaker, from.hearsItself[place.kind] ? 1 : 0, 'the own text');
		forget(speaker);
	});
}

async function broadcasting(to, from, speaker, listener, place) {
	if (!from.broadcasts || place.kind === 'direct')
		return;
	await cell('broadcast room', from, to, !!to.hearsBroadcast, async () => {
		const data = { any: ['thing', 1] };
		await from.broadcast(speaker, place, data);
		if (to.hearsBroadcast)
			await hearsExactly(listener, [data], 'a broadcast');
		await from.say(speaker, place, 'kept');
		await hearsExactly(listener, [to.message(place, speaker.who, 'kept')], 'after a broadcast');
		await hear(speaker, 1, 'the own text');
		forget(speaker);
	});
}

async function going(to, from, speaker, listener, place) {
	const isPromised = to.hearsPresence[place.kind];
	await go(speaker);
	await cell(`presence ${place.kind}`, from, to, isPromised, async () => {
		if (isPromised)
			await hearsPresence(listener, place, speaker.who, false, 'going');
		await sleep(QUIET_MS);
		isSilent(listener, 'going');
	});
	await go(listener);
}

async function whole(from, to, place) {
	const found = {};
	const listener = await coming(to, from, found, place);
	const speaker = found.client;
	await talking(to, from, speaker, listener, place);
	await reading(to, from, speaker, listener, place);
	await typing(to, from, speaker, listener, place);
	await broadcasting(to, from, speaker, listener, place);
	await going(to, from, speaker, listener, place);
}

describe('every ordered pair', { concurrency: 6 }, () => {
	for (const from of ROWS) {
		for (const to of ROWS) {
			test(`direct: ${from.name} > ${to.name}`, async () => {
				await whole(from, to, await directOf(person('sam'), person('lea')));
			});
			test(`room: ${from.name} > ${to.name}`, async () => {
				const [speaker, listener] = [person('sam'), person('lea')];
				await whole(from, to, { ...await roomOf(speaker, listener), speaker, listener });
			});
		}
	}
});

/* ---- many at once ---- */

/* The texts that it heard, in order: n of them and not one more. */
async function textsOf(client, n) {
	const until = Date.now() + HEAR_MS;
	const texts = () => heard(client).map(client.row.textOf).filter((text) => text !== undefined);
	while (texts().length < n) {
		assert.ok(Date.now() < until, `${client.row.name} heard ${texts().length} of ${n}`);
		await sleep(10);
	}
	await client.row.sync(client);
	assert.equal(texts().length, n, client.row.name);
	return texts();
}

describe('many at once', { concurrency: 3 }, () => {
	test('a room with everybody in two dialects: one order for all, which is that of the histories', async () => {
		const people = ROWS.map((_, i) => person(`p${i}`));
		const place = await roomOf(...people);
		const first = [], clients = [];
		for (const [i, who] of people.entries()) {
			first.push(await come(ROWS[i], who, place));
			clients.push(first.at(-1), await come(ROWS[(i + 1) % ROWS.length], who, place));
		}
		const EACH = 25;
		await Promise.all(first.map(async (client, i) => {
			for (let k = 0; k < EACH; k++)
				await client.row.say(client, place, `${i}:${k}`);
		}));
		const all = ROWS.length * EACH;
		const order = await textsOf(first[0], all);
		assert.equal(new Set(order).size, all);
		for (const client of clients) {
			/* In a group a client of that dialect does not hear what it said itself; the user's others do. */
			const i = first.indexOf(client);
			const isFor = (text) => client.row.hearsItself.room || i < 0 || !text.startsWith(`${i}:`);
			const expected = order.filter(isFor);
			assert.deepEqual(await textsOf(client, expected.length), expected, client.row.name);
			if (client.row.history)
				assert.deepEqual((await client.row.history(client, place)).map(([, text]) => text), order);
		}
		await Promise.all(clients.map(go));
	});

	test('two people in all dialects at once: one order, and who does not show its own words twice', async () => {
		const place = await directOf(person('ann'), person('ben'));
		const clients = [];
		for (const who of place.of)
			for (const row of ROWS)
				clients.push(await come(row, who, place));
		const EACH = 10;
		await Promise.all(clients.map(async (client, i) => {
			for (let k = 0; k < EACH; k++)
				await client.row.say(client, place, `${client.who.username}:${i}:${k}`);
		}));
		const order = await textsOf(clients[0], clients.length * EACH);
		assert.equal(new Set(order).size, clients.length * EACH);
		for (const client of clients) {
			const expected = order.filter((text) => client.row.hearsItself.direct || !text.startsWith(`${client.who.username}:`));
			assert.deepEqual(await textsOf(client, expected.length), expected, client.row.name);
			if (client.row.history)
				assert.deepEqual((await client.row.history(client, place)).map(([, text]) => text), order);
		}
		await Promise.all(clients.map(go));
	});

	test('a person is there as long as one connection of any dialect is, and that is told once', async () => {
		const place = await directOf(person('uma'), person('wil'));
		const [uma, wil] = place.of;
		const watchers = [];
		for (const row of ROWS)
			watchers.push(await come(row, wil, place));
		for (let round = 0; round < 2; round++) {
			const devices = [];
			for (const row of ROWS)
				devices.push(await come(row, uma, place));
			for (const watcher of watchers)
				await hearsPresence(watcher, place, uma, true, 'coming');
			const last = devices.splice(round, 1)[0];
			await Promise.all(devices.map(go));
			await sleep(QUIET_MS);
			for (const watcher of watchers)
				isSilent(watcher, 'still there');
			await go(last);
			for (const watcher of watchers)
				await hearsPresence(watcher, place, uma, false, 'going');
		}
		await sleep(QUIET_MS);
		for (const watcher of watchers)
			isSilent(watcher, 'gone');
		await Promise.all(watchers.map(go));
	});
});

test('one port and path for all: each is known by how it comes or by its first frame', async () => {
	const [quin, nora, dora, rosa] = ['quin', 'nora', 'dora', 'rosa'].map(person);
	const place = await roomOf(quin, nora, dora, rosa);
	const q = await Client.signIn(server, quin, { path: '/', port: server.all });
	await q.ok('join_conversation', { conversationId: place.alias }, 'conversation_joined');
	const d = await Realtime.connect(server.all, dora);
	const r = await Realtime.older(server.all, rosa);
	const n = await Native.dial(server, { path: `/?token=${token(nora)}`, port: server.all });
	n.send('join', { room: place.alias });
	await n.expect('connected');
	await n.expect('joined');
	n.send('chat', { room: place.alias, content: 'hello' });
	assert.equal((await q.expect('message_received')).payload.message.encrypted_content, 'hello');
	assert.equal((await d.expect('GROUP_CHAT')).content, 'hello');
	assert.equal((await r.expect('GROUP_CHAT')).content, 'hello');
	assert.equal((await n.expect('chat')).content, 'hello');
	await Promise.all([q, d, r, n].map((client) => client.close()));
});

/* ---- the grid ---- */

function print(aspect) {
	const width = 2 + Math.max(...ROWS.map((row) => row.name.length), ...ASPECTS.map((name) => name.length));
	const lines = [[aspect, ...ROWS.map((to) => to.name)]];
	for (const from of ROWS)
		lines.push([from.name, ...ROWS.map((to) => grid[aspect][pair(from, to)] ?? '')]);
	return lines.map((line) => line.map((text) => text.padEnd(width)).join('').trimEnd());
}

test('the grid: what is said in the row, heard in the column', (t) => {
	for (const aspect of ASPECTS)
		for (const line of [...print(aspect), ''])
			t.diagnostic(line);
	const failed = ASPECTS.flatMap((aspect) => Object.entries(grid[aspect])
		.filter(([, result]) => result === 'FAILED').map(([key]) => `${aspect}: ${key}`));
	assert.deepEqual(failed, []);
});
