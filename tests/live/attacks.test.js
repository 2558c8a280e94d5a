'use strict';
/*
 * Hostile connections: whatever somebody does to the sockets, an innocent client beside him is
 * answered within a second, and afterwards the server's memory and descriptors are what they were.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { Server, binary, sleep, within } = require('./harness.js');
const { Client, conversation, people, say } = require('./client.js');
const { Raw, OP, encode } = require('./raw.js');
const { OPTION } = require('./options.js');

const PATIENCE_MS = 1000;
/* A sanitizer keeps what was freed for a while; told to keep little, it still has overhead. */
const GROWTH = (/release/.test(binary()) ? 30 : 90) * 1024 * 1024;
const FRUGAL = { ASAN_OPTIONS: 'quarantine_size_mb=4:malloc_context_size=4' };
const ELSEWHERE = '127.0.0.66';
const MAX_MESSAGE = 65536;

let server;
before(async () => {
	server = await Server.start({
		env: FRUGAL,
		set: { [OPTION.maxMessage]: MAX_MESSAGE, 'limits.header_deadline': '2s' },
	});
	await beside(server, async () => {}); /* what is allocated once is allocated now */
});
after(() => server?.stop());

const descriptors = (of) => fs.readdirSync(`/proc/${of.child.pid}/fd`).length;

/* Polls until it is true; for what the server does soon, but not at once. */
async function soon(what, condition, ms = 8000) {
	for (const until = Date.now() + ms; Date.now() < until; await sleep(50)) {
		if (await condition())
			return;
	}
	assert.fail(`not within ${ms} ms: ${what()}`);
}

/* Runs the attack while an innocent client goes on asking. */
async function beside(of, attack) {
	const innocent = await Client.connect(of);
	await innocent.sync();
	const [rss, fds] = [of.rss(), descriptors(of)];
	let isOver = false;
	let worst = 0;
	const watch = (async () => {
		while (!isOver) {
			const begin = performance.now();
			await innocent.sync();
			worst = Math.max(worst, performance.now() - begin);
			await sleep(10);
		}
	})();
	try {
		await attack(innocent);
	} finally {
		isOver = true;
		await watch;
	}
	assert.ok(worst < PATIENCE_MS, `the innocent waited ${worst.toFixed()} ms`);
	await soon(() => `${descriptors(of)} descriptors, were ${fds}`, () => descriptors(of) <= fds);
	const grown = of.rss() - rss;
	assert.ok(grown < GROWTH, `grown by ${(grown / 1048576).toFixed(1)} MiB`);
	await innocent.close();
}

const dial = (of = server) => Raw.open(of, { localAddress: ELSEWHERE });

async function upgraded(of = server, headers) {
	const raw = await dial(of);
	const { status } = await raw.request(Raw.upgradeHead(of, '/ws', headers));
	assert.equal(status, 101);
	return raw;
}

/* Writes until everything is taken, or the server has had enough. */
function pour(raw, bytes) {
	return new Promise((resolve) => {
		raw.socket.once('close', resolve);
		raw.socket.write(bytes, () => resolve());
	});
}

const times = (n, make) => Promise.all(Array.from({ length: n }, (_, i) => make(i)));

/* Everything that the server says until it closes, as text. */
async function heard(raw, ms = 10000) {
	let text = '';
	raw.socket.on('data', (data) => {
		text += data.toString('latin1');
	});
	await raw.end(ms);
	return text;
}

/* ---- A: frames ---- */

test('a hundred thousand fragments of one byte', () => beside(server, async () => {
	const raw = await upgraded();
	const part = encode('x', { op: OP.continuation, fin: false });
	await pour(raw, Buffer.concat([encode('x', { fin: false }), ...Array(1e5).fill(part)]));
	assert.ok([1008, 1009].includes((await raw.end()).code));
}));

test('fragments without bytes, and pings between them', () => beside(server, async () => {
	const raw = await upgraded();
	const part = Buffer.concat([encode('', { op: OP.continuation, fin: false }), encode('', { op: OP.ping })]);
	await pour(raw, Buffer.concat([encode('', { fin: false }), ...Array(5e4).fill(part)]));
	assert.ok([1008, 1009].includes((await raw.end()).code));
}));

test('many fragments, each below the limit, together above it', () => beside(server, async () => {
	const raw = await upgraded();
	const part = encode('x'.repeat(20000), { op: OP.continuation, fin: false });
	await pour(raw, Buffer.concat([encode('x', { fin: false }), part, part, part, part]));
	assert.equal((await raw.end()).code, 1009);
}));

