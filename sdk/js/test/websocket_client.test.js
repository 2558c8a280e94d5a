/* WebSocketClient: alone, and against the real server's native listener; there a plain client too. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { WebSocketClient } from '../src/index.js';
import { FakeClock, fakeWebSocket } from './fake.js';
import { plainClient } from './plain_client.js';
import { Proxy } from './proxy.js';
import { freePort, person, Server, sleep, token, until, WsWebSocket } from './server.js';

describe('alone', () => {
	let clock;
	let WebSocket;
	let lines;
	beforeEach(() => {
		clock = new FakeClock();
		WebSocket = fakeWebSocket();
		lines = [];
	});
	const logger = { log: () => {}, error: (...line) => lines.push(line.join(' ')) };
	const client = (options) => new WebSocketClient('ws://host:3001', { clock, WebSocket, logger, ...options });

	async function connected(options) {
		const c = client(options);
		const connecting = c.connect();
		WebSocket.last.accept();
		await connecting;
		return c;
	}

	test('a new client has the documented fields', () => {
		const options = { clock };
		const c = new WebSocketClient('ws://host:3001', options);
		assert.equal(c.url, 'ws://host:3001');
		assert.equal(c.options, options);
		assert.deepEqual([c.ws, c.isConnected, c.reconnectAttempts, c.maxReconnectAttempts, c.reconnectDelay], [null, false, 0, 5, 1000]);
		assert.ok(c.messageHandlers instanceof Map);
		assert.ok(Array.isArray(c.messageQueue));
		const zero = new WebSocketClient('ws://h', { maxReconnectAttempts: 0, reconnectDelay: 0 });
		assert.deepEqual([zero.maxReconnectAttempts, zero.reconnectDelay], [5, 1000], 'as documented: 0 is the default');
	});

	test('without a WebSocket it says what to do', async () => {
		const whole = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
		Object.defineProperty(globalThis, 'WebSocket', { value: undefined, configurable: true });
		const c = client({ WebSocket: undefined });
		await assert.rejects(c.connect(), /pass one as option/);
		c.close();
		if (whole)
			Object.defineProperty(globalThis, 'WebSocket', whole);
		else
			delete globalThis.WebSocket;
	});

	test('what is sent before is queued as it was given, and goes out in order before connect resolves', async () => {
		const c = client();
		c.send({ type: 'a' });
		c.send('raw');
		assert.deepEqual([...c.messageQueue], [{ type: 'a' }, 'raw']);
		const connecting = c.connect().then(() => WebSocket.last.sent.length);
		WebSocket.last.accept();
		assert.equal(await connecting, 2);
		c.send(new Uint8Array([1]));
		assert.deepEqual(WebSocket.last.sent, ['{"type":"a"}', 'raw', new Uint8Array([1])]);
		assert.equal(c.messageQueue.length, 0);
	});

	test('an application that fails in its hooks is connected again all the same', async (t) => {
		const uncaught = [];
		t.mock.method(globalThis, 'queueMicrotask', (act) => uncaught.push(act));
		const fail = () => { throw new Error('mine'); };
		const c = await connected({ onOpen: fail, onClose: fail });
		WebSocket.last.end();
		await clock.tick(1000);
		assert.equal(WebSocket.made.length, 2);
		assert.equal(uncaught.length, 2);
		c.close();
	});

	test('a queue that was emptied by hand has room again', () => {
		const c = client({ maxQueueBytes: 10 });
		c.send('12345678');
		c.messageQueue.length = 0;
		c.send('12345678');
		assert.equal(c.messageQueue.length, 1);
	});

	test('the queue has limits in messages and bytes, and says so', async () => {
		const few = client({ maxQueue: 2 });
		few.send('1');
		few.send('2');
		assert.throws(() => few.send('3'), { code: 'QUEUE_FULL' });
		await assert.rejects(few.request({ type: 'ping' }), { code: 'QUEUE_FULL' });
		const small = client({ maxQueueBytes: 4 });
		small.send('€');
		assert.throws(() => small.send('€'), { code: 'QUEUE_FULL' });
		small.send('1');
		assert.equal(small.messageQueue.length, 2);
		const emptied = small.connect();
		WebSocket.last.accept();
		await emptied;
		WebSocket.last.end();
		small.send('1234');
		assert.throws(() => small.send('5'), { code: 'QUEUE_FULL' });
	});

	test('one handler per type; bad JSON, unknown types and handlers that throw end nothing', async () => {
		const c = await connected();
		const heard = [];
		c.on('x', () => heard.push('replaced'));
		c.on('x', (message) => heard.push(message));
		c.on('bad', () => { throw new Error('mine'); });
		WebSocket.last.say({ type: 'x', n: 1 });
		WebSocket.last.say('no json');
		WebSocket.last.say('null');
		WebSocket.last.say('5');
		WebSocket.last.say({ type: 'unknown' });
		WebSocket.last.say({ type: 'bad' });
		WebSocket.last.say(new TextEncoder().encode('{"type":"x","n":2}').buffer);
		assert.deepEqual(heard, [{ type: 'x', n: 1 }, { type: 'x', n: 2 }]);
		assert.equal(lines.length, 2);
	});

	test('a failed attempt rejects connect, and others follow', async () => {
		const c = client();
		const connecting = c.connect();
		WebSocket.last.fail();
		await assert.rejects(connecting, { message: 'refused' });
		await clock.tick(500);
		WebSocket.last.accept();
		assert.equal(c.isConnected, true);
		assert.equal(c.reconnectAttempts, 1, 'not yet stable');
		await clock.tick(5000);
		assert.equal(c.reconnectAttempts, 0);
	});

	test('after the last try it gives up, once, and waiting requests end', async () => {
		const given = [];
		const c = client({ maxReconnectAttempts: 2, onGiveUp: (error) => given.push(error.code) });
		c.connect().catch(() => {});
		const request = c.request({ type: 'ping' }, { timeout: 1e6 });
		WebSocket.last.fail();
		await clock.tick(500);
		WebSocket.last.fail();
		await clock.tick(1000);
		WebSocket.last.fail();
		await assert.rejects(request, { code: 'GAVE_UP' });
		await clock.tick(1e5);
		assert.equal(WebSocket.made.length, 3);
		assert.deepEqual(given, ['GAVE_UP']);
	});

	for (const code of [1008, 4001, 4002])
		test(`${code} is final`, async () => {
			const ends = [];
			const c = await connected({ onClose: (end) => ends.push(end), onGiveUp: (error) => ends.push(error.code) });
			WebSocket.last.end(code, 'Unauthorized');
			await clock.tick(1e5);
			assert.equal(WebSocket.made.length, 1);
			assert.deepEqual(ends, [{ code, reason: 'Unauthorized', willRetry: false }, 'REFUSED']);
			assert.equal(c.isConnected, false);
		});

	for (const code of [1000, 1001, 1006, 1011, 1012, 1013])
		test(`${code} is tried again`, async () => {
			const c = await connected();
			WebSocket.last.end(code);
			await clock.tick(500);
			WebSocket.last.accept();
			assert.equal(c.isConnected, true);
		});

	test('close stays closed, until connect', async () => {
		const ends = [];
		const c = await connected({ onClose: (end) => ends.push(end) });
		const request = c.request({ type: 'ping' });
		c.close();
		WebSocket.last.end(1000);
		await assert.rejects(request, { code: 'CLOSED' });
		await clock.tick(1e5);
		assert.equal(WebSocket.made.length, 1);
		assert.deepEqual(ends, [{ code: 1000, reason: '', willRetry: false }]);
		const again = c.connect();
		WebSocket.last.accept();
		await again;
		assert.equal(c.isConnected, true);
		const waiting = client();
		const never = waiting.connect();
		waiting.close();
		await assert.rejects(never, { code: 'CLOSED' });
	});

	test('a token goes into the url, one that is asked for on each connection', async () => {
		client({ token: 't 1' }).connect().catch(() => {});
		assert.equal(WebSocket.last.url, 'ws://host:3001/?token=t+1');
		let n = 0;
		const c = client({ token: async () => `t${++n}` });
		const connecting = c.connect();
		await clock.settle();
		WebSocket.last.accept();
		await connecting;
		WebSocket.last.end();
		await clock.tick(500);
		assert.equal(WebSocket.last.url, 'ws://host:3001/?token=t2');
	});

	test('requests: the answer of the type, of the room, in their order', async () => {
		const c = await connected();
		const [a, b] = [c.request({ type: 'join', room: 'a' }), c.request({ type: 'join', room: 'b' })];
		const [one, two] = [c.request({ type: 'ping' }), c.request({ type: 'ping' })];
		const own = c.request({ type: 'sum' }, { reply: 'sum', where: (m) => m.n === 2 });
		WebSocket.last.say({ type: 'joined', roomId: 'b' });
		WebSocket.last.say({ type: 'joined', roomId: 'a' });
		WebSocket.last.say({ type: 'pong', timestamp: 1 });
		WebSocket.last.say({ type: 'pong', timestamp: 2 });
		WebSocket.last.say({ type: 'sum', n: 1 });
		WebSocket.last.say({ type: 'sum', n: 2 });
		assert.deepEqual([(await a).roomId, (await b).roomId, (await one).timestamp, (await two).timestamp, (await own).n], ['a', 'b', 1, 2, 2]);
		await assert.rejects(c.request({ type: 'chat' }), { code: 'INVALID_ARGUMENT' });
	});

	test('requests: timeout, error frames, a lost connection, one that still waits', async () => {
		const c = await connected();
		const late = c.request({ type: 'ping' }, { timeout: 100 });
		await clock.tick(100);
		await assert.rejects(late, { code: 'REQUEST_TIMEOUT' });
		const bad = c.request({ type: 'ping' });
		WebSocket.last.say({ type: 'error', error: 'Invalid message format' });
		await assert.rejects(bad, { code: 'SERVER_ERROR', message: 'Invalid message format' });
		const lost = c.request({ type: 'ping' });
		WebSocket.last.end(1006);
		await assert.rejects(lost, { code: 'CONNECTION_LOST', closeCode: 1006 });
		const queued = c.request({ type: 'ping' });
		await clock.tick(500);
		WebSocket.last.accept();
		WebSocket.last.say({ type: 'pong' });
		assert.equal((await queued).type, 'pong');
		assert.deepEqual(clock.pending.length, 1, 'only the timer of the stable connection is left');
	});
});

describe('against a native listener', () => {
	let server;
	const clients = [];
	before(async () => {
		const port = await freePort();
		server = new Server({ dialect: 'native', set: { 'native.anonymous': String(port) } });
		server.port = port;
		await server.launch();
	});
	afterEach(() => clients.splice(0).forEach((c) => (c.end ? c.end() : c.close())));
	after(() => server?.stop());

	const Plain = plainClient(WsWebSocket);
	const kinds = {
		WebSocketClient: (url, options) => new WebSocketClient(url, { WebSocket: WsWebSocket, ...options }),
		'a plain client': (url, options) => new Plain(url, options),
	};
	const url = () => `ws://127.0.0.1:${server.port}`;
	const make = (kind, at = url(), options = {}) => {
		const c = kinds[kind](at, options);
		clients.push(c);
		return c;
	};
	const next = (c, type) => new Promise((resolve) => c.on(type, resolve));

	for (const kind of Object.keys(kinds)) {
		test(`${kind}: connects`, async () => {
			const c = make(kind);
			await c.connect();
			assert.equal(c.isConnected, true);
		});

		test(`${kind}: joins a room`, async () => {
			const c = make(kind);
			await c.connect();
			const joined = next(c, 'joined');
			c.send({ type: 'join', room: 'test-room' });
			assert.equal((await joined).roomId, 'test-room');
		});

		test(`${kind}: one speaks, the other hears`, async () => {
			const [a, b] = [make(kind), make(kind)];
			await Promise.all([a.connect(), b.connect()]);
			for (const c of [a, b]) {
				const joined = next(c, 'joined');
				c.send({ type: 'join', room: 'talk' });
				await joined;
			}
			const heard = next(b, 'chat');
			a.send({ type: 'chat', room: 'talk', content: 'Hello World' });
			assert.equal((await heard).content, 'Hello World');
		});

		test(`${kind}: comes back after the connection was cut, and what was said meanwhile goes out`, async () => {
			const proxy = await Proxy.start(server.port);
			const c = make(kind, proxy.url('/'), { reconnectDelay: 100 });
			await c.connect();
			const back = next(c, 'connected');
			proxy.cut();
			await until('noticed', () => !c.isConnected);
			const pong = next(c, 'pong');
			c.send({ type: 'ping' });
			await back;
			await pong;
			clients.splice(0).forEach((one) => (one.end ? one.end() : one.close()));
			await proxy.stop();
		});
	}

	test('two seconds after a forced disconnect: connected, and the attempt is still counted', async () => {
		const proxy = await Proxy.start(server.port);
		const c = make('WebSocketClient', proxy.url('/'));
		await c.connect();
		proxy.cut();
		await sleep(2000);
		assert.equal(c.isConnected, true);
		assert.ok(c.reconnectAttempts > 0);
		c.close();
		await proxy.stop();
	});

	test('requests get the real answers', async () => {
		const c = make('WebSocketClient');
		await c.connect();
		const { roomId, members } = await c.request({ type: 'join', room: 'asked' });
		assert.equal(roomId, 'asked');
		assert.equal(members.length, 1);
		assert.equal(typeof (await c.request({ type: 'ping' })).timestamp, 'number');
		assert.equal((await c.request({ type: 'leave', room: 'asked' })).roomId, 'asked');
		const bad = c.request('not json', { reply: 'never' });
		await assert.rejects(bad, { code: 'SERVER_ERROR', message: 'Invalid message format' });
	});

	test('a token names the user; a bad one is refused for good', async () => {
		const who = person('ann');
		const c = make('WebSocketClient', url(), { token: () => token(who) });
		await c.connect();
		const { members } = await c.request({ type: 'join', room: 'named' });
		assert.match(JSON.stringify(members), new RegExp(`${who.name}|${who.username}`));
		let refused;
		const bad = make('WebSocketClient', url(), { token: 'bad', onGiveUp: (error) => { refused = error; }, logger: { log() {}, error() {} } });
		await bad.connect();
		await until('refused', () => refused);
		assert.deepEqual([refused.code, refused.closeCode], ['REFUSED', 1008]);
	});
});
