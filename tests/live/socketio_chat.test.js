'use strict';
/*
 * The chat for stock clients of Socket.IO: every event of it, over long-polling, over WebSocket, and
 * as a client comes by default, from the one to the other.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, sleep } = require('./harness.js');
const { SocketIo } = require('./socketio_client.js');
const { person, sign, token } = require('./tokens.js');

const GRACE_MS = 300;
const TYPING_MS = 700;
const ID = /^[0-9a-f]{32}$/;

let server;
before(async () => {
	server = await Server.start({
		set: { 'presence.grace': `${GRACE_MS}ms`, 'socketio.typing': `${TYPING_MS}ms` },
		flags: ['--workers', '3'],
	});
});
after(() => server?.stop());

const roomName = () => `room-${crypto.randomBytes(4).toString('hex')}`;
const user = (who) => ({ id: who.sub, name: who.name });

async function refusal(options) {
	const client = SocketIo.dial(server, person('rita'), options);
	await assert.rejects(client.entered(), (error) => {
		client.refused = error.message;
		return true;
	});
	client.socket.disconnect();
	return client.refused;
}

function isNow(ms) {
	assert.equal(typeof ms, 'number');
	assert.ok(Math.abs(Date.now() - ms) < 60000, String(ms));
}

for (const [name, transports] of [['by default', ['polling', 'websocket']], ['polling', ['polling']], ['websocket', ['websocket']]]) {
	const come = (who, options) => SocketIo.connect(server, who, { transports, ...options });

	describe(name, { concurrency: 4 }, () => {
		test('a client is greeted, and knows its pid', async () => {
			const who = person('gina');
			const client = await come(who);
			assert.match(client.greeting.sessionId, /^[0-9a-f]{16}$/);
			assert.equal(client.greeting.userId, who.sub);
			isNow(client.greeting.serverTime);
			assert.equal(client.socket.recovered, false);
			assert.ok(client.socket._pid);
			if (transports[0] === 'polling' && transports[1]) {
				const { engine } = client.socket.io;
				if (engine.transport.name !== 'websocket')
					await new Promise((resolve) => engine.once('upgrade', resolve));
			}
			await client.sync();
			await client.close();
		});

		test('who may not come in is told why, in words that clients know', async () => {
			const bare = (auth) => refusal({ transports, auth });
			assert.equal(await bare(undefined), 'Authentication required');
			assert.equal(await bare({}), 'Authentication required');
			assert.equal(await bare({ token: 'garbage' }), 'Authentication failed: jwt malformed');
			assert.equal(await bare({ token: token(person('x'), { ttl: -3600 }) }), 'Authentication failed: jwt expired');
			const forged = sign({ sub: 'x', exp: Date.now() }, { secret: 'y'.repeat(48) });
			assert.equal(await bare({ token: forged }), 'Authentication failed: invalid signature');
			const none = sign({ sub: 'x', exp: Date.now() }, { alg: 'none' });
			assert.match(await bare({ token: `${none}AAAA` }), /^Authentication failed: invalid algorithm$/);
		});

		test('ids of users are what the claim says', async () => {
			const id = crypto.randomInt(1, 2 ** 40);
			const one = await come(person('n'), { claims: { userId: id, name: 'Nina' } });
			const two = await come(person('s'), { claims: { userId: `u${id}`, name: 'Sven' } });
			assert.equal(one.greeting.userId, id);
			assert.equal(two.greeting.userId, `u${id}`);
			const room = roomName();
			await two.ok('join-room', room);
			const { members } = await one.ok('join-room', room);
			assert.deepEqual(members, [`u${id}`, id]);
			assert.deepEqual(await two.expect('user-joined'), { userId: id, user: { id, name: 'Nina' }, roomId: room });
			for (const targetUserId of [id, String(id)]) {
				assert.equal((await two.ok('private-message', { targetUserId, content: 1 })).delivered, true);
				assert.equal((await one.expect('private-message')).toUserId, id);
			}
			await Promise.all([one.close(), two.close()]);
		});

		test('rooms: join, say, leave', async () => {
			const [ann, ben, room] = [person('ann'), person('ben'), roomName()];
			const [a, b] = [await come(ann), await come(ben)];
			assert.deepEqual(await a.ok('join-room', room), {
				success: true, room: { id: room, name: room }, members: [ann.sub], recentMessages: [],
			});
			assert.deepEqual((await b.ok('join-room', room)).members, [ann.sub, ben.sub]);
			assert.deepEqual(await a.expect('user-joined'), { userId: ben.sub, user: user(ben), roomId: room });
			const answer = await a.ok('message', { roomId: room, content: 'hello', type: 'greeting' });
			assert.match(answer.messageId, ID);
			isNow(answer.timestamp);
			const expected = { id: answer.messageId, roomId: room, userId: ann.sub, user: user(ann), content: 'hello',
				type: 'greeting', timestamp: answer.timestamp, edited: false, deleted: false };
			/* The sender hears it, and before the acknowledgement. */
			assert.deepEqual(a.kept, [['new-message', expected]]);
			assert.deepEqual(await b.expect('new-message'), expected);
			assert.deepEqual((await b.ok('join-room', room)).recentMessages, [expected]);
			assert.deepEqual(await b.ok('leave-room', room), { success: true });
			assert.deepEqual(await a.expect('user-left'), { userId: ben.sub, roomId: room });
			assert.deepEqual(await b.ask('message', { roomId: room, content: 'x' }), { error: 'Not in room' });
			assert.deepEqual(await b.ask('leave-room', room), { error: 'Not in room' });
			assert.deepEqual(await b.ask('message', { roomId: room }), { error: 'Invalid message format' });
			assert.deepEqual(await b.ask('message', null), { error: 'Invalid message format' });
			await Promise.all([a.close(), b.close()]);
		});

		test('50 recent messages, the oldest first', async () => {
			const [a, room] = [await come(person('ann')), roomName()];
			await a.ok('join-room', room);
			for (let i = 0; i < 60; i++)
				await a.ok('message', { roomId: room, content: `m${i}` });
			const { recentMessages } = await a.ok('join-room', room);
			assert.deepEqual(recentMessages.map((m) => m.content), Array.from({ length: 50 }, (_, i) => `m${i + 10}`));
			await a.close();
		});

		test('any JSON and bytes come back as they were', async () => {
			const [a, b, room] = [await come(person('ann')), await come(person('ben')), roomName()];
			await a.ok('join-room', room);
			await b.ok('join-room', room);
			const contents = [
				'text', 7, -1.5e-3, true, [1, [2]], { deep: { er: [null] } }, Buffer.from('bytes'),
				{ image: Buffer.from([0, 1, 255]), list: [Buffer.alloc(0), 'text', Buffer.from('z')] },
				[Buffer.alloc(100000, 7)], { _placeholder: true, num: 0 },
			];
			for (const content of contents) {
				await a.ok('message', { roomId: room, content });
				assert.deepEqual((await b.expect('new-message')).content, content);
				assert.deepEqual((await a.expect('new-message')).content, content);
			}
			/* Half a character is none of UTF-8. */
			await a.ok('message', { roomId: room, content: ['\ud83d!', '\u{1f600}'] });
			assert.deepEqual((await b.expect('new-message')).content, ['\ufffd!', '\u{1f600}']);
			for (const content of ['', 0, false, null])
				assert.deepEqual(await a.ask('message', { roomId: room, content }), { error: 'Invalid message format' });
			await Promise.all([a.close(), b.close()]);
		});

		test('large messages, and many of them in one answer', async () => {
			const [a, b, room] = [await come(person('ann')), await come(person('ben')), roomName()];
			await a.ok('join-room', room);
			await b.ok('join-room', room);
			for (const content of [crypto.randomBytes(700000), 'x'.repeat(900000), '\u0001'.repeat(100000)]) {
				await a.ok('message', { roomId: room, content });
				assert.deepEqual((await b.expect('new-message')).content, content);
				await a.expect('new-message');
			}
			for (let i = 0; i < 8; i++)
				await a.ok('message', { roomId: room, content: String(i).repeat(60000) });
			const { recentMessages } = await b.ok('join-room', room);
			assert.deepEqual(recentMessages.map((m) => m.content[0]), ['4', '5', '6', '7']);
			await Promise.all([a.close(), b.close()]);
		});

		test('a retry is kept once', async () => {
			const [a, room] = [await come(person('ann')), roomName()];
			await a.ok('join-room', room);
			const message = { roomId: room, content: 'once', clientMessageId: crypto.randomUUID() };
			const first = await a.ok('message', message);
			assert.deepEqual(await a.ok('message', message), first);
			await a.expect('new-message');
			await a.sync();
			assert.deepEqual(a.kept, []);
			await a.close();
		});

		test('typing ends after the last keystroke', async () => {
			const [ann, room] = [person('ann'), roomName()];
			const [a, b] = [await come(ann), await come(person('ben'))];
			await a.ok('join-room', room);
			await b.ok('join-room', room);
			let last;
			for (let i = 0; i < 4; i++) {
				a.socket.emit('typing', { roomId: room });
				last = Date.now();
				await sleep(TYPING_MS / 2);
			}
			assert.deepEqual(await b.expect('user-typing'), { userId: ann.sub, user: user(ann), roomId: room });
			assert.deepEqual(await b.expect('user-stopped-typing'), { userId: ann.sub, roomId: room });
			assert.ok(Date.now() - last >= TYPING_MS - 50);
			a.socket.emit('typing', { roomId: room });
			a.socket.emit('stop-typing', { roomId: room });
			await b.expect('user-typing');
			await b.expect('user-stopped-typing');
			await sleep(TYPING_MS + 100);
			assert.deepEqual(b.kept, []);
			await Promise.all([a.close(), b.close()]);
		});

		test('a status is heard by who shares a room; who is invisible looks offline', async () => {
			const [ann, room] = [person('ann'), roomName()];
			const [a, b] = [await come(ann), await come(person('ben'))];
			await a.ok('join-room', room);
			await b.ok('join-room', room);
			for (const [said, heard] of [['away', 'away'], ['busy', 'busy'], ['invisible', 'offline'], ['online', 'online']]) {
				assert.deepEqual(await a.ok('update-status', said), { success: true });
				const update = await b.expect('presence-update');
				isNow(update.timestamp);
				assert.deepEqual(update, { userId: ann.sub, status: heard, timestamp: update.timestamp });
			}
			assert.deepEqual(await a.ask('update-status', 'asleep'), { error: 'Invalid status' });
			await a.close();
			assert.deepEqual(await b.expect('user-left'), { userId: ann.sub, roomId: room });
			assert.equal((await b.expect('presence-update')).status, 'offline');
			/* It comes again, and is in its room without a word. */
			const again = await come(ann);
			assert.deepEqual(await b.expect('user-joined'), { userId: ann.sub, user: user(ann), roomId: room });
			assert.equal((await b.expect('presence-update')).status, 'online');
			await again.ok('message', { roomId: room, content: 'back' });
			await Promise.all([again.close(), b.close()]);
		});

		test('private messages: to all sockets of one, or waiting', async () => {
			const [ann, ben] = [person('ann'), person('ben')];
			const [a, a2, b, b2] = [await come(ann), await come(ann), await come(ben), await come(ben)];
			const sent = await a.ok('private-message', { targetUserId: ben.sub, content: { secret: 1 } });
			assert.deepEqual(Object.keys(sent).sort(), ['delivered', 'messageId', 'success']);
			assert.equal(sent.delivered, true);
			for (const socket of [b, b2]) {
				const heard = await socket.expect('private-message');
				isNow(heard.timestamp);
				assert.deepEqual(heard, { id: sent.messageId, fromUserId: ann.sub, fromUser: user(ann), toUserId: ben.sub,
					content: { secret: 1 }, timestamp: heard.timestamp, read: false });
			}
			await a2.sync();
			assert.deepEqual(a2.kept, []);
			assert.deepEqual(await a.ask('private-message', { targetUserId: 'nobody', content: 1 }), { error: 'User not found' });
			await sleep(700); /* a ping shows that it arrived */
			await Promise.all([b.close(), b2.close()]);
			await sleep(2 * GRACE_MS);
			const later = await a.ok('private-message', { targetUserId: ben.sub, content: 'later' });
			assert.equal(later.delivered, false);
			/* Until it is acknowledged. */
			const impatient = await come(ben);
			assert.deepEqual((await impatient.expect('pending-messages')).map((m) => m.content), ['later']);
			await impatient.close();
			const patient = SocketIo.dial(server, ben, { transports });
			const [waiting, acknowledge] = await new Promise((resolve) => {
				patient.socket.on('pending-messages', (...args) => resolve(args));
			});
			assert.deepEqual(waiting.map((m) => [m.id, m.fromUserId, m.toUserId, m.read]), [[later.messageId, ann.sub, ben.sub, false]]);
			acknowledge();
			await patient.sync();
			await patient.close();
			const empty = await come(ben);
			await empty.sync();
			await sleep(100);
			assert.deepEqual(empty.kept, []);
			await Promise.all([a.close(), a2.close(), empty.close()]);
		});

		test('a client that breaks off gets what it missed when it comes back', async () => {
			const [ann, ben, room] = [person('ann'), person('ben'), roomName()];
			const [a, b] = [await come(ann), await come(ben, { reconnection: true, reconnectionDelay: 300 })];
			await a.ok('join-room', room);
			await b.ok('join-room', room);
			const id = b.socket.id;
			for (let round = 0; round < 3; round++) {
				if (round) {
					await a.ok('message', { roomId: room, content: `heard ${round}` });
					assert.equal((await b.expect('new-message')).content, `heard ${round}`);
				}
				const back = new Promise((resolve) => b.socket.once('connect', resolve));
				b.socket.io.engine.close();
				const said = [];
				for (let i = 0; i < 5; i++) {
					said.push(`${round}.${i}`);
					await a.ok('message', { roomId: room, content: said.at(-1) });
				}
				await a.ok('private-message', { targetUserId: ben.sub, content: 'alone' });
				await back;
				assert.equal(b.socket.recovered, true);
				assert.equal(b.socket.id, id);
				for (const content of said)
					assert.equal((await b.expect('new-message')).content, content);
				assert.equal((await b.expect('private-message')).content, 'alone');
				await b.sync();
				assert.deepEqual(b.kept.filter(([event]) => /message|connected/.test(event)), []);
			}
			await Promise.all([a.close(), b.close()]);
		});

		test('events that nobody knows, and acknowledgements that nobody wants', async () => {
			const [a, room] = [await come(person('ann')), roomName()];
			a.socket.emit('no-such-event', 1, 2, 3);
			await assert.rejects(a.socket.timeout(300).emitWithAck('no-such-event'));
			a.socket.emit('join-room', room);
			a.socket.emit('message', { roomId: room, content: 'no ack' });
			assert.equal((await a.expect('new-message')).content, 'no ack');
			a.socket.emit('message', {});
			a.socket.emit('private-message');
			a.socket.emit('leave-room', room);
			await a.sync();
			assert.deepEqual(a.kept, []);
			await a.close();
		});
	});
}

test('other namespaces, and events before coming in', async () => {
	const other = SocketIo.dial(server, person('olga'));
	const nsp = other.socket.io.socket('/other', { auth: {} });
	const error = await new Promise((resolve) => nsp.once('connect_error', resolve));
	assert.equal(error.message, 'Invalid namespace');
	await other.close();
	other.socket.disconnect();
});
