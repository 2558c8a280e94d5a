/* A session: signing in on each connection, what a refusal means, pulses, requests that wait. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { parseFrame } from '../src/requests.js';
import { Session } from '../src/session.js';
import { Typing } from '../src/typing.js';
import { FakeClock, fakeWebSocket } from './fake.js';

let clock;
let WebSocket;
let events;
beforeEach(() => {
	clock = new FakeClock();
	WebSocket = fakeWebSocket();
	events = [];
});

function session(options = {}) {
	return new Session({
		clock, WebSocket, url: () => 'ws://h/ws', reconnectDelay: 100, maxReconnectDelay: 1000, maxReconnectAttempts: Infinity,
		stableAfter: 5000, connectTimeout: 15000, requestTimeout: 30000, heartbeat: 25000, heartbeatTimeout: 10000,
		log: () => {}, onState: () => {},
		onSignedIn: (user, again) => events.push(['in', user.id, again]), onSignedOut: () => events.push('out'),
		onSigningIn: () => events.push('signing in'), onTrouble: (error) => events.push(['trouble', error.code]), onRefused: (error) => events.push(['refused', error.code]), onOver: (error) => events.push(['over', error.code]),
		onFrame: (frame) => events.push(['frame', frame.type]), ...options,
	});
}
const asked = (type) => WebSocket.last.frames.filter((frame) => frame.type === type).at(-1);
const answer = (to, type, payload = {}) => WebSocket.last.say({ type, payload, requestId: to.requestId, timestamp: 'now' });
const tell = (type, payload = {}) => WebSocket.last.say({ type, payload, requestId: 'fresh', timestamp: 'now' });
const no = (to, code, more = {}) => answer(to, 'error', { code, error: code, ...more });

async function accept() {
	WebSocket.last.accept();
	await clock.settle();
}
async function signedIn(source = 'token', options) {
	const s = session(options);
	s.connect(source);
	await accept();
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	events = [];
	return s;
}

test('the envelope: what is no message of the protocol is not one', () => {
	for (const text of ['', '5', 'null', '[]', '{"type":"x"}', '{"type":"","payload":{}}', '{"type":"x","payload":1}', '{"type":"x","payload":null}'])
		assert.equal(parseFrame(text), null, text);
	assert.equal(parseFrame('{"type":"x","payload":{}}').type, 'x');
});

test('a request has an envelope with an id of its own and a time', async () => {
	const s = await signedIn();
	s.ask('ping', {});
	const frame = asked('ping');
	assert.deepEqual(Object.keys(frame).sort(), ['payload', 'requestId', 'timestamp', 'type']);
	assert.equal(new Date(frame.timestamp).toISOString(), frame.timestamp);
	assert.notEqual(frame.requestId, asked('auth').requestId);
});

test('the token is brought on each connection', async () => {
	let n = 0;
	await signedIn(() => `t${++n}`);
	assert.equal(asked('auth').payload.token, 't1');
	WebSocket.last.end(1006);
	await clock.tick(1000);
	await accept();
	assert.equal(asked('auth').payload.token, 't2');
	assert.deepEqual(events, ['out', 'signing in']);
});

test('a refused token: told, nobody waits any longer, the connection stays', async () => {
	const s = session();
	s.connect('bad');
	const waiting = s.request('load_conversations', {});
	await accept();
	no(asked('auth'), 'INVALID_TOKEN');
	await assert.rejects(waiting, { code: 'NOT_SIGNED_IN' });
	assert.deepEqual(events, ['signing in', ['refused', 'INVALID_TOKEN']]);
	assert.equal(s.isOpen, true);
	await assert.rejects(s.request('x', {}), { code: 'NOT_SIGNED_IN' });
});

test('too many refused tokens: later again; trouble: on another connection', async () => {
	const s = session();
	s.connect('t');
	await accept();
	no(asked('auth'), 'RATE_LIMITED', { retry_after_ms: 700 });
	const first = asked('auth');
	await clock.tick(700);
	assert.notEqual(asked('auth').requestId, first.requestId);
	no(asked('auth'), 'AUTH_ERROR');
	await clock.tick(1000);
	assert.equal(WebSocket.made.length, 2);
});

test('TOKEN_EXPIRING: a source is asked again, a text is not brought twice', async () => {
	let n = 0;
	await signedIn(async () => `t${++n}`);
	tell('auth_error', { code: 'TOKEN_EXPIRING' });
	await clock.settle();
	assert.equal(asked('auth').payload.token, 't2');
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	assert.deepEqual(events, [['frame', 'auth_error'], 'signing in', ['in', 'u', true]]);
	await signedIn('text');
	const before = WebSocket.last.sent.length;
	tell('auth_error', { code: 'TOKEN_EXPIRING' });
	await clock.settle();
	assert.equal(WebSocket.last.sent.length, before);
});

test('1008: over with a text, once more with a source', async () => {
	await signedIn('text');
	WebSocket.last.end(1008, 'token expired');
	await clock.tick(60000);
	assert.deepEqual(events, ['out', ['over', 'REFUSED']]);
	assert.equal(WebSocket.made.length, 1);
	await signedIn(() => 'source');
	WebSocket.last.end(1008, 'token expired');
	await clock.tick(1000);
	assert.equal(WebSocket.made.length, 3);
	await accept();
	WebSocket.last.end(1008, 'nobody signed in');
	await clock.tick(60000);
	assert.equal(WebSocket.made.length, 3, 'twice in a row is an answer');
	assert.deepEqual(events, ['out', 'signing in', ['over', 'REFUSED']]);
});

test('a pulse: a server that is silent is left, one that says anything is not', async () => {
	const s = await signedIn();
	await clock.tick(25000);
	answer(asked('ping'), 'pong');
	await clock.tick(25000);
	tell('user_online');
	await clock.tick(10000);
	assert.equal(s.isOpen, true, 'it spoke');
	await clock.tick(25000);
	assert.ok(asked('ping'));
	await clock.tick(11000);
	assert.ok(WebSocket.made.length > 1, 'silence');
});

test('requests wait for somebody to be signed in, and end in time', async () => {
	const s = session();
	await assert.rejects(s.request('x', {}), { code: 'CLOSED' });
	s.connect('t');
	const [soon, late] = [s.request('a', {}), s.request('b', {}, { timeout: 1000 })];
	late.catch(() => {});
	await clock.tick(1000);
	await assert.rejects(late, { code: 'REQUEST_TIMEOUT' });
	await accept();
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	answer(asked('a'), 'done', { n: 1 });
	assert.equal((await soon).payload.n, 1);
});

test('requests: RATE_LIMITED waits, UNAUTHORIZED signs in anew', async () => {
	const s = await signedIn();
	const request = s.request('a', {}, { again: true });
	await clock.settle();
	no(asked('a'), 'RATE_LIMITED', { retry_after_ms: 500 });
	await clock.tick(500);
	no(asked('a'), 'UNAUTHORIZED');
	await clock.settle();
	assert.deepEqual(events, ['out', 'signing in']);
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	answer(asked('a'), 'done');
	assert.equal((await request).type, 'done');
	assert.equal(WebSocket.last.frames.filter((f) => f.type === 'a').length, 3);
});

test('a source that fails is asked again: on another connection, or on this one while it is signed in', async () => {
	let fails = true;
	const source = async () => {
		if (fails)
			throw new Error('offline');
		return 't';
	};
	const s = session();
	s.connect(source);
	await accept();
	assert.deepEqual(events, [['trouble', 'TOKEN_FAILED']]);
	fails = false;
	await clock.tick(1000);
	await accept();
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	assert.equal(s.isSignedIn, true);
	fails = true;
	tell('auth_error', { code: 'TOKEN_EXPIRING' });
	await clock.settle();
	assert.equal(s.isSignedIn, true);
	fails = false;
	const before = asked('auth');
	await clock.tick(5000);
	assert.notEqual(asked('auth'), before);
});

test('a fresh token that is refused ends being signed in', async () => {
	const s = await signedIn('t');
	s.source = 'bad';
	s.signIn();
	await clock.settle();
	no(asked('auth'), 'INVALID_TOKEN');
	await clock.settle();
	assert.deepEqual(events, ['signing in', 'out', ['refused', 'INVALID_TOKEN']]);
	assert.equal(s.isSignedIn, false);
});

test('a connection that is closing takes nothing, and nobody spins on it', async () => {
	const s = await signedIn('t');
	WebSocket.last.readyState = 2;
	const request = s.request('a', {}, { again: true });
	request.catch(() => {});
	await clock.tick(300);
	assert.equal(asked('a'), undefined);
	WebSocket.last.end(1001);
	await clock.tick(1000);
	await accept();
	answer(asked('auth'), 'auth_success', { user: { id: 'u' } });
	await clock.settle();
	answer(asked('a'), 'done');
	assert.equal((await request).type, 'done');
});

test('disconnect ends everything, and no timer is left', async () => {
	const s = await signedIn();
	const request = s.request('a', {});
	await clock.settle();
	s.disconnect();
	await assert.rejects(request, { code: 'CLOSED' });
	assert.deepEqual(clock.pending, []);
	assert.ok(WebSocket.last.closedWith);
});

test('typing: once while the keys go on, again before the server forgets, and its end', async () => {
	const said = [];
	const typing = new Typing(clock, { start: (id) => said.push(`start ${id}`), stop: (id) => said.push(`stop ${id}`), onChange: () => {} });
	for (let i = 0; i < 12; i++) {
		typing.set('r');
		await clock.tick(1000);
	}
	assert.deepEqual(said, ['start r', 'start r']);
	await clock.tick(3000);
	assert.deepEqual(said, ['start r', 'start r', 'stop r']);
	typing.set('r');
	typing.forget('r');
	await clock.tick(10000);
	assert.equal(said.length, 4, 'a message was sent: that is the end of typing');
	typing.hear({ conversationId: 'r', userId: 'u', isTyping: true });
	typing.hear({ conversationId: 'q', userId: 'v', isTyping: true });
	assert.deepEqual([typing.users('r'), typing.users(null), typing.users('z')], [['u'], ['u', 'v'], []]);
	await clock.tick(60000);
	assert.deepEqual(typing.users(null), [], 'nobody types for ever');
	assert.deepEqual(clock.pending, []);
});

test('the clock on the wall is set: pulses and time limits stay what they are', async () => {
	for (const jump of [-3600000, 3600000]) {
		const s = await signedIn();
		const waiting = s.request('load_conversations', {});
		waiting.catch(() => {});
		clock.jump = jump;
		await clock.tick(1000);
		answer(asked('load_conversations'), 'error', { code: 'RATE_LIMITED', error: 'wait', retry_after_ms: 100 });
		await clock.tick(200);
		answer(asked('load_conversations'), 'conversations_loaded', {});
		assert.equal((await waiting).type, 'conversations_loaded', `${jump}`);
		await clock.tick(36000);
		assert.equal(s.isOpen, false, `${jump}: a dead connection is noticed`);
		s.disconnect();
		clock.jump = 0;
	}
});
