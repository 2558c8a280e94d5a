'use strict';
/*
 * What the clients over the npm package ws have in common: every frame is kept in the order of
 * arrival until somebody takes it, pings are counted, and `closed` resolves with code and reason.
 */
const assert = require('node:assert/strict');
const { sleep } = require('./harness.js');

const HEAR_MS = 15000;

class Listening {
	/* parse: (data, isBinary) to what is kept. */
	constructor(socket, parse) {
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

	hear(frame) {
		const at = this.waiters.findIndex((w) => w.wants(frame));
		if (at < 0)
			this.kept.push(frame);
		else
			this.waiters.splice(at, 1)[0].resolve(frame);
	}

	/* The earliest that `wants` says yes to, now or later. */
	take(wants, what) {
		const at = this.kept.findIndex(wants);
		if (at >= 0)
			return Promise.resolve(this.kept.splice(at, 1)[0]);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(
				() => reject(new Error(`no ${what}; kept: ${JSON.stringify(this.kept)}`)), HEAR_MS);
			const settle = (by) => (value) => {
				clearTimeout(timer);
				by(value);
			};
			this.waiters.push({ wants, resolve: settle(resolve), reject: settle(reject) });
		});
	}

	/* Fails if anything was kept or comes within ms. */
	async nothing(ms = 300) {
		await sleep(ms);
		assert.deepEqual(this.kept, []);
	}

	close() {
		this.socket.close();
		return this.closed;
	}
}

module.exports = { Listening };
