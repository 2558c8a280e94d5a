'use strict';
/* Every transcript of tests/wire, played in three ways against a server with its options. */
const { describe, test, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Server } = require('./harness.js');
const { Player, WAYS } = require('./player.js');
const { PatternReader, differs, readTranscript } = require('./transcript.js');

const FOLDER = path.join(__dirname, '../wire');
const DIALECTS = ['qrypt', 'native', 'realtime'];

/* One server for all files that want the same options; where rooms have names, one for each way. */
const servers = new Map();
function serverFor(dialect, way, set) {
	const named = dialect !== 'qrypt';
	const key = JSON.stringify([named && dialect + way, set]);
	if (!servers.has(key))
		servers.set(key, Server.start({ set, dialect: named ? '' : 'qrypt' }));
	return servers.get(key);
}

after(async () => {
	const results = await Promise.allSettled([...servers.values()].map(async (s) => (await s).stop()));
	for (const { reason } of results)
		assert.ok(!reason, reason);
});

test('the matcher tells differences', () => {
	const how = (pattern, value, names = {}) => differs(PatternReader.read(pattern), value, names);
	assert.equal(how('{"a":1,"b":[$x,$x:int],...}', { a: 1, b: [2, 2], c: 3 }), null);
	assert.equal(how('{"a":"$n"}', { a: 'v' }, { n: 'v' }), null);
	assert.equal(how('[..., 3]', [1, 2, 3]), null);
	const wrong = [['{"a":1}', { a: 2 }], ['{"a":1}', { a: 1, b: 2 }], ['{"a":1,...}', {}], ['[1]', [1, 2]],
		['[$x,$x]', [1, 2]], ['$x:uuid', 'x'], ['$t:time', 'x'], ['{}', []], ['[]', {}], ['null', 0], ['"1"', 1]];
	for (const [pattern, value] of wrong)
		assert.notEqual(how(pattern, value), null, pattern);
});

for (const dialect of DIALECTS) {
	const folder = path.join(FOLDER, dialect);
	const files = fs.readdirSync(folder).filter((name) => name.endsWith('.wire')).sort();
	describe(`transcripts of ${dialect}`, { concurrency: 3 }, () => {
		for (const file of files) {
			const transcript = readTranscript(fs.readFileSync(path.join(folder, file), 'utf8'));
			for (const way of WAYS) {
				test(`${file}, ${way}`, async () => {
					const server = await serverFor(dialect, way, transcript.set);
					const player = new Player(transcript, server, way, dialect);
					try {
						await player.play();
					} finally {
						player.finish();
					}
				});
			}
		}
	});
}
