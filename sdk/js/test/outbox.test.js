/* The outbox alone: order, retries, what is for good, limits, storage, tabs. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ParleyError } from '../src/errors.js';
import { Outbox } from '../src/outbox.js';
import { MemoryStorage, openStorage } from '../src/storage.js';
import { Tabs } from '../src/tabs.js';
import { FakeClock } from './fake.js';

let clock;
let storage;
let sends;
beforeEach(() => {
	clock = new FakeClock();
	storage = new MemoryStorage();
	sends = [];
});

const noLocks = () => new Tabs(undefined);
/** send() is answered by the test: sends[i].ok(), sends[i].no(code). */
function outbox(options = {}) {
	return new Outbox({
		clock, maxEntries: 100, maxBytes: 1e6, storage: async () => storage, tabs: noLocks(), log: () => {}, onChange: () => {},
		send: (entry) => new Promise((resolve, reject) => {
			sends.push({
				entry,
				text: entry.content,
				ok: () => resolve({ id: `row of ${entry.id}` }),
				no: (code, more) => reject(new ParleyError(code, code, more)),
			});
		}),
		...options,
	});
}
const draft = (content, conversationId = 'r', more = {}) => ({ conversationId, content, messageType: 'text', replyToId: null, ...more });
const said = () => sends.map((s) => s.text);
async function running(options) {
	const box = outbox(options);
	await box.open('me');
	box.start();
	return box;
}

test('one at a time in a conversation, conversations beside each other', async () => {
	const box = await running();
	const results = [box.add(draft('a1', 'a')), box.add(draft('a2', 'a')), box.add(draft('b1', 'b'))];
	await clock.settle();
	assert.deepEqual(said(), ['a1', 'b1']);
	sends[0].ok();
	assert.match((await results[0]).id, /^row of/);
	await clock.settle();
	assert.deepEqual(said(), ['a1', 'b1', 'a2']);
	assert.deepEqual(box.pending.map((e) => e.content), ['a2', 'b1']);
});

test('a lost connection: the same id again, before the next', async () => {
	const box = await running();
	const [one, two] = [box.add(draft('1')), box.add(draft('2'))];
	box.stop();
	sends[0].no('CONNECTION_LOST');
	await clock.tick(60000);
	assert.deepEqual(said(), ['1'], 'nothing while nobody is signed in');
	box.start();
	await clock.settle();
	assert.deepEqual(said(), ['1', '1']);
	assert.equal(sends[1].entry.id, sends[0].entry.id);
	sends[1].ok();
	await one;
	await clock.settle();
	sends[2].ok();
	await two;
	assert.deepEqual(said(), ['1', '1', '2']);
	assert.equal(box.bytes, 0);
});

test('a connection that is about to end, which nobody has told yet: no spinning', async () => {
	let tries = 0;
	const box = await running({ send: async () => { tries++; throw new ParleyError('CONNECTION_LOST', 'closing'); } });
	box.add(draft('1'));
	await clock.tick(500);
	assert.ok(tries > 1 && tries <= 11, `${tries}`);
});

test('refused for good: out, with its reason, and the next goes', async () => {
	const box = await running();
	const [one, two] = [box.add(draft('1')), box.add(draft('2'))];
	sends[0].no('ACCESS_DENIED');
	await assert.rejects(one, { code: 'ACCESS_DENIED' });
	await clock.settle();
	sends[1].ok();
	await two;
	assert.deepEqual(await storage.load('me'), []);
});

test('RATE_LIMITED: all wait as long as it says', async () => {
	const box = await running();
	box.add(draft('a', 'a'));
	sends[0].no('RATE_LIMITED', { retryAfterMs: 2000 });
	await clock.settle();
	box.add(draft('b', 'b'));
	await clock.tick(1999);
	assert.deepEqual(said(), ['a']);
	await clock.tick(1);
	assert.deepEqual(said(), ['a', 'a', 'b']);
});

test("the server's trouble: a few more tries, then it is for good", async () => {
	const box = await running();
	const result = box.add(draft('1'));
	const other = box.add(draft('x', 'other'));
	sends[1].ok();
	await other;
	for (let i = 0; i < 5; i++) {
		sends.at(-1).text === '1' ? sends.at(-1).no('DATABASE_ERROR') : sends[0].no('DATABASE_ERROR');
		await clock.tick(20000);
	}
	await assert.rejects(result, { code: 'DATABASE_ERROR' });
	assert.equal(said().filter((text) => text === '1').length, 5);
});

