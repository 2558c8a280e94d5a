'use strict';
/* Typing is heard by the others, never by the typing socket, and always ends. */
const { test, before, after, beforeEach, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { Server } = require('./harness.js');
const { Client, conversation, people, say } = require('./client.js');
const { OPTION } = require('./options.js');

const EXPIRY_MS = 1500;

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await Server.start({ set: { [OPTION.typingExpiry]: `${EXPIRY_MS}ms` } });
});
after(() => server?.stop());
beforeEach(async () => {
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(alice, bob);
});
afterEach(async () => {
	await alice.close();
	await bob.close();
});

const start = (client) => client.ok('typing_start', { conversationId: room }, 'typing_start');
const stop = (client) => client.ok('typing_stop', { conversationId: room }, 'typing_stop');

async function hears(client, isTyping, ms) {
	const { payload } = await client.expect('typing_update', undefined, ms);
	assert.deepEqual(payload, {
		conversationId: room,
		userId: alice.user.id,
		username: alice.who.username,
		isTyping,
	});
}

test('start and stop: the replies, the others, not oneself', async () => {
	assert.deepEqual((await start(alice)).payload, { conversationId: room, isTyping: true });
	await hears(bob, true);
	assert.deepEqual((await stop(alice)).payload, { conversationId: room, isTyping: false });
	await hears(bob, false);
	await alice.none('typing_update', 200);
});

test('the other device of the one who types hears it', async () => {
	const device = await Client.signIn(server, alice.who);
	await device.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	await start(alice);
	await hears(device, true);
	await alice.none('typing_update', 100);
	await device.close();
});

test('it ends by itself, once', async () => {
	const started = Date.now();
	await start(alice);
	await hears(bob, true);
	await hears(bob, false, EXPIRY_MS + 5000);
	assert.ok(Date.now() - started >= EXPIRY_MS - 200, 'not before its time');
	await bob.none('typing_update', EXPIRY_MS + 500);
});

test('typing on keeps it alive', async () => {
	await start(alice);
	await hears(bob, true);
	await bob.none('typing_update', EXPIRY_MS * 0.6, (f) => !f.payload.isTyping);
	await start(alice);
	await bob.none('typing_update', EXPIRY_MS * 0.6, (f) => !f.payload.isTyping);
	await bob.expect('typing_update', (f) => !f.payload.isTyping, EXPIRY_MS + 5000);
});

test('it ends when the connection ends', async () => {
	await start(alice);
	await hears(bob, true);
	await alice.drop();
	await hears(bob, false, EXPIRY_MS * 0.7);
});

test('it ends when the room is left', async () => {
	await start(alice);
	await hears(bob, true);
	await alice.ok('leave_conversation', { conversationId: room }, 'conversation_left');
	await hears(bob, false, EXPIRY_MS * 0.7);
});

test('a member who has not joined may type, but does not hear', async () => {
	await bob.ok('leave_conversation', { conversationId: room }, 'conversation_left');
	await start(alice);
	await bob.none('typing_update', 200);
	const reply = await bob.ok('typing_start', { conversationId: room }, 'typing_start');
	assert.equal(reply.payload.isTyping, true);
	const { payload } = await alice.expect('typing_update');
	assert.equal(payload.userId, bob.id);
});

test('stopping what was not started is no error', async () => {
	await stop(alice);
});

test('typing is not stored', async () => {
	await start(alice);
	await say(alice, room, 'the only one');
	const page = await bob.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.equal(page.payload.messages.length, 1);
});
