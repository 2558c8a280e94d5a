/*
 * realtime-socket.js - what the two sockets of the realtime dialect have in common: somebody who
 * signs in by a first message AUTH, on as many connections as it takes.
 *
 *   connecting --open--> AUTH sent --SUCCESS--> signed in --lost--> waiting, then connecting
 *                            '--ERROR--> over: no further attempt before connect()
 *
 * Nothing but AUTH is sent before its answer: what is said earlier waits in a queue.
 */
import { usernameOf } from './account.js';
import { pageStorage, quiet, realClock, uuid } from './environment.js';
import { guarded, ParleyError } from './errors.js';
import { Queue } from './queue.js';
import { closeError, Socket } from './socket.js';
import { Waiters } from './waiters.js';

/** @typedef {import('../types/index.d.ts').RealtimeOptions} RealtimeOptions */
/** @typedef {import('../types/index.d.ts').TokenSource} TokenSource */
/** @typedef {import('../types/internal.d.ts').RealtimeHooks} RealtimeHooks */
/** @typedef {import('../types/internal.d.ts').SocketEnd} SocketEnd */

/** How the server words what another try may undo. */
const MAY_PASS = /please try again\.?$/i;
const PASSING = new Set(['RATE_LIMITED', 'SERVER_ERROR']);

/** @param {any} frame an ERROR */
function errorOf({ msg, retryAfterMs }) {
	const text = String(msg ?? 'The server reported an error');
	const ms = Number(retryAfterMs) || 0;
	if (ms > 0)
		return new ParleyError('RATE_LIMITED', text, { retryAfterMs: ms });
	return new ParleyError(MAY_PASS.test(text) ? 'SERVER_ERROR' : 'REJECTED', text);
}

/**
 * For promises that callers may ignore: their rejection is not an uncaught one.
 * @template T @param {Promise<T>} promise
 */
export function optional(promise) {
	promise.catch(() => {});
	return promise;
}

export class RealtimeSocket {
	#hooks;
	#clock;
	#socket;
	#waiters;
	#queue;
	/** Queued requests that nobody waits for any more. @type {WeakSet<object>} */
	#forgotten = new WeakSet();
	/** @type {{promise: Promise<void>, resolve: () => void, reject: (error: unknown) => void} | null} */
	#connecting = null;
	/** The token of this connection, and then of the last one. @type {string | null} */
	#bearer = null;
	/** Of the AUTH that is not answered yet. @type {string | null} */
	#authId = null;
	/** @type {any} */
	#authTimer = null;
	#isSignedIn = false;
	/** The server said that this connection's token ends. */
	#isExpiring = false;
	#heardAt = 0;
	/** Why the last attempt failed. @type {unknown} */
	#fault = null;
	#hurry = () => this.#socket.hurry();

	/**
	 * @param {TokenSource} token
	 * @param {RealtimeOptions & {url: string}} options
	 * @param {RealtimeHooks} hooks
	 */
	constructor(token, options, hooks) {
		this.token = token;
		this.options = options;
		this.url = options.url;
		this.maxReconnectAttempts = options.maxReconnectAttempts ?? 5;
		this.logger = options.logger ?? quiet;
		this.#hooks = hooks;
		this.#clock = options.clock ?? realClock;
		this.#waiters = new Waiters(this.#clock);
		this.#queue = Queue.withLimits({ maxEntries: options.maxQueue ?? 1000, maxBytes: options.maxQueueBytes ?? 4 << 20 });
		this.#socket = this.#makeSocket(options);
	}

