/* backoff.js - how long to wait before the next try, and after which close there is none. */

/**
 * Full jitter: anything from 0 to min(max, base * 2^(attempt - 1)), so that clients which lost one
 * server do not come back as one.
 * @param {number} attempt from 1
 * @param {number} baseMs
 * @param {number} maxMs
 * @param {() => number} random 0 <= random() < 1
 * @returns {number} milliseconds
 */
export function backoffDelay(attempt, baseMs, maxMs, random) {
	const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
	return Math.round(random() * ceiling);
}

/**
 * Whether the server said no for good: 1008 (a policy: bad token, over a limit) and the codes of
 * applications, 4000 to 4999. Everything else may be an accident and is tried again.
 * @param {number} code
 */
export function isFinalClose(code) {
	return code === 1008 || (code >= 4000 && code <= 4999);
}

/** Whether a close says that a frame of ours was at fault. @param {number} code */
export function isFrameFault(code) {
	return code === 1002 || code === 1003 || code === 1007 || code === 1009;
}
