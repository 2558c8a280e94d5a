/*
 * session.js - somebody signed in, over as many connections as it takes.
 *
 * It keeps a connection, brings the token on each new one and before the old token ends, notices a
 * dead connection by its own pings, and lets requests wait until somebody is signed in. What is
 * said over it is not its business.
 */
import { realClock, ticksOf } from './environment.js';
import { ParleyError } from './errors.js';
import { Gate } from './gate.js';
import { parseFrame, Requests } from './requests.js';
import { closeError, Socket } from './socket.js';

/** @typedef {import('../types/internal.d.ts').SessionOptions} SessionOptions */
/** @typedef {import('../types/index.d.ts').TokenSource} TokenSource */
/** @typedef {import('../types/index.d.ts').Frame} Frame */

/** Refusals of a token that another try may undo. */
const PASSING = new Set(['AUTH_ERROR', 'TOKEN_FAILED', 'REQUEST_TIMEOUT', 'SERVER_ERROR']);
/** After such trouble with a fresh token, while the old one still counts. */
const REFRESH_MS = 5000;
/** A connection that is about to end takes nothing more; its end is told soon. */
const ENDING_MS = 50;
const SIGNED_OUT = new Set(['UNAUTHORIZED', 'AUTH_REQUIRED']);

const noToken = () => new ParleyError('NOT_SIGNED_IN', 'Not signed in: there is no token yet');

export class Session {
	/** @param {SessionOptions} options */
	constructor(options) {
		this.options = options;
		this.clock = options.clock ?? realClock;
		this.requests = new Requests(this.clock);
		this.gate = new Gate(this.clock);
		/** @type {TokenSource | null} */
		this.source = null;
		/** Why the token was refused. @type {ParleyError | null} */
		this.refusal = null;
		/** When the last frame came. */
		this.heardAt = 0;
		/** Whether this connection, or the one before it, was ever signed in. */
		this.wasSignedIn = false;
		/** @type {any} */
		this.heart = null;
		/** @type {any} */
		this.signInTimer = null;
		this.socket = new Socket({
			clock: this.clock,
			WebSocket: options.WebSocket,
			url: options.url,
			reconnectDelay: options.reconnectDelay,
			maxReconnectDelay: options.maxReconnectDelay,
			maxReconnectAttempts: options.maxReconnectAttempts,
			stableAfter: options.stableAfter,
			connectTimeout: options.connectTimeout,
			onOpen: () => this.#opened(),
			onMessage: (text) => this.#heard(text),
			onClose: (end) => this.#closed(end),
		});
	}

	get isOpen() {
		return this.socket.state === 'open';
	}

	get isSignedIn() {
		return this.gate.isOpen;
	}

	/** @param {TokenSource | null | undefined} source kept when undefined or null */
	connect(source) {
		this.source = source ?? this.source;
		this.refusal = null;
		if (this.isOpen && !this.isSignedIn)
			this.signIn();
		this.socket.open();
		this.#tellState();
	}

	disconnect() {
		const error = new ParleyError('CLOSED', 'Connection closed');
		this.#end(error);
		this.socket.close();
		this.gate.fail(error);
		this.#tellState();
	}

	/** The network is said to be back. */
	hurry() {
		this.socket.hurry();
	}

