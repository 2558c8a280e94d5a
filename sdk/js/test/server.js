/*
 * server.js - the real server for tests, and people on it. PARLEY_BIN is the program, as for the
 * live tests, whose harness this is.
 */
import { createRequire } from 'node:module';
import { WebSocket as WsWebSocket } from 'ws';
import { createWsChat } from '../src/index.js';

const require = createRequire(import.meta.url);
export const { Server, sleep, within, freePort } = require('../../../tests/live/harness.js');
export const { person, token, sign, claims } = require('../../../tests/live/tokens.js');

/** Quick to reconnect, so that tests are. */
export const QUICK = { WebSocket: WsWebSocket, reconnectDelay: 50, maxReconnectDelay: 300, storage: 'memory' };
export { WsWebSocket };

const open = new Set();

/** A chat of this person; ended by closeAll(). */
export function chatOf(server, who, options = {}) {
	const chat = createWsChat({ url: server.url(), ...QUICK, ...options });
	open.add(chat);
	chat.who = who;
	chat.token = (ttl = 3600) => token(who, { ttl });
	return chat;
}

export async function signIn(server, name, options) {
	const who = typeof name === 'string' ? person(name) : name;
	const chat = chatOf(server, who, options);
	const result = await chat.connect(chat.token());
	if (!result.success)
		throw new Error(`${who.username}: ${result.error}`);
	return chat;
}

export async function closeAll() {
	await Promise.all([...open].map((chat) => chat.destroy()));
	open.clear();
}

/** Polls: stores tell each change, but a condition may need several of them. */
export async function until(what, is, ms = 15000) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await is();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`not within ${ms} ms: ${what}`);
		await sleep(10);
	}
}

/** A room of all these chats, joined and loaded by each. */
export async function roomOf(...chats) {
	const made = await chats[0].request('create_conversation',
		{ participantIds: chats.slice(1).map((chat) => chat.getState().user.id), isGroup: true, name: 'room' });
	const id = made.payload.conversation.id;
	for (const chat of chats) {
		await chat.joinConversation(id);
		await chat.loadMessages(id);
	}
	return id;
}

export const texts = (chat) => chat.getState().messages.map((m) => m.encrypted_content);
