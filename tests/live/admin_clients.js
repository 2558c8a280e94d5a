'use strict';
/*
 * A server with an administrator, and stock clients of it: what socketio_admin.test.js and
 * admin_browser.test.js have in common.
 */
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const { io } = require('socket.io-client');
const { binary, within } = require('./harness.js');
const { Program, workers } = require('./program.js');

const USER = 'operator';
const PASSWORD = crypto.randomBytes(12).toString('base64url');
const WAIT_MS = 10000;

function hash(password) {
	const made = spawnSync(binary(), ['hash'], { input: password, encoding: 'utf8' });
	assert.equal(made.status, 0, made.stderr);
	return made.stdout.trim();
}

const HASH = hash(PASSWORD);

/* options: socketio.* by their last names. */
function start(options = {}, env = {}) {
	const set = { admin_user: USER, admin_password_hash: HASH, ...options };
	const args = Object.entries(set).map(([key, value]) => `socketio.${key}=${value}`);
	return Program.start('sockets', { args: [`${workers()}`, 'limits.enabled=false', ...args], env });
}

/* A client that keeps what it hears, in order: [event, ...arguments]. */
class Client {
	constructor(program, nsp, options) {
		this.socket = io(`http://127.0.0.1:${program.port}${nsp}`, { reconnection: false, forceNew: true, ...options });
		this.kept = [];
		this.wake = () => {};
		this.socket.onAny((...args) => {
			this.kept.push(args);
			this.wake();
		});
		this.gone = new Promise((resolve) => this.socket.on('disconnect', resolve));
	}

	static async connect(program, nsp = '/', options = {}) {
		const client = new Client(program, nsp, options);
		await client.outcome();
		return client;
	}

	outcome() {
		return new Promise((resolve, reject) => {
			this.socket.on('connect', () => {
				this.id = this.socket.id;
				resolve();
			});
			this.socket.on('connect_error', reject);
		});
	}

	/* The first of these events that fits, also of what came before; everything up to it is dropped. */
	async hear(event, fits = () => true) {
		const end = Date.now() + WAIT_MS;
		for (;;) {
			const at = this.kept.findIndex(([name, ...args]) => name === event && fits(...args));
			if (at >= 0)
				return this.kept.splice(0, at + 1).at(-1);
			const left = end - Date.now();
			if (left <= 0)
				assert.fail(`no such ${event} among ${JSON.stringify(this.kept).slice(0, 3000)}`);
			await within(new Promise((resolve) => (this.wake = resolve)), left);
		}
	}

	ask(...args) {
		return this.socket.timeout(WAIT_MS).emitWithAck(...args);
	}

	close() {
		this.socket.disconnect();
	}
}

const login = (program, auth = { username: USER, password: PASSWORD }, options = {}) =>
	Client.connect(program, '/admin', { auth, ...options });

module.exports = { Client, HASH, PASSWORD, USER, login, start };
