'use strict';
/*
 * The chat+presence dialect as clients of both families meet it: how they sign in and are refused,
 * every message, its answer and its errors, who hears what, presence, and what nobody may do in the
 * name of somebody else.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { person, sign, claims, token } = require('./tokens.js');
const { Realtime, start, chatId, ISO } = require('./realtime_client.js');

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
		await b.close();
		const watcher = await Realtime.connect(server.presence, ann);
		const older = await Realtime.older(server.presence, ann);
		const stranger = await Realtime.connect(server.presence, eve);
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
});
