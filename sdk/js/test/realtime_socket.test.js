/* ChatWebSocket and PresenceWebSocket alone, on a fake socket and a fake clock: the documented frames
 * and callbacks, when it reconnects and when it does not, what waits and what ends the waiting. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ChatWebSocket, PresenceWebSocket } from '../src/index.js';
import { FakeClock, fakeWebSocket } from './fake.js';

const claims = (name) => Buffer.from(JSON.stringify({ username: name })).toString('base64url');
const ALICE = `e30.${claims('alice')}.x`;
const BOB = `e30.${claims('bob')}.x`;

let clock;
let WebSocket;
let errors;
beforeEach(() => {
	clock = new FakeClock();
	WebSocket = fakeWebSocket();
	errors = [];
});
afterEach(() => { delete globalThis.localStorage; });
const logger = { log: () => {}, error: (...line) => errors.push(line.join(' ')) };
const make = (options, Class = ChatWebSocket, token = ALICE) => new Class(token, { clock, WebSocket, logger, ...options });

/** The server's side of one connection: AUTH is answered. */
async function welcome(ws = WebSocket.last) {
	ws.accept();
	ws.say({ type: 'SUCCESS', msg: 'Authenticated as alice.', requestId: ws.frames[0].requestId });
	await clock.settle();
	return ws;
}

async function connected(options, Class) {
	const socket = make(options, Class);
	socket.connect();
	await welcome();
	return socket;
}

/** Frames after AUTH, without ids. */
const said = (ws = WebSocket.last) => ws.frames.slice(1).map(({ requestId, clientMessageId, ...frame }) => frame);
const answer = (ws, i, frame) => {
	ws.say({ ...frame, requestId: ws.frames[i].requestId });
	return clock.settle();
};
const stored = (ws, i, messageId = 'm') => answer(ws, i, { type: 'SUCCESS', msg: 'Message sent.', messageId, timestamp: 't' });

describe('as documented', () => {
	test('constructor, fields, places', () => {
		const chat = new ChatWebSocket('token');
		assert.deepEqual([chat.token, chat.ws, chat.reconnectAttempts, chat.maxReconnectAttempts], ['token', null, 0, 5]);
		assert.equal(chat.url, 'ws://localhost:4000');
		const presence = new PresenceWebSocket('token');
		assert.deepEqual([presence.token, presence.ws, presence.url], ['token', null, 'ws://localhost:5000']);
		for (const name of ['connect', 'handleMessage', 'sendPrivateMessage', 'sendGroupMessage', 'getChatHistory', 'getGroupHistory',
			'joinGroup', 'leaveGroup', 'send', 'attemptReconnect', 'disconnect', 'onPrivateMessage', 'onGroupMessage', 'onChatHistory',
			'onGroupHistory'])
			assert.equal(typeof chat[name], 'function', name);
		for (const name of ['connect', 'handlePresenceUpdate', 'send', 'onPresenceChange', 'disconnect'])
			assert.equal(typeof presence[name], 'function', name);
	});

	test('AUTH goes first, nothing else before its answer, and each method has its frame', async () => {
		const chat = make();
		chat.joinGroup('g');
		chat.connect();
		chat.sendPrivateMessage('bob', 'hi', 'chat_123');
		chat.sendGroupMessage('g', 'all');
		chat.getChatHistory('bob', 'chat_123');
		chat.getGroupHistory('g');
		const ws = WebSocket.last;
		assert.equal(ws.url, 'ws://localhost:4000');
		ws.accept();
		const { requestId, ...auth } = ws.frames[0];
		assert.deepEqual([auth, ws.frames.length], [{ type: 'AUTH', token: ALICE }, 1]);
		ws.say({ type: 'SUCCESS', msg: 'ok', requestId });
		await clock.settle();
		assert.deepEqual(said(), [
			{ type: 'JOIN_GROUP', groupId: 'g', username: 'alice' },
			{ type: 'GET_ONE_TO_ONE_HISTORY', from: 'alice', to: 'bob', chatId: 'chat_123' },
			{ type: 'GET_GROUP_CHAT_HISTORY', groupId: 'g' },
			{ type: 'ONE_TO_ONE_CHAT', from: 'alice', to: 'bob', content: 'hi', chatId: 'chat_123' },
			{ type: 'GROUP_CHAT', from: 'alice', groupId: 'g', content: 'all' },
		]);
		await stored(ws, 5);
		chat.leaveGroup('g');
		await clock.settle();
		assert.equal(said().length, 6, 'the group does not hear the goodbye before the message is stored');
		chat.disconnect();
		assert.deepEqual([said().at(-1), ws.closedWith], [{ type: 'DISCONNECT' }, [1000, '']]);
	});

	test('each push has its callback, assigned or overridden', async () => {
		const heard = [];
		class Mine extends ChatWebSocket {
			onGroupMessage(message) {
				heard.push(['group', message.content]);
			}
		}
		const chat = await connected({}, Mine);
		chat.onPrivateMessage = (m) => heard.push(['private', m.content]);
		chat.onChatHistory = (m) => heard.push(['history', m.messages.length]);
		chat.onGroupHistory = (m) => heard.push(['group history', m.messages.length]);
		const ws = WebSocket.last;
		ws.say({ type: 'ONE_TO_ONE_CHAT', content: 'p' });
		ws.say({ type: 'GROUP_CHAT', content: 'g' });
		ws.say({ type: 'ONE_TO_ONE_CHAT_HISTORY', messages: [] });
		ws.say({ type: 'GROUP_CHAT_HISTORY', messages: [1] });
		ws.say({ type: 'ERROR', msg: 'no' });
		for (const odd of ['not json', '1', 'null', '{}', '[]', '{"type":5}', '{"type":"NEWS"}'])
			ws.say(odd);
		assert.deepEqual(heard, [['private', 'p'], ['group', 'g'], ['history', 0], ['group history', 1]]);
		assert.equal(errors.filter((line) => line === 'Error: no').length, 1);
		const presence = await connected({}, PresenceWebSocket);
		presence.onPresenceChange = (...change) => heard.push(change);
		WebSocket.last.say({ type: 'PRESENCE_UPDATE', username: 'bob', status: 'online', timestamp: 't' });
		WebSocket.last.say({ type: 'STATUS_CHANGE', username: 'bob' });
		assert.deepEqual(heard.slice(4), [['bob', 'online', 't']]);
	});

	test('who speaks: the token, else the page', async () => {
		globalThis.localStorage = { getItem: (key) => (key === 'username' ? 'kept' : null) };
		assert.equal(make().username, 'alice');
		assert.equal(make({ username: 'other' }).username, 'alice', 'the server compares with the token');
		assert.equal(make({ username: 'given' }, ChatWebSocket, 'opaque').username, 'given');
		assert.equal(make({}, ChatWebSocket, 'opaque').username, 'kept');
		delete globalThis.localStorage;
		const nobody = make({}, ChatWebSocket, 'opaque');
		await assert.rejects(nobody.joinGroup('g'), { code: 'INVALID_ARGUMENT' });
		const said = nobody.sendPrivateMessage('bob', 'x');
		nobody.connect();
		await welcome();
		await assert.rejects(said, { code: 'INVALID_ARGUMENT' });
	});
});

