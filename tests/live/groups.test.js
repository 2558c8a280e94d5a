'use strict';
/* Groups: made with an invite code, joined by it in both spellings, listed with one's role. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Server } = require('./harness.js');
const { UUID, people, say } = require('./client.js');

let server;
let alice;
let bob;
before(async () => {
	server = await Server.start();
	[alice, bob] = await people(server, 'alice', 'bob');
});
after(() => server?.stop());

const create = async (client, payload) =>
	(await client.ok('create_group', payload, 'group_created')).payload;
const groups = async (client) => (await client.ok('load_groups', {}, 'groups_loaded')).payload.groups;

/* A refusal may be an error frame or a group_joined without success; the words are fixed. */
async function refused(client, payload, text) {
	const reply = await client.request('join_group', payload);
	assert.ok(reply.type === 'error' || reply.payload.success === false, JSON.stringify(reply));
	assert.equal(reply.payload.error ?? reply.payload.message, text);
}

test('create: ids, the code, the room', async () => {
	const group = await create(alice, { name: 'Chess', description: 'openings' });
	assert.match(group.group_id, UUID);
	assert.match(group.room_id, UUID);
	assert.match(group.invite_code, /^[0-9A-F]{8}$/);
	const row = (await groups(alice)).find((g) => g.group_id === group.group_id);
	assert.equal(row.group_name, 'Chess');
	assert.equal(row.group_description, 'openings');
	assert.equal(row.group_avatar_url, null);
	assert.equal(row.user_role, 'owner');
	assert.equal(row.room_count, 1);
	assert.equal(row.member_count, 1);
	assert.ok('latest_activity' in row);
	const { payload } = await alice.ok('load_conversations', {}, 'conversations_loaded');
	const room = payload.conversations.find((r) => r.id === group.room_id);
	assert.equal(room.group_id, group.group_id);
	assert.equal(room.group_name, 'Chess');
	assert.equal(room.conversation_name, 'general');
	assert.equal(room.conversation_type, 'room');
});

for (const key of ['inviteCode', 'invite_code']) {
	test(`join by ${key}, then talk`, async () => {
		const group = await create(alice, { name: `by ${key}` });
		const joined = await bob.ok('join_group', { [key]: group.invite_code }, 'group_joined');
		assert.equal(joined.payload.success, true);
		assert.equal(joined.payload.group_id, group.group_id);
		assert.equal(joined.payload.message, 'Successfully joined group');
		const row = (await groups(bob)).find((g) => g.group_id === group.group_id);
		assert.equal(row.user_role, 'member');
		assert.equal(row.member_count, 2);
		for (const client of [alice, bob])
			await client.ok('join_conversation', { conversationId: group.room_id }, 'conversation_joined');
		const message = await say(bob, group.room_id, 'hello group');
		await alice.expect('message_received', (f) => f.payload.message.id === message.id);
		await refused(bob, { [key]: group.invite_code }, 'Already a member of this group');
		assert.equal((await groups(alice)).find((g) => g.group_id === group.group_id).member_count, 2);
	});
}

test('codes that are none', async () => {
	await create(alice, { name: 'closed' });
	const before = await groups(bob);
	for (const inviteCode of ['00000000', 'x', '%', '________', "' OR 1=1 --"])
		await refused(bob, { inviteCode }, 'Invalid invite code');
	for (const payload of [{}, { inviteCode: '' }, { inviteCode: 5 }])
		assert.equal((await bob.request('join_group', payload)).type, 'error');
	assert.deepEqual(await groups(bob), before);
});

test('a group needs a name', async () => {
	const before = await groups(alice);
	for (const payload of [{}, { name: '' }, { name: 5 }])
		assert.equal((await alice.request('create_group', payload)).type, 'error');
	assert.deepEqual(await groups(alice), before);
});

test('a group id is not a way into its room', async () => {
	const group = await create(alice, { name: 'private' });
	for (const conversationId of [group.group_id, group.room_id, group.invite_code])
		await bob.fails('join_conversation', { conversationId }, 'ACCESS_DENIED', 'Access denied to conversation');
});