test('a great length, then silence, two hundred times', () => beside(server, async () => {
	const idle = server.rss();
	const all = await times(200, () => upgraded());
	for (const raw of all)
		raw.write(Buffer.concat([Buffer.from('81ff000000000000ffff', 'hex'), Buffer.alloc(4), Buffer.from('x')]));
	await sleep(500);
	const each = (server.rss() - idle) / 200;
	assert.ok(each < 48 * 1024, `${each.toFixed()} bytes for each announced message`);
	for (const raw of all)
		raw.destroy();
}));

test('a flood of pings from one who reads no pongs', () => beside(server, async () => {
	const raw = await upgraded();
	raw.socket.pause();
	const pings = Buffer.concat(Array(2000).fill(encode('x'.repeat(125), { op: OP.ping })));
	for (let i = 0; i < 40 && !raw.socket.destroyed; i++)
		raw.write(pings);
	await sleep(1500);
	raw.destroy();
}));

test('closing in the middle of everything', () => beside(server, async () => {
	for (let i = 0; i < 300; i++) {
		const raw = await dial();
		const head = Raw.upgradeHead(server, '/ws');
		const all = Buffer.concat([Buffer.from(head), encode('{}'), encode('x', { fin: false })]);
		raw.write(all.subarray(0, 1 + (i * 7) % all.length));
		if (i % 3 === 0)
			raw.socket.resetAndDestroy();
		else if (i % 3 === 1)
			raw.socket.end();
		else
			raw.destroy();
	}
}));

test('extension offers without end', () => beside(server, async () => {
	const offers = [
		Array(300).fill('permessage-deflate').join(', '),
		Array(1000).fill('a;b').join(','),
		`permessage-deflate; ${'x="'.repeat(1500)}`,
		`permessage-deflate${'; server_no_context_takeover'.repeat(200)}`,
	];
	for (const value of offers) {
		const raw = await dial();
		const answer = await raw.request(Raw.upgradeHead(server, '/ws', { 'Sec-WebSocket-Extensions': value }));
		assert.ok([101, 400].includes(answer.status), `${answer.status}`);
		raw.destroy();
	}
}));

test('bytes that are no text in every header', () => beside(server, async () => {
	for (const name of ['Sec-WebSocket-Protocol', 'Origin', 'Cookie', 'Authorization', 'X-Forwarded-For']) {
		const raw = await dial();
		raw.write(Buffer.from(Raw.upgradeHead(server, '/ws', { [name]: '\xff\xfe\x80 \xc3' }), 'latin1'));
		await within(raw.gone, 200);
		raw.destroy();
	}
}));

test('too many headers are refused as a whole', () => beside(server, async () => {
	const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`X-${i}`, 'y']));
	const raw = await dial();
	const { status } = await raw.request(Raw.upgradeHead(server, '/ws', many));
	assert.equal(status, 431);
	await raw.end();
}));

test('a refused upgrade ends the connection, what follows it is not read', () => beside(server, async () => {
	const raw = await dial();
	const text = heard(raw);
	raw.write(Raw.upgradeHead(server, '/ws', { 'Sec-WebSocket-Version': '12' }) +
		'GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
	assert.equal((await text).match(/HTTP\/1\.1 /g).length, 1);
	assert.match(await text, /^HTTP\/1\.1 4\d\d [^]*connection: close/i);
}));

/* ---- B: compression ---- */

const packed = (bytes) => zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);

