/*
 * rooms.js - the conversations that are listened to, and what is known of each.
 *
 * Joined is what the application wants: on each new connection it is joined again, and then, not
 * before, what was missed is asked for. In between the server tells everything that is new, so
 * nothing can fall between the two.
 */
import { ParleyError } from './errors.js';
import { Timeline } from './timeline.js';

/** @typedef {import('../types/index.d.ts').Message} Message */
/** @typedef {import('../types/internal.d.ts').RoomsOptions} RoomsOptions */
/**
 * @typedef {object} Room
 * @property {string} id
 * @property {Timeline} timeline
 * @property {boolean} isJoined wanted, that is
 * @property {Promise<void> | null} filling
 * @property {boolean} again something new to fill came up while filling
 * @property {boolean} isStale joining or filling failed and must be tried again
 * @property {any} timer
 */

const PAGE = 200;
/** How long a hole may be just two frames in the wrong order. */
const PATIENCE_MS = 150;
const AGAIN_MS = 5000;
/** The connection's end or the server's trouble: no answer to whether one may join. */
const PASSING = new Set([
	'CONNECTION_LOST', 'CLOSED', 'REQUEST_TIMEOUT', 'NOT_SIGNED_IN', 'REFUSED', 'GAVE_UP', 'UNAUTHORIZED', 'AUTH_REQUIRED',
	'DATABASE_ERROR', 'SERVER_ERROR', 'RATE_LIMITED',
]);
/** Of these, what is over with this connection or sign-in: the next one tries again. */
const OVER = new Set(['CONNECTION_LOST', 'CLOSED', 'NOT_SIGNED_IN', 'REFUSED', 'GAVE_UP']);

export class Rooms {
	/** @param {RoomsOptions} options */
	constructor(options) {
		this.options = options;
		/** @type {Map<string, Room>} */
		this.rooms = new Map();
		/** @type {string | null} the one that is shown */
		this.active = null;
	}

