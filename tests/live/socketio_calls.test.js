'use strict';
/*
 * Calls of stock Socket.IO clients, by WebSocket and by polling, with each other and with QryptChat
 * clients: what one says the other hears in its own words, and both hear the end.
 */
const { test, before, after, beforeEach, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { io } = require('socket.io-client');
const { Server } = require('./harness.js');
const { Client } = require('./client.js');
const { person, token } = require('./tokens.js');
const { OPTION } = require('./options.js');

const HEAR_MS = 15000;
const WAYS = [['websocket'], ['polling'], ['polling', 'websocket']];
const OFFER = { type: 'offer', sdp: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n' };
const ANSWER = { type: 'answer', sdp: 'v=0\r\n' };
const CALL_ID = /^call-\d+-[0-9a-f]{32}$/;

let server;
before(async () => {
	server = await Server.start({
		dialect: '',
		set: { [OPTION.presenceGrace]: '300ms', 'calls.ring_timeout': '2s', 'calls.turn_urls': 'stun:stun.example' },
		flags: ['--workers', '4'],
	});
});
after(() => server?.stop());

let open;
beforeEach(() => {
	open = [];
});
afterEach(async () => {
	for (const one of open)
		one.close();
});

/* A stock client that keeps every event. */
class Phone {
	constructor(who, socket) {
		this.who = who;
		this.socket = socket;
		this.kept = [];
		this.waiters = [];
		socket.onAny((event, value) => {
			const at = this.waiters.findIndex((w) => w.event === event);
			if (at < 0)
				this.kept.push({ event, value });
			else
				this.waiters.splice(at, 1)[0].resolve(value);
		});
	}

	static async on(who, transports = ['websocket']) {
		const socket = io(`http://127.0.0.1:${server.port}`, {
			auth: { token: token(who) }, transports, forceNew: true, reconnection: false,
		});
		const phone = new Phone(who, socket);
		open.push(phone);
		await new Promise((resolve, reject) => {
			socket.once('connect_error', reject);
			socket.once('connect', resolve);
		});
		await phone.hears('connected');
		return phone;
	}

	hears(event) {
		const at = this.kept.findIndex((one) => one.event === event);
		if (at >= 0)
			return Promise.resolve(this.kept.splice(at, 1)[0].value);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(
				`${this.who.name}: no ${event}; kept: ${JSON.stringify(this.kept)}`)), HEAR_MS);
			this.waiters.push({ event, resolve: (value) => { clearTimeout(timer); resolve(value); } });
		});
	}

	ask(event, value) {
		return this.socket.timeout(HEAR_MS).emitWithAck(event, value);
	}

	async says(event, value) {
		const ack = await this.ask(event, value);
		assert.equal(ack.success, true, `${event}: ${JSON.stringify(ack)}`);
		return ack;
	}

	calls() {
		return this.kept.filter(({ event }) => /^(call|ice|sdp)-/.test(event));
	}

	close() {
		this.socket.disconnect();
	}
}

/* They have said a word to each other. */
async function acquainted(a, b) {
	await a.says('private-message', { targetUserId: b.who.sub, content: 'hi' });
	await b.hears('private-message');
}

async function pair(transports) {
	const alice = await Phone.on(person('alice'), transports);
	const bob = await Phone.on(person('bob'), transports);
	await acquainted(alice, bob);
	return [alice, bob];
}

const from = (phone) => ({ fromUserId: phone.who.sub, fromUser: { id: phone.who.sub, name: phone.who.name } });

