'use strict';
/*
 * The namespace /admin as the published Admin UI uses it, by the stock client: who may come in, what
 * is told of two namespaces, rooms and events on all workers, what an administrator may do, and that
 * nobody hears of it who should not.
 */
const { test, describe, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Client, PASSWORD, USER, login, start } = require('./admin_clients.js');
const { sleep } = require('./harness.js');
const { Program, workers } = require('./program.js');

const WAIT_MS = 10000;

async function refusal(program, auth) {
	try {
		const client = await login(program, auth);
		client.close();
	} catch (error) {
		return error.message;
	}
	return 'let in';
}

const isTime = (text) => !Number.isNaN(Date.parse(text)) && new Date(text).toISOString() === text;

describe('who may come in', () => {
	let program;
	before(async () => (program = await start()));
	after(() => program.stop());

	test('by name and password, and then by the session, which comes before the connection is there', async () => {
		const first = new Client(program, '/admin', { auth: { username: USER, password: PASSWORD } });
		let isThere = false;
		let before = null;
		first.socket.once('session', () => (before = !isThere));
		first.socket.on('connect', () => (isThere = true));
		await first.outcome();
		const [, id] = await first.hear('session');
		assert.match(id, /^[0-9a-f]{32}$/);
		assert.equal(before, true);
		/* Again, for a page that listens only from now on. */
		assert.deepEqual(await first.hear('session'), ['session', id]);
		await first.hear('config');
		first.close();
		const again = await login(program, { sessionId: id });
		await again.hear('config');
		assert.ok(!again.kept.some(([name]) => name === 'session'));
		again.close();
	});

	test('nobody else', async () => {
		const others = [
			null,
			{},
			{ username: USER },
			{ password: PASSWORD },
			{ username: USER, password: `${PASSWORD}x` },
			{ username: 'Operator', password: PASSWORD },
			{ sessionId: '0'.repeat(32) },
			{ username: [USER], password: { a: PASSWORD } },
		];
		for (const auth of others)
			assert.equal(await refusal(program, auth), 'invalid credentials', JSON.stringify(auth));
		assert.ok(!program.log.includes(PASSWORD), 'the password in the log');
	});

	/* The eight above have used up most of the ten of this address. */
	test('an address that guesses is made to wait', async () => {
		const answers = [];
		for (let i = 0; i < 6; i++)
			answers.push(await refusal(program, { username: USER, password: `guess ${i}` }));
		assert.match(answers.at(-1), /too many attempts/);
		assert.match(await refusal(program, { username: USER, password: PASSWORD }), /too many attempts/);
	});
});

describe('off', () => {
	test('without a login there is no such namespace', async () => {
		const program = await Program.start('sockets', { args: [`${workers()}`] });
		try {
			assert.equal(await refusal(program, { username: 'admin', password: 'admin' }), 'Invalid namespace');
		} finally {
			await program.stop();
		}
	});

	test('a login that everybody tries stops the start', async () => {
		const admin = '$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$I8tcvU9sTSBP+qFETjO/PD5MqUyH5yfIDArgSyTMras';
		for (const name of ['admin', 'operator']) {
			const why = await start({ admin_user: name, admin_password_hash: admin }).catch((error) => error.message);
			assert.match(why, /socketio\.admin_password_hash: the password is/);
		}
	});
});

