/* queue.js - what waits for a connection: an array with a limit. */
import { byteLength } from './environment.js';
import { ParleyError } from './errors.js';

/** @param {unknown} data */
function sizeOf(data) {
	if (typeof data === 'string')
		return byteLength(data);
	if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
		return data.byteLength;
	return byteLength(JSON.stringify(data) ?? '');
}

/** First in, first out. `push` throws QUEUE_FULL instead of growing beyond its limits. */
export class Queue extends Array {
	/* What slice() and friends return is no queue. */
	static get [Symbol.species]() {
		return Array;
	}

	/** @param {{maxEntries: number, maxBytes: number}} limits */
	static withLimits({ maxEntries, maxBytes }) {
		const queue = new Queue();
		Object.defineProperties(queue, {
			maxEntries: { value: maxEntries },
			maxBytes: { value: maxBytes },
			bytes: { value: 0, writable: true },
		});
		return /** @type {Queue & {maxEntries: number, maxBytes: number, bytes: number}} */ (queue);
	}

	/** @param {...unknown} items */
	push(...items) {
		const self = /** @type {any} */ (this);
		for (const item of items) {
			const size = sizeOf(item);
			if (!this.length)
				self.bytes = 0; /* somebody emptied it from outside */
			if (this.length >= self.maxEntries || self.bytes + size > self.maxBytes)
				throw new ParleyError('QUEUE_FULL', `Not connected, and the queue is full: ${this.length} messages, ${self.bytes} bytes wait`);
			self.bytes += size;
			super.push(item);
		}
		return this.length;
	}

	shift() {
		const item = super.shift();
		const self = /** @type {any} */ (this);
		self.bytes = this.length ? self.bytes - sizeOf(item) : 0;
		return item;
	}
}
