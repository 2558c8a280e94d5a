'use strict';
/*
 * What goes in and out of an embedding program: what a handler is given, what its errors become, whom
 * each call reaches, and what each call returns. The script endpoint calls what its client says.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { Program, Plain, clients, workers } = require('./program.js');
const { sleep } = require('./harness.js');

const E = { INVAL: -2, CLOSED: -4, BUSY: -5, TOO_BIG: -6, DENIED: -10, NOT_FOUND: -11, LIMIT: -15 };
const UUID0 = '00000000-0000-4000-8000-000000000000';

let server;
before(async () => (server = await Program.handlers()));
after(() => server.stop());

const ok = (did) => ({ did, err: 0 });
const id = (client) => client.greeting.id;

/* Joined one after the other: each knows that it is inside before the next one speaks. */
async function inRoom(room, ...members) {
	for (const member of members)
		assert.deepEqual(await member.ask('join', { room }), ok('join'));
}

/* ---- in ---- */

test('a text that is JSON comes parsed, any value of it', async (t) => {
	const client = await clients(t, server, '/api/script')();
	const values = {
		object: ['{"a":{"b":[1]}}', ' {"a" : 1 } '],
		array: ['[1,"two",null]', '[]'],
		int: ['42', '-9223372036854775808'],
		number: ['4.5', '1e3', '123456789012345678901234567890'],
		string: ['"text"', '""'],
		bool: ['true', 'false'],
		null: ['null'],
	};
	for (const [type, texts] of Object.entries(values))
		for (const text of texts) {
			client.send(text);
			const told = await client.next();
			assert.equal(told.json, type, text);
			assert.equal(told.kind, 'text');
			assert.equal(told.raw, text);
			assert.deepEqual(told.value, JSON.parse(text));
		}
});

test('a text that is not JSON comes as it is', async (t) => {
	const client = await clients(t, server, '/api/script')();
	const texts = ['hello', '', '{"a":1', '{"a":1}}', '{"twice":1,"twice":2}', '01', "{'a':1}", 'NaN', 'Grüße 🎈',
		'['.repeat(65) + ']'.repeat(65), '1'.repeat(65)];
	for (const text of texts) {
		client.send(text);
		assert.deepEqual(await client.next(), {
			kind: 'text', json: 'none', value: null, raw: text, bytes: Buffer.byteLength(text),
		});
	}
});

test('bytes are never parsed', async (t) => {
	const client = await clients(t, server, '/api/script')();
	client.send(Buffer.from('{"do":"rooms"}'));
	assert.deepEqual(await client.next(), {
		kind: 'binary', json: 'none', value: null, raw: '{"do":"rooms"}', bytes: 14,
	});
	client.send(Buffer.from([0xff, 0x00, 0x61]));
	const told = await client.next();
	assert.equal(told.bytes, 3);
	assert.equal(told.raw, '\ufffd\u0000a', 'told with what JSON can carry');
});

test('an unknown type is the handler\'s business: nothing comes by itself', async (t) => {
	const program = await Program.start('game');
	t.after(() => program.stop());
	const client = await Plain.greeted(program, '/api/ws/game');
	client.send({ type: 'nonsense' });
	client.send('null');
	client.send('not json');
	await client.nothing();
	await client.close();
});

test('an error of on_message goes to the client, and the connection stays', async (t) => {
	const client = await clients(t, server, '/api/script')();
	assert.deepEqual(await client.ask('fail', { err: E.INVAL, text: 'no "room" given' }),
		{ type: 'error', message: 'no "room" given' });
	assert.deepEqual(await client.ask('fail', { err: E.DENIED }), { type: 'error', message: 'not permitted' });
	const long = await client.ask('fail', { err: E.INVAL, text: 'x'.repeat(400) });
	assert.equal(long.message, 'x'.repeat(255));
	assert.deepEqual(await client.ask('fail', { err: E.DENIED }), { type: 'error', message: 'not permitted' },
		'the words of an error do not outlive it');
	for (const err of [1, 12345, -99999]) {
		const told = await client.ask('fail', { err });
		assert.equal(told.type, 'error', 'a number that is no error of the list');
		assert.ok(told.message);
	}
	assert.deepEqual(await client.ask('in-room', { room: 'a' }), { did: 'in-room', n: 0 });
});

