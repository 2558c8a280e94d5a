'use strict';
/*
 * Stock clients that go from long-polling to a WebSocket while messages come and go lose and double
 * none of them. This is the short run of upgrades.js.
 */
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { run } = require('./upgrades.js');

const UPGRADES = 40;

test('upgrades under load lose and double nothing', async () => {
	const sum = await run({ upgrades: UPGRADES, atOnce: 20, rate: 100 });
	assert.deepEqual(sum.faults, []);
	assert.equal(sum.upgrades, UPGRADES);
});