	#tellState() {
		this.options.onState(this.socket.state);
	}

	#opened() {
		this.#tellState();
		this.#beat();
		if (this.source)
			this.signIn();
		else
			this.gate.fail(noToken());
	}

	/**
	 * Brings the token on this connection. Also for a fresh one while signed in. Never rejects:
	 * what comes of it is told by the hooks.
	 */
	async signIn() {
		this.refusal = null;
		if (!this.source || !this.isOpen)
			return;
		const { generation } = this.socket;
		const isStill = () => this.socket.generation === generation && this.isOpen;
		try {
			const token = await this.#token(this.source);
			if (!isStill())
				return;
			/* From here on the server may take what is said for somebody else's. */
			this.options.onSigningIn();
			const frame = await this.ask('auth', { token }, this.options.requestTimeout);
			if (isStill())
				await this.#signedIn(frame);
		} catch (error) {
			if (isStill())
				this.#notSignedIn(/** @type {ParleyError} */ (error));
		}
	}

	/** @param {TokenSource} source @returns {Promise<string>} */
	async #token(source) {
		if (typeof source !== 'function')
			return source;
		try {
			return await source();
		} catch (cause) {
			throw new ParleyError('TOKEN_FAILED', `No token: ${/** @type {Error} */ (cause)?.message ?? cause}`, { cause });
		}
	}

	/** @param {Frame} frame */
	async #signedIn(frame) {
		if (frame.type !== 'auth_success')
			throw new ParleyError('AUTH_FAILED', `Unexpected answer to auth: ${frame.type}`);
		const wasOpen = this.gate.isOpen;
		this.wasSignedIn = true;
		this.gate.open();
		this.options.onSignedIn(/** @type {any} */ (frame.payload).user, wasOpen);
	}

	/** @param {ParleyError} error */
	#notSignedIn(error) {
		const wasSignedIn = this.gate.isOpen;
		const mayPass = PASSING.has(error.code);
		if (error.code === 'RATE_LIMITED' || (mayPass && wasSignedIn)) {
			this.clock.clearTimeout(this.signInTimer);
			this.signInTimer = this.clock.setTimeout(() => this.signIn(), error.retryAfterMs || REFRESH_MS);
			this.options.onTrouble(error);
			return;
		}
		if (mayPass) {
			this.options.onTrouble(error);
			this.socket.drop(`signing in failed: ${error.message}`);
			return;
		}
		this.refusal = error;
		this.gate.shut();
		if (wasSignedIn)
			this.options.onSignedOut();
		this.gate.fail(new ParleyError('NOT_SIGNED_IN', `Authentication failed: ${error.message}`, { cause: error }));
		this.options.onRefused(error);
	}

	/** @param {string} text */
	#heard(text) {
		this.heardAt = ticksOf(this.clock);
		const frame = parseFrame(text);
		if (!frame) {
			this.options.log('not a message of this protocol', text.slice(0, 200));
			return;
		}
		this.options.log('<', frame.type);
		if (this.requests.settle(frame))
			return;
		const { code } = /** @type {any} */ (frame.payload);
		if (frame.type === 'auth_error' && code === 'TOKEN_EXPIRING' && typeof this.source === 'function')
			this.signIn();
		this.options.onFrame(frame);
	}

	/** @param {import('../types/internal.d.ts').SocketEnd} end */
	#closed(end) {
		this.options.log('closed', end.code, end.reason);
		const error = closeError(end);
		const mayRefresh = typeof this.source === 'function' && this.wasSignedIn && !end.mistake;
		this.#end(error);
		this.wasSignedIn = false;
		const ms = end.isFinal && !mayRefresh ? -3 : this.socket.retry();
		const isOver = ms === -1 || ms === -3;
		if (end.mistake)
			this.#over(end.mistake);
		else if (ms === -1)
			this.#over(new ParleyError('GAVE_UP', 'Max reconnection attempts reached', { closeCode: end.code }));
		else if (isOver)
			this.#over(new ParleyError('REFUSED', `The server closed the connection: ${end.reason || end.code}`, { closeCode: end.code }));
		else if (!end.wasOpen)
			this.options.onTrouble(new ParleyError('CONNECT_FAILED', `No connection: ${end.reason || end.code}`, { closeCode: end.code }));
		this.#tellState();
	}

	/** @param {ParleyError} error */
	#over(error) {
		this.socket.close();
		this.gate.fail(error);
		this.options.onOver(error);
	}

	/** Of one connection. @param {ParleyError} error */
	#end(error) {
		this.clock.clearTimeout(this.heart);
		this.clock.clearTimeout(this.signInTimer);
		const wasSignedIn = this.gate.isOpen;
		this.gate.shut();
		this.requests.failAll(error);
		if (wasSignedIn)
			this.options.onSignedOut();
	}

	/* A network can lose a connection without a word. Browsers cannot ping, but ask. */
	#beat() {
		this.clock.clearTimeout(this.heart);
		if (this.options.heartbeat > 0)
			this.heart = this.clock.setTimeout(() => this.#checkPulse(), this.options.heartbeat);
	}

	async #checkPulse() {
		const { generation } = this.socket;
		const asked = ticksOf(this.clock);
		try {
			await this.ask('ping', {}, this.options.heartbeatTimeout);
		} catch (error) {
			const isMine = this.socket.generation === generation && this.isOpen;
			const isSilent = this.heardAt < asked;
			if (isMine && isSilent && /** @type {ParleyError} */ (error).code === 'REQUEST_TIMEOUT')
				this.socket.drop('no answer to a ping');
		}
		if (this.socket.generation === generation && this.isOpen)
			this.#beat();
	}

	/** @param {number} ms @returns {Promise<void>} */
	#sleep(ms) {
		return new Promise((resolve) => this.clock.setTimeout(resolve, ms));
	}

	/** Waiting makes no sense where nothing is going on. */
	#mustBeAbleTo() {
		const { state } = this.socket;
		if (state === 'idle' || state === 'closed')
			throw new ParleyError('CLOSED', 'WebSocket not connected');
		if (state === 'open' && !this.source)
			throw noToken();
		if (this.refusal)
			throw new ParleyError('NOT_SIGNED_IN', `Authentication failed: ${this.refusal.message}`, { cause: this.refusal });
	}

	/**
	 * Asks on the connection of now. CONNECTION_LOST when there is none.
	 * @param {string} type @param {object} payload @param {number} [timeoutMs]
	 * @returns {Promise<Frame>}
	 */
	ask(type, payload, timeoutMs = this.options.requestTimeout) {
		this.options.log('>', type);
		return this.requests.ask((text) => this.socket.send(text), type, payload, timeoutMs);
	}

	/**
	 * Asks as somebody who is signed in; an answer that says otherwise signs in anew.
	 * @param {string} type @param {object} payload @param {number} [timeoutMs]
	 */
	async askSignedIn(type, payload, timeoutMs) {
		if (!this.isSignedIn)
			throw new ParleyError('CONNECTION_LOST', 'WebSocket not connected');
		const { generation } = this.socket;
		try {
			return await this.ask(type, payload, timeoutMs);
		} catch (error) {
			if (SIGNED_OUT.has(/** @type {any} */ (error).code) && this.socket.generation === generation && this.isSignedIn) {
				this.gate.shut();
				this.options.onSignedOut();
				this.signIn();
			}
			throw error;
		}
	}

	/**
	 * Asks as soon as somebody is signed in, again after RATE_LIMITED, and, when `again` is set,
	 * again on the next connection if this one breaks: only for what may be done twice.
	 * @param {string} type @param {object} payload
	 * @param {{again?: boolean, timeout?: number}} [options]
	 * @returns {Promise<Frame>}
	 */
	async request(type, payload, { again = false, timeout = this.options.requestTimeout } = {}) {
		const end = ticksOf(this.clock) + timeout;
		for (;;) {
			this.#mustBeAbleTo();
			const left = end - ticksOf(this.clock);
			if (left <= 0)
				throw new ParleyError('REQUEST_TIMEOUT', `Request timeout: ${type}`);
			await this.gate.wait(left, type);
			try {
				return await this.askSignedIn(type, payload, Math.max(end - ticksOf(this.clock), 1));
			} catch (error) {
				const { code, retryAfterMs } = /** @type {ParleyError} */ (error);
				if (retryAfterMs > 0 && ticksOf(this.clock) + retryAfterMs < end)
					await this.#sleep(retryAfterMs);
				else if (again && code === 'CONNECTION_LOST' && this.isSignedIn)
					await this.#sleep(ENDING_MS);
				else if (!again || (code !== 'CONNECTION_LOST' && !SIGNED_OUT.has(code)))
					throw error;
			}
		}
	}
}
