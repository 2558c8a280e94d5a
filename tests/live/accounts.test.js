'use strict';
/* Accounts: every answer of the documents' HTTP server, races, limits, and people who are locked out. */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const WebSocket = require('ws');
const { ADMIN_KEY, Server, binary, sleep, within } = require('./harness.js');
const { Client, conversation, people, say } = require('./client.js');
const { person, sign, claims, token } = require('./tokens.js');
const { OPTION } = require('./options.js');

const PASSWORD = 'correct horse battery';
const WRONG = 'Invalid username or password';
const NEEDED = 'Username and password are required';

const open = (more = {}) => {
	const { set, ...rest } = more;
	return Server.start({ set: { [OPTION.accounts]: 'true', ...set }, ...rest });
};
const unique = (name) => person(name).username;

/* status, headers, and the body as JSON. */
async function post(server, where, body, headers = {}) {
	const answer = await fetch(server.http(where), {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', Connection: 'close', ...headers },
		body: typeof body === 'string' ? body : JSON.stringify(body),
	});
	return { status: answer.status, headers: answer.headers, json: await answer.json() };
}

const register = (server, username, password = PASSWORD) =>
	post(server, '/api/auth/register', { username, password });
const login = (server, username, password = PASSWORD) =>
	post(server, '/api/auth/login', { username, password });

async function member(server, name) {
	const answer = await register(server, unique(name));
	assert.equal(answer.status, 201, JSON.stringify(answer.json));
	return answer.json;
}

/* Signs in by the token of a login. */
async function enter(server, jwt) {
	const client = await Client.connect(server);
	const reply = await client.ok('auth', { token: jwt }, 'auth_success');
	client.user = reply.payload.user;
	client.id = client.user.id;
	return client;
}

/* `parley user`, with what is typed on standard input. */
async function user(server, args, typed = '') {
	const child = spawn(binary(), ['user', ...args, '--data', server.data], { env: { PATH: process.env.PATH } });
	let out = '';
	child.stdout.on('data', (text) => (out += text));
	child.stderr.on('data', (text) => (out += text));
	child.stdin.end(typed);
	const code = await new Promise((resolve) => child.on('close', resolve));
	return { code, out };
}

let server;
before(async () => {
	server = await open();
});
after(() => server?.stop());

test('every row of the documents', async () => {
	const name = unique('alice');
	const mine = { username: name, password: PASSWORD };
	const rows = [
		['register', {}, 400, NEEDED],
		['register', { username: name }, 400, NEEDED],
		['register', { password: PASSWORD }, 400, NEEDED],
		['register', { username: ' a ', password: PASSWORD }, 400, 'Username must be at least 3 characters long'],
		['register', { username: name, password: '12345' }, 400, 'Password must be at least 6 characters long'],
		['register', mine, 201],
		['register', mine, 409, 'Username already exists'],
		['register', { ...mine, username: name.toUpperCase() }, 409, 'Username already exists'],
		['login', {}, 400, NEEDED],
		['login', { username: name }, 400, NEEDED],
		['login', { ...mine, password: 'something else' }, 401, WRONG],
		['login', { ...mine, username: unique('nobody') }, 401, WRONG],
		['login', mine, 200],
		['login', { ...mine, username: `  ${name.toUpperCase()} ` }, 200],
	];
	for (const at of ['/api/auth/', '/auth/']) {
		for (const [call, body, status, text] of rows) {
			const expected = at === '/auth/' && status === 201 ? 409 : status;
			const { json, ...answer } = await post(server, at + call, body);
			assert.equal(answer.status, expected, `${call} ${JSON.stringify(body)}: ${JSON.stringify(json)}`);
			assert.equal(answer.headers.get('cache-control'), 'no-store');
			if (text) {
				assert.deepEqual(json, { error: text, message: text });
			} else if (expected < 300) {
				assert.equal(json.message, call === 'login' ? 'Login successful' : 'User registered successfully');
				assert.equal(json.username, name);
				assert.equal(json.user.username, name);
			}
		}
	}
	const jwt = (await login(server, name)).json.token;
	const out = (headers) => post(server, '/api/auth/logout', '', headers);
	assert.deepEqual((await out({ Authorization: `Bearer ${jwt}` })).json, { message: 'Logout successful' });
	for (const [headers, error] of [[{}, 'No token provided'], [{ Authorization: `Bearer ${jwt}x` }, 'Invalid token'],
		[{ Authorization: `Bearer ${token(person('eve'), { secret: 'x'.repeat(40) })}` }, 'Invalid token']]) {
		const { status, json } = await out(headers);
		assert.equal(status, 401);
		assert.equal(json.error, error);
	}
	for (const method of ['GET', 'POST']) {
		const lost = await fetch(server.http('/api/auth/x"y'), { method });
		assert.equal(lost.status, 404);
		assert.equal((await lost.json()).error.message, 'Route /api/auth/x%22y not found');
	}
	const health = await (await fetch(server.http('/health'))).json();
	assert.equal(health.success, true);
	assert.equal(health.message, 'Server is healthy');
	assert.ok(Math.abs(Date.parse(health.timestamp) - Date.now()) < 60000);
	assert.ok(health.uptime > 0);
});

