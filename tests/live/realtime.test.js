'use strict';
/*
 * The chat+presence dialect as clients of both families meet it: how they sign in and are refused,
 * every message, its answer and its errors, who hears what, presence, and what nobody may do in the
 * name of somebody else.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { sleep } = require('./harness.js');
const { person, sign, claims, token } = require('./tokens.js');
const { Realtime, start, chatId, ISO } = require('./realtime_client.js');

/* Of one test; it stops with it, also when that fails. */
async function started(t, options) {
	const server = await start(options);
	t.after(() => server.stop());
	return server;
}

describe('realtime: talking', () => {
	let server;
	before(async () => (server = await start({ flags: ['--workers', '3'] })));
	after(() => server.stop());

	test('two documented clients talk: kept, pushed once, no echo', async () => {
		const alice = await Realtime.connect(server.port, person('alice'));
		const bob = await Realtime.connect(server.port, person('bob'));
		alice.say(bob.who, 'hello', { chatId: 'chat_123' });
		const heard = await bob.expect('ONE_TO_ONE_CHAT');
		assert.deepEqual(Object.keys(heard), ['type', 'from', 'to', 'content', 'chatId', 'timestamp', 'messageId']);
		assert.equal(heard.from, alice.who.username);
		assert.equal(heard.to, bob.who.username);
		assert.equal(heard.content, 'hello');
		assert.equal(heard.chatId, chatId(alice.who, bob.who));
		assert.match(heard.timestamp, ISO);
		bob.say(alice.who, 'hi');
		assert.equal((await alice.expect('ONE_TO_ONE_CHAT')).content, 'hi');
		const history = await alice.history(bob.who, 'chat_123');
		assert.equal(history.type, 'ONE_TO_ONE_CHAT_HISTORY');
		assert.deepEqual(history.messages.map((m) => [m.from, m.to, m.text, m.content]), [
			[alice.who.username, bob.who.username, 'hello', 'hello'],
			[bob.who.username, alice.who.username, 'hi', 'hi'],
		]);
		assert.equal(history.messages[0].messageId, heard.messageId);
		assert.equal(history.chatId, 'chat_123');
		assert.equal(history.isOnline, true);
		await alice.nothing();
		await bob.nothing(0);
		await alice.close();
		await bob.close();
	});

	test('presence: each transition once, to those who share a chat', async () => {
		const ann = person('ann'), ben = person('ben'), eve = person('eve');
		const a = await Realtime.connect(server.port, ann);
		const b = await Realtime.connect(server.port, ben);
		a.say(ben, 'x');
		await b.expect('ONE_TO_ONE_CHAT');
		const watcher = await Realtime.connect(server.presence, ann);
		const older = await Realtime.older(server.presence, ann);
		const stranger = await Realtime.connect(server.presence, eve);
		await b.close();
		const gone = await watcher.expect('PRESENCE_UPDATE');
		assert.equal(gone.status, 'offline');
		await older.expect('STATUS_CHANGE');
		const again = await Realtime.connect(server.presence, ben);
		const online = await watcher.expect('PRESENCE_UPDATE');
		assert.deepEqual({ ...online, timestamp: 0 },
			{ type: 'PRESENCE_UPDATE', username: ben.username, status: 'online', timestamp: 0 });
		assert.match(online.timestamp, ISO);
		assert.deepEqual(await older.expect('STATUS_CHANGE'),
			{ type: 'STATUS_CHANGE', username: ben.username, status: 'ONLINE' });
		await again.close();
		assert.equal((await watcher.expect('PRESENCE_UPDATE')).status, 'offline');
		assert.equal((await older.expect('STATUS_CHANGE')).status, 'OFFLINE');
		await stranger.nothing();
		for (const c of [watcher, older, stranger, a]) {
			assert.deepEqual(c.kept, []);
			await c.close();
		}
	});

	test('the older family: 401 before the upgrade, header first, then authToken, then token', async () => {
		const who = person('rosa');
		const bad = [
			{ path: '/?authToken=x.y.z' },
			{ path: '/?token=x.y.z' },
			{ path: `/?authToken=${token(who, { ttl: -1000 })}` },
			{ path: `/?authToken=${token(who)}`, headers: { Authorization: 'Bearer x' } },
			{ path: `/?authToken=${sign(claims(who), { secret: 'x'.repeat(48) })}` },
			{ path: `/?authToken=${sign(claims(who), { alg: 'none' })}` },
		];
		for (const port of [server.port, server.presence]) {
			for (const options of bad)
				await assert.rejects(Realtime.dial(port, options), { status: 401 });
		}
		const good = [
			{ path: `/any/path?authToken=${token(who)}` },
			{ path: `/?token=${token(who)}` },
			{ path: '/?authToken=x', headers: { Authorization: `Bearer ${token(who)}` } },
		];
		for (const options of good) {
			const client = await Realtime.dial(server.port, options);
			assert.equal((await client.sync()).msg, 'Offline messages acknowledged.');
			await client.close();
		}
	});

	test('nobody speaks in the name of somebody else, by any field', async () => {
		const mallory = await Realtime.connect(server.port, person('mallory'));
		const alice = await Realtime.connect(server.port, person('alice'));
		const bob = await Realtime.connect(server.port, person('bob'));
		const [m, a, b] = [mallory, alice, bob].map((c) => c.who.username);
		const frames = [
			['ONE_TO_ONE_CHAT', { from: a, to: b, content: 'x', chatId: chatId(alice.who, bob.who) }],
			['NEW_ONE_TO_ONE_CHAT', { from: a, to: b }],
			['GET_ONE_TO_ONE_HISTORY', { from: a, to: b, chatId: chatId(alice.who, bob.who) }],
			['CREATE_GROUP_CHAT', { groupName: 'g', by: a }],
			['JOIN_GROUP', { groupId: 'spoofed', username: a }],
			['JOIN_GROUP_CHAT', { groupId: 'spoofed', username: a }],
			['LEAVE_GROUP', { groupId: 'spoofed', username: a }],
			['GROUP_CHAT', { from: a, groupId: 'spoofed', content: 'x' }],
			['GROUP_CHAT', { from: a, to: 'spoofed', content: 'x' }],
		];
		for (const [type, fields] of frames) {
			mallory.send(type, fields);
			await mallory.error(`You are signed in as ${m}, and can speak for nobody else.`);
		}
		/* Nor under a chatId of others, nor in what one is not part of. */
		mallory.say(bob.who, 'x', { chatId: chatId(alice.who, bob.who) });
		await mallory.error('This chatId belongs to other people.');
		mallory.send('GET_ONE_TO_ONE_HISTORY', { from: m, to: b, chatId: chatId(alice.who, bob.who) });
		await mallory.error('This chatId belongs to other people.');
		await alice.nothing(100);
		await bob.nothing(0);
		for (const c of [mallory, alice, bob])
			await c.close();
	});

	test('a group and its history are for its members', async () => {
		const alice = await Realtime.connect(server.port, person('alice'));
		const eve = await Realtime.older(server.port, person('eve'));
		const made = await alice.ask('CREATE_GROUP_CHAT', { groupName: 'Tea', by: alice.who.username });
		assert.equal(made.type, 'GROUP_CHAT_CREATED');
		assert.match(made.groupId, /^\d{15,19}$/);
		const { groupId } = made;
		await alice.join(groupId);
		alice.send('GROUP_CHAT', { from: alice.who.username, groupId, content: 'secret' });
		for (const type of ['GET_GROUP_CHAT_HISTORY', 'GROUP_CHAT', 'LEAVE_GROUP']) {
			const fields = { groupId, from: eve.who.username, username: eve.who.username, content: 'x' };
			const answer = await eve.ask(type, fields);
			assert.deepEqual([answer.type, answer.msg], ['ERROR', 'You are not a member of this group.']);
		}
		await eve.join(groupId);
		assert.equal((await alice.ask('GET_GROUP_CHAT_HISTORY', { groupId })).messages.length, 1);
		const history = await eve.ask('GET_GROUP_CHAT_HISTORY', { groupId });
		assert.deepEqual(history.messages.map((m) => [m.from, m.text, m.groupId]),
			[[alice.who.username, 'secret', groupId]]);
		eve.send('LEAVE_GROUP', { groupId, username: eve.who.username });
		await eve.expect('SUCCESS');
		alice.send('GROUP_CHAT', { from: alice.who.username, groupId, content: 'alone again' });
		await alice.sync();
		await eve.nothing(150);
		await alice.close();
		await eve.close();
	});

	test('odd names: dashes, spaces, other scripts, and what is no name', async () => {
		const names = ['a-b', 'a', 'b-c', 'b', 'two words', '-', '\u{1F600}', '\uFF21', 'alice\u200b', '\u0430lice'];
		const tag = `~${Date.now()}`;
		const clients = [];
		for (const name of names) {
			const who = { ...person('x'), username: `${name}${tag}` };
			clients.push(await Realtime.connect(server.port, who));
		}
		for (const [i, from] of clients.entries()) {
			const to = clients[(i + 1) % clients.length];
			from.say(to.who, `from ${i}`);
			const heard = await to.expect('ONE_TO_ONE_CHAT');
			assert.deepEqual([heard.from, heard.to, heard.content],
				[from.who.username, to.who.username, `from ${i}`]);
			assert.equal(heard.chatId, chatId(from.who, to.who));
			const history = await to.history(from.who);
			assert.deepEqual(history.messages.map((m) => m.text), [`from ${i}`]);
		}
		const [first] = clients;
		const noNames = ['alice\u0000', '\u0000', `${clients[1].who.username}\u0000`, ' ', '%', '*', "' OR 1=1 --",
			'n'.repeat(1024)];
		for (const to of noNames) {
			first.say({ username: to }, 'x', { chatId: 'x' });
			await first.error(`User ${to} does not exist.`);
		}
		first.say({ username: 'n'.repeat(10240) }, 'x', { chatId: 'x' });
		await first.error('Invalid value: to.');
		for (const c of clients) {
			assert.deepEqual(c.kept, []);
			await c.close();
		}
	});

	test('all see one order, on several workers', async () => {
		const people = [];
		for (let i = 0; i < 6; i++)
			people.push(i % 2 ? await Realtime.older(server.port) : await Realtime.connect(server.port));
		const groupId = `order-${Date.now()}`;
		for (const p of people)
			await p.join(groupId);
		const PER = 30;
		for (let i = 0; i < PER; i++) {
			for (const p of people)
				p.send('GROUP_CHAT', { from: p.who.username, groupId, content: `${p.who.username} ${i}` });
		}
		const orders = [];
		for (const p of people) {
			const heard = [];
			while (heard.length < PER * (people.length - 1))
				heard.push((await p.expect('GROUP_CHAT')).content);
			orders.push(heard);
		}
		const { messages } = await people[0].ask('GET_GROUP_CHAT_HISTORY', { groupId });
		const stored = messages.map((m) => m.text);
		assert.equal(stored.length, PER * people.length);
		people.forEach((p, i) => {
			const others = stored.filter((text) => !text.startsWith(`${p.who.username} `));
			assert.deepEqual(orders[i], others);
		});
		for (const p of people)
			await p.close();
	});

	test('a chat with history: the whole of it, up to the newest thousand', async () => {
		const alice = await Realtime.connect(server.port, person('alice'));
		const bob = await Realtime.older(server.port, person('bob'));
		for (let i = 0; i < 1100; i++)
			alice.say(bob.who, `m${i}`);
		const { messages, isOnline } = await alice.history(bob.who);
		assert.equal(isOnline, true);
		assert.deepEqual(messages.map((m) => m.text), Array.from({ length: 1000 }, (_, i) => `m${i + 100}`));
		for (let i = 0; i < 1100; i++)
			assert.equal((await bob.expect('MESSAGE')).content, `m${i}`);
		await alice.close();
		await bob.close();
	});
});

