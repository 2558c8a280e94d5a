/*
 * timeline.js - the messages of one conversation as far as they are known: a run without holes,
 * sorted by sequence number, each message once.
 *
 * A message that comes too early (one before it is missing) is held until the hole is filled, so a
 * reader never sees later before earlier. Holes can be for good: a message that was encrypted for
 * others has a number too. Therefore filled() ends with what the server has, not with a count.
 */

/** @typedef {import('../types/index.d.ts').Message} Message */

const HELD_MAX = 1000;
/** @param {Message} a @param {Message} b */
const bySeq = (a, b) => a.seq - b.seq;

export class Timeline {
	/** @param {number} keep how many messages are kept; the oldest go first */
	constructor(keep) {
		this.keep = keep;
		/** @type {Message[]} never changed, always replaced */
		this.messages = [];
		/** @type {Map<number, Message>} by seq: not part of the run yet */
		this.held = new Map();
		/** The newest sequence number of the run. */
		this.last = 0;
		this.isLoaded = false;
		/** Whether the server has older ones. */
		this.hasMore = false;
	}

	get first() {
		return this.messages[0];
	}

	/** Something is held: what comes before it is missing. */
	get hasHole() {
		return this.isLoaded && this.held.size > 0;
	}

	/** The newest page replaces what was there, except what is newer still. @param {Message[]} page @param {boolean} hasMore */
	reset(page, hasMore) {
		const sorted = [...page].sort(bySeq);
		const newest = sorted.at(-1)?.seq ?? 0;
		const newer = this.messages.filter((m) => m.seq > newest);
		const joins = newer.length < this.messages.length || newer[0]?.seq === newest + 1 || !sorted.length;
		this.messages = joins ? [...sorted, ...newer] : sorted;
		if (!joins)
			newer.forEach((m) => this.held.set(m.seq, m));
		this.last = this.messages.at(-1)?.seq ?? 0;
		this.isLoaded = true;
		this.hasMore = hasMore;
		this.#release();
	}

	/** An older page goes before the run. @param {Message[]} page @param {boolean} hasMore */
	older(page, hasMore) {
		const before = this.first?.seq ?? Infinity;
		const sorted = page.filter((m) => m.seq < before).sort(bySeq);
		this.messages = [...sorted, ...this.messages];
		this.hasMore = hasMore;
	}

	/** A message that just happened. Returns whether the run changed. @param {Message} message */
	add(message) {
		if (this.isLoaded && message.seq <= this.last)
			return false;
		if (this.isLoaded && message.seq === this.last + 1) {
			this.#append([message]);
			this.#release();
			return true;
		}
		/* The newest are kept: what goes is old enough to come with a page. */
		if (this.held.size >= HELD_MAX)
			this.held.delete(/** @type {number} */ (this.held.keys().next().value));
		this.held.set(message.seq, message);
		return false;
	}

	/**
	 * A page of what comes after `last`. Returns whether the run changed.
	 * @param {Message[]} page
	 * @param {boolean} isEnd the server has nothing newer
	 * @param {Iterable<number>} heldBefore what was held when the page was asked for: at the end it
	 *   counts as there, whatever came before it
	 */
	filled(page, isEnd, heldBefore = []) {
		const was = this.last;
		this.#append(page.filter((m) => m.seq > this.last).sort(bySeq));
		if (isEnd) {
			const early = [...heldBefore].map((seq) => this.held.get(seq)).filter((m) => m && m.seq > this.last);
			this.#append(/** @type {Message[]} */ (early).sort(bySeq));
		}
		this.#release();
		return this.last !== was;
	}

	/** @param {Message[]} messages newer than the run, sorted */
	#append(messages) {
		if (!messages.length)
			return;
		this.messages = [...this.messages, ...messages];
		this.last = messages[messages.length - 1].seq;
		if (this.messages.length > this.keep) {
			this.messages = this.messages.slice(-this.keep);
			this.hasMore = true;
		}
	}

	#release() {
		const ready = [];
		for (let seq = this.last + 1; this.held.has(seq); seq++)
			ready.push(/** @type {Message} */ (this.held.get(seq)));
		this.#append(ready);
		for (const seq of this.held.keys())
			if (seq <= this.last)
				this.held.delete(seq);
	}
}
