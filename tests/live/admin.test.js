'use strict';
/* The admin key: from the data directory, exchanged while running; stats asked by many at once. */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { ADMIN_KEY, Server, sleep } = require('./harness.js');
const { conversation, people } = require('./client.js');
const { Raw } = require('./raw.js');

const OLD = 'the first key, long enough';
const NEW = 'the second key, long enough';

async function status(server, key, where = '/ready') {
	const answer = await fetch(server.http(where), { headers: { Authorization: `Bearer ${key}` } });
	await answer.text();
	return answer.status;
}

function write(server, key) {
	fs.writeFileSync(path.join(server.data, 'admin.key'), `${key}\n`, { mode: 0o600 });
}

/* A reload has no answer but what it changes, or what it says in the log. */
async function reload(server, isDone) {
	server.child.kill('SIGHUP');
	for (let i = 0; i < 500; i++) {
		if (await isDone())
			return;
		await sleep(10);
	}
	assert.fail(`no effect of SIGHUP\n${server.log}`);
}

test('the key of the data directory, by SIGHUP', async () => {
	const server = await Server.start({ env: { PARLEY_ADMIN_KEY: '' } });
	try {
		for (const key of ['', OLD, NEW, ADMIN_KEY])
			assert.equal(await status(server, key), 401);
		assert.equal((await fetch(server.http('/health'))).status, 200);
		write(server, OLD);
		await reload(server, async () => (await status(server, OLD)) === 200);
		assert.equal(await status(server, NEW), 401);
		write(server, NEW);
		await reload(server, async () => (await status(server, NEW)) === 200);
		write(server, 'too short');
		await reload(server, () => server.log.includes('everything stays as it was'));
		assert.equal(await status(server, NEW), 200);
		assert.equal(await status(server, 'too short'), 401);
		for (const key of [OLD, NEW])
			assert.ok(!server.log.includes(key), 'a key in the log');
	} finally {
		await server.stop();
	}
});

test('stats asked by many, of whom half do not wait', async () => {
	const server = await Server.start({ flags: ['--workers', '4'] });
	try {
		const names = Array.from({ length: 12 }, (_, i) => `user${i}`);
		const clients = await people(server, ...names);
		await conversation(clients[0], clients[1]);
		await conversation(clients[2], clients[3]);
		for (let round = 0; round < 20; round++) {
			const asked = [];
			for (let i = 0; i < 8; i++) {
				asked.push(status(server, ADMIN_KEY, '/ws/stats'));
				const raw = await Raw.open(server);
				raw.write(`GET /ws/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
				raw.destroy();
			}
			for (const code of await Promise.all(asked))
				assert.ok(code === 200 || code === 503, code);
		}
		const headers = { Authorization: `Bearer ${ADMIN_KEY}` };
		const stats = await (await fetch(server.http('/ws/stats'), { headers })).json();
		assert.equal(stats.totalConnections, 12);
		assert.equal(stats.authenticatedConnections, 12);
		assert.equal(stats.roomStats.totalUsers, 12);
		assert.deepEqual([...stats.roomStats.onlineUsers].sort(), clients.map((c) => c.id).sort());
		assert.equal(stats.roomStats.totalRooms, 2);
		assert.equal(stats.truncated, false);
		for (const client of clients)
			await client.close();
	} finally {
		await server.stop();
	}
});
