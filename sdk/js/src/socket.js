/*
 * socket.js - one connection at a time to one place, and the timing of the next.
 *
 *   idle --open()--> connecting --> open --lost--> lost --retry()--> waiting --timer--> connecting
 *
 * and from everywhere --close()--> closed. Whoever owns it decides in onClose whether to retry();
 * events of a WebSocket that was replaced or dropped are not heard.
 */
import { backoffDelay, isFinalClose } from './backoff.js';
import { findWebSocket, realClock } from './environment.js';
import { ParleyError } from './errors.js';

/** @typedef {import('../types/internal.d.ts').SocketOptions} SocketOptions */
/** @typedef {import('../types/internal.d.ts').SocketState} SocketState */
/** @typedef {import('../types/index.d.ts').WebSocketLike} WebSocketLike */

const OPEN = 1;
const NO_STATUS = 1005;
const ABNORMAL = 1006;

/** @param {unknown} data text, or the bytes of one */
function textOf(data) {
	if (typeof data === 'string')
		return data;
	if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
		return new TextDecoder().decode(data);
	return String(data);
}

/** No WebSocket here, or none for this url: another try would end in the same way. @param {unknown} error */
function mistakeOf(error) {
	if (error instanceof ParleyError)
		return error;
	return new ParleyError('INVALID_ARGUMENT', error instanceof Error ? error.message : String(error), { cause: error });
}

export class Socket {
	/** @param {SocketOptions} options */
	constructor(options) {
		this.options = options;
		this.clock = options.clock ?? realClock;
		/** @type {SocketState} */
		this.state = 'idle';
		/** @type {WebSocketLike | null} the newest one, also when it is closed */
		this.ws = null;
		/** Tries since the last connection that was stable. */
		this.attempts = 0;
		/** @type {any} */
		this.timer = null;
		this.generation = 0;
	}

	/** Connects, unless it is connecting or connected. */
	open() {
		if (this.state === 'connecting' || this.state === 'open')
			return;
		this.#stopTimer();
		this.state = 'connecting';
		const generation = ++this.generation;
		const isMine = () => this.generation === generation;
		/** @type {string | Promise<string>} */
		let url;
		try {
			url = this.options.url();
		} catch (error) {
			this.#failed(error);
			return;
		}
		this.#setTimer(() => this.drop('no connection in time'), this.options.connectTimeout);
		if (typeof url === 'string')
			this.#dial(url);
		else
			url.then((ready) => isMine() && this.#dial(ready), (error) => isMine() && this.#failed(error));
	}

	/** @param {string} url */
	#dial(url) {
		/** @type {WebSocketLike} */
		let ws;
		try {
			ws = new (findWebSocket(this.options.WebSocket))(url);
		} catch (error) {
			this.#failed(error, mistakeOf(error));
			return;
		}
		this.ws = ws;
		ws.binaryType = 'arraybuffer';
		const isMine = () => this.ws === ws && (this.state === 'connecting' || this.state === 'open');
		ws.onopen = () => isMine() && this.#opened();
		ws.onmessage = (event) => isMine() && this.options.onMessage(textOf(event.data));
		ws.onerror = (event) => isMine() && this.options.onError?.(event);
		ws.onclose = (event) => {
			if (isMine())
				this.#lost(event.code || NO_STATUS, event.reason || '');
		};
	}

	#opened() {
		this.state = 'open';
		/* Only a connection that lasts shows that things are well again. */
		this.#setTimer(() => { this.attempts = 0; }, this.options.stableAfter);
		this.options.onOpen();
	}

	/** What did not even become a WebSocket. @param {unknown} error @param {ParleyError} [mistake] */
	#failed(error, mistake) {
		this.options.onError?.(error);
		if (this.state === 'connecting')
			this.#lost(ABNORMAL, error instanceof Error ? error.message : String(error), mistake);
	}

	/** @param {number} code @param {string} reason @param {ParleyError} [mistake] */
	#lost(code, reason, mistake) {
		this.#stopTimer();
		const wasOpen = this.state === 'open';
		this.state = 'lost';
		this.generation++;
		this.options.onClose({ code, reason, wasOpen, isFinal: Boolean(mistake) || isFinalClose(code), ...(mistake ? { mistake } : {}) });
	}

	/** Whether it was handed over: false when there is no open connection. @param {any} data */
	send(data) {
		if (this.state !== 'open' || this.ws?.readyState !== OPEN)
			return false;
		this.ws.send(data);
		return true;
	}

	/**
	 * Tries again after a while.
	 * @returns {number} that while in milliseconds; -1: these were all tries; -2: closed
	 */
	retry() {
		if (this.state === 'closed')
			return -2;
		if (this.attempts >= this.options.maxReconnectAttempts)
			return -1;
		this.attempts++;
		const { reconnectDelay, maxReconnectDelay } = this.options;
		const ms = backoffDelay(this.attempts, reconnectDelay, maxReconnectDelay, this.clock.random);
		this.state = 'waiting';
		this.#setTimer(() => this.open(), ms);
		return ms;
	}

	/** Ends a wait: the network is said to be back. */
	hurry() {
		if (this.state === 'waiting')
			this.open();
	}

	/** Takes the connection for dead, without waiting for the other side. @param {string} why */
	drop(why) {
		if (this.state !== 'open' && this.state !== 'connecting')
			return;
		const { ws } = this;
		this.#lost(ABNORMAL, why);
		this.#release(ws);
	}

	/** Closes, and stays closed until open(). @param {number} [code] @param {string} [reason] */
	close(code = 1000, reason = '') {
		const had = this.state === 'open' || this.state === 'connecting';
		this.#stopTimer();
		this.state = 'closed';
		this.generation++;
		if (had)
			this.#release(this.ws, code, reason);
	}

	/** @param {WebSocketLike | null} ws @param {number} [code] @param {string} [reason] */
	#release(ws, code, reason) {
		try {
			ws?.close(code, reason);
		} catch {
			/* it was not open yet, or the code is not allowed: it ends all the same */
			try {
				ws?.close();
			} catch {
				/* ended already */
			}
		}
	}

	/** @param {() => void} act @param {number} ms */
	#setTimer(act, ms) {
		this.#stopTimer();
		this.timer = this.clock.setTimeout(act, ms);
	}

	#stopTimer() {
		if (this.timer !== null)
			this.clock.clearTimeout(this.timer);
		this.timer = null;
	}
}

/** @param {{code: number, reason: string}} end */
export function closeError({ code, reason }) {
	const why = reason ? `: ${reason}` : '';
	return new ParleyError('CONNECTION_LOST', `The connection was closed (${code}${why})`, { closeCode: code });
}
