/* typing.js - who is typing where, and saying that we are. */

import { ticksOf } from './environment.js';

/** @typedef {import('../types/internal.d.ts').Clock} Clock */

/** setTyping() ends by itself after this. */
const STOP_MS = 3000;
/** The sign is given again while one goes on typing: the server forgets it after a while. */
const REPEAT_MS = 10000;
/** When nobody said that somebody stopped. */
const EXPIRY_MS = 60000;

export class Typing {
	/**
	 * @param {Clock} clock
	 * @param {{start: (id: string) => void, stop: (id: string) => void, onChange: () => void}} hooks
	 */
	constructor(clock, hooks) {
		this.clock = clock;
		this.hooks = hooks;
		/** @type {Map<string, Map<string, any>>} conversation: user: timer */
		this.heard = new Map();
		/** @type {Map<string, {timer: any, since: number}>} */
		this.own = new Map();
	}

	/** @param {{conversationId: string, userId: string, isTyping: boolean}} update */
	hear({ conversationId, userId, isTyping }) {
		const users = this.heard.get(conversationId) ?? new Map();
		this.clock.clearTimeout(users.get(userId));
		users.delete(userId);
		if (isTyping) {
			const expire = () => this.hear({ conversationId, userId, isTyping: false });
			users.set(userId, this.clock.setTimeout(expire, EXPIRY_MS));
		}
		this.heard.set(conversationId, users);
		if (!users.size)
			this.heard.delete(conversationId);
		this.hooks.onChange();
	}

	/** Ids of those who type there, or anywhere. @param {string | null} conversationId @returns {string[]} */
	users(conversationId) {
		if (conversationId)
			return [...(this.heard.get(conversationId)?.keys() ?? [])];
		return [...new Set([...this.heard.values()].flatMap((users) => [...users.keys()]))];
	}

	/** Called at each key: starts, and stops three seconds after the last. @param {string} conversationId */
	set(conversationId) {
		const own = this.own.get(conversationId);
		const now = ticksOf(this.clock);
		this.clock.clearTimeout(own?.timer);
		const isDue = !own || now - own.since >= REPEAT_MS;
		const timer = this.clock.setTimeout(() => this.stop(conversationId), STOP_MS);
		this.own.set(conversationId, { timer, since: isDue ? now : own.since });
		if (isDue)
			this.hooks.start(conversationId);
	}

	/** @param {string} conversationId */
	stop(conversationId) {
		this.clock.clearTimeout(this.own.get(conversationId)?.timer);
		if (this.own.delete(conversationId))
			this.hooks.stop(conversationId);
	}

	/** The own sign is over, and nobody needs to be told. @param {string} conversationId */
	forget(conversationId) {
		this.clock.clearTimeout(this.own.get(conversationId)?.timer);
		this.own.delete(conversationId);
	}

	/** The connection is gone, and with it all signs. */
	clear() {
		for (const users of this.heard.values())
			for (const timer of users.values())
				this.clock.clearTimeout(timer);
		for (const { timer } of this.own.values())
			this.clock.clearTimeout(timer);
		this.heard.clear();
		this.own.clear();
		this.hooks.onChange();
	}
}
