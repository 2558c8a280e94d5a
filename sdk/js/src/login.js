/* login.js - from a name and a password to both sockets of the realtime dialect, and back. */
import { ChatWebSocket } from './chat-websocket.js';
import { pageStorage } from './environment.js';
import { ParleyError } from './errors.js';
import { PresenceWebSocket } from './presence-websocket.js';

/** @typedef {import('../types/index.d.ts').LoginOptions} LoginOptions */
/** @typedef {import('../types/index.d.ts').Connections} Connections */

const CALL_MS = 15000;

/** The server answers calls where it listens for sockets. @param {string} url of a WebSocket */
const httpOf = (url) => url.replace(/^ws/, 'http').replace(/[/?#]*$/, '');

/**
 * @param {string} what
 * @param {{body?: object, token?: string}} call
 * @param {string} api
 * @returns {Promise<any>}
 */
async function post(what, { body, token }, api) {
	/** @type {Response} */
	let answer;
	try {
		answer = await fetch(`${api}/api/auth/${what}`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
			body: JSON.stringify(body ?? {}),
			signal: AbortSignal.timeout(CALL_MS),
		});
	} catch (cause) {
		throw new ParleyError('CONNECT_FAILED', `${api} cannot be reached`, { cause });
	}
	const json = await answer.json().catch(() => null);
	if (answer.ok && json)
		return json;
	const seconds = Number(answer.headers.get('retry-after')) || 0;
	throw new ParleyError('LOGIN_FAILED', String(json?.error ?? json?.message ?? `${api} answered ${answer.status}`), { retryAfterMs: seconds * 1000 });
}

/**
 * Logs in, keeps `authToken` and `username` in localStorage, and connects both sockets. Rejects
 * with LOGIN_FAILED, CONNECT_FAILED or what connect() rejects with; then nothing is open or kept.
 * @param {string} username
 * @param {string} password
 * @param {LoginOptions} [options]
 * @returns {Promise<Connections>}
 */
export async function handleLogin(username, password, { chatUrl, presenceUrl, api, prepare, storage = pageStorage(), ...shared } = {}) {
	const where = api ?? httpOf(chatUrl ?? 'ws://localhost:4000');
	const { token, username: name = username } = await post('login', { body: { username, password } }, where);
	if (typeof token !== 'string')
		throw new ParleyError('LOGIN_FAILED', `${where} gave no token`);
	const chatWs = new ChatWebSocket(token, { username: name, ...shared, url: chatUrl });
	const presenceWs = new PresenceWebSocket(token, { ...shared, url: presenceUrl });
	const connections = { username: name, token, api: where, chatWs, presenceWs };
	storage?.setItem('authToken', token);
	storage?.setItem('username', name);
	try {
		prepare?.(connections);
		await Promise.all([chatWs.connect(), presenceWs.connect()]);
	} catch (error) {
		forget(connections, storage);
		throw error;
	}
	return connections;
}

/** @param {Connections} connections @param {LoginOptions['storage']} storage */
function forget({ chatWs, presenceWs }, storage) {
	chatWs.disconnect();
	presenceWs.disconnect();
	storage?.removeItem('authToken');
	storage?.removeItem('username');
}

/**
 * Closes both sockets and forgets the token; then tells the server. Rejects when that cannot be
 * told: everything else is done all the same.
 * @param {Connections} connections
 * @param {Pick<LoginOptions, 'storage'>} [options]
 */
export async function handleLogout(connections, { storage = pageStorage() } = {}) {
	forget(connections, storage);
	await post('logout', { token: connections.token }, connections.api);
}
