'use strict';
/*
 * Whether logins delay the messages of others, with figures: two people talk at a steady rate, in
 * turns alone and while 50 logins are hashed. The latency is from send_message to message_received
 * on the other side. Not part of `npm test`: on a busy machine the figures mean nothing.
 *
 *   node soak_login.js [--rounds 6] [--logins 50] [--rate 200] [--limit 1.5]
 *
 * The logins come from a thread of their own, so that it is the server that is measured.
 * Exit code 1 when the p99 during logins is more than `limit` times that without.
 */
const { parseArgs } = require('node:util');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Server, sleep } = require('./harness.js');
const { conversation, people } = require('./client.js');
const { OPTION } = require('./options.js');

const JSON_TYPE = { 'Content-Type': 'application/json', Connection: 'close' };

async function login(url, username) {
	const answer = await fetch(url, {
		method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ username, password: 'something wrong' }),
	});
	await answer.text();
	return answer.status;
}

/* In the thread: all at once, on request. */
function answerRequests() {
	parentPort.on('message', async (logins) => {
		const all = Array.from({ length: logins }, (_, i) => login(workerData, `nobody${i}`));
		parentPort.postMessage(await Promise.all(all));
	});
}

/* Talks until `until` is settled; latencies in ms. */
async function talk(alice, bob, room, rate, until) {
	const sent = new Map();
	const latencies = [];
	let going = true;
	until.finally(() => (going = false));
	const hear = (data) => {
		const now = performance.now();
		const frame = JSON.parse(data.toString());
		if (frame.type !== 'message_received')
			return;
		const at = sent.get(frame.payload.message.encrypted_content);
		if (at)
			latencies.push(now - at);
	};
	bob.socket.on('message', hear);
	const began = performance.now();
	for (let i = 0; going; i++) {
		const text = `${began} ${i}`;
		sent.set(text, performance.now());
		alice.send('send_message', { conversationId: room, content: text });
		const due = began + ((i + 1) * 1000) / rate;
		await sleep(Math.max(0, due - performance.now()));
	}
	await sleep(200);
	bob.socket.off('message', hear);
	bob.kept = [];
	alice.kept = [];
	return latencies;
}

const at = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

function report(name, latencies) {
	const sorted = [...latencies].sort((a, b) => a - b);
	const figures = [0.5, 0.9, 0.99, 1].map((q) => at(sorted, q).toFixed(2));
	console.log(`${name.padEnd(16)} ${String(sorted.length).padStart(6)} messages   p50 ${figures[0]}   ` +
		`p90 ${figures[1]}   p99 ${figures[2]}   max ${figures[3]} ms`);
	return at(sorted, 0.99);
}

async function main() {
	const { values } = parseArgs({
		options: {
			rounds: { type: 'string', default: '6' },
			logins: { type: 'string', default: '50' },
			rate: { type: 'string', default: '200' },
			limit: { type: 'string', default: '1.5' },
		},
	});
	const [rounds, logins, rate, limit] = [values.rounds, values.logins, values.rate, values.limit].map(Number);
	const server = await Server.start({ set: { [OPTION.accounts]: 'true' } });
	const crowd = new Worker(__filename, { workerData: server.http('/api/auth/login') });
	const quiet = [];
	const busy = [];
	let took = 0;
	try {
		const [alice, bob] = await people(server, 'alice', 'bob');
		const room = await conversation(alice, bob);
		await talk(alice, bob, room, rate, sleep(1000)); /* warm */
		for (let round = 0; round < rounds; round++) {
			const began = performance.now();
			const all = new Promise((resolve) => crowd.once('message', resolve));
			crowd.postMessage(logins);
			busy.push(...(await talk(alice, bob, room, rate, all)));
			took += performance.now() - began - 200;
			const refused = (await all).filter((status) => status !== 401);
			if (refused.length)
				throw new Error(`logins were answered with ${refused}`);
			quiet.push(...(await talk(alice, bob, room, rate, sleep(took / (round + 1)))));
		}
		const without = report('without logins', quiet);
		const during = report('during logins', busy);
		console.log(`${logins} logins took ${(took / rounds).toFixed(0)} ms; p99 ${(during / without).toFixed(2)} times`);
		process.exitCode = during > without * limit ? 1 : 0;
		await alice.close();
		await bob.close();
	} finally {
		await crowd.terminate();
		await server.stop();
	}
}

if (isMainThread)
	main().catch((error) => {
		console.error(error);
		process.exitCode = 1;
	});
else
	answerRequests();
