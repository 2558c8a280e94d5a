'use strict';
/*
 * The native dialect as a plain client meets it: the handshake and who is let in, every message and
 * its answer, what is ignored, the rate rule, the heartbeat, and all of it with several workers.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, freePort, sleep } = require('./harness.js');
const { Native } = require('./native_client.js');
const { Raw, OP, encode } = require('./raw.js');
const { person, token } = require('./tokens.js');

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const room = () => `room-${crypto.randomBytes(4).toString('hex')}`;
const isNow = (ms) => Number.isInteger(ms) && Math.abs(ms - Date.now()) < 60000;

/* A server with a listener for people and one for guests too. */
async function start({ set = {}, ...options } = {}) {
	const guests = await freePort();
	const server = new Server({
		dialect: 'native',
		set: { 'native.anonymous': String(guests), ...set },
		flags: ['--listen', `127.0.0.1:${guests}=native`, '--workers', '3'],
		...options,
	});
	await server.launch();
	server.guests = guests;
	return server;
}

describe('native', () => {
	let server;
	before(async () => (server = await start()));
	after(() => server.stop());

	const guest = () => Native.guest(server, { port: server.guests });

	test('any path is upgraded, compression is offered, no subprotocol', async () => {
		for (const path of ['/', '/chat', '/a/b?x=1', '/socket']) {
			const raw = await Raw.open(server, { port: server.guests });
			const answer = await raw.request(Raw.upgradeHead(server, path, {
				'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
			}));
			assert.equal(answer.status, 101);
			assert.match(answer.head, /\r\nSec-WebSocket-Extensions: permessage-deflate/i);
			assert.doesNotMatch(answer.head, /Sec-WebSocket-Protocol/i);
			raw.destroy();
		}
	});

	test('who has a token is greeted: by query, by header, query first', async () => {
		const who = person('nora');
		const ways = [
			{ path: `/?token=${token(who)}` },
			{ headers: { Authorization: `Bearer ${token(who)}` } },
			{ path: '/?token=', headers: { Authorization: `Bearer ${token(who)}` } },
			{ path: `/?token=${token(who)}`, headers: { Authorization: 'Bearer bad' } },
		];
		const seen = new Set();
		for (const way of ways) {
			const client = await Native.dial(server, way);
			const { type, clientId, timestamp, ...more } = (await client.next()).json;
			assert.equal(type, 'connected');
			assert.match(clientId, /^[0-9a-f]{32}$/);
			assert.ok(isNow(timestamp));
			assert.deepEqual(more, {});
			seen.add(clientId);
			await client.close();
		}
		assert.equal(seen.size, ways.length);
	});

	test('who has none, or a bad one, is told 101 and then 1008 "Unauthorized", and nothing before', async () => {
		const expired = token(person('nora'), { ttl: -1000 });
		const ways = [
			{},
			{ path: '/?token=' },
			{ path: '/?token=bad' },
			{ path: `/?token=${expired}` },
			{ path: '/?token=bad', headers: { Authorization: `Bearer ${token(person('x'))}` } },
			{ headers: { Authorization: 'bearer lower-case' } },
			{ path: '/?token=bad', port: server.guests },
		];
		for (const way of ways) {
			const client = await Native.dial(server, way);
			assert.deepEqual(await client.closed, { code: 1008, reason: 'Unauthorized' });
			assert.deepEqual(client.kept, []);
		}
	});

	test('a guest has one id and name while it is connected, whatever it calls itself', async () => {
		const client = await guest();
		const first = await client.join(room());
		assert.equal(first.members.length, 1);
		const [me] = first.members;
		assert.match(me.id, UUID);
		assert.match(me.name, /^Guest-[0-9a-f]{4}$/);
		const where = room();
		assert.deepEqual((await client.join(where)).members, [me]);
		client.send('chat', { room: where, content: 'hello', from: 'root', user: { name: 'root' } });
		assert.equal((await client.expect('chat')).from, me.name);
		const other = await guest();
		const { members } = await other.join(where);
		assert.notEqual(members[1].id, me.id);
		await client.close();
		await other.close();
	});

	test('join: the others first, then the joiner with all members, one per connection', async () => {
		const where = room();
		const who = person('nora');
		const nora = await Native.connect(server, who);
		const joined = await nora.join(where);
		assert.deepEqual(joined, {
			type: 'joined', roomId: where, members: [{ id: joined.members[0].id, name: who.name }],
		});
		const bob = await Native.connect(server, person('bob'));
		const { members } = await bob.join(where);
		assert.deepEqual(members.map((m) => m.name), [who.name, 'Bob']);
		const { timestamp, ...notice } = await nora.expect('user-joined');
		assert.ok(isNow(timestamp));
		assert.deepEqual(notice, { type: 'user-joined', userId: members[1].id, roomId: where });
		const again = await Native.connect(server, who);
		assert.deepEqual((await again.join(where)).members.map((m) => m.name), [who.name, 'Bob', who.name]);
		await nora.expect('user-joined');
		await bob.expect('user-joined');
		assert.equal((await bob.join(where)).members.length, 3);
		assert.equal((await nora.expect('user-joined')).userId, members[1].id);
		await bob.nothing(50);
		for (const client of [nora, bob, again])
			await client.close();
	});

	test('leave, and every end of a connection, is told to who stays', async () => {
		const where = [room(), room()];
		const nora = await Native.connect(server);
		for (const name of where)
			await nora.join(name);
		const leaves = [
			async (c) => {
				for (const name of where) {
					c.send('leave', { room: name });
					assert.deepEqual(await c.expect('left'), { type: 'left', roomId: name });
				}
				c.send('leave', { room: where[0] });
				await c.sync();
				await c.nothing(50);
			},
			(c) => c.close(),
			(c) => c.socket.terminate(),
		];
		for (const leave of leaves) {
			const bob = await Native.connect(server, person('bob'));
			for (const name of where)
				await bob.join(name);
			const { userId } = await nora.expect('user-joined');
			await nora.expect('user-joined');
			await leave(bob);
			const left = [await nora.expect('user-left'), await nora.expect('user-left')];
			for (const { timestamp, ...rest } of left) {
				assert.ok(isNow(timestamp));
				assert.deepEqual(rest, { type: 'user-left', userId, roomId: rest.roomId });
			}
			assert.deepEqual(left.map((l) => l.roomId).sort(), [...where].sort());
			bob.socket.terminate();
		}
		await nora.nothing(50);
		await nora.close();
	});

	test('broadcast: the bare data to the others, from members and strangers', async () => {
		const where = room();
		const [nora, bob, stranger] = [await Native.connect(server), await guest(), await guest()];
		await nora.join(where);
		await bob.join(where);
		await nora.expect('user-joined');
		const rows = [
			['plain text', 'plain text'],
			['', ''],
			['{"a":1}', '{"a":1}'],
			[{ a: [1, 'b'], c: null }, '{"a":[1,"b"],"c":null}'],
			[[], '[]'],
			[null, 'null'],
			[7, '7'],
			[-1.5, '-1.5'],
		];
		for (const [data, heard] of rows) {
			nora.send('broadcast', { room: where, data });
			assert.deepEqual(await bob.next().then(({ text, isBinary }) => ({ text, isBinary })),
				{ text: heard, isBinary: false });
		}
		nora.send('broadcast', { room: where });
		const empty = await bob.next();
		assert.deepEqual({ text: empty.text, isBinary: empty.isBinary }, { text: '', isBinary: true });
		stranger.send('broadcast', { room: where, data: 'from outside' });
		assert.equal((await bob.next()).text, 'from outside');
		assert.equal((await nora.next()).text, 'from outside');
		nora.send('broadcast', { room: room(), data: 'nobody' });
		for (const client of [nora, bob, stranger]) {
			await client.sync();
			await client.nothing(50);
		}
		for (const client of [nora, bob, stranger])
			await client.close();
	});

	test('chat: to all members and the sender, by the name of the token', async () => {
		const where = room();
		const who = person('nora');
		const [nora, bob, stranger] = [await Native.connect(server, who), await guest(), await guest()];
		await nora.join(where);
		await bob.join(where);
		await nora.expect('user-joined');
		nora.send('chat', { room: where, content: 'Hello World' });
		for (const client of [nora, bob]) {
			const { timestamp, id, seq, ...frame } = await client.expect('chat');
			assert.ok(isNow(timestamp));
			assert.match(id, UUID);
			assert.equal(seq, 1);
			assert.deepEqual(frame, { type: 'chat', from: who.name, content: 'Hello World', room: where });
		}
		stranger.send('chat', { room: where, content: 'from outside' });
		assert.equal((await nora.expect('chat')).content, 'from outside');
		assert.equal((await bob.expect('chat')).content, 'from outside');
		stranger.send('chat', { room: room(), content: 'nobody' });
		await stranger.sync();
		await stranger.nothing();
		for (const client of [nora, bob, stranger])
			await client.close();
	});

	test('what is said right behind a join is said in the room, in order', async () => {
		const where = room();
		const bob = await guest();
		await bob.join(where);
		const nora = await Native.connect(server);
		nora.send('join', { room: where });
		for (let i = 0; i < 20; i++) {
			nora.send('chat', { room: where, content: String(i) });
			nora.send('broadcast', { room: where, data: `b${i}` });
		}
		assert.equal((await bob.next()).json.type, 'user-joined');
		const chats = [];
		const bare = [];
		while (chats.length < 20 || bare.length < 20) {
			const frame = await bob.next();
			if (frame.json?.type === 'chat')
				chats.push(frame.json.content);
			else
				bare.push(frame.text);
		}
		assert.deepEqual(chats, Array.from({ length: 20 }, (_, i) => String(i)));
		assert.deepEqual(bare, Array.from({ length: 20 }, (_, i) => `b${i}`));
		await nora.close();
		await bob.close();
	});

	test('ping, file-upload, unknown types, missing and strange fields', async () => {
		const client = await guest();
		client.send('ping');
		const { timestamp, ...pong } = await client.expect('pong');
		assert.ok(isNow(timestamp));
		assert.deepEqual(pong, { type: 'pong' });
		const ignored = [
			{ type: 'file-upload', filename: 'a.txt', data: 'x' }, { type: 'file-upload' },
			{ type: 'unknown' }, {}, { type: 1 }, { type: null },
			{ type: 'join' }, { type: 'join', room: '' }, { type: 'join', room: 0 }, { type: 'join', room: null },
			{ type: 'leave' }, { type: 'leave', room: 'nowhere' }, { type: 'leave', room: {} },
			{ type: 'broadcast', data: 1 }, { type: 'chat', content: 'x' },
			{ type: 'chat', room: [], content: 'x' }, 7, 'text', true, [], [{ type: 'ping' }],
		];
		for (const message of ignored)
			client.raw(JSON.stringify(message));
		await client.sync();
		await client.nothing(100);
		await client.close();
	});

	test('what is no JSON is answered, and the connection stays; binary JSON is a message', async () => {
		const client = await guest();
		const bad = ['', '{', 'hello', 'null', ' null ', '{"type":"ping"} x', "{'type':'ping'}"];
		for (const text of bad) {
			client.raw(text);
			assert.deepEqual((await client.next()).json, { type: 'error', error: 'Invalid message format' });
		}
		client.raw(Buffer.from([1, 2, 255]));
		assert.deepEqual((await client.next()).json, { type: 'error', error: 'Invalid message format' });
		client.raw(Buffer.from('{"type":"ping"}'));
		assert.equal((await client.next()).json.type, 'pong');
		await client.close();
	});

	test('a room whose name cannot be is refused', async () => {
		const client = await guest();
		for (const name of ['x'.repeat(129), 'a\nb', '\u0000', '\u0085']) {
			client.send('join', { room: name });
			assert.deepEqual(await client.expect('error'), { type: 'error', error: 'Invalid room name' });
		}
		for (const name of ['x'.repeat(128), 'ä'.repeat(64), 'with space', '../..', '💬'])
			await client.join(name);
		await client.close();
	});

	test('10 MiB pass, more is closed with 1009', async () => {
		const where = room();
		const [nora, bob] = [await guest(), await guest()];
		await nora.join(where);
		await bob.join(where);
		const content = 'x'.repeat(10 * 1024 * 1024 - 100);
		nora.send('chat', { room: where, content });
		assert.equal((await bob.expect('chat')).content.length, content.length);
		nora.raw('x'.repeat(10 * 1024 * 1024 + 1));
		assert.equal((await nora.closed).code, 1009);
		await bob.expect('user-left');
		await bob.close();
	});

	test('/ws on the same listener is QryptChat, /health is HTTP', async () => {
		const raw = await Raw.connect(server, '/ws');
		raw.text('{}');
		assert.equal((await raw.json()).payload.code, 'INVALID_MESSAGE');
		raw.destroy();
		assert.equal((await fetch(server.http('/health'))).status, 200);
	});
});

