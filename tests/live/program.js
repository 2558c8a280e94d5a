'use strict';
/*
 * Programs that embed the library, as their users see them: those of examples/ and the test server
 * `handlers` (tests/live/servers), built beside the program that PARLEY_BIN names. And a plain client
 * of theirs over ws, which keeps what it hears in order.
 *
 * stop() is a test in itself: exit code 0 after SIGTERM, and no sanitizer spoke.
 */
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const WebSocket = require('ws');
const { binary, freePort, sleep, within } = require('./harness.js');

const START_MS = 30000;
const STOP_MS = 20000;
const REPLY_MS = 10000;
const SANITIZER = /(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:/;

const running = new Set();
process.on('exit', () => {
	for (const child of running)
		child.kill('SIGKILL');
});

/* What `--workers 4 --engine epoll` in PARLEY_FLAGS means to a program that has no flags. */
function flag(name, otherwise) {
	const found = new RegExp(`--${name}[ =](\\S+)`).exec(process.env.PARLEY_FLAGS || '');
	return found ? found[1] : otherwise;
}

/* ... and to one that takes options: any number of connections from here, besides. */
const settings = () => ['limits.enabled=false', `workers=${flag('workers', '1')}`, `engine=${flag('engine', 'auto')}`];

const workers = () => Number(flag('workers', '1'));

function accepts(port) {
	return new Promise((resolve) => {
		const probe = net.connect(port, '127.0.0.1', () => {
			probe.destroy();
			resolve(true);
		});
		probe.on('error', () => resolve(false));
	});
}

class Program {
	/* name: of the executable in build/.../examples. The address comes first, then `args`. */
	static async start(name, { args = [], env = {}, stdin = 'ignore' } = {}) {
		const program = new Program();
		program.port = await freePort();
		program.log = '';
		program.out = '';
		program.stopped = false;
		const file = path.join(path.dirname(binary()), 'examples', name);
		const child = spawn(file, [`127.0.0.1:${program.port}`, ...args], {
			/* Freed memory that a sanitizer keeps is not what the tests of memory measure. */
			env: { ...process.env, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=8`, ...env },
			stdio: [stdin, 'pipe', 'pipe'],
		});
		program.child = child;
		running.add(child);
		child.stderr.on('data', (text) => (program.log += text));
		child.stdout.on('data', (text) => (program.out += text));
		program.ended = new Promise((resolve) => {
			child.on('error', (error) => resolve({ error }));
			child.on('close', (code, signal) => {
				running.delete(child);
				resolve({ code, signal });
			});
		});
		const until = Date.now() + START_MS;
		while (!(await accepts(program.port))) {
			const how = await within(program.ended, 20, null);
			if (how || Date.now() > until) {
				child.kill('SIGKILL');
				throw new Error(`${file}: ${JSON.stringify(how)}\n${program.log}`);
			}
		}
		return program;
	}

	static handlers() {
		return Program.start('handlers', { args: [`${workers()}`, flag('engine', 'auto')] });
	}

	url(where) {
		return `ws://127.0.0.1:${this.port}${where}`;
	}

	async stop() {
		if (this.stopped)
			return;
		this.stopped = true;
		this.child.kill('SIGTERM');
		if ((await within(this.ended, STOP_MS)) === 'late') {
			this.child.kill('SIGKILL');
			assert.fail(`still running ${STOP_MS} ms after SIGTERM\n${this.log}`);
		}
		assert.doesNotMatch(this.log, SANITIZER);
		assert.deepEqual(await this.ended, { code: 0, signal: null }, this.log);
	}
}

/*
 * A plain client. Texts that are JSON are kept parsed, other texts as strings, bytes as Buffers. What
 * the script endpoint tells of those who left is kept apart: the ends of other tests fall into it.
 */
class Plain {
	constructor(socket) {
		this.socket = socket;
		this.kept = [];
		this.left = [];
		this.isStray = () => false; /* what a test does not want to hear */
		this.wake = () => {};
		this.closed = new Promise((resolve) => {
			socket.on('close', (code, reason) => {
				resolve({ code, reason: reason.toString() });
				this.wake();
			});
		});
		socket.on('message', (data, isBinary) => {
			const value = isBinary ? data : Plain.value(data.toString());
			if (!this.isStray(value))
				(value?.left ? this.left : this.kept).push(value);
			this.wake();
		});
		socket.on('error', () => {});
	}

	static value(text) {
		try {
			return JSON.parse(text);
		} catch {
			return text;
		}
	}

	static connect(program, where, { protocols = [], ...options } = {}) {
		const socket = new WebSocket(program.url(where), protocols, {
			perMessageDeflate: false,
			...options,
		});
		const client = new Plain(socket);
		return new Promise((resolve, reject) => {
			socket.once('open', () => resolve(client));
			socket.once('unexpected-response', (request, response) => {
				let body = '';
				response.on('data', (part) => (body += part));
				response.on('end', () => reject(Object.assign(new Error(`refused: ${response.statusCode}`),
					{ status: response.statusCode, body })));
			});
			socket.once('error', reject);
		});
	}

	/* ... and what it is greeted with. */
	static async greeted(program, where, options) {
		const client = await Plain.connect(program, where, options);
		client.greeting = await client.next();
		return client;
	}

	send(value) {
		const isRaw = typeof value === 'string' || Buffer.isBuffer(value);
		this.socket.send(isRaw ? value : JSON.stringify(value));
	}

	/* The next that it hears. */
	async next(ms = REPLY_MS) {
		const until = Date.now() + ms;
		while (!this.kept.length) {
			const left = until - Date.now();
			assert.ok(left > 0, `nothing heard in ${ms} ms`);
			assert.ok(this.socket.readyState < WebSocket.CLOSED, 'closed while waiting');
			await within(new Promise((resolve) => (this.wake = resolve)), Math.min(left, 200));
		}
		return this.kept.shift();
	}

	/* What is told of the end of this connection; without an id: of any. */
	async farewell(id, ms = REPLY_MS) {
		const until = Date.now() + ms;
		for (;;) {
			const told = this.left.find((end) => !id || end.left === id);
			if (told)
				return told;
			assert.ok(Date.now() < until, `not told in ${ms} ms that ${id} left`);
			await sleep(10);
		}
	}

	/* To the script endpoint: what the call returned. */
	async ask(command, more = {}) {
		this.send({ do: command, ...more });
		return this.next();
	}

	/* The server has worked on everything that this client sent. */
	async sync() {
		const answered = new Promise((resolve) => this.socket.once('pong', resolve));
		this.socket.ping();
		assert.notEqual(await within(answered, REPLY_MS), 'late');
	}

	async nothing(ms = 150) {
		await sleep(ms);
		assert.deepEqual(this.kept, []);
	}

	async close(code = 1000, reason = '') {
		this.socket.close(code, reason);
		return this.closed;
	}

	drop() {
		this.socket.terminate();
		return this.closed;
	}
}

/* Opens clients for one test and closes them after it. */
function clients(t, program, where) {
	const all = [];
	t.after(() => all.forEach((client) => client.socket.terminate()));
	return async (path = where, options = {}) => {
		const client = await Plain.greeted(program, path, options);
		all.push(client);
		return client;
	};
}

module.exports = { Program, Plain, clients, workers, settings };