test('which of several was too big: found by sending each alone', async () => {
	const box = await running();
	const big = 'x'.repeat(2000);
	const results = ['a', 'b', 'c'].map((room) => box.add(draft(room === 'b' ? big : 'y'.repeat(2000), room)));
	assert.equal(sends.length, 3);
	const end = () => {
		box.stop();
		sends.filter((s) => !s.done).forEach((s) => { s.done = true; s.no('CONNECTION_LOST', { closeCode: 1009 }); });
	};
	end();
	await clock.settle();
	let rounds = 0;
	for (; box.pending.length && rounds < 20; rounds++) {
		box.start();
		await clock.settle();
		const open = sends.filter((s) => !s.done);
		assert.equal(open.length <= 1 || !box.suspects.size, true, 'alone');
		if (open.some((s) => s.text === big)) {
			end();
		} else {
			open[0].done = true;
			open[0].ok();
		}
		await clock.settle();
	}
	assert.ok(rounds < 20);
	await results[0];
	await assert.rejects(results[1], { code: 'MESSAGE_TOO_BIG' });
	await results[2];
});

test('a small message is not taken for too big', async () => {
	const box = await running();
	const result = box.add(draft('small'));
	box.stop();
	sends[0].no('CONNECTION_LOST', { closeCode: 1009 });
	await clock.settle();
	box.start();
	await clock.settle();
	sends[1].ok();
	await result;
});

test('limits in entries and bytes; done is room again', async () => {
	const box = await running({ maxEntries: 2 });
	const first = box.add(draft('1'));
	box.add(draft('2'));
	await assert.rejects(box.add(draft('3')), { code: 'OUTBOX_FULL' });
	sends[0].ok();
	await first;
	box.add(draft('3'));
	assert.equal(box.pending.length, 2);
	storage = new MemoryStorage();
	const small = await running({ maxBytes: 2000 });
	await assert.rejects(small.add(draft('x'.repeat(2000))), { code: 'OUTBOX_FULL' });
	small.add(draft('x'.repeat(500)));
	assert.equal(small.pending.length, 1);
});

test('an id that is there already is the same message', async () => {
	const box = await running();
	const [a, b] = [box.add(draft('1', 'r', { clientMessageId: 'mine' })), box.add(draft('1', 'r', { clientMessageId: 'mine' }))];
	assert.equal(a, b);
	assert.equal(box.pending.length, 1);
});

test('what an earlier page left goes first, though the clock was set back', async () => {
	const before = await running();
	before.add(draft('1'));
	before.add(draft('2'));
	await before.stored();
	sends = [];
	clock.time -= 500000;
	const box = outbox();
	box.add(draft('3'));
	box.start();
	assert.deepEqual(said(), [], 'nothing before the storage was read');
	await box.open('me');
	for (const text of ['1', '2', '3']) {
		await clock.settle();
		assert.equal(sends.at(-1).text, text);
		sends.at(-1).ok();
	}
	await clock.settle();
	await box.stored();
	assert.deepEqual(await storage.load('me'), []);
	const numbers = [...new Set(sends.map((s) => s.entry.n))];
	assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
});

test('an id is unique in its conversation: elsewhere, and for another user, it is another message', async () => {
	const box = await running();
	const chosen = { clientMessageId: 'order 1' };
	box.add(draft('here', 'a', chosen)).catch(() => {});
	box.add(draft('there', 'b', chosen)).catch(() => {});
	await clock.settle();
	assert.deepEqual(said(), ['here', 'there']);
	assert.deepEqual(sends.map((s) => s.entry.clientMessageId), ['order 1', 'order 1']);
	await box.open('other');
	box.add(draft('theirs', 'a', chosen)).catch(() => {});
	await box.stored();
	assert.equal((await storage.load('me')).length, 2);
	box.add(draft('no id', 'c', { clientMessageId: '' })).catch(() => {});
	await clock.settle();
	assert.equal(sends.at(-1).entry.clientMessageId, sends.at(-1).entry.id);
});

test('another account: rejected here, kept there, sent by its author', async () => {
	const box = await running();
	const mine = box.add(draft('mine'));
	await box.stored();
	await box.open('other');
	await assert.rejects(mine, { code: 'ACCOUNT_CHANGED' });
	sends[0].ok();
	await clock.settle();
	const theirs = box.add(draft('theirs'));
	await clock.settle();
	sends.at(-1).ok();
	await theirs;
	await box.open('me');
	await clock.settle();
	assert.equal(sends.at(-1).text, 'mine');
	sends.at(-1).ok();
	await clock.settle();
	await box.stored();
	assert.deepEqual([await storage.load('me'), await storage.load('other'), box.bytes], [[], [], 0]);
});