describe('the rate rule', () => {
	test('100 frames in a window, good and bad; the 101st ends it', async () => {
		const server = await start({ set: { 'limits.enabled': 'true' } });
		const client = await Native.guest(server, { port: server.guests });
		for (let i = 0; i < 100; i++)
			client.raw(i % 2 ? '{"type":"ping"}' : 'bad');
		for (let i = 0; i < 100; i++)
			assert.equal((await client.next()).json.type, i % 2 ? 'pong' : 'error');
		client.send('ping');
		assert.deepEqual((await client.next()).json, { type: 'error', error: 'Rate limit exceeded' });
		assert.deepEqual(await client.closed, { code: 1008, reason: 'Rate limit exceeded' });
		assert.deepEqual(client.kept, []);
		await server.stop();
	});

	test('100 chats at once all pass', async () => {
		const server = await start({ set: { 'limits.enabled': 'true' } });
		const client = await Native.connect(server);
		await client.join('hall');
		for (let i = 1; i < 100; i++)
			client.send('chat', { room: 'hall', content: String(i) });
		for (let i = 1; i < 100; i++)
			assert.equal((await client.expect('chat')).content, String(i));
		await client.close();
		await server.stop();
	});

	test('after the window it begins anew', async () => {
		const server = await start({
			set: { 'limits.enabled': 'true', 'native.messages': 5, 'native.window': '300ms' },
		});
		const client = await Native.guest(server, { port: server.guests });
		for (let round = 0; round < 3; round++) {
			for (let i = 0; i < 5; i++)
				await client.sync();
			await sleep(350);
		}
		await client.close();
		await server.stop();
	});
});