test('names that could be taken for others, or taken apart, cannot be had', async () => {
	for (const username of ['al-ice', 'al ice', 'alice\u0000', 'alice\n', 'аlice', 'ａlice', 'alice\u200b', 'a/b/c',
		'alice@example', "alice'--", '%61lice', 'x'.repeat(65), 'x'.repeat(4000)]) {
		const { status, json } = await register(server, username);
		assert.equal(status, 400, username);
		assert.match(json.error, /^Username (may only contain|must be at most)/);
	}
	assert.equal((await register(server, 'x'.repeat(10000))).status, 413);
	assert.equal((await register(server, unique('bob'), 'x'.repeat(1025))).status, 400);
	assert.equal((await register(server, unique('bob'), 'x'.repeat(1024))).status, 201);
	assert.equal((await register(server, unique('bob'), 'пароль🐎 пароль')).status, 201);
});

test('the name of somebody who comes with a token is taken', async () => {
	const [carol] = await people(server, 'carol');
	assert.equal((await register(server, carol.who.username)).status, 409);
	await carol.close();
});

test('the same name at once: exactly one gets it, and his password is the one', async () => {
	const name = unique('racer');
	const tries = await Promise.all(Array.from({ length: 20 }, (_, i) =>
		register(server, i % 2 ? name : name.toUpperCase(), `password ${i}`)));
	const won = tries.flatMap((t, i) => (t.status === 201 ? [i] : []));
	assert.equal(won.length, 1);
	assert.ok(tries.every((t) => t.status === 201 || t.status === 409));
	for (let i = 0; i < 20; i += 5)
		assert.equal((await login(server, name, `password ${i}`)).status, i === won[0] ? 200 : 401);
	assert.equal((await login(server, name, `password ${won[0]}`)).status, 200);
});

test('two who signed up here talk, and the token says who they are in every way', async () => {
	const [alice, bob] = [await member(server, 'alice'), await member(server, 'bob')];
	const body = JSON.parse(Buffer.from(alice.token.split('.')[1], 'base64url'));
	assert.equal(body.sub, alice.user.id);
	assert.equal(body.userId, alice.user.id);
	assert.equal(body.username, alice.username);
	assert.equal(body.name, alice.username);
	assert.equal(body.exp - body.iat, 7 * 24 * 3600);
	const clients = [await enter(server, alice.token), await enter(server, (await login(server, bob.username)).json.token)];
	assert.equal(clients[0].id, alice.user.id);
	assert.equal(clients[1].user.username, bob.username);
	const room = await conversation(clients[0], clients[1]);
	await say(clients[0], room, 'hello');
	const heard = await clients[1].expect('message_received');
	assert.equal(heard.payload.message.encrypted_content, 'hello');
	for (const client of clients)
		await client.close();
});

test('a page of another site gets nothing, our own and configured ones do', async () => {
	const other = await open({ flags: ['--set', 'origins=https://chat.example,http://localhost:5173'] });
	try {
		const ask = (origin, method = 'POST') => fetch(other.http('/api/auth/login'), {
			method,
			headers: { 'Content-Type': 'application/json', Connection: 'close', Origin: origin },
			body: method === 'POST' ? JSON.stringify({ username: 'nobody', password: 'whatever' }) : undefined,
		});
		for (const origin of ['https://chat.example', 'http://localhost:5173', 'http://127.0.0.1:5173']) {
			for (const [method, status] of [['OPTIONS', 204], ['POST', 401]]) {
				const answer = await ask(origin, method);
				assert.equal(answer.status, status, origin);
				assert.equal(answer.headers.get('access-control-allow-origin'), origin);
				assert.equal(answer.headers.get('vary'), 'Origin');
			}
		}
		for (const origin of ['https://evil.example', 'null', 'http://chat.example', 'https://chat.example.evil']) {
			for (const method of ['OPTIONS', 'POST']) {
				const answer = await ask(origin, method);
				assert.equal(answer.status, 403, origin);
				assert.equal(answer.headers.get('access-control-allow-origin'), null);
			}
		}
		const form = await post(other, '/api/auth/login', 'username=a', { 'Content-Type': 'text/plain' });
		assert.equal(form.status, 415);
	} finally {
		await other.stop();
	}
});

