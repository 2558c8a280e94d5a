'use strict';
/* The life of a connection and of a server: heartbeat, drain, restart, coming back. */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Server, sleep, within } = require('./harness.js');
const { Client, conversation, people, say } = require('./client.js');
const { Raw, OP } = require('./raw.js');
const { OPTION } = require('./options.js');

test('who does not answer pings is dropped, who does stays', async (t) => {
	const server = await Server.start({
		set: { [OPTION.heartbeatInterval]: '300ms', [OPTION.heartbeatTimeout]: '1s' },
	});
	t.after(() => server.stop());
	const dead = await Raw.connect(server);
	dead.answersPings = false;
	const alive = await Raw.connect(server);
	const library = await Client.connect(server);
	await dead.frame(OP.ping, 3000);
	await dead.end(6000);
	await sleep(1500);
	await library.sync();
	assert.equal(alive.closeCode, null);
	alive.destroy();
	await library.close();
});

test('a JSON ping counts as a sign of life', async (t) => {
	const server = await Server.start({
		set: { [OPTION.heartbeatInterval]: '300ms', [OPTION.heartbeatTimeout]: '1s' },
	});
	t.after(() => server.stop());
	const raw = await Raw.connect(server);
	raw.answersPings = false;
	const text = JSON.stringify({ type: 'ping', payload: {}, requestId: 'r', timestamp: 't' });
	for (let i = 0; i < 12; i++) {
		raw.text(text);
		assert.equal((await raw.json()).type, 'pong');
		await sleep(200);
	}
	raw.destroy();
});

test('SIGTERM: everybody is told 1001 and the process ends well', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	await conversation(alice, bob);
	const stopped = server.end();
	assert.equal((await within(alice.closed, 10000)).code, 1001);
	assert.equal((await within(bob.closed, 10000)).code, 1001);
	await stopped;
});

test('messages in flight at SIGTERM are acknowledged or not there twice', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const sends = Array.from({ length: 200 }, (_, i) =>
		say(alice, room, `m${i}`, { clientMessageId: `c${i}` }).catch(() => null));
	await sends[0];
	await server.end();
	const acked = (await Promise.all(sends)).filter(Boolean);
	await server.launch();
	const again = await Client.signIn(server, alice.who);
	for (let i = 0; i < 200; i++)
		await say(again, room, `m${i}`, { clientMessageId: `c${i}` });
	const found = [];
	let page = (await again.ok('load_messages', { conversationId: room }, 'messages_loaded')).payload;
	for (;;) {
		found.unshift(...page.messages);
		if (page.messages.length === 0 || page.hasMore === false)
			break;
		page = (await again.ok('load_more_messages',
			{ conversationId: room, beforeMessageId: found[0].id }, 'messages_loaded')).payload;
	}
	assert.equal(found.length, 200);
	const ids = new Set(found.map((m) => m.id));
	for (const message of acked)
		assert.ok(ids.has(message.id), `${message.encrypted_content} was acknowledged`);
	assert.deepEqual(found.map((m) => m.seq), found.map((_, i) => found[0].seq + i));
	await again.close();
});

test('after a restart: sign in, join again, everything is there and goes on', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const before = await say(alice, room, 'before');
	const group = (await alice.ok('create_group', { name: 'kept' }, 'group_created')).payload;
	await server.end();
	await server.launch();
	const [a, b] = [await Client.signIn(server, alice.who), await Client.signIn(server, bob.who)];
	assert.deepEqual([a.id, b.id], [alice.id, bob.id]);
	const unjoined = await say(a, room, 'rooms are not kept');
	await b.none('message_received', 200);
	for (const client of [a, b])
		await client.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	const after = await say(a, room, 'after');
	const heard = await b.expect('message_received');
	assert.equal(heard.payload.message.id, after.id);
	assert.deepEqual([unjoined.seq, after.seq], [before.seq + 1, before.seq + 2]);
	const page = await b.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.deepEqual(page.payload.messages.map((m) => m.id), [before.id, unjoined.id, after.id]);
	await b.ok('join_group', { inviteCode: group.invite_code }, 'group_joined');
	await a.close();
	await b.close();
});

test('a client that comes back after a lost line', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	await bob.drop();
	const missed = await say(alice, room, 'missed');
	const back = await Client.signIn(server, bob.who);
	await back.ok('join_conversation', { conversationId: room }, 'conversation_joined');
	const page = await back.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.deepEqual(page.payload.messages.map((m) => m.id), [missed.id]);
	const live = await say(alice, room, 'live');
	assert.equal((await back.expect('message_received')).payload.message.id, live.id);
	await alice.close();
	await back.close();
});

test('two servers do not share a data directory', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	await assert.rejects(async () => {
		const second = await Server.start({ data: server.data });
		await second.stop();
	});
	const client = await Client.connect(server);
	await client.sync();
	await client.close();
});

/* Pages are asked for and marked as read while the store closes: what comes home last asks nothing. */
test('SIGTERM twice in the middle of everything', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	await Promise.all(Array.from({ length: 20 }, (_, i) => say(alice, room, `line ${i}`)));
	for (const client of [alice, bob])
		for (let i = 0; i < 100; i++) {
			client.send('load_messages', { conversationId: room });
			client.send('send_message', { conversationId: room, content: `late ${i}` });
			client.send('load_conversations');
		}
	await sleep(5);
	server.child.kill('SIGTERM');
	await sleep(1);
	server.child.kill('SIGTERM');
	await server.end();
});

test('SIGHUP again and again while people talk: nobody notices', async (t) => {
	const server = await Server.start();
	t.after(() => server.stop());
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	let reloading = true;
	const reloads = (async () => {
		for (let i = 0; i < 60; i++) {
			for (let again = 0; again < 3; again++) // also while one is being answered
				server.child.kill('SIGHUP');
			await sleep(10);
		}
		reloading = false;
	})();
	let said = 0;
	while (reloading) {
		await say(alice, room, `line ${said++}`);
		await bob.auth(bob.who);
	}
	await reloads;
	for (let i = 0; i < said; i++)
		await bob.expect('message_received', (f) => f.payload.message.encrypted_content === `line ${i}`);
	const [carol] = await people(server, 'carol');
	await carol.close();
	await alice.sync();
});