test('with on_error, on_error is told instead', async (t) => {
	const client = await clients(t, server, '/api/told')();
	assert.deepEqual(await client.ask('fail', { err: E.DENIED, text: 'why' }), { on_error: E.DENIED, detail: 'why' });
	const told = await client.ask('fail', { err: E.INVAL });
	assert.deepEqual(told, { on_error: E.INVAL, detail: 'invalid argument' });
	await client.nothing();
});

/* ---- out ---- */

test('send: text as text, bytes as bytes', async (t) => {
	const client = await clients(t, server, '/api/script')();
	assert.equal(await client.ask('send', { text: 'plain' }), 'plain');
	assert.deepEqual(await client.next(), ok('send'));
	assert.deepEqual(await client.ask('send', { text: 'bytes', binary: true }), Buffer.from('bytes'));
	assert.deepEqual(await client.next(), ok('send'));
	assert.equal(await client.ask('send', { text: '' }), '');
});

test('what is sent behind a close is refused', async (t) => {
	const open = clients(t, server, '/api/script');
	const [one, other] = [await open(), await open()];
	one.send({ do: 'close', code: 1000 });
	await one.closed;
	await other.farewell(id(one));
	assert.deepEqual(await other.ask('late-err'), { did: 'late-err', err: E.CLOSED });
	assert.deepEqual(one.kept, []);
});

test('broadcast: all of the endpoint, not the sender, nobody of another path', async (t) => {
	const open = clients(t, server, '/api/script');
	const [a, b, c] = [await open(), await open(), await open()];
	const elsewhere = await open('/api/other');
	assert.deepEqual(await a.ask('broadcast', { text: 'one' }), ok('broadcast'));
	assert.equal(await b.next(), 'one');
	assert.equal(await c.next(), 'one');
	a.send({ do: 'broadcast', text: 'two', self: true });
	assert.equal(await a.next(), 'two');
	assert.deepEqual(await a.next(), ok('broadcast'));
	assert.equal(await b.next(), 'two');
	assert.equal(await c.next(), 'two');
	await elsewhere.nothing();
	a.send({ do: 'broadcast', text: 'three', binary: true });
	assert.deepEqual(await b.next(), Buffer.from('three'));
});

test('broadcast to rooms: the members of any of them, each once', async (t) => {
	const open = clients(t, server, '/api/script');
	const [sender, both, first, none] = [await open(), await open(), await open(), await open()];
	await inRoom('r1', both, first);
	await inRoom('r2', both);
	assert.deepEqual(await sender.ask('broadcast', { text: 'x', rooms: ['r1', 'r2', 'r1'] }), ok('broadcast'));
	assert.equal(await both.next(), 'x');
	assert.equal(await first.next(), 'x');
	assert.deepEqual(await sender.ask('broadcast', { text: 'nobody', rooms: ['r3'] }), ok('broadcast'));
	for (const client of [sender, both, first, none])
		await client.nothing(50);
});

test('broadcast to rooms reaches the sender only if asked to, and only as a member', async (t) => {
	const open = clients(t, server, '/api/script');
	const [a, b] = [await open(), await open()];
	await inRoom('s1', a, b);
	a.send({ do: 'broadcast', text: 'with me', rooms: ['s1'], self: true });
	assert.equal(await a.next(), 'with me');
	assert.deepEqual(await a.next(), ok('broadcast'));
	assert.equal(await b.next(), 'with me');
	assert.deepEqual(await a.ask('broadcast', { text: 'without me', rooms: ['s1'] }), ok('broadcast'));
	assert.equal(await b.next(), 'without me');
	await inRoom('s2', b);
	assert.deepEqual(await a.ask('broadcast', { text: 'not mine', rooms: ['s2'], self: true }), ok('broadcast'));
	assert.equal(await b.next(), 'not mine');
	await a.nothing(50);
});

test('broadcast to the own rooms: their union; in none: everybody', async (t) => {
	const open = clients(t, server, '/api/other');
	const [a, b, c, d] = [await open(), await open(), await open(), await open()];
	await inRoom('o1', a, b);
	await inRoom('o2', a, c);
	assert.deepEqual(await a.ask('broadcast', { text: 'ours', own: true }), ok('broadcast'));
	assert.equal(await b.next(), 'ours');
	assert.equal(await c.next(), 'ours');
	await d.nothing(50);
	assert.deepEqual(await d.ask('broadcast', { text: 'to all', own: true }), ok('broadcast'));
	for (const client of [a, b, c])
		assert.equal(await client.next(), 'to all');
});