	/** @param {string} id @returns {Room} */
	#room(id) {
		let room = this.rooms.get(id);
		if (!room) {
			room = { id, timeline: new Timeline(this.options.keep), isJoined: false, filling: null, again: false, isStale: false, timer: null };
			this.rooms.set(id, room);
		}
		return room;
	}

	/** @param {string} id */
	isJoined(id) {
		return this.rooms.get(id)?.isJoined ?? false;
	}

	/** Of the active conversation. @returns {Message[]} */
	get messages() {
		return (this.active && this.rooms.get(this.active)?.timeline.messages) || [];
	}

	get hasMore() {
		return Boolean(this.active && this.rooms.get(this.active)?.timeline.hasMore);
	}

	/** @param {string} conversationId */
	async join(conversationId) {
		const room = this.#room(conversationId);
		const wasJoined = room.isJoined;
		room.isJoined = true;
		try {
			await this.options.request('join_conversation', { conversationId });
		} catch (error) {
			if (!wasJoined)
				this.#unjoin(room);
			throw error;
		}
		this.#fill(room);
	}

	/** @param {string} conversationId */
	async leave(conversationId) {
		const room = this.rooms.get(conversationId);
		if (room)
			this.#unjoin(room);
		await this.options.request('leave_conversation', { conversationId });
	}

	/** @param {Room} room */
	#unjoin(room) {
		room.isJoined = false;
		this.#forget(room);
	}

	/** What is neither joined nor shown is not kept. @param {Room} room */
	#forget(room) {
		if (room.isJoined || room.id === this.active)
			return;
		this.options.clock.clearTimeout(room.timer);
		this.rooms.delete(room.id);
	}

	/** The newest messages; the conversation is the active one from then on. @param {string} conversationId @param {number} [limit] */
	async load(conversationId, limit) {
		const frame = await this.options.request('load_messages', { conversationId, ...(limit ? { limit } : {}) });
		const { messages = [], hasMore = false } = /** @type {any} */ (frame.payload);
		const room = this.#room(conversationId);
		room.timeline.reset(messages, hasMore);
		const before = this.active && this.active !== conversationId ? this.rooms.get(this.active) : null;
		this.active = conversationId;
		if (before)
			this.#forget(before);
		this.#watch(room);
		this.options.onChange(conversationId);
		return messages;
	}

	/**
	 * The page before the oldest known message, or before a given one.
	 * @param {string} conversationId @param {string} [beforeMessageId] @param {number} [limit]
	 * @returns {Promise<boolean>} whether there are more
	 */
	async loadMore(conversationId, beforeMessageId, limit) {
		const room = this.#room(conversationId);
		const anchor = beforeMessageId ?? room.timeline.first?.id;
		if (!anchor) {
			this.#forget(room);
			throw new ParleyError('INVALID_ARGUMENT', 'Nothing is loaded yet: loadMessages comes first');
		}
		const frame = await this.options.request('load_more_messages',
			{ conversationId, beforeMessageId: anchor, ...(limit ? { limit } : {}) });
		const { messages = [], hasMore = messages.length > 0 } = /** @type {any} */ (frame.payload);
		/* Another anchor is another place: a page that does not join the run would be a hole. */
		const joins = room.timeline.first?.id === anchor || messages.some((/** @type {Message} */ m) => m.seq + 1 === room.timeline.first?.seq);
		if (joins)
			room.timeline.older(messages, hasMore);
		this.options.onChange(conversationId);
		return hasMore;
	}

	/** A message that just happened. @param {Message} message */
	receive(message) {
		const room = this.rooms.get(message.conversation_id);
		if (!room || !Number.isSafeInteger(message.seq))
			return;
		if (room.timeline.add(message))
			this.options.onChange(room.id);
		this.#watch(room);
	}

	/** A hole that does not close by itself is filled. @param {Room} room */
	#watch(room) {
		if (!room.timeline.hasHole || room.timer !== null)
			return;
		this.#later(room, PATIENCE_MS);
	}

	/** @param {Room} room @param {number} ms */
	#later(room, ms) {
		this.options.clock.clearTimeout(room.timer);
		room.timer = this.options.clock.setTimeout(() => {
			room.timer = null;
			if (room.isStale)
				this.#return(room);
			else if (room.timeline.hasHole)
				this.#fill(room);
		}, ms);
	}

	/** On a new connection: everything again. Rooms that are closed to us now are told to onLost. */
	async rejoin() {
		await Promise.all([...this.rooms.values()].map((room) => this.#return(room)));
	}

	/** @param {Room} room */
	async #return(room) {
		room.isStale = false;
		try {
			if (room.isJoined)
				await this.options.request('join_conversation', { conversationId: room.id });
			if (this.rooms.get(room.id) === room)
				this.#fill(room);
		} catch (error) {
			this.#notReturned(room, /** @type {ParleyError} */ (error));
		}
	}

	/** @param {Room} room @param {ParleyError} error */
	#notReturned(room, error) {
		if (this.rooms.get(room.id) !== room)
			return;
		if (PASSING.has(error.code)) {
			this.#stale(room, error);
			return;
		}
		this.#unjoin(room);
		this.options.onLost(room.id, error);
	}

	/** Not up to date: tried again, at the latest on the next connection. @param {Room} room @param {ParleyError} error */
	#stale(room, error) {
		this.options.log('not up to date yet', room.id, error.message);
		if (OVER.has(error.code))
			return;
		room.isStale = true;
		this.#later(room, AGAIN_MS);
	}

	/** @param {Room} room */
	#fill(room) {
		if (!room.timeline.isLoaded)
			return;
		if (room.filling) {
			room.again = true;
			return;
		}
		room.filling = this.#fillAll(room)
			.catch((error) => {
				if (this.rooms.get(room.id) === room && error.code !== 'ACCESS_DENIED')
					this.#stale(room, error);
			})
			.finally(() => {
				room.filling = null;
				this.#watch(room);
			});
	}

	/** @param {Room} room */
	async #fillAll(room) {
		do {
			room.again = false;
			const isDone = await this.#fillPages(room);
			if (!isDone)
				await this.#startOver(room);
		} while (room.again);
	}

	/** @param {Room} room @returns {Promise<boolean>} false: so much was missed that it is not worth reading */
	async #fillPages(room) {
		const { timeline } = room;
		for (let page = 0; page < this.options.fillPages; page++) {
			const held = [...timeline.held.keys()];
			const frame = await this.options.request('load_messages',
				{ conversationId: room.id, afterSeq: timeline.last, limit: PAGE });
			const { messages = [], hasMore = false } = /** @type {any} */ (frame.payload);
			if (timeline.filled(messages, !hasMore, held))
				this.options.onChange(room.id);
			if (!hasMore)
				return true;
		}
		return false;
	}

	/** The newest page instead; what is between can be had by loadMore. @param {Room} room */
	async #startOver(room) {
		const frame = await this.options.request('load_messages', { conversationId: room.id });
		const { messages = [], hasMore = false } = /** @type {any} */ (frame.payload);
		room.timeline.reset(messages, hasMore);
		this.options.onChange(room.id);
	}

	/** Somebody else's conversations. */
	clear() {
		for (const room of this.rooms.values())
			this.options.clock.clearTimeout(room.timer);
		this.rooms.clear();
		this.active = null;
	}
}
