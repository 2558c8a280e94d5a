'use strict';
/*
 * A native client for tests, over the npm package ws: it keeps every frame in the order of arrival,
 * parsed where it is JSON, and never throws one away.
 */
const assert = require('node:assert/strict');
const WebSocket = require('ws');
const { person, token } = require('./tokens.js');

const HEAR_MS = 15000;

function parse(data, isBinary) {
	const text = data.toString();
	try {
		return { text, isBinary, json: JSON.parse(text) };
	} catch {
		return { text, isBinary, json: undefined };
	}
}

const isOf = (type) => (frame) => !frame.isBinary && frame.json?.type === type;

class Native {
	constructor(socket) {
		this.socket = socket;
		this.kept = [];
		this.waiters = [];
		this.pings = 0;
		this.closed = new Promise((resolve) => {
			socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
		});
		socket.on('ping', () => this.pings++);
		socket.on('message', (data, isBinary) => this.hear(parse(data, isBinary)));
		socket.on('error', () => {});
	}

	/* Resolves at the handshake, before anything was heard. port: another than the server's. */
	static dial(server, { path = '/', port = server.port, ...options } = {}) {
		const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
		const client = new Native(socket);
		return new Promise((resolve, reject) => {
			socket.once('open', () => resolve(client));
			socket.once('error', reject);
		});
	}

	/* Signed in by ?token= as a person, and greeted. */
	static async connect(server, who = person('nora'), options = {}) {
		const client = await Native.dial(server, { path: `/?token=${token(who)}`, ...options });
		client.who = who;
		client.greeting = await client.expect('connected');
		return client;
	}

	static async guest(server, options = {}) {
		const client = await Native.dial(server, options);
		client.greeting = await client.expect('connected');
		return client;
	}

	hear(frame) {
		const at = this.waiters.findIndex((w) => w.wants(frame));
		if (at < 0)
			this.kept.push(frame);
		else
			this.waiters.splice(at, 1)[0].resolve(frame);
	}

	take(wants, what) {
		const at = this.kept.findIndex(wants);
		if (at >= 0)
			return Promise.resolve(this.kept.splice(at, 1)[0]);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(
				() => reject(new Error(`no ${what}; kept: ${JSON.stringify(this.kept)}`)), HEAR_MS);
			const settle = (frame) => {
				clearTimeout(timer);
				resolve(frame);
			};
			this.waiters.push({ wants, resolve: settle });
		});
	}

	/* The earliest frame of this type that nobody took. */
	async expect(type) {
		return (await this.take(isOf(type), type)).json;
	}

	/* The next frame, whatever it is. */
	next() {
		return this.take(() => true, 'frame');
	}

	send(type, fields = {}) {
		this.socket.send(JSON.stringify({ type, ...fields }));
	}

	raw(data, options) {
		this.socket.send(data, options);
	}

	async join(room) {
		this.send('join', { room });
		const joined = await this.expect('joined');
		assert.equal(joined.roomId, room);
		return joined;
	}

	/* A round trip: what the server sent before is here now. */
	sync() {
		this.send('ping');
		return this.expect('pong');
	}

	/* Fails if anything was kept or comes within ms. */
	async nothing(ms = 300) {
		await new Promise((resolve) => setTimeout(resolve, ms));
		assert.deepEqual(this.kept, []);
	}

	close() {
		this.socket.close();
		return this.closed;
	}
}

module.exports = { Native };
