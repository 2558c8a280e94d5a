/* ChatWebSocket, PresenceWebSocket and handleLogin against the real server: two people hold a
 * conversation, a group chat, read both histories and see each other come and go; as do a plain
 * client of the same behaviour, and one of each. Then what this package promises beyond that. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { ChatWebSocket, handleLogin, handleLogout, PresenceWebSocket } from '../src/index.js';
import { Browser, findChromium } from './browser.js';
import { plainSockets } from './plain_realtime.js';
import { Proxy } from './proxy.js';
import { freePort, person, Server, sleep, token, until, WsWebSocket as WebSocket } from './server.js';

const { PlainChat, PlainPresence } = plainSockets(WebSocket);
const PASSWORD = 'correct horse battery';
const QUICK = { WebSocket, reconnectDelay: 50, maxReconnectDelay: 300, logger: { log() {}, error() {} } };
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const open = new Set();

async function start(set = {}) {
	const presence = await freePort();
	const server = new Server({
		dialect: 'realtime-chat',
		set: { 'accounts.enabled': 'true', 'presence.grace': '200ms', ...set },
		flags: ['--listen', `127.0.0.1:${presence}=realtime-presence`],
	});
	await server.launch();
	server.presence = `ws://127.0.0.1:${presence}`;
	return server;
}

async function register(server, name) {
	const username = `${name}_${crypto.randomBytes(4).toString('hex')}`;
	const answer = await fetch(server.http('/api/auth/register'), {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', Connection: 'close' },
		body: JSON.stringify({ username, password: PASSWORD }),
	});
	assert.equal(answer.status, 201);
	return { username, token: (await answer.json()).token };
}

/** Callbacks that keep what they are told. */
function listen(chat, presence) {
	const heard = { private: [], group: [], chatHistory: [], groupHistory: [], presence: [] };
	chat.onPrivateMessage = (m) => heard.private.push(m);
	chat.onGroupMessage = (m) => heard.group.push(m);
	chat.onChatHistory = (m) => heard.chatHistory.push(m);
	chat.onGroupHistory = (m) => heard.groupHistory.push(m);
	if (presence)
		presence.onPresenceChange = (username, status, timestamp) => heard.presence.push({ username, status, timestamp });
	return heard;
}

/** Both sockets of somebody who signed up. */
async function enter(server, who, isPlain) {
	const places = [server.url('/'), server.presence];
	const [Chat, Presence] = isPlain ? [PlainChat, PlainPresence] : [ChatWebSocket, PresenceWebSocket];
	const [chat, presence] = [Chat, Presence].map((Socket, i) =>
		new Socket(who.token, isPlain ? { url: places[i], username: who.username } : { ...QUICK, url: places[i] }));
	const heard = listen(chat, presence);
	open.add(chat).add(presence);
	await Promise.all([chat, presence].map((socket) => answered(socket, () => socket.connect())));
	return { ...who, chat, presence, heard, isPlain };
}

/** What a call of ours resolves with; of a plain client, the next SUCCESS. */
function answered(socket, call) {
	const success = new Promise((resolve) => { socket.other = (frame) => frame.type === 'SUCCESS' && resolve(frame); });
	return call() ?? success;
}

const endAll = () => {
	for (const socket of open)
		(socket.end ?? socket.disconnect).call(socket);
	open.clear();
};

const idOf = (a, b) => [a.username, b.username].sort().join('-');
const contents = (list) => list.map((m) => m.content);

async function converse(a, b) {
	const id = idOf(a, b);
	a.chat.sendPrivateMessage(b.username, 'Hello there!', id);
	const [heard] = await until('heard', () => b.heard.private.length && b.heard.private);
	assert.match(heard.timestamp, ISO);
	assert.deepEqual(heard, { type: 'ONE_TO_ONE_CHAT', from: a.username, to: b.username, content: 'Hello there!',
		chatId: id, timestamp: heard.timestamp, messageId: heard.messageId });
	b.chat.sendPrivateMessage(a.username, 'Hi! 🐎 "\\\n', 'chat_123');
	await until('heard', () => a.heard.private.length === 1);
	a.chat.getChatHistory(b.username, id);
	const [history] = await until('the history', () => a.heard.chatHistory.length && a.heard.chatHistory);
	assert.deepEqual(history.messages.map((m) => [m.from, m.to, m.text, m.content]), [
		[a.username, b.username, 'Hello there!', 'Hello there!'], [b.username, a.username, 'Hi! 🐎 "\\\n', 'Hi! 🐎 "\\\n']]);
	assert.equal(history.messages[0].messageId, heard.messageId);
	assert.equal(history.isOnline, true);
}

