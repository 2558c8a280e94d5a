'use strict';
/*
 * Clients of Engine.IO and Socket.IO in charge of every packet: a WebSocket whose frames are kept in
 * order, and a session of long-polling request by request.
 */
const assert = require('node:assert/strict');
const http = require('node:http');
const WebSocket = require('ws');
const { within } = require('./harness.js');

const REPLY_MS = 10000;

/* Frames over a WebSocket: texts as strings, bytes as Buffers. */
class Frames {
	constructor(program, query, where = '/socket.io/') {
		this.kept = [];
		this.wake = () => {};
		this.socket = new WebSocket(`${program.url(where)}?${query}`, { perMessageDeflate: false });
		this.socket.on('error', () => {});
		this.socket.on('message', (data, isBinary) => {
			this.kept.push(isBinary ? data : data.toString());
			this.wake();
		});
		this.opened = new Promise((resolve) => this.socket.once('open', resolve));
		this.closed = new Promise((resolve) => this.socket.once('close', (code) => {
			this.wake();
			resolve(code);
		}));
	}

	/* A session of its own: `open` is what the server said first. */
	static async session(program, where) {
		const frames = new Frames(program, 'EIO=4&transport=websocket', where);
		const first = await frames.next();
		assert.equal(first[0], '0');
		frames.open = JSON.parse(first.slice(1));
		return frames;
	}

	/* ... and a socket in the namespace "/"; what it is greeted with is left to be heard. */
	static async socket(program, auth = '') {
		const frames = await Frames.session(program);
		frames.send(`40${auth}`);
		assert.match(await frames.next(), /^40\{"sid":"[^"]+"\}$/);
		return frames;
	}

	send(...all) {
		for (const frame of all)
			this.socket.send(frame);
	}

	/* The next frame; pings are answered, unless they are asked for. */
	async next({ pings = false } = {}) {
		const until = Date.now() + REPLY_MS;
		for (;;) {
			while (!this.kept.length) {
				assert.ok(Date.now() < until, 'nothing heard');
				assert.ok(this.socket.readyState < WebSocket.CLOSED, 'closed while waiting');
				await within(new Promise((resolve) => (this.wake = resolve)), 200);
			}
			const frame = this.kept.shift();
			if (frame !== '2' || pings)
				return frame;
			this.send('3');
		}
	}

	async isClosed() {
		assert.notEqual(await within(this.closed, REPLY_MS), 'late', 'still open');
	}

	drop() {
		this.socket.terminate();
	}
}

/* One request: {status, headers, body}. */
function request(program, path, { method = 'GET', body, headers = {} } = {}) {
	return new Promise((resolve, reject) => {
		const options = { host: '127.0.0.1', port: program.port, path, method, headers, agent: false };
		const asked = http.request(options, (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('end', () => resolve({ status: response.statusCode, headers: response.headers,
				body: Buffer.concat(parts).toString() }));
		});
		asked.on('error', reject);
		asked.setTimeout(REPLY_MS, () => asked.destroy(new Error(`no answer to ${method} ${path}`)));
		asked.end(body);
	});
}

/* A session of long-polling. */
class Polls {
	static async session(program, where = '/socket.io/') {
		const polls = new Polls();
		const opened = await request(program, `${where}?EIO=4&transport=polling`);
		assert.equal(opened.status, 200, opened.body);
		assert.equal(opened.body[0], '0');
		polls.kept = [];
		polls.program = program;
		polls.where = where;
		polls.open = JSON.parse(opened.body.slice(1));
		polls.query = `transport=websocket&EIO=4&sid=${polls.open.sid}`;
		polls.path = `${where}?EIO=4&transport=polling&sid=${polls.open.sid}`;
		return polls;
	}

	get() {
		return request(this.program, this.path);
	}

	/* The next packet, whichever poll brings it; pings are answered. */
	async next() {
		for (;;) {
			while (!this.kept.length) {
				const poll = await this.get();
				assert.equal(poll.status, 200, poll.body);
				this.kept = poll.body.split('\x1e');
			}
			const packet = this.kept.shift();
			if (packet !== '2')
				return packet;
			await this.post('3');
		}
	}

	async post(...packets) {
		return request(this.program, this.path, { method: 'POST', body: packets.join('\x1e') });
	}

	/* Another line that asks to be the session's, as far as it is open. */
	async probe() {
		const frames = new Frames(this.program, this.query, this.where);
		await frames.opened;
		return frames;
	}
}

module.exports = { Frames, Polls, request };