for (const transports of WAYS) {
	test(`two stock clients, ${transports}`, async () => {
		const [alice, bob] = await pair(transports);
		const { callId, iceServers } = await alice.says('call-user',
			{ targetUserId: bob.who.sub, offer: OFFER, callType: 'video', fromUserId: 'somebody else' });
		assert.match(callId, CALL_ID);
		assert.deepEqual(iceServers, [{ urls: ['stun:stun.example'] }]);
		assert.deepEqual(await bob.hears('call-user'),
			{ callId, ...from(alice), callType: 'video', offer: OFFER, iceServers });
		await alice.says('ice-candidate', { callId, candidate: { candidate: 'c1', sdpMid: '0' } });
		assert.deepEqual(await bob.hears('ice-candidate'),
			{ callId, ...from(alice), candidate: { candidate: 'c1', sdpMid: '0' } });
		assert.deepEqual(await bob.says('call-answer', { callId, answer: ANSWER }), { success: true, callId });
		assert.deepEqual(await alice.hears('call-answer'), { callId, ...from(bob), answer: ANSWER });
		bob.socket.emit('ice-candidate', { callId, candidate: null });
		assert.deepEqual(await alice.hears('ice-candidate'), { callId, ...from(bob), candidate: null });
		bob.socket.emit('sdp-offer', { callId, sdp: 's' });
		assert.deepEqual(await alice.hears('sdp-offer'), { callId, ...from(bob), sdp: 's' });
		alice.socket.emit('sdp-answer', { callId, sdp: 't' });
		assert.deepEqual(await bob.hears('sdp-answer'), { callId, ...from(alice), sdp: 't' });
		const ended = await alice.says('call-end', { callId });
		assert.equal(typeof ended.duration, 'number');
		assert.deepEqual(await bob.hears('call-end'), { callId, ...from(alice), duration: ended.duration });
		assert.deepEqual([...alice.calls(), ...bob.calls()], []);
	});
}

test('on all devices it rings, and one has it', async () => {
	const [alice, bob] = await pair(['websocket']);
	const desk = await Phone.on(bob.who, ['polling']);
	const { callId } = await alice.says('call-user', { targetUserId: bob.who.sub, offer: OFFER });
	for (const one of [bob, desk])
		assert.equal((await one.hears('call-user')).callType, 'voice');
	await desk.says('call-answer', { callId, answer: ANSWER });
	await alice.hears('call-answer');
	assert.deepEqual(await bob.hears('call-end'),
		{ callId, ...from(alice), duration: null, reason: 'answered_elsewhere' });
	assert.deepEqual(await bob.ask('call-end', { callId }), { error: 'Call not found' });
	desk.close();
	await alice.says('ice-candidate', { callId, candidate: 'x' });
	await alice.says('call-end', { callId });
});

for (const [word, heard] of [['call-decline', 'call-decline'], ['call-busy', 'call-busy'], ['call-end', 'call-end']]) {
	test(`no, by ${word}`, async () => {
		const [alice, bob] = await pair(['websocket']);
		const { callId } = await alice.says('call-user', { targetUserId: bob.who.sub, offer: OFFER });
		await bob.hears('call-user');
		await bob.says(word, { callId });
		const told = await alice.hears(heard);
		assert.equal(told.callId, callId);
		assert.equal(told.fromUserId, bob.who.sub);
		assert.deepEqual(await alice.ask('call-end', { callId }), { error: 'Call not found' });
	});
}

test('nobody answers: call-timeout for both', async () => {
	const [alice, bob] = await pair(['websocket']);
	const { callId } = await alice.says('call-user', { targetUserId: bob.who.sub, offer: OFFER });
	await bob.hears('call-user');
	const [a, b] = await Promise.all([alice.hears('call-timeout'), bob.hears('call-timeout')]);
	assert.deepEqual([a.callId, b.callId, a.fromUserId, b.fromUserId], [callId, callId, bob.who.sub, alice.who.sub]);
});

