/* gate.js - something that is or is not the case, and those who wait for it. */
import { ParleyError } from './errors.js';

/** @typedef {import('../types/internal.d.ts').Clock} Clock */

export class Gate {
	/** @param {Clock} clock */
	constructor(clock) {
		this.clock = clock;
		this.isOpen = false;
		/** @type {Set<{resolve: () => void, reject: (error: Error) => void, timer: any}>} */
		this.waiting = new Set();
	}

	/** @param {number} timeoutMs @param {string} what for the error's text @returns {Promise<void>} */
	wait(timeoutMs, what) {
		if (this.isOpen)
			return Promise.resolve();
		return new Promise((resolve, reject) => {
			/** @type {any} */
			const waiter = { resolve, reject };
			waiter.timer = this.clock.setTimeout(() => {
				this.waiting.delete(waiter);
				reject(new ParleyError('REQUEST_TIMEOUT', `Request timeout: ${what}`));
			}, timeoutMs);
			this.waiting.add(waiter);
		});
	}

	open() {
		this.isOpen = true;
		this.#end((waiter) => waiter.resolve());
	}

	shut() {
		this.isOpen = false;
	}

	/** Whoever waits now waits in vain. @param {Error} error */
	fail(error) {
		this.isOpen = false;
		this.#end((waiter) => waiter.reject(error));
	}

	/** @param {(waiter: {resolve: () => void, reject: (error: Error) => void}) => void} settle */
	#end(settle) {
		const waiting = [...this.waiting];
		this.waiting.clear();
		for (const waiter of waiting) {
			this.clock.clearTimeout(waiter.timer);
			settle(waiter);
		}
	}
}
