/* patience.js - waiting for what may never answer, such as a browser's database. */
import { ParleyError } from './errors.js';

/** @typedef {import('../types/internal.d.ts').Clock} Clock */

/**
 * The promise, or STORAGE_TIMEOUT when it is not settled by then. What it does later is not heard.
 * @template T
 * @param {Clock} clock
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what for the error's text
 * @returns {Promise<T>}
 */
export function within(clock, promise, ms, what) {
	return new Promise((resolve, reject) => {
		const timer = clock.setTimeout(() => reject(new ParleyError('STORAGE_TIMEOUT', `${what} did not answer within ${ms} ms`)), ms);
		promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
	});
}