test('strangers, nonsense and the wrong moment', async () => {
	const [alice, bob] = await pair(['websocket']);
	const eve = await Phone.on(person('eve'));
	const call = (phone, value) => phone.ask('call-user', value);
	assert.deepEqual(await call(eve, { targetUserId: bob.who.sub, offer: OFFER }), { error: 'User not found' });
	assert.deepEqual(await call(eve, { targetUserId: 'nobody', offer: OFFER }), { error: 'User not found' });
	assert.deepEqual(await call(alice, { targetUserId: alice.who.sub, offer: OFFER }), { error: 'User not found' });
	for (const bad of [undefined, null, 7, 'x', [], {}, { targetUserId: '' }, { targetUserId: {} }])
		assert.deepEqual(await call(alice, bad), { error: 'Invalid call' }, JSON.stringify(bad));
	for (const event of ['call-answer', 'ice-candidate', 'sdp-offer', 'sdp-answer', 'call-decline', 'call-busy', 'call-end'])
		for (const bad of [undefined, null, 7, [], {}, { callId: 7, candidate: 1, sdp: 1 }])
			assert.deepEqual(await alice.ask(event, bad), { error: 'Invalid call' }, `${event} ${JSON.stringify(bad)}`);
	assert.deepEqual(await call(alice, { targetUserId: bob.who.sub, offer: 'x'.repeat(65536) }),
		{ error: 'Larger than is relayed' });
	const { callId } = await alice.says('call-user', { targetUserId: bob.who.sub, offer: OFFER });
	await bob.hears('call-user');
	assert.deepEqual(await eve.ask('call-answer', { callId, answer: ANSWER }), { error: 'Call not found' });
	assert.deepEqual(await eve.ask('ice-candidate', { callId, candidate: 'evil' }), { error: 'Call not found' });
	assert.deepEqual(await alice.ask('call-answer', { callId, answer: ANSWER }),
		{ error: 'Not possible at this point of the call' });
	/* Who asks for no acknowledgement hears of it nevertheless. */
	eve.socket.emit('ice-candidate', { callId, candidate: 'evil' });
	assert.deepEqual(await eve.hears('call-error'), { event: 'ice-candidate', error: 'Call not found' });
	bob.close();
	const end = await alice.hears('call-end');
	assert.equal(end.reason, 'disconnected');
	assert.deepEqual(await call(alice, { targetUserId: bob.who.sub, offer: OFFER }), { error: 'User is offline' });
	assert.deepEqual(bob.calls(), []);
});

test('numbers are ids too', async () => {
	const seven = { ...person('seven'), sub: Math.floor(Math.random() * 1e9) };
	const [alice] = await pair(['websocket']);
	const phone = await Phone.on(seven);
	await alice.says('private-message', { targetUserId: seven.sub, content: 'hi' });
	const { callId } = await alice.says('call-user', { targetUserId: seven.sub, offer: OFFER });
	await phone.hears('call-user');
	await phone.says('call-answer', { callId, answer: ANSWER });
	assert.equal((await alice.hears('call-answer')).fromUserId, seven.sub);
	await alice.says('call-end', { callId });
	await phone.hears('call-end');
});

/* ---- with QryptChat clients ---- */

async function mixed(transports) {
	const phone = await Phone.on(person('phone'), transports);
	const who = person('qrypt');
	const qrypt = await Client.signIn(server, who, { path: '/ws' });
	qrypt.who = who;
	open.push(qrypt);
	await qrypt.ok('create_conversation', { participantIds: [phone.who.sub] }, 'conversation_created');
	return [phone, qrypt];
}

