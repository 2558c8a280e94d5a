'use strict';
/*
 * Rosters while many come and go at once, on four workers: every client keeps the list of members
 * as it is told of, and when it is quiet again every list says who is there.
 */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Server, freePort, sleep } = require('./harness.js');
const { Native } = require('./native_client.js');

const CLIENTS = Number(process.env.CHURN_CLIENTS || 60);
const CHURN_MS = Number(process.env.CHURN_MS || 4000);
const PAUSE_MS = 4 * CLIENTS;
const ROOMS = ['one', 'two', 'three'];
const any = (list) => list[Math.floor(Math.random() * list.length)];

/* Ids of the members of each room, as a client is told: nobody comes twice, nobody goes unseen. */
class Lists {
	constructor(faults) {
		this.faults = faults;
		this.rooms = new Map();
		this.heard = [];
	}

	hear(frame) {
		const room = frame.roomId;
		if (frame.type === 'pong') {
			this.ponged();
			return;
		}
		this.heard.push(`${frame.type} ${room} ${(frame.userId || '').slice(0, 4)}`);
		if (frame.type === 'joined')
			this.rooms.set(room, new Set(frame.members.map((m) => m.id)));
		else if (frame.type === 'left')
			this.rooms.delete(room);
		else if (frame.type === 'user-joined')
			this.list(frame).add(frame.userId);
		else if (frame.type === 'user-left')
			this.list(frame).delete(frame.userId);
		else
			this.faults.push(JSON.stringify(frame));
	}

	/* All that was sent to this client before is here. */
	async settle(client) {
		const ponged = new Promise((resolve) => (this.ponged = resolve));
		client.send('ping');
		await ponged;
	}

	list(frame) {
		const list = this.rooms.get(frame.roomId);
		if (!list)
			this.faults.push(`${frame.type} without a list: ${this.heard.slice(-6)}`);
		return list || new Set();
	}
}

class Walker {
	constructor(server, faults) {
		Object.assign(this, { server, faults, inside: new Set() });
	}

	async come() {
		const client = await Native.guest(this.server);
		this.client = client;
		this.inside = new Set();
		const lists = new Lists(this.faults);
		this.lists = lists;
		client.hear = (frame) => lists.hear(frame.json);
	}

	step() {
		const room = any(ROOMS);
		const way = Math.random();
		if (way < 0.1) {
			this.client.socket[Math.random() < 0.5 ? 'close' : 'terminate']();
			return this.come();
		}
		if (this.inside.has(room) && way < 0.9) {
			this.client.send('leave', { room });
			this.inside.delete(room);
		} else {
			this.client.send('join', { room });
			this.inside.add(room);
		}
		return null;
	}

	async walk(until) {
		await this.come();
		while (Date.now() < until) {
			await this.step();
			if (Math.random() < 0.6)
				await sleep(Math.random() * PAUSE_MS);
		}
	}
}

async function walkAbout(server, faults) {
	const walkers = Array.from({ length: CLIENTS }, () => new Walker(server, faults));
	const until = Date.now() + CHURN_MS;
	await Promise.all(walkers.map((w) => w.walk(until)));
	for (let round = 0; round < 3; round++) {
		await Promise.all(walkers.map((w) => w.lists.settle(w.client)));
		await sleep(100);
	}
	return walkers;
}

/* Who is there, by somebody who has just come. */
async function rosterOf(server, room) {
	const witness = await Native.guest(server);
	const { members } = await witness.join(room);
	await sleep(100);
	return { witness, ids: members.map((m) => m.id).sort() };
}

test('when it is quiet again every list says who is there', { timeout: CHURN_MS + 60000 }, async (t) => {
	const port = await freePort();
	const server = new Server({
		dialect: 'native', set: { 'native.anonymous': String(port) }, flags: ['--workers', '4'],
	});
	server.port = port;
	await server.launch();
	t.after(() => server.stop());
	const faults = [];
	const walkers = await walkAbout(server, faults);
	const wrong = [];
	for (const room of ROOMS) {
		const { witness, ids } = await rosterOf(server, room);
		const there = walkers.filter((w) => w.inside.has(room));
		assert.equal(ids.length, there.length + 1, 'the roster counts who is there');
		for (const { lists } of there) {
			const told = [...(lists.rooms.get(room) || [])].sort();
			if (told.join() !== ids.join())
				wrong.push({ missing: ids.filter((id) => !told.includes(id)), gone: told.filter((id) => !ids.includes(id)) });
		}
		await witness.close();
		await sleep(100);
	}
	assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} lists are wrong`);
	assert.deepEqual(faults.slice(0, 3), [], `${faults.length} frames nobody could expect`);
	await Promise.all(walkers.map((w) => w.client.close()));
	await sleep(300);
	for (const room of ROOMS) {
		const { witness, ids } = await rosterOf(server, room);
		assert.equal(ids.length, 1, 'nobody is left behind');
		await witness.close();
		await sleep(100);
	}
});
