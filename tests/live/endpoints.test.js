'use strict';
/* The paths of a server: where a WebSocket may be opened, and what plain HTTP answers. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { ADMIN_KEY, Server } = require('./harness.js');
const { Client, conversation, people } = require('./client.js');
const { Raw } = require('./raw.js');

let server;
let every;
before(async () => {
	server = await Server.start();
	every = await Server.start({ dialect: null });
});
after(async () => {
	await server?.stop();
	await every?.stop();
});

const get = (where, headers = {}, of = server) => fetch(of.http(where), { headers });
const admin = { Authorization: `Bearer ${ADMIN_KEY}` };

async function upgrade(of, where, headers) {
	const raw = await Raw.open(of);
	const answer = await raw.request(Raw.upgradeHead(of, where, headers));
	raw.destroy();
	return answer;
}

test('the upgrade is answered as RFC 6455 demands', async () => {
	const key = 'dGhlIHNhbXBsZSBub25jZQ==';
	const { status, head } = await upgrade(server, '/ws', { 'Sec-WebSocket-Key': key });
	assert.equal(status, 101);
	assert.match(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=(\r\n|$)/i);
	assert.match(head, /\r\nUpgrade: websocket(\r\n|$)/i);
	assert.match(head, /\r\nConnection: upgrade(\r\n|$)/i);
});

test('a listener of this dialect: / and /ws', async () => {
	for (const path of ['/', '/ws', '/ws?x=1']) {
		const client = await Client.connect(server, { path });
		await client.sync();
		await client.close();
	}
});

test('the default listener: /ws', async () => {
	const client = await Client.connect(every, { path: '/ws' });
	await client.sync();
	await client.close();
});

test('upgrades elsewhere', async () => {
	for (const where of ['/nowhere', '/wsx', '/ws/../etc/passwd', '/%00'])
		assert.ok([400, 404].includes((await upgrade(every, where)).status), where);
	assert.equal((await upgrade(every, '/nowhere')).status, 404);
});

test('upgrades that are none', async () => {
	const bad = {
		'another version': { 'Sec-WebSocket-Version': '12' },
		'a short key': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
		'no key': { 'Sec-WebSocket-Key': '' },
	};
	for (const [name, headers] of Object.entries(bad)) {
		const { status } = await upgrade(server, '/ws', headers);
		assert.ok([400, 426].includes(status), `${name}: ${status}`);
	}
});

test('a page of another origin does not get in by its cookie', async () => {
	const { status } = await upgrade(server, '/ws', {
		Origin: 'https://evil.example',
		Cookie: 'sb-access-token=x',
	});
	assert.equal(status, 403);
	const own = await upgrade(server, '/ws', { Origin: server.http('') });
	assert.equal(own.status, 101);
});

test('unknown paths', async () => {
	for (const where of ['/nowhere', '/ws/nowhere', '/.git/config'])
		assert.equal((await get(where)).status, 404, where);
});

test('/ws without an upgrade', async () => {
	assert.ok([400, 426].includes((await get('/ws')).status));
});

test('/health is open', async () => {
	const answer = await get('/health');
	assert.equal(answer.status, 200);
	assert.ok((await answer.text()).length > 0);
	assert.equal((await get('/health', {}, every)).status, 200);
});

for (const where of ['/metrics', '/ws/stats']) {
	test(`${where} needs the admin key`, async () => {
		const wrong = ['', 'Bearer', 'Bearer x', `Bearer ${ADMIN_KEY}x`, `Bearer ${ADMIN_KEY.slice(1)}`, `Basic ${ADMIN_KEY}`];
		for (const Authorization of wrong) {
			const answer = await get(where, Authorization ? { Authorization } : {});
			assert.equal(answer.status, 401, Authorization);
			assert.ok(!(await answer.text()).includes('onlineUsers'));
		}
		assert.equal((await get(where, admin)).status, 200);
	});
}

test('/ready', async () => {
	assert.equal((await get('/ready', admin)).status, 200);
});

test('/metrics is Prometheus text and counts', async () => {
	const client = await Client.connect(server);
	const text = await (await get('/metrics', admin)).text();
	await client.close();
	const lines = text.trimEnd().split('\n');
	assert.ok(lines.length > 0);
	for (const line of lines)
		assert.match(line, /^(# (HELP|TYPE) [a-zA-Z_:][\w:]* .*|[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+0-9.eE]+(Inf)?|[a-zA-Z_:][\w:]*(\{[^}]*\})? NaN)$/);
	assert.match(text, /^# TYPE /m);
});

test('/ws/stats is the documented shape', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	await conversation(alice, bob);
	const silent = await Client.connect(server);
	const stats = await (await get('/ws/stats', admin)).json();
	assert.equal(typeof stats.totalConnections, 'number');
	assert.equal(stats.totalConnections - stats.authenticatedConnections, 1);
	assert.ok(stats.authenticatedConnections >= 2);
	const { totalConnections, totalRooms, totalUsers, onlineUsers } = stats.roomStats;
	assert.ok(totalConnections >= 2 && totalRooms >= 1 && totalUsers >= 2);
	for (const client of [alice, bob])
		assert.ok(onlineUsers.includes(client.id));
	for (const client of [alice, bob, silent])
		await client.close();
});

const HEADS = {
	'bare LF': 'GET /health HTTP/1.1\nHost: x\n\n',
	'no Host': 'GET /health HTTP/1.1\r\n\r\n',
	'two Hosts': 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
	'space before the colon': 'GET /health HTTP/1.1\r\nHost : x\r\n\r\n',
	'folded header': 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n',
	'length and chunked': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'two lengths': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
	'negative length': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
	garbage: '\u0016\u0003\u0001\u0000\u0000\r\n\r\n',
	'HTTP/3.0': 'GET /health HTTP/3.0\r\nHost: x\r\n\r\n',
};

for (const [name, head] of Object.entries(HEADS)) {
	test(`a request head that is none: ${name}`, async () => {
		const raw = await Raw.open(server);
		const answer = await raw.request(head).catch(() => ({ status: 'closed' }));
		assert.ok([400, 501, 505, 'closed'].includes(answer.status), `${answer.status}`);
		raw.destroy();
		assert.equal((await get('/health')).status, 200);
	});
}

test('a head without an end', async () => {
	const raw = await Raw.open(server);
	const answer = await raw
		.request(`GET /health HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(100000)}`)
		.catch(() => ({ status: 'closed' }));
	assert.ok([400, 431, 'closed'].includes(answer.status), `${answer.status}`);
	raw.destroy();
});
