/* waiters.js - requests on a protocol without request ids: the oldest one that a frame fits gets it. */
import { ParleyError } from './errors.js';

/** @typedef {import('../types/internal.d.ts').Waiter} Waiter */
/** @typedef {import('../types/internal.d.ts').Clock} Clock */

export class Waiters {
	/** @param {Clock} clock */
	constructor(clock) {
		this.clock = clock;
		/** @type {Waiter[]} */
		this.list = [];
	}

	/**
	 * @param {(frame: any) => boolean} fits
	 * @param {number} timeoutMs
	 * @param {string} what for the error's text
	 * @returns {Waiter & {promise: Promise<any>}}
	 */
	add(fits, timeoutMs, what) {
		/** @type {any} */
		const waiter = { fits, isSent: false };
		waiter.promise = new Promise((resolve, reject) => {
			waiter.resolve = resolve;
			waiter.reject = reject;
		});
		waiter.timer = this.clock.setTimeout(() => {
			this.#end(waiter, new ParleyError('REQUEST_TIMEOUT', `No answer to ${what} within ${timeoutMs} ms`));
		}, timeoutMs);
		this.list.push(waiter);
		return waiter;
	}

	/** Gives the frame to the oldest that wants it. An `error` frame ends the oldest that was sent. @param {any} frame */
	hear(frame) {
		const waiter = this.list.find((w) => w.fits(frame)) ??
			(frame?.type === 'error' ? this.list.find((w) => w.isSent) : undefined);
		if (!waiter)
			return;
		const isRefusal = frame.type === 'error' && !waiter.fits(frame);
		const text = String(frame.error ?? frame.message ?? 'The server reported an error');
		this.#end(waiter, isRefusal ? new ParleyError('SERVER_ERROR', text) : null, frame);
	}

	markSent() {
		for (const waiter of this.list)
			waiter.isSent = true;
	}

	/** @param {Error} error @param {(waiter: Waiter) => boolean} [which] */
	fail(error, which = () => true) {
		for (const waiter of this.list.filter(which))
			this.#end(waiter, error);
	}

	/** @param {any} waiter @param {Error | null} error @param {any} [frame] */
	#end(waiter, error, frame) {
		this.clock.clearTimeout(waiter.timer);
		this.list = this.list.filter((w) => w !== waiter);
		if (error)
			waiter.reject(error);
		else
			waiter.resolve(frame);
	}
}