async function converseInGroup(a, b) {
	const group = `group_${crypto.randomBytes(4).toString('hex')}`;
	await answered(a.chat, () => a.chat.joinGroup(group));
	await answered(b.chat, () => b.chat.joinGroup(group));
	a.chat.sendGroupMessage(group, 'Hello everyone!');
	await until('heard', () => b.heard.group.length === 1);
	b.chat.sendGroupMessage(group, 'and back');
	await until('heard', () => contents(a.heard.group).includes('and back'));
	const [heard] = b.heard.group;
	assert.deepEqual(heard, { type: 'GROUP_CHAT', from: a.username, groupId: group, content: 'Hello everyone!',
		timestamp: heard.timestamp, messageId: heard.messageId });
	b.chat.getGroupHistory(group);
	const [history] = await until('the history', () => b.heard.groupHistory.length && b.heard.groupHistory);
	assert.deepEqual(contents(history.messages), ['Hello everyone!', 'and back']);
	await answered(b.chat, () => b.chat.leaveGroup(group));
	a.chat.sendGroupMessage(group, 'still there?');
	a.chat.getGroupHistory(group);
	const [later] = await until('the history', () => a.heard.groupHistory.length && a.heard.groupHistory);
	assert.equal(later.messages.length, 3);
	await sleep(200);
	assert.deepEqual(contents(b.heard.group).filter((text) => text === 'still there?'), []);
}

async function comeAndGo(a, b, server) {
	a.heard.presence.length = 0;
	for (const socket of [b.chat, b.presence])
		(socket.end ?? socket.disconnect).call(socket);
	await until('offline', () => a.heard.presence.some((p) => p.status === 'offline'));
	const again = await enter(server, { username: b.username, token: b.token }, b.isPlain);
	await until('online', () => a.heard.presence.some((p) => p.status === 'online'));
	assert.deepEqual(a.heard.presence.map((p) => [p.username, p.status]), [[b.username, 'offline'], [b.username, 'online']]);
	assert.ok(a.heard.presence.every((p) => ISO.test(p.timestamp)));
	return again;
}