	/** @param {RealtimeOptions} options */
	#makeSocket(options) {
		const self = this;
		return new Socket({
			clock: this.#clock,
			WebSocket: options.WebSocket,
			url: () => this.#address(),
			get maxReconnectAttempts() { return self.maxReconnectAttempts; },
			reconnectDelay: options.reconnectDelay ?? 2000,
			maxReconnectDelay: options.maxReconnectDelay ?? 30000,
			stableAfter: options.stableAfter ?? 5000,
			connectTimeout: options.connectTimeout ?? 15000,
			onOpen: () => this.#opened(),
			onMessage: (text) => this.#heard(text),
			onError: (error) => this.#failed(error),
			onClose: (end) => this.#closed(end),
		});
	}

	/** The WebSocket of the newest connection; null before the first. */
	get ws() {
		return this.#socket.ws;
	}

	/** Connected, and the token was accepted. */
	get isConnected() {
		return this.#isSignedIn;
	}

	/** Tries since the last connection that lasted for `stableAfter` ms. */
	get reconnectAttempts() {
		return this.#socket.attempts;
	}

	set reconnectAttempts(n) {
		this.#socket.attempts = n;
	}

	/**
	 * Who speaks: the token's name, with which the server compares; else the option, else what is
	 * kept in the page as `username`.
	 * @returns {string | null}
	 */
	get username() {
		const token = typeof this.token === 'string' ? this.token : this.#bearer;
		return (token && usernameOf(token)) ?? this.options.username ?? pageStorage()?.getItem('username') ?? null;
	}

	get #requestTimeout() {
		return this.options.requestTimeout ?? 10000;
	}

	/* ---- coming ---- */

	/**
	 * Resolves when signed in. Rejects with REFUSED, GAVE_UP, CLOSED or NOT_SIGNED_IN when there
	 * will be no further attempt; may be ignored.
	 * @returns {Promise<void>}
	 */
	connect() {
		if (this.#isSignedIn)
			return Promise.resolve();
		if (!this.token)
			return optional(Promise.reject(new ParleyError('NOT_SIGNED_IN', 'No auth token found')));
		if (!this.#connecting) {
			/** @type {any} */
			const waiting = {};
			waiting.promise = optional(new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject })));
			this.#connecting = waiting;
			this.#socket.attempts = 0;
		}
		const { promise } = /** @type {{promise: Promise<void>}} */ (this.#connecting);
		globalThis.window?.addEventListener?.('online', this.#hurry);
		this.#socket.open();
		return promise;
	}

	#address() {
		if (typeof this.token !== 'function') {
			this.#bearer = this.token;
			return this.url;
		}
		return Promise.resolve(this.token()).then((token) => {
			if (!token)
				throw new ParleyError('TOKEN_FAILED', 'No auth token found');
			this.#bearer = token;
			return this.url;
		});
	}

	#opened() {
		this.logger.log(`${this.constructor.name} connected`);
		this.#isExpiring = false;
		this.#authTimer = this.#clock.setTimeout(() => this.#socket.drop('no answer to AUTH'), this.#requestTimeout);
		this.#authId = this.#authenticate();
	}

	#authenticate() {
		const requestId = uuid();
		this.#socket.send(JSON.stringify({ type: 'AUTH', token: this.#bearer, requestId }));
		return requestId;
	}

	/** @param {any} frame the answer to AUTH */
	#authenticated(frame) {
		this.#forgetAuth();
		if (frame.type === 'SUCCESS') {
			this.#signedIn();
			return;
		}
		const error = errorOf(frame);
		if (PASSING.has(error.code))
			this.#socket.drop(`signing in failed: ${error.message}`);
		else
			this.#over(new ParleyError('REFUSED', `The server refused the token: ${error.message}`, { cause: error }));
	}

	#signedIn() {
		this.#isSignedIn = true;
		this.#flush();
		this.#hooks.onSignedIn?.();
		this.#connecting?.resolve();
		this.#connecting = null;
		this.#fault = null;
		guarded(() => this.options.onOpen?.());
	}

	#flush() {
		while (this.#queue.length > 0) {
			const message = this.#queue[0];
			if (!this.#forgotten.has(message) && !this.#socket.send(JSON.stringify(message)))
				return;
			this.#queue.shift();
		}
		this.#waiters.markSent();
	}

	/** A new token on the same connection, before the old one ends. */
	async #refresh() {
		const { generation } = this.#socket;
		try {
			await this.#address();
			if (this.#socket.generation === generation && this.#isSignedIn)
				this.#authenticate();
		} catch (error) {
			this.#failed(error);
		}
	}

	/* ---- going ---- */

	/** Closes, and stays closed until connect(). */
	disconnect() {
		const error = new ParleyError('CLOSED', 'The client was closed');
		const hadConnection = this.#socket.state === 'open';
		this.#stop(error);
		if (hadConnection)
			guarded(() => this.options.onClose?.({ code: 1000, reason: '', willRetry: false }));
	}

	/** Nothing is tried any more. @param {ParleyError} error */
	#stop(error) {
		globalThis.window?.removeEventListener?.('online', this.#hurry);
		this.#socket.close();
		this.#signedOut();
		while (this.#queue.length > 0)
			this.#queue.shift();
		this.#waiters.fail(error);
		this.#connecting?.reject(error);
		this.#connecting = null;
	}

	/** @param {ParleyError} error */
	#over(error) {
		this.logger.error(error.message);
		this.#stop(error);
		guarded(() => this.options.onGiveUp?.(error));
	}

	#forgetAuth() {
		this.#clock.clearTimeout(this.#authTimer);
		this.#authId = null;
	}

	#signedOut() {
		this.#forgetAuth();
		this.#isSignedIn = false;
		this.#hooks.onSignedOut?.();
	}

	/** @param {any} error */
	#failed(error) {
		this.logger.error(`${this.constructor.name} error:`, error?.message || error?.error?.message || error);
		this.#fault = error;
	}

	/** @param {SocketEnd} end */
	#closed(end) {
		this.logger.log(`${this.constructor.name} closed`, end.code, end.reason);
		const mayRefresh = this.#isExpiring && typeof this.token === 'function';
		const isFinal = Boolean(end.mistake) || (end.isFinal && !mayRefresh);
		this.#signedOut();
		this.#waiters.fail(closeError(end), (waiter) => waiter.isSent);
		const willRetry = !isFinal && this.reconnectAttempts < this.maxReconnectAttempts;
		guarded(() => this.options.onClose?.({ code: end.code, reason: end.reason, willRetry }));
		if (isFinal)
			this.#over(end.mistake ?? new ParleyError('REFUSED', `The server refused the connection (${end.code} ${end.reason})`, { closeCode: end.code }));
		else
			this.attemptReconnect();
	}

	/** Waits and connects again, if there are tries left. Nothing happens unless a connection was lost. */
	attemptReconnect() {
		if (this.#socket.state !== 'lost')
			return;
		const ms = this.#socket.retry();
		if (ms === -1)
			this.#over(new ParleyError('GAVE_UP', 'Max reconnection attempts reached', { cause: this.#fault ?? undefined }));
		else
			this.logger.log(`Attempting to reconnect in ${ms} ms (${this.reconnectAttempts}/${this.maxReconnectAttempts})`);
	}

	/* ---- talking ---- */

	/** @param {string} text */
	#heard(text) {
		/** @type {any} */
		let frame;
		try {
			frame = JSON.parse(text);
		} catch (error) {
			this.logger.error('Message parsing error:', error);
			return;
		}
		this.#heardAt = this.#clock.now();
		if (typeof frame?.type !== 'string')
			return;
		const isAnswer = frame.type === 'SUCCESS' || frame.type === 'ERROR';
		if (this.#authId && isAnswer && (frame.requestId ?? this.#authId) === this.#authId)
			this.#authenticated(frame);
		else
			this.#waiters.hear(frame);
		if (frame.expiresAt && !frame.requestId)
			this.#expires(frame);
		guarded(() => this.#hooks.onFrame(frame));
	}

	/** @param {any} frame */
	#expires(frame) {
		this.#isExpiring = true;
		if (frame.type !== 'ERROR' && typeof this.token === 'function')
			this.#refresh();
	}

	/**
	 * Sends a message as it is; until somebody is signed in it is queued. Throws QUEUE_FULL.
	 * @param {any} message
	 */
	send(message) {
		if (!this.#isSignedIn || !this.#socket.send(JSON.stringify(message)))
			this.#queue.push(message);
	}

	/**
	 * Sends, and resolves with the answer to it. Rejects with REJECTED, SERVER_ERROR, RATE_LIMITED,
	 * REQUEST_TIMEOUT, CONNECTION_LOST, REFUSED, GAVE_UP, CLOSED or QUEUE_FULL; may be ignored.
	 * @param {any} message
	 * @param {{timeout?: number}} [options]
	 * @returns {Promise<any>}
	 */
	request(message, { timeout = this.#requestTimeout } = {}) {
		const requestId = uuid();
		const question = { ...message, requestId };
		const waiter = this.#waiters.add((frame) => frame.requestId === requestId, timeout, `"${message?.type}"`);
		try {
			waiter.isSent = this.#isSignedIn;
			this.send(question);
		} catch (error) {
			this.#waiters.fail(/** @type {Error} */ (error), (w) => w === waiter);
		}
		return optional(this.#answer(question, waiter.promise));
	}

	/** @param {object} question @param {Promise<any>} promise */
	async #answer(question, promise) {
		const { generation } = this.#socket;
		const asked = this.#clock.now();
		try {
			const frame = await promise;
			if (frame.type === 'ERROR')
				throw errorOf(frame);
			return frame;
		} catch (error) {
			this.#forgotten.add(question);
			const isMine = this.#isSignedIn && this.#socket.generation === generation;
			/* A network can lose a connection without a word. */
			if (isMine && this.#heardAt <= asked && /** @type {ParleyError} */ (error).code === 'REQUEST_TIMEOUT')
				this.#socket.drop('no answer');
			throw error;
		}
	}
}
