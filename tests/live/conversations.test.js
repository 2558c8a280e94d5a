'use strict';
/*
 * Conversations: made in both payload forms, one direct conversation per pair, announced to the
 * members who are online, listed with both generations of column names; rooms are entered and
 * left by members only.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, sleep } = require('./harness.js');
const { Client, UUID, conversation, isTime, people, say } = require('./client.js');
const { person } = require('./tokens.js');

let server;
before(async () => {
	server = await Server.start();
});
after(() => server?.stop());

const DENIED = ['ACCESS_DENIED', 'Access denied to conversation'];
const ROW = [
	'id', 'type', 'name', 'description', 'avatar_url', 'created_by', 'created_at', 'updated_at',
	'group_id', 'is_private', 'position',
];

const create = (client, payload) => client.ok('create_conversation', payload, 'conversation_created');

async function listed(client, conversationId) {
	const reply = await client.ok('load_conversations', {}, 'conversations_loaded');
	return reply.payload.conversations.find((row) => row.conversation_id === conversationId);
}

function checkCreated(payload, { type, name, creator }) {
	const row = payload.conversation;
	for (const key of ROW)
		assert.ok(key in row, `conversation.${key}`);
	assert.match(row.id, UUID);
	assert.equal(payload.id, row.id, 'later clients read payload.id');
	assert.equal(payload.conversation_id, row.id);
	assert.ok(type.includes(row.type), row.type);
	assert.equal(row.name, name);
	assert.equal(row.created_by, creator);
	assert.equal(typeof row.is_private, 'boolean');
	assert.ok(isTime(row.created_at) && isTime(row.updated_at));
}

const FORMS = {
	'documented direct': (ids) => [{ type: 'direct', participant_ids: ids.slice(0, 1) }, ['direct'], null],
	'documented group': (ids) => [{ type: 'group', name: 'Team', participant_ids: ids }, ['group', 'room'], 'Team'],
	'direct by one participant': (ids) => [{ participantIds: ids.slice(0, 1) }, ['direct'], null],
	'room by isGroup': (ids) => [{ participantIds: ids.slice(0, 1), isGroup: true, name: 'Two' }, ['room'], 'Two'],
	'room by many participants': (ids) => [{ participantIds: ids, name: 'Three' }, ['room'], 'Three'],
	'creator among the participants': (ids, own) => [
		{ participantIds: [own, ...ids], isGroup: true, name: 'Own' }, ['room'], 'Own',
	],
};

for (const [form, build] of Object.entries(FORMS)) {
	test(`create: ${form}`, async () => {
		const [alice, bob, carol] = await people(server, 'alice', 'bob', 'carol');
		const [payload, type, name] = build([bob.id, carol.id], alice.id);
		const made = await create(alice, payload);
		checkCreated(made.payload, { type, name, creator: alice.id });
		const told = await bob.expect('conversation_created');
		assert.equal(told.payload.conversation.id, made.payload.conversation.id);
		assert.notEqual(told.requestId, made.requestId);
		const members = type[0] === 'direct' ? 2 : 3;
		const row = await listed(bob, made.payload.id);
		assert.equal(row.participant_count, form === 'room by isGroup' ? 2 : members);
		const conversationId = made.payload.id;
		await bob.ok('join_conversation', { conversationId }, 'conversation_joined');
		await say(bob, conversationId, 'hello');
		const heard = await alice.expect('message_received');
		assert.equal(heard.payload.message.encrypted_content, 'hello', 'the creator is in the room');
		for (const client of [alice, bob, carol])
			await client.close();
	});
}

test('strangers are not told of a new conversation', async () => {
	const [alice, bob, eve] = await people(server, 'alice', 'bob', 'eve');
	await create(alice, { participantIds: [bob.id] });
	await bob.expect('conversation_created');
	await eve.none('conversation_created');
	for (const client of [alice, bob, eve])
		await client.close();
});

test('one direct conversation for a pair, whoever asks and in which form', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const first = await create(alice, { type: 'direct', participant_ids: [bob.id] });
	const again = await create(alice, { participantIds: [bob.id] });
	const mirrored = await create(bob, { participantIds: [alice.id] });
	assert.equal(again.payload.id, first.payload.id);
	assert.equal(mirrored.payload.id, first.payload.id);
	const both = await Promise.all([
		create(alice, { participantIds: [bob.id] }),
		create(bob, { participantIds: [alice.id] }),
	]);
	assert.equal(both[0].payload.id, both[1].payload.id);
	const rows = await alice.ok('load_conversations', {}, 'conversations_loaded');
	assert.equal(rows.payload.conversations.length, 1);
	await alice.close();
	await bob.close();
});

test('a race of two first creations makes one direct conversation', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const made = await Promise.all([
		create(alice, { participantIds: [bob.id] }),
		create(bob, { participantIds: [alice.id] }),
	]);
	assert.equal(made[0].payload.id, made[1].payload.id);
	await alice.close();
	await bob.close();
});

test('create: what is refused', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const missing = ['INVALID_DATA', 'Participant IDs required'];
	for (const payload of [{}, { participantIds: 'x' }, { participantIds: null }, { participant_ids: {} }])
		await alice.fails('create_conversation', payload, ...missing);
	const unknown = ['DATABASE_ERROR', 'Failed to add participants'];
	for (const id of [crypto.randomUUID(), 'nobody', '%'])
		await alice.fails('create_conversation', { participantIds: [bob.id, id] }, ...unknown);
	const rows = await bob.ok('load_conversations', {}, 'conversations_loaded');
	assert.deepEqual(rows.payload.conversations, [], 'nothing was half made');
	await bob.none('conversation_created', 200);
	await alice.close();
	await bob.close();
});

test('load_conversations: both generations of names, the order, the counts', async () => {
	const [alice, bob, carol] = await people(server, 'alice', 'bob', 'carol');
	const direct = (await create(alice, { participantIds: [bob.id] })).payload.id;
	const room = await conversation(alice, bob, carol);
	const quiet = (await create(alice, { participantIds: [carol.id] })).payload.id;
	await bob.ok('join_conversation', { conversationId: direct }, 'conversation_joined');
	await say(alice, room, 'one');
	await say(alice, room, 'two');
	await sleep(10);
	const last = await say(alice, direct, 'three');
	const { payload } = await bob.ok('load_conversations', {}, 'conversations_loaded');
	assert.deepEqual(payload.conversations.map((row) => row.conversation_id), [direct, room]);
	const [row, other] = payload.conversations;
	const expected = {
		conversation_type: 'direct', type: 'direct',
		id: direct, conversation_id: direct,
		conversation_name: 'Alice', name: 'Alice',
		conversation_avatar_url: null, avatar_url: null,
		group_id: null, group_name: null,
		participant_count: 2,
		latest_message_id: last.id,
		latest_message_content: 'three',
		latest_message_sender_id: alice.id,
		latest_message_sender_username: alice.who.username,
		unread_count: 1,
	};
	for (const [key, value] of Object.entries(expected))
		assert.deepEqual(row[key], value, key);
	assert.equal(Date.parse(row.latest_message_created_at), Date.parse(last.created_at));
	assert.equal(Date.parse(row.last_message_at), Date.parse(last.created_at));
	assert.equal(other.unread_count, 2);
	assert.equal(other.participant_count, 3);
	assert.equal(other.conversation_name, 'room');
	const own = (await alice.ok('load_conversations', {}, 'conversations_loaded')).payload.conversations;
	assert.deepEqual(own.map((r) => r.unread_count), [0, 0, 0], 'own messages are read');
	assert.equal(own.find((r) => r.id === direct).conversation_name, 'Bob');
	const empty = own.find((r) => r.id === quiet);
	for (const key of ['id', 'content', 'sender_id', 'sender_username', 'created_at'])
		assert.equal(empty[`latest_message_${key}`], null, key);
	for (const client of [alice, bob, carol])
		await client.close();
});

test('a conversation without messages is ordered by its creation', async () => {
	const [alice, bob, carol] = await people(server, 'alice', 'bob', 'carol');
	const older = (await create(alice, { participantIds: [bob.id] })).payload.id;
	await sleep(10);
	const newer = (await create(alice, { participantIds: [carol.id] })).payload.id;
	await sleep(10);
	const order = async () =>
		(await alice.ok('load_conversations', {}, 'conversations_loaded')).payload.conversations.map((r) => r.id);
	assert.deepEqual(await order(), [newer, older]);
	await say(alice, older, 'x');
	assert.deepEqual(await order(), [older, newer]);
	for (const client of [alice, bob, carol])
		await client.close();
});

test('load_messages marks what it gave as read, for the caller alone', async () => {
	const [alice, bob, carol] = await people(server, 'alice', 'bob', 'carol');
	const room = await conversation(alice, bob, carol);
	await say(alice, room, 'one');
	await say(alice, room, 'two');
	assert.equal((await listed(bob, room)).unread_count, 2);
	await bob.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.equal((await listed(bob, room)).unread_count, 0);
	assert.equal((await listed(carol, room)).unread_count, 2);
	for (const client of [alice, bob, carol])
		await client.close();
});

test('join and leave', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const left = await bob.ok('leave_conversation', { conversationId: room }, 'conversation_left');
	assert.deepEqual(left.payload, { conversationId: room });
	await say(alice, room, 'unheard');
	await bob.none('message_received');
	const joined = await bob.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	assert.deepEqual(joined.payload, { conversationId: room });
	await bob.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	await say(alice, room, 'heard');
	await bob.expect('message_received', (f) => f.payload.message.encrypted_content === 'heard');
	await bob.none('message_received', 200);
	await alice.close();
	await bob.close();
});

test('leaving what one never joined is no error', async () => {
	const [alice] = await people(server, 'alice');
	for (const conversationId of [crypto.randomUUID(), 'no uuid'])
		await alice.ok('leave_conversation', { conversationId }, 'conversation_left');
	await alice.close();
});

test('membership alone does not deliver: only joined sockets hear', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const device = await Client.signIn(server, bob.who);
	await say(alice, room, 'x');
	await bob.expect('message_received');
	await device.none('message_received');
	for (const client of [alice, bob, device])
		await client.close();
});

test('strangers, unknown ids and ids that are none', async () => {
	const [alice, bob, eve] = await people(server, 'alice', 'bob', 'eve');
	const room = await conversation(alice, bob);
	const sent = await say(alice, room, 'private');
	const ids = [room, crypto.randomUUID(), 'general', '%', "' OR 1=1 --", room.toUpperCase() + ' '];
	for (const conversationId of ids) {
		await eve.fails('join_conversation', { conversationId }, ...DENIED);
		await eve.fails('send_message', { conversationId, content: 'x' }, ...DENIED);
		await eve.fails('load_messages', { conversationId }, ...DENIED);
		await eve.fails('load_more_messages', { conversationId, beforeMessageId: sent.id }, ...DENIED);
		await eve.fails('typing_start', { conversationId }, ...DENIED);
		await eve.fails('typing_stop', { conversationId }, ...DENIED);
		const read = await eve.request('mark_read', { conversationId, messageId: sent.id });
		assert.equal(read.payload.code, 'ACCESS_DENIED');
	}
	await alice.none('typing_update', 200);
	assert.equal((await listed(alice, room)).latest_message_content, 'private');
	for (const client of [alice, bob, eve])
		await client.close();
});

test('missing ids', async () => {
	const [alice] = await people(server, 'alice');
	const rows = [
		['join_conversation', 'INVALID_DATA', 'Conversation ID required'],
		['leave_conversation', 'INVALID_DATA', 'Conversation ID required'],
		['load_messages', 'MISSING_CONVERSATION_ID', 'Conversation ID is required'],
		['typing_start', 'MISSING_CONVERSATION_ID', 'Conversation ID is required'],
		['typing_stop', 'MISSING_CONVERSATION_ID', 'Conversation ID is required'],
		['load_more_messages', 'MISSING_REQUIRED_FIELDS', 'Conversation ID and beforeMessageId are required'],
		['send_message', 'MISSING_REQUIRED_FIELDS', 'Conversation ID and content are required'],
	];
	for (const [type, code, text] of rows) {
		for (const payload of [{}, { conversationId: '' }, { conversationId: null }])
			await alice.fails(type, payload, code, text);
	}
	await alice.close();
});
