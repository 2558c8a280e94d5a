'use strict';
/*
 * The server is killed and started again while a stock client of Socket.IO listens: each time the
 * client is recovered, as the same socket, and has no gap and nothing twice. PARLEY_RECOVERIES says
 * how often (20). Clients that forget who they were, or what they have, show that a gap and a
 * doubling would be seen.
 */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server, sleep, within } = require('./harness.js');
const { SocketIo } = require('./socketio_client.js');
const { person } = require('./tokens.js');

const ROUNDS = Number(process.env.PARLEY_RECOVERIES || 20);
const CATCH_UP_MS = 30000;
const IMPATIENT = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 60, timeout: 2000 };

/* Says one message after the other, each until it is acknowledged, until it is told to stop. */
function speaker(client, room) {
	const voice = { said: 0, stop: false };
	voice.done = (async () => {
		while (!voice.stop) {
			const message = { roomId: room, content: String(voice.said), clientMessageId: `m${voice.said}` };
			const answer = await client.socket.timeout(500).emitWithAck('message', message).catch(() => undefined);
			if (answer?.success)
				voice.said++;
			else
				await sleep(10);
		}
	})();
	return voice;
}

/* What is wrong with what was heard. */
function judge({ heard, said, recovered, rounds, ids }) {
	const faults = [];
	const times = new Map();
	for (const content of heard)
		times.set(content, (times.get(content) || 0) + 1);
	const missing = Array.from({ length: said }, (_, i) => String(i)).filter((content) => !times.has(content));
	if (missing.length)
		faults.push(`gap: ${missing.length} of ${said}`);
	if (heard.length > times.size)
		faults.push(`doubled: ${heard.length - times.size}`);
	if (heard.some((content, i) => i && Number(content) < Number(heard[i - 1])))
		faults.push('out of order');
	if (recovered !== rounds)
		faults.push(`recovered ${recovered} times of ${rounds}`);
	if (ids.size > 1)
		faults.push(`${ids.size} sockets`);
	return faults;
}

/* forget: what the client does to itself before it comes back; lateness: how long that takes. */
async function story(transports, { rounds = ROUNDS, forget, lateness } = {}) {
	const server = await Server.start({ flags: ['--workers', '2'] });
	const room = `room-${crypto.randomBytes(4).toString('hex')}`;
	const speaks = await SocketIo.connect(server, person('sam'), { ...IMPATIENT, transports: ['websocket'] });
	const listens = await SocketIo.connect(server, person('lea'), { ...IMPATIENT, ...lateness, transports });
	await speaks.ok('join-room', room);
	await listens.ok('join-room', room);
	const ids = new Set([listens.socket.id]);
	const heard = [];
	listens.socket.on('new-message', (message) => heard.push(message.content));
	if (forget)
		listens.socket.io.on('reconnect_attempt', () => forget(listens.socket));
	let [back, recovered] = [0, 0];
	listens.socket.on('connect', () => {
		ids.add(listens.socket.id);
		recovered += listens.socket.recovered;
		back++;
	});
	const voice = speaker(speaks, room);
	for (let round = 0; round < rounds; round++) {
		const before = back;
		await sleep(crypto.randomInt(20, 120));
		await server.kill();
		await server.launch();
		for (const until = Date.now() + CATCH_UP_MS; back === before;) {
			assert.ok(Date.now() < until, `round ${round}: the client did not come back`);
			await sleep(5);
		}
	}
	voice.stop = true;
	assert.notEqual(await within(voice.done, CATCH_UP_MS), 'late');
	/* What is said last is heard by everybody. */
	const last = String(voice.said - 1);
	for (const until = Date.now() + CATCH_UP_MS; !heard.includes(last) && Date.now() < until;)
		await sleep(10);
	assert.ok(voice.said >= rounds);
	await Promise.all([speaks.close(), listens.close()]);
	await server.stop();
	return { heard, said: voice.said, recovered, rounds, ids };
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
	test(`killed and started again, by ${transports.join(', then ')}`, { timeout: 600000 }, async (t) => {
		const result = await story(transports);
		assert.deepEqual(judge(result), []);
		t.diagnostic(`${ROUNDS} times, ${result.said} messages`);
	});
}

test('who forgets its pid is another, and has a gap', async () => {
	/* Something is said while it is away. */
	const lateness = { reconnectionDelay: 500, reconnectionDelayMax: 1000 };
	const result = await story(['websocket'], { rounds: 5, forget: (socket) => delete socket._pid, lateness });
	assert.match(judge(result).join(), /gap.*recovered 0 times of 5.*sockets/);
});

test('who forgets its offset is told again what it has', async () => {
	const result = await story(['websocket'], { rounds: 5, forget: (socket) => delete socket._lastOffset });
	assert.match(judge(result).join(), /doubled/);
});