describe('realtime: away', () => {
	test('offline messages wait over a restart, and over a crash too many rather than too few', async (t) => {
		const server = await started(t);
		const alice = person('alice'), bob = person('bob');
		let a = await Realtime.older(server.port, alice);
		let b = await Realtime.older(server.port, bob);
		a.say(bob, 'heard');
		await b.expect('MESSAGE');
		const groupId = 'group_456';
		await a.join(groupId);
		await b.join(groupId);
		await b.close();
		await a.ask('ONE_TO_ONE_CHAT',
			{ from: alice.username, to: bob.username, content: 'missed 1', chatId: 'x' });
		await a.ask('GROUP_CHAT', { from: alice.username, to: groupId, content: 'missed 2' });
		await server.end();
		await server.launch();
		a = await Realtime.older(server.port, alice);
		await a.ask('ONE_TO_ONE_CHAT',
			{ from: alice.username, to: bob.username, content: 'missed 3', chatId: 'x' });
		b = await Realtime.older(server.port, bob);
		const counts = async () => {
			const { offlineMessages } = await b.ask('INIT_DATA');
			return Object.fromEntries(offlineMessages.map((o) => [o.partitionKey, o]));
		};
		const direct = { partitionKey: chatId(alice, bob), messageType: 'ONE_TO_ONE', from: alice.username };
		const group = { partitionKey: groupId, messageType: 'GROUP', groupName: groupId };
		assert.deepEqual(await counts(),
			{ [direct.partitionKey]: { ...direct, count: 2 }, [groupId]: { ...group, count: 1 } });
		a.say(bob, 'heard live');
		assert.equal((await b.expect('MESSAGE')).content, 'heard live');
		assert.equal((await counts())[direct.partitionKey].count, 2);
		await b.sync();
		assert.deepEqual(await counts(), {});
		a.say(bob, 'heard before the crash');
		await b.expect('MESSAGE');
		await server.kill();
		await server.launch();
		a = await Realtime.older(server.port, alice);
		await a.ask('ONE_TO_ONE_CHAT',
			{ from: alice.username, to: bob.username, content: 'missed 4', chatId: 'x' });
		b = await Realtime.older(server.port, bob);
		assert.ok((await counts())[direct.partitionKey].count >= 1);
		const { messages } = await b.history(alice);
		assert.deepEqual(messages.map((m) => m.text),
			['heard', 'missed 1', 'missed 3', 'heard live', 'heard before the crash', 'missed 4']);
		await a.close();
		await b.close();
	});
});

