/* A run of messages has no holes, no doubles and one order, whatever order they come in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../src/timeline.js';
import { withLatest } from '../src/conversations.js';
import { subjectOf } from '../src/account.js';
import { sign } from './server.js';

const m = (seq) => ({ id: `i${seq}`, seq });
const run = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => m(from + i));
const seqs = (timeline) => timeline.messages.map((one) => one.seq);

function loaded(...page) {
	const t = new Timeline(100);
	t.reset(page, false);
	return t;
}

test('in order, again, and before it is loaded', () => {
	const t = new Timeline(100);
	t.add(m(4));
	assert.deepEqual(seqs(t), []);
	assert.equal(t.hasHole, false, 'nothing is known yet');
	t.reset(run(1, 3), false);
	assert.deepEqual(seqs(t), [1, 2, 3, 4]);
	assert.equal(t.add(m(4)), false);
	assert.equal(t.add(m(2)), false);
	assert.equal(t.add(m(5)), true);
	assert.deepEqual(seqs(t), [1, 2, 3, 4, 5]);
});

test('too early is held until the hole closes', () => {
	const t = loaded(m(1));
	t.add(m(4));
	t.add(m(3));
	assert.deepEqual(seqs(t), [1]);
	assert.equal(t.hasHole, true);
	t.add(m(2));
	assert.deepEqual(seqs(t), [1, 2, 3, 4]);
	assert.equal(t.hasHole, false);
});

test('a hole is filled by pages, overlapping or not', () => {
	const t = loaded(m(1));
	t.add(m(6));
	assert.equal(t.filled(run(1, 3), false, [6]), true);
	assert.deepEqual(seqs(t), [1, 2, 3]);
	t.filled(run(4, 6).reverse(), true, [6]);
	assert.deepEqual(seqs(t), run(1, 6).map((one) => one.seq));
	assert.equal(t.filled(run(3, 6), true), false);
});

test('a hole that is for good: not visible to this reader', () => {
	const t = loaded(m(1));
	t.add(m(3));
	t.add(m(7));
	t.filled([], true, [3]);
	assert.deepEqual(seqs(t), [1, 3], '7 came after the page was asked for');
	assert.equal(t.hasHole, true);
	t.filled([m(7)], true, [7]);
	assert.deepEqual(seqs(t), [1, 3, 7]);
	assert.equal(t.hasHole, false);
});

test('a first message that is not number 1', () => {
	const t = loaded();
	t.add(m(18));
	assert.equal(t.hasHole, true, 'older ones may be missing: it is asked');
	t.filled([m(18)], true, [18]);
	assert.deepEqual(seqs(t), [18]);
});

test('loading again keeps what is newer than the page', () => {
	const t = loaded(...run(1, 3));
	t.add(m(4));
	t.reset(run(2, 3), true);
	assert.deepEqual(seqs(t), [2, 3, 4]);
	assert.equal(t.hasMore, true);
	t.reset(run(5, 9), false);
	assert.deepEqual(seqs(t), run(5, 9).map((one) => one.seq), 'a newer page replaces all');
	t.reset([m(2)], false);
	assert.deepEqual(seqs(t), [2]);
	assert.equal(t.hasHole, true, 'a page far behind the run: what was there is held, not forgotten');
	const empty = loaded(m(1));
	empty.reset([], false);
	assert.deepEqual(seqs(empty), [1], 'an answer from before the first message');
});

test('older pages go in front; the oldest go when there are too many', () => {
	const t = new Timeline(4);
	t.reset(run(5, 6), true);
	t.older([m(4), m(3), m(5)], false);
	assert.deepEqual(seqs(t), [3, 4, 5, 6]);
	assert.equal(t.hasMore, false);
	t.add(m(7));
	assert.deepEqual(seqs(t), [4, 5, 6, 7]);
	assert.equal(t.hasMore, true);
});

test('what is held has a limit, and nothing is lost by it', () => {
	const t = loaded(m(1));
	for (let seq = 3; seq < 3000; seq++)
		t.add(m(seq));
	assert.ok(t.held.size <= 1000);
	for (let seq = 1; seq < 3000; seq += 100)
		t.filled(run(seq, Math.min(seq + 99, 2999)), seq + 99 >= 2999, []);
	assert.equal(t.last, 2999);
	assert.equal(t.held.size, 0);
});

test('every order of five messages with doubles ends in the same run', () => {
	const permute = (list) => (list.length < 2 ? [list] : list.flatMap((x, i) => permute([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [x, ...rest])));
	for (const order of permute([2, 3, 4, 5, 6])) {
		const t = loaded(m(1));
		for (const seq of [...order, ...order])
			t.add(m(seq));
		assert.deepEqual(seqs(t), [1, 2, 3, 4, 5, 6]);
	}
});

test('the list of conversations: to the top, counted, not by an older message', () => {
	const rows = [{ conversation_id: 'a', unread_count: 1 }, { conversation_id: 'b', latest_message_created_at: '2025-01-02T00:00:00Z' }];
	const news = { id: '1', conversation_id: 'b', encrypted_content: 'x', created_at: '2025-01-03T00:00:00Z', sender_id: 's', sender: { username: 'u' } };
	const next = withLatest(rows, news, true);
	assert.deepEqual(next.map((row) => row.conversation_id), ['b', 'a']);
	assert.deepEqual([next[0].unread_count, next[0].latest_message_content, next[0].latest_message_sender_username], [1, 'x', 'u']);
	assert.equal(withLatest(next, news, true), next, 'the same again');
	assert.equal(withLatest(next, { ...news, id: '0', created_at: '2025-01-01T00:00:00Z' }, true), next);
	assert.equal(withLatest(rows, { ...news, conversation_id: 'c' }, true), rows);
});

test('whose token it is', () => {
	assert.equal(subjectOf(sign({ sub: 'Zoë' })), 'Zoë');
	assert.equal(subjectOf(sign({ userId: 'u' })), 'u');
	for (const bad of ['', 'opaque', 'a.b.c', 'a.!!.c', sign({}), sign({ sub: 5 })])
		assert.equal(subjectOf(bad), null);
});

test('a flood before the first page: the newest are kept, so what came with it is there or is a hole', () => {
	const t = new Timeline(10000);
	for (let seq = 1; seq <= 1500; seq++)
		t.add({ id: `m${seq}`, seq });
	assert.equal(t.held.size, 1000);
	t.reset(Array.from({ length: 50 }, (_, i) => ({ id: `m${1450 + i}`, seq: 1450 + i })), true);
	assert.equal(t.last, 1500);
});