describe('the heartbeat', () => {
	test('who answers stays; who does not is dropped without a close frame', async () => {
		const server = await start({ set: { 'native.heartbeat': '300ms' } });
		const good = await Native.guest(server, { port: server.guests });
		const raw = await Raw.open(server, { port: server.guests });
		assert.equal((await raw.request(Raw.upgradeHead(server, '/'))).status, 101);
		raw.answersPings = false;
		await raw.frame(OP.ping);
		/* Words are no pong. */
		const talk = setInterval(() => raw.write(encode('{"type":"ping"}')), 50);
		assert.equal((await raw.end(5000)).code, null);
		clearInterval(talk);
		await sleep(1000);
		assert.ok(good.pings >= 3);
		await good.sync();
		await good.close();
		await server.stop();
	});
});

describe('rooms', () => {
	test('rooms.max and rooms.open refuse new rooms, not old ones', async () => {
		const server = await start({ set: { 'rooms.max': 2 } });
		const client = await Native.connect(server);
		await client.join('one');
		await client.join('two');
		client.send('join', { room: 'three' });
		assert.deepEqual(await client.expect('error'), { type: 'error', error: 'Too many rooms' });
		await client.join('one');
		await client.close();
		await server.end();
		server.options = { ...server.options, 'rooms.open': 'false' };
		await server.launch();
		const later = await Native.connect(server);
		await later.join('two');
		later.send('join', { room: 'four' });
		assert.deepEqual(await later.expect('error'), { type: 'error', error: 'Room does not exist' });
		await later.close();
		await server.stop();
	});

	test('many on several workers: everybody hears everybody, and the members are right', async () => {
		const server = await start();
		const where = room();
		const clients = [];
		for (let i = 0; i < 30; i++)
			clients.push(await Native.guest(server, { port: server.guests }));
		clients.forEach((c) => c.send('join', { room: where }));
		for (const c of clients)
			c.joined = await c.expect('joined');
		/* Whoever was not yet in the list is heard coming. */
		await sleep(300);
		for (const c of clients) {
			const listed = new Set(c.joined.members.map((m) => m.id));
			const heard = c.kept.filter((f) => f.json.type === 'user-joined').map((f) => f.json.userId);
			assert.equal(new Set([...listed, ...heard]).size, 30);
			c.kept = [];
		}
		clients.forEach((c, i) => c.send('chat', { room: where, content: String(i) }));
		let order;
		for (const c of clients) {
			const heard = [];
			for (let i = 0; i < 30; i++)
				heard.push((await c.expect('chat')).content);
			order ??= heard;
			assert.deepEqual(heard, order);
		}
		assert.deepEqual([...order].sort((a, b) => a - b), clients.map((_, i) => String(i)));
		await Promise.all(clients.slice(1).map((c) => c.close()));
		for (let i = 1; i < 30; i++)
			await clients[0].expect('user-left');
		const last = await Native.guest(server, { port: server.guests });
		assert.equal((await last.join(where)).members.length, 2);
		await clients[0].close();
		await last.close();
		await server.stop();
	});
});
