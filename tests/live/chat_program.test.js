'use strict';
/* `parley chat` and a documented client of the chat+presence dialect talk to each other, in the conversation of the two. */
const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { binary, sleep, within } = require('./harness.js');
const { Realtime, start } = require('./realtime_client.js');
const { person, token } = require('./tokens.js');

const WAIT_MS = 20000;

let server;
before(async () => (server = await start()));
after(() => server?.stop());

/* The program with a script on its input; what it printed is in `out`, as lines. */
function chat(who, other) {
	const child = spawn(binary(), ['chat', `ws://127.0.0.1:${server.port}`, '--with', other.username],
		{ env: { ...process.env, PARLEY_TOKEN: token(who) }, stdio: ['pipe', 'pipe', 'inherit'] });
	const program = { child, out: '', lines: () => program.out.split('\n').slice(0, -1) };
	program.ended = new Promise((resolve) => child.on('close', resolve));
	child.stdout.on('data', (text) => (program.out += text));
	return program;
}

async function prints(program, line) {
	for (const until = Date.now() + WAIT_MS; !program.lines().includes(line); await sleep(20))
		assert.ok(Date.now() < until, `no "${line}" in ${JSON.stringify(program.lines())}`);
}

test('both sides say something, and the history of one shows both', async (t) => {
	const [ann, dora] = [person('ann'), person('dora')];
	const documented = await Realtime.connect(server.port, dora);
	const program = chat(ann, dora);
	t.after(() => program.child.kill('SIGKILL'));
	program.child.stdin.write('hello from a terminal\n');
	const heard = await documented.expect('ONE_TO_ONE_CHAT');
	assert.equal(heard.content, 'hello from a terminal');
	assert.deepEqual([heard.from, heard.to], [ann.username, dora.username]);
	documented.say(ann, 'hello from a browser');
	await prints(program, `${dora.name}: hello from a browser`);
	program.child.stdin.end('bye\n');
	assert.equal((await documented.expect('ONE_TO_ONE_CHAT')).content, 'bye');
	assert.equal(await within(program.ended, WAIT_MS), 0);
	const { messages } = await documented.history(ann);
	assert.deepEqual(messages.map((m) => [m.from, m.text]), [
		[ann.username, 'hello from a terminal'],
		[dora.username, 'hello from a browser'],
		[ann.username, 'bye'],
	]);
	await documented.close();
});