describe('development', () => {
	let program;
	before(async () => (program = await start()));
	after(() => program.stop());

	test('config, then all sockets of all namespaces and workers', async () => {
		const clients = [];
		for (let i = 0; i < 8; i++)
			clients.push(await Client.connect(program, i % 2 ? '/orders' : '/', i < 4 ? { transports: ['websocket'] } : {}));
		await Promise.all(clients.map((client, i) => client.ask('enter', `room ${i % 3}`)));
		const admin = await login(program);
		const [, config] = await admin.hear('config');
		assert.deepEqual(config, {
			supportedFeatures: ['EMIT', 'JOIN', 'LEAVE', 'DISCONNECT', 'MJOIN', 'MLEAVE', 'MDISCONNECT', 'AGGREGATED_EVENTS', 'ALL_EVENTS'],
		});
		const [, sockets] = await admin.hear('all_sockets');
		assert.equal(sockets.length, clients.length + 1);
		clients.forEach((client, i) => {
			const seen = sockets.find((socket) => socket.id === client.socket.id);
			assert.equal(seen.nsp, i % 2 ? '/orders' : '/');
			assert.deepEqual(seen.rooms, [client.socket.id, `room ${i % 3}`]);
			assert.ok(['websocket', 'polling'].includes(seen.transport));
			assert.match(seen.clientId, /^\w{12}$/);
			assert.deepEqual(seen.data, {});
			assert.equal(seen.handshake.address, '127.0.0.1');
			assert.equal(seen.handshake.query.EIO, '4');
			assert.equal(seen.handshake.query.transport, i < 4 ? 'websocket' : 'polling');
			assert.match(seen.handshake.url, /^\/socket\.io\/\?EIO=4&transport=/);
			assert.equal(seen.handshake.headers.host, `127.0.0.1:${program.port}`);
			assert.equal(seen.handshake.secure, false);
			assert.equal(seen.handshake.xdomain, false);
			assert.ok(Math.abs(seen.handshake.issued - Date.now()) < 60000);
			assert.ok(Math.abs(Date.parse(seen.handshake.time) - seen.handshake.issued) < 1000);
			assert.ok(!('auth' in seen.handshake));
		});
		assert.equal(new Set(sockets.map(({ clientId }) => clientId)).size, sockets.length);
		assert.equal(sockets.find(({ id }) => id === admin.socket.id).nsp, '/admin');
		for (const client of [admin, ...clients])
			client.close();
	});

	test('what happens afterwards, in its order', async () => {
		const admin = await login(program);
		await admin.hear('all_sockets');
		const client = await Client.connect(program, '/orders', { transports: ['polling'] });
		const { id } = client.socket;
		const [, , , , joined] = await admin.hear('room_joined', (nsp, room, who) => nsp === '/orders' && room === id && who === id);
		assert.ok(isTime(joined));
		const [, seen, when] = await admin.hear('socket_connected', (socket) => socket.id === id);
		assert.deepEqual([seen.nsp, seen.transport, seen.rooms], ['/orders', 'polling', [id]]);
		assert.ok(isTime(when));
		await client.ask('enter', 'kitchen');
		await admin.hear('event_received', (nsp, who, args) => nsp === '/orders' && who === id && args[0] === 'enter');
		await admin.hear('room_joined', (nsp, room, who) => room === 'kitchen' && who === id);
		await client.ask('echo', 1, { a: ['ä', null] });
		const [, , , received, at] = await admin.hear('event_received', (nsp, who) => who === id);
		assert.deepEqual(received, ['echo', 1, { a: ['ä', null] }]);
		assert.ok(isTime(at));
		const [, , , sent] = await admin.hear('event_sent', (nsp, who) => who === id);
		assert.deepEqual(sent, ['echo', 1, { a: ['ä', null] }]);
		await client.ask('say', 'kitchen', 'soup');
		assert.deepEqual((await admin.hear('event_sent', (nsp, who) => who === id))[3], ['said', 'soup']);
		await client.ask('exit', 'kitchen');
		await admin.hear('room_left', (nsp, room, who) => room === 'kitchen' && who === id);
		await client.ask('enter', 'cellar');
		client.close();
		const [, , , reason] = await admin.hear('socket_disconnected', (nsp, who) => who === id);
		assert.equal(reason, 'client namespace disconnect');
		const left = [await admin.hear('room_left', (nsp, room, who) => who === id), await admin.hear('room_left', (nsp, room, who) => who === id)];
		assert.deepEqual(left.map((event) => event[2]).sort(), [id, 'cellar'].sort());
		admin.close();
	});

	test('a client that goes over to a WebSocket', async () => {
		const admin = await login(program);
		await admin.hear('all_sockets');
		const client = await Client.connect(program);
		const [, change] = await admin.hear('socket_updated', (socket) => socket.id === client.socket.id);
		assert.deepEqual(change, { id: client.socket.id, nsp: '/', transport: 'websocket' });
		client.close();
		admin.close();
	});

	test('server_stats every two seconds, with what happened meanwhile', async () => {
		const admin = await login(program);
		await admin.hear('server_stats');
		const clients = [];
		for (let i = 0; i < 3; i++)
			clients.push(await Client.connect(program, '/orders', { transports: [i ? 'websocket' : 'polling'] }));
		const began = Date.now();
		const [, first] = await admin.hear('server_stats', ({ clientsCount }) => clientsCount >= 4);
		assert.equal(first.clientsCount, 4);
		assert.equal(first.pollingClientsCount, 1);
		assert.ok(first.serverId.endsWith(`#${first.pid}`) && first.serverId.startsWith(first.hostname));
		assert.equal(first.pid, program.child.pid);
		assert.ok(first.uptime > 0 && first.uptime < 600);
		assert.deepEqual(Object.fromEntries(first.namespaces.map(({ name, socketsCount }) => [name, socketsCount])), {
			'/': 0,
			'/orders': 3,
			'/back': 0,
			'/admin': 1,
		});
		const events = Object.fromEntries(first.aggregatedEvents.map((event) => [event.type, event]));
		assert.equal(events.rawConnection.count, 3);
		for (const type of ['packetsIn', 'packetsOut', 'bytesIn', 'bytesOut'])
			assert.ok(events[type].count > 0, type);
		for (const { timestamp } of first.aggregatedEvents)
			assert.ok(timestamp % 1000 === 0 && Math.abs(timestamp - Date.now()) < 10000);
		for (const client of clients)
			client.close();
		const [, second] = await admin.hear('server_stats', ({ clientsCount }) => clientsCount === 1);
		assert.ok(Date.now() - began < 9000);
		const gone = second.aggregatedEvents.filter(({ type }) => type === 'rawDisconnection');
		assert.equal(gone.reduce((sum, { count }) => sum + count, 0), 3);
		assert.ok(gone.every(({ subType }) => typeof subType === 'string'));
		admin.close();
	});

	/* By the moment when the list arrives everything is either in it or comes after it. */
	test('no event is lost or doubled between the list and what follows', async () => {
		const clients = await Promise.all(Array.from({ length: 12 }, () => Client.connect(program, '/', { transports: ['websocket'] })));
		let rooms = 0;
		const busy = clients.map(async (client, i) => {
			for (let n = 0; n < 60; n++) {
				await client.ask('enter', `${i}.${n}`);
				rooms++;
			}
		});
		await sleep(20);
		const admin = await login(program);
		await Promise.all(busy);
		assert.equal(rooms, 720);
		const [, sockets] = await admin.hear('all_sockets');
		const seen = new Map(sockets.map(({ id, rooms: names }) => [id, new Set(names)]));
		await clients[0].ask('enter', 'the end');
		for (;;) {
			const [, , room, id] = await admin.hear('room_joined');
			assert.ok(!seen.get(id).has(room), `${room} twice`);
			seen.get(id).add(room);
			if (room === 'the end')
				break;
		}
		/* What other workers told may still be on its way. */
		const all = (i) => [...seen.get(clients[i].socket.id)].filter((room) => room.startsWith(`${i}.`)).length;
		for (let end = Date.now() + WAIT_MS; Date.now() < end && clients.some((_, i) => all(i) < 60);) {
			for (const [name, , room, id] of admin.kept.splice(0))
				if (name === 'room_joined') {
					assert.ok(!seen.get(id).has(room), `${room} twice`);
					seen.get(id).add(room);
				}
			await sleep(10);
		}
		clients.forEach((_, i) => assert.equal(all(i), 60));
		for (const client of [admin, ...clients])
			client.close();
	});

	test('a large event is named, not carried', async () => {
		const admin = await login(program);
		await admin.hear('all_sockets');
		const client = await Client.connect(program);
		await client.ask('echo', 'x'.repeat(100000));
		const [, , , args] = await admin.hear('event_received', (nsp, who, [name]) => who === client.socket.id && name === 'echo');
		assert.equal(args.length, 2);
		assert.match(args[1], /^\(\d+ bytes\)$/);
		client.close();
		admin.close();
	});

	test('secrets of a handshake are not shown', async () => {
		const admin = await login(program);
		await admin.hear('all_sockets');
		const client = await Client.connect(program, '/', {
			auth: { token: 'very secret 1' },
			query: { token: 'very secret 2', page: 'ä/b' },
			extraHeaders: { Cookie: 'a=very secret 3', Authorization: 'Bearer very secret 4', 'X-Page': 'start' },
		});
		const [, seen] = await admin.hear('socket_connected', (socket) => socket.id === client.socket.id);
		assert.ok(!JSON.stringify(seen).includes('very secret') && !JSON.stringify(seen).includes('very%20secret'));
		assert.equal(seen.handshake.headers['x-page'], 'start');
		assert.equal(seen.handshake.headers.cookie, '(hidden)');
		assert.equal(seen.handshake.query.page, 'ä/b');
		assert.equal(seen.handshake.query.token, '(hidden)');
		client.close();
		admin.close();
	});
});

