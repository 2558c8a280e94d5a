'use strict';
/*
 * One `parley serve` as its users see it: started on a free port with a data directory of its
 * own, ended by a signal. Nothing here knows the server's code.
 *
 *   PARLEY_BIN    the program (default: build/dev/parley)
 *   PARLEY_FLAGS  more flags for every server, e.g. "--engine epoll --workers 4"
 *
 * stop() is a test in itself: the exit code is 0, no sanitizer spoke, and no client of this
 * server ever received a frame outside the envelope.
 */
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { DEFAULTS } = require('./options.js');
const { SECRET } = require('./tokens.js');

const ADMIN_KEY = crypto.randomBytes(32).toString('hex');
const START_MS = 30000;
const STOP_MS = 20000;
const KEPT_LOG = 256 * 1024;
const SANITIZER = /(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:/;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* The promise's value, or `late` when it is not settled within ms. Leaves no timer behind. */
function within(promise, ms, late = 'late') {
	let timer;
	const alarm = new Promise((resolve) => {
		timer = setTimeout(() => resolve(late), ms);
	});
	return Promise.race([promise, alarm]).finally(() => clearTimeout(timer));
}

function binary() {
	return path.resolve(process.env.PARLEY_BIN || path.join(__dirname, '../../build/dev/parley'));
}

/* Bound and released: the caller binds it again at once. */
function freePort() {
	return new Promise((resolve, reject) => {
		const probe = net.createServer();
		probe.on('error', reject);
		probe.listen(0, '127.0.0.1', () => {
			const { port } = probe.address();
			probe.close(() => resolve(port));
		});
	});
}

/* Only what the server needs: a developer's own JWT or Supabase variables must not leak in. */
function environment(extra) {
	const env = { JWT_SECRET: SECRET, PARLEY_ADMIN_KEY: ADMIN_KEY };
	for (const [key, value] of Object.entries(process.env)) {
		if (/^(PATH|HOME|TMPDIR|LANG|LD_LIBRARY_PATH|[A-Z]+SAN_OPTIONS)$/.test(key))
			env[key] = value;
	}
	return { ...env, ...extra };
}

/* No server outlives the test process, however that one ends. */
const running = new Set();
process.on('exit', () => {
	for (const child of running)
		child.kill('SIGKILL');
});

class Server {
	constructor({ set = {}, flags = [], env = {}, data, dialect = 'qrypt', tls = false } = {}) {
		this.options = { ...DEFAULTS, ...set };
		this.flags = flags;
		this.env = env;
		this.ownsData = !data;
		this.data = data || fs.mkdtempSync(path.join(os.tmpdir(), 'parley-live-'));
		this.dialect = dialect;
		this.tls = tls;
		this.faults = [];
		this.port = 0;
		this.log = '';
	}

	static async start(options) {
		const server = new Server(options);
		await server.launch();
		return server;
	}

	arguments() {
		const args = ['serve', '--data', this.data];
		const dialect = this.dialect ? `=${this.dialect}` : '';
		args.push('--listen', `${this.tls ? 'tls:' : ''}127.0.0.1:${this.port}${dialect}`);
		for (const [key, value] of Object.entries(this.options))
			args.push('--set', `${key}=${value}`);
		const more = (process.env.PARLEY_FLAGS || '').split(/\s+/).filter(Boolean);
		return [...args, ...this.flags, ...more];
	}

	/* Starts the process and waits for `ready`. Also used to start it again after an end. */
	async launch() {
		if (!this.port)
			this.port = await freePort();
		this.sanitizer = false;
		this.exited = null;
		const child = spawn(binary(), this.arguments(), {
			env: environment(this.env),
			stdio: ['ignore', 'ignore', 'pipe'],
		});
		this.child = child;
		running.add(child);
		this.ended = new Promise((resolve) => {
			child.on('error', (error) => resolve((this.exited = { error })));
			child.on('close', (code, signal) => {
				running.delete(child);
				resolve((this.exited = { code, signal }));
			});
		});
		const ready = this.listen(child);
		const first = await within(Promise.race([ready, this.ended]), START_MS);
		if (first !== 'ready') {
			child.kill('SIGKILL');
			const why = first === 'late' ? `not ready in ${START_MS} ms` : JSON.stringify(first);
			throw new Error(`${binary()} ${this.arguments().join(' ')}: ${why}\n${this.log}`);
		}
	}

	listen(child) {
		return new Promise((resolve) => {
			let seen = '';
			child.stderr.setEncoding('utf8');
			child.stderr.on('data', (text) => {
				this.log = (this.log + text).slice(-KEPT_LOG);
				if (SANITIZER.test(text))
					this.sanitizer = true;
				if (seen === null)
					return;
				seen += text;
				if (/^.*\bready\b.*$/m.test(seen)) {
					seen = null;
					resolve('ready');
				}
			});
		});
	}

	url(where = '/ws', port = this.port) {
		return `${this.tls ? 'wss' : 'ws'}://127.0.0.1:${port}${where}`;
	}

	http(where) {
		return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}${where}`;
	}

	rss() {
		const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
		return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
	}

	/* kill -9: nothing is asserted, nothing is removed. */
	async kill() {
		this.child.kill('SIGKILL');
		await this.ended;
	}

	/* SIGTERM, and what must be true afterwards. */
	async end() {
		if (!this.exited)
			this.child.kill('SIGTERM');
		if ((await within(this.ended, STOP_MS)) === 'late') {
			this.child.kill('SIGKILL');
			assert.fail(`still running ${STOP_MS} ms after SIGTERM\n${this.log}`);
		}
		assert.ok(!this.sanitizer, `sanitizer report:\n${this.log}`);
		assert.deepEqual(this.exited, { code: 0, signal: null }, `exit\n${this.log}`);
		assert.deepEqual(this.faults, [], 'frames outside the envelope');
	}

	/* Safe to call twice. */
	async stop() {
		if (this.stopped)
			return;
		this.stopped = true;
		try {
			await this.end();
		} finally {
			if (this.ownsData)
				fs.rmSync(this.data, { recursive: true, force: true });
		}
	}
}

module.exports = { Server, ADMIN_KEY, binary, freePort, sleep, within };
