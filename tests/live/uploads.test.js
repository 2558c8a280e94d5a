'use strict';
/*
 * Files of stock Socket.IO clients: sent in pieces over links that break and servers that are
 * killed, byte for byte what was sent; announced to everybody who may have them, in every dialect,
 * and given to nobody else.
 */
const { test, before, after, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Server, sleep } = require('./harness.js');
const { Client } = require('./client.js');
const { person, token } = require('./tokens.js');
const { Link, Uploader, fetchFile, sha256 } = require('./upload_client.js');

const MB = 1 << 20;
const WAYS = { websocket: ['websocket'], polling: ['polling'], default: ['polling', 'websocket'] };
const FAST = { 'socketio.ping_interval': '2s', 'socketio.ping_timeout': '2s' };

let server;
before(async () => {
	server = await Server.start({ dialect: '', flags: ['--workers', '4'] });
});
after(() => server?.stop());

let open = [];
afterEach(() => {
	for (const one of open.splice(0))
		one.close();
});

async function come(name, port = server.port, options) {
	const one = await Uploader.on(person(name), port, options);
	open.push(one);
	return one;
}

async function joined(name, room, port, options) {
	const one = await come(name, port, options);
	await one.says('join-room', room);
	return one;
}

const roomName = () => `room ${crypto.randomBytes(6).toString('hex')}`;

for (const [name, transports] of Object.entries(WAYS))
	test(`a file arrives, by ${name}`, async () => {
		const room = roomName();
		const alice = await joined('alice', room, server.port, { transports });
		const bob = await joined('bob', room, server.port, { transports });
		const data = crypto.randomBytes(700000);
		const begun = await alice.start(data, { roomId: room, name: '../été.png', type: 'image/png' });
		assert.equal(begun.offset, 0);
		assert.equal(begun.size, data.length);
		assert.match(begun.uploadId, /^[0-9a-f]{32}$/);
		await alice.send(begun.uploadId, data, { chunk: begun.chunkSize });
		const done = await alice.says('upload-complete', { uploadId: begun.uploadId });
		const file = {
			id: done.fileId, url: `/files/${done.fileId}`, name: 'été.png', size: data.length,
			type: 'image/png', sha256: sha256(data),
		};
		assert.deepEqual(done, {
			success: true, uploadId: begun.uploadId, offset: data.length, size: data.length, complete: true,
			fileId: file.id, url: file.url, messageId: done.messageId, name: file.name, type: file.type,
			sha256: file.sha256,
		});
		for (const one of [alice, bob]) {
			const said = await one.hears('new-message', (m) => m.id === done.messageId);
			assert.deepEqual(said.file, file);
			assert.equal(said.type, 'file');
			assert.equal(said.content, `été.png ${file.url}`);
			const got = await fetchFile(server.port, one.who, said.file.url);
			assert.equal(got.status, 200);
			assert.ok(got.body.equals(data));
			assert.equal(got.headers['content-disposition'],
				"attachment; filename=\"_t_.png\"; filename*=UTF-8''%C3%A9t%C3%A9.png");
		}
		/* Who comes later finds it in the history. */
		const carol = await come('carol');
		const { recentMessages } = await carol.says('join-room', room);
		assert.deepEqual(recentMessages.at(-1).file, file);
	});

test('the program of docs/files.md, over a link that is cut', async () => {
	const page = fs.readFileSync(path.join(__dirname, '../../docs/files.md'), 'utf8');
	const upload = new Function(`${/```js\n([^]*?)```/.exec(page)[1]}\nreturn upload;`)();
	const link = await Link.to(server.port);
	open.push(link);
	const room = roomName();
	const alice = await joined('alice', room, link.port);
	const data = crypto.randomBytes(8 * MB);
	const file = Object.assign(new Blob([data]), { name: 'b.bin' });
	link.cutEvery(2 * MB, 3);
	const done = await upload(alice.socket, room, file);
	assert.equal(link.cuts, 3);
	assert.ok((await fetchFile(server.port, alice.who, done.url)).body.equals(data));
});

