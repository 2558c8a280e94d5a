/* Rooms alone: joined again before anything is asked for, gaps filled once, closed rooms let go. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ParleyError } from '../src/errors.js';
import { Rooms } from '../src/rooms.js';
import { FakeClock } from './fake.js';

const m = (seq, room = 'r') => ({ id: `${room}${seq}`, seq, conversation_id: room });
const run = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => m(from + i));

let clock;
let asked;
let lost;
/** What the server has, and what it answers instead. */
let stored;
let fault;
beforeEach(() => {
	clock = new FakeClock();
	asked = [];
	lost = [];
	stored = [];
	fault = () => null;
});

const rooms = (options = {}) => new Rooms({
	clock, keep: 1000, fillPages: 3, log: () => {}, onChange: () => {},
	onLost: (id, error) => lost.push([id, error.code]),
	request: async (type, payload) => {
		asked.push([type, payload.afterSeq]);
		const error = fault(type, payload);
		if (error)
			throw new ParleyError(error, error);
		if (type !== 'load_messages')
			return { type, payload: {} };
		const limit = payload.limit ?? 50;
		const newer = payload.afterSeq === undefined ? stored : stored.filter((one) => one.seq > payload.afterSeq);
		const page = payload.afterSeq === undefined ? newer.slice(-limit) : newer.slice(0, limit);
		return { type, payload: { messages: page, hasMore: page.length < newer.length } };
	},
	...options,
});
const seqs = (r) => r.messages.map((one) => one.seq);

async function joined(options) {
	const r = rooms(options);
	await r.join('r');
	await r.load('r');
	asked = [];
	return r;
}

test('on a new connection: first joined, then asked what was missed', async () => {
	const r = await joined();
	stored = run(1, 3);
	await r.rejoin();
	await clock.settle();
	assert.deepEqual(asked, [['join_conversation', undefined], ['load_messages', 0]]);
	assert.deepEqual(seqs(r), [1, 2, 3]);
});

test('a hole that closes by itself is not asked for, another is, once', async () => {
	const r = await joined();
	r.receive(m(2));
	r.receive(m(1));
	await clock.tick(1000);
	assert.deepEqual(asked, []);
	stored = run(1, 6);
	r.receive(m(5));
	r.receive(m(6));
	assert.deepEqual(seqs(r), [1, 2]);
	await clock.tick(1000);
	assert.deepEqual(asked, [['load_messages', 2]]);
	assert.deepEqual(seqs(r), [1, 2, 3, 4, 5, 6]);
});

test('filling that fails is tried again later', async () => {
	const r = await joined();
	stored = run(1, 3);
	r.receive(m(3));
	fault = () => 'REQUEST_TIMEOUT';
	await clock.tick(200);
	assert.deepEqual(seqs(r), []);
	fault = () => null;
	await clock.tick(5000);
	assert.deepEqual(seqs(r), [1, 2, 3]);
});

test('more than is worth reading: the newest page, and no more requests', async () => {
	const r = await joined({ fillPages: 2 });
	stored = run(1, 500);
	await r.rejoin();
	await clock.settle();
	assert.deepEqual(asked, [['join_conversation', undefined], ['load_messages', 0], ['load_messages', 200], ['load_messages', undefined]]);
	assert.deepEqual(seqs(r), run(451, 500).map((one) => one.seq));
	assert.equal(r.hasMore, true);
});

test('a room that is closed to us now is said and not joined again; the others are', async () => {
	const r = await joined();
	await r.join('closed');
	fault = (type, payload) => (payload.conversationId === 'closed' ? 'ACCESS_DENIED' : null);
	await r.rejoin();
	assert.deepEqual(lost, [['closed', 'ACCESS_DENIED']]);
	assert.equal(r.isJoined('closed'), false);
	assert.equal(r.isJoined('r'), true);
	assert.deepEqual([...r.rooms.keys()], ['r']);
	asked = [];
	fault = () => 'CONNECTION_LOST';
	await r.rejoin();
	assert.equal(r.isJoined('r'), true, 'a lost connection is no answer');
});

test('no answer, or trouble of the server, closes no room: it is joined again and filled', async () => {
	for (const code of ['REQUEST_TIMEOUT', 'DATABASE_ERROR', 'RATE_LIMITED']) {
		const r = await joined();
		await r.join('q'); /* not shown, so it would be forgotten */
		fault = () => code;
		await r.rejoin();
		assert.deepEqual([r.isJoined('r'), r.isJoined('q'), lost], [true, true, []], code);
		fault = () => null;
		stored = run(1, 3);
		asked = [];
		await clock.tick(5000);
		assert.deepEqual(asked.filter(([type]) => type === 'join_conversation').length, 2, code);
		assert.deepEqual(seqs(r), [1, 2, 3], code);
		r.clear();
	}
	const r = await joined();
	fault = () => 'NOT_SIGNED_IN';
	await r.rejoin();
	assert.equal(r.isJoined('r'), true, 'the next sign-in joins again');
	assert.deepEqual(clock.pending, []);
});

test('what was missed is asked for again when that failed, also if nothing new is said', async () => {
	const r = await joined();
	stored = run(1, 3);
	fault = (type) => (type === 'load_messages' ? 'DATABASE_ERROR' : null);
	await r.rejoin();
	await clock.settle();
	fault = () => null;
	await clock.tick(5000);
	assert.deepEqual(seqs(r), [1, 2, 3]);
	r.clear();
});

test('what is neither joined nor shown is not kept', async () => {
	const r = await joined();
	await r.load('q');
	assert.deepEqual([...r.rooms.keys()], ['r', 'q']);
	await r.leave('r');
	assert.deepEqual([...r.rooms.keys()], ['q']);
	r.receive(m(1, 'unknown'));
	r.receive({ conversation_id: 'q' });
	assert.deepEqual([...r.rooms.keys()], ['q']);
	fault = () => 'ACCESS_DENIED';
	await assert.rejects(r.join('x'), { code: 'ACCESS_DENIED' });
	assert.equal(r.rooms.has('x'), false);
	r.clear();
	assert.deepEqual([r.rooms.size, r.active, r.messages], [0, null, []]);
	assert.deepEqual(clock.pending, []);
});