describe('connections', () => {
	for (const Class of [ChatWebSocket, PresenceWebSocket])
		test(`${Class.name}: a lost connection is made again, at most so often, after random and growing times`, async () => {
			const gaveUp = [];
			const socket = await connected({ onGiveUp: (error) => gaveUp.push(error.code) }, Class);
			clock.chance = 1;
			const waits = [];
			for (let i = 0; i < 5; i++) {
				WebSocket.last.end();
				waits.push(clock.pending[0]);
				await clock.tick(clock.pending[0]);
				await welcome(); /* does not last: the count goes on */
			}
			assert.deepEqual(waits, [2000, 4000, 8000, 16000, 30000]);
			assert.equal(socket.reconnectAttempts, 5);
			WebSocket.last.end();
			assert.deepEqual([gaveUp, clock.pending, WebSocket.made.length], [['GAVE_UP'], [], 6]);
			clock.chance = 0.25;
			socket.connect();
			assert.equal(WebSocket.made.length, 7, 'connect() begins anew');
			WebSocket.last.fail();
			assert.equal(clock.pending[0], 500);
		});

	test('a connection that lasts ends the count', async () => {
		const chat = await connected();
		WebSocket.last.end();
		await clock.tick(2000);
		await welcome();
		assert.equal(chat.reconnectAttempts, 1);
		await clock.tick(5000);
		assert.equal(chat.reconnectAttempts, 0);
	});

	for (const Class of [ChatWebSocket, PresenceWebSocket])
		test(`${Class.name}: no reconnect after disconnect(), whenever that is`, async () => {
			const at = [
				() => {},
				() => WebSocket.last.accept(),
				() => welcome(),
				async () => { await welcome(); WebSocket.last.end(); },
			];
			for (const [i, come] of at.entries()) {
				const socket = make({}, Class);
				const connecting = socket.connect();
				await come();
				const made = WebSocket.made.length;
				socket.disconnect();
				WebSocket.last.end(1000);
				socket.attemptReconnect();
				await clock.tick(100000);
				assert.equal(WebSocket.made.length, made, `${i}`);
				assert.deepEqual(clock.pending, []);
				if (i < 2)
					await assert.rejects(connecting, { code: 'CLOSED' });
			}
		});

	for (const Class of [ChatWebSocket, PresenceWebSocket])
		test(`${Class.name}: a refusal is final, as ERROR, as 1008 and as both`, async () => {
			for (const refuse of [
				(ws) => ws.say({ type: 'ERROR', msg: 'Invalid token.', requestId: ws.frames[0].requestId }),
				(ws) => ws.say({ type: 'ERROR', msg: 'Invalid token.' }),
				(ws) => ws.end(1008, 'Unauthorized'),
				(ws) => { ws.say({ type: 'ERROR', msg: 'Invalid token.' }); ws.end(1008); },
			]) {
				const told = [];
				const socket = make({ onGiveUp: (error) => told.push(error.code) }, Class);
				const connecting = socket.connect();
				const made = WebSocket.made.length;
				WebSocket.last.accept();
				refuse(WebSocket.last);
				await assert.rejects(connecting, { code: 'REFUSED' });
				await clock.tick(100000);
				assert.deepEqual([WebSocket.made.length, told, clock.pending], [made, ['REFUSED'], []]);
			}
		});

	test('the server\'s own trouble with AUTH is none: it is tried again, also without an answer', async () => {
		for (const trouble of [
			async (ws) => ws.say({ type: 'ERROR', msg: 'Authentication failed. Please try again.' }),
			async (ws) => ws.say({ type: 'ERROR', msg: 'You are sending too fast. Please wait a moment.', retryAfterMs: 500 }),
			() => clock.tick(10000),
		]) {
			const chat = make();
			const connecting = chat.connect();
			WebSocket.last.accept();
			await trouble(WebSocket.last);
			assert.equal(chat.isConnected, false);
			await clock.tick(2000);
			await welcome();
			await connecting;
			chat.disconnect();
		}
	});

	test('without a token nothing is dialled; a function is asked for each connection', async () => {
		await assert.rejects(make({}, ChatWebSocket, null).connect(), { code: 'NOT_SIGNED_IN' });
		assert.equal(WebSocket.made.length, 0);
		const tokens = [ALICE, '', BOB];
		const chat = make({}, ChatWebSocket, async () => tokens.shift());
		chat.connect();
		await clock.settle();
		await welcome();
		assert.equal(chat.username, 'alice');
		WebSocket.last.end();
		await clock.tick(10000); /* no token at the first try, one at the second */
		WebSocket.last.accept();
		assert.equal(WebSocket.last.frames[0].token, BOB);
	});

	test('a token that ends: the function is asked for the next one; a text is not tried again', async () => {
		for (const isFunction of [true, false]) {
			const chat = make({}, ChatWebSocket, isFunction ? () => ALICE : ALICE);
			chat.connect();
			await clock.settle();
			const ws = await welcome();
			ws.say({ type: 'INFO', msg: 'Your token expires soon.', expiresAt: 't' });
			await clock.settle();
			assert.equal(ws.frames.filter((frame) => frame.type === 'AUTH').length, isFunction ? 2 : 1);
			const made = WebSocket.made.length;
			ws.say({ type: 'ERROR', msg: 'Token expired.', expiresAt: 't' });
			ws.end(1008, 'token expired');
			await clock.tick(2000);
			assert.equal(WebSocket.made.length, made + (isFunction ? 1 : 0));
			chat.disconnect();
		}
	});

	test('a mistake that every try would repeat is told at once', async () => {
		const Refusing = class { constructor() { throw new SyntaxError('bad url'); } };
		await assert.rejects(make({ WebSocket: Refusing }).connect(), { code: 'INVALID_ARGUMENT', message: 'bad url' });
		assert.deepEqual(clock.pending, []);
	});

	test('1008 to somebody signed in is final too: another connection took over', async () => {
		const chat = make({}, ChatWebSocket, () => ALICE);
		chat.connect();
		await clock.settle();
		(await welcome()).end(1008, 'signed in on another connection');
		await clock.tick(100000);
		assert.equal(WebSocket.made.length, 1);
	});
});

