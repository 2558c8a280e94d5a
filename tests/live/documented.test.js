'use strict';
/*
 * The example configuration as it is shipped, and the tests of the native document that can hold:
 * a client that knows nothing but ws://localhost:3001, sends no token and never waits for a greeting.
 */
const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Server } = require('./harness.js');
const WebSocket = require('ws');

const CONFIG = path.join(__dirname, '../../config/websocket.json');
const PORT = 3001;

const isFree = (port) => new Promise((resolve) => {
	const probe = net.createServer().once('error', () => resolve(false));
	probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
});

class Configured extends Server {
	arguments() {
		return ['serve', '--config', CONFIG, '--data', this.data];
	}
}

/* Open, send objects, wait for a frame: all that the documented client does. */
class Plain {
	constructor() {
		this.frames = [];
		this.socket = new WebSocket(`ws://127.0.0.1:${PORT}`);
		this.socket.on('message', (data) => {
			this.frames.push(JSON.parse(data));
			this.look?.();
		});
		this.opened = new Promise((resolve, reject) => {
			this.socket.on('open', resolve);
			this.socket.on('error', reject);
		});
	}

	send(message) {
		this.socket.send(JSON.stringify(message));
	}

	/* The first frame of this type, heard or to come. */
	heard(type) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`no ${type}: ${JSON.stringify(this.frames)}`)), 5000);
			this.look = () => {
				const frame = this.frames.find((f) => f.type === type);
				if (!frame)
					return;
				clearTimeout(timer);
				resolve(frame);
			};
			this.look();
		});
	}
}

let server;
let skip = false;
before(async () => {
	const ports = JSON.parse(fs.readFileSync(CONFIG)).listen.map((at) => Number(/:(\d+)=/.exec(at)[1]));
	const free = await Promise.all(ports.map(isFree));
	skip = free.every(Boolean) ? false : `somebody else has a port of ${ports}`;
	if (skip)
		return;
	server = new Configured({ data: fs.mkdtempSync(path.join(os.tmpdir(), 'parley-doc-')) });
	server.ownsData = true;
	server.port = PORT;
	await server.launch();
});
after(() => server?.stop());

async function open(t) {
	if (skip) {
		t.skip(skip);
		return null;
	}
	const client = new Plain();
	await client.opened;
	return client;
}

test('connects', async (t) => {
	const client = await open(t);
	if (!client)
		return;
	assert.equal(client.socket.readyState, WebSocket.OPEN);
	client.socket.close();
});

test('joins a room', async (t) => {
	const client = await open(t);
	if (!client)
		return;
	client.send({ type: 'join', room: 'test-room' });
	assert.equal((await client.heard('joined')).roomId, 'test-room');
	client.socket.close();
});

test('sends and hears in a room', async (t) => {
	const [one, two] = [await open(t), await open(t)];
	if (!one || !two)
		return;
	for (const client of [one, two]) {
		client.send({ type: 'join', room: 'test-room' });
		await client.heard('joined');
	}
	one.send({ type: 'chat', room: 'test-room', content: 'Hello World' });
	assert.equal((await two.heard('chat')).content, 'Hello World');
	for (const client of [one, two])
		client.socket.close();
});
