'use strict';
/*
 * Whether logins delay the messages of others, with figures: two people talk at a steady rate, in
 * turns alone, while a core is kept busy at idle priority by a program of no concern (the control:
 * what any work beside costs on this machine), and while 50 logins are hashed. The latency is from
 * send_message to message_received on the other side. Not part of `npm test`: on a busy machine the
 * figures mean nothing.
 *
 *   node soak_login.js [--rounds 6] [--logins 50] [--rate 200] [--limit 1.5]
 *
 * The logins come from a thread of their own, so that it is the server that is measured.
 * Exit code 1 when the p99 during logins is more than `limit` times that of the control.
 */
const { spawn } = require('node:child_process');
const { parseArgs } = require('node:util');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Server, sleep } = require('./harness.js');
const { conversation, people } = require('./client.js');
const { OPTION } = require('./options.js');

const AT_ONCE = 4;
const JSON_TYPE = { 'Content-Type': 'application/json', Connection: 'close' };

async function login(url, username) {
	const answer = await fetch(url, {
		method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ username, password: 'something wrong' }),
	});
	await answer.text();
	return answer.status;
}

/* A core is busy at idle priority until `until` is settled. */
function beBusy(until) {
	const child = spawn('chrt', ['--idle', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' });
	return until.finally(() => child.kill('SIGKILL'));
}

/* In the thread, on request: a few at a time, so that the hasher always has work and the client, who
 * shares the machine, little. */
function answerRequests() {
	parentPort.on('message', async (logins) => {
		const statuses = [];
		const lane = async () => {
			while (statuses.length < logins) {
				const at = statuses.push(0) - 1;
				statuses[at] = await login(workerData, `nobody${at}`);
			}
		};
		await Promise.all(Array.from({ length: AT_ONCE }, lane));
		parentPort.postMessage(statuses);
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
	const control = [];
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
			control.push(...(await talk(alice, bob, room, rate, beBusy(sleep(took / (round + 1))))));
		}
		const alone = report('alone', quiet);
		const beside = report('control', control);
		const during = report('during logins', busy);
		console.log(`${logins} logins took ${(took / rounds).toFixed(0)} ms; p99 ${(during / alone).toFixed(2)} times ` +
			`that alone, ${(during / beside).toFixed(2)} times the control`);
		process.exitCode = during > beside * limit ? 1 : 0;
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