describe('messages', () => {
	test('one under way per conversation; unacknowledged ones are sent again under their id', async () => {
		const chat = await connected();
		const sent = ['a', 'b'].map((text) => chat.sendPrivateMessage('bob', text));
		assert.deepEqual(said().map((m) => m.content), ['a']);
		const id = WebSocket.last.frames[1].clientMessageId;
		WebSocket.last.end();
		await clock.tick(2000);
		const ws = await welcome();
		assert.deepEqual([said().map((m) => m.content), ws.frames[1].clientMessageId], [['a'], id]);
		await stored(ws, 1, 'm1');
		await stored(ws, 2, 'm2');
		assert.deepEqual((await Promise.all(sent)).map((s) => s.messageId), ['m1', 'm2']);
		assert.deepEqual(chat.pending, []);
	});

	test('too fast is waited for; what is refused for good ends that message only', async () => {
		const chat = await connected();
		const first = chat.sendPrivateMessage('bob', 'a');
		const second = chat.sendPrivateMessage('bob', 'b');
		const ws = WebSocket.last;
		await answer(ws, 1, { type: 'ERROR', msg: 'You are sending too fast.', retryAfterMs: 700 });
		await clock.tick(699);
		assert.equal(said().length, 1);
		await clock.tick(1);
		assert.deepEqual(said().map((m) => m.content), ['a', 'a']);
		await answer(ws, 2, { type: 'ERROR', msg: 'User bob does not exist.' });
		await assert.rejects(first, { code: 'REJECTED', message: 'User bob does not exist.' });
		await stored(ws, 3);
		await second;
	});

	test('limits: of messages that wait, of their bytes, of other requests', async () => {
		const chat = make({ maxQueue: 2 });
		chat.sendPrivateMessage('bob', '1');
		chat.sendPrivateMessage('bob', '2');
		await assert.rejects(chat.sendPrivateMessage('bob', '3'), { code: 'OUTBOX_FULL' });
		chat.getGroupHistory('g');
		chat.send({ type: 'ANY' });
		await assert.rejects(chat.getGroupHistory('g'), { code: 'QUEUE_FULL' });
		assert.throws(() => chat.send({ type: 'ANY' }), { code: 'QUEUE_FULL' });
		const small = make({ maxQueueBytes: 2000 });
		await assert.rejects(small.sendPrivateMessage('bob', 'x'.repeat(2000)), { code: 'OUTBOX_FULL' });
	});

	test('a request that nobody waits for any more is not sent later', async () => {
		const chat = make();
		chat.connect();
		const late = chat.joinGroup('g');
		await clock.tick(10000);
		await assert.rejects(late, { code: 'REQUEST_TIMEOUT' });
		chat.getGroupHistory('h');
		await welcome(WebSocket.made[0]);
		assert.deepEqual(said(WebSocket.made[0]), [{ type: 'GET_GROUP_CHAT_HISTORY', groupId: 'h' }]);
	});

	test('a server that falls silent is left', async () => {
		const chat = await connected();
		const history = chat.getGroupHistory('g');
		await clock.tick(10000);
		await assert.rejects(history, { code: 'REQUEST_TIMEOUT' });
		assert.equal(chat.isConnected, false);
		await clock.tick(2000);
		assert.equal(WebSocket.made.length, 2);
	});

	test('requests under way end with the connection, and all with disconnect(); messages wait for connect()', async () => {
		const chat = await connected();
		const asked = chat.getGroupHistory('g');
		WebSocket.last.end();
		await assert.rejects(asked, { code: 'CONNECTION_LOST' });
		const queued = chat.getGroupHistory('g');
		let isStored = false;
		chat.sendPrivateMessage('bob', 'x').then(() => { isStored = true; });
		chat.disconnect();
		await assert.rejects(queued, { code: 'CLOSED' });
		assert.equal(chat.pending.length, 1);
		chat.connect();
		const ws = await welcome();
		assert.deepEqual(said().map((frame) => frame.type), ['ONE_TO_ONE_CHAT']);
		await stored(ws, 1);
		assert.ok(isStored);
	});

	test('what one user said is not sent in the name of the next', async () => {
		const chat = await connected();
		chat.disconnect();
		const said1 = chat.sendPrivateMessage('carol', 'from alice');
		chat.token = BOB;
		chat.connect();
		await welcome();
		await assert.rejects(said1, { code: 'ACCOUNT_CHANGED' });
		chat.sendPrivateMessage('carol', 'from bob');
		await clock.settle();
		assert.deepEqual(said().map((m) => [m.from, m.content]), [['bob', 'from bob']]);
	});

	test('a callback that throws stops nothing', async () => {
		const thrown = [];
		const others = process.listeners('uncaughtException');
		process.removeAllListeners('uncaughtException');
		process.on('uncaughtException', (error) => thrown.push(error.message));
		try {
			const chat = await connected();
			chat.onPrivateMessage = () => { throw new Error('mine'); };
			const history = chat.getGroupHistory('g');
			WebSocket.last.say({ type: 'ONE_TO_ONE_CHAT' });
			await answer(WebSocket.last, 1, { type: 'GROUP_CHAT_HISTORY', messages: [] });
			await history;
			await new Promise((resolve) => setTimeout(resolve, 5));
			assert.deepEqual(thrown, ['mine']);
		} finally {
			process.removeAllListeners('uncaughtException');
			others.forEach((listener) => process.on('uncaughtException', listener));
		}
	});
});
