'use strict';
/*
 * The envelope: what is refused, in which words, and that the connection survives it. Below it,
 * the WebSocket frames that a good library would never send.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server } = require('./harness.js');
const { Client, UUID, conversation, people, say } = require('./client.js');
const { Raw, OP, encode } = require('./raw.js');
const { OPTION } = require('./options.js');

const MAX_MESSAGE = 65536;

let server;
before(async () => {
	server = await Server.start({ set: { [OPTION.maxMessage]: MAX_MESSAGE } });
});
after(() => server?.stop());

const time = '2025-01-01T00:00:00.000Z';
const ping = (extra = {}) =>
	JSON.stringify({ type: 'ping', payload: {}, requestId: 'r', timestamp: time, ...extra });
const envelope = (type, payload, requestId = crypto.randomUUID()) =>
	JSON.stringify({ type, payload, requestId, timestamp: time });

/* Sends a text, wants the uncorrelated refusal and a connection that goes on. */
async function invalid(client, text) {
	client.sendText(text);
	const frame = await client.expect('error');
	assert.deepEqual(
		[frame.payload.code, frame.payload.error, frame.payload.requestId],
		['INVALID_MESSAGE', 'Invalid message format', null],
		text.slice(0, 200)
	);
	assert.match(frame.requestId, UUID, 'a fresh id');
	await client.sync();
}

const NOT_JSON = ['', ' ', '{', '}', 'hello', '{"type":', '{"type":"ping",}', "{'type':'ping'}",
	'{"type":"ping"} x', 'NaN', '\u0000', '{"type":"ping","payload":{},"requestId":"r","timestamp":"t"}{}',
	'\ufeff' + ping().slice(0, -1), '{"a":"\\x"}', '{"a":01}', '[1,]', '{"a":"\n"}'];
