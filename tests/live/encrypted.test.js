'use strict';
/* encryptedContents: every recipient has an own string, and nobody sees another's. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Server } = require('./harness.js');
const { Client, conversation, people } = require('./client.js');

let server;
let alice;
let bob;
let carol;
let room;
before(async () => {
	server = await Server.start();
	[alice, bob, carol] = await people(server, 'alice', 'bob', 'carol');
	room = await conversation(alice, bob, carol);
});
after(() => server?.stop());

const send = (encryptedContents, extra = {}) =>
	alice.ok('send_message', { conversationId: room, encryptedContents, messageType: 'text', ...extra }, 'message_sent');
const load = async (client) =>
	(await client.ok('load_messages', { conversationId: room }, 'messages_loaded')).payload.messages;

test('each gets the own copy; the room is told to load', async () => {
	const copies = { [alice.id]: 'for alice', [bob.id]: 'for bob', [carol.id]: 'for carol' };
	const sent = (await send(copies, { metadata: { kind: 'test' } })).payload.message;
	assert.equal(sent.encrypted_content, 'for alice', "the sender's own copy comes back");
	assert.deepEqual(sent.metadata, { kind: 'test' });
	for (const client of [alice, bob, carol]) {
		const { payload } = await client.expect('message_received', (f) => f.payload.message.id === sent.id);
		assert.equal(payload.shouldReloadMessages, true);
		const others = Object.values(copies).filter((text) => text !== copies[client.id]);
		for (const text of others)
			assert.ok(!JSON.stringify(payload).includes(text), `${text} is not for ${client.who.name}`);
		const row = (await load(client)).find((m) => m.id === sent.id);
		assert.equal(row.encrypted_content, copies[client.id]);
		assert.equal(row.sender.id, alice.id);
		const listed = (await client.ok('load_conversations', {}, 'conversations_loaded')).payload.conversations
			.find((c) => c.id === room);
		for (const text of others)
			assert.ok(!JSON.stringify(listed).includes(text));
	}
});

test('without a copy it is not listed', async () => {
	const sent = (await send({ [alice.id]: 'a', [bob.id]: 'b' })).payload.message;
	assert.ok((await load(bob)).some((m) => m.id === sent.id));
	assert.ok(!(await load(carol)).some((m) => m.id === sent.id));
	const last = (await send({ [alice.id]: 'a', [bob.id]: 'b', [carol.id]: 'c' })).payload.message;
	const page = await carol.ok(
		'load_more_messages', { conversationId: room, beforeMessageId: last.id }, 'messages_loaded');
	assert.ok(!page.payload.messages.some((m) => m.id === sent.id));
});

test('pages do not end at messages that are hidden', async () => {
	const visible = (await send({ [carol.id]: 'oldest' })).payload.message;
	for (let i = 0; i < 8; i++)
		await send({ [bob.id]: `hidden ${i}` });
	const newest = (await send({ [carol.id]: 'newest' })).payload.message;
	const page = (await carol.ok(
		'load_more_messages', { conversationId: room, beforeMessageId: newest.id, limit: 3 }, 'messages_loaded')).payload;
	assert.equal(page.messages.at(-1).id, visible.id);
	assert.equal(page.messages.length, 3, 'filled with what the caller may see');
});

test('a copy for somebody outside reaches nobody', async () => {
	const [eve] = await people(server, 'eve');
	await alice.request('send_message', {
		conversationId: room,
		encryptedContents: { [alice.id]: 'a', [eve.id]: 'leak' },
	});
	await eve.none('message_received', 200);
	await eve.fails('load_messages', { conversationId: room }, 'ACCESS_DENIED', 'Access denied to conversation');
	await eve.close();
});

test('missing fields', async () => {
	const missing = ['MISSING_REQUIRED_FIELDS', 'Conversation ID and encrypted contents are required'];
	await alice.fails('send_message', { encryptedContents: { [bob.id]: 'x' } }, ...missing);
});

test('contents that are no map of strings', async () => {
	const before = await load(bob);
	for (const encryptedContents of [[], ['x'], 'x', 5, {}, { [bob.id]: 5 }, { [bob.id]: null }]) {
		const reply = await alice.request('send_message', { conversationId: room, encryptedContents });
		assert.equal(reply.type, 'error', JSON.stringify(encryptedContents));
		assert.equal(reply.payload.code, 'INVALID_ENCRYPTED_CONTENTS', JSON.stringify(encryptedContents));
	}
	assert.deepEqual(await load(bob), before);
});

test('a retry of an encrypted message is one message', async () => {
	const device = await Client.signIn(server, alice.who);
	const copies = { [alice.id]: 'one', [bob.id]: 'two' };
	const first = (await send(copies, { clientMessageId: 'c-1' })).payload.message;
	const again = await device.ok(
		'send_message',
		{ conversationId: room, encryptedContents: copies, clientMessageId: 'c-1' },
		'message_sent'
	);
	assert.equal(again.payload.message.id, first.id);
	assert.equal(again.payload.message.seq, first.seq);
	await device.close();
});
