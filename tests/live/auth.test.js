'use strict';
/*
 * Who you are comes only from a verified token, by four ways in; a refusal is told twice (the
 * correlated error and an uncorrelated auth_error) and leaves the socket open; a sign-in ends
 * with its token.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, sleep, within } = require('./harness.js');
const { Client, UUID, conversation, people, say } = require('./client.js');
const { SECRET, claims, person, sign, token } = require('./tokens.js');
const { OPTION } = require('./options.js');

let server;
before(async () => {
	server = await Server.start();
});
after(() => server?.stop());

const CONVERSATION_REQUESTS = [
	['load_conversations', {}],
	['join_conversation', { conversationId: 'x' }],
	['leave_conversation', { conversationId: 'x' }],
	['create_conversation', { participantIds: ['x'] }],
];
const MESSAGE_REQUESTS = [
	['send_message', { conversationId: 'x', content: 'y' }],
	['load_messages', { conversationId: 'x' }],
	['load_more_messages', { conversationId: 'x', beforeMessageId: 'y' }],
	['typing_start', { conversationId: 'x' }],
	['typing_stop', { conversationId: 'x' }],
];

/* The refusal, its uncorrelated twin, and a socket that still answers. */
async function refused(client, payload, code, text) {
	const error = await client.fails('auth', payload, code, text);
	const twin = await client.expect('auth_error');
	assert.notEqual(twin.requestId, error.requestId);
	await client.sync();
	await client.fails('load_conversations', {}, 'AUTH_REQUIRED', 'Authentication required');
}

const invalid = (client, text) =>
	refused(client, { token: text }, 'INVALID_TOKEN', 'Invalid or expired token');

test('the server does not greet', async () => {
	const client = await Client.connect(server);
	await sleep(200);
	assert.deepEqual(client.kept, []);
	await client.close();
});

test('auth frame: the user of the token', async () => {
	const who = person('alice');
	const client = await Client.signIn(server, who);
	assert.match(client.user.id, UUID);
	assert.equal(client.user.auth_user_id, who.sub);
	assert.equal(client.user.email, who.email);
	assert.equal(client.user.username, who.username);
	assert.equal(client.user.display_name, who.name);
	assert.ok('phone' in client.user);
	await client.close();
});

test('the same subject is the same user on every connection', async () => {
	const who = person('alice');
	const first = await Client.signIn(server, who);
	const second = await Client.signIn(server, who);
	assert.equal(first.id, second.id);
	await first.close();
	await second.close();
});

const WAYS = {
	'Authorization header': (t) => ({ headers: { Authorization: `Bearer ${t}` } }),
	'header, scheme in any case': (t) => ({ headers: { Authorization: `bEaReR ${t}` } }),
	'header, spaces around': (t) => ({ headers: { Authorization: `Bearer   ${t}  ` } }),
	'query ?token=': (t) => ({ path: `/ws?token=${t}` }),
	'cookie sb-access-token': (t) => ({ headers: { Cookie: `a=b; sb-access-token=${t}; c=d` } }),
	'cookie, URL-encoded': (t) => ({
		headers: { Cookie: `sb-access-token=${t.replaceAll('.', '%2E')}` },
	}),
};

for (const [way, options] of Object.entries(WAYS)) {
	test(`signed in at the handshake: ${way}`, async () => {
		const client = await Client.connect(server, options(token(person('alice'))));
		await client.ok('load_conversations', {}, 'conversations_loaded');
		await client.fails('send_message', {}, 'MISSING_REQUIRED_FIELDS', 'Conversation ID and content are required');
		assert.deepEqual(client.kept, [], 'no frame announces the success');
		await client.close();
	});

	test(`refused at the handshake, open and silent: ${way}`, async () => {
		const bad = token(person('alice'), { secret: 'x'.repeat(48) });
		const client = await Client.connect(server, options(bad));
		await client.fails('load_conversations', {}, 'AUTH_REQUIRED', 'Authentication required');
		assert.deepEqual(client.kept, [], 'no frame announces the failure');
		await client.auth(person('alice'));
		await client.close();
	});
}