test('a compression bomb, fifty times', () => beside(server, async () => {
	const bomb = encode(packed(Buffer.alloc(40 * 1024 * 1024)), { first: 0xc1 });
	assert.ok(bomb.length < MAX_MESSAGE, `${bomb.length}`);
	for (let i = 0; i < 50; i++) {
		const raw = await upgraded(server, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
		raw.write(bomb);
		assert.equal((await raw.end()).code, 1009);
	}
}));

test('two hundred connections with compression cost little', () => beside(server, async () => {
	const idle = server.rss();
	const all = await times(200, () => upgraded(server, { 'Sec-WebSocket-Extensions': 'permessage-deflate' }));
	for (const raw of all)
		raw.write(encode(packed(Buffer.from('{}')), { first: 0xc1 }));
	await sleep(300);
	const each = (server.rss() - idle) / 200;
	assert.ok(each < 48 * 1024, `${each.toFixed()} bytes each`);
	for (const raw of all)
		raw.destroy();
}));

/* ---- C: HTTP ---- */

const REFUSED = {
	'a bare LF': 'GET /health HTTP/1.1\nHost: x\n\n',
	'a bare LF in the chunk': 'POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n',
	'TE and CL': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'TE and CL, 1.0': 'POST /health HTTP/1.0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'control bytes before the request': '\x00GET /health HTTP/1.1\r\nHost: x\r\n\r\n',
	'many empty lines': `${'\r\n'.repeat(8)}GET /health HTTP/1.1\r\nHost: x\r\n\r\n`,
	'a length of +5': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n12345',
	'a length of 0x5': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n12345',
	'a length of -1': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
	'two lengths': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
	'a length beyond 64 bits': 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551621\r\n\r\nx',
	'no name': 'GET /health HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n',
	'folded': 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n',
	'two hosts': 'GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
	'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
};

for (const [name, bytes] of Object.entries(REFUSED)) {
	test(`${name}: 400, and nothing behind it is read`, async () => {
		const raw = await dial();
		const text = heard(raw);
		raw.write(Buffer.from(`${bytes}GET /health HTTP/1.1\r\nHost: x\r\n\r\n`, 'latin1'));
		assert.match(await text, /^HTTP\/1\.1 4\d\d /);
		assert.equal((await text).match(/HTTP\/1\.1 /g).length, 1);
	});
}

test('a flood of chunk extensions, of chunks, and of trailers', () => beside(server, async () => {
	const start = 'POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
	const floods = [
		`${start}1;${'x'.repeat(5000)}\r\ny\r\n0\r\n\r\n`,
		start + `1;${'x'.repeat(200)}\r\ny\r\n`.repeat(200),
		start + '1\r\ny\r\n'.repeat(60000),
		`${start}0\r\n${'A: b\r\n'.repeat(2000)}\r\n`,
	];
	for (const flood of floods) {
		const raw = await dial();
		const text = heard(raw);
		await pour(raw, flood);
		assert.match(await text, /^HTTP\/1\.1 4\d\d /, flood.slice(60, 100));
	}
}));

test('two hundred slow heads, and slow bodies', () => beside(server, async () => {
	const all = await times(200, () => dial());
	const begin = Date.now();
	for (const [i, raw] of all.entries())
		raw.write(i % 2 ? 'GET /health HTTP/1.1\r\n' : 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n');
	const drip = setInterval(() => {
		for (const raw of all)
			raw.write('a');
	}, 100);
	await Promise.all(all.map((raw) => raw.end(8000)));
	clearInterval(drip);
	assert.ok(Date.now() - begin < 6000, 'the deadline is the beginning\'s, not the last byte\'s');
}));

test('requests without end from one who reads no answers', () => beside(server, async () => {
	const all = await times(20, () => dial());
	const flood = 'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50000);
	for (const raw of all) {
		raw.socket.pause();
		raw.write(flood);
	}
	await sleep(2000);
	for (const raw of all)
		raw.destroy();
}));

/* ---- G: load ---- */

test('five hundred readers that do not read, in one conversation', () => beside(server, async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	/* All are devices of bob, who is in the conversation. */
	const slow = await times(500, async () => {
		const client = await Client.signIn(server, bob.who, { localAddress: ELSEWHERE });
		client.socket._socket.pause();
		return client;
	});
	const content = 'x'.repeat(20000);
	for (let i = 0; i < 10; i++) {
		const begin = performance.now();
		await say(alice, room, `${i} ${content}`);
		assert.ok(performance.now() - begin < 5000, 'the sender does not wait for the slow');
	}
	for (let i = 0; i < 10; i++)
		assert.match((await bob.expect('message_received')).payload.message.encrypted_content, new RegExp(`^${i} `));
	for (const client of slow)
		client.socket.terminate();
	await alice.close();
	await bob.close();
}));

test('connections beyond the limits, at once and again and again', async (t) => {
	const narrow = await Server.start({
		env: FRUGAL,
		set: {
			[OPTION.limits]: 'true',
			[OPTION.connectionsPerIp]: 10,
			'limits.new_connections_per_second': 50,
			'limits.requests_per_minute': 100000,
			[OPTION.burst]: 1000,
		},
	});
	t.after(() => narrow.stop());
	await beside(narrow, async () => {
		let open = 0;
		const all = await times(400, async () => {
			const raw = await dial(narrow);
			const answer = await raw.request(Raw.upgradeHead(narrow, '/ws')).catch(() => ({ status: 0 }));
			open += answer.status === 101;
			return raw;
		});
		assert.ok(open >= 1 && open <= 10, `${open} were let in`);
		for (const raw of all)
			raw.destroy();
		await sleep(2500); /* the bucket fills */
		const raw = await upgraded(narrow); /* no place has leaked */
		raw.destroy();
	});
});

test('RST storms and half-open sockets', () => beside(server, async () => {
	for (let round = 0; round < 5; round++) {
		const all = await times(100, () => (round % 2 ? upgraded() : dial()));
		for (const raw of all)
			raw.socket.resetAndDestroy();
	}
	const half = await times(50, () => dial());
	for (const raw of half)
		raw.socket.end(); /* never said anything, will not hear anything */
	await Promise.all(half.map((raw) => raw.end(5000)));
}));

test('no descriptors left: it waits, does not spin, and goes on', async (t) => {
	const wrapper = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'parley-live-fd-')), 'parley');
	fs.writeFileSync(wrapper, `#!/bin/bash\nulimit -n 64\nexec "${binary()}" "$@"\n`, { mode: 0o755 });
	const before = process.env.PARLEY_BIN;
	process.env.PARLEY_BIN = wrapper;
	const poor = await Server.start({ flags: ['--workers', '1'] }).finally(() => {
		if (before === undefined)
			delete process.env.PARLEY_BIN;
		else
			process.env.PARLEY_BIN = before;
	});
	t.after(() => poor.stop());
	const ticks = () => {
		const stat = fs.readFileSync(`/proc/${poor.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
		return Number(stat[11]) + Number(stat[12]);
	};
	await beside(poor, async () => {
		const all = await times(120, () => dial(poor)); /* the kernel takes them; nobody accepts */
		const begin = ticks();
		await sleep(1000);
		assert.ok(ticks() - begin < 60, `${ticks() - begin} ticks of a hundred: it spins`);
		for (const raw of all)
			raw.destroy();
		await sleep(500);
		const client = await Client.connect(poor);
		await client.sync();
		await client.close();
	});
});

/* ---- TLS ---- */

test('TLS: plain HTTP, garbage, silence, and floods of renegotiation and key updates', async (t) => {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-live-tls-'));
	const [key, cert] = [path.join(dir, 'key'), path.join(dir, 'cert')];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-days', '2', '-subj', '/CN=127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
	const secure = await Server.start({
		tls: true,
		env: FRUGAL,
		set: { [OPTION.tlsCertificate]: cert, [OPTION.tlsKey]: key, 'limits.header_deadline': '2s' },
	});
	t.after(async () => {
		await secure.stop();
		fs.rmSync(dir, { recursive: true });
	});
	const plain = () => new Promise((resolve) => {
		const socket = net.connect({ host: '127.0.0.1', port: secure.port, localAddress: ELSEWHERE }, () => resolve(new Raw(socket)));
	});
	await t.test('other words than TLS', () => beside(secure, async () => {
		for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', crypto.randomBytes(5000), Buffer.alloc(100000, 0x16)]) {
			const raw = await plain();
			raw.write(bytes);
			await raw.end(3000);
		}
	}));
	await t.test('a handshake that never ends', () => beside(secure, async () => {
		const all = await times(100, plain);
		for (const [i, raw] of all.entries())
			if (i % 2)
				raw.write(Buffer.from('1603010200010001fc0303', 'hex'));
		await Promise.all(all.map((raw) => raw.end(6000)));
	}));
	for (const [version, letter] of [['-tls1_2', 'R'], ['-tls1_3', 'K'], ['-tls1_3', 'k']]) {
		await t.test(`s_client ${version}, "${letter}" a thousand times`, () => beside(secure, async () => {
			const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${secure.port}`, version],
				{ stdio: ['pipe', 'ignore', 'ignore'] });
			child.stdin.on('error', () => {});
			const ended = new Promise((resolve) => {
				child.on('close', resolve);
			});
			await sleep(500);
			for (let i = 0; i < 1000 && child.exitCode === null; i++) {
				child.stdin.write(`${letter}\n`);
				if (i % 50 === 0)
					await sleep(10);
			}
			if ((await within(ended, 5000)) === 'late')
				assert.fail('it may go on for ever');
		}));
	}
});
