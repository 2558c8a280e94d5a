/* requests.js - the envelope {type, payload, requestId, timestamp}, and whose answer a frame is. */
import { uuid } from './environment.js';
import { ParleyError } from './errors.js';

/** @typedef {import('../types/index.d.ts').Frame} Frame */
/** @typedef {import('../types/internal.d.ts').Clock} Clock */

/** @param {string} text @returns {Frame | null} null: not an envelope */
export function parseFrame(text) {
	let frame;
	try {
		frame = JSON.parse(text);
	} catch {
		return null;
	}
	if (typeof frame?.type !== 'string' || !frame.type)
		return null;
	return typeof frame.payload === 'object' && frame.payload !== null ? frame : null;
}

/** @param {any} payload of an `error` frame */
function errorOf(payload) {
	const ms = Number(payload.retry_after_ms);
	return new ParleyError(String(payload.code ?? 'SERVER_ERROR'), String(payload.error ?? 'The server reported an error'),
		{ retryAfterMs: ms > 0 ? ms : 0 });
}

/** The questions that are under way on one connection. */
export class Requests {
	/** @param {Clock} clock */
	constructor(clock) {
		this.clock = clock;
		/** @type {Map<string, {resolve: (frame: Frame) => void, reject: (error: Error) => void, timer: any}>} */
		this.open = new Map();
	}

	/**
	 * Resolves with the answer; rejects with the server's error or REQUEST_TIMEOUT.
	 * @param {(text: string) => boolean} send
	 * @param {string} type
	 * @param {object} payload
	 * @param {number} timeoutMs
	 * @returns {Promise<Frame>}
	 */
	ask(send, type, payload, timeoutMs) {
		const requestId = uuid();
		const text = JSON.stringify({ type, payload, requestId, timestamp: new Date(this.clock.now()).toISOString() });
		return new Promise((resolve, reject) => {
			if (!send(text)) {
				reject(new ParleyError('CONNECTION_LOST', 'WebSocket not connected'));
				return;
			}
			const timer = this.clock.setTimeout(() => {
				this.open.delete(requestId);
				reject(new ParleyError('REQUEST_TIMEOUT', 'Request timeout'));
			}, timeoutMs);
			this.open.set(requestId, { resolve, reject, timer });
		});
	}

	/** Whether this frame was an answer. @param {Frame} frame */
	settle(frame) {
		const request = this.open.get(frame.requestId);
		if (!request)
			return false;
		this.open.delete(frame.requestId);
		this.clock.clearTimeout(request.timer);
		if (frame.type === 'error')
			request.reject(errorOf(frame.payload));
		else
			request.resolve(frame);
		return true;
	}

	/** @param {Error} error */
	failAll(error) {
		const requests = [...this.open.values()];
		this.open.clear();
		for (const { reject, timer } of requests) {
			this.clock.clearTimeout(timer);
			reject(error);
		}
	}
}