describe('against the server', () => {
	let server;
	before(async () => (server = await start()));
	afterEach(endAll);
	after(() => server?.stop());

	for (const [name, ...isPlain] of [['two of this package', false, false], ['two plain clients', true, true],
		['one of each', false, true]])
		test(`a conversation, a group, both histories, presence: ${name}`, async () => {
			const [alice, bob] = [await register(server, 'alice'), await register(server, 'bob')];
			const [a, b] = [await enter(server, alice, isPlain[0]), await enter(server, bob, isPlain[1])];
			await converse(a, b);
			await converseInGroup(a, b);
			await comeAndGo(a, b, server);
		});

	async function pair(options = {}) {
		const people = [await register(server, 'ann'), await register(server, 'ben')];
		const [ann, ben] = people.map((who) => {
			const chat = new ChatWebSocket(who.token, { ...QUICK, url: server.url('/'), ...options });
			open.add(chat);
			return { ...who, chat, heard: listen(chat) };
		});
		await ben.chat.connect();
		return [ann, ben];
	}

	test('promises: the id that the other hears, histories, and the server\'s words when it refuses', async () => {
		const [ann, ben] = await pair();
		await ann.chat.connect();
		const sent = await ann.chat.sendPrivateMessage(ben.username, 'x');
		await until('heard', () => ben.heard.private.length === 1);
		assert.equal(ben.heard.private[0].messageId, sent.messageId);
		assert.equal(ben.heard.private[0].timestamp, sent.timestamp);
		const again = [1, 2].map(() => ann.chat.sendPrivateMessage(ben.username, 'paid', undefined, { clientMessageId: 'order 1' }));
		assert.equal((await again[0]).messageId, (await again[1]).messageId);
		assert.deepEqual(contents((await ann.chat.getChatHistory(ben.username)).messages), ['x', 'paid']);
		assert.equal(ann.heard.chatHistory.length, 1);
		await assert.rejects(ann.chat.sendPrivateMessage('nobody', 'x'), { code: 'REJECTED', message: 'User nobody does not exist.' });
		await assert.rejects(ann.chat.sendGroupMessage('no such', 'x'), { code: 'REJECTED', message: 'Group chat with ID no such does not exist.' });
		const group = crypto.randomUUID();
		await ann.chat.joinGroup(group);
		await assert.rejects(ann.chat.joinGroup(group), { code: 'REJECTED', message: /is already a member of the group\.$/ });
		assert.ok((await ann.chat.sendGroupMessage(group, 'y')).messageId);
		assert.deepEqual(contents((await ann.chat.getGroupHistory(group)).messages), ['y']);
		await ann.chat.leaveGroup(group);
		await assert.rejects(ann.chat.getGroupHistory(group), { code: 'REJECTED', message: 'You are not a member of this group.' });
	});

	test('what is said before and without a connection arrives once and in order, and leaving comes after it', async () => {
		const [ann, ben] = await pair();
		const group = crypto.randomUUID();
		await ben.chat.joinGroup(group);
		ann.chat.joinGroup(group);
		for (let i = 0; i < 50; i++) {
			ann.chat.sendPrivateMessage(ben.username, `p${i}`);
			ann.chat.sendGroupMessage(group, `g${i}`);
		}
		const left = ann.chat.leaveGroup(group);
		assert.equal(ann.chat.pending.length, 100);
		await ann.chat.connect();
		await left;
		await until('all', () => ben.heard.private.length + ben.heard.group.length >= 100);
		const all = (letter) => Array.from({ length: 50 }, (_, i) => letter + i);
		assert.deepEqual([contents(ben.heard.private), contents(ben.heard.group)], [all('p'), all('g')]);
		assert.equal(ann.chat.pending.length, 0);
	});

	test('connections that break in the middle lose nothing and double nothing', async () => {
		const proxy = await Proxy.start(server.port);
		try {
			const [ann, ben] = await pair();
			let ends = 0;
			const chat = new ChatWebSocket(ann.token, { ...QUICK, url: proxy.url('/'), maxReconnectAttempts: 1000, onClose: () => ends++ });
			open.add(chat);
			await chat.connect();
			const sent = [];
			for (let i = 0; i < 200; i++) {
				sent.push(chat.sendPrivateMessage(ben.username, `m${i}`));
				if (i % 20 === 10) {
					await until('back', () => chat.isConnected);
					await sleep(5);
					if (i % 40 === 10)
						proxy.mute();
					await sleep(5);
					const before = ends;
					proxy.cut();
					await until('noticed', () => ends > before);
				}
			}
			const ids = (await Promise.all(sent)).map((s) => s.messageId);
			await until('all', () => ben.heard.private.length >= 200);
			await sleep(200);
			assert.deepEqual(contents(ben.heard.private), sent.map((_, i) => `m${i}`));
			assert.deepEqual(ben.heard.private.map((m) => m.messageId), ids);
			assert.ok(proxy.accepted > 10, `${proxy.accepted} connections`);
		} finally {
			endAll();
			await proxy.stop();
		}
	});

	test('a refused token is final, on both sockets', async () => {
		for (const socket of [new ChatWebSocket('nonsense', { ...QUICK, url: server.url('/') }),
			new PresenceWebSocket('nonsense', { ...QUICK, url: server.presence })]) {
			let ends = 0;
			const errors = [];
			socket.options.onClose = () => ends++;
			socket.options.onGiveUp = (error) => errors.push(error.code);
			await assert.rejects(socket.connect(), { code: 'REFUSED', message: 'The server refused the token: Invalid token.' });
			const first = socket.ws;
			await sleep(500);
			assert.equal(socket.ws, first, 'one connection only');
			assert.deepEqual(errors, ['REFUSED']);
			assert.equal(socket.isConnected, false);
		}
	});

	test('after disconnect() nobody is there any more, and connect() brings them back', async () => {
		const [ann, ben] = await pair();
		await ann.chat.connect();
		await ann.chat.sendPrivateMessage(ben.username, 'x');
		ann.chat.disconnect();
		const first = ann.chat.ws;
		await until('gone', async () => !(await ben.chat.getChatHistory(ann.username)).isOnline);
		await sleep(400);
		assert.equal(ann.chat.ws, first);
		await ann.chat.connect();
		assert.ok((await ben.chat.getChatHistory(ann.username)).isOnline);
	});

	test('a token that ends is replaced by the function that gets them, and nothing is lost', async () => {
		const own = await start({ 'auth.expiry_warning': '1s' });
		const [dora, eric] = [person('dora'), person('eric')];
		let asked = 0;
		const chat = new ChatWebSocket(() => token(dora, { ttl: ++asked === 1 ? 3 : 3600 }), { ...QUICK, url: own.url('/') });
		const other = new ChatWebSocket(token(eric), { ...QUICK, url: own.url('/') });
		const heard = listen(other);
		open.add(chat).add(other);
		await Promise.all([chat.connect(), other.connect()]);
		const { ws } = chat;
		for (let i = 0; i < 40; i++) {
			chat.sendPrivateMessage(eric.username, `m${i}`);
			await sleep(100);
		}
		await until('all', () => heard.private.length === 40);
		assert.deepEqual(contents(heard.private), Array.from({ length: 40 }, (_, i) => `m${i}`));
		assert.ok(asked >= 2);
		assert.equal(chat.ws, ws, 'on the same connection');
		endAll();
		await own.stop();
	});

	test('the server restarts: both sockets come back, what was said meanwhile arrives', async () => {
		const own = await start();
		const [alice, bob] = [await register(own, 'alice'), await register(own, 'bob')];
		const [a, b] = [await enter(own, alice), await enter(own, bob)];
		for (const socket of [a.chat, a.presence, b.chat, b.presence])
			socket.maxReconnectAttempts = 1000;
		await a.chat.sendPrivateMessage(bob.username, 'before');
		await own.kill();
		const waiting = a.chat.sendPrivateMessage(bob.username, 'while it was down');
		await own.launch();
		await waiting;
		await until('all back', () => [a.chat, a.presence, b.chat, b.presence].every((socket) => socket.isConnected));
		const { messages } = await b.chat.getChatHistory(alice.username);
		assert.deepEqual(contents(messages), ['before', 'while it was down']);
		a.heard.presence.length = 0;
		b.chat.disconnect();
		b.presence.disconnect();
		await until('offline', () => a.heard.presence.some((p) => p.status === 'offline'));
		endAll();
		await own.stop();
	});

	test('handleLogin and handleLogout', async () => {
		const [alice, bob] = [await register(server, 'alice'), await register(server, 'bob')];
		const kept = new Map();
		const storage = { setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
		const options = { ...QUICK, chatUrl: server.url('/'), presenceUrl: server.presence, storage };
		await assert.rejects(handleLogin(alice.username, 'wrong', options), { code: 'LOGIN_FAILED', message: 'Invalid username or password' });
		await assert.rejects(handleLogin(alice.username, PASSWORD, { ...options, api: 'http://127.0.0.1:9' }), { code: 'CONNECT_FAILED' });
		assert.equal(kept.size, 0);
		await assert.rejects(handleLogin(alice.username, PASSWORD, { ...options, presenceUrl: 'ws://127.0.0.1:9', maxReconnectAttempts: 1 }),
			{ code: 'GAVE_UP' });
		assert.equal(kept.size, 0);
		let heard;
		const a = await handleLogin(` ${alice.username} `, PASSWORD, { ...options, prepare: ({ chatWs, presenceWs }) => { heard = listen(chatWs, presenceWs); } });
		assert.deepEqual([...kept], [['authToken', a.token], ['username', alice.username]]);
		assert.ok(a.chatWs.isConnected && a.presenceWs.isConnected);
		const b = await handleLogin(bob.username, PASSWORD, { ...options, storage: null });
		await b.chatWs.sendPrivateMessage(alice.username, 'hello');
		await until('heard', () => heard.private.length === 1);
		await handleLogout(b, { storage: null });
		await until('offline', () => heard.presence.some((p) => p.username === bob.username && p.status === 'offline'));
		await handleLogout(a, { storage });
		assert.equal(kept.size, 0);
		assert.ok(!a.chatWs.isConnected && !a.presenceWs.isConnected);
	});

	test('in Chromium: a page logs in, talks, and logs out', { skip: findChromium() ? false : 'no Chromium here' }, async () => {
		const [ann, ben] = await pair();
		const browser = await Browser.start();
		try {
			const page = await browser.page();
			const opened = await page.evaluate(async ({ username, password, chatUrl, presenceUrl }) => {
				const { handleLogin: login } = await import('/src/index.js');
				globalThis.heard = [];
				globalThis.me = await login(username, password, {
					chatUrl, presenceUrl, prepare: ({ chatWs }) => { chatWs.onPrivateMessage = (m) => globalThis.heard.push(m); },
				});
				return { token: localStorage.getItem('authToken'), name: localStorage.getItem('username') };
			}, { username: ann.username, password: PASSWORD, chatUrl: server.url('/'), presenceUrl: server.presence });
			assert.equal(opened.name, ann.username);
			assert.equal(opened.token.split('.').length, 3);
			await page.evaluate((to) => globalThis.me.chatWs.sendPrivateMessage(to, 'from a page'), ben.username);
			await until('heard', () => contents(ben.heard.private).includes('from a page'));
			ben.chat.sendPrivateMessage(ann.username, 'to a page');
			await until('shown', () => page.evaluate(() => globalThis.heard.length === 1 && globalThis.heard[0].content === 'to a page'));
			const left = await page.evaluate(async () => {
				const { handleLogout: logout } = await import('/src/index.js');
				await logout(globalThis.me);
				return localStorage.length;
			});
			assert.equal(left, 0);
			await until('gone', async () => !(await ben.chat.getChatHistory(ann.username)).isOnline);
			assert.deepEqual(browser.errors, []);
		} finally {
			await browser.stop();
		}
	});
});
