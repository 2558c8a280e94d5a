'use strict';
/*
 * examples/socketio_chat is a server for the stock client of Socket.IO, whatever carries it: names,
 * rooms, typing, messages with bytes, acknowledgements and goodbyes.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { io } = require('socket.io-client');
const { Program, settings } = require('./program.js');
const { sleep, within } = require('./harness.js');

const REPLY_MS = 10000;
const EVENTS = ['joined', 'left', 'gone', 'typing', 'message'];

let program;
before(async () => (program = await Program.start('socketio_chat', { args: settings() })));
after(() => program.stop());

/* A stock client that keeps what it hears as [event, ...arguments]. */
class Person {
	constructor(t, name, options = {}) {
		this.heard = [];
		this.wake = () => {};
		this.socket = io(`http://127.0.0.1:${program.port}`,
			{ auth: name === undefined ? {} : { name }, forceNew: true, reconnection: false, ...options });
		t.after(() => this.socket.close());
		for (const event of EVENTS)
			this.socket.on(event, (...args) => {
				this.heard.push([event, ...args]);
				this.wake();
			});
	}

	static async come(t, name, options) {
		const person = new Person(t, name, options);
		const how = await within(new Promise((resolve) => {
			person.socket.once('connect', () => resolve('in'));
			person.socket.once('connect_error', resolve);
		}), REPLY_MS);
		assert.equal(how, 'in');
		return person;
	}

	ask(...args) {
		return this.socket.timeout(REPLY_MS).emitWithAck(...args);
	}

	async join(room) {
		assert.deepEqual(await this.ask('join', room), { ok: true });
	}

	async next() {
		const until = Date.now() + REPLY_MS;
		while (!this.heard.length) {
			assert.ok(Date.now() < until, 'nothing heard');
			await within(new Promise((resolve) => (this.wake = resolve)), 200);
		}
		return this.heard.shift();
	}

	/* All that was sent to it before has arrived. */
	async nothing() {
		assert.deepEqual(await this.ask('leave', 'nowhere'), { error: 'not permitted' });
		assert.deepEqual(this.heard, []);
	}

	async upgraded() {
		const { engine } = this.socket.io;
		if (engine.transport.name === 'polling')
			await new Promise((resolve) => engine.once('upgrade', resolve));
		assert.equal(engine.transport.name, 'websocket');
	}
}

test('who has no name does not come in, and hears why', async (t) => {
	for (const name of [undefined, '', 7, 'x'.repeat(41)]) {
		const { socket } = new Person(t, name);
		const error = await new Promise((resolve) => socket.once('connect_error', resolve));
		assert.equal(error.message, 'Who are you?');
		assert.deepEqual(error.data, { missing: 'name' });
		assert.equal(socket.connected, false);
	}
});

const ways = {
	'as they come': {},
	'by polling': { transports: ['polling'] },
	'by WebSocket': { transports: ['websocket'] },
};