test('the header goes before the query, the query before the cookie', async () => {
	const [first, second, third] = [person('first'), person('second'), person('third')];
	const ids = {};
	for (const who of [first, second, third])
		ids[who.username] = (await Client.signIn(server, who)).id;
	const cookie = { Cookie: `sb-access-token=${token(third)}` };
	const path = `/ws?token=${token(second)}`;
	const headers = { ...cookie, Authorization: `Bearer ${token(first)}` };
	for (const [expected, options] of [[first, { path, headers }], [second, { path, headers: cookie }]]) {
		const client = await Client.connect(server, options);
		const made = await client.ok(
			'create_conversation',
			{ participantIds: [ids[third.username]] },
			'conversation_created'
		);
		assert.equal(made.payload.conversation.created_by, ids[expected.username]);
	}
});

test('no token', async () => {
	const client = await Client.connect(server);
	for (const payload of [{}, { token: '' }, { token: null }])
		await refused(client, payload, 'MISSING_TOKEN', 'Authentication token is required');
	await client.close();
});

/* Names the case in the failure. */
async function named(name, run) {
	try {
		await run();
	} catch (error) {
		error.message = `${name}: ${error.message}`;
		throw error;
	}
}

test('tokens that nobody issued', async () => {
	const who = person('mallory');
	const good = token(who);
	const [head, body, mac] = good.split('.');
	const other = sign({ ...claims(who), sub: person('x').sub }).split('.')[1];
	const client = await Client.connect(server);
	const bad = {
		garbage: 'not a token',
		'two parts': `${head}.${body}`,
		'four parts': `${good}.x`,
		'five parts': `${good}.x.y`,
		'no signature': `${head}.${body}.`,
		'another body': `${head}.${other}.${mac}`,
		'another secret': token(who, { secret: 'y'.repeat(64) }),
		'empty secret': token(who, { secret: '' }),
		'alg none': token(who, { alg: 'none' }),
		'alg none, signed': `${sign(claims(who), { alg: 'none' })}${mac}`,
		'alg that was not configured': token(who, { header: { alg: 'RS256' } }),
		'alg in another case': token(who, { header: { alg: 'hs256' } }),
		crit: token(who, { header: { crit: ['exp'] } }),
		'no exp': sign({ ...claims(who), exp: undefined }),
		'exp as text': sign({ ...claims(who), exp: String(claims(who).exp) }),
		'nobody': sign({ ...claims(who), sub: undefined, username: undefined }),
		'not before tomorrow': sign({ ...claims(who), nbf: claims(who).exp + 86400 }),
		expired: token(who, { ttl: -3600 }),
		'over 8 KiB': sign({ ...claims(who), pad: 'x'.repeat(9000) }),
	};
	for (const [name, text] of Object.entries(bad))
		await named(name, () => invalid(client, text));
	await client.auth(who);
	await client.close();
});

test('a key inside the token is not a key', async () => {
	const secret = 'z'.repeat(48);
	const k = Buffer.from(secret).toString('base64url');
	const header = { jwk: { kty: 'oct', k }, jku: 'http://127.0.0.1:1/', kid: '../../etc/passwd' };
	const client = await Client.connect(server);
	await invalid(client, token(person('mallory'), { secret, header }));
	await client.close();
});