test('too many attempts: by name from wherever, and by address', async () => {
	const other = await open({ set: { [OPTION.limits]: 'true' },
		flags: ['--set', 'limits.logins_per_name=3', '--set', 'limits.logins_per_minute=8'] });
	try {
		const statuses = [];
		for (let i = 0; i < 5; i++)
			statuses.push((await login(other, i % 2 ? 'victim' : 'VICTIM', `guess ${i}`)).status);
		assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
		assert.equal((await login(other, 'somebody')).status, 401);
		let last;
		for (let i = 0; i < 4; i++)
			last = await register(other, unique('many'));
		assert.equal(last.status, 429);
		assert.equal(last.json.error, 'Too many attempts. Please try again later.');
		const seconds = Number(last.headers.get('retry-after'));
		assert.ok(seconds >= 1 && seconds <= 60, seconds);
	} finally {
		await other.stop();
	}
});

test('more at once than can be hashed: some are told to come back, none hangs', async () => {
	const other = await open({ flags: ['--set', 'accounts.queue=2'] });
	try {
		const tries = await Promise.all(Array.from({ length: 30 }, () => login(other, 'nobody')));
		const busy = tries.filter((t) => t.status === 503);
		assert.ok(busy.length > 0);
		assert.ok(tries.every((t) => t.status === 401 || t.status === 503));
		assert.ok(busy.every((t) => Number(t.headers.get('retry-after')) >= 1));
		assert.equal((await login(other, 'nobody')).status, 401);
	} finally {
		await other.stop();
	}
});

test('off unless it is switched on; closed to new people where that is wanted', async () => {
	const off = await Server.start();
	try {
		assert.equal((await login(off, 'alice')).status, 404);
		assert.equal((await register(off, 'alice')).status, 404);
	} finally {
		await off.stop();
	}
	const closed = await open({ flags: ['--set', 'accounts.register=false'] });
	try {
		const refused = await register(closed, 'alice');
		assert.equal(refused.status, 403);
		assert.equal(refused.json.error, 'Registration is closed');
		assert.equal((await user(closed, ['add', 'alice'], `${PASSWORD}\n`)).code, 0);
		assert.equal((await login(closed, 'alice')).status, 200);
	} finally {
		await closed.stop();
	}
});

test('who is locked out is out within two seconds, everywhere, until he is let in again', async () => {
	const alice = await member(server, 'alice');
	const [bob] = await people(server, 'bob');
	const devices = [];
	for (let i = 0; i < 4; i++)
		devices.push(await enter(server, alice.token));
	const began = Date.now();
	const done = await user(server, ['disable', alice.username]);
	assert.deepEqual(done, { code: 0, out: `${alice.username} is disabled\n` });
	const told = Date.now();
	for (const device of devices) {
		const end = await within(device.closed, 2000);
		assert.deepEqual(end, { code: 1008, reason: 'account disabled' });
	}
	assert.ok(Date.now() - told < 2000, `${Date.now() - began} ms`);
	await bob.sync();
	assert.equal((await login(server, alice.username)).status, 403);
	assert.equal((await login(server, alice.username, 'wrong password')).status, 401);
	const late = await Client.connect(server);
	await late.fails('auth', { token: alice.token }, 'INVALID_TOKEN', 'Invalid or expired token');
	assert.equal((await user(server, ['enable', alice.username])).code, 0);
	await (await enter(server, alice.token)).close();
	await late.close();
	/* Somebody with a token of others, by his id. */
	assert.equal((await user(server, ['disable', bob.id])).code, 0);
	assert.equal((await bob.closed).code, 1008);
});

test('... whatever he speaks, and a token that opened one dialect opens the other', async () => {
	const other = await open({ dialect: null });
	try {
		const alice = await member(other, 'alice');
		const sockets = await Promise.all(['/ws', '/native', '/'].map((where) => new Promise((resolve, reject) => {
			const socket = new WebSocket(other.url(`${where}?token=${alice.token}`));
			const closed = new Promise((end) => socket.on('close', (code, reason) => end(`${code} ${reason}`)));
			socket.on('open', () => resolve({ socket, closed }));
			socket.on('error', reject);
		})));
		await sleep(300); /* the sign-in by handshake is not announced in every dialect */
		assert.equal((await user(other, ['disable', alice.username])).code, 0);
		for (const { closed } of sockets)
			assert.equal(await within(closed, 2000), '1008 account disabled');
	} finally {
		await other.stop();
	}
});