describe('actions', () => {
	let program;
	let admin;
	let clients;
	before(async () => {
		program = await start();
		admin = await login(program);
		await admin.hear('all_sockets');
		clients = await Promise.all(Array.from({ length: 6 }, () => Client.connect(program, '/', { transports: ['websocket'] })));
	});
	after(async () => {
		for (const client of [admin, ...clients])
			client.close();
		await program.stop();
	});

	/* What everybody has heard by now of `event`. */
	async function heard(event) {
		await Promise.all(clients.map((client) => client.ask('echo', 'mark')));
		await sleep(100);
		return clients.map((client) => client.kept.filter(([name]) => name === event).length);
	}

	test('join and leave: one, those in a room, everybody', async () => {
		const [a, b] = clients;
		admin.socket.emit('join', '/', 'vip', a.socket.id);
		await admin.hear('room_joined', (nsp, room, id) => nsp === '/' && room === 'vip' && id === a.socket.id);
		admin.socket.emit('join', '/', 'vip', b.socket.id);
		await admin.hear('room_joined', (nsp, room, id) => room === 'vip' && id === b.socket.id);
		admin.socket.emit('join', '/', 'second', 'vip');
		for (let i = 0; i < 2; i++)
			await admin.hear('room_joined', (nsp, room, id) => room === 'second' && [a, b].some(({ socket }) => socket.id === id));
		admin.socket.emit('leave', '/', 'vip', a.socket.id);
		await admin.hear('room_left', (nsp, room, id) => room === 'vip' && id === a.socket.id);
		admin.socket.emit('emit', '/', 'vip', 'told', 1);
		await b.hear('told');
		assert.deepEqual(await heard('told'), [0, 0, 0, 0, 0, 0]);
		admin.socket.emit('join', '/', 'all');
		for (const _ of clients)
			await admin.hear('room_joined', (nsp, room) => room === 'all');
		admin.socket.emit('leave', '/', 'all');
		for (const _ of clients)
			await admin.hear('room_left', (nsp, room) => room === 'all');
	});

	test('emit: to one, to everybody, with arguments of every kind', async () => {
		const bytes = Buffer.from([0, 1, 254, 255]);
		admin.socket.emit('emit', '/', clients[3].socket.id, 'private', 1, 'ä', null, { deep: [bytes] });
		const event = await clients[3].hear('private');
		assert.deepEqual(event.slice(1, 4), [1, 'ä', null]);
		assert.deepEqual(Buffer.from(event[4].deep[0]), bytes);
		admin.socket.emit('emit', '/', null, 'news');
		for (const client of clients)
			assert.deepEqual(await client.hear('news'), ['news']);
		assert.deepEqual(await heard('private'), [0, 0, 0, 0, 0, 0]);
	});

	test('what makes no sense does nothing, and nobody is lost by it', async () => {
		admin.socket.emit('emit', '/', null, 'disconnect', 1);
		admin.socket.emit('emit', '/nowhere', null, 'x');
		admin.socket.emit('emit', '/', { room: 'vip' }, 'stray');
		admin.socket.emit('emit', 7, null, 'stray');
		admin.socket.emit('emit', '/', null);
		admin.socket.emit('join', '/');
		admin.socket.emit('join', '/', '', null);
		admin.socket.emit('leave', '/', clients[0].socket.id, clients[0].socket.id);
		admin.socket.emit('_disconnect');
		admin.socket.emit('_disconnect', '/', true, ['everybody']);
		admin.socket.emit('_disconnect', '/nowhere\u0000', true);
		admin.socket.emit('unknown', '/', 1);
		assert.deepEqual(await heard('stray'), [0, 0, 0, 0, 0, 0]);
		assert.ok(admin.socket.connected && clients.every(({ socket }) => socket.connected));
	});

	test('disconnect: one, those in a room, everybody', async () => {
		const [a, b, c] = clients;
		const gone = (client) => admin.hear('socket_disconnected', (nsp, id) => nsp === '/' && id === client.id);
		admin.socket.emit('_disconnect', '/', false, a.id);
		assert.equal((await gone(a))[3], 'server namespace disconnect');
		assert.equal(await a.gone, 'io server disconnect');
		admin.socket.emit('join', '/', 'out', b.id);
		await admin.hear('room_joined', (nsp, room) => room === 'out');
		admin.socket.emit('_disconnect', '/', true, 'out');
		await gone(b);
		await b.gone;
		await c.ask('echo', 'still here');
		admin.socket.emit('_disconnect', '/', true);
		await Promise.all(clients.slice(2).map((client) => client.gone));
		assert.ok(admin.socket.connected);
	});
});

