'use strict';
/*
 * Calls over real sockets and four workers: whoever answers first has the call and nobody else, no
 * candidate is lost or comes out of order, and calls end with those who talk.
 */
const { test, before, after, beforeEach, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Server } = require('./harness.js');
const { Client, conversation, people } = require('./client.js');
const { person, token } = require('./tokens.js');
const { OPTION } = require('./options.js');

const SECRET = 'a secret that relays share';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let server;
let alice;
let bob;
let open;
before(async () => {
	server = await Server.start({
		set: {
			[OPTION.presenceGrace]: '300ms',
			'calls.turn_urls': 'turn:turn.example:3478',
			'calls.turn_secret': SECRET,
		},
		flags: ['--workers', '4'],
	});
});
after(() => server?.stop());
beforeEach(async () => {
	open = [];
	[alice, bob] = await people(server, 'alice', 'bob');
	await conversation(alice, bob);
});
afterEach(() => Promise.all([alice, bob, ...open].map((c) => c.close())));

async function device(who) {
	const client = await Client.signIn(server, who.who);
	open.push(client);
	return client;
}

async function ring(caller, called) {
	const offer = { type: 'offer', sdp: 'v=0\r\n' };
	const { payload } = await caller.ok('call_offer',
		{ targetUserId: called[0].id, callType: 'voice', sdpOffer: offer }, 'call_status');
	assert.equal(payload.status, 'calling');
	const isIt = (frame) => frame.payload.callId === payload.callId;
	for (const one of called) {
		const heard = await one.expect('call_offer', isIt);
		assert.deepEqual(heard.payload.sdpOffer, offer);
		assert.equal(heard.payload.from, caller.id);
	}
	return payload.callId;
}

async function talk(caller, called) {
	const callId = await ring(caller, [called]);
	await called.ok('call_answer', { callId, sdpAnswer: 'v=0' }, 'call_status');
	await caller.expect('call_answer', (frame) => frame.payload.callId === callId);
	return callId;
}

test('of two that answer at once, one has the call', async () => {
	const desk = await device(bob);
	for (let i = 0; i < 100; i++) {
		const callId = await ring(alice, [bob, desk]);
		const answer = (who) => who.request('call_answer', { callId, sdpAnswer: 'v=0' });
		const replies = await Promise.all([answer(bob), answer(desk)]);
		const won = replies.filter((frame) => frame.type === 'call_status');
		const lost = replies.filter((frame) => frame.type === 'error');
		assert.equal(won.length, 1);
		assert.equal(lost[0].payload.code, 'CALL_NOT_FOUND');
		const [talker, other] = replies[0] === won[0] ? [bob, desk] : [desk, bob];
		await alice.expect('call_answer');
		const end = await other.expect('call_end');
		assert.equal(end.payload.reason, 'answered_elsewhere');
		await alice.ok('call_end', { callId }, 'call_status');
		await talker.expect('call_end');
		for (const one of [alice, bob, desk])
			assert.deepEqual(one.kept.filter((frame) => frame.type.startsWith('call_')), []);
	}
});

test('hanging up and answering at once leave nobody in a call alone', async () => {
	for (let i = 0; i < 100; i++) {
		const callId = await ring(alice, [bob]);
		const [ended, answered] = await Promise.all([alice.request('call_end', { callId }),
			bob.request('call_answer', { callId, sdpAnswer: 'v=0' })]);
		assert.equal(ended.type, 'call_status');
		await bob.expect('call_end', (frame) => frame.payload.callId === callId);
		if (answered.type === 'call_status')
			await alice.expect('call_answer');
		else
			assert.equal(answered.payload.code, 'CALL_NOT_FOUND');
	}
});

test('all candidates come, in their order, both ways', async () => {
	const callId = await talk(alice, bob);
	const COUNT = 2000;
	const say = (from, to) => {
		for (let i = 0; i < COUNT; i++)
			from.send('call_ice_candidate', { callId, targetUserId: to.id, candidate: { i, pad: 'x'.repeat(200) } });
	};
	say(alice, bob);
	say(bob, alice);
	for (const one of [alice, bob])
		for (let i = 0; i < COUNT; i++)
			assert.equal((await one.expect('call_ice_candidate')).payload.candidate.i, i);
	await alice.ok('call_end', { callId }, 'call_status');
	await bob.expect('call_end');
});