for (const [way, options] of Object.entries(ways)) {
	test(`${way}: rooms, typing and messages`, async (t) => {
		const room = `room of ${way}`;
		const ada = await Person.come(t, 'Ada', options);
		await ada.join(room);
		const bob = await Person.come(t, 'B\u00f6b \u{1F388}', options);
		await bob.join(room);
		const eve = await Person.come(t, 'Eve', options);
		await eve.join('elsewhere');
		assert.deepEqual(await ada.next(), ['joined', { from: 'B\u00f6b \u{1F388}', room }]);

		/* what was typed "cannot be heard now" by who polls, until its next poll hangs */
		if (way !== 'by polling') {
			if (way === 'as they come')
				await ada.upgraded();
			bob.socket.emit('typing', room);
			assert.deepEqual(await ada.next(), ['typing', { from: 'B\u00f6b \u{1F388}', room }]);
		}

		const said = ['text', { deep: [1.5, null, { bytes: Buffer.from([0, 1, 255]) }] }, Buffer.alloc(0)];
		assert.deepEqual(await bob.ask('message', room, ...said), { ok: true });
		assert.deepEqual(await ada.next(), ['message', { from: 'B\u00f6b \u{1F388}', room }, ...said]);
		bob.socket.emit('message', room);
		assert.deepEqual(await ada.next(), ['message', { from: 'B\u00f6b \u{1F388}', room }]);

		assert.deepEqual(await eve.ask('message', room, 'hello?'), { error: 'not permitted' });
		assert.deepEqual(await eve.ask('join', ''), { error: 'invalid argument' });
		assert.deepEqual(await eve.ask('join'), { error: 'invalid argument' });
		assert.deepEqual(await eve.ask('join', 7), { error: 'invalid argument' });
		await eve.nothing();
		await bob.nothing();

		assert.deepEqual(await bob.ask('leave', room), { ok: true });
		assert.deepEqual(await ada.next(), ['left', { from: 'B\u00f6b \u{1F388}', room }]);
		await ada.ask('message', room, 'anybody?');
		await bob.nothing();

		await bob.join(room);
		assert.equal((await ada.next())[0], 'joined');
		bob.socket.disconnect();
		assert.deepEqual(await ada.next(),
			['gone', { from: 'B\u00f6b \u{1F388}', why: 'client namespace disconnect' }]);
		await ada.nothing();
	});

	test(`${way}: large bytes, both ways`, async (t) => {
		const ada = await Person.come(t, 'Ada', options);
		const bob = await Person.come(t, 'Bob', options);
		await ada.join('large');
		await bob.join('large');
		await ada.next();
		const bytes = Buffer.alloc(300000, 0).map((_, i) => (i * 131 + (i >> 8)) & 255);
		assert.deepEqual(await bob.ask('message', 'large', [bytes, 'and', bytes]), { ok: true });
		const [, , got] = await ada.next();
		assert.ok(bytes.equals(got[0]) && bytes.equals(got[2]) && got[1] === 'and');
	});
}

test('a line that breaks says so', async (t) => {
	const ada = await Person.come(t, 'Ada');
	const bob = await Person.come(t, 'Bob', { transports: ['websocket'] });
	await ada.join('lines');
	await bob.join('lines');
	await ada.next();
	bob.socket.io.engine.transport.ws.terminate();
	assert.deepEqual(await ada.next(), ['gone', { from: 'Bob', why: 'transport close' }]);
});

test('messages keep their order while the listener changes to a WebSocket', async (t) => {
	const bob = await Person.come(t, 'Bob', { transports: ['websocket'] });
	await bob.join('order');
	for (let round = 0; round < 5; round++) {
		const ada = await Person.come(t, 'Ada');
		const joined = ada.join('order');
		for (let i = 0; i < 200; i++) {
			bob.socket.emit('message', 'order', i);
			if (i % 20 === 19)
				await sleep(1);
		}
		await joined;
		await ada.upgraded();
		await bob.ask('message', 'order', 200);
		let last = null;
		for (;;) {
			const [event, , n] = await ada.next();
			if (event === 'gone')
				continue; /* the listener of the round before */
			assert.equal(event, 'message');
			if (last !== null)
				assert.equal(n, last + 1);
			last = n;
			if (n === 200)
				break;
		}
		ada.socket.close();
	}
});

test('nobody makes others read bytes that were not meant there', async (t) => {
	const ada = await Person.come(t, 'Ada', { transports: ['websocket'] });
	const bob = await Person.come(t, 'Bob', { transports: ['websocket'] });
	await ada.join('pretence');
	await bob.join('pretence');
	await ada.next();
	const pretended = { _placeholder: true, num: 0 };
	assert.deepEqual(await bob.ask('message', 'pretence', pretended), { ok: true });
	assert.deepEqual((await ada.next())[2], pretended);
	await ada.nothing();
	assert.equal(ada.socket.connected, true);
});
