'use strict';
/*
 * A QryptChat client for tests, over the npm package ws. It checks the envelope of every frame
 * that it hears, keeps what nobody has asked for yet, and never throws frames away:
 *
 *   request  a frame out, its correlated reply back       expect  the earliest kept frame of a type
 *   ok       ... which must be of the given type          none    nothing of a type within ms
 *   fails    ... which must be that error
 */
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const WebSocket = require('ws');
const { person, token } = require('./tokens.js');

const REPLY_MS = 15000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const isObject = (x) => typeof x === 'object' && x !== null && !Array.isArray(x);
const isTime = (x) => typeof x === 'string' && x !== '' && !Number.isNaN(Date.parse(x));

/* What the parser of the oldest client demands of each frame. Returns the complaint or null. */
function envelopeFault(frame) {
	if (!isObject(frame))
		return 'not an object';
	if (typeof frame.type !== 'string' || !frame.type)
		return 'type';
	if (!isObject(frame.payload))
		return 'payload';
	if (typeof frame.requestId !== 'string' || !frame.requestId)
		return 'requestId';
	return isTime(frame.timestamp) ? null : 'timestamp';
}

class Client {
	constructor(server, socket) {
		this.server = server;
		this.socket = socket;
		this.kept = [];
		this.waiters = [];
		this.replies = new Map();
		this.user = null;
		this.closed = new Promise((resolve) => {
			socket.on('close', (code, reason) => {
				resolve({ code, reason: reason.toString() });
				this.giveUp(code);
			});
		});
		socket.on('message', (data, isBinary) => this.hear(data, isBinary));
	}

	/* Connects; does not sign in. */
	static connect(server, { path = '/ws', port = server.port, headers = {}, ...rest } = {}) {
		const socket = new WebSocket(server.url(path, port), {
			headers,
			perMessageDeflate: false,
			rejectUnauthorized: false,
			...rest,
		});
		const client = new Client(server, socket);
		return new Promise((resolve, reject) => {
			socket.once('open', () => resolve(client));
			socket.once('error', reject);
			socket.on('error', () => {});
		});
	}

	/* Connects and signs in by the auth frame. */
	static async signIn(server, who, { ttl, ...options } = {}) {
		const client = await Client.connect(server, options);
		await client.auth(who, { ttl });
		return client;
	}

	async auth(who, options = {}) {
		const reply = await this.ok('auth', { token: token(who, options) }, 'auth_success');
		this.user = reply.payload.user;
		this.id = this.user.id;
		return reply;
	}

	hear(data, isBinary) {
		let frame = null;
		try {
			frame = JSON.parse(data.toString());
		} catch {
			/* judged below: null is not an envelope */
		}
		const fault = isBinary ? 'binary frame' : envelopeFault(frame);
		if (fault) {
			this.server.faults.push(`${fault}: ${data.toString().slice(0, 500)}`);
			return;
		}
		const reply = this.replies.get(frame.requestId);
		if (reply) {
			this.replies.delete(frame.requestId);
			reply.resolve(frame);
			return;
		}
		const at = this.waiters.findIndex((w) => w.wants(frame));
		if (at < 0)
			this.kept.push(frame);
		else
			this.waiters.splice(at, 1)[0].resolve(frame);
	}

	giveUp(code) {
		const error = new Error(`connection closed (${code})`);
		for (const waiter of [...this.replies.values(), ...this.waiters])
			waiter.reject(error);
		this.replies.clear();
		this.waiters = [];
	}

	sendText(text) {
		this.socket.send(text);
	}

	send(type, payload = {}, extra = {}) {
		const frame = {
			type,
			payload,
			requestId: crypto.randomUUID(),
			timestamp: new Date().toISOString(),
			...extra,
		};
		this.sendText(JSON.stringify(frame));
		return frame.requestId;
	}