test('joining and leaving: twice is fine, no frames, rooms are those of the endpoint', async (t) => {
	const open = clients(t, server, '/api/script');
	const client = await open();
	await inRoom('twice', client, client);
	assert.deepEqual(await client.ask('rooms'), { did: 'rooms', n: 1 });
	assert.deepEqual(await client.ask('in-room', { room: 'twice' }), { did: 'in-room', n: 1 });
	assert.deepEqual(await client.ask('room-size', { room: 'twice' }), { did: 'room-size', n: 1 });
	for (let i = 0; i < 2; i++)
		assert.deepEqual(await client.ask('leave', { room: 'twice' }), ok('leave'));
	assert.deepEqual(await client.ask('leave', { room: 'never' }), ok('leave'));
	assert.deepEqual(await client.ask('rooms'), { did: 'rooms', n: 0 });
	assert.deepEqual(await client.ask('room-size', { room: 'twice' }), { did: 'room-size', n: 0 });
	const other = await open('/api/other');
	await inRoom('shared name', client, other);
	assert.deepEqual(await client.ask('broadcast', { text: 'x', rooms: ['shared name'] }), ok('broadcast'));
	await other.nothing(50);
});

test('the default room is joined before on_connect', async (t) => {
	const open = clients(t, server, '/api/default');
	const [a, b] = [await open(), await open()];
	assert.equal(a.greeting.rooms, 1);
	assert.deepEqual(await a.ask('in-room', { room: 'hall' }), { did: 'in-room', n: 1 });
	assert.deepEqual(await a.ask('broadcast', { text: 'hi', rooms: ['hall'] }), ok('broadcast'));
	assert.equal(await b.next(), 'hi');
});

test('bad names of rooms', async (t) => {
	const client = await clients(t, server, '/api/script')();
	assert.deepEqual(await client.ask('join', { room: '' }), { did: 'join', err: E.INVAL });
	assert.deepEqual(await client.ask('join'), { did: 'join', err: E.INVAL });
	assert.deepEqual(await client.ask('join', { room: 'x'.repeat(256) }), { did: 'join', err: E.INVAL });
	assert.deepEqual(await client.ask('join', { room: 'x'.repeat(255) }), ok('join'));
	assert.deepEqual(await client.ask('join', { room: 'with \u0000 and \n' }), ok('join'));
});

test('ping and pong carry a payload of at most 125 bytes', async (t) => {
	const client = await clients(t, server, '/api/script')();
	const heard = { ping: [], pong: [] };
	client.socket.on('ping', (data) => heard.ping.push(data.toString()));
	client.socket.on('pong', (data) => heard.pong.push(data.toString()));
	assert.deepEqual(await client.ask('pong', { text: 'unasked' }), ok('pong'));
	client.send({ do: 'ping', text: 'are you there' });
	const answers = [await client.next(), await client.next()];
	assert.deepEqual(answers.find((a) => a.did), ok('ping'));
	assert.deepEqual(answers.find((a) => a.pong), { pong: 'are you there' }, 'on_pong is told');
	assert.deepEqual(heard, { ping: ['are you there'], pong: ['unasked'] });
	assert.deepEqual(await client.ask('ping', { text: 'x'.repeat(126) }), { did: 'ping', err: E.TOO_BIG });
	assert.deepEqual(await client.ask('pong', { text: 'x'.repeat(126) }), { did: 'pong', err: E.TOO_BIG });
});

test('close: code and reason arrive; a code that may not be sent counts as 1011', async (t) => {
	const open = clients(t, server, '/api/script');
	const codes = { 1000: 1000, 1001: 1001, 1003: 1003, 1008: 1008, 1011: 1011, 1014: 1014, 3000: 3000, 4999: 4999,
		0: 1011, 999: 1011, 1004: 1011, 1005: 1011, 1006: 1011, 1015: 1011, 2999: 1011, 5000: 1011 };
	for (const [asked, code] of Object.entries(codes)) {
		const client = await open();
		client.send({ do: 'close', code: Number(asked), text: 'bye' });
		assert.deepEqual(await client.closed, { code, reason: 'bye' }, asked);
	}
	const client = await open();
	client.send({ do: 'close', code: 4000, text: 'ü'.repeat(62) });
	const { reason } = await client.closed;
	assert.ok(Buffer.byteLength(reason) <= 123 && /^ü+$/.test(reason), `cut between characters: ${reason}`);
	const silent = await open();
	silent.send({ do: 'close', code: 4000 });
	assert.deepEqual(await silent.closed, { code: 4000, reason: '' });
});

/* ---- from outside of a connection's own callbacks ---- */

