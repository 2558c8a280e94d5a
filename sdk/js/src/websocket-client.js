/*
 * websocket-client.js - a client for flat JSON messages {"type": ...}: one handler per type,
 * messages queued while there is no connection, a new connection when one was lost.
 *
 * It promises order, not delivery: there are no acknowledgements on this protocol, so what was
 * handed to a connection that then broke may be lost. For delivery see ws-chat.js.
 */
import { quiet, realClock, withToken } from './environment.js';
import { guarded, ParleyError } from './errors.js';
import { Queue } from './queue.js';
import { closeError, Socket } from './socket.js';
import { Waiters } from './waiters.js';

/** @typedef {import('../types/index.d.ts').WebSocketClientOptions} WebSocketClientOptions */
/** @typedef {import('../types/index.d.ts').RequestOptions} RequestOptions */

const REQUEST_MS = 10000;
/** What answers a request, where the protocol has an answer. @type {Record<string, string>} */
const ANSWERS = { join: 'joined', leave: 'left', ping: 'pong' };

export class WebSocketClient {
	#socket;
	#waiters;
	/** @type {{promise: Promise<void>, resolve: () => void, reject: (error: unknown) => void} | null} */
	#connecting = null;
	/** Why the last attempt failed, for connect() to reject with. @type {unknown} */
	#fault = null;

