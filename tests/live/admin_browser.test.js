'use strict';
/*
 * The published Admin UI (@socket.io/admin-ui, served as it is) in headless Chromium: an operator
 * logs in, sees two clients and a room, puts a socket into another room, disconnects one, and is let
 * in again after a reload without the password.
 *
 * SCREENSHOT names a file for a picture of what the operator sees.
 */
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { Client, PASSWORD, USER, start } = require('./admin_clients.js');

const UI = path.join(path.dirname(require.resolve('@socket.io/admin-ui/package.json')), 'ui/dist');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png' };
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const program = [process.env.CHROMIUM, ...PLACES].find((place) => place && fs.existsSync(place));
const skip = program ? false : 'there is no Chromium here: apt-get install chromium';

/* The files of the package and nothing else. */
function serve(request, response) {
	const { pathname } = new URL(request.url, 'http://host');
	const file = path.join(UI, pathname === '/' ? 'index.html' : path.normalize(pathname));
	if (!file.startsWith(UI) || !fs.existsSync(file)) {
		response.writeHead(404).end();
		return;
	}
	response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
	fs.createReadStream(file).pipe(response);
}

let pages;
let server;
let browser;
let page;
let clients;
const errors = [];

before(async () => {
	if (skip)
		return;
	pages = http.createServer(serve);
	await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
	const origin = `http://127.0.0.1:${pages.address().port}`;
	server = await start({}, { ORIGIN: origin });
	clients = [await Client.connect(server), await Client.connect(server, '/', { transports: ['polling'] })];
	for (const client of clients)
		await client.ask('enter', 'kitchen');
	browser = await chromium.launch({ executablePath: program, headless: true, args: ['--disable-gpu'] });
	const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1400, height: 900 } });
	/* Its fonts and icons come from the network, which this test has none of. */
	await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
	page = await context.newPage();
	page.setDefaultTimeout(15000);
	page.on('pageerror', (error) => errors.push(error.message));
	await page.goto(origin);
});

after(async () => {
	if (skip)
		return;
	for (const client of clients)
		client.close();
	await browser.close();
	pages.closeAllConnections?.();
	await new Promise((resolve) => pages.close(resolve));
	await server.stop();
});

async function logIn(password) {
	const modal = page.locator('.v-dialog--active');
	await modal.getByLabel('Server URL').fill(`http://127.0.0.1:${server.port}`);
	await modal.getByLabel('Username').fill(USER);
	await modal.getByLabel('Password').fill(password);
	await modal.getByRole('button', { name: 'Connect' }).click();
	return modal;
}

const rows = (text) => page.locator('.v-main tbody tr', { hasText: text });

/* The view that was left is still there while it slides away. */
async function go(title) {
	await page.locator('.v-navigation-drawer').getByText(title, { exact: true }).click();
	await page.waitForFunction((name) => {
		const shown = document.querySelectorAll('.v-main .v-breadcrumbs');
		return shown.length === 1 && shown[0].innerText.trim() === name;
	}, title);
}

test('a wrong password is refused, the right one lets in', { skip }, async () => {
	const modal = await logIn('guess');
	await modal.getByText('Invalid credentials').waitFor();
	await logIn(PASSWORD);
	await modal.waitFor({ state: 'hidden' });
	await page.getByText('Namespaces', { exact: true }).first().waitFor();
});

test('two clients and a room', { skip }, async () => {
	await go('Clients');
	/* With the operator's own. */
	await rows('127.0.0.1').nth(2).waitFor();
	assert.equal(await rows('127.0.0.1').count(), 3);
	await go('Sockets');
	for (const client of clients)
		await rows(client.id).waitFor();
	await rows(clients[0].id).getByText('WebSocket').waitFor();
	await rows(clients[1].id).getByText('HTTP long-polling').waitFor();
	await go('Rooms');
	await rows('kitchen').waitFor();
	assert.match(await rows('kitchen').innerText(), /kitchen\s+(\S+\s+)*2\s*$/);
	if (process.env.SCREENSHOT)
		await page.screenshot({ path: process.env.SCREENSHOT });
});

test('puts a socket into a room', { skip }, async () => {
	await go('Sockets');
	await rows(clients[0].id).click();
	await page.getByLabel('Join a room').fill('pantry');
	await page.locator('.v-main form button[type=submit]').click();
	await rows('pantry').waitFor();
	await clients[1].ask('say', 'pantry', 'bread');
	assert.deepEqual(await clients[0].hear('said'), ['said', 'bread']);
});

test('sees events as they come', { skip }, async () => {
	await go('Events');
	await clients[0].ask('echo', 'from the test');
	await rows('echo').first().waitFor();
});

test('disconnects a socket', { skip }, async () => {
	await go('Sockets');
	await rows(clients[1].id).locator('button').click();
	assert.equal(await clients[1].gone, 'io server disconnect');
	/* The click has opened the row, too: the page of a socket that is gone. */
	await page.locator('.v-main').getByText('Disconnected').first().waitFor();
	await go('Sockets');
	await rows(clients[1].id).waitFor({ state: 'detached' });
	assert.ok(clients[0].socket.connected);
});

test('comes back after a reload by its session', { skip }, async () => {
	await page.reload();
	await go('Sockets');
	await rows(clients[0].id).waitFor();
	assert.equal(await page.locator('.v-dialog--active').count(), 0);
	assert.deepEqual(errors, []);
});