test('publish: to an endpoint or a room of it, whoever says it', async (t) => {
	const open = clients(t, server, '/api/other');
	const [a, b] = [await open(), await open()];
	const caller = await open('/api/script');
	await inRoom('p', a);
	assert.deepEqual(await caller.ask('publish', { pattern: '/other', text: 'all', room: '' }), ok('publish'));
	assert.equal(await a.next(), 'all');
	assert.equal(await b.next(), 'all');
	assert.deepEqual(await caller.ask('publish', { pattern: '/other', room: 'p', text: 'some' }), ok('publish'));
	assert.equal(await a.next(), 'some');
	await b.nothing(50);
	assert.deepEqual(await caller.ask('publish', { pattern: '/none', room: '', text: 'x' }),
		{ did: 'publish', err: E.NOT_FOUND });
});

test('send_to and kick reach one connection, on whichever worker', async (t) => {
	const open = clients(t, server, '/api/script');
	const caller = await open();
	for (let i = 0; i < 2 * workers(); i++) {
		const other = await open();
		assert.deepEqual(await caller.ask('send-to', { id: id(other), text: 'for you' }), ok('send-to'));
		assert.equal(await other.next(), 'for you');
		assert.deepEqual(await caller.ask('kick', { id: id(other) }), ok('kick'));
		assert.deepEqual(await other.closed, { code: 4321, reason: 'kicked' });
		await caller.farewell(id(other));
	}
	assert.deepEqual(await caller.ask('send-to', { id: UUID0, text: 'x' }), ok('send-to'), 'gone is no error');
});

test('find: this worker\'s connections, by id', async (t) => {
	const open = clients(t, server, '/api/script');
	const [a, b] = [await open(), await open()];
	assert.deepEqual(await a.ask('find', { id: id(a) }), { did: 'find', n: 1 });
	assert.deepEqual(await a.ask('find', { id: id(b) }), { did: 'find', n: 0 });
	for (const wrong of [UUID0, '', 'x'.repeat(1000)])
		assert.deepEqual(await a.ask('find', { id: wrong }), { did: 'find', n: 0 });
});

/* ---- limits ---- */

test('a million room names meet a limit, not the memory', async (t) => {
	const client = await clients(t, server, '/api/script')();
	const rss = () => Number(/VmRSS:\s+(\d+)/.exec(
		require('node:fs').readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]);
	const before = rss();
	assert.deepEqual(await client.ask('join-many', { count: 1000000 }),
		{ did: 'join-many', refused: 999000, err: E.LIMIT });
	assert.ok(rss() - before < 64 * 1024, `${rss() - before} KiB more`);
	assert.deepEqual(await client.ask('rooms'), { did: 'rooms', n: 1000 });
	assert.deepEqual(await client.ask('join', { room: 'room number 7' }), ok('join'), 'it is inside already');
	assert.deepEqual(await client.ask('join', { room: 'new' }), { did: 'join', err: E.LIMIT });
	assert.deepEqual(await client.ask('leave', { room: 'room number 7' }), ok('leave'));
	assert.deepEqual(await client.ask('join', { room: 'new' }), ok('join'));
});

test('rooms with a member are counted per endpoint, and free when the last one leaves', async (t) => {
	const open = clients(t, server, '/api/few');
	const client = await open();
	assert.deepEqual(await client.ask('join-many', { count: 12 }), { did: 'join-many', refused: 2, err: E.LIMIT });
	await client.close();
	const next = await open();
	assert.deepEqual(await next.ask('join-many', { count: 10 }), { did: 'join-many', refused: 0, err: 0 });
});

/* Reads nothing while 64 MiB are sent to it. */
async function flooded(open, path) {
	const client = await open(path);
	client.socket._socket.pause();
	client.send({ do: 'flood', times: 1024 });
	await sleep(1500);
	client.socket._socket.resume();
	return client;
}

test('who does not read is closed with 1013', async (t) => {
	const client = await flooded(clients(t, server), '/api/slow');
	assert.equal((await client.closed).code, 1013);
});

test('... or misses messages, where the endpoint says so', async (t) => {
	const client = await flooded(clients(t, server), '/api/drop');
	let heard = -1;
	while (heard !== client.kept.length) {
		heard = client.kept.length;
		await sleep(500);
	}
	const messages = client.kept.splice(0).filter(Buffer.isBuffer).length;
	assert.ok(messages > 0 && messages < 1024, `${messages} of 1024`);
	assert.deepEqual(await client.ask('rooms'), { did: 'rooms', n: 0 }, 'and is still there');
});