test('a new password ends what the old one opened', async () => {
	const alice = await member(server, 'alice');
	const device = await enter(server, alice.token);
	await sleep(1100); /* tokens count whole seconds */
	const changed = await user(server, ['passwd', alice.username], 'a new password\n');
	assert.equal(changed.code, 0, changed.out);
	assert.deepEqual(await within(device.closed, 2000), { code: 1008, reason: 'password changed' });
	assert.equal((await login(server, alice.username)).status, 401);
	const late = await Client.connect(server);
	await late.fails('auth', { token: alice.token }, 'INVALID_TOKEN', 'Invalid or expired token');
	await late.close();
	const again = await login(server, alice.username, 'a new password');
	assert.equal(again.status, 200);
	await (await enter(server, again.json.token)).close();
});

test('the administration: by the socket of the data directory, or with the admin key', async () => {
	const name = unique('dora');
	assert.equal((await user(server, ['add', name], `${PASSWORD}\n`)).code, 0);
	assert.equal((await user(server, ['add', name], `${PASSWORD}\n`)).code, 1);
	const list = await user(server, ['list']);
	assert.match(list.out, new RegExp(`^[0-9a-f-]{36}  account   enabled   ${name}$`, 'm'));
	assert.equal((await user(server, ['passwd', unique('nobody')], `${PASSWORD}\n`)).code, 1);
	for (const [method, where] of [['GET', '/admin/users'], ['POST', '/admin/users'], ['POST', '/admin/users/disable'],
		['POST', '/admin/users/enable'], ['POST', '/admin/users/password']]) {
		const headers = { 'Content-Type': 'application/json' };
		const body = method === 'POST' ? JSON.stringify({ user: name }) : undefined;
		for (const key of [undefined, 'Bearer wrong key of some length', `Bearer ${token(person('eve'))}`]) {
			const refused = await fetch(server.http(where), { method, body, headers: key ? { ...headers, Authorization: key } : headers });
			assert.equal(refused.status, 401, where);
			await refused.text();
		}
	}
	const headers = { Authorization: `Bearer ${ADMIN_KEY}` };
	const seen = await (await fetch(server.http('/admin/users'), { headers })).json();
	assert.ok(seen.users.some((u) => u.username === name && u.hasAccount && !u.disabled));
	assert.equal((await post(server, '/admin/users/disable', { user: name }, headers)).json.disabled, true);
	assert.equal((await login(server, name)).status, 403);
});

test('it outlives the process, and neither passwords nor tokens are in the log', async () => {
	const other = await open({ flags: ['--log', 'debug'] });
	try {
		const alice = await member(other, 'alice');
		const bob = await member(other, 'bob');
		await user(other, ['disable', bob.username]);
		await login(other, PASSWORD.replaceAll(' ', '_'), PASSWORD); /* typed into the wrong field */
		await other.kill();
		await other.launch();
		assert.equal((await login(other, alice.username)).status, 200);
		assert.equal((await login(other, bob.username)).status, 403);
		assert.equal((await register(other, alice.username)).status, 409);
		await (await enter(other, alice.token)).close();
		for (const secret of [PASSWORD, PASSWORD.replaceAll(' ', '_'), alice.token, alice.token.split('.')[2]])
			assert.ok(!other.log.includes(secret), 'a secret in the log');
	} finally {
		await other.stop();
	}
});

test('with public keys of others, accounts have a key of their own', async () => {
	const crypto = require('node:crypto');
	const fs = require('node:fs');
	const path = require('node:path');
	const { publicKey } = crypto.generateKeyPairSync('ed25519');
	const dir = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'parley-pem-'));
	const pem = path.join(dir, 'key.pem');
	fs.writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }));
	const other = await open({ env: { JWT_SECRET: '' }, flags: ['--set', `auth.keys=${pem}`,
		'--set', 'auth.issuer=us', '--set', 'auth.audience=them', '--set', 'auth.max_lifetime=1h'] });
	try {
		const alice = await member(other, 'alice');
		await (await enter(other, alice.token)).close();
		const late = await Client.connect(other);
		const forged = sign(claims(person('eve')), { secret: 'x'.repeat(48) });
		await late.fails('auth', { token: forged }, 'INVALID_TOKEN', 'Invalid or expired token');
		await late.close();
	} finally {
		await other.stop();
		fs.rmSync(dir, { recursive: true });
	}
});
