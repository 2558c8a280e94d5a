/* Lost connections against the real server: nothing is missing, nothing twice, nothing out of order. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { get } from '../src/index.js';
import { judge, random, settled, watch } from './kill.js';
import { Proxy } from './proxy.js';
import { chatOf, closeAll, person, roomOf, Server, signIn, sleep, texts, token, until } from './server.js';

let server;
before(async () => { server = await Server.start(); });
afterEach(closeAll);
after(() => server?.stop());

const range = (n) => Array.from({ length: n }, (_, i) => `m${i}`);

async function throughProxy(name, options = {}) {
	const proxy = await Proxy.start(server.port);
	const chat = await signIn(server, name, { url: proxy.url(), ...options });
	return { proxy, chat };
}

test('a lost acknowledgement: sent again, there once', async () => {
	const { proxy, chat } = await throughProxy('ann');
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	proxy.mute();
	const sending = chat.sendMessage(room, 'm0');
	const behind = chat.sendMessage(room, 'm1');
	await until('the server has it', () => texts(ben).length === 1);
	assert.equal(get(chat.pending).length, 2);
	proxy.cut();
	assert.equal((await sending).success, true);
	assert.equal((await behind).success, true);
	await until('both', () => texts(ben).length === 2);
	await until('both here', () => texts(chat).length === 2);
	assert.deepEqual(texts(ben), range(2));
	assert.deepEqual(texts(chat), range(2));
	await proxy.stop();
});

test('cut after any number of bytes, either way, again and again: once and in order', async () => {
	const seed = Number(process.env.SEED) || crypto.randomInt(2 ** 31);
	const next = random(seed);
	const quick = { reconnectDelay: 20, maxReconnectDelay: 60 };
	const [one, two] = [await throughProxy('ann', quick), await throughProxy('ben', quick)];
	const chats = [one.chat, two.chat];
	const room = await roomOf(...chats);
	const faults = [];
	for (const { proxy, chat } of [one, two]) {
		watch(chat, faults, chat.who.username);
		proxy.budget = () => 500 + Math.floor(next() * 8000);
		proxy.cut();
	}
	const each = 100;
	const sent = await Promise.all(chats.flatMap((chat, i) => range(each).map((_, k) => chat.sendMessage(room, `c${i} ${k}`))));
	assert.ok(sent.every((result) => result.success));
	await settled(async () => [chats.every((chat) => texts(chat).length >= 2 * each), chats.map((chat) => texts(chat).length).join()]);
	for (const chat of chats)
		faults.push(...judge(chat.getState().messages, ['c0', 'c1'], each));
	assert.deepEqual(faults, [], `SEED=${seed}`);
	assert.ok(one.proxy.cuts + two.proxy.cuts > 10, `${one.proxy.cuts} and ${two.proxy.cuts} cuts`);
	await Promise.all([one.proxy.stop(), two.proxy.stop()]);
});

test('what others said meanwhile is there afterwards, in pages', async () => {
	const { proxy, chat } = await throughProxy('ann', { reconnectDelay: 400 });
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	await ben.sendMessage(room, 'm0');
	await until('before', () => texts(chat).length === 1);
	const orders = [];
	chat.messages.subscribe((messages) => orders.push(messages.map((m) => m.seq)));
	proxy.cut();
	await Promise.all(range(450).slice(1).map((text) => ben.sendMessage(room, text)));
	await until('all', () => texts(chat).length === 450);
	assert.deepEqual(texts(chat), range(450));
	for (const order of orders)
		assert.deepEqual(order, order.map((_, i) => i + 1), 'never a hole, at no time');
	await proxy.stop();
});

test('so much was missed that the newest page is loaded instead', async () => {
	const { proxy, chat } = await throughProxy('ann', { reconnectDelay: 300, fillPages: 1 });
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	await ben.sendMessage(room, 'm0');
	await until('before', () => texts(chat).length === 1);
	chat.disconnect();
	await Promise.all(range(301).slice(1).map((text) => ben.sendMessage(room, text)));
	await chat.connect(chat.token());
	await until('the newest', () => texts(chat).at(-1) === 'm300');
	const seqs = chat.getState().messages.map((m) => m.seq);
	assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i), 'without a hole');
	assert.equal(chat.getState().hasMore, true);
	await proxy.stop();
});

test('a connection that died without a word is noticed', async () => {
	const { proxy, chat } = await throughProxy('ann', { heartbeat: 200, heartbeatTimeout: 200 });
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	proxy.die();
	const sending = chat.sendMessage(room, 'm0');
	await until('given up', () => proxy.accepted > 1, 5000);
	proxy.cut();
	assert.equal((await sending).success, true);
	await until('once', () => texts(ben).length === 1);
	await proxy.stop();
});

test('no acknowledgement in time: another connection is asked', async () => {
	const { proxy, chat } = await throughProxy('ann', { heartbeat: 0, requestTimeout: 300 });
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	proxy.mute();
	const sending = chat.sendMessage(room, 'm0');
	await sleep(100);
	proxy.isMute = false; /* the answer is lost, the connection is not */
	assert.equal((await sending).success, true);
	assert.equal(proxy.accepted, 2);
	assert.deepEqual(texts(ben), range(1));
	await proxy.stop();
});

