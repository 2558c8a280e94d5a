'use strict';
/* wss: the same server under TLS; SIGHUP changes the certificate and drops nobody. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const tls = require('node:tls');
const { Server, sleep } = require('./harness.js');
const { Client, conversation, people, say } = require('./client.js');
const { Raw } = require('./raw.js');
const { OPTION } = require('./options.js');

let dir;
let server;

/* Makes a self-signed certificate with this serial and puts it where the server reads it. */
function certificate(serial) {
	const [key, cert] = ['key', 'cert'].map((name) => path.join(dir, `${name}.new`));
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
		'-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-set_serial', String(serial),
		'-keyout', key, '-out', cert], { stdio: 'ignore' });
	fs.renameSync(key, path.join(dir, 'key.pem'));
	fs.renameSync(cert, path.join(dir, 'cert.pem'));
}

/* The serial that a new handshake sees, as a number. */
function served(options = {}) {
	return new Promise((resolve, reject) => {
		const socket = tls.connect(
			{ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ...options },
			() => {
				resolve({
					serial: parseInt(socket.getPeerCertificate().serialNumber, 16),
					protocol: socket.getProtocol(),
				});
				socket.destroy();
			}
		);
		socket.on('error', reject);
	});
}

async function becomes(serial) {
	for (let tries = 0; tries < 50; tries++) {
		if ((await served()).serial === serial)
			return;
		await sleep(50);
	}
	assert.fail(`no handshake with serial ${serial} within 2.5 s`);
}

before(async () => {
	dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-live-tls-'));
	certificate(1001);
	server = await Server.start({
		tls: true,
		set: {
			[OPTION.tlsCertificate]: path.join(dir, 'cert.pem'),
			[OPTION.tlsKey]: path.join(dir, 'key.pem'),
		},
	});
});
after(async () => {
	await server?.stop();
	fs.rmSync(dir, { recursive: true, force: true });
});

test('two people talk over wss', async () => {
	const [alice, bob] = await people(server, 'alice', 'bob');
	const room = await conversation(alice, bob);
	const message = await say(alice, room, 'x'.repeat(60000));
	const heard = await bob.expect('message_received');
	assert.deepEqual(heard.payload.message, message);
	await alice.close();
	await bob.close();
});

test('byte by byte over TLS', async () => {
	const { encode } = require('./raw.js');
	const raw = await Raw.connect(server);
	await raw.byteByByte(encode(JSON.stringify({ type: 'ping', payload: {}, requestId: 'r', timestamp: 't' })));
	assert.equal((await raw.json()).type, 'pong');
	raw.destroy();
});

test('1.2 and 1.3, nothing older', async () => {
	assert.equal((await served({ minVersion: 'TLSv1.3' })).protocol, 'TLSv1.3');
	assert.equal((await served({ maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
	await assert.rejects(served({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
});

test('plain text on a TLS listener ends that connection only', async () => {
	const raw = await Raw.open({ port: server.port, tls: false });
	raw.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
	await raw.end();
	await served();
});

test('SIGHUP under load: new handshakes see the new certificate, nobody is dropped', async () => {
	const clients = await people(server, 'alice', 'bob', 'carol', 'dave');
	const room = await conversation(...clients);
	let running = true;
	let sent = 0;
	let dropped = 0;
	for (const client of clients)
		client.socket.once('close', () => (dropped += running ? 1 : 0));
	const load = clients.map(async (client, who) => {
		for (let i = 0; running; i++, sent++)
			await say(client, room, `${who}:${i}`);
	});
	for (const serial of [2002, 3003, 4004]) {
		certificate(serial);
		server.child.kill('SIGHUP');
		await becomes(serial);
	}
	running = false;
	await Promise.all(load);
	assert.equal(dropped, 0);
	assert.ok(sent > 0);
	for (const client of clients) {
		for (let i = 0; i < sent; i++)
			await client.expect('message_received');
		await client.close();
	}
});

test('a broken certificate file: the old one stays', async () => {
	const { serial } = await served();
	const file = path.join(dir, 'cert.pem');
	const good = fs.readFileSync(file);
	fs.writeFileSync(file, good.subarray(0, good.length / 2));
	server.child.kill('SIGHUP');
	await sleep(500);
	assert.equal((await served()).serial, serial);
	fs.writeFileSync(file, good);
});
