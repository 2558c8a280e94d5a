'use strict';
/*
 * The programs in examples/ speak as the clients of a Vite development server's handler API expect it:
 * every message of its documentation, variant by variant, over plain clients. The same endpoints are
 * offered by `parley serve` with handler.samples, and are tested there too.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { Program, Plain, clients } = require('./program.js');
const { Server, sleep } = require('./harness.js');
const { Raw } = require('./raw.js');
const { SECRET, person, token, sign, claims } = require('./tokens.js');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function isNow(timestamp) {
	assert.ok(Math.abs(Date.now() - timestamp) < 60000, `${timestamp} is now, in milliseconds`);
	return true;
}

/* Its members, with a checked timestamp taken away. */
function timeless({ timestamp, ...rest }) {
	isNow(timestamp);
	return rest;
}

/* The same tests against the program of the example and against `parley serve`. */
const homes = {
	'the example': (name) => Program.start(name, { env: { JWT_SECRET: SECRET } }),
	'parley serve': () => Server.start({ dialect: 'handler', set: { 'handler.samples': 'true' } }),
};

for (const [home, start] of Object.entries(homes)) {
	/* ---- chat ---- */

	test(`${home}: chat`, async (suite) => {
		const server = await start('chat');
		suite.after(() => server.stop());
		const people = async (t, n) => {
			const open = clients(t, server, '/api/ws/chat');
			const all = [];
			for (let i = 0; i < n; i++)
				all.push(await open());
			/* Those of the test before may still be leaving. */
			const ids = all.map((client) => client.greeting.id);
			for (const client of all) {
				client.isStray = (m) => m?.type === 'user-left' && m.userId && !ids.includes(m.userId);
				client.kept = client.kept.filter((m) => !client.isStray(m));
			}
			return all;
		};

		await suite.test('connect: one greeting with id and timestamp', async (t) => {
			const [client] = await people(t, 1);
			assert.deepEqual(timeless(client.greeting), { type: 'connected', id: client.greeting.id });
			assert.match(client.greeting.id, UUID);
		});

		await suite.test('Basic: anything else goes to everybody, as it is', async (t) => {
			const [a, b] = await people(t, 2);
			for (const value of [{ type: 'hello', any: [1, null] }, [1, 2], 42, 'text', null]) {
				a.send(JSON.stringify(value));
				assert.deepEqual(await a.next(), value);
				assert.deepEqual(await b.next(), value);
			}
			a.send('no json');
			assert.equal(await b.next(), 'no json');
		});

		await suite.test('onMessage: chat reaches all, with the sender\'s name and a timestamp', async (t) => {
			const [a, b] = await people(t, 2);
			a.send({ type: 'chat', username: 'Alice', text: 'hi "all" \u{1F388}' });
			for (const client of [a, b])
				assert.deepEqual(timeless(await client.next()),
					{ type: 'message', from: 'Alice', text: 'hi "all" \u{1F388}' });
		});

		await suite.test('onMessage: typing reaches all others', async (t) => {
			const [a, b] = await people(t, 2);
			a.send({ type: 'typing', username: 'Alice' });
			assert.deepEqual(await b.next(), { type: 'typing', username: 'Alice' });
			await a.nothing();
		});

		await suite.test('onClose: all others hear who left', async (t) => {
			const [a, b, c] = await people(t, 3);
			await a.close();
			for (const client of [b, c])
				assert.deepEqual(await client.next(), { type: 'user-left', userId: a.greeting.id });
			b.drop();
			assert.deepEqual(await c.next(), { type: 'user-left', userId: b.greeting.id });
		});

		await suite.test('Rooms: join-room, message, leave-room', async (t) => {
			const [a, b, outside] = await people(t, 3);
			a.send({ type: 'join-room', room: 'general', username: 'Alice' });
			await a.sync();
			b.send({ type: 'join-room', room: 'general', username: 'Bob' });
			assert.deepEqual(await a.next(), { type: 'user-joined', username: 'Bob', room: 'general' });
			a.send({ type: 'message', room: 'general', username: 'Alice', text: 'Hello everyone!' });
			for (const client of [a, b]) {
				const heard = timeless(await client.next());
				assert.equal(heard.type, 'chat-message');
				assert.equal(heard.from, 'Alice');
				assert.equal(heard.text, 'Hello everyone!');
			}
			b.send({ type: 'leave-room', room: 'general' });
			await b.sync();
			await a.nothing();
			a.send({ type: 'message', room: 'general', username: 'Alice', text: 'gone?' });
			assert.equal((await a.next()).text, 'gone?');
			await b.nothing(50);
			await outside.nothing(0);
		});

		await suite.test('Chat app: join and message without a room meet in one', async (t) => {
			const [a, b, outside] = await people(t, 3);
			a.send({ type: 'join', username: 'Alice' });
			await a.sync();
			b.send({ type: 'join', username: 'Bob' });
			const joined = await a.next();
			assert.equal(joined.type, 'user-joined');
			assert.equal(joined.username, 'Bob');
			b.send({ type: 'message', username: 'Bob', message: 'hi' });
			for (const client of [a, b]) {
				const heard = timeless(await client.next());
				assert.equal(heard.type, 'chat-message');
				assert.equal(heard.username, 'Bob');
				assert.equal(heard.message, 'hi');
			}
			await outside.nothing(50);
		});

		await suite.test('the React client: join, message and leave with a room', async (t) => {
			const [a, b] = await people(t, 2);
			a.send({ type: 'join', username: 'Alice', room: 'general' });
			await a.sync();
			b.send({ type: 'join', username: 'Bob', room: 'general' });
			assert.deepEqual(await a.next(), { type: 'user-joined', username: 'Bob', room: 'general' });
			a.send({ type: 'message', username: 'Alice', message: 'hello', room: 'general' });
			assert.equal((await a.next()).message, 'hello');
			assert.equal((await b.next()).message, 'hello');
			b.send({ type: 'leave', username: 'Bob', room: 'general' });
			assert.deepEqual(await a.next(), { type: 'user-left', username: 'Bob', room: 'general' });
		});

		await suite.test('clients of both forms understand each other', async (t) => {
			const [a, b] = await people(t, 2);
			a.send({ type: 'join-room', room: 'r', username: 'A' });
			await a.sync();
			b.send({ type: 'join', room: 'r', username: 'B' });
			await a.next();
			b.send({ type: 'message', room: 'r', username: 'B', message: 'app form' });
			const heard = await a.next();
			assert.deepEqual([heard.from, heard.text], ['B', 'app form']);
			a.send({ type: 'message', room: 'r', username: 'A', text: 'rooms form' });
			await b.next();
			const answer = await b.next();
			assert.deepEqual([answer.username, answer.message], ['A', 'rooms form']);
		});

		await suite.test('a room that cannot be is an error, and no end', async (t) => {
			const [a] = await people(t, 1);
			a.send({ type: 'join', username: 'A', room: 'x'.repeat(300) });
			assert.deepEqual(await a.next(), { type: 'error', message: 'invalid argument' });
			a.send({ type: 'chat', username: 'A', text: 'still here' });
			assert.equal((await a.next()).type, 'message');
		});

		await suite.test('long messages are compressed for those who can', async (t) => {
			const raw = await Raw.open(server);
			t.after(() => raw.destroy());
			const answer = await raw.request(
				Raw.upgradeHead(server, '/api/ws/chat', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }));
			assert.match(answer.head, /permessage-deflate/);
		});

		await suite.test('the path needs no sub-protocol and no token, and has a prefix', async () => {
			await assert.rejects(Plain.connect(server, '/ws/chat'), /404/);
		});
	});

	/* ---- game ---- */

	test(`${home}: game`, async (suite) => {
		const server = await start('game');
		suite.after(() => server.stop());

		await suite.test('lobby, create, join, play', async (t) => {
			const open = clients(t, server, '/api/ws/game');
			const [host, guest, other] = [await open(), await open(), await open()];
			for (const client of [host, guest, other])
				assert.deepEqual(client.greeting, { type: 'joined-lobby' });
			host.send({ type: 'create-game' });
			const { type, gameId } = await host.next();
			assert.equal(type, 'game-created');
			assert.equal(typeof gameId, 'string');
			guest.send({ type: 'join-game', gameId });
			const joined = await host.next();
			assert.equal(joined.type, 'player-joined');
			assert.match(joined.playerId, UUID);
			await guest.nothing(50);
			const action = { move: 'e4', list: [1, { deep: null }] };
			guest.send({ type: 'game-action', gameId, action });
			for (const client of [host, guest])
				assert.deepEqual(await client.next(), { type: 'game-update', action, playerId: joined.playerId });
			await other.nothing(50);
		});

		await suite.test('each game is another one', async (t) => {
			const client = await clients(t, server, '/api/ws/game')();
			const ids = new Set();
			for (let i = 0; i < 3; i++) {
				client.send({ type: 'create-game' });
				ids.add((await client.next()).gameId);
			}
			assert.equal(ids.size, 3);
			client.send({ type: 'join-game' });
			assert.deepEqual(await client.next(), { type: 'error', message: 'no gameId given' });
		});
	});

	/* ---- private ---- */

	test(`${home}: private`, async (suite) => {
		const server = await start('private');
		suite.after(() => server.stop());
		const at = (jwt) => `/api/ws/private?token=${encodeURIComponent(jwt)}`;

		await suite.test('no token: 4001; none that is good: 4002', async () => {
			const alice = person('alice');
			const refused = [
				['/api/ws/private', 4001, 'No token provided'],
				['/api/ws/private?token=', 4001, 'No token provided'],
				[at('nonsense'), 4002, 'Invalid token'],
				[at(token(alice, { secret: 'x'.repeat(40) })), 4002, 'Invalid token'],
				[at(token(alice, { ttl: -3600 })), 4002, 'Invalid token'],
				[at(sign(claims(alice), { alg: 'none' })), 4002, 'Invalid token'],
			];
			for (const [where, code, reason] of refused) {
				const client = await Plain.connect(server, where);
				assert.deepEqual(await client.closed, { code, reason }, where);
				assert.deepEqual(client.kept, []);
			}
		});

		await suite.test('with a token: told as whom, and heard as that one', async (t) => {
			const [alice, bob] = [person('alice'), person('bob')];
			const open = clients(t, server);
			const a = await open(at(token(alice)));
			assert.deepEqual(a.greeting,
				{ type: 'authenticated', user: { id: alice.sub, username: alice.username } });
			const b = await open(at(token(bob)));
			b.send({ text: 'hi', from: 'not me' });
			assert.deepEqual(await a.next(), { type: 'message', from: bob.username, text: 'hi' });
		});
	});
}

