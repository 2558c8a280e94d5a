/* environment.js - what differs between browsers and Node: sockets, time, chance, ids, debug lines. */
import { ParleyError } from './errors.js';

/** @typedef {import('../types/index.d.ts').WebSocketConstructor} WebSocketConstructor */
/** @typedef {import('../types/internal.d.ts').Clock} Clock */

/* Looked up for each call: a test may replace the global timers. */
/** @type {Clock} */
export const realClock = {
	now: () => Date.now(),
	ticks: () => performance.now(),
	random: () => Math.random(),
	setTimeout: (act, ms) => setTimeout(act, ms),
	clearTimeout: (timer) => clearTimeout(timer),
};

/** The time for durations: the clock on the wall may be set. @param {Clock} clock */
export const ticksOf = (clock) => clock.ticks?.() ?? clock.now();

/**
 * The WebSocket to use: the given one, else the global one. Node before 22 has none.
 * @param {WebSocketConstructor} [given]
 * @returns {WebSocketConstructor}
 */
export function findWebSocket(given) {
	const found = given ?? /** @type {any} */ (globalThis).WebSocket;
	if (!found)
		throw new ParleyError('INVALID_ARGUMENT', 'There is no WebSocket here: pass one as option `WebSocket`, such as that of the npm package ws');
	return found;
}

/** A version 4 UUID, also where `crypto.randomUUID` is missing: insecure pages, Node 18. */
export function uuid() {
	const source = globalThis.crypto;
	if (typeof source?.randomUUID === 'function')
		return source.randomUUID();
	const bytes = new Uint8Array(16);
	if (typeof source?.getRandomValues === 'function')
		source.getRandomValues(bytes);
	else
		bytes.forEach((_, i) => { bytes[i] = Math.floor(Math.random() * 256); });
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
	return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. @param {string} text */
export const byteLength = (text) => encoder.encode(text).length;

/** The endpoint on the host of the page; '' outside of pages. */
export function defaultUrl() {
	const { location } = /** @type {any} */ (globalThis);
	if (!location?.host)
		return '';
	return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/ws`;
}

/** Whether `localStorage['websocket-debug']` asks for debug lines. */
export function wantsDebug() {
	try {
		const value = pageStorage()?.getItem('websocket-debug');
		return Boolean(value) && value !== 'false' && value !== '0';
	} catch {
		return false; /* a page may be forbidden to look */
	}
}

/**
 * The url with `?token=` added. Relative urls are those of the page.
 * @param {string} url
 * @param {string | null | undefined} token
 */
export function withToken(url, token) {
	if (!token)
		return url;
	const base = /** @type {any} */ (globalThis).location?.href;
	const target = new URL(url, base);
	target.protocol = target.protocol.replace(/^http/, 'ws');
	target.searchParams.set('token', token);
	return target.href;
}

/** `localStorage`; null where there is none, or a page is forbidden to look. @returns {Storage | null} */
export function pageStorage() {
	try {
		return globalThis.localStorage ?? null;
	} catch {
		return null;
	}
}

/** Errors to the console, nothing else. */
export const quiet = {
	log: () => {},
	error: (/** @type {any[]} */ ...line) => console.error(...line),
};
