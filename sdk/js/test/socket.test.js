/* One connection at a time: when the next is made, and after which end there is none. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { backoffDelay, isFinalClose, isFrameFault } from '../src/backoff.js';
import { byteLength, uuid, withToken } from '../src/environment.js';
import { Socket } from '../src/socket.js';
import { FakeClock, fakeWebSocket } from './fake.js';

let clock;
let WebSocket;
let heard;
beforeEach(() => {
	clock = new FakeClock();
	WebSocket = fakeWebSocket();
	heard = [];
});

const socket = (options = {}) => new Socket({
	clock, WebSocket, url: () => 'ws://host/', reconnectDelay: 1000, maxReconnectDelay: 8000, maxReconnectAttempts: 5,
	stableAfter: 5000, connectTimeout: 15000,
	onOpen: () => heard.push('open'), onMessage: (text) => heard.push(text), onClose: (end) => heard.push(end), ...options,
});

test('full jitter: from nothing to a ceiling that doubles, up to the largest', () => {
	const ceilings = [1, 2, 3, 4, 5, 40].map((n) => backoffDelay(n, 1000, 8000, () => 1));
	assert.deepEqual(ceilings, [1000, 2000, 4000, 8000, 8000, 8000]);
	assert.equal(backoffDelay(3, 1000, 8000, () => 0), 0);
	assert.equal(backoffDelay(3, 1000, 8000, () => 0.25), 1000);
	assert.equal(backoffDelay(5000, 1000, 8000, () => 1), 8000, 'no overflow');
});

test('which closes are final, and which speak of a frame', () => {
	assert.deepEqual([1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 3000, 5000].filter(isFinalClose), []);
	assert.deepEqual([1008, 4000, 4001, 4002, 4999].filter(isFinalClose), [1008, 4000, 4001, 4002, 4999]);
	assert.deepEqual([1000, 1002, 1003, 1006, 1007, 1008, 1009, 1011].filter(isFrameFault), [1002, 1003, 1007, 1009]);
});

test('open, text and bytes in, closed by the other side', () => {
	const s = socket();
	assert.equal(s.send('x'), false);
	s.open();
	assert.equal(s.state, 'connecting');
	assert.equal(s.send('x'), false);
	WebSocket.last.accept();
	WebSocket.last.say('text');
	WebSocket.last.say(new TextEncoder().encode('bytes').buffer);
	assert.equal(s.send('x'), true);
	WebSocket.last.end(1001, 'away');
	assert.deepEqual(heard, ['open', 'text', 'bytes', { code: 1001, reason: 'away', wasOpen: true, isFinal: false }]);
	assert.deepEqual(WebSocket.last.sent, ['x']);
	assert.equal(s.state, 'lost');
});

test('tries end; a connection that lasts gives them all again', async () => {
	const s = socket({ onClose: () => {} });
	s.open();
	const waits = [];
	for (let ms = 0; ms >= 0;) {
		WebSocket.last.fail();
		waits.push(ms = s.retry());
		await clock.tick(Math.max(ms, 0));
	}
	assert.deepEqual(waits, [500, 1000, 2000, 4000, 4000, -1]);
	assert.equal(WebSocket.made.length, 6);
	s.open();
	WebSocket.last.accept();
	await clock.tick(4999);
	assert.equal(s.attempts, 5, 'open is not yet stable');
	await clock.tick(1);
	assert.equal(s.attempts, 0);
});

test('a connection that is not made in time failed', async () => {
	const s = socket();
	s.open();
	await clock.tick(15000);
	assert.equal(heard[0].code, 1006);
	assert.equal(s.state, 'lost');
	WebSocket.last.accept();
	assert.equal(heard.length, 1, 'what comes later is not heard');
});

test('dropped is closed at once, and the old WebSocket is not heard any more', () => {
	const s = socket();
	s.open();
	const first = WebSocket.last;
	first.accept();
	s.drop('dead');
	assert.deepEqual(heard[1], { code: 1006, reason: 'dead', wasOpen: true, isFinal: false });
	assert.ok(first.closedWith);
	s.open();
	WebSocket.last.accept();
	first.say('late');
	first.end();
	assert.deepEqual(heard.slice(2), ['open']);
	assert.equal(s.state, 'open');
});

test('close stays closed', async () => {
	const s = socket({ onClose: () => s.retry() });
	s.open();
	WebSocket.last.accept();
	s.close(1000, 'bye');
	assert.deepEqual(WebSocket.last.closedWith, [1000, 'bye']);
	WebSocket.last.end(1000);
	assert.equal(s.retry(), -2);
	await clock.tick(100000);
	assert.equal(WebSocket.made.length, 1);
	assert.deepEqual(clock.pending, []);
});

test('close ends a wait, hurry shortens it', async () => {
	const s = socket();
	s.open();
	WebSocket.last.fail();
	s.retry();
	s.hurry();
	assert.equal(WebSocket.made.length, 2);
	WebSocket.last.fail();
	s.retry();
	s.close();
	s.hurry();
	await clock.tick(100000);
	assert.equal(WebSocket.made.length, 2);
});

test('an url that comes later, and one that never does', async () => {
	const late = socket({ url: async () => 'ws://late/' });
	late.open();
	assert.equal(WebSocket.made.length, 0);
	await clock.settle();
	assert.equal(WebSocket.last.url, 'ws://late/');
	const never = socket({ url: async () => { throw new Error('no token'); } });
	never.open();
	await clock.settle();
	assert.equal(heard[0].reason, 'no token');
	const closed = socket({ url: async () => 'ws://closed/' });
	closed.open();
	closed.close();
	await clock.settle();
	assert.equal(WebSocket.made.length, 1, 'closed while it waited');
});

test('no WebSocket, or one that throws, is a failed attempt, and the last', () => {
	const none = socket({ WebSocket: class { constructor() { throw new TypeError('bad url'); } } });
	none.open();
	assert.equal(heard[0].reason, 'bad url');
	assert.equal(heard[0].isFinal, true, 'it would be so for ever');
	assert.deepEqual(clock.pending, []);
});

test('a token goes into the url, beside what is there', () => {
	assert.equal(withToken('ws://h/p?a=1', 't&x'), 'ws://h/p?a=1&token=t%26x');
	assert.equal(withToken('ws://h', 't'), 'ws://h/?token=t');
	assert.equal(withToken('https://h/ws', 't'), 'wss://h/ws?token=t');
	assert.equal(withToken('ws://h:3000', undefined), 'ws://h:3000');
});

test('ids are version 4 UUIDs, also without crypto; bytes are those of UTF-8', () => {
	const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
	assert.match(uuid(), form);
	const whole = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
	for (const value of [undefined, { getRandomValues: (a) => a.fill(255) }]) {
		Object.defineProperty(globalThis, 'crypto', { value, configurable: true });
		assert.match(uuid(), form);
	}
	if (whole)
		Object.defineProperty(globalThis, 'crypto', whole);
	else
		delete globalThis.crypto;
	assert.equal(byteLength('aé€😀'), 10);
});