test('written while the server is away, for several rooms: in order after it is back', async () => {
	const own = await Server.start();
	try {
		const [ann, ben] = [await signIn(own, 'ann'), await signIn(own, 'ben')];
		const rooms = [await roomOf(ann, ben), await roomOf(ann, ben), await roomOf(ann, ben)];
		await own.kill();
		await until('noticed', () => !ann.getState().connected);
		const sending = range(60).map((text, i) => ann.sendMessage(rooms[i % 3], text));
		assert.equal(get(ann.pending).length, 60);
		await own.launch();
		assert.ok((await Promise.all(sending)).every((r) => r.success));
		for (const [i, room] of rooms.entries()) {
			await ben.loadMessages(room);
			assert.deepEqual(texts(ben), range(60).filter((_, k) => k % 3 === i));
		}
		assert.deepEqual(get(ann.pending), []);
	} finally {
		await closeAll();
		await own.stop();
	}
});

test('requests that may be asked twice survive a cut, others say that it is not known', async () => {
	const { proxy, chat } = await throughProxy('ann');
	const room = await roomOf(chat);
	proxy.mute();
	const loading = chat.loadMessages(room);
	const creating = chat.request('create_conversation', { participantIds: [], isGroup: true, name: 'x' });
	creating.catch(() => {});
	await sleep(50);
	proxy.cut();
	assert.equal((await loading).success, true);
	await assert.rejects(creating, { code: 'CONNECTION_LOST' });
	await proxy.stop();
});

test('a room that one may not join is not joined again, the others are', async () => {
	const { proxy, chat } = await throughProxy('ann');
	const ben = await signIn(server, 'ben');
	const room = await roomOf(chat, ben);
	assert.equal((await chat.joinConversation(await roomOf(ben))).code, 'ACCESS_DENIED');
	chat.setError(null);
	proxy.cut();
	await ben.sendMessage(room, 'm0');
	await until('heard', () => texts(chat).length === 1);
	assert.equal(get(chat.chatError), null);
	await proxy.stop();
});

test('rate limits are waited for, in order', async () => {
	const slow = await Server.start({ set: { 'limits.enabled': 'true', 'limits.messages_per_minute': '600', 'limits.burst': '5' } });
	try {
		const ann = await signIn(slow, 'ann');
		const room = await roomOf(ann);
		const since = Date.now();
		const results = await Promise.all(range(15).map((text) => ann.sendMessage(room, text)));
		assert.ok(results.every((r) => r.success), JSON.stringify(results.find((r) => !r.success)));
		assert.ok(Date.now() - since > 500, 'there was a limit');
		await until('all', () => texts(ann).length === 15);
		assert.deepEqual(texts(ann), range(15));
	} finally {
		await closeAll();
		await slow.stop();
	}
});

test('expiry: a token source keeps the connection, over its warning', async () => {
	const own = await Server.start({ set: { 'auth.leeway': '0', 'auth.expiry_warning': '1s' } });
	try {
		const who = person('ann');
		const chat = chatOf(own, who);
		let asked = 0;
		const states = [];
		await chat.connect(async () => {
			asked++;
			return token(who, { ttl: asked === 1 ? 2 : 3600 });
		});
		const room = await roomOf(chat);
		chat.isConnected.subscribe((is) => states.push(is));
		await until('a fresh token', () => asked === 2, 5000);
		await sleep(2000);
		assert.deepEqual(states, [true]);
		assert.equal((await chat.sendMessage(room, 'm0')).success, true);
	} finally {
		await closeAll();
		await own.stop();
	}
});

test('expiry: without a source the connection ends for good, what waits goes with the next token', async () => {
	const own = await Server.start({ set: { 'auth.leeway': '0', 'auth.expiry_warning': '500ms' } });
	try {
		const who = person('ann');
		const chat = chatOf(own, who);
		await chat.connect(token(who, { ttl: 2 }));
		const room = await roomOf(chat);
		await until('closed', () => get(chat.connection) === 'closed', 6000);
		assert.match(get(chat.chatError), /expired/);
		assert.equal(chat.getState().errorCode, 'REFUSED');
		const sending = chat.sendMessage(room, 'm0');
		await sleep(500);
		assert.equal(get(chat.connection), 'closed');
		assert.equal((await chat.authenticate(token(who))).success, true);
		assert.equal((await sending).success, true);
	} finally {
		await closeAll();
		await own.stop();
	}
});

test('a server that stops in good order is waited for', async () => {
	const own = await Server.start();
	try {
		const ann = await signIn(own, 'ann');
		const room = await roomOf(ann);
		await own.end();
		await until('gone', () => !ann.getState().connected);
		const sending = ann.sendMessage(room, 'm0');
		await own.launch();
		assert.equal((await sending).success, true);
	} finally {
		await closeAll();
		await own.stop();
	}
});

test('a limit of tries ends with GAVE_UP', async () => {
	const own = await Server.start();
	const ann = await signIn(own, 'ann', { maxReconnectAttempts: 3, reconnectDelay: 10 });
	await own.kill();
	await until('gave up', () => get(ann.connection) === 'closed');
	assert.equal(ann.getState().errorCode, 'GAVE_UP');
	await own.launch();
	assert.equal((await ann.connect(ann.token())).success, true);
	await closeAll();
	await own.stop();
});