	/**
	 * @param {string} url
	 * @param {WebSocketClientOptions} [options]
	 */
	constructor(url, options = {}) {
		this.url = url;
		this.options = options;
		/** @type {Map<string, (message: any) => void>} */
		this.messageHandlers = new Map();
		this.maxReconnectAttempts = options.maxReconnectAttempts || 5;
		this.reconnectDelay = options.reconnectDelay || 1000;
		this.messageQueue = Queue.withLimits({
			maxEntries: options.maxQueue ?? 1000,
			maxBytes: options.maxQueueBytes ?? 4 << 20,
		});
		this.logger = options.logger ?? quiet;
		const clock = options.clock ?? realClock;
		this.#waiters = new Waiters(clock);
		const self = this;
		this.#socket = new Socket({
			clock,
			WebSocket: options.WebSocket,
			url: () => this.#address(),
			get reconnectDelay() { return self.reconnectDelay; },
			get maxReconnectAttempts() { return self.maxReconnectAttempts; },
			maxReconnectDelay: options.maxReconnectDelay ?? 30000,
			stableAfter: options.stableAfter ?? 5000,
			connectTimeout: options.connectTimeout ?? 15000,
			onOpen: () => this.#opened(),
			onMessage: (text) => this.handleMessage(text),
			onError: (error) => this.#failed(error),
			onClose: (end) => this.#closed(end),
		});
	}

	/** The WebSocket of the newest connection; null before the first. */
	get ws() {
		return this.#socket.ws;
	}

	get isConnected() {
		return this.#socket.state === 'open';
	}

	/** Tries since the last connection that lasted for `stableAfter` ms. */
	get reconnectAttempts() {
		return this.#socket.attempts;
	}

	set reconnectAttempts(n) {
		this.#socket.attempts = n;
	}

	/**
	 * Resolves when the connection is open and the queue was sent. Rejects when this attempt
	 * fails; it is tried again all the same, until close().
	 * @returns {Promise<void>}
	 */
	connect() {
		if (this.isConnected)
			return Promise.resolve();
		if (!this.#connecting) {
			/** @type {any} */
			const waiting = {};
			waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
			this.#connecting = waiting;
		}
		const { promise } = /** @type {{promise: Promise<void>}} */ (this.#connecting);
		this.#socket.open();
		return promise;
	}

	#address() {
		const { token } = this.options;
		if (typeof token === 'function')
			return Promise.resolve(token()).then((ready) => withToken(this.url, ready));
		return withToken(this.url, token);
	}

	#opened() {
		this.logger.log('WebSocket connected');
		while (this.messageQueue.length > 0 && this.isConnected)
			this.send(this.messageQueue.shift());
		this.#waiters.markSent();
		this.#connecting?.resolve();
		this.#connecting = null;
		guarded(() => this.options.onOpen?.());
	}

	/** @param {any} error */
	#failed(error) {
		this.logger.error('WebSocket error:', error?.message || error?.error?.message || error);
		this.#fault = error;
	}

	/** @param {import('../types/internal.d.ts').SocketEnd} end */
	#closed(end) {
		const error = closeError(end);
		this.logger.log('WebSocket closed:', end.code, end.reason);
		const fault = this.#fault ?? error;
		this.#fault = null;
		this.#waiters.fail(error, (waiter) => waiter.isSent);
		const willRetry = !end.isFinal && this.reconnectAttempts < this.maxReconnectAttempts;
		const connecting = this.#connecting;
		this.#connecting = null;
		connecting?.reject(end.mistake ?? (end.isFinal ? this.#refusal(end) : fault));
		guarded(() => this.options.onClose?.({ code: end.code, reason: end.reason, willRetry }));
		if (end.isFinal)
			this.#giveUp(end.mistake ?? this.#refusal(end));
		else
			this.handleReconnect();
	}

	/** @param {import('../types/internal.d.ts').SocketEnd} end */
	#refusal(end) {
		return new ParleyError('REFUSED', `The server refused the connection (${end.code} ${end.reason})`, { closeCode: end.code });
	}

	/** @param {ParleyError} error */
	#giveUp(error) {
		this.logger.error(error.message);
		this.#waiters.fail(error);
		guarded(() => this.options.onGiveUp?.(error));
	}

	/** Waits and connects again, if there are tries left. Called when a connection was lost. */
	handleReconnect() {
		const ms = this.#socket.retry();
		if (ms === -1)
			this.#giveUp(new ParleyError('GAVE_UP', 'Max reconnection attempts reached'));
		else if (ms >= 0)
			this.logger.log(`Reconnecting in ${ms}ms (attempt ${this.reconnectAttempts})`);
	}

	/** A frame's text to the handler of its type. @param {string} data */
	handleMessage(data) {
		/** @type {any} */
		let message;
		try {
			message = JSON.parse(data);
		} catch (error) {
			this.logger.error('Message parsing error:', error);
			return;
		}
		this.#waiters.hear(message);
		const handler = this.messageHandlers.get(message?.type);
		if (!handler) {
			this.logger.log('Unhandled message:', message);
			return;
		}
		try {
			handler(message);
		} catch (error) {
			this.logger.error('Message handler error:', error);
		}
	}

	/** One handler per type: a later one replaces the earlier. @param {string} type @param {(message: any) => void} handler */
	on(type, handler) {
		this.messageHandlers.set(type, handler);
	}

	/**
	 * Sends, or queues until there is a connection. Objects go out as JSON, texts and bytes as
	 * they are. Throws QUEUE_FULL.
	 * @param {unknown} data
	 */
	send(data) {
		const isBytes = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
		const message = typeof data === 'object' && !isBytes ? JSON.stringify(data) : data;
		if (!this.#socket.send(message))
			this.messageQueue.push(data);
	}

	/**
	 * Sends, and resolves with the answer. `options.reply` is the type of the answer; join, leave
	 * and ping know theirs. Rejects with REQUEST_TIMEOUT, SERVER_ERROR (an `error` frame came),
	 * CONNECTION_LOST, REFUSED, GAVE_UP, CLOSED or QUEUE_FULL.
	 * @param {any} message
	 * @param {RequestOptions} [options]
	 * @returns {Promise<any>}
	 */
	request(message, { reply = ANSWERS[message?.type], where, timeout = REQUEST_MS } = {}) {
		if (!reply)
			return Promise.reject(new ParleyError('INVALID_ARGUMENT', `What answers "${message?.type}"? Name it in options.reply`));
		const isRoom = message.room !== undefined && (reply === 'joined' || reply === 'left');
		const accepts = where ?? (isRoom ? (/** @type {any} */ m) => m.roomId === message.room : () => true);
		const waiter = this.#waiters.add((m) => m?.type === reply && accepts(m), timeout, `"${message.type}"`);
		try {
			waiter.isSent = this.isConnected;
			this.send(message);
		} catch (error) {
			this.#waiters.fail(/** @type {Error} */ (error), (w) => w === waiter);
		}
		return waiter.promise;
	}

	/** Closes, and stays closed until connect(). @param {number} [code] @param {string} [reason] */
	close(code = 1000, reason = '') {
		const error = new ParleyError('CLOSED', 'The client was closed');
		const hadConnection = this.isConnected;
		this.#socket.close(code, reason);
		this.#waiters.fail(error);
		this.#connecting?.reject(error);
		this.#connecting = null;
		if (hadConnection)
			guarded(() => this.options.onClose?.({ code, reason, willRetry: false }));
	}
}
