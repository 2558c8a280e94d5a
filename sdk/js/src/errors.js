/* errors.js - what can go wrong, as one class with a code. */

/**
 * Every failure that this package reports.
 *
 * `code` is the server's own (ACCESS_DENIED, RATE_LIMITED, ...) or one of these:
 *
 *   CONNECTION_LOST   sent, and the connection ended before the answer: not known whether it was done
 *   CONNECT_FAILED    the connection could not be made; it is tried again
 *   GAVE_UP           ... and now it is not tried again (maxReconnectAttempts)
 *   REFUSED           the server closed for good: a bad token, or a 4xxx code
 *   NOT_SIGNED_IN     no token, or a refused one
 *   TOKEN_FAILED      the function that gets tokens failed; it is called again
 *   REQUEST_TIMEOUT   no answer in time
 *   CLOSED            close(), disconnect() or destroy() was called
 *   QUEUE_FULL, OUTBOX_FULL   a limit of this client: nothing was queued
 *   MESSAGE_TOO_BIG   the server closed the connection because of this message (1009)
 *   MESSAGE_REFUSED   ... because of another fault in it (1002, 1003, 1007)
 *   ACCOUNT_CHANGED   somebody else signed in; the message stays stored for its author
 *   STORAGE_TIMEOUT   the browser's database does not answer; only seen in debug lines
 *   LOGIN_FAILED      no token for this name and password; the message is the server's
 *   REJECTED          the realtime dialect's ERROR; the message is the server's, which has no codes there
 *   INVALID_ARGUMENT  a mistake in the call
 */
export class ParleyError extends Error {
	/**
	 * @param {string} code
	 * @param {string} message
	 * @param {{retryAfterMs?: number, closeCode?: number, cause?: unknown}} [more]
	 */
	constructor(code, message, { retryAfterMs = 0, closeCode = 0, cause } = {}) {
		super(message, cause === undefined ? undefined : { cause });
		this.name = 'ParleyError';
		this.code = code;
		/** Milliseconds after which it may be tried again; 0: not said. */
		this.retryAfterMs = retryAfterMs;
		/** The WebSocket close code that ended it; 0: none. */
		this.closeCode = closeCode;
	}
}

/**
 * Runs what the application gave. Its mistakes are told as uncaught errors, and nothing here stops
 * because of them: a component that fails must not keep messages from being sent.
 * @param {() => void} act
 */
export function guarded(act) {
	try {
		act();
	} catch (error) {
		queueMicrotask(() => { throw error; });
	}
}