test('a storage that refuses loses nothing while the page lives', async () => {
	const lines = [];
	storage = { load: async () => { throw new Error('gone'); }, put: async () => { throw new Error('full'); }, remove: async () => { throw new Error('gone'); }, close: async () => {} };
	const box = await running({ log: (...line) => lines.push(line) });
	const result = box.add(draft('1'));
	await box.stored();
	sends[0].ok();
	await result;
	await box.stored();
	assert.equal(lines.length, 3);
});

test('closed: what waits is rejected and stays stored', async () => {
	const box = await running();
	const result = box.add(draft('1'));
	await box.close();
	await assert.rejects(result, { code: 'CLOSED' });
	assert.equal((await storage.load('me')).length, 1);
	assert.deepEqual(clock.pending, []);
});

/* As Web Locks of one browser with several tabs. */
function lockManager() {
	const held = new Map();
	return {
		async request(name, act) {
			while (held.has(name))
				await held.get(name);
			let release;
			held.set(name, new Promise((resolve) => { release = resolve; }));
			try {
				return await act({ name });
			} finally {
				held.delete(name);
				release();
			}
		},
		query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
	};
}

test('tabs: who lives keeps their own, who is gone is inherited by one', async () => {
	const locks = lockManager();
	const boxes = [];
	for (let i = 0; i < 3; i++)
		boxes.push(await running({ tabs: new Tabs(locks) }));
	boxes.forEach((box, i) => box.add(draft(`tab ${i}`)));
	await Promise.all(boxes.map((box) => box.stored()));
	assert.equal(sends.length, 3);
	boxes[0].options.tabs.close(); /* gone without a word: its entry stays */
	boxes[0].isRunning = false;
	await clock.settle();
	await clock.tick(30000);
	const owners = (await storage.load('me')).map((entry) => entry.owner);
	assert.ok(!owners.includes(boxes[0].options.tabs.id));
	assert.equal(boxes[1].pending.length + boxes[2].pending.length, 3);
});

test('without Web Locks nobody else is known to live', async () => {
	const tabs = new Tabs(undefined);
	assert.deepEqual([...(await tabs.alive())], [tabs.id]);
	assert.equal(await tabs.alone(async () => 5), 5);
	const broken = new Tabs({ request: async () => { throw new Error('insecure'); }, query: async () => ({ held: [] }) });
	await broken.isHeld;
	assert.equal(await broken.alone(async () => 6), 6);
});

test('the storage that was asked for, or the best there is', async () => {
	assert.equal(await openStorage(storage, () => {}), storage);
	assert.ok((await openStorage('memory', () => {})) instanceof MemoryStorage);
	assert.ok((await openStorage('auto', () => {})) instanceof MemoryStorage);
});

test('a storage that never answers, or a lock that another tab keeps, holds nothing up for long', async () => {
	const never = () => new Promise(() => {});
	const silent = { load: never, put: never, remove: never, close: never };
	const locks = lockManager();
	locks.request('parley-client:adopt', never);
	const cases = { silent: { storage: async () => silent }, unopened: { storage: never }, locked: { tabs: new Tabs(locks) } };
	for (const [name, options] of Object.entries(cases)) {
		sends = [];
		const box = outbox(options);
		box.open('me');
		box.start();
		const result = box.add(draft(name));
		await clock.tick(10000);
		assert.deepEqual(said(), [name]);
		sends[0].ok();
		await result;
		let isClosed = false;
		box.close().then(() => { isClosed = true; });
		await clock.tick(20000);
		assert.ok(isClosed, name);
	}
});

test('stored() says whether it would survive', async () => {
	const box = await running();
	box.add(draft('in memory')).catch(() => {});
	assert.equal(await box.stored(), false);
	storage.isLasting = true;
	const lasting = outbox();
	lasting.add(draft('of nobody yet')).catch(() => {});
	assert.equal(await lasting.stored(), false, 'whose it is is not known');
	await lasting.open('me');
	assert.equal(await lasting.stored(), true);
	storage.put = async () => { throw new Error('quota'); };
	lasting.add(draft('too much')).catch(() => {});
	assert.equal(await lasting.stored(), false);
});