for (const transports of WAYS) {
	test(`a QryptChat client calls a Socket.IO client, ${transports}`, async () => {
		const [phone, qrypt] = await mixed(transports);
		const { payload } = await qrypt.ok('call_offer',
			{ targetUserId: phone.who.sub, callType: 'video', sdpOffer: OFFER }, 'call_status');
		const { callId } = payload;
		assert.equal(payload.status, 'calling');
		const heard = await phone.hears('call-user');
		assert.deepEqual([heard.callId, heard.callType, heard.offer, heard.fromUserId],
			[callId, 'video', OFFER, qrypt.who.sub]);
		await phone.says('call-answer', { callId, answer: ANSWER });
		const answered = (await qrypt.expect('call_answer')).payload;
		assert.deepEqual([answered.callId, answered.sdpAnswer], [callId, ANSWER]);
		phone.socket.emit('ice-candidate', { callId, candidate: { candidate: 'a' } });
		assert.deepEqual((await qrypt.expect('call_ice_candidate')).payload.candidate, { candidate: 'a' });
		qrypt.send('call_ice_candidate', { callId, targetUserId: phone.who.sub, candidate: { candidate: 'b' } });
		assert.deepEqual((await phone.hears('ice-candidate')).candidate, { candidate: 'b' });
		qrypt.send('call_sdp_offer', { callId, targetUserId: phone.who.sub, sdp: OFFER });
		assert.deepEqual((await phone.hears('sdp-offer')).sdp, OFFER);
		phone.socket.emit('sdp-answer', { callId, sdp: ANSWER });
		assert.deepEqual((await qrypt.expect('call_sdp_answer')).payload.sdp, ANSWER);
		await phone.says('call-end', { callId });
		assert.equal((await qrypt.expect('call_end')).payload.callId, callId);
	});

	test(`a Socket.IO client calls a QryptChat client, ${transports}`, async () => {
		const [phone, qrypt] = await mixed(transports);
		const { callId } = await phone.says('call-user', { targetUserId: qrypt.who.sub, offer: OFFER });
		const heard = (await qrypt.expect('call_offer')).payload;
		assert.deepEqual([heard.callId, heard.callType, heard.sdpOffer, heard.fromName],
			[callId, 'voice', OFFER, phone.who.name]);
		await qrypt.ok('call_answer', { callId, sdpAnswer: ANSWER }, 'call_status');
		assert.deepEqual((await phone.hears('call-answer')).answer, ANSWER);
		await qrypt.ok('call_end', { callId }, 'call_status');
		assert.equal((await phone.hears('call-end')).callId, callId);
	});
}

test('declined and busy across the two', async () => {
	const [phone, qrypt] = await mixed(['websocket']);
	let { callId } = await phone.says('call-user', { targetUserId: qrypt.who.sub, offer: OFFER });
	await qrypt.expect('call_offer');
	await qrypt.ok('call_decline', { callId }, 'call_status');
	assert.equal((await phone.hears('call-decline')).callId, callId);
	({ callId } = (await qrypt.ok('call_offer', { targetUserId: phone.who.sub }, 'call_status')).payload);
	await phone.hears('call-user');
	await phone.says('call-busy', { callId });
	const told = (await qrypt.expect('call_decline')).payload;
	assert.deepEqual([told.callId, told.reason], [callId, 'busy']);
	({ callId } = (await qrypt.ok('call_offer', { targetUserId: phone.who.sub }, 'call_status')).payload);
	await phone.hears('call-user');
	const [timeout, end] = await Promise.all([phone.hears('call-timeout'), qrypt.expect('call_end')]);
	assert.deepEqual([timeout.callId, end.payload.callId, end.payload.reason], [callId, callId, 'timeout']);
});

test('a call with keys rings at QryptChat clients only', async () => {
	const [phone, qrypt] = await mixed(['websocket']);
	const second = await Client.signIn(server, phone.who, { path: '/ws' });
	open.push(second);
	const { payload } = await qrypt.ok('ml_kem_call_offer',
		{ targetUserId: phone.who.sub, initiatorPublicKey: 'QUJD' }, 'call_status');
	await second.expect('ml_kem_call_offer');
	qrypt.send('call_ice_candidate', { callId: payload.callId, targetUserId: 'x', candidate: 'c' });
	await second.expect('call_ice_candidate');
	await second.ok('call_decline', { callId: payload.callId }, 'call_status');
	await qrypt.expect('call_decline');
	assert.deepEqual(await phone.ask('call-answer', { callId: payload.callId }), { error: 'Call not found' });
	assert.deepEqual(phone.calls(), []);
});
