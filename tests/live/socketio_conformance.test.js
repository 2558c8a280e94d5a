'use strict';
/*
 * examples/socketio_conformance behaves as the official test suites of the Engine.IO and Socket.IO
 * protocols ask of a server, point by point; and packets that are none end the session.
 */
const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { Program, settings } = require('./program.js');
const { sleep, within } = require('./harness.js');
const { Frames, Polls, request } = require('./socketio_raw.js');

const PATHS = ['/engine.io/', '/socket.io/'];
const KEYS = ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades'];

let program;
before(async () => (program = await Program.start('socketio_conformance', { args: settings() })));
after(() => program.stop());

function isHandshake(open, upgrades) {
	assert.deepEqual(Object.keys(open).sort(), KEYS);
	assert.deepEqual({ ...open, sid: typeof open.sid },
		{ sid: 'string', upgrades, pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
}

for (const where of PATHS) {
	test(`${where}: handshakes`, async () => {
		isHandshake((await Polls.session(program, where)).open, ['websocket']);
		const frames = await Frames.session(program, where);
		isHandshake(frames.open, []);
		frames.drop();
	});

	test(`${where}: what is no handshake`, async () => {
		const rows = [
			['GET', 'transport=polling', 5],
			['GET', 'EIO=abc&transport=polling', 5],
			['GET', 'EIO=4', 0],
			['GET', 'EIO=4&transport=abc', 0],
			['POST', 'EIO=4&transport=polling', 2],
			['PUT', 'EIO=4&transport=polling', 2],
			['GET', 'EIO=4&transport=polling&sid=nobody', 1],
		];
		for (const [method, query, code] of rows) {
			const answer = await request(program, `${where}?${query}`, { method });
			assert.equal(answer.status, 400, query);
			assert.equal(JSON.parse(answer.body).code, code, query);
		}
		for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc'])
			await new Frames(program, query, where).isClosed();
	});

	test(`${where}: heartbeat by polling, and its end`, async () => {
		const polls = await Polls.session(program, where);
		for (let i = 0; i < 3; i++) {
			const began = Date.now();
			const poll = await polls.get();
			const answer = await polls.post('3');
			/* After 500 ms it is over, rightly: then this machine was too busy to tell. */
			if (Date.now() - began > 450)
				break;
			assert.deepEqual([poll.status, poll.body], [200, '2']);
			assert.equal(answer.status, 200);
		}
		const silent = await Polls.session(program, where);
		await sleep(500);
		assert.equal((await silent.get()).status, 400);
	});

	test(`${where}: heartbeat by WebSocket, and its end`, async () => {
		const frames = await Frames.session(program, where);
		for (let i = 0; i < 3; i++) {
			assert.equal(await frames.next({ pings: true }), '2');
			frames.send('3');
		}
		frames.drop();
		const began = Date.now();
		await (await Frames.session(program, where)).isClosed();
		assert.ok(Date.now() - began < 2000);
	});

	test(`${where}: the client closes`, async () => {
		const polls = await Polls.session(program, where);
		const [poll] = await Promise.all([polls.get(), sleep(30).then(() => polls.post('1'))]);
		assert.deepEqual([poll.status, poll.body], [200, '6']);
		assert.equal((await polls.get()).status, 400);
		const frames = await Frames.session(program, where);
		frames.send('1');
		await frames.isClosed();
	});

	test(`${where}: upgrade`, async () => {
		const polls = await Polls.session(program, where);
		const frames = await polls.probe();
		frames.send('2probe');
		assert.equal(await frames.next(), '3probe');
		const poll = await polls.get();
		assert.deepEqual([poll.status, poll.body], [200, '6']);
		frames.send('5');
		await sleep(30);
		assert.equal((await polls.get()).status, 400);
		const second = await polls.probe().catch(() => null);
		if (second)
			await second.isClosed();
		if (where === '/engine.io/') {
			frames.send('4hello');
			assert.equal(await frames.next(), '4hello');
		}
		frames.drop();
	});

	test(`${where}: two polls at once end the session`, async () => {
		const polls = await Polls.session(program, where);
		const first = polls.get();
		await sleep(20);
		const second = await polls.get();
		assert.ok([400, 500].includes(second.status));
		const poll = await first;
		assert.deepEqual([poll.status, poll.body], [200, '1']);
		assert.equal((await polls.get()).status, 400);
	});

	test(`${where}: a body that is no payload ends the session`, async () => {
		for (const body of ['abc', '', '3\x1e', 'b!!!!', '2']) {
			const polls = await Polls.session(program, where);
			const answer = await polls.post(body);
			assert.ok([200, 400].includes(answer.status), body);
			await sleep(20);
			assert.equal((await polls.get()).status, 400, body);
		}
	});
}

test('Engine.IO: an echo, texts and bytes, several in one payload', async () => {
	const polls = await Polls.session(program, '/engine.io/');
	const ok = await polls.post('4test1', '4test2', '4test3');
	assert.deepEqual([ok.status, ok.body], [200, 'ok']);
	const { body } = await polls.get();
	assert.deepEqual(body.split('\x1e').filter((packet) => packet !== '2'), ['4test1', '4test2', '4test3']);
	await polls.post('4\u20ac', 'bAQIDBA==');
	assert.deepEqual([await polls.next(), await polls.next()], ['4\u20ac', 'bAQIDBA==']);
	const frames = await Frames.session(program, '/engine.io/');
	frames.send('4hello', Buffer.from([1, 2, 3, 4]));
	assert.equal(await frames.next(), '4hello');
	assert.deepEqual(await frames.next(), Buffer.from([1, 2, 3, 4]));
	frames.drop();
});

test('connect: with and without a payload, in both namespaces', async () => {
	const rows = [
		['40', '40', '42["auth",{}]'],
		['40{"token":"123"}', '40', '42["auth",{"token":"123"}]'],
		['40/custom,', '40/custom,', '42/custom,["auth",{}]'],
		['40/custom', '40/custom,', '42/custom,["auth",{}]'],
		['40/custom,{"token":"abc"}', '40/custom,', '42/custom,["auth",{"token":"abc"}]'],
	];
	for (const [said, prefix, auth] of rows) {
		const frames = await Frames.session(program);
		frames.send(said);
		const heard = await frames.next();
		assert.ok(heard.startsWith(`${prefix}{`), heard);
		assert.deepEqual(Object.keys(JSON.parse(heard.slice(prefix.length))), ['sid']);
		assert.equal(await frames.next(), auth);
		frames.drop();
	}
});

test('connect: an unknown namespace, and none in a second', async () => {
	const frames = await Frames.session(program);
	const began = Date.now();
	frames.send('40/random');
	assert.equal(await frames.next(), '44/random,{"message":"Invalid namespace"}');
	while ((await within(frames.closed, 50)) === 'late')
		if (frames.kept.shift())
			frames.send('3');
	const took = Date.now() - began;
	assert.ok(took > 800 && took < 3000, `closed after ${took} ms`);
});

test('disconnect: from one namespace, and not the other', async () => {
	const frames = await Frames.socket(program);
	await frames.next();
	frames.send('40/custom');
	await frames.next();
	await frames.next();
	frames.send('41/custom', '42["message","message to main namespace"]');
	assert.equal(await frames.next(), '42["message-back","message to main namespace"]');
	frames.send('41');
	assert.equal(await frames.next({ pings: true }), '2');
	frames.drop();
});

test('events and acknowledgements, with bytes and without', async () => {
	const frames = await Frames.socket(program);
	assert.equal(await frames.next(), '42["auth",{}]');
	const two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
	const bytes = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
	frames.send('42["message",1,"2",{"3":[true]}]');
	assert.equal(await frames.next(), '42["message-back",1,"2",{"3":[true]}]');
	frames.send(`452-["message",${two}]`, ...bytes);
	assert.equal(await frames.next(), `452-["message-back",${two}]`);
	assert.deepEqual([await frames.next(), await frames.next()], bytes);
	frames.send('42456["message-with-ack",1,"2",{"3":[false]}]');
	assert.equal(await frames.next(), '43456[1,"2",{"3":[false]}]');
	frames.send(`452-789["message-with-ack",${two}]`, ...bytes);
	assert.equal(await frames.next(), `462-789[${two}]`);
	assert.deepEqual([await frames.next(), await frames.next()], bytes);
	/* nothing but what was asked for comes back, and what nobody waits for is ignored */
	frames.send('43999[]', '43[]', '42["unheard of"]', '42["message"]');
	assert.equal(await frames.next(), '42["message-back"]');
	frames.drop();
});

test('bytes by polling, and what a payload holds of them', async () => {
	const polls = await Polls.session(program);
	await polls.post('40');
	assert.match(await polls.next(), /^40\{"sid":"[^"]+"\}$/);
	assert.equal(await polls.next(), '42["auth",{}]');
	await polls.post('451-["message",{"_placeholder":true,"num":0},"x"]', 'bAQID');
	assert.equal(await polls.next(), '451-["message-back",{"_placeholder":true,"num":0},"x"]');
	assert.equal(await polls.next(), 'bAQID');
	assert.deepEqual(polls.kept, []);
});

test('packets that are none close the connection', async () => {
	const bad = [
		['4abc'], ['42{}'], ['42abc["message-with-ack",1]'], ['42["connect"]'], ['42["disconnecting",1]'],
		['42[null]'], ['42not json'], ['42["message"'], ['4'], ['47'], ['40'], ['40[1]'], ['41{}'], ['44{"message":"x"}'],
		['42/nowhere,["message"]'], ['459999999-["message"]'], ['450-["message"]'], ['45-["message"]'],
		['4511-["message"]'], ['452["message"]'], ['421-["message"]'],
		['451-["message",{"_placeholder":true,"num":1}]', Buffer.from([1])],
		['451-["message",{"_placeholder":true,"num":-1}]', Buffer.from([1])],
		['451-["message",{"_placeholder":true}]', Buffer.from([1])],
		['451-["message",{"_placeholder":true,"num":0}]', '42["message"]'],
		[Buffer.from([1])], ['7'], ['abc'], ['2'],
	];
	for (const frames of bad) {
		const socket = await Frames.socket(program);
		await socket.next();
		socket.send(...frames);
		assert.notEqual(await within(socket.closed, 3000), 'late', `still open after ${frames}`);
		assert.deepEqual(socket.kept.filter((frame) => frame !== '2'), [], `${frames} was answered`);
	}
	const early = await Frames.session(program);
	early.send('4abc');
	await early.isClosed();
});
