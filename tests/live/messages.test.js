'use strict';
/*
 * send_message: the row that the sender gets is the row that the room gets and that history
 * keeps; what the sender claims about himself is ignored; a retry is not a second message.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server } = require('./harness.js');
const { Client, UUID, conversation, isTime, people, say } = require('./client.js');

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await Server.start();
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(alice, bob);
});
after(() => server?.stop());

const MISSING = ['MISSING_REQUIRED_FIELDS', 'Conversation ID and content are required'];
const FAILED = ['DATABASE_ERROR', 'Failed to send message'];

async function history(client, conversationId = room) {
	const reply = await client.ok('load_messages', { conversationId }, 'messages_loaded');
	assert.equal(reply.payload.conversationId, conversationId);
	return reply.payload.messages;
}

const heardBy = (client, id) =>
	client.expect('message_received', (f) => f.payload.message.id === id);

test('the row: every field, the same for sender, room and history', async () => {
	const content = 'Grüße, 世界 🌍 "quoted" \\ \u0001 </script>';
	const message = await say(alice, room, content);
	assert.match(message.id, UUID);
	const expected = {
		conversation_id: room,
		sender_id: alice.id,
		reply_to_id: null,
		message_type: 'text',
		encrypted_content: content,
		content_hash: null,
		metadata: {},
		edited_at: null,
		deleted_at: null,
		expires_at: null,
		content_type: 'text',
		has_attachments: false,
		sender: {
			id: alice.id,
			username: alice.who.username,
			display_name: 'Alice',
			avatar_url: null,
		},
	};
	for (const [key, value] of Object.entries(expected))
		assert.deepEqual(message[key], value, key);
	assert.ok(isTime(message.created_at));
	assert.ok(Number.isSafeInteger(message.seq) && message.seq >= 1, 'seq');
	assert.ok(!('reply_to' in message));
	for (const client of [alice, bob])
		assert.deepEqual((await heardBy(client, message.id)).payload, { message });
	assert.deepEqual((await history(bob)).at(-1), message);
});

test('a reply names what it answers', async () => {
	const question = await say(bob, room, 'question');
	const answer = await say(alice, room, 'answer', { replyToId: question.id });
	assert.equal(answer.reply_to_id, question.id);
	assert.ok(!('reply_to' in answer), 'only history embeds it');
	const stored = (await history(bob)).find((m) => m.id === answer.id);
	assert.deepEqual(stored.reply_to, {
		id: question.id,
		encrypted_content: 'question',
		sender_id: bob.id,
	});
});

test('a reply cannot quote another conversation', async () => {
	const [carol, dave] = await people(server, 'carol', 'dave');
	const secret = await say(carol, await conversation(carol, dave), 'not for alice');
	const reply = await alice.request('send_message', {
		conversationId: room,
		content: 'fishing',
		replyToId: secret.id,
	});
	assert.ok(['error', 'message_sent'].includes(reply.type));
	assert.ok(!JSON.stringify(await history(alice)).includes('not for alice'));
	await carol.close();
	await dave.close();
});

for (const messageType of ['text', 'image', 'file', 'system']) {
	test(`messageType ${messageType}`, async () => {
		const message = await say(alice, room, 'x', { messageType });
		assert.equal(message.message_type, messageType);
	});
}

test('an unknown messageType is not stored', async () => {
	const before = await history(alice);
	for (const messageType of ['bogus', 'TEXT', 'text '])
		await alice.fails('send_message', { conversationId: room, content: 'x', messageType }, ...FAILED);
	assert.deepEqual(await history(alice), before);
});

test('missing content', async () => {
	const before = await history(alice);
	for (const payload of [{ conversationId: room }, { conversationId: room, content: '' },
		{ conversationId: room, content: null }, { content: 'x' }])
		await alice.fails('send_message', payload, ...MISSING);
	assert.deepEqual(await history(alice), before);
});

test('content of another kind is refused', async () => {
	const before = await history(alice);
	for (const content of [5, true, {}, [], ['x']]) {
		const reply = await alice.request('send_message', { conversationId: room, content });
		assert.equal(reply.type, 'error');
		assert.ok(['MISSING_REQUIRED_FIELDS', 'INVALID_MESSAGE'].includes(reply.payload.code));
	}
	assert.deepEqual(await history(alice), before);
});

test('what a client says about the sender, the id, the time and the order is ignored', async () => {
	const forged = {
		id: crypto.randomUUID(), seq: 1, from: bob.id, by: bob.id, user: { id: bob.id },
		userId: bob.id, username: 'bob', sender_id: bob.id, senderId: bob.id,
		sender: { id: bob.id, username: 'bob' }, created_at: '2001-01-01T00:00:00Z',
	};
	const before = (await history(alice)).at(-1);
	const message = await say(alice, room, 'forged', forged);
	assert.equal(message.sender_id, alice.id);
	assert.equal(message.sender.id, alice.id);
	assert.notEqual(message.id, forged.id);
	assert.equal(message.seq, before.seq + 1);
	assert.ok(Date.parse(message.created_at) > Date.now() - 60000);
	const heard = await heardBy(bob, message.id);
	assert.equal(heard.payload.message.sender.id, alice.id);
});

test('every device of every member hears it once', async () => {
	const device = await Client.signIn(server, alice.who);
	await device.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	const message = await say(bob, room, 'for all');
	for (const client of [alice, device, bob]) {
		await heardBy(client, message.id);
		await client.none('message_received', 100, (f) => f.payload.message.id === message.id);
	}
	await device.close();
});

test('messages sent without waiting keep their order', async () => {
	const count = 40;
	const sent = await Promise.all(
		Array.from({ length: count }, (_, i) => say(alice, room, `in order ${i}`))
	);
	const seqs = sent.map((m) => m.seq);
	assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
	const heard = [];
	for (let i = 0; i < count; i++)
		heard.push((await bob.expect('message_received', (f) => /^in order/.test(f.payload.message.encrypted_content))).payload.message.encrypted_content);
	assert.deepEqual(heard, heard.map((_, i) => `in order ${i}`));
});

test('three people talk at once: one order for all, without gaps', async () => {
	const [a, b, c] = await people(server, 'ann', 'ben', 'cat');
	const three = await conversation(a, b, c);
	const each = 40;
	const sends = [a, b, c].flatMap((client, who) =>
		Array.from({ length: each }, (_, i) => say(client, three, `${who}:${i}`))
	);
	await Promise.all(sends);
	const lists = [];
	for (const client of [a, b, c]) {
		const list = [];
		for (let i = 0; i < 3 * each; i++)
			list.push((await client.expect('message_received')).payload.message);
		lists.push(list);
	}
	const [first] = lists;
	assert.deepEqual(first.map((m) => m.seq), first.map((_, i) => first[0].seq + i));
	for (const list of lists)
		assert.deepEqual(list.map((m) => m.id), first.map((m) => m.id));
	for (const who of [0, 1, 2]) {
		const own = first.filter((m) => m.encrypted_content.startsWith(`${who}:`));
		assert.deepEqual(own.map((m) => m.encrypted_content), own.map((_, i) => `${who}:${i}`));
	}
	const stored = (await c.ok('load_messages', { conversationId: three, limit: 50 }, 'messages_loaded')).payload.messages;
	assert.deepEqual(stored.map((m) => m.id), first.slice(-50).map((m) => m.id));
	for (const client of [a, b, c])
		await client.close();
});

test('a retry by clientMessageId is the first acknowledgement again', async () => {
	const clientMessageId = crypto.randomUUID();
	const first = await say(alice, room, 'once', { clientMessageId });
	await heardBy(bob, first.id);
	const again = await say(alice, room, 'once', { clientMessageId });
	assert.deepEqual(again, first);
	const device = await Client.signIn(server, alice.who);
	assert.deepEqual(await say(device, room, 'once', { clientMessageId }), first);
	await bob.none('message_received', 300, (f) => f.payload.message.encrypted_content === 'once');
	assert.equal((await history(alice)).filter((m) => m.encrypted_content === 'once').length, 1);
	await device.close();
});

test('retries in the same moment are one message', async () => {
	const clientMessageId = crypto.randomUUID();
	const device = await Client.signIn(server, alice.who);
	const sends = [];
	for (let i = 0; i < 10; i++)
		sends.push(say(i % 2 ? alice : device, room, 'burst', { clientMessageId }));
	const ids = new Set((await Promise.all(sends)).map((m) => m.id));
	assert.equal(ids.size, 1);
	assert.equal((await history(alice)).filter((m) => m.encrypted_content === 'burst').length, 1);
	await device.close();
});

test('a clientMessageId belongs to its user and its conversation', async () => {
	const clientMessageId = crypto.randomUUID();
	const mine = await say(alice, room, 'mine', { clientMessageId });
	const his = await say(bob, room, 'his', { clientMessageId });
	assert.notEqual(his.id, mine.id);
	assert.equal(his.encrypted_content, 'his');
	const other = await conversation(alice, bob);
	const elsewhere = await say(alice, other, 'elsewhere', { clientMessageId });
	assert.notEqual(elsewhere.id, mine.id);
});

test('a requestId seen before with the same content is a retry', async () => {
	const requestId = crypto.randomUUID();
	const payload = { conversationId: room, content: 'again and again' };
	const first = await alice.ok('send_message', payload, 'message_sent', { requestId });
	await heardBy(bob, first.payload.message.id);
	const again = await alice.ok('send_message', payload, 'message_sent', { requestId });
	assert.deepEqual(again.payload.message, first.payload.message);
	await bob.none('message_received', 300, (f) => f.payload.message.encrypted_content === payload.content);
});

test('a requestId reused with other content is a new message', async () => {
	const requestId = crypto.randomUUID();
	const send = (content, conversationId = room) =>
		alice.ok('send_message', { conversationId, content }, 'message_sent', { requestId });
	const first = (await send('content a')).payload.message;
	const second = (await send('content b')).payload.message;
	assert.notEqual(second.id, first.id);
	assert.equal(second.encrypted_content, 'content b');
	const other = await conversation(alice, bob);
	assert.notEqual((await send('content a', other)).payload.message.id, first.id);
});