test('base64 and checksums of pieces', async () => {
	const room = roomName();
	const alice = await joined('alice', room);
	const data = crypto.randomBytes(500000);
	const done = await alice.upload(data, { roomId: room, sha256: sha256(data) }, { base64: true, chunk: 100000 });
	assert.ok((await fetchFile(server.port, alice.who, done.url)).body.equals(data));
	const { uploadId } = await alice.start(data, { roomId: room });
	const piece = data.subarray(0, 1000);
	const wrong = await alice.ask('upload-chunk', { uploadId, offset: 0, data: piece, sha256: sha256(data) });
	assert.deepEqual([wrong.code, wrong.offset], ['checksum', 0]);
	const right = await alice.ask('upload-chunk', { uploadId, offset: 0, data: piece, sha256: sha256(piece) });
	assert.equal(right.offset, 1000);
	for (const bad of [{ uploadId }, { uploadId, offset: 0 }, { uploadId, offset: -1, data: piece },
		{ uploadId, offset: 1.5, data: piece }, { uploadId, offset: '0', data: piece }, { uploadId, offset: 0, data: 7 },
		{ uploadId, offset: 0, data: '*' }, { uploadId: 7, offset: 0, data: piece }, null, [], 'x', undefined])
		assert.ok((await alice.ask('upload-chunk', bad)).error, JSON.stringify(bad));
	assert.equal((await alice.says('upload-resume', { uploadId })).offset, 1000);
});

test('a file for one person is a private message, also to a client of another dialect', async () => {
	const alice = await come('alice');
	const bob = await come('bob');
	const who = person('dora');
	const dora = await Client.signIn(server, who);
	open.push(dora);
	const data = crypto.randomBytes(1000);
	const toBob = await alice.upload(data, { targetUserId: bob.who.sub, name: 'a.txt', type: 'text/plain' });
	const said = await bob.hears('private-message', (m) => m.id === toBob.messageId);
	assert.equal(said.file.url, toBob.url);
	assert.ok((await fetchFile(server.port, bob.who, toBob.url)).body.equals(data));
	assert.equal((await fetchFile(server.port, who, toBob.url)).status, 404);
	/* The upload began the conversation; QryptChat's clients come into it by themselves. */
	const begun = await alice.start(data, { targetUserId: who.sub, name: 'b.txt', type: 'text/plain' });
	const { payload: { conversation } } = await dora.expect('conversation_created');
	await dora.ok('join_conversation', { conversationId: conversation.id }, 'conversation_joined');
	await alice.send(begun.uploadId, data);
	const toDora = await alice.says('upload-complete', { uploadId: begun.uploadId });
	const { payload: { message } } = await dora.expect('message_received');
	assert.equal(message.message_type, 'file');
	assert.equal(message.metadata.file.url, toDora.url);
	assert.equal(message.encrypted_content, `b.txt ${toDora.url}`);
	assert.ok((await fetchFile(server.port, who, toDora.url)).body.equals(data));
	assert.equal((await fetchFile(server.port, bob.who, toDora.url)).status, 404);
});

test('who may not have it gets nothing', async () => {
	const room = roomName();
	const alice = await joined('alice', room);
	const eve = await come('eve');
	const data = crypto.randomBytes(1000);
	assert.equal((await eve.ask('upload-start', { roomId: room, name: 'x', size: 1 })).code, 'denied');
	assert.equal((await eve.ask('upload-start', { targetUserId: 'nobody', name: 'x', size: 1 })).code, 'no-user');
	assert.equal((await eve.ask('upload-start', { name: 'x', size: 1 })).code, 'invalid');
	const { uploadId } = await alice.start(data, { roomId: room });
	for (const event of ['upload-chunk', 'upload-resume', 'upload-complete', 'upload-abort'])
		assert.equal((await eve.ask(event, { uploadId, offset: 0, data })).code, 'unknown', event);
	await alice.send(uploadId, data);
	assert.equal((await fetchFile(server.port, alice.who, `/files/${uploadId}`)).status, 404); /* not complete */
	const { url } = await alice.says('upload-complete', { uploadId });
	assert.equal((await fetchFile(server.port, null, url)).status, 401);
	assert.equal((await fetchFile(server.port, null, `${url}?token=${token(alice.who)}`)).status, 200);
	assert.equal((await fetchFile(server.port, null, `${url}?token=x`)).status, 401);
	/* A direct conversation is nobody else's. */
	const bob = await come('bob');
	const { url: secret } = await alice.upload(data, { targetUserId: bob.who.sub });
	assert.equal((await fetchFile(server.port, eve.who, secret)).status, 404);
});