describe('realtime: the server', () => {
	test('one port for everything: both sockets by path', async (t) => {
		const server = await started(t, { dialect: '', set: { 'presence.grace': '50ms' } });
		const alice = await Realtime.connect(server.port, person('alice'), { path: '/ws/chat/' });
		const who = person('bob');
		const b = await Realtime.dial(server.port, { path: `/ws/chat?authToken=${token(who)}` });
		const bare = await Realtime.dial(server.port, { path: `/?username=x&authToken=${token(who)}` });
		await bare.sync();
		await bare.close();
		await assert.rejects(Realtime.dial(server.port, { path: '/?authToken=x' }), { status: 401 });
		const p = await Realtime.dial(server.port, { path: `/ws/presence/?token=${token(alice.who)}` });
		alice.say(who, 'x');
		await b.expect('MESSAGE');
		await b.close();
		assert.deepEqual(await p.expect('STATUS_CHANGE'),
			{ type: 'STATUS_CHANGE', username: who.username, status: 'OFFLINE' });
		await p.close();
		await alice.close();
	});

	test('a socket for presence that does not answer a ping is dropped, and tells so', async (t) => {
		const server = await started(t, { set: { 'realtime.heartbeat': '300ms', 'presence.grace': '50ms' } });
		const alice = await Realtime.connect(server.port, person('alice'));
		const bob = await Realtime.connect(server.port, person('bob'));
		alice.say(bob.who, 'x');
		await bob.expect('ONE_TO_ONE_CHAT');
		const watcher = await Realtime.connect(server.presence, alice.who);
		const mute = await Realtime.connect(server.presence, bob.who, { autoPong: false });
		await bob.close();
		assert.equal((await mute.closed).code, 1006);
		assert.equal((await watcher.expect('PRESENCE_UPDATE')).status, 'offline');
		assert.ok(watcher.pings > 0);
		await watcher.close();
		await alice.close();
	});

	test('realtime.single_session: the newest stays, on whichever worker', async (t) => {
		const server = await started(t, { set: { 'realtime.single_session': 'true' }, flags: ['--workers', '3'] });
		const who = person('alice');
		let last = await Realtime.connect(server.port, who);
		for (let i = 0; i < 5; i++) {
			await sleep(5);
			const next = await Realtime.older(server.port, who);
			assert.equal((await last.closed).code, 1008);
			last = next;
		}
		const watcher = await Realtime.connect(server.presence, who);
		await sleep(100);
		await last.sync();
		await watcher.close();
		/* Many at once: one is left in the end. */
		const crowd = await Promise.all(Array.from({ length: 8 }, () => Realtime.older(server.port, who)));
		await sleep(300);
		const open = crowd.filter((c) => c.socket.readyState === 1);
		assert.equal(open.length, 1);
		await open[0].sync();
		await open[0].close();
	});

	test('nothing that was said, and no token, is in the log', async (t) => {
		const server = await started(t, { flags: ['--log', 'debug'] });
		const alice = await Realtime.connect(server.port, person('alice'));
		const bob = await Realtime.older(server.port, person('bob'));
		alice.say(bob.who, 'between you and me');
		await bob.expect('MESSAGE');
		const bad = `eyJhbGciOiJIUzI1NiJ9.${'A'.repeat(40)}.${'B'.repeat(43)}`;
		await assert.rejects(Realtime.dial(server.port, { path: `/?authToken=${bad}` }), { status: 401 });
		await alice.close();
		await bob.close();
		await server.end();
		assert.doesNotMatch(server.log, /between you and me/);
		assert.doesNotMatch(server.log, /eyJ/);
	});

	test('clients that send and vanish at any stage leave nothing behind', async (t) => {
		const server = await started(t, { flags: ['--workers', '3'] });
		const bob = await Realtime.connect(server.port, person('bob')), who = person('vera');
		const frames = [['ONE_TO_ONE_CHAT', { from: who.username, to: bob.who.username, content: 'v', chatId: 'x' }],
			['GET_ONE_TO_ONE_HISTORY', { from: who.username, to: bob.who.username, chatId: 'x' }],
			['JOIN_GROUP', { groupId: 'g', username: who.username }], ['INIT_DATA', {}],
			['LEAVE_GROUP', { groupId: 'g', username: who.username }]];
		for (let i = 0; i < 100; i++) {
			const c = i % 2 ? await Realtime.dial(server.port) : await Realtime.older(server.port, who);
			if (i % 2)
				c.send('AUTH', { token: token(who) });
			for (const [type, fields] of frames)
				c.send(type, fields);
			await sleep(i % 4);
			c.socket.terminate();
		}
		await sleep(300);
		const before = await Realtime.older(server.port, who);
		await before.sync();
		await before.close();
		await sleep(100);
		bob.say(who, 'missed');
		await bob.sync();
		const after = await Realtime.older(server.port, who);
		assert.equal((await after.ask('INIT_DATA')).offlineMessages[0]?.count, 1);
		await after.close();
		await bob.close();
	});

	test('guessing tokens is limited per address', async (t) => {
		const server = await started(t, { set: { 'limits.enabled': 'true', 'limits.auth_failures_per_minute': '3' } });
		for (let i = 0; i < 6; i++)
			await assert.rejects(Realtime.dial(server.port, { path: '/?authToken=x' }), { status: 401 });
		const client = await Realtime.dial(server.port);
		client.send('AUTH', { token: 'x' });
		await client.error('Too many failed attempts.');
		assert.equal((await client.closed).code, 1008);
	});
});
