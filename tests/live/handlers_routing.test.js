'use strict';
/*
 * Which endpoint of an embedding program gets a connection, what it is told of the request, and how
 * strangers are refused: paths, patterns, prefix, sub-protocols, compression, authentication.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { Program, Plain, clients } = require('./program.js');
const { Raw, OP } = require('./raw.js');
const { sleep } = require('./harness.js');

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let server;
before(async () => (server = await Program.handlers()));
after(() => server.stop());

const status = (where, options) =>
	Plain.connect(server, where, options).then(
		(client) => client.drop().then(() => 101),
		(error) => error.status
	);

test('each pattern takes its paths, and the first endpoint that fits wins', async () => {
	const taken = {
		'/api/exact': '/exact',
		'/api/one/a': '/one/*',
		'/api/one/a.b-c': '/one/*',
		'/api/deep': '/deep/**',
		'/api/deep/a': '/deep/**',
		'/api/deep/a/b/c': '/deep/**',
		'/api/q1x': '/q?x',
		'/api/item/42': '/item/{id}',
		'/api/first/a': '/first/*',
		'/api/first/a/b': '/first/**',
	};
	for (const [path, endpoint] of Object.entries(taken)) {
		const client = await Plain.greeted(server, path);
		assert.equal(client.greeting.endpoint, endpoint, path);
		assert.equal(client.greeting.path, path);
		await client.close();
	}
});

test('what fits no pattern is refused with 404, under the prefix and outside', async () => {
	const refused = ['/api/nothing', '/api', '/api/', '/api/exact/', '/api/exact/more', '/api/one', '/api/one/a/b',
		'/api/qx', '/api/q12x', '/api/item', '/api/item/', '/api/item/1/2', '/exact', '/apis/exact', '/', '/API/exact'];
	for (const path of refused)
		assert.equal(await status(path), 404, path);
});

test('the query does not count for the path, and is told decoded', async () => {
	const client = await Plain.greeted(server, '/api/item/a%2Fb%20c?token=x%26y+z&token=second', {
		headers: { 'User-Agent': 'plain/1' },
	});
	const { conn, ...rest } = client.greeting;
	assert.match(conn, UUID4);
	assert.deepEqual(rest, {
		endpoint: '/item/{id}',
		path: '/api/item/a%2Fb%20c',
		id: 'a/b c',
		token: 'x&y z',
		agent: 'plain/1',
		addr: '127.0.0.1',
		subprotocol: null,
		server: true,
	});
	await client.close();
});

test('the request is there in on_connect, and later only where it is kept', async () => {
	const brief = await Plain.greeted(server, '/api/exact?token=1');
	brief.send('later');
	assert.deepEqual(await brief.next(), { request: null });
	const kept = await Plain.greeted(server, '/api/kept?token=1');
	kept.send('later');
	assert.deepEqual(await kept.next(), kept.greeting);
	await brief.close();
	await kept.close();
});

test('ids of connections differ', async () => {
	const ids = new Set();
	for (let i = 0; i < 20; i++) {
		const client = await Plain.greeted(server, '/api/exact');
		ids.add(client.greeting.conn);
		await client.close();
	}
	assert.equal(ids.size, 20);
});

test('the first of the client\'s sub-protocols that the endpoint speaks is taken', async () => {
	const asked = [
		[['v1.chat', 'v2.chat'], 'v1.chat'],
		[['v2.chat', 'v1.chat'], 'v2.chat'],
		[['v9.chat', 'v2.chat'], 'v2.chat'],
	];
	for (const [protocols, chosen] of asked) {
		const client = await Plain.greeted(server, '/api/sub', { protocols });
		assert.equal(client.socket.protocol, chosen);
		assert.equal(client.greeting.subprotocol, chosen);
		await client.close();
	}
});

test('with none in common the handshake names none, and the connection stands', async () => {
	for (const path of ['/api/sub', '/api/exact']) {
		const raw = await Raw.open(server);
		const answer = await raw.request(Raw.upgradeHead(server, path, { 'Sec-WebSocket-Protocol': 'v9.chat' }));
		assert.equal(answer.status, 101);
		assert.doesNotMatch(answer.head, /sec-websocket-protocol/i);
		assert.equal((await raw.json()).subprotocol, null);
		raw.destroy();
	}
	/* A strict client ends it by itself. */
	await assert.rejects(Plain.connect(server, '/api/sub', { protocols: ['v9.chat'] }), /subprotocol/i);
});

