'use strict';
/*
 * The chat of stock clients, seen and reached from outside: its rooms in the Admin UI, and the two
 * REST routes of the original, with the admin key and open.
 */
const { test, describe, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Client, HASH, USER, login } = require('./admin_clients.js');
const { ADMIN_KEY, Server } = require('./harness.js');
const { person, token } = require('./tokens.js');

const chatter = (server, who = person('ann'), options = {}) =>
	Client.connect(server, '/', { auth: { token: token(who) }, ...options });

const withKey = { Authorization: `Bearer ${ADMIN_KEY}` };
const get = (server, headers = {}) => fetch(server.http('/ws/stats'), { headers });
const post = (server, body, headers = {}) =>
	fetch(server.http('/ws/broadcast'), {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', ...headers },
		body: typeof body === 'string' ? body : JSON.stringify(body),
	});

describe('the Admin UI', () => {
	let server;
	before(async () => {
		server = await Server.start({
			env: { PARLEY_SOCKETIO_ADMIN_PASSWORD_HASH: HASH, SOCKETIO_ADMIN_USER: USER },
		});
	});
	after(() => server.stop());

	test('shows the rooms of the chat, and reaches who is in one', async () => {
		const ann = person('ann');
		const a = await chatter(server, ann);
		const b = await chatter(server, person('ben'), { transports: ['polling'] });
		await a.ask('join-room', 'kitchen');
		const admin = await login(server);
		const [, sockets] = await admin.hear('all_sockets');
		assert.deepEqual(sockets.find(({ id }) => id === a.id).rooms, [a.id, 'kitchen']);
		assert.deepEqual(sockets.find(({ id }) => id === b.id).rooms, [b.id]);
		assert.ok(!JSON.stringify(sockets).includes(token(ann).split('.')[2]));
		await b.ask('join-room', 'kitchen');
		await admin.hear('room_joined', (nsp, room, id) => nsp === '/' && room === 'kitchen' && id === b.id);
		await admin.hear('event_sent', (nsp, id, [name]) => id === a.id && name === 'user-joined');
		await b.ask('message', { roomId: 'kitchen', content: 'soup' });
		await admin.hear('event_received', (nsp, id, [name, what]) => id === b.id && name === 'message' && what.content === 'soup');
		await admin.hear('event_sent', (nsp, id, [name]) => id === a.id && name === 'new-message');
		admin.socket.emit('emit', '/', 'kitchen', 'fire', { where: 'oven' });
		assert.deepEqual(await a.hear('fire'), ['fire', { where: 'oven' }]);
		await b.hear('fire');
		await b.ask('leave-room', 'kitchen');
		await admin.hear('room_left', (nsp, room, id) => room === 'kitchen' && id === b.id);
		/* On all of the user's sockets, also one that comes later. */
		const second = await chatter(server, ann, { transports: ['websocket'] });
		await admin.hear('room_joined', (nsp, room, id) => room === 'kitchen' && id === second.id);
		admin.socket.emit('_disconnect', '/', false, 'kitchen');
		for (const client of [a, second])
			assert.equal(await client.gone, 'io server disconnect');
		assert.ok(b.socket.connected);
		b.close();
		admin.close();
	});
});

describe('REST', () => {
	let server;
	let clients;
	before(async () => {
		server = await Server.start();
		clients = await Promise.all(['ann', 'ben', 'cem'].map((name, i) => chatter(server, person(name), i ? { transports: [i > 1 ? 'polling' : 'websocket'] } : {})));
	});
	after(async () => {
		for (const client of clients)
			client.close();
		await server.stop();
	});

	test('broadcast reaches every socket', async () => {
		for (const data of [{ at: '22:00', list: [1, null, 'ä'] }, 'text', 7, null, true]) {
			const answer = await post(server, { event: 'maintenance', data }, withKey);
			assert.equal(answer.status, 200);
			assert.deepEqual(await answer.json(), { success: true });
			for (const client of clients)
				assert.deepEqual(await client.hear('maintenance'), ['maintenance', data]);
		}
		assert.equal((await post(server, { event: 'bare' }, withKey)).status, 200);
		assert.deepEqual(await clients[0].hear('bare'), ['bare', null]);
	});

	test('what is refused, and that nobody heard of it', async () => {
		for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', ''])
			assert.equal((await post(server, { event: name, data: 1 }, withKey)).status, 400, name);
		assert.equal((await post(server, '{"event":"x"', withKey)).status, 400);
		assert.equal((await post(server, { event: 'x', data: 'x'.repeat(70000) }, withKey)).status, 413);
		assert.equal((await post(server, { event: 'x' })).status, 401);
		assert.equal((await get(server)).status, 401);
		assert.equal((await post(server, { event: 'x' }, { ...withKey, 'Content-Type': 'text/plain' })).status, 415);
		await post(server, { event: 'end' }, withKey);
		for (const client of clients) {
			await client.hear('end');
			assert.ok(client.socket.connected);
		}
	});

	test('stats count users, rooms and connections of every kind', async () => {
		await clients[0].ask('join-room', 'kitchen');
		await clients[2].ask('join-room', 'kitchen');
		const stats = await (await get(server, withKey)).json();
		assert.equal(stats.onlineUsers, 3);
		assert.equal(stats.rooms, 1);
		assert.equal(stats.connections, 3);
		assert.equal(stats.roomStats.onlineUsers.length, 3);
	});
});

describe('REST, open as the original', () => {
	test('three numbers and a broadcast, for pages of this host too', async () => {
		const server = await Server.start({ set: { 'socketio.open_rest': 'true' } });
		try {
			const client = await chatter(server);
			assert.deepEqual(await (await get(server)).json(), { onlineUsers: 1, rooms: 0, connections: 1 });
			const answer = await post(server, { event: 'news', data: 1 }, { Origin: 'http://127.0.0.1:5173' });
			assert.equal(answer.headers.get('access-control-allow-origin'), 'http://127.0.0.1:5173');
			assert.deepEqual(await answer.json(), { success: true });
			assert.deepEqual(await client.hear('news'), ['news', 1]);
			assert.equal((await post(server, { event: 'news' }, { Origin: 'https://evil.example' })).status, 403);
			assert.equal((await fetch(server.http('/ready'))).status, 401);
			client.close();
		} finally {
			await server.stop();
		}
	});
});
