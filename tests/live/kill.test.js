'use strict';
/* The short form of kill.js, and that its judge sees what it must see. */
const { test } = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { judge, killTest } = require('./kill.js');

test('the judge notices loss, doubling, gaps and changes', () => {
	const stored = [1, 2, 3].map((seq) => ({ id: `i${seq}`, seq, encrypted_content: `c${seq}` }));
	const sender = () => ({
		open: new Map(),
		acked: new Map(stored.map((m) => [m.id, { content: m.encrypted_content, seq: m.seq }])),
	});
	assert.deepEqual(judge([sender()], stored).faults, []);
	assert.equal(judge([sender()], stored.slice(0, 2)).lost, 1);
	const bad = [
		[stored[0], stored[2]],
		[...stored, { ...stored[2], seq: 4 }],
		[...stored, { ...stored[2], id: 'other', seq: 4 }],
		[stored[0], stored[1], { ...stored[2], encrypted_content: 'other' }],
		[stored[1], stored[0], stored[2]],
	];
	for (const rows of bad)
		assert.notDeepEqual(judge([sender()], rows).faults, []);
});

for (const dialect of ['qrypt', 'native', 'realtime'])
	test(`${dialect}, six kills: nothing acknowledged is lost or doubled`, async () => {
		const result = await killTest({ kills: 6, seed: crypto.randomInt(2 ** 31), dialect });
		assert.deepEqual(result.faults, [], JSON.stringify(result));
		assert.ok(result.acknowledged > 0);
	});
