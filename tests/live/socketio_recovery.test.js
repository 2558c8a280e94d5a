'use strict';
/*
 * The server is killed and started again while a stock client of Socket.IO listens: each time the
 * client is recovered, as the same socket, and has no gap and nothing twice. PARLEY_RECOVERIES says
 * how often (20).
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

async function story(transports) {
	const server = await Server.start({ flags: ['--workers', '2'] });
	const room = `room-${crypto.randomBytes(4).toString('hex')}`;
	const speaks = await SocketIo.connect(server, person('sam'), { ...IMPATIENT, transports: ['websocket'] });
	const listens = await SocketIo.connect(server, person('lea'), { ...IMPATIENT, transports });
	await speaks.ok('join-room', room);
	await listens.ok('join-room', room);
	const id = listens.socket.id;
	const heard = [];
	listens.socket.on('new-message', (message) => heard.push(message.content));
	let recovered = 0;
	listens.socket.on('connect', () => {
		assert.equal(listens.socket.recovered, true);
		assert.equal(listens.socket.id, id);
		recovered++;
	});
	const voice = speaker(speaks, room);
	for (let round = 0; round < ROUNDS; round++) {
		const before = recovered;
		await sleep(crypto.randomInt(20, 120));
		await server.kill();
		await server.launch();
		for (const until = Date.now() + CATCH_UP_MS; recovered === before;) {
			assert.ok(Date.now() < until, `round ${round}: the client did not come back`);
			await sleep(5);
		}
	}
	voice.stop = true;
	assert.notEqual(await within(voice.done, CATCH_UP_MS), 'late');
	for (const until = Date.now() + CATCH_UP_MS; heard.length < voice.said && Date.now() < until;)
		await sleep(10);
	assert.deepEqual(heard, Array.from({ length: voice.said }, (_, i) => String(i)));
	assert.ok(voice.said >= ROUNDS);
	assert.equal(recovered, ROUNDS);
	await Promise.all([speaks.close(), listens.close()]);
	await server.stop();
	return voice.said;
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
	test(`killed and started again, by ${transports.join(', then ')}`, { timeout: 600000 }, async (t) => {
		t.diagnostic(`${ROUNDS} times, ${await story(transports)} messages`);
	});
}
