'use strict';
/*
 * Many people at once, with figures: idle signed-in connections, then one conversation in which
 * every member receives every message in one order. Not part of `npm test`.
 *
 *   node soak_fanout.js [--idle 10000] [--members 1000] [--messages 1000] [--senders 10]
 *
 * Needs `ulimit -n` above idle + members. Exit code 1 if a member missed, doubled or reordered.
 */
const crypto = require('node:crypto');
const { parseArgs } = require('node:util');
const WebSocket = require('ws');
const { Server, sleep } = require('./harness.js');
const { Client } = require('./client.js');
const { OPTION } = require('./options.js');
const { person, token } = require('./tokens.js');

const PER_ADDRESS = 5000;
const AT_ONCE = 100;
const QUIET_MS = 120000;

const MiB = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`;

/* Runs `make(i)` for 0 <= i < count, AT_ONCE at a time. */
async function many(count, make) {
	const made = new Array(count);
	let next = 0;
	const lane = async () => {
		for (let i = next++; i < count; i = next++)
			made[i] = await make(i);
	};
	await Promise.all(Array.from({ length: AT_ONCE }, lane));
	return made;
}

/* 127.0.0.2 upwards: one source address has only so many ports. */
const source = (i) => `127.0.0.${2 + Math.floor(i / PER_ADDRESS)}`;

/* A connection without the machinery of Client: ten thousand of them share this process. */
function light(server, i) {
	const socket = new WebSocket(server.url('/ws'), { perMessageDeflate: false, localAddress: source(i) });
	return new Promise((resolve, reject) => {
		socket.once('error', reject);
		socket.once('open', () => resolve(socket));
	});
}

function ask(socket, type, payload) {
	const requestId = crypto.randomUUID();
	return new Promise((resolve, reject) => {
		const onClose = (code) => reject(new Error(`closed (${code}) before the answer to ${type}`));
		const onMessage = (data) => {
			const frame = JSON.parse(data.toString());
			if (frame.requestId !== requestId)
				return;
			socket.off('message', onMessage);
			socket.off('close', onClose);
			if (frame.type === 'error')
				reject(new Error(frame.payload.error));
			else
				resolve(frame.payload);
		};
		socket.on('message', onMessage);
		socket.on('close', onClose);
		socket.send(JSON.stringify({ type, payload, requestId, timestamp: 't' }));
	});
}

async function signedIn(server, i) {
	const socket = await light(server, i);
	await ask(socket, 'auth', { token: token(person('u')) });
	return socket;
}

async function idlePart(server, count) {
	const before = server.rss();
	const started = Date.now();
	const sockets = await many(count, (i) => signedIn(server, i));
	const seconds = (Date.now() - started) / 1000;
	await sleep(3000);
	const after = server.rss();
	console.log(`idle: ${count} signed in after ${seconds.toFixed(1)} s; RSS ${MiB(before)} -> ${MiB(after)}, ` +
		`${Math.round((after - before) / count)} bytes each`);
	const open = sockets.filter((s) => s.readyState === WebSocket.OPEN).length;
	if (open !== count)
		throw new Error(`${count - open} idle connections were lost`);
	return sockets;
}

/* Counts what a member hears; the digest of the order is compared at the end. */
class Listener {
	constructor(socket, messages) {
		this.heard = 0;
		this.faults = 0;
		this.last = 0;
		this.order = crypto.createHash('sha256');
		this.done = new Promise((resolve, reject) => {
			socket.on('message', (data) => {
				const text = data.toString();
				if (!text.includes('"message_received"'))
					return;
				const { id, seq } = JSON.parse(text).payload.message;
				if (this.heard > 0 && seq !== this.last + 1)
					this.faults++;
				this.last = seq;
				this.order.update(id);
				if (++this.heard === messages)
					resolve();
			});
			socket.on('close', (code) => reject(new Error(`a member was closed (${code})`)));
		});
	}
}

async function fanOutPart(server, { members, messages, senders }, offset) {
	const owner = await Client.signIn(server, person('owner'));
	const { room_id: conversationId, invite_code: inviteCode } =
		(await owner.ok('create_group', { name: 'everybody' }, 'group_created')).payload;
	const sockets = await many(members, async (i) => {
		const socket = await signedIn(server, offset + i);
		await ask(socket, 'join_group', { inviteCode });
		await ask(socket, 'join_conversation', { conversationId });
		return socket;
	});
	await sleep(2000);
	const before = server.rss();
	const listeners = sockets.map((socket) => new Listener(socket, messages));
	const started = Date.now();
	let next = 0;
	const send = async (socket) => {
		for (let i = next++; i < messages; i = next++)
			await ask(socket, 'send_message', { conversationId, content: `message ${i} ${'x'.repeat(80)}` });
	};
	const quiet = sleep(QUIET_MS).then(() => {
		throw new Error(`not all heard within ${QUIET_MS} ms: ${Math.min(...listeners.map((l) => l.heard))} at least`);
	});
	await Promise.race([
		Promise.all([...sockets.slice(0, senders).map(send), ...listeners.map((l) => l.done)]),
		quiet,
	]);
	const seconds = (Date.now() - started) / 1000;
	const orders = new Set(listeners.map((l) => l.order.digest('hex')));
	const faults = listeners.reduce((n, l) => n + l.faults, 0);
	console.log(`fan-out: ${members} members x ${messages} messages in ${seconds.toFixed(1)} s, ` +
		`${Math.round((members * messages) / seconds)} deliveries/s; RSS ${MiB(before)} -> ${MiB(server.rss())}`);
	console.log(`orders seen: ${orders.size}, gaps or steps back: ${faults}`);
	owner.drop();
	return { sockets, good: orders.size === 1 && faults === 0 };
}

async function main() {
	const { values } = parseArgs({
		options: {
			idle: { type: 'string', default: '10000' },
			members: { type: 'string', default: '1000' },
			messages: { type: 'string', default: '1000' },
			senders: { type: 'string', default: '10' },
		},
	});
	const figures = Object.fromEntries(Object.entries(values).map(([key, text]) => [key, Number(text)]));
	const server = await Server.start({
		set: { [OPTION.outHard]: '64MiB', [OPTION.outSoft]: '32MiB' },
	});
	const idle = await idlePart(server, figures.idle);
	const { sockets, good } = await fanOutPart(server, figures, figures.idle);
	const lost = idle.filter((s) => s.readyState !== WebSocket.OPEN).length;
	console.log(`idle connections lost meanwhile: ${lost}`);
	for (const socket of [...idle, ...sockets])
		socket.terminate();
	await sleep(2000);
	console.log(`RSS after all are gone: ${MiB(server.rss())}`);
	await server.stop();
	process.exit(good && lost === 0 ? 0 : 1);
}

main().catch((error) => {
	console.error(error.message);
	process.exit(1);
});
