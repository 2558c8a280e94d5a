'use strict';
/*
 * A stock Socket.IO client that sends files as docs/files.md says: pieces ahead of their answers,
 * and after whatever broke on from where the server stands. And a link that can be cut.
 */
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const { io } = require('socket.io-client');
const { sleep } = require('./harness.js');
const { token } = require('./tokens.js');

const ANSWER_MS = 20000;

/* A way to the server that passes bytes on, and cuts all its lines when told to. */
class Link {
	constructor(port) {
		this.to = port;
		this.lines = new Set();
		this.sent = 0;
		this.cuts = 0;
		this.onSent = () => {};
	}

	static async to(port) {
		const link = new Link(port);
		link.server = net.createServer((line) => link.join(line));
		await new Promise((resolve) => link.server.listen(0, '127.0.0.1', resolve));
		link.port = link.server.address().port;
		return link;
	}

	join(line) {
		const far = net.connect(this.to, '127.0.0.1');
		const both = { line, far };
		const end = () => {
			line.destroy();
			far.destroy();
			this.lines.delete(both);
		};
		this.lines.add(both);
		line.on('error', end).on('close', end);
		far.on('error', end).on('close', end);
		far.pipe(line);
		line.on('data', (bytes) => {
			this.sent += bytes.length;
			if (!far.write(bytes)) {
				line.pause();
				far.once('drain', () => line.resume());
			}
			this.onSent();
		});
	}

	cut() {
		this.cuts++;
		for (const { line, far } of this.lines) {
			line.resetAndDestroy();
			far.resetAndDestroy();
		}
	}

	/* Cuts by itself, each time so many more bytes have gone to the server. */
	cutEvery(bytes, times) {
		let next = this.sent + bytes;
		this.onSent = () => {
			if (this.sent < next || this.cuts >= times)
				return;
			next = this.sent + bytes;
			this.cut();
		};
	}

	close() {
		this.cut();
		this.server.close();
	}
}

class Uploader {
	constructor(who, port, options = {}) {
		this.who = who;
		this.heard = [];
		this.connects = 0;
		this.socket = io(`http://127.0.0.1:${port}`, {
			auth: { token: token(who) }, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100,
			randomizationFactor: 0, ...options,
		});
		this.socket.on('connect', () => this.connects++);
		this.socket.onAny((event, value) => this.heard.push({ event, value }));
	}

	static async on(who, port, options) {
		const one = new Uploader(who, port, options);
		await one.connected();
		return one;
	}

	async connected() {
		for (let i = 0; i < 1500 && !this.socket.connected; i++)
			await sleep(10);
		assert.ok(this.socket.connected, 'no connection');
	}

	/* The answer, over as many connections as it takes. */
	async ask(event, value) {
		for (let i = 0; i < 200; i++) {
			await this.connected();
			const answer = await this.askOnce(event, value);
			if (answer && answer.code !== 'busy')
				return answer;
			await sleep(20);
		}
		return assert.fail(`${event} was never answered`);
	}

	/* undefined: the connection went. */
	askOnce(event, value) {
		return new Promise((resolve) => {
			const gone = () => resolve(undefined);
			this.socket.once('disconnect', gone);
			this.socket.timeout(ANSWER_MS).emit(event, value, (error, answer) => {
				this.socket.off('disconnect', gone);
				resolve(error ? undefined : answer);
			});
		});
	}

	async says(event, value) {
		const answer = await this.ask(event, value);
		assert.equal(answer.success, true, `${event}: ${JSON.stringify(answer)}`);
		return answer;
	}

	start(data, rest = {}) {
		return this.says('upload-start', { name: 'data.bin', size: data.length, ...rest });
	}

	/*
	 * Sends the pieces from `offset` on, `ahead` of them without an answer. Returns where it
	 * stands when all were sent, or `until` bytes. this.told: the furthest offset answered.
	 */
	async send(id, data, { offset = 0, chunk = 262144, ahead = 4, until = data.length, base64 = false } = {}) {
		let next = offset;
		const way = [];
		this.told = Math.max(this.told || 0, offset);
		while (next < until || way.length) {
			while (next < until && way.length < ahead && this.socket.connected) {
				const bytes = data.subarray(next, Math.min(next + chunk, data.length));
				const body = { uploadId: id, offset: next, data: base64 ? bytes.toString('base64') : bytes };
				way.push(this.askOnce('upload-chunk', body));
				next += bytes.length;
			}
			const answer = way.length ? await way.shift() : undefined;
			if (answer?.success) {
				this.told = Math.max(this.told, answer.offset);
				continue;
			}
			/* Those behind it are out of place now. */
			await Promise.all(way.splice(0));
			if (answer && !['offset', 'busy', 'rate'].includes(answer.code))
				assert.fail(JSON.stringify(answer));
			next = (await this.says('upload-resume', { uploadId: id })).offset;
			assert.ok(next >= this.told, `${next} is less than was told: ${this.told}`);
			this.told = next;
		}
		return next;
	}

	async upload(data, rest = {}, how = {}) {
		const { uploadId } = await this.start(data, rest);
		await this.send(uploadId, data, how);
		return this.says('upload-complete', { uploadId, sha256: sha256(data) });
	}

	async hears(event, fits = () => true) {
		for (let i = 0; i < 1000; i++) {
			const found = this.heard.find((one) => one.event === event && fits(one.value));
			if (found)
				return found.value;
			await sleep(10);
		}
		return assert.fail(`no ${event}: ${JSON.stringify(this.heard).slice(0, 500)}`);
	}

	close() {
		this.socket.close();
	}
}

/* {status, headers, body} of GET (or another method) in this person's name. */
function fetchFile(port, who, path, { method = 'GET', headers = {} } = {}) {
	const all = who ? { authorization: `Bearer ${token(who)}`, ...headers } : headers;
	return new Promise((resolve, reject) => {
		const request = http.request({ port, host: '127.0.0.1', path, method, headers: all }, (reply) => {
			const parts = [];
			reply.on('data', (part) => parts.push(part));
			reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(parts) }));
			reply.on('error', reject);
		});
		request.on('error', reject);
		request.end();
	});
}

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

module.exports = { Link, Uploader, fetchFile, sha256 };
