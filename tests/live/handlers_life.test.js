'use strict';
/*
 * From the first callback of a connection to its last: heartbeat, inactivity, callbacks that fail or
 * close, frames that must not be, the end of the server.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { Program, Plain, clients } = require('./program.js');
const { Raw, OP, encode } = require('./raw.js');
const { sleep, within } = require('./harness.js');

const E = { CLOSED: -4, DENIED: -10, PROTO: -14 };
const BEAT_MS = 250;
const IDLE_MS = 600;

let server;
before(async () => (server = await Program.handlers()));
after(() => server.stop());

/* A connection whose frames the test answers itself. */
async function raw(t, path, headers) {
	const client = await Raw.connect(server, path, headers);
	t.after(() => client.destroy());
	await client.frame(OP.text);
	return client;
}

/* The close frame: its code and reason. */
async function farewell(client, ms) {
	const { payload } = await client.frame(OP.close, ms);
	return payload.length < 2 ? { code: 1005, reason: '' }
		: { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
}

/* What it was sent, but for others whose line ended meanwhile: those of the test before may be told late. */
const heard = (client) => client.frames.filter((f) => !(f.op === OP.text && f.text.startsWith('{"left":')));

/* What the watcher is told of this one's broken line. */
async function broken(watcher, id) {
	for (;;) {
		const message = await watcher.next();
		if (message.broke === id)
			return message;
	}
}

const pings = (client) => client.frames.filter((f) => f.op === OP.ping);

/* ---- heartbeat ---- */

test('heartbeat: three unanswered pings, and the fourth beat closes', async (t) => {
	const began = Date.now();
	const client = await Raw.connect(server, '/api/beat');
	t.after(() => client.destroy());
	client.answersPings = false;
	assert.deepEqual(await farewell(client), { code: 1000, reason: 'No pong received' });
	const took = Date.now() - began;
	assert.ok(took >= 4 * BEAT_MS - 60 && took < 8 * BEAT_MS, `${took} ms`);
	assert.deepEqual(pings(client).map((f) => f.text), ['heartbeat', 'heartbeat', 'heartbeat']);
	await client.end();
});

test('heartbeat: any pong counts, who answers stays', async (t) => {
	const client = await raw(t, '/api/beat');
	client.answersPings = false;
	for (let i = 0; i < 8; i++) {
		await sleep(BEAT_MS);
		client.write(encode(i % 2 ? 'something else' : '', { op: OP.pong }));
	}
	assert.ok(pings(client).length >= 5);
	assert.equal(client.closeCode, null);
	const polite = await Plain.greeted(server, '/api/beat');
	assert.equal(await within(polite.closed, 8 * BEAT_MS), 'late');
	await polite.close();
});

test('no heartbeat, no pings', async (t) => {
	const client = await raw(t, '/api/script');
	await sleep(4 * BEAT_MS);
	assert.deepEqual(heard(client), []);
});

/* ---- pings of clients ---- */

test('a ping is answered once, with what it carried', async (t) => {
	const client = await raw(t, '/api/script');
	client.write(encode('payload', { op: OP.ping }));
	assert.equal((await client.frame(OP.pong)).text, 'payload');
	await sleep(100);
	assert.deepEqual(heard(client), []);
});

test('with on_ping, pings are its business', async (t) => {
	const client = await raw(t, '/api/ping');
	client.write(encode('payload', { op: OP.ping }));
	assert.deepEqual(await client.json(), { ping: 'payload' });
	assert.equal((await client.frame(OP.pong)).text, 'by hand');
	await sleep(100);
	assert.deepEqual(heard(client), []);
});

/* ---- inactivity ---- */

test('inactivity: closed with 1000 after a while without message or ping', async (t) => {
	const client = await raw(t, '/api/idle');
	const began = Date.now();
	assert.deepEqual(await farewell(client), { code: 1000, reason: 'Inactivity timeout' });
	const took = Date.now() - began;
	assert.ok(took >= IDLE_MS - 60 && took < 3 * IDLE_MS, `${took} ms`);
});

test('inactivity: messages and pings count, pongs do not', async (t) => {
	const busy = await raw(t, '/api/idle');
	const pinging = await raw(t, '/api/idle');
	const ponging = await raw(t, '/api/idle');
	const ended = farewell(ponging);
	for (let i = 0; i < 6; i++) {
		await sleep(IDLE_MS / 3);
		busy.text('"still here"');
		pinging.write(encode('', { op: OP.ping }));
		if (ponging.closeCode === null)
			ponging.write(encode('', { op: OP.pong }));
	}
	assert.deepEqual(await ended, { code: 1000, reason: 'Inactivity timeout' });
	assert.equal(busy.closeCode, null);
	assert.equal(pinging.closeCode, null);
});

/* ---- callbacks that fail ---- */

test('on_connect fails: an error frame, then 1011', async () => {
	const client = await Plain.connect(server, '/api/refuse');
	assert.deepEqual(await client.next(), { type: 'error', message: 'not today' });
	assert.deepEqual(await client.closed, { code: 1011, reason: 'Internal error' });
	const told = await Plain.connect(server, '/api/refuse/told');
	assert.deepEqual(await told.next(), { on_error: E.DENIED, detail: 'not today' });
	assert.deepEqual(await told.closed, { code: 1011, reason: 'Internal error' });
});

/* ---- the end ---- */

test('on_close: tells the rooms that it was in, with the code; it hears nothing itself', async (t) => {
	const open = clients(t, server, '/api/script');
	const [leaver, member, stranger] = [await open(), await open(), await open()];
	const { id } = leaver.greeting;
	await leaver.ask('join', { room: 'end1' });
	await leaver.ask('join', { room: 'end2' });
	await member.ask('join', { room: 'end1' });
	await member.ask('join', { room: 'end2' });
	assert.deepEqual(await leaver.close(4123, 'going home'), { code: 4123, reason: '' });
	assert.deepEqual(await member.farewell(id), { left: id, code: 4123, reason: 'going home', rooms: 2 });
	await sleep(100);
	assert.equal(member.left.filter((end) => end.left === id).length, 1, 'each once');
	assert.ok(!stranger.left.some((end) => end.left === id));
	assert.deepEqual(leaver.kept, []);
	assert.deepEqual(leaver.left, []);
	assert.deepEqual(await member.ask('room-size', { room: 'end1' }), { did: 'room-size', n: 1 });
});

test('on_close: 1005 without a code, 1006 for a line that broke, ours when we close', async (t) => {
	const open = clients(t, server, '/api/script');
	const watcher = await open();
	const silent = await open();
	silent.socket.close();
	assert.equal((await watcher.farewell(silent.greeting.id)).code, 1005);
	const broken = await open();
	broken.drop();
	assert.equal((await watcher.farewell(broken.greeting.id)).code, 1006);
	const closed = await open();
	closed.send({ do: 'close', code: 4200, text: 'ours' });
	await closed.closed;
	assert.equal((await watcher.farewell(closed.greeting.id)).code, 4200);
});

for (const where of ['connect', 'message', 'ping', 'pong', 'error', 'close']) {
	test(`a connection may be closed inside on_${where}, and talked to as if it were open`, async (t) => {
		const path = `/api/close/${where}`;
		const watcher = where === 'connect' ? null : await Plain.connect(server, path);
		t.after(() => watcher?.socket.terminate());
		const client = await Raw.connect(server, path);
		t.after(() => client.destroy());
		if (where === 'message')
			client.text('x');
		else if (where === 'ping')
			client.write(encode('', { op: OP.ping }));
		else if (where === 'pong')
			client.write(encode('', { op: OP.pong }));
		else if (where === 'error')
			client.text('fail');
		else if (where === 'close')
			client.write(encode(Buffer.from([0x0f, 0xa0]), { op: OP.close }));
		const wanted = where === 'close' ? { code: 4000, reason: '' } : { code: 4100, reason: where };
		assert.deepEqual(await farewell(client), wanted);
		await client.end();
		assert.deepEqual(client.frames.filter((f) => f.op === OP.text), [], 'nothing behind the close');
		if (watcher) {
			assert.equal(await watcher.next(), 'from inside');
			await watcher.farewell();
		}
	});
}

/* ---- frames that must not be ---- */

test('broken frames close with the code of RFC 6455', async (t) => {
	const bad = [
		['a continuation of nothing', encode('x', { op: OP.continuation }), 1002],
		['a text inside a fragmented message', Buffer.concat([encode('a', { fin: false }), encode('b')]), 1002],
		['no mask', encode('x', { mask: false }), 1002],
		['an unknown opcode', encode('x', { op: 3 }), 1002],
		['an unknown control opcode', encode('', { op: 11 }), 1002],
		['a reserved bit', encode('x', { first: 0xc1 }), 1002],
		['a fragmented ping', encode('x', { op: OP.ping, fin: false }), 1002],
		['a ping of 126 bytes', encode('x'.repeat(126), { op: OP.ping }), 1002],
		['a close of one byte', encode('x', { op: OP.close }), 1002],
		['a close with 1005', encode(Buffer.from([0x03, 0xed]), { op: OP.close }), 1002],
		['a text that is not UTF-8', encode(Buffer.from([0xc3, 0x28])), 1007],
		['a close whose reason is not UTF-8', encode(Buffer.from([0x0f, 0xa0, 0xff]), { op: OP.close }), 1007],
	];
	for (const [what, bytes, code] of bad) {
		const client = await raw(t, '/api/script');
		client.write(bytes);
		assert.equal((await farewell(client)).code, code, what);
		await client.end();
	}
});

test('on_error is told of broken frames, and on_close follows', async (t) => {
	const open = clients(t, server, '/api/told');
	const watcher = await open();
	const client = await Raw.connect(server, '/api/told');
	t.after(() => client.destroy());
	const { id } = await client.json();
	client.write(encode('x', { op: 3 }));
	await client.end();
	assert.deepEqual(await broken(watcher, id), { broke: id, err: E.PROTO });
	assert.equal((await watcher.farewell(id)).code, 1002);
});

test('on_error is told of a line that breaks, and on_close follows', async (t) => {
	const open = clients(t, server, '/api/told');
	const watcher = await open();
	const client = await Raw.connect(server, '/api/told');
	const { id } = await client.json();
	client.socket.resetAndDestroy();
	assert.deepEqual(await broken(watcher, id), { broke: id, err: E.CLOSED });
	assert.equal((await watcher.farewell(id)).code, 1006);
});

test('what comes behind a close frame is not heard', async (t) => {
	const client = await raw(t, '/api/script');
	client.write(Buffer.concat([
		encode(Buffer.from([0x03, 0xe8]), { op: OP.close }),
		encode('{"do":"broadcast","text":"from beyond"}'),
		encode('', { op: OP.ping }),
	]));
	assert.equal((await farewell(client)).code, 1000);
	await client.end();
	assert.deepEqual(heard(client), []);
});

test('messages in pieces arrive whole, byte by byte', async (t) => {
	const client = await raw(t, '/api/script');
	const bytes = Buffer.concat([
		encode('{"do":', { fin: false }),
		encode('between', { op: OP.ping }),
		encode('"rooms"', { op: OP.continuation, fin: false }),
		encode('}', { op: OP.continuation }),
	]);
	await client.byteByByte(bytes);
	assert.deepEqual(await client.json(), { did: 'rooms', n: 0 });
	assert.equal((await client.frame(OP.pong)).text, 'between');
});

test('the server stops: everybody is told with 1001, and it ends with 0', async () => {
	const program = await Program.handlers();
	const all = [];
	for (const path of ['/api/script', '/api/other', '/api/gate/now?as=a'])
		all.push(await Plain.greeted(program, path));
	const pending = Plain.connect(program, '/api/gate/never').catch((error) => error);
	await sleep(50);
	const stopped = program.stop();
	for (const client of all)
		assert.equal((await client.closed).code, 1001);
	await stopped;
	assert.ok((await pending) instanceof Error);
});
