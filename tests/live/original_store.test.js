'use strict';
/* What the first browser store of QryptChat shows its user, from connect to leave. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { BrowserStore, acceptable } = require('./browser_store.js');
const { Server, sleep } = require('./harness.js');
const { person, token } = require('./tokens.js');

let server;
before(async () => {
	server = await Server.start();
});
after(() => server?.stop());

async function store(name, path) {
	const made = new BrowserStore();
	await made.connect(server.url(path), token(person(name)));
	assert.equal(made.state.authenticated, true);
	return made;
}

async function until(what, ms = 5000) {
	for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
		if (what())
			return;
	}
	assert.fail(`not within ${ms} ms: ${what}`);
}

test('the parser drops what the first store dropped', () => {
	const good = { type: 'pong', payload: {}, requestId: 'r', timestamp: 't' };
	assert.ok(acceptable(good));
	for (const change of [{ requestId: null }, { requestId: '' }, { timestamp: undefined }, { payload: null },
		{ payload: 'x' }, { type: 'message_read' }])
		assert.ok(!acceptable({ ...good, ...change }), JSON.stringify(change));
});

const FORMS = {
	documented: (id) => ({ type: 'direct', participant_ids: [id] }),
	original: (id) => ({ participantIds: [id], isGroup: false }),
	'documented group': (id) => ({ type: 'group', name: 'Team', participant_ids: [id] }),
	'original room': (id) => ({ participantIds: [id], isGroup: true, name: 'Room' }),
};

for (const path of ['/', '/ws']) {
	for (const [form, build] of Object.entries(FORMS)) {
		test(`connect to leave at ${path}, ${form} form`, async () => {
			const [alice, bob] = [await store('alice', path), await store('bob', path)];
			await alice.loadConversations();
			assert.deepEqual(alice.state.conversations, []);
			const made = await alice.createConversation(build(bob.state.user.id));
			assert.equal(made.success, true);
			const { id } = made.data.conversation;
			assert.equal(made.data.id, id, 'the next store reads payload.id');
			assert.equal(alice.state.conversations[0].conversation_id, id);
			await bob.loadConversations();
			assert.equal(bob.state.conversations[0].conversation_id, id);

			await alice.joinConversation(id);
			await bob.joinConversation(id);
			assert.equal(alice.state.activeConversation, id);
			const sent = await alice.sendMessage(id, 'Hello, World!');
			assert.equal(sent.success, true);
			await until(() => alice.state.messages.length === 1 && bob.state.messages.length === 1);
			assert.equal(bob.state.messages[0].encrypted_content, 'Hello, World!');
			const reply = await bob.sendMessage(id, 'This is a reply', 'text', sent.data.id);
			await until(() => alice.state.messages.length === 2);
			assert.equal(alice.state.messages[1].id, reply.data.id);
			assert.equal(reply.data.reply_to_id, sent.data.id);

			await alice.startTyping(id);
			await until(() => bob.state.typingUsers.includes(alice.state.user.id));
			await alice.stopTyping(id);
			await until(() => bob.state.typingUsers.length === 0);
			assert.deepEqual(alice.state.typingUsers, []);

			await bob.loadMessages(id);
			assert.deepEqual(bob.state.messages.map((m) => m.encrypted_content), ['Hello, World!', 'This is a reply']);
			await bob.leaveConversation(id);
			await alice.sendMessage(id, 'gone?');
			await until(() => alice.state.messages.length === 3);
			await sleep(100);
			assert.equal(bob.state.messages.length, 2);
			for (const s of [alice, bob]) {
				assert.deepEqual(s.dropped, [], 'the store understood every frame');
				assert.equal(s.pending.size, 0);
				s.disconnect();
			}
		});
	}
}

test('a wrong token: an error is shown, the socket stays, a right one helps', async () => {
	const alice = new BrowserStore();
	await alice.connect(server.url('/'), 'nonsense');
	assert.deepEqual([alice.state.connected, alice.state.authenticated], [true, false]);
	assert.equal(alice.state.error, 'Authentication failed');
	await alice.authenticate(token(person('alice')));
	assert.equal(alice.state.authenticated, true);
	assert.deepEqual(alice.dropped, []);
	alice.disconnect();
});

test('presence reaches the store', async () => {
	const [alice, bob] = [await store('alice', '/'), await store('bob', '/')];
	const made = await alice.createConversation({ participantIds: [bob.state.user.id] });
	await alice.joinConversation(made.data.conversation.id);
	bob.disconnect();
	await until(() => alice.presence.some((p) => p.userId === bob.state.user.id), 15000);
	assert.deepEqual(alice.dropped, []);
	alice.disconnect();
});