	/* Waits for the frame that carries this requestId. */
	reply(requestId, ms = REPLY_MS) {
		return this.wait(`a reply to ${requestId}`, ms, (waiter) => {
			this.replies.set(requestId, waiter);
			return () => this.replies.delete(requestId);
		});
	}

	request(type, payload = {}, { requestId = crypto.randomUUID(), ms } = {}) {
		const answer = this.reply(requestId, ms);
		this.send(type, payload, { requestId });
		return answer;
	}

	async ok(type, payload, replyType, options) {
		const frame = await this.request(type, payload, options);
		assert.equal(frame.type, replyType, `${type}: ${JSON.stringify(frame)}`);
		return frame;
	}

	async fails(type, payload, code, text, options) {
		const frame = await this.request(type, payload, options);
		assert.equal(frame.type, 'error', `${type}: ${JSON.stringify(frame)}`);
		assert.deepEqual(
			{ error: frame.payload.error, code: frame.payload.code },
			{ error: text, code },
			`${type} ${JSON.stringify(payload)}`
		);
		assert.equal(frame.payload.requestId, frame.requestId);
		return frame;
	}

	/* The earliest frame of this type (and predicate) that nobody took yet. */
	expect(type, predicate = () => true, ms = REPLY_MS) {
		const wants = (frame) => frame.type === type && predicate(frame);
		const at = this.kept.findIndex(wants);
		if (at >= 0)
			return Promise.resolve(this.kept.splice(at, 1)[0]);
		return this.wait(type, ms, (waiter) => {
			const entry = { ...waiter, wants };
			this.waiters.push(entry);
			return () => this.waiters.splice(this.waiters.indexOf(entry), 1);
		});
	}

	/* Fails if such a frame was kept or comes within ms. */
	async none(type, ms = 300, predicate = () => true) {
		const wants = (frame) => frame.type === type && predicate(frame);
		await new Promise((resolve) => setTimeout(resolve, ms));
		const heard = this.kept.filter(wants);
		assert.deepEqual(heard, [], `${type} was not for this client`);
	}

	wait(what, ms, enter) {
		return new Promise((resolve, reject) => {
			if (this.socket.readyState >= WebSocket.CLOSING) {
				reject(new Error(`waiting for ${what} on a closed connection`));
				return;
			}
			let leave;
			const timer = setTimeout(() => {
				leave();
				reject(new Error(`no ${what} within ${ms} ms; kept: ${JSON.stringify(this.kept)}`));
			}, ms);
			const settle = (act) => (value) => {
				clearTimeout(timer);
				act(value);
			};
			leave = enter({ resolve: settle(resolve), reject: settle(reject) });
		});
	}

	/* A round trip: everything that the server sent this client before is here now. */
	sync() {
		return this.ok('ping', {}, 'pong');
	}

	async close(code = 1000) {
		this.socket.close(code);
		return this.closed;
	}

	drop() {
		this.socket.terminate();
		return this.closed;
	}
}

/* `count` people, each signed in on one connection: [{who, client}...] flattened to clients. */
async function people(server, ...names) {
	const clients = [];
	for (const name of names) {
		const who = person(name);
		const client = await Client.signIn(server, who);
		client.who = who;
		clients.push(client);
	}
	return clients;
}

/* A conversation of the first client with the others; all of them in the room. */
async function conversation(owner, ...others) {
	const made = await owner.ok(
		'create_conversation',
		{ participantIds: others.map((c) => c.id), isGroup: true, name: 'room' },
		'conversation_created'
	);
	const conversationId = made.payload.conversation.id;
	for (const client of [owner, ...others])
		await client.ok('join_conversation', { conversationId }, 'conversation_joined');
	for (const client of others)
		await client.expect('conversation_created', (f) => f.payload.conversation.id === conversationId);
	return conversationId;
}

async function say(client, conversationId, content, extra = {}) {
	const sent = await client.ok('send_message', { conversationId, content, ...extra }, 'message_sent');
	return sent.payload.message;
}

module.exports = { Client, UUID, isTime, isObject, envelopeFault, people, conversation, say };
