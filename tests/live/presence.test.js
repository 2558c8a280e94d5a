'use strict';
/*
 * Presence counts people, not sockets: online with the first device, offline only when the last
 * one has been gone for the grace period; told per conversation, to its room alone.
 */
const { test, before, after, beforeEach, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { Server } = require('./harness.js');
const { Client, conversation, isTime, people } = require('./client.js');
const { person } = require('./tokens.js');
const { OPTION } = require('./options.js');

const GRACE_MS = 700;

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await Server.start({ set: { [OPTION.presenceGrace]: `${GRACE_MS}ms` } });
});
after(() => server?.stop());
beforeEach(async () => {
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(bob, alice);
});
afterEach(async () => {
	await alice.close();
	await bob.close();
});

const of = (client) => (frame) => frame.payload.userId === client.user.id;

/* Alice goes until the room has been told. */
async function goes() {
	await alice.close();
	const { payload } = await bob.expect('user_offline', of(alice), GRACE_MS + 5000);
	assert.deepEqual([payload.userId, payload.conversationId], [alice.id, room]);
	assert.ok(isTime(payload.timestamp));
}

test('offline after the last socket and the grace, online at the next sign-in', async () => {
	const since = Date.now();
	await goes();
	assert.ok(Date.now() - since >= GRACE_MS - 100, 'not before the grace is over');
	await alice.none('user_offline', 0);
	alice = Object.assign(await Client.signIn(server, alice.who), { who: alice.who });
	const { payload } = await bob.expect('user_online', of(alice));
	assert.deepEqual(Object.keys(payload).sort(), ['conversationId', 'timestamp', 'userId']);
	assert.deepEqual([payload.userId, payload.conversationId], [alice.id, room]);
	assert.ok(isTime(payload.timestamp));
});

test('two devices: still online while one is left', async () => {
	const device = await Client.signIn(server, alice.who);
	await alice.close();
	await bob.none('user_offline', GRACE_MS + 500, of(alice));
	await device.close();
	await bob.expect('user_offline', of(alice), GRACE_MS + 5000);
	await bob.none('user_offline', 300, of(alice));
});

test('back within the grace: nobody was away', async () => {
	bob.kept = [];
	await alice.drop();
	alice = Object.assign(await Client.signIn(server, alice.who), { who: alice.who });
	await bob.none('user_offline', GRACE_MS + 500, of(alice));
});

test('one frame per shared conversation, each to its own room', async () => {
	const second = await conversation(bob, alice);
	const heard = new Set();
	await alice.close();
	for (let i = 0; i < 2; i++)
		heard.add((await bob.expect('user_offline', of(alice), GRACE_MS + 5000)).payload.conversationId);
	assert.deepEqual(heard, new Set([room, second]));
});

test('strangers, and members outside the room, are not told', async () => {
	const [eve] = await people(server, 'eve');
	const other = await conversation(eve);
	await bob.ok('leave_conversation', { conversationId: room }, 'conversation_left');
	bob.kept = [];
	await alice.close();
	await eve.none('user_offline', GRACE_MS + 500, of(alice));
	await bob.none('user_offline', 0, of(alice));
	alice = Object.assign(await Client.signIn(server, alice.who), { who: alice.who });
	await eve.none('user_online', 300, of(alice));
	await bob.none('user_online', 0, of(alice));
	assert.ok(other);
	await eve.close();
});

test('a socket that never signed in is nobody', async () => {
	const silent = await Client.connect(server);
	await silent.close();
	await bob.none('user_offline', GRACE_MS + 300, (f) => f.payload.userId !== alice.id);
});

test('becoming another user takes the first one away', async () => {
	const reply = await alice.auth(person('zoe')).catch(() => null);
	const gone = await bob.expect('user_offline', (f) => f.payload.userId !== bob.id, GRACE_MS + 5000);
	assert.equal(gone.payload.conversationId, room);
	if (!reply)
		await alice.closed;
});
