'use strict';
/* Native and QryptChat clients in one room: what each hears of the other, and what is kept. */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, freePort } = require('./harness.js');
const { Client, say } = require('./client.js');
const { Native } = require('./native_client.js');
const { person } = require('./tokens.js');

const room = () => `room-${crypto.randomBytes(4).toString('hex')}`;

describe('native and QryptChat', () => {
	let server;
	before(async () => {
		const guests = await freePort();
		server = new Server({
			dialect: 'qrypt',
			set: { 'native.anonymous': String(guests), 'presence.grace': '200ms' },
			flags: ['--listen', `127.0.0.1:${guests}=native`, '--workers', '3'],
		});
		await server.launch();
		server.guests = guests;
	});
	after(() => server.stop());

	const guest = () => Native.guest(server, { port: server.guests });
	const native = (who) => Native.connect(server, who, { port: server.guests });

	test('a room that native clients made is joined by name and by id', async () => {
		const where = room();
		const nora = await guest();
		const quin = await Client.signIn(server, person('quin'));
		await quin.fails('join_conversation', { conversationId: where }, 'ACCESS_DENIED',
			'Access denied to conversation');
		await nora.join(where);
		const joined = await quin.ok('join_conversation', { conversationId: where }, 'conversation_joined');
		const id = joined.payload.conversationId;
		assert.deepEqual(
			{ ...(await nora.expect('user-joined')), timestamp: 0 },
			{ type: 'user-joined', userId: quin.id, roomId: where, timestamp: 0 });
		for (const name of [where, id]) {
			nora.send('chat', { room: where, content: `to ${name}` });
			const heard = (await quin.expect('message_received')).payload.message;
			assert.equal(heard.conversation_id, id);
			assert.equal(heard.encrypted_content, `to ${name}`);
			assert.match(heard.sender.display_name, /^Guest-/);
			assert.equal((await nora.expect('chat')).id, heard.id);
			const sent = await say(quin, name, `from ${name}`);
			const chat = await nora.expect('chat');
			assert.equal(chat.from, 'Quin');
			assert.equal(chat.content, `from ${name}`);
			assert.equal(chat.room, where);
			assert.equal(chat.id, sent.id);
			assert.equal(chat.timestamp, Date.parse(sent.created_at));
			await quin.expect('message_received');
			const page = await quin.ok('load_messages', { conversationId: name }, 'messages_loaded');
			assert.equal(page.payload.conversationId, id);
			assert.equal(page.payload.messages.at(-1).id, sent.id);
			await quin.ok('mark_read', { conversationId: name, messageId: sent.id }, 'message_read');
		}
		const list = await quin.ok('load_conversations', {}, 'conversations_loaded');
		const row = list.payload.conversations.find((c) => c.id === id);
		assert.equal(row.type, 'room');
		assert.equal(row.name, where);
		assert.equal(row.unread_count, 0);
		nora.send('broadcast', { room: where, data: { not: 'kept' } });
		await nora.sync();
		await quin.none('message_received', 200);
		const other = await guest();
		assert.deepEqual((await other.join(where)).members.map((m) => m.name.slice(0, 6)),
			['Guest-', 'Quin', 'Guest-']);
		await other.close();
		await nora.expect('user-joined');
		await nora.expect('user-left');
		await quin.close();
		assert.equal((await nora.expect('user-left')).userId, quin.id);
		await nora.close();
	});

	test('a native user finds joined rooms again as a QryptChat user, with what was said', async () => {
		const where = room();
		const who = person('nora');
		const nora = await native(who);
		await nora.join(where);
		for (let i = 0; i < 3; i++)
			nora.send('chat', { room: where, content: `m${i}` });
		for (let i = 0; i < 3; i++)
			await nora.expect('chat');
		await nora.close();
		const later = await Client.signIn(server, who);
		const list = await later.ok('load_conversations', {}, 'conversations_loaded');
		assert.deepEqual(list.payload.conversations.map((c) => [c.name, c.type]), [[where, 'room']]);
		const conversationId = list.payload.conversations[0].id;
		const page = await later.ok('load_messages', { conversationId }, 'messages_loaded');
		assert.deepEqual(page.payload.messages.map((m) => m.encrypted_content), ['m0', 'm1', 'm2']);
		assert.ok(page.payload.messages.every((m) => m.sender_id === later.id));
		await later.close();
	});

	test('a conversation of QryptChat is a room for its members, by its id', async () => {
		const [alice, bob] = [person('alice'), person('bob')];
		const a = await Client.signIn(server, alice);
		const b = await Client.signIn(server, bob);
		const made = await a.ok('create_conversation', { participantIds: [b.id] }, 'conversation_created');
		const id = made.payload.conversation.id;
		const n = await native(bob);
		const stranger = await native(person('mallory'));
		stranger.send('join', { room: id });
		assert.deepEqual(await stranger.expect('error'), { type: 'error', error: 'Access denied to room' });
		await n.join(id);
		const sent = await say(a, id, 'hi');
		assert.equal((await n.expect('chat')).id, sent.id);
		stranger.send('chat', { room: id, content: 'psst' });
		stranger.send('broadcast', { room: id, data: 'psst' });
		await stranger.sync();
		n.send('chat', { room: id, content: 'ho' });
		const heard = await a.expect('message_received', (f) => f.payload.message.encrypted_content !== 'hi');
		assert.equal(heard.payload.message.encrypted_content, 'ho');
		assert.equal(heard.payload.message.sender_id, b.id);
		await n.expect('chat');
		await n.nothing(100);
		for (const client of [a, b, n, stranger])
			await client.close();
	});

	test('presence of who stays a member reaches QryptChat; typing does not reach native', async () => {
		const where = room();
		const nora = await native(person('nora'));
		await nora.join(where);
		const quin = await Client.signIn(server, person('quin'));
		const { payload } = await quin.ok('join_conversation', { conversationId: where }, 'conversation_joined');
		await nora.expect('user-joined');
		const who = person('rob');
		const first = await native(who);
		await first.join(where);
		const { userId } = await nora.expect('user-joined');
		const isRob = (f) => f.payload.userId === userId && f.payload.conversationId === payload.conversationId;
		await first.close();
		await quin.expect('user_offline', isRob);
		const rob = await native(who);
		await quin.expect('user_online', isRob);
		assert.equal((await nora.expect('user-left')).userId, userId);
		await quin.ok('typing_start', { conversationId: where }, 'typing_start');
		await nora.sync();
		await nora.nothing(100);
		for (const client of [nora, quin, rob])
			await client.close();
	});
});