test('parley serve: no samples unless asked for; the example configuration asks', async (t) => {
	const plain = await Server.start({ dialect: 'handler' });
	t.after(() => plain.stop());
	await assert.rejects(Plain.connect(plain, '/api/ws/chat'), /404/);
	const config = require('node:path').join(__dirname, '../../config/websocket.json');
	const configured = await Server.start({ dialect: 'handler', flags: ['--config', config],
		set: { 'native.anonymous': '' } });
	t.after(() => configured.stop());
	const client = await Plain.greeted(configured, '/api/ws/chat');
	assert.equal(client.greeting.type, 'connected');
	await client.close();
});

/* ---- the other programs ---- */

test('dashboard: figures come by themselves, four times a second', async (t) => {
	const program = await Program.start('dashboard');
	t.after(() => program.stop());
	const [a, b] = [await Plain.connect(program, '/ws/dashboard'), await Plain.connect(program, '/ws/dashboard')];
	let figures;
	for (let i = 0; i < 5; i++)
		figures = await a.next(2000);
	assert.deepEqual(Object.keys(figures), ['type', 'timestamp', 'load1', 'load5', 'viewers']);
	isNow(figures.timestamp);
	assert.equal(figures.type, 'figures');
	assert.equal(typeof figures.load1, 'number');
	assert.equal(figures.viewers, 2);
	await b.close();
	const until = Date.now() + 5000;
	while ((await a.next()).viewers !== 1)
		assert.ok(Date.now() < until, 'it counts who is there');
	await a.close();
});