test('compression: only where it is offered and on, and only above the threshold', async () => {
	const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
	const text = 'x'.repeat(1000);
	const cases = [
		['/api/packed', offer, true],
		['/api/packed', {}, false],
		['/api/script', offer, false],
	];
	for (const [path, headers, packs] of cases) {
		const raw = await Raw.open(server);
		/* Who was here before may leave only now. */
		const heard = async () => {
			const frame = await raw.frame(OP.text);
			return frame.text.startsWith('{"left"') ? heard() : frame;
		};
		const answer = await raw.request(Raw.upgradeHead(server, path, headers));
		assert.equal(/permessage-deflate/.test(answer.head), packs, path);
		await heard();
		raw.text(JSON.stringify({ do: 'send', text }));
		const long = await heard();
		assert.equal((long.first & 0x40) !== 0, packs, `${path}: long`);
		assert.equal(long.payload.length < 100, packs);
		const short = await heard();
		assert.equal(short.first & 0x40, 0, `${path}: short`);
		raw.destroy();
	}
});

test('compressed messages arrive as they were, both ways', async () => {
	const client = await Plain.greeted(server, '/api/packed', { perMessageDeflate: { threshold: 0 } });
	const text = JSON.stringify({ any: 'Grüße '.repeat(5000) });
	client.send({ do: 'send', text });
	assert.deepEqual(await client.next(), JSON.parse(text));
	assert.deepEqual(await client.next(), { did: 'send', err: 0 });
	await client.close();
});

test('a message over the limit closes with 1009; the usual limit is 1 MiB', async () => {
	const small = await Plain.greeted(server, '/api/small');
	small.send('x'.repeat(1000));
	assert.equal((await small.next()).bytes, 1000);
	small.send('x'.repeat(1001));
	assert.equal((await small.closed).code, 1009);
	const usual = await Plain.greeted(server, '/api/script');
	usual.send('x'.repeat(1 << 20));
	assert.equal((await usual.next()).bytes, 1 << 20);
	usual.send('x'.repeat((1 << 20) + 1));
	assert.equal((await usual.closed).code, 1009);
});

/* ---- authentication ---- */

for (const gate of ['now', 'later']) {
	test(`accepted ${gate}: the connection knows as whom`, async () => {
		const client = await Plain.greeted(server, `/api/gate/${gate}?as=alice`);
		assert.equal(client.greeting.type, 'authenticated');
		assert.equal(client.greeting.user, 'alice');
		client.send('hello');
		assert.equal((await client.next()).user, 'alice');
		await client.close();
	});

	test(`refused ${gate} with a close code: upgraded, then closed with code and reason`, async () => {
		const refusals = [[4001, 'No token provided'], [4002, 'Invalid token'], [1008, 'no'], [4999, '']];
		for (const [code, reason] of refusals) {
			const where = `/api/gate/${gate}?as=reject&code=${code}&reason=${encodeURIComponent(reason)}`;
			const client = await Plain.connect(server, where);
			assert.deepEqual(await client.closed, { code, reason });
			assert.deepEqual(client.kept, []);
		}
	});

	test(`refused ${gate} over HTTP: the code and its text, no upgrade`, async () => {
		for (const [code, reason] of [[401, 'Who are you?'], [403, 'Not you'], [503, 'Later']]) {
			const where = `/api/gate/${gate}?as=reject&code=${code}&reason=${encodeURIComponent(reason)}`;
			const error = await Plain.connect(server, where).catch((e) => e);
			assert.equal(error.status, code);
			assert.match(error.body, new RegExp(reason.replace('?', '\\?')));
		}
	});

	test(`refused ${gate} with a code that is none counts as 500`, async () => {
		for (const code of [0, 200, 302, 1000, 1006, 3000, 65535])
			assert.equal(await status(`/api/gate/${gate}?as=reject&code=${code}`), 500, `${code}`);
	});
}

test('frames that come before the answer wait for it', async () => {
	const raw = await Raw.open(server);
	const head = Raw.upgradeHead(server, '/api/gate/later?as=early');
	const { encode } = require('./raw.js');
	const answer = raw.request(Buffer.concat([Buffer.from(head), encode('first'), encode('second')]));
	assert.equal((await answer).status, 101);
	assert.equal((await raw.json()).user, 'early');
	assert.equal((await raw.json()).heard, 'first');
	assert.equal((await raw.json()).heard, 'second');
	raw.destroy();
});

test('nobody answers: 503 when the time is over, and the late answer does no harm', async () => {
	const began = Date.now();
	assert.equal(await status('/api/gate/never'), 503);
	assert.ok(Date.now() - began >= 250, `${Date.now() - began} ms`);
});

test('who leaves before the answer leaves nothing behind', async () => {
	for (let i = 0; i < 20; i++) {
		const raw = await Raw.open(server);
		raw.write(Raw.upgradeHead(server, `/api/gate/later?as=gone${i}`));
		await sleep(i % 4);
		raw.destroy();
	}
	const watcher = await Plain.greeted(server, '/api/gate/now?as=watcher');
	let auths;
	for (let tries = 0; tries < 100 && auths !== 1; tries++) {
		await sleep(50);
		watcher.send('count');
		({ auths } = await watcher.next());
	}
	assert.equal(auths, 1, 'what was given to parley_accept is freed once each');
	await watcher.close();
});