const NOT_OBJECTS = ['[]', 'null', 'true', '5', '"ping"', `[${ping()}]`];
const BAD_FIELDS = {
	'no type': ping({ type: undefined }),
	'type empty': ping({ type: '' }),
	'type a number': ping({ type: 5 }),
	'type null': ping({ type: null }),
	'type an object': ping({ type: {} }),
	'no payload': ping({ payload: undefined }),
	'payload null': ping({ payload: null }),
	'payload a string': ping({ payload: 'x' }),
	'payload a number': ping({ payload: 1 }),
	'no requestId': ping({ requestId: undefined }),
	'requestId a number': ping({ requestId: 7 }),
	'requestId an object': ping({ requestId: {} }),
	'no timestamp': ping({ timestamp: undefined }),
	'timestamp empty': ping({ timestamp: '' }),
	'timestamp a number': ping({ timestamp: 1735689600 }),
	'duplicate type': `{"type":"ping","type":"auth","payload":{},"requestId":"r","timestamp":"${time}"}`,
	'duplicate payload': `{"type":"ping","payload":{},"payload":{"x":1},"requestId":"r","timestamp":"${time}"}`,
	'duplicate requestId': `{"type":"ping","payload":{},"requestId":"r","requestId":"s","timestamp":"${time}"}`,
	'duplicate key, escaped': `{"type":"ping","payload":{},"requestId":"r","requestId\\u0022":1,"\\u0074ype":"x","timestamp":"${time}"}`,
	'nested too deep': ping({ payload: {} }).replace('{}', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`),
	'arrays too deep': `${'['.repeat(20000)}`,
};

test('text that is no JSON', async () => {
	const client = await Client.connect(server);
	for (const text of NOT_JSON)
		await invalid(client, text);
	await client.close();
});

test('JSON that is no object', async () => {
	const client = await Client.connect(server);
	for (const text of NOT_OBJECTS)
		await invalid(client, text);
	await client.close();
});

for (const [name, text] of Object.entries(BAD_FIELDS)) {
	test(`envelope: ${name}`, async () => {
		const client = await Client.connect(server);
		await invalid(client, text);
		await client.close();
	});
}

test('a duplicate key inside the payload is refused and nothing is stored', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	await invalid(alice, `{"type":"send_message","payload":{"conversationId":"${room}","content":"a","content":"b"},` +
		`"requestId":"r","timestamp":"${time}"}`);
	const page = await bob.ok('load_messages', { conversationId: room }, 'messages_loaded');
	assert.deepEqual(page.payload.messages, []);
	await alice.close();
	await bob.close();
});

test('requestId null is accepted; the reply has an id of its own', async () => {
	const client = await Client.connect(server);
	client.sendText(ping({ requestId: null }));
	const pong = await client.expect('pong');
	assert.match(pong.requestId, UUID);
	client.sendText(ping({ type: 'join_conversation', requestId: null }));
	const error = await client.expect('error');
	assert.equal(error.payload.code, 'AUTH_REQUIRED');
	assert.equal(error.payload.requestId, null);
	await client.close();
});

test('what the envelope allows', async () => {
	const client = await Client.connect(server);
	const fine = [
		ping(),
		ping({ timestamp: 'not a date' }),
		ping({ extra: { nested: [1, 2, { x: null }] } }),
		ping({ payload: { unknown: true } }),
		` \t\r\n${ping()}\n`,
		`{"timestamp":"${time}","requestId":"r","payload":{},"type":"ping"}`,
		`{"\\u0074ype":"\\u0070ing","payload":{},"requestId":"r","timestamp":"${time}"}`,
	];
	for (const text of fine) {
		client.sendText(text);
		const pong = await client.expect('pong');
		assert.equal(pong.requestId, 'r', text);
	}
	for (const requestId of ['0', 'ü 🌍 "\\/\u0001', 'x'.repeat(100)])
		await client.ok('ping', {}, 'pong', { requestId });
	await client.close();
});

test('unknown types, and types that only servers send', async () => {
	const [client] = await people(server, 'alice');
	const types = ['nonsense', 'PING', 'ping ', 'message_sent', 'message_received', 'auth_success', 'auth_error',
		'error', 'pong', 'typing_update', 'user_online', 'user_offline', 'conversations_loaded', 'groups_loaded',
		'__proto__', 'constructor', 'toString', '<b>&"\\', '\u0001\u0000', 'ü🌍'];
	for (const type of types)
		await client.fails(type, {}, 'UNKNOWN_MESSAGE_TYPE', `Unknown message type: ${type}`);
	await client.close();
});

test('JSON in a binary frame is JSON', async () => {
	const client = await Client.connect(server);
	client.socket.send(Buffer.from(ping({ requestId: 'bin' })), { binary: true });
	const pong = await client.expect('pong');
	assert.equal(pong.requestId, 'bin');
	await client.close();
});

test('a message in fragments, with a ping between', async () => {
	const raw = await Raw.connect(server);
	const [a, b, c] = [ping().slice(0, 10), ping().slice(10, 11), ping().slice(11)];
	raw.write(encode(a, { fin: false }));
	raw.write(encode('mid', { op: OP.ping }));
	raw.write(encode(b, { op: OP.continuation, fin: false }));
	raw.write(encode('', { op: OP.continuation, fin: false }));
	raw.write(encode(c, { op: OP.continuation }));
	assert.equal((await raw.frame(OP.pong)).text, 'mid');
	assert.equal((await raw.json()).type, 'pong');
	raw.destroy();
});

test('server frames are not masked, text, and whole', async () => {
	const raw = await Raw.connect(server);
	raw.text(ping());
	const frame = await raw.frame(OP.text);
	assert.equal(frame.first, 0x81);
	assert.equal(frame.masked, false);
	raw.destroy();
});

const CLOSES = {
	'over the limit: 1009': [1009, () => encode(ping({ pad: 'x'.repeat(MAX_MESSAGE) }))],
	'over the limit in fragments: 1009': [1009, () => Buffer.concat([
		encode('x'.repeat(MAX_MESSAGE - 10), { fin: false }),
		encode('x'.repeat(20), { op: OP.continuation }),
	])],
	'a length of 2^63: 1002 or 1009': [[1002, 1009], () => Buffer.from('81ff8000000000000000', 'hex')],
	'bad UTF-8: 1007': [1007, () => encode(Buffer.from([0x22, 0xff, 0x22]))],
	'UTF-8 surrogate: 1007': [1007, () => encode(Buffer.from([0xed, 0xa0, 0x80]))],
	'UTF-8 cut off: 1007': [1007, () => encode(Buffer.from([0xe2, 0x82]))],
	'no mask: 1002': [1002, () => encode(ping(), { mask: false })],
	'RSV1: 1002': [1002, () => encode(ping(), { first: 0xc1 })],
	'RSV3: 1002': [1002, () => encode(ping(), { first: 0x91 })],
	'reserved opcode: 1002': [1002, () => encode('x', { op: 3 })],
	'reserved control opcode: 1002': [1002, () => encode('', { op: 11 })],
	'continuation of nothing: 1002': [1002, () => encode('x', { op: OP.continuation })],
	'text inside a fragmented text: 1002': [1002, () => Buffer.concat([encode('x', { fin: false }), encode('y')])],
	'ping in fragments: 1002': [1002, () => encode('x', { op: OP.ping, fin: false })],
	'ping of 126 bytes: 1002': [1002, () => encode('x'.repeat(126), { op: OP.ping })],
	'close of one byte: 1002': [1002, () => encode('x', { op: OP.close })],
	'close with code 1005: 1002': [1002, () => encode(Buffer.from([3, 237]), { op: OP.close })],
};

for (const [name, [code, bytes]] of Object.entries(CLOSES)) {
	test(`frames: ${name}`, async () => {
		const raw = await Raw.connect(server);
		raw.text(ping());
		await raw.json();
		raw.write(bytes());
		const how = await raw.end();
		assert.ok([code].flat().includes(how.code), `closed with ${how.code}`);
	});
}

test('bad UTF-8 is noticed inside an unfinished frame', async () => {
	const raw = await Raw.connect(server);
	const frame = encode(Buffer.concat([Buffer.from([0xff]), Buffer.alloc(1000, 0x20)]));
	raw.write(frame.subarray(0, 40));
	assert.equal((await raw.end()).code, 1007);
});

test('what was valid before a bad frame is answered before the close', async () => {
	const raw = await Raw.connect(server);
	raw.write(Buffer.concat([encode(ping()), encode('mid', { op: OP.ping }), encode('x', { op: 3 })]));
	assert.equal((await raw.json()).type, 'pong');
	assert.equal((await raw.frame(OP.pong)).text, 'mid');
	assert.equal((await raw.end()).code, 1002);
});

test('a message of exactly the limit is taken', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const requestId = crypto.randomUUID();
	const around = envelope('send_message', { conversationId: room, content: '' }, requestId).length;
	const content = 'x'.repeat(MAX_MESSAGE - around);
	const answer = alice.reply(requestId);
	alice.sendText(envelope('send_message', { conversationId: room, content }, requestId));
	assert.equal((await answer).type, 'message_sent');
	const heard = await bob.expect('message_received');
	assert.equal(heard.payload.message.encrypted_content, content);
	await alice.close();
	await bob.close();
});

test('a close is answered with its code', async () => {
	const raw = await Raw.connect(server);
	raw.write(encode(Buffer.from([3, 232]), { op: OP.close }));
	assert.equal((await raw.end()).code, 1000);
});

test('a frame byte by byte', async () => {
	const raw = await Raw.connect(server);
	await raw.byteByByte(encode(ping()));
	assert.equal((await raw.json()).type, 'pong');
	raw.destroy();
});

test('a hundred frames in one write', async () => {
	const raw = await Raw.connect(server);
	raw.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => encode(ping({ requestId: `r${i}` })))));
	for (let i = 0; i < 100; i++)
		assert.equal((await raw.json()).requestId, `r${i}`);
	raw.destroy();
});

test('the worst client beside an innocent one', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	for (let i = 0; i < 30; i++) {
		const raw = await Raw.connect(server);
		raw.write(crypto.randomBytes(300));
		await say(alice, room, `fine ${i}`);
		raw.destroy();
	}
	for (let i = 0; i < 30; i++)
		assert.equal((await bob.expect('message_received')).payload.message.encrypted_content, `fine ${i}`);
	await alice.close();
	await bob.close();
});
