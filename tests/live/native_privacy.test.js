'use strict';
/*
 * Names of rooms open no closed door: what a stranger, with a token or as a guest, tries with the
 * ids of a direct conversation, of a group and of a user, and with names that look like them.
 */
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Server, freePort, sleep } = require('./harness.js');
const { Client, say } = require('./client.js');
const { Native } = require('./native_client.js');
const { person } = require('./tokens.js');

const SECRET = 'the secret';
const lines = (client) => JSON.stringify(client.kept);

/* The id itself, however it is written. */
const forms = (id) => [id, id.toUpperCase(), id.slice(0, 18) + id.slice(18).toUpperCase()];

/* Names that look like it, and are rooms of their own or none. */
const lookAlikes = (id) => [
	` ${id}`, `${id} `, `{${id}}`, `urn:uuid:${id}`, id.replaceAll('-', ''), id.replaceAll('-', '\u2010'),
	`${id}\u0000`, `\u0000${id}`, `${id}\n`, `\ufeff${id}`, `${id}\u200b`, `c${id}`, id.slice(0, 35), `${id}0`,
	id.replace(/[0-9]/g, (d) => String.fromCharCode(0xff10 + Number(d))),
];

describe('a stranger', () => {
	let server;
	let alice;
	let bob;
	let closed;
	before(async () => {
		const port = await freePort();
		server = new Server({
			dialect: 'qrypt',
			set: { 'native.anonymous': String(port), 'presence.grace': '50ms' },
			flags: ['--listen', `127.0.0.1:${port}=native`, '--workers', '3'],
		});
		await server.launch();
		server.native = port;
		alice = await Client.signIn(server, person('alice'));
		bob = await Client.signIn(server, person('bob'));
		const make = async (payload) =>
			(await alice.ok('create_conversation', payload, 'conversation_created')).payload.conversation.id;
		closed = [
			await make({ participantIds: [bob.id] }),
			await make({ participantIds: [bob.id], isGroup: true, name: 'closed' }),
		];
		for (const conversationId of closed)
			for (const client of [alice, bob])
				await client.ok('join_conversation', { conversationId }, 'conversation_joined');
	});
	after(async () => {
		for (const client of [alice, bob])
			await client.close();
		await server.stop();
	});

	const stranger = (name) => Native.connect(server, person(name), { port: server.native });
	const guest = () => Native.guest(server, { port: server.native });

	/* The two talk: whatever a stranger did before, only they hear it, and nothing of the stranger. */
	async function talk(strangers) {
		for (const id of closed) {
			const sent = await say(alice, id, SECRET);
			await alice.ok('typing_start', { conversationId: id }, 'typing_start');
			await bob.ok('mark_read', { conversationId: id, messageId: sent.id }, 'message_read');
			await bob.expect('message_received', (f) => f.payload.message.id === sent.id);
		}
		await sleep(100);
		for (const client of strangers) {
			assert.doesNotMatch(lines(client), new RegExp(SECRET));
			assert.doesNotMatch(lines(client), new RegExp(`${alice.id}|${bob.id}`));
		}
		for (const client of [alice, bob])
			assert.doesNotMatch(lines(client), /intruder/);
	}

	test('gets nowhere by the id of a conversation, in any case of letters', async () => {
		for (const client of [await stranger('mallory'), await guest()]) {
			for (const room of closed.flatMap(forms)) {
				client.send('join', { room });
				assert.deepEqual(await client.expect('error'), { type: 'error', error: 'Access denied to room' });
				client.send('chat', { room, content: 'intruder' });
				client.send('broadcast', { room, data: 'intruder' });
				client.send('leave', { room });
				await client.sync();
			}
			await sleep(100);
			assert.deepEqual(client.kept, []);
			await talk([client]);
			await client.close();
		}
	});

	test('gets nowhere by names that look like an id', async () => {
		const mallory = await stranger('mallory');
		for (const id of [...closed, alice.id, bob.id]) {
			for (const room of [...lookAlikes(id), ...(closed.includes(id) ? [] : forms(id))]) {
				mallory.send('join', { room });
				mallory.send('chat', { room, content: 'intruder' });
				mallory.send('broadcast', { room, data: 'intruder' });
			}
		}
		await mallory.sync();
		await sleep(200);
		mallory.kept = [];
		await talk([mallory]);
		await mallory.close();
	});

	test('gets nowhere as a QryptChat client, by the id or by a name that looks like it', async () => {
		const who = person('mallory');
		const mallory = await Client.signIn(server, who);
		const maker = await Native.connect(server, who, { port: server.native });
		for (const id of closed) {
			const last = await say(alice, id, SECRET);
			for (const conversationId of [...forms(id), ...lookAlikes(id)]) {
				const asks = [
					['join_conversation', {}], ['load_messages', {}], ['typing_start', {}], ['typing_stop', {}],
					['load_more_messages', { beforeMessageId: last.id }], ['mark_read', { messageId: last.id }],
					['send_message', { content: 'intruder' }],
				];
				for (const [type, fields] of asks) {
					const answer = await mallory.request(type, { conversationId, ...fields });
					assert.doesNotMatch(JSON.stringify(answer), new RegExp(SECRET));
					if (forms(id).includes(conversationId) && type !== 'typing_stop')
						assert.equal(answer.type, 'error', `${type} ${conversationId}`);
				}
				maker.send('join', { room: conversationId });
			}
			/* Now rooms of those names are there: a message of another conversation is no key to it. */
			await maker.sync();
			for (const conversationId of lookAlikes(id)) {
				for (const type of ['load_more_messages', 'mark_read']) {
					const answer = await mallory.request(type, { conversationId, beforeMessageId: last.id, messageId: last.id });
					assert.doesNotMatch(JSON.stringify(answer), new RegExp(SECRET));
				}
			}
		}
		mallory.kept = [];
		maker.kept = [];
		await talk([mallory, maker]);
		await mallory.none('user_online', 50, (f) => f.payload.userId === alice.id);
		await mallory.close();
		await maker.close();
	});

	test('who joins a conversation of their own by its id tells no stranger of it', async () => {
		const who = person('carol');
		const carol = await Client.signIn(server, who);
		const made = await alice.ok('create_conversation', { participantIds: [carol.id] }, 'conversation_created');
		const { id } = made.payload.conversation;
		const native = await Native.connect(server, who, { port: server.native });
		const mallory = await stranger('mallory');
		for (const room of lookAlikes(id))
			mallory.send('join', { room });
		await mallory.sync();
		assert.deepEqual((await native.join(id.toUpperCase())).members.map((m) => m.id), [carol.id]);
		await sleep(100);
		mallory.kept = [];
		native.send('chat', { room: id, content: SECRET });
		native.send('broadcast', { room: id, data: SECRET });
		await alice.expect('message_received', (f) => f.payload.message.conversation_id === id);
		await native.close();
		await sleep(100);
		assert.deepEqual(mallory.kept, []);
		await mallory.close();
		await carol.close();
	});
});