test('nothing that was sent runs in a browser', async () => {
	const room = roomName();
	const alice = await joined('alice', room);
	const page = Buffer.from('<script>alert(1)</script>');
	for (const type of ['text/html', 'image/svg+xml', 'text/html; charset=utf-7', 'application/javascript', 'x']) {
		const { url } = await alice.upload(page, { roomId: room, name: 'a"\r\nX-Evil: 1\r\n.html', type });
		const { status, headers } = await fetchFile(server.port, alice.who, url, { headers: { accept: 'text/html' } });
		assert.equal(status, 200);
		assert.equal(headers['content-type'], 'application/octet-stream');
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'");
		assert.match(headers['content-disposition'], /^attachment; filename="a___X-Evil_ 1__\.html"/);
		assert.equal(headers['x-evil'], undefined);
	}
});

test('parts of a file', async () => {
	const room = roomName();
	const alice = await joined('alice', room);
	const data = crypto.randomBytes(3 * MB);
	const { url } = await alice.upload(data, { roomId: room });
	const get = (range, more = {}) => fetchFile(server.port, alice.who, url, { headers: { range, ...more } });
	const half = await get('bytes=1000000-1999999');
	assert.equal(half.status, 206);
	assert.equal(half.headers['content-range'], `bytes 1000000-1999999/${data.length}`);
	assert.ok(half.body.equals(data.subarray(1000000, 2000000)));
	assert.ok((await get('bytes=-5')).body.equals(data.subarray(-5)));
	assert.equal((await get(`bytes=${data.length}-`)).status, 416);
	assert.equal((await get('bytes=0-1,5-6')).status, 200);
	const head = await fetchFile(server.port, alice.who, url, { method: 'HEAD' });
	assert.equal(head.headers['content-length'], String(data.length));
	assert.equal((await get('bytes=0-0', { 'if-none-match': head.headers.etag })).status, 304);
	assert.equal((await fetchFile(server.port, alice.who, url, { method: 'POST' })).status, 405);
});

test('50 MB over a link that is cut 20 times', { timeout: 300000 }, async () => {
	for (const transports of [WAYS.websocket, WAYS.default]) {
		const link = await Link.to(server.port);
		open.push(link);
		const room = roomName();
		const alice = await joined('alice', room, link.port, { transports });
		const data = crypto.randomBytes(50 * MB);
		link.cutEvery(2 * MB, 20);
		const done = await alice.upload(data, { roomId: room }, { ahead: 6 });
		assert.equal(link.cuts, 20);
		assert.ok(alice.connects >= 15, `${alice.connects} connections`);
		assert.equal(done.sha256, sha256(data));
		const got = await fetchFile(server.port, alice.who, done.url);
		assert.ok(got.body.equals(data));
	}
});

test('a server that is killed in the middle, ten times', { timeout: 300000 }, async (t) => {
	const own = await Server.start({ dialect: '', set: FAST, flags: ['--workers', '2'] });
	t.after(() => own.stop());
	const room = roomName();
	const alice = await joined('alice', room, own.port, { transports: ['websocket'] });
	const data = crypto.randomBytes(20 * MB);
	const { uploadId } = await alice.start(data, { roomId: room });
	const sending = alice.send(uploadId, data, { ahead: 8 });
	let killed = 0;
	for (let i = 0; i < 10; i++) {
		const mark = ((i + 1) * data.length) / 12;
		while ((alice.told || 0) < mark)
			await sleep(1);
		await own.kill();
		killed++;
		await own.launch();
	}
	await sending;
	assert.equal(killed, 10);
	const done = await alice.says('upload-complete', { uploadId, sha256: sha256(data) });
	assert.ok((await fetchFile(own.port, alice.who, done.url)).body.equals(data));
	/* Killed after that: the answer again, and the same file. */
	await own.kill();
	await own.launch();
	const again = await alice.says('upload-complete', { uploadId });
	assert.equal(again.messageId, done.messageId);
	assert.ok((await fetchFile(own.port, alice.who, done.url)).body.equals(data));
	assert.deepEqual(fs.readdirSync(path.join(own.data, 'files')), [done.fileId]);
});