test('a duplicated claim is refused', async () => {
	const who = person('mallory');
	const now = claims(who);
	const text = `{"sub":"${who.sub}","sub":"${person('x').sub}","exp":${now.exp}}`;
	const head = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(text).toString('base64url')}`;
	const mac = crypto.createHmac('sha256', SECRET).update(head).digest('base64url');
	const client = await Client.connect(server);
	await invalid(client, `${head}.${mac}`);
	await client.close();
});

test('without a sign-in only ping is answered', async () => {
	const client = await Client.connect(server);
	for (const [type, payload] of CONVERSATION_REQUESTS)
		await client.fails(type, payload, 'AUTH_REQUIRED', 'Authentication required');
	for (const [type, payload] of MESSAGE_REQUESTS)
		await client.fails(type, payload, 'UNAUTHORIZED', 'Authentication required');
	for (const type of ['create_group', 'join_group', 'load_groups', 'mark_read']) {
		const { payload } = await client.request(type, { name: 'x', inviteCode: 'ABCDEF01' });
		assert.ok(['AUTH_REQUIRED', 'UNAUTHORIZED'].includes(payload.code), type);
		assert.equal(payload.error, 'Authentication required');
	}
	const pong = await client.ok('ping', {}, 'pong');
	assert.deepEqual(pong.payload, {});
	await client.close();
});

test('a failed sign-in does not end the one before', async () => {
	const client = await Client.signIn(server, person('alice'));
	await client.fails('auth', { token: 'x' }, 'INVALID_TOKEN', 'Invalid or expired token');
	const { type } = await client.request('load_conversations');
	assert.equal(type, 'conversations_loaded');
	await client.close();
});

test('signing in again as the same user keeps the rooms', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	await alice.auth(alice.who);
	await say(bob, room, 'still here?');
	await alice.expect('message_received');
	await alice.close();
	await bob.close();
});

test('signing in as another user leaves nothing of the first', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const mallory = person('mallory');
	const reply = await alice.request('auth', { token: token(mallory) }).catch(() => null);
	if (!reply || reply.type === 'error') {
		await alice.closed;
	} else {
		await say(bob, room, 'secret');
		await alice.none('message_received', 400);
		await alice.fails('join_conversation', { conversationId: room }, 'ACCESS_DENIED', 'Access denied to conversation');
		await alice.close();
	}
	await bob.close();
});

test('an unknown user is refused when provisioning is off', async (t) => {
	const strict = await Server.start({ set: { [OPTION.authProvision]: 'false' } });
	t.after(() => strict.stop());
	const client = await Client.connect(strict);
	await refused(client, { token: token(person('alice')) }, 'USER_NOT_FOUND', 'User profile not found');
	await client.close();
});

test('a token that ends: warning, then the end', async (t) => {
	const short = await Server.start({ set: { [OPTION.authWarning]: '3s' } });
	t.after(() => short.stop());
	const client = await Client.signIn(short, person('alice'), { ttl: 5 });
	const renewed = await Client.signIn(short, person('bob'), { ttl: 5 });
	const started = Date.now();
	renewed.id = null;
	await sleep(3000);
	const warning = client.kept.find((f) => /expir/i.test(JSON.stringify(f)));
	assert.ok(warning, `a warning before the end; heard ${JSON.stringify(client.kept)}`);
	await renewed.ok('auth', { token: token({ ...person('x'), sub: renewed.user.auth_user_id }) }, 'auth_success');
	await client.closed;
	const took = Date.now() - started;
	assert.ok(took > 3500 && took < 10500, `closed after ${took} ms of a 5 s token`);
	await sleep(1000);
	await renewed.ok('load_conversations', {}, 'conversations_loaded');
	await renewed.close();
});

test('who does not sign in in time is let go', async (t) => {
	const strict = await Server.start({ set: { [OPTION.authDeadline]: '1s' } });
	t.after(() => strict.stop());
	const silent = await Client.connect(strict);
	const signed = await Client.signIn(strict, person('alice'));
	assert.notEqual(await within(silent.closed, 6000), 'late');
	await signed.sync();
	await signed.close();
});

test('tokens never reach the log', async () => {
	const quiet = await Server.start({ flags: ['--log', 'debug'] });
	const text = token(person('alice'));
	const byQuery = await Client.connect(quiet, { path: `/ws?token=${text}` });
	const byFrame = await Client.connect(quiet);
	await byFrame.ok('auth', { token: text }, 'auth_success');
	await byQuery.sync();
	await byQuery.close();
	await byFrame.close();
	await quiet.stop();
	const [, body, mac] = text.split('.');
	assert.ok(!quiet.log.includes(body) && !quiet.log.includes(mac));
});
