'use strict';
/* Read receipts: mark_read tells the room who read what, and the unread count falls. */
const { test, before, after, beforeEach } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server } = require('./harness.js');
const { conversation, people, say } = require('./client.js');

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await Server.start();
});
after(() => server?.stop());
beforeEach(async () => {
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(alice, bob);
});

async function unread(client) {
	const { payload } = await client.ok('load_conversations', {}, 'conversations_loaded');
	return payload.conversations.find((row) => row.id === room).unread_count;
}

const mark = (client, messageId) =>
	client.ok('mark_read', { conversationId: room, messageId }, 'message_read');

test('the reader is answered, the room is told', async () => {
	const message = await say(alice, room, 'read me');
	const reply = await mark(bob, message.id);
	assert.equal(reply.payload.conversationId, room);
	assert.equal(reply.payload.messageId, message.id);
	const told = await alice.expect('message_read');
	assert.equal(told.payload.conversationId, room);
	assert.equal(told.payload.messageId, message.id);
	assert.equal(told.payload.userId, bob.id);
	assert.notEqual(told.requestId, reply.requestId);
});

test('the unread count falls, for the reader alone', async () => {
	const [carol] = await people(server, 'carol');
	const before = room;
	room = await conversation(alice, bob, carol);
	const sent = [];
	for (const content of ['one', 'two', 'three'])
		sent.push(await say(alice, room, content));
	assert.equal(await unread(bob), 3);
	await mark(bob, sent[0].id);
	assert.equal(await unread(bob), 2);
	for (const message of sent.slice(1))
		await mark(bob, message.id);
	assert.equal(await unread(bob), 0);
	assert.equal(await unread(carol), 3);
	await say(alice, room, 'four');
	assert.equal(await unread(bob), 1);
	assert.notEqual(before, room);
	await carol.close();
});

test('a receipt cannot be forged for another user or another conversation', async () => {
	const message = await say(alice, room, 'x');
	const [carol, eve] = await people(server, 'carol', 'eve');
	const reply = await bob.ok(
		'mark_read',
		{ conversationId: room, messageId: message.id, userId: carol.id, readBy: carol.id },
		'message_read'
	);
	assert.ok(!JSON.stringify(reply).includes(carol.id));
	assert.equal((await alice.expect('message_read')).payload.userId, bob.id);
	const own = await conversation(eve, carol);
	const forged = await eve.request('mark_read', { conversationId: own, messageId: message.id });
	assert.equal(forged.type, 'error');
	await alice.none('message_read', 200);
	await carol.none('message_read', 0);
	await carol.close();
	await eve.close();
});

test('what cannot be read', async () => {
	const message = await say(alice, room, 'x');
	for (const payload of [
		{},
		{ conversationId: room },
		{ messageId: message.id },
		{ conversationId: room, messageId: crypto.randomUUID() },
		{ conversationId: room, messageId: 'no uuid' },
		{ conversationId: crypto.randomUUID(), messageId: message.id },
	]) {
		const reply = await bob.request('mark_read', payload);
		assert.equal(reply.type, 'error', JSON.stringify(payload));
		assert.ok(reply.payload.code);
	}
	await alice.none('message_read', 200);
	assert.equal(await unread(bob), 1);
});