test('killed while it completes: the file is there once, or to be completed', { timeout: 120000 }, async (t) => {
	const own = await Server.start({ dialect: '', set: FAST });
	t.after(() => own.stop());
	const room = roomName();
	const alice = await joined('alice', room, own.port, { transports: ['websocket'] });
	const data = crypto.randomBytes(3 * MB);
	for (let i = 0; i < 8; i++) {
		const { uploadId } = await alice.start(data, { roomId: room, name: `n${i}` });
		await alice.send(uploadId, data);
		const ending = alice.askOnce('upload-complete', { uploadId });
		await sleep(i * 3);
		await own.kill();
		await ending;
		await own.launch();
		const done = await alice.says('upload-complete', { uploadId, sha256: sha256(data) });
		assert.ok((await fetchFile(own.port, alice.who, done.url)).body.equals(data));
	}
	const { recentMessages } = await alice.says('join-room', room);
	assert.deepEqual(recentMessages.map((m) => m.file.name), [...Array(8).keys()].map((i) => `n${i}`));
});

test('large pieces are not requests that are counted, small ones are', async (t) => {
	const own = await Server.start({ dialect: '', set: { 'limits.enabled': 'true' } });
	t.after(() => own.stop());
	const room = roomName();
	const alice = await joined('alice', room, own.port, { transports: ['websocket'] });
	const data = crypto.randomBytes(100 * MB); /* 400 pieces */
	const { uploadId } = await alice.start(data, { roomId: room });
	const codes = new Set();
	const askOnce = alice.askOnce.bind(alice);
	alice.askOnce = async (...all) => {
		const answer = await askOnce(...all);
		codes.add(answer?.code);
		return answer;
	};
	await alice.send(uploadId, data);
	assert.deepEqual([...codes], [undefined]);
	const small = await Promise.all([...Array(400)].map(() => askOnce('upload-chunk', { uploadId, offset: 0, data: Buffer.alloc(1) })));
	assert.ok(small.some((answer) => answer.code === 'rate' && answer.retryAfterMs > 0));
});

test('limits', async (t) => {
	const own = await Server.start({
		dialect: '',
		set: {
			'files.max_size': '1MiB', 'files.chunk': '64KiB', 'files.types': 'image/*,text/plain', 'files.quota': '1300KiB',
			'files.unfinished': '3',
		},
	});
	t.after(() => own.stop());
	const room = roomName();
	const alice = await joined('alice', room, own.port);
	const data = crypto.randomBytes(MB);
	const begin = (size, rest = { type: 'image/png' }) => alice.ask('upload-start', { roomId: room, name: 'x', size, ...rest });
	assert.equal((await begin(MB + 1)).code, 'too-large');
	assert.equal((await begin(1, { type: 'video/mp4' })).code, 'type');
	assert.equal((await begin(1, {})).code, 'type');
	const begun = await begin(MB);
	assert.equal(begun.chunkSize, 65536);
	const { uploadId } = begun;
	const big = await alice.ask('upload-chunk', { uploadId, offset: 0, data: data.subarray(0, 65537) });
	assert.equal(big.code, 'chunk');
	assert.equal((await begin(300 * 1024)).code, 'quota');
	await begin(1);
	await begin(1);
	assert.equal((await begin(1)).code, 'too-many');
	await alice.send(uploadId, data, { chunk: 65536 });
	const over = await alice.ask('upload-chunk', { uploadId, offset: MB, data: data.subarray(0, 1) });
	assert.deepEqual([over.code, over.offset], ['too-large', MB]);
	await alice.says('upload-complete', { uploadId });
	assert.equal((await begin(300 * 1024)).code, 'quota');
});

test('unfinished uploads expire, and a restart removes what is nobody\'s', async (t) => {
	const own = await Server.start({ dialect: '', set: { 'files.expiry': '1m' } });
	t.after(() => own.stop());
	const files = path.join(own.data, 'files');
	const room = roomName();
	const alice = await joined('alice', room, own.port);
	const data = crypto.randomBytes(1000);
	const { uploadId } = await alice.start(data, { roomId: room });
	await alice.send(uploadId, data);
	const stray = 'ab'.repeat(16);
	fs.writeFileSync(path.join(files, `${stray}.part`), 'x');
	fs.writeFileSync(path.join(files, stray), 'x');
	assert.deepEqual(fs.readdirSync(files).sort(), [`${uploadId}.part`, stray, `${stray}.part`].sort());
	await own.end();
	await own.launch();
	for (let i = 0; i < 500 && fs.readdirSync(files).length > 2; i++)
		await sleep(10);
	assert.deepEqual(fs.readdirSync(files).sort(), [`${uploadId}.part`, stray].sort());
	await alice.says('upload-complete', { uploadId });
});