test('many calls at once do not mix', async () => {
	const pairs = [];
	for (let i = 0; i < 20; i++) {
		const pair = await people(server, `a${i}`, `b${i}`);
		await conversation(...pair);
		open.push(...pair);
		pairs.push(pair);
	}
	await Promise.all(pairs.map(async ([a, b], i) => {
		for (let k = 0; k < 10; k++) {
			const callId = await talk(a, b);
			a.send('call_ice_candidate', { callId, targetUserId: b.id, candidate: `${i} ${k}` });
			assert.equal((await b.expect('call_ice_candidate')).payload.candidate, `${i} ${k}`);
			await b.ok('call_end', { callId }, 'call_status');
			assert.equal((await a.expect('call_end')).payload.from, b.id);
		}
		assert.deepEqual([...a.kept, ...b.kept].filter((frame) => frame.type.startsWith('call_')), []);
	}));
});

test('who vanishes and comes back goes on; who stays away is gone', async () => {
	let callId = await talk(alice, bob);
	bob.socket.terminate();
	const again = await device(bob);
	await sleep(500);
	alice.send('call_sdp_offer', { callId, targetUserId: bob.id, sdp: 'restart' });
	assert.equal((await again.expect('call_sdp_offer')).payload.sdp, 'restart');
	again.send('call_sdp_answer', { callId, targetUserId: alice.id, sdp: 'ok' });
	assert.equal((await alice.expect('call_sdp_answer')).payload.sdp, 'ok');
	again.socket.terminate();
	const end = await alice.expect('call_end');
	assert.equal(end.payload.reason, 'disconnected');
	assert.equal(end.payload.from, bob.id);
	await alice.fails('call_end', { callId }, 'CALL_NOT_FOUND', 'Call not found');
	await alice.fails('call_offer', { targetUserId: bob.id }, 'USER_OFFLINE', 'Target user is not online');
	callId = null;
});

test('a slow reader is closed rather than left without a candidate', async () => {
	const callId = await talk(alice, bob);
	bob.socket.pause();
	const big = 'x'.repeat(8000);
	let ended = false;
	const end = alice.expect('call_end', undefined, 60000).then((frame) => { ended = true; return frame; });
	for (let i = 0; !ended && i < 20000; i++) {
		alice.send('call_ice_candidate', { callId, targetUserId: bob.id, candidate: { i, big } });
		if (i % 50 === 0)
			await sleep(5);
	}
	assert.equal((await end).payload.reason, 'disconnected');
	let next = 0;
	bob.socket.resume();
	await bob.closed;
	for (const frame of bob.kept.filter((one) => one.type === 'call_ice_candidate'))
		assert.equal(frame.payload.candidate.i, next++);
	assert.ok(next > 0);
});

function checkServers(list, id) {
	const [{ urls, username, credential }] = list;
	assert.deepEqual(urls, ['turn:turn.example:3478']);
	const [end, user] = username.split(':');
	assert.equal(user, id);
	assert.ok(Math.abs(Number(end) - Date.now() / 1000 - 3600) < 60);
	assert.equal(credential, crypto.createHmac('sha1', SECRET).update(username).digest('base64'));
}

test('both are told of relays, each in the own name', async () => {
	const { payload } = await alice.ok('call_offer', { targetUserId: bob.id }, 'call_status');
	checkServers(payload.iceServers, alice.id);
	const heard = await bob.expect('call_offer');
	checkServers(heard.payload.iceServers, bob.id);
	await bob.ok('call_decline', { callId: payload.callId }, 'call_status');
	await alice.expect('call_decline');
});

test('relays can be asked for, with a token', async () => {
	const ask = (headers) => fetch(`http://127.0.0.1:${server.port}/api/turn`, { headers });
	const answer = await ask({ authorization: `Bearer ${token(alice.who)}` });
	assert.equal(answer.status, 200);
	assert.equal(answer.headers.get('cache-control'), 'no-store');
	const json = await answer.json();
	checkServers(json.iceServers, alice.id);
	assert.equal(json.username, json.iceServers[0].username);
	assert.equal(json.password, json.iceServers[0].credential);
	assert.deepEqual([json.ttl, json.uris], [3600, ['turn:turn.example:3478']]);
	assert.equal((await ask({})).status, 401);
	assert.equal((await ask({ authorization: 'Bearer x' })).status, 401);
	assert.equal((await ask({ authorization: `Bearer ${token(person('nobody'))}` })).status, 401);
});
