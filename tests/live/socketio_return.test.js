'use strict';
/*
 * Stock clients of a program that embeds the library lose their line again and again, while somebody
 * speaks: each comes back as the same socket, on whichever worker, and hears everything once, in order.
 *
 * Not by polling with an upgrade: a client that is closed on its way from one to the other keeps what it
 * heard meanwhile and does not say so when it comes back, with the Node server too.
 */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { io } = require('socket.io-client');
const { Program } = require('./program.js');
const { sleep, within } = require('./harness.js');

const WORKERS = 3, ROUNDS = 6, CLIENTS = 6;

const connect = (port, transports) => io(`http://127.0.0.1:${port}/back`, {
	transports, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 30,
});

const next = async (socket, event) => assert.notEqual(await within(new Promise((resolve) => {
	socket.once(event, resolve);
}), 10000), 'late', event);

async function story(port, transports, number) {
	const speaks = connect(port, ['websocket']), listens = connect(port, transports);
	const room = `room${number}`, heard = [];
	let said = 0;
	listens.on('said', (n) => heard.push(n));
	await Promise.all([next(speaks, 'connect'), next(listens, 'connect')]);
	assert.equal(listens.recovered, false);
	await listens.emitWithAck('enter', room);
	const id = listens.id;
	const say = async (n) => {
		for (let i = 0; i < n; i++)
			await speaks.emitWithAck('say', room, said++);
	};
	for (let round = 0; round < ROUNDS; round++) {
		await say((round + number) % 3);
		const back = next(listens, 'connect');
		listens.io.engine.close();
		await say((round * number) % 4);
		await back;
		assert.equal(listens.recovered, true, `round ${round} of ${number}`);
		assert.equal(listens.id, id);
	}
	await say(1);
	for (const until = Date.now() + 10000; heard.length < said && Date.now() < until;)
		await sleep(5);
	assert.deepEqual(heard, Array.from({ length: said }, (_, n) => n));
	listens.disconnect();
	speaks.disconnect();
}

for (const transport of ['websocket', 'polling']) {
	test(`who lost the line comes back and has missed nothing: ${transport}`, async () => {
		const program = await Program.start('sockets', { args: [`${WORKERS}`, 'limits.enabled=false'] });
		try {
			await Promise.all(Array.from({ length: CLIENTS }, (_, n) => story(program.port, [transport], n)));
		} finally {
			await program.stop();
		}
	});
}
