'use strict';
/*
 * A WebSocket client that is in charge of every byte: for frames that a library would not send,
 * and for sending good frames in pieces of any size. Understands unfragmented server frames,
 * which is all that a server without compression has a reason to send.
 */
const crypto = require('node:crypto');
const net = require('node:net');
const tls = require('node:tls');

const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/* A client frame. `first` replaces the first byte; `mask: false` leaves the mask out. */
function encode(payload, { op = OP.text, fin = true, first, mask = true } = {}) {
	const body = Buffer.from(payload);
	const head = [first ?? ((fin ? 0x80 : 0) | op)];
	const bit = mask ? 0x80 : 0;
	if (body.length < 126) {
		head.push(bit | body.length);
	} else if (body.length < 65536) {
		head.push(bit | 126, body.length >> 8, body.length & 255);
	} else {
		const size = Buffer.alloc(8);
		size.writeBigUInt64BE(BigInt(body.length));
		head.push(bit | 127, ...size);
	}
	if (!mask)
		return Buffer.concat([Buffer.from(head), body]);
	const key = crypto.randomBytes(4);
	const masked = Buffer.from(body);
	for (let i = 0; i < masked.length; i++)
		masked[i] ^= key[i & 3];
	return Buffer.concat([Buffer.from(head), key, masked]);
}

/* One frame from the start of `at`, or null while it is not whole. */
function decode(at) {
	if (at.length < 2)
		return null;
	let size = at[1] & 127;
	let head = 2;
	if (size === 126) {
		head = 4;
		if (at.length < head)
			return null;
		size = at.readUInt16BE(2);
	} else if (size === 127) {
		head = 10;
		if (at.length < head)
			return null;
		size = Number(at.readBigUInt64BE(2));
	}
	if (at.length < head + size)
		return null;
	const payload = at.subarray(head, head + size);
	return { first: at[0], op: at[0] & 15, masked: at[1] >= 128, payload, used: head + size };
}

const breath = () => new Promise((resolve) => setImmediate(resolve));

class Raw {
	constructor(socket) {
		this.socket = socket;
		this.left = Buffer.alloc(0);
		this.frames = [];
		this.upgraded = false;
		this.answersPings = true;
		this.on_frame = () => {};
		this.closeCode = null;
		this.gone = new Promise((resolve) => {
			socket.on('close', () => resolve({ code: this.closeCode }));
		});
		socket.on('error', () => {});
		socket.on('data', (data) => this.hear(data));
	}

	/* The TCP (or TLS) connection alone. */
	static open(server, options = {}) {
		const where = { host: '127.0.0.1', port: server.port, ...options };
		return new Promise((resolve, reject) => {
			const socket = server.tls
				? tls.connect({ ...where, rejectUnauthorized: false }, () => resolve(new Raw(socket)))
				: net.connect(where, () => resolve(new Raw(socket)));
			socket.once('error', reject);
			socket.setNoDelay(true);
		});
	}

	/* Sends a request head and resolves with the response: {status, head}. */
	request(head) {
		return new Promise((resolve, reject) => {
			this.on_head = resolve;
			this.socket.once('close', () => reject(new Error('closed before an answer')));
			this.socket.write(head);
		});
	}

	static upgradeHead(server, path, headers = {}) {
		const all = {
			Host: `127.0.0.1:${server.port}`,
			Upgrade: 'websocket',
			Connection: 'Upgrade',
			'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
			'Sec-WebSocket-Version': '13',
			...headers,
		};
		const lines = Object.entries(all).map(([key, value]) => `${key}: ${value}\r\n`);
		return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
	}

	static async connect(server, path = '/ws', headers) {
		const raw = await Raw.open(server);
		const answer = await raw.request(Raw.upgradeHead(server, path, headers));
		if (answer.status !== 101)
			throw new Error(`upgrade refused: ${answer.status}`);
		return raw;
	}

	hear(data) {
		this.left = Buffer.concat([this.left, data]);
		if (!this.upgraded && !this.hearHead())
			return;
		for (let frame = decode(this.left); frame; frame = decode(this.left)) {
			this.left = this.left.subarray(frame.used);
			this.take(frame);
		}
	}

	hearHead() {
		const end = this.left.indexOf('\r\n\r\n');
		if (end < 0)
			return false;
		const head = this.left.subarray(0, end).toString('latin1');
		const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
		this.left = this.left.subarray(end + 4);
		this.upgraded = status === 101;
		this.on_head?.({ status, head });
		return this.upgraded;
	}

	take(frame) {
		if (frame.op === OP.ping && this.answersPings)
			this.socket.write(encode(frame.payload, { op: OP.pong }));
		if (frame.op === OP.close) {
			this.closeCode = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
			this.socket.end(encode(frame.payload.subarray(0, 2), { op: OP.close }));
		}
		const kept = { ...frame, text: frame.payload.toString() };
		this.frames.push(kept);
		this.on_frame(kept);
	}

	write(bytes) {
		this.socket.write(bytes);
	}

	text(text) {
		this.write(encode(text));
	}

	async byteByByte(bytes) {
		for (const byte of bytes) {
			this.socket.write(Buffer.from([byte]));
			await breath();
		}
	}

	/* The next frame of this kind, now or within ms. */
	async frame(op, ms = 10000) {
		const until = Date.now() + ms;
		for (;;) {
			const at = this.frames.findIndex((f) => f.op === op);
			if (at >= 0)
				return this.frames.splice(at, 1)[0];
			if (Date.now() > until)
				throw new Error(`no frame with opcode ${op} within ${ms} ms`);
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
	}

	async json(ms) {
		return JSON.parse((await this.frame(OP.text, ms)).text);
	}

	/* Resolves with {code} when the server has ended the connection; rejects after ms. */
	end(ms = 10000) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`still open after ${ms} ms`)), ms);
			this.gone.then((how) => {
				clearTimeout(timer);
				resolve(how);
			});
		});
	}

	destroy() {
		this.socket.destroy();
	}
}

module.exports = { Raw, OP, encode, decode };
