'use strict';
/*
 * A client of the chat+presence dialect for tests, over the npm package ws, of both families: the
 * documented one says AUTH first (Realtime.connect), the older one brings its token with the
 * handshake (Realtime.older). It keeps every frame in the order of arrival and never throws one
 * away. A server started by `start` has a listener for each of the two sockets.
 */
const assert = require('node:assert/strict');
const WebSocket = require('ws');
const { Server, freePort } = require('./harness.js');
const { Listening } = require('./listening.js');
const { person, token } = require('./tokens.js');

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const chatId = (a, b) => [a.username, b.username].sort().join('-');

class Realtime extends Listening {
	constructor(socket) {
		super(socket, (data) => JSON.parse(data.toString()));
		this.requests = 0;
		/* Nothing more comes: whoever waits need not wait on. */
		this.closed.then(() => {
			for (const waiter of this.waiters.splice(0))
				waiter.reject(new Error('closed'));
		});
	}

	/* Resolves at the handshake. A refusal rejects with its status. */
	static dial(port, { path = '/', ...options } = {}) {
		const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
		const client = new Realtime(socket);
		return new Promise((resolve, reject) => {
			socket.once('open', () => resolve(client));
			socket.once('error', reject);
			socket.once('unexpected-response', (_, response) => {
				socket.terminate();
				reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
			});
		});
	}

	static async connect(port, who = person('dora'), options = {}) {
		const client = await Realtime.dial(port, options);
		client.who = who;
		client.send('AUTH', { token: token(who) });
		client.welcome = await client.expect('SUCCESS');
		return client;
	}

	static async older(port, who = person('rosa'), options = {}) {
		const path = `/?username=${encodeURIComponent(who.username)}&authToken=${token(who)}`;
		const client = await Realtime.dial(port, { path, ...options });
		client.who = who;
		return client;
	}

	/* The earliest frame of this type that nobody took. */
	expect(type, wants = () => true) {
		return this.take((frame) => frame.type === type && wants(frame), type);
	}

	async error(msg) {
		const frame = await this.expect('ERROR');
		if (msg instanceof RegExp)
			assert.match(frame.msg, msg);
		else
			assert.equal(frame.msg, msg);
		return frame;
	}

	send(type, fields = {}) {
		this.socket.send(JSON.stringify({ type, ...fields }));
	}

	raw(data) {
		this.socket.send(data);
	}

	/* With a requestId, answered by whatever carries it. */
	ask(type, fields = {}) {
		const requestId = `q${++this.requests}`;
		this.send(type, { ...fields, requestId });
		return this.take((frame) => frame.requestId === requestId, `answer to ${type}`);
	}

	say(to, content, more = {}) {
		this.send('ONE_TO_ONE_CHAT',
			{ from: this.who.username, to: to.username, content, chatId: chatId(this.who, to), ...more });
	}

	history(to, id = chatId(this.who, to)) {
		return this.ask('GET_ONE_TO_ONE_HISTORY', { from: this.who.username, to: to.username, chatId: id });
	}

	async join(groupId) {
		const answer = await this.ask('JOIN_GROUP', { groupId, username: this.who.username });
		assert.equal(answer.type, 'SUCCESS', answer.msg);
		return answer;
	}

	/* A round trip through the store: what was said before is here now. */
	sync() {
		return this.ask('OFFLINE_MESSAGES_ACK');
	}
}

/* A server with a socket for chat (server.port) and one for presence (server.presence). */
async function start({ set = {}, flags = [], ...options } = {}) {
	const presence = await freePort();
	const server = new Server({
		dialect: 'realtime-chat',
		set: { 'presence.grace': '200ms', ...set },
		flags: ['--listen', `127.0.0.1:${presence}=realtime-presence`, ...flags],
		...options,
	});
	await server.launch();
	server.presence = presence;
	return server;
}

module.exports = { Realtime, start, chatId, ISO };
