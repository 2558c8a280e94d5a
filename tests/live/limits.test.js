'use strict';
/* Rate limits: a refusal says when to come back, and costs nobody else anything. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Server, sleep } = require('./harness.js');
const { Client, conversation, people } = require('./client.js');
const { Raw } = require('./raw.js');
const { OPTION } = require('./options.js');

const BURST = 20;

const limited = (set) => Server.start({ set: { [OPTION.limits]: 'true', ...set } });

/* The hint, in milliseconds, under whichever of the usual names. */
function hint({ payload }) {
	const ms = payload.retry_after_ms ?? payload.retryAfterMs;
	return ms ?? (payload.retry_after ?? payload.retryAfter) * 1000;
}

let server;
let alice;
let bob;
let room;
before(async () => {
	server = await limited({ [OPTION.messagesPerMinute]: 60, [OPTION.burst]: BURST });
	[alice, bob] = await people(server, 'alice', 'bob');
	room = await conversation(alice, bob);
});
after(() => server?.stop());

const flood = (client, count, label) =>
	Promise.all(Array.from({ length: count }, (_, i) =>
		client.request('send_message', { conversationId: room, content: `${label} ${i}` })));

test('the burst passes, what is over is refused with a hint and not stored', async () => {
	const replies = await flood(alice, BURST + 10, 'a');
	const passed = replies.filter((r) => r.type === 'message_sent');
	const refused = replies.filter((r) => r.type === 'error');
	assert.ok(passed.length >= BURST && passed.length <= BURST + 3, `${passed.length} passed`);
	for (const reply of refused) {
		assert.equal(reply.payload.code, 'RATE_LIMITED');
		assert.equal(reply.payload.requestId, reply.requestId);
		assert.equal(typeof reply.payload.error, 'string');
		const ms = hint(reply);
		assert.ok(ms > 0 && ms <= 60000, `hint ${JSON.stringify(reply.payload)}`);
	}
	const page = await bob.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.equal(page.payload.messages.length, passed.length);
	assert.deepEqual(replies.map((r) => r.type === 'message_sent'),
		replies.map((_, i) => i < passed.length), 'the first ones passed');
});

test('the connection stays, and the others are not limited', async () => {
	const [refused] = (await flood(alice, 3, 'b')).slice(-1);
	assert.equal(refused.payload.code, 'RATE_LIMITED');
	await alice.sync();
	await alice.ok('load_conversations', {}, 'conversations_loaded');
	const [reply] = await flood(bob, 1, 'c');
	assert.equal(reply.type, 'message_sent');
});

test('a second device does not double the limit', async () => {
	const device = await Client.signIn(server, alice.who);
	const replies = await flood(device, 5, 'd');
	assert.ok(replies.filter((r) => r.type === 'error').length >= 3);
	await device.close();
});

test('after the hinted time the next message passes', async () => {
	const replies = await flood(alice, 3, 'e');
	const wait = hint(replies.at(-1));
	assert.ok(wait <= 5000, `one message a second: ${wait} ms`);
	await sleep(wait + 300);
	assert.equal((await flood(alice, 1, 'f'))[0].type, 'message_sent');
});

test('a hundred a minute: the 101st of a burst of a hundred is refused', async (t) => {
	const shipped = await limited({ [OPTION.messagesPerMinute]: 100, [OPTION.burst]: 100 });
	t.after(() => shipped.stop());
	const [carol] = await people(shipped, 'carol');
	const own = await conversation(carol);
	const codes = [];
	for (let i = 0; i < 110 && !codes.includes('RATE_LIMITED'); i++) {
		const reply = await carol.request('send_message', { conversationId: own, content: `${i}` });
		codes.push(reply.payload.code);
	}
	const passed = codes.indexOf('RATE_LIMITED');
	assert.ok(passed >= 100 && passed <= 105, `${passed} passed`);
	await carol.sync();
	await carol.close();
});

test('connections per address', async (t) => {
	const narrow = await limited({ [OPTION.connectionsPerIp]: 3 });
	t.after(() => narrow.stop());
	const open = [];
	for (let i = 0; i < 3; i++)
		open.push(await Client.connect(narrow));
	await assert.rejects(Client.connect(narrow), 'the fourth is refused');
	await open[0].sync();
	const other = await Raw.open(narrow, { localAddress: '127.0.0.9' });
	const answer = await other.request(Raw.upgradeHead(narrow, '/ws'));
	assert.equal(answer.status, 101, 'another address has its own limit');
	other.destroy();
	await open.pop().close();
	await sleep(200);
	open.push(await Client.connect(narrow));
	for (const client of open)
		await client.close();
});
