/* The short form of kill.js, and that its judge sees what it must see. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { test } from 'node:test';
import { judge, killTest, watch } from './kill.js';
import { writable } from '../src/index.js';

const row = (seq, text) => ({ id: `i${seq}`, seq, encrypted_content: text });

test('the judge notices loss, doubling and disorder', () => {
	const good = [row(1, 'a 0'), row(2, 'b 0'), row(3, 'a 1'), row(4, 'b 1')];
	assert.deepEqual(judge(good, ['a', 'b'], 2), []);
	const bad = [
		good.slice(0, 3),
		[...good, row(5, 'a 1')],
		[good[0], good[1], row(3, 'a 1'), row(3, 'b 1')],
		[row(1, 'a 1'), good[1], row(3, 'a 0'), good[3]],
		[good[1], good[0], good[2], good[3]],
	];
	for (const rows of bad)
		assert.notDeepEqual(judge(rows, ['a', 'b'], 2), [], JSON.stringify(rows));
	const faults = [];
	const messages = writable([]);
	watch({ messages }, faults, 'x');
	messages.set(good.slice(0, 2));
	assert.deepEqual(faults, []);
	messages.set([good[0], good[1], good[3]]);
	assert.equal(faults.length, 1);
});

test('six kills, 240 sends, 10 clients', async () => {
	const { faults, ...figures } = await killTest({ kills: 6, sends: 240, seed: crypto.randomInt(2 ** 31) });
	assert.deepEqual(faults, [], JSON.stringify(figures));
});
