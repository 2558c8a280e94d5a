/*
 * chat-websocket.js - the chat socket of the realtime dialect. What is said waits in an outbox, in
 * memory, until the server has acknowledged it; the rest of what is asked goes out at once.
 */
import { Outbox } from './outbox.js';
import { ParleyError } from './errors.js';
import { optional, RealtimeSocket } from './realtime-socket.js';
import { MemoryStorage } from './storage.js';
import { Tabs } from './tabs.js';

/** @typedef {import('../types/index.d.ts').ChatWebSocketOptions} ChatWebSocketOptions */
/** @typedef {import('../types/index.d.ts').OutboxEntry} OutboxEntry */
/** @typedef {import('../types/index.d.ts').TokenSource} TokenSource */
/** @typedef {{to?: string, chatId?: string, groupId?: string}} Place */

const DIRECT = 'ONE_TO_ONE_CHAT';
const GROUP = 'GROUP_CHAT';

export class ChatWebSocket extends RealtimeSocket {
	#outbox;

	/**
	 * @param {TokenSource} token
	 * @param {ChatWebSocketOptions} [options]
	 */
	constructor(token, options = {}) {
		super(token, { ...options, url: options.url ?? 'ws://localhost:4000' }, {
			onSignedIn: () => this.#deliver(),
			onSignedOut: () => this.#outbox.stop(),
			onFrame: (frame) => this.handleMessage(frame),
		});
		const storage = Promise.resolve(new MemoryStorage());
		this.#outbox = new Outbox({
			clock: options.clock,
			maxEntries: options.maxQueue ?? 1000,
			maxBytes: options.maxQueueBytes ?? 4 << 20,
			storage: () => storage,
			tabs: new Tabs(/** @type {any} */ (null)), /* memory is no other tab's business */
			log: (...line) => this.logger.log(...line),
			send: (entry) => this.#send(entry),
			onChange: () => {},
		});
	}

	/** What waits to be sent or acknowledged, oldest first. */
	get pending() {
		return this.#outbox.pending;
	}

	/* Whose messages these are may have changed: those of another user are not sent in this one's name. */
	async #deliver() {
		const name = this.username ?? '';
		await this.#outbox.open(name);
		if (this.isConnected && (this.username ?? '') === name)
			this.#outbox.start();
	}

	#me() {
		const { username } = this;
		if (!username)
			throw new ParleyError('INVALID_ARGUMENT', 'Who speaks? The token has no username, and there is none in localStorage or the options');
		return username;
	}

	/** @param {OutboxEntry} entry */
	async #send(entry) {
		const from = this.#me();
		const { to, chatId, groupId } = /** @type {Place} */ (entry.metadata);
		const { content, clientMessageId } = entry;
		if (groupId !== undefined)
			return this.request({ type: GROUP, from, groupId, content, clientMessageId });
		const id = chatId ?? [from, to].sort().join('-');
		return this.request({ type: DIRECT, from, to, content, chatId: id, clientMessageId });
	}

	/**
	 * A lane for each chat and group: there messages keep their order.
	 * @param {string} lane @param {string} content @param {Place} place @param {{clientMessageId?: string}} more
	 * @returns {Promise<import('../types/index.d.ts').Sent>}
	 */
	#say(lane, content, place, { clientMessageId }) {
		const draft = { clientMessageId, conversationId: lane, content, messageType: 'text', replyToId: null, metadata: place };
		return optional(/** @type {Promise<any>} */ (this.#outbox.add(draft)));
	}

	/** @param {(me: string) => any} message from the one who speaks */
	#ask(message) {
		try {
			return this.request(message(this.#me()));
		} catch (error) {
			return optional(Promise.reject(error));
		}
	}

	/* ---- what can be said: each promise may be ignored ---- */

	/**
	 * Resolves with {messageId, timestamp} when it is stored, however long that takes.
	 * @param {string} to
	 * @param {string} content
	 * @param {string} [chatId] without one: the two names, sorted, with a `-` in between
	 * @param {{clientMessageId?: string}} [more]
	 */
	sendPrivateMessage(to, content, chatId, more = {}) {
		return this.#say(`to ${to}`, content, { to, chatId }, more);
	}

	/** @param {string} groupId @param {string} content @param {{clientMessageId?: string}} [more] */
	sendGroupMessage(groupId, content, more = {}) {
		return this.#say(`group ${groupId}`, content, { groupId }, more);
	}

	/** The answer also goes to onChatHistory. @param {string} partnerUsername @param {string} [chatId] */
	getChatHistory(partnerUsername, chatId) {
		return this.#ask((from) => ({
			type: 'GET_ONE_TO_ONE_HISTORY', from, to: partnerUsername, chatId: chatId ?? [from, partnerUsername].sort().join('-'),
		}));
	}

	/** The answer also goes to onGroupHistory. @param {string} groupId */
	getGroupHistory(groupId) {
		return this.request({ type: 'GET_GROUP_CHAT_HISTORY', groupId });
	}

	/** For good: who is a member already is rejected. @param {string} groupId */
	joinGroup(groupId) {
		return this.#ask((username) => ({ type: 'JOIN_GROUP', groupId, username }));
	}

	/** After what was said there before. @param {string} groupId */
	leaveGroup(groupId) {
		const said = this.#outbox.lanes.get(`group ${groupId}`)?.items.map((item) => item.promise) ?? [];
		const leave = () => this.#ask((username) => ({ type: 'LEAVE_GROUP', groupId, username }));
		return said.length ? optional(Promise.allSettled(said).then(leave)) : leave();
	}

	/** Closes, and stays closed until connect(). What was said and not stored goes on waiting. */
	disconnect() {
		if (this.isConnected)
			this.send({ type: 'DISCONNECT' });
		super.disconnect();
	}

	/* ---- what is heard ---- */

	/** A frame to its callback. @param {any} message */
	handleMessage(message) {
		switch (message.type) {
		case DIRECT: this.onPrivateMessage(message); break;
		case GROUP: this.onGroupMessage(message); break;
		case 'ONE_TO_ONE_CHAT_HISTORY': this.onChatHistory(message); break;
		case 'GROUP_CHAT_HISTORY': this.onGroupHistory(message); break;
		case 'SUCCESS': this.logger.log('Success:', message.msg); break;
		case 'INFO': this.logger.log('Info:', message.msg); break;
		case 'ERROR': this.logger.error('Error:', message.msg); break;
		default: this.logger.log('Unhandled message:', message);
		}
	}

	/* Callbacks: to be replaced. */

	/** @param {any} message */
	onPrivateMessage(message) {
		this.logger.log('Private message:', message);
	}

	/** @param {any} message */
	onGroupMessage(message) {
		this.logger.log('Group message:', message);
	}

	/** @param {any} message */
	onChatHistory(message) {
		this.logger.log('Chat history:', message);
	}

	/** @param {any} message */
	onGroupHistory(message) {
		this.logger.log('Group history:', message);
	}
}
