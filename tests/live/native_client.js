'use strict';
/*
 * A native client for tests, over the npm package ws: it keeps every frame in the order of arrival,
 * parsed where it is JSON, and never throws one away.
 */
const assert = require('node:assert/strict');
const WebSocket = require('ws');
const { Listening } = require('./listening.js');
const { person, token } = require('./tokens.js');

function parse(data, isBinary) {
	const text = data.toString();
	try {
		return { text, isBinary, json: JSON.parse(text) };
	} catch {
		return { text, isBinary, json: undefined };
	}
}

const isOf = (type) => (frame) => !frame.isBinary && frame.json?.type === type;

class Native extends Listening {
	constructor(socket) {
		super(socket, parse);
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
}

module.exports = { Native };