test('dashboard: a page of this machine may connect, one from elsewhere not', async (t) => {
	const program = await Program.start('dashboard');
	t.after(() => program.stop());
	const client = await Plain.connect(program, '/ws/dashboard', { origin: 'http://127.0.0.1:8000' });
	await client.close();
	for (const origin of ['http://evil.example', 'null'])
		await assert.rejects(Plain.connect(program, '/ws/dashboard', { origin }), /403/, origin);
});

test('embed: one loop for the server, a timer and standard input', async (t) => {
	const program = await Program.start('embed', { stdin: 'pipe' });
	t.after(() => program.stop());
	const [a, b] = [await Plain.connect(program, '/ws/embed'), await Plain.connect(program, '/ws/embed')];
	assert.equal((await a.next(3000)).type, 'tick');
	const heard = async (client, matches) => {
		for (;;) {
			const next = await client.next(3000);
			if (matches(next))
				return next;
		}
	};
	program.child.stdin.write('typed "here"\n');
	for (const client of [a, b])
		assert.deepEqual(await heard(client, (m) => m.type === 'line'), { type: 'line', text: 'typed "here"' });
	a.send('said by a client');
	assert.equal(await heard(b, (m) => typeof m === 'string'), 'said by a client');
	for (let i = 0; i < 100 && !program.out; i++)
		await sleep(20);
	assert.equal(program.out, 'said by a client\n');
	a.send(Buffer.from('bytes'));
	assert.deepEqual(await heard(a, (m) => m.type === 'error'), { type: 'error', message: 'only text, please' });
	program.child.stdin.end();
	await heard(a, (m) => m.type === 'tick');
	await a.close();
	await b.close();
});

test('an address that is taken is an error with words, not a crash', async (t) => {
	const program = await Program.start('chat');
	t.after(() => program.stop());
	const { spawnSync } = require('node:child_process');
	for (const address of [`127.0.0.1:${program.port}`, 'nonsense', '']) {
		const second = spawnSync(program.child.spawnfile, [address], { encoding: 'utf8', timeout: 20000 });
		assert.equal(second.status, 1, `${address}: ${second.stderr}`);
		assert.match(second.stderr, /^chat: ./, address);
	}
});
