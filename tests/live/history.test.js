'use strict';
/* Pages of history: the newest first page, then back to the very first message, none twice. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server } = require('./harness.js');
const { conversation, people, say } = require('./client.js');

const COUNT = 500;
const CAP = 200;

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await Server.start();
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(alice, bob);
	await Promise.all(Array.from({ length: COUNT }, (_, i) => say(alice, room, `m${i}`)));
});
after(() => server?.stop());

const load = async (payload = {}) =>
	(await bob.ok('load_messages', { conversationId: room, ...payload }, 'messages_loaded')).payload;
const more = async (beforeMessageId, payload = {}) =>
	(await bob.ok('load_more_messages', { conversationId: room, beforeMessageId, ...payload }, 'messages_loaded')).payload;
const contents = (page) => page.messages.map((m) => m.encrypted_content);
const range = (from, to) => Array.from({ length: to - from }, (_, i) => `m${from + i}`);

test('the first page is the newest 50, ascending', async () => {
	assert.deepEqual(contents(await load()), range(COUNT - 50, COUNT));
	assert.deepEqual(contents(await load({ limit: 7 })), range(COUNT - 7, COUNT));
});

for (const limit of [50, 70]) {
	test(`back to the very first in pages of ${limit}`, async () => {
		let { messages } = await load({ limit });
		const all = [...messages];
		for (let pages = 0; ; pages++) {
			assert.ok(pages <= COUNT / limit + 1, 'hasMore ends');
			const page = await more(all[0].id, { limit });
			assert.equal(page.conversationId, room);
			assert.equal(typeof page.hasMore, 'boolean');
			all.unshift(...page.messages);
			if (!page.hasMore)
				break;
			assert.equal(page.messages.length, limit, 'only the last page is short');
		}
		assert.deepEqual(all.map((m) => m.encrypted_content), range(0, COUNT));
		assert.deepEqual(all.map((m) => m.seq), all.map((_, i) => all[0].seq + i));
		messages = (await more(all[0].id)).messages;
		assert.deepEqual(messages, [], 'nothing before the first');
	});
}

test('load_more without a limit gives 50', async () => {
	const newest = (await load({ limit: 1 })).messages[0];
	const page = await more(newest.id);
	assert.deepEqual(contents(page), range(COUNT - 51, COUNT - 1));
	assert.equal(page.hasMore, true);
});

test('a limit has a limit', async () => {
	for (const limit of [COUNT, 1e9, Number.MAX_SAFE_INTEGER]) {
		const page = await load({ limit });
		assert.ok(page.messages.length >= 50 && page.messages.length <= CAP, `${page.messages.length}`);
		assert.deepEqual(contents(page), range(COUNT - page.messages.length, COUNT));
	}
});

test('limits that make no sense', async () => {
	for (const limit of [0, -1, 1.5, 'x', '5', null, {}, 1e300]) {
		const reply = await bob.request('load_messages', { conversationId: room, limit });
		if (reply.type !== 'error')
			assert.ok(reply.payload.messages.length <= CAP);
	}
});

test('an anchor that is not in this conversation', async () => {
	const unknown = ['MESSAGE_NOT_FOUND', 'Before message not found'];
	const other = await conversation(alice, bob);
	const elsewhere = await say(alice, other, 'elsewhere');
	for (const beforeMessageId of [crypto.randomUUID(), elsewhere.id, 'no uuid', "' OR 1=1 --"])
		await bob.fails('load_more_messages', { conversationId: room, beforeMessageId }, ...unknown);
});

test('no anchor', async () => {
	const missing = ['MISSING_REQUIRED_FIELDS', 'Conversation ID and beforeMessageId are required'];
	for (const beforeMessageId of [undefined, null, ''])
		await bob.fails('load_more_messages', { conversationId: room, beforeMessageId }, ...missing);
});

test('an empty conversation', async () => {
	const empty = await conversation(alice, bob);
	const page = await bob.ok('load_messages', { conversationId: empty }, 'messages_loaded');
	assert.deepEqual(page.payload.messages, []);
});

test('forward from any place to the newest, in pages, none twice', async () => {
	for (const from of [0, 1, COUNT / 2, COUNT - 1, COUNT]) {
		const all = [];
		for (let page = { hasMore: true }; page.hasMore; ) {
			page = await load({ afterSeq: all.length ? all.at(-1).seq : from, limit: 70 });
			all.push(...page.messages);
			assert.ok(all.length <= COUNT, 'hasMore ends');
		}
		assert.deepEqual(all.map((m) => m.seq), Array.from({ length: COUNT - from }, (_, i) => from + i + 1));
	}
});

test('a place in the sequence that makes no sense', async () => {
	for (const afterSeq of [-1, 1.5, '1', {}, true, 1e300]) {
		const reply = await bob.request('load_messages', { conversationId: room, afterSeq });
		assert.equal(reply.type, 'error', JSON.stringify(afterSeq));
	}
});
