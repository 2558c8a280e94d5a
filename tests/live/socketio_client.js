'use strict';
/*
 * A client of the Socket.IO chat for tests, over the stock socket.io-client: it keeps every event in
 * the order of arrival, [name, payload], and never throws one away. Offsets are checked and cut off.
 */
const assert = require('node:assert/strict');
const { io } = require('socket.io-client');
const { person, sign, token } = require('./tokens.js');

const HEAR_MS = 15000;
const STORED = new Set(['new-message', 'private-message']);

class SocketIo {
	constructor(socket, who) {
		this.socket = socket;
		this.who = who;
		this.kept = [];
		this.waiters = [];
		this.gone = new Promise((resolve) => socket.on('disconnect', resolve));
		socket.onAny((name, ...args) => this.hear(name, args));
	}

	/* Not connected yet: to listen first. options: of io(), and claims instead of who's. */
	static dial(server, who = person('sid'), { port = server.port, claims, ...options } = {}) {
		const auth = { token: claims ? sign({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims }) : token(who) };
		return new SocketIo(io(`http://127.0.0.1:${port}`, { auth, forceNew: true, reconnection: false, ...options }), who);
	}

	/* In, and greeted. */
	static async connect(server, who = person('sid'), options = {}) {
		const client = SocketIo.dial(server, who, options);
		await client.entered();
		client.greeting = await client.expect('connected');
		return client;
	}

	entered() {
		return new Promise((resolve, reject) => {
			this.socket.once('connect', resolve);
			this.socket.once('connect_error', reject);
		});
	}

	hear(name, args) {
		if (STORED.has(name) && this.socket._pid)
			assert.equal(args.pop(), args[0].id, 'the offset is the id');
		const event = [name, ...args];
		const waiter = this.waiters.findIndex((w) => w.fits(event));
		if (waiter < 0)
			this.kept.push(event);
		else
			this.waiters.splice(waiter, 1)[0].resolve(event);
	}

	/* The payload of the next event of this name, which may have come already. */
	expect(name, fits = () => true) {
		const matches = (event) => event[0] === name && fits(event[1]);
		const at = this.kept.findIndex(matches);
		if (at >= 0)
			return Promise.resolve(this.kept.splice(at, 1)[0][1]);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`no ${name}; heard ${JSON.stringify(this.kept)}`)), HEAR_MS);
			this.waiters.push({ fits: matches, resolve: (event) => {
				clearTimeout(timer);
				resolve(event[1]);
			} });
		});
	}

	/* The acknowledgement. */
	ask(event, ...args) {
		return this.socket.timeout(HEAR_MS).emitWithAck(event, ...args);
	}

	/* It must be a success. */
	async ok(event, ...args) {
		const answer = await this.ask(event, ...args);
		assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer)}`);
		return answer;
	}

	/* All that was sent before was answered. */
	async sync() {
		await this.ask('stop-typing', { roomId: 'no such room' });
	}

	async close() {
		if (!this.socket.connected)
			return;
		this.socket.disconnect();
		await this.gone;
	}
}

module.exports = { SocketIo };
