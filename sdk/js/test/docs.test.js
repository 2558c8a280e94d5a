/* Every block of code in docs/sdk.md runs, in the order of the page, and does what it says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { findChromium } from './browser.js';
import { closeAll, freePort, person, roomOf, Server, signIn, texts, token, until } from './server.js';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const page = fs.readFileSync(path.join(ROOT, 'docs/sdk.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code], i) => ({ i, language, code }));
const { SECRET } = createRequire(import.meta.url)('../../../tests/live/tokens.js');
/* As told by the page: what a line prints stands behind it. */
const promised = (code) => [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, text]) => text);

let server;
let native;
let realtime;
let dir;
let hello;
const done = new Set();

/** Both sockets of the chat+presence dialect, with the people of the page. */
async function startRealtime() {
	const presence = await freePort();
	const both = new Server({
		dialect: 'realtime-chat',
		set: { 'accounts.enabled': 'true', 'presence.grace': '200ms' },
		flags: ['--listen', `127.0.0.1:${presence}=realtime-presence`],
	});
	await both.launch();
	both.presence = presence;
	for (const username of ['alice', 'bob'])
		await fetch(both.http('/api/auth/register'), {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', Connection: 'close' },
			body: JSON.stringify({ username, password: 'correct horse' }),
		});
	return both;
}

/** As `make run` leaves it: a checkout with sdk/js, build/release/parley and parley-data. */
before(async () => {
	dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-docs-'));
	server = await Server.start({ data: path.join(dir, 'parley-data') });
	const port = await freePort();
	native = new Server({ dialect: 'native', set: { 'native.anonymous': String(port) } });
	native.port = port;
	await native.launch();
	realtime = await startRealtime();
	const program = path.resolve(process.env.PARLEY_BIN ?? path.join(ROOT, 'build/dev/parley'));
	fs.mkdirSync(path.join(dir, 'build/release'), { recursive: true });
	fs.symlinkSync(program, path.join(dir, 'build/release/parley'));
	fs.mkdirSync(path.join(dir, 'sdk'));
	fs.symlinkSync(path.join(ROOT, 'sdk/js'), path.join(dir, 'sdk/js'));
	hello = path.join(dir, 'build/hello');
});
after(async () => {
	await closeAll();
	await server?.stop();
	await native?.stop();
	await realtime?.stop();
	if (dir)
		fs.rmSync(dir, { recursive: true, force: true });
});

/* The page's places are those of these servers. */
const placed = (code) => Object.entries({ 8080: server.port, 3001: native.port, 4000: realtime.port, 5000: realtime.presence })
	.reduce((text, [port, real]) => text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${real}`), code);

function take(language, mark) {
	const block = blocks.find((one) => one.language === language && one.code.includes(mark) && !done.has(one.i));
	assert.ok(block, `a ${language} block with ${mark}`);
	done.add(block.i);
	return placed(block.code);
}

function run(command, args, cwd) {
	const env = { ...process.env, JWT_SECRET: SECRET };
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { cwd, env, timeout: 120000 });
		let out = '';
		let err = '';
		child.stdout.on('data', (text) => { out += text; });
		child.stderr.on('data', (text) => { err += text; });
		child.on('error', reject);
		child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${code}: ${err}\n${out}`))));
	});
}
test('the first program, as the page has it', async () => {
	await run('bash', ['-ec', take('sh', 'npm install')], dir);
	fs.writeFileSync(path.join(hello, 'hello.js'), take('js', '// hello.js'));
	const out = await run('bash', ['-ec', take('sh', 'node hello.js')], hello);
	assert.match(out, /^1 alice: Hello, Bob!$/m);
});

const scraps = blocks.filter(({ language, code }) => language === 'js' && !code.includes('// hello.js'));
for (const { i, code } of scraps)
	test(`piece ${i}: ${code.split('\n', 1)[0].slice(0, 60)}`, async () => {
		done.add(i);
		const who = person('ann');
		const room = await roomOf(await signIn(server, who), await signIn(server, 'ben'));
		const imports = code.match(/^import .*$/gm)?.filter((line) => !/'(ws|parley-client)'/.test(line)) ?? [];
		const program = [
			"import WebSocket from 'ws';",
			"import { ChatWebSocket, createWsChat, handleLogin, handleLogout, WebSocketClient } from 'parley-client';",
			...imports,
			`const url = '${server.url()}';`,
			`const room = '${room}';`,
			`const freshToken = () => '${token(who)}';`,
			'const chat = createWsChat({ url, WebSocket });',
			'await chat.connect(freshToken());',
			placed(code.replace(/^import .*$/gm, '')),
			'await chat.destroy();',
		];
		const file = path.join(hello, `piece${i}.js`);
		fs.writeFileSync(file, program.join('\n'));
		const out = (await run('node', [file], hello)).trim().split('\n').filter(Boolean);
		for (const line of promised(code))
			assert.ok(out.includes(line), `"${line}" in:\n${out.join('\n')}`);
	});

test('the page works in Chromium', { skip: findChromium() ? false : 'no Chromium here' }, async () => {
	fs.writeFileSync(path.join(hello, 'index.html'), take('html', '<script'));
	const files = http.createServer((request, response) => {
		const file = path.join(hello, new URL(request.url, 'http://h').pathname.replace(/\/$/, '/index.html'));
		const isThere = fs.existsSync(file);
		response.writeHead(isThere ? 200 : 404, { 'content-type': file.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8' });
		response.end(isThere ? fs.readFileSync(file) : '');
	});
	await new Promise((resolve) => files.listen(0, '127.0.0.1', resolve));
	const browser = await chromium.launch({ executablePath: findChromium(), headless: true });
	try {
		const [ann, ben] = [person('ann'), await signIn(server, 'ben')];
		const room = await roomOf(await signIn(server, ann), ben);
		const tab = await browser.newPage();
		await tab.goto(`http://127.0.0.1:${files.address().port}/#token=${token(ann)}&room=${room}`);
		await tab.fill('input', 'from the page');
		await tab.press('input', 'Enter');
		await until('heard', () => texts(ben).includes('from the page'));
		await until('shown', async () => (await tab.textContent('ul')) === 'from the page');
	} finally {
		await browser.close();
		files.closeAllConnections?.();
		files.close();
	}
});

test('no block was left out', () => {
	const left = blocks.filter(({ i, language }) => !done.has(i) && !(language === 'html' && !findChromium()));
	assert.deepEqual(left, []);
});