describe('modes', () => {
	test('readonly: everything is seen, nothing is done', async () => {
		const program = await start({ admin_readonly: true });
		try {
			const client = await Client.connect(program);
			const admin = await login(program);
			assert.deepEqual((await admin.hear('config'))[1], { supportedFeatures: ['AGGREGATED_EVENTS', 'ALL_EVENTS'] });
			await admin.hear('all_sockets', (sockets) => sockets.length === 2);
			admin.socket.emit('join', '/', 'vip', client.socket.id);
			admin.socket.emit('emit', '/', null, 'stray');
			admin.socket.emit('_disconnect', '/', true);
			await client.ask('echo', 1);
			await admin.hear('event_received', (nsp, id, [name]) => name === 'echo');
			assert.ok(client.socket.connected && !client.kept.some(([name]) => name === 'stray'));
			client.close();
			admin.close();
		} finally {
			await program.stop();
		}
	});

	test('production: counts alone', async () => {
		const program = await start({ admin_mode: 'production' });
		try {
			const admin = await login(program);
			const { supportedFeatures } = (await admin.hear('config'))[1];
			assert.ok(supportedFeatures.includes('AGGREGATED_EVENTS') && !supportedFeatures.includes('ALL_EVENTS'));
			const client = await Client.connect(program);
			await client.ask('enter', 'room');
			await admin.hear('server_stats', ({ clientsCount }) => clientsCount === 2);
			client.close();
			const [, last] = await admin.hear('server_stats', ({ clientsCount }) => clientsCount === 1);
			assert.ok(last.aggregatedEvents.some(({ type }) => type === 'rawDisconnection'));
			assert.ok(!admin.kept.some(([name]) => name !== 'server_stats'));
			admin.close();
		} finally {
			await program.stop();
		}
	});
});
