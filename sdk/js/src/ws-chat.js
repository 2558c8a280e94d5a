/*
 * ws-chat.js - a chat as a store: what there is to show, and what one can do.
 *
 * It joins the parts: session (who is signed in), outbox (what is on its way), rooms (what was
 * said), typing. Methods do not reject unless `throws` is set: what went wrong is in the result
 * and in the state's `error`, as components expect it.
 */
import { subjectOf } from './account.js';
import { idOf, withLatest } from './conversations.js';
import { defaultUrl, realClock, wantsDebug } from './environment.js';
import { guarded, ParleyError } from './errors.js';
import { Outbox } from './outbox.js';
import { Rooms } from './rooms.js';
import { Session } from './session.js';
import { openStorage } from './storage.js';
import { derived, get, writable } from './store.js';
import { Tabs } from './tabs.js';
import { Typing } from './typing.js';

/** @typedef {import('../types/index.d.ts').ChatOptions} ChatOptions */
/** @typedef {import('../types/index.d.ts').ChatState} ChatState */
/** @typedef {import('../types/index.d.ts').Frame} Frame */
/** @typedef {import('../types/index.d.ts').TokenSource} TokenSource */
/** @typedef {import('../types/index.d.ts').Result} Result */
/** @typedef {import('../types/index.d.ts').Message} Message */
/** @typedef {import('../types/index.d.ts').OutboxStorage} OutboxStorage */

const DEFAULTS = {
	reconnectDelay: 1000,
	maxReconnectDelay: 30000,
	maxReconnectAttempts: Infinity,
	stableAfter: 5000,
	connectTimeout: 15000,
	requestTimeout: 30000,
	heartbeat: 25000,
	heartbeatTimeout: 10000,
	keepMessages: 10000,
	fillPages: 10,
	outboxEntries: 1000,
	outboxBytes: 4 << 20,
};
const CONNECT_FAILED = 'CONNECT_FAILED';
const KINDS = ['text', 'image', 'file', 'system'];

/** @type {ChatState} */
const START = {
	conversations: [],
	groups: [],
	activeConversation: null,
	messages: [],
	hasMore: false,
	loading: false,
	error: null,
	errorCode: null,
	typingUsers: [],
	onlineUsers: [],
	pending: [],
	connection: 'idle',
	connected: false,
	authenticated: false,
	user: null,
};

export class Chat {
	/** @param {ChatOptions} [options] */
	constructor(options = {}) {
		this.options = { ...DEFAULTS, ...options };
		this.clock = options.clock ?? realClock;
		this.url = options.url ?? '';
		this.store = writable(START);
		/** @type {Map<string, Set<(payload: any, frame: Frame) => void>>} */
		this.listeners = new Map();
		/** @type {Set<() => void>} */
		this.signInWaiters = new Set();
		this.isDebug = false;
		/** @type {Promise<OutboxStorage> | null} */
		this.storage = null;
		/** @type {Tabs | null} */
		this.ownTabs = null;
		this.wantsConversations = false;
		this.isDestroyed = false;
		this.log = this.log.bind(this);
		this.session = this.#makeSession();
		this.rooms = this.#makeRooms();
		this.outbox = this.#makeOutbox();
		this.typing = new Typing(this.clock, {
			start: (conversationId) => { this.#tell('typing_start', { conversationId }); },
			stop: (conversationId) => { this.#tell('typing_stop', { conversationId }); },
			onChange: () => this.#showTyping(),
		});
		this.hurry = () => this.session.hurry();
		/** @type {string | null} whose rooms and lists these are, also while nobody is signed in */
		this.userId = null;
		/** @type {ParleyError | null} why the last sign-in failed */
		this.lastRefusal = null;
	}

	/* ---- the parts ---- */

	#makeSession() {
		const { clock, options } = this;
		return new Session({
			...options,
			clock,
			url: () => this.#address(),
			log: this.log,
			onState: (connection) => this.#connectionIs(connection),
			onSignedIn: (user, again) => this.#signedIn(user, again),
			onSignedOut: () => this.#signedOut(),
			onSigningIn: () => this.outbox.stop(),
			onTrouble: (error) => {
				this.log(error.code, error.message);
				const text = error.code === CONNECT_FAILED ? 'Connection error' : 'Authentication failed';
				this.#set({ error: text, errorCode: error.code });
			},
			onRefused: (error) => this.#refused('Authentication failed', error),
			onOver: (error) => this.#refused(error.message, error),
			onFrame: (frame) => this.#heard(frame),
		});
	}

	#makeRooms() {
		return new Rooms({
			clock: this.clock,
			keep: this.options.keepMessages,
			fillPages: this.options.fillPages,
			log: this.log,
			request: (type, payload) => this.session.request(type, payload, { again: true }),
			onChange: (id) => {
				if (id === this.rooms.active)
					this.#showMessages();
			},
			onLost: (id, error) => this.#fail(`Failed to join conversation ${id}`, error),
		});
	}

	#makeOutbox() {
		const self = this;
		return new Outbox({
			clock: this.clock,
			maxEntries: this.options.outboxEntries,
			maxBytes: this.options.outboxBytes,
			/* Nothing is opened before it is needed: importing this package has no effects. */
			storage: () => (this.storage ??= openStorage(this.options.storage, this.log)),
			get tabs() { return (self.ownTabs ??= new Tabs()); },
			log: this.log,
			send: (entry) => this.#send(entry),
			onChange: () => this.#set({ pending: this.outbox?.pending ?? [] }),
		});
	}

	#address() {
		const url = this.url || defaultUrl();
		if (!url)
			throw new ParleyError('INVALID_ARGUMENT', 'Where is the server? Give createWsChat a url');
		return url;
	}

	/** @param {...unknown} line */
	log(...line) {
		if (this.isDebug)
			console.debug('[parley]', ...line);
	}

	/* ---- what is shown ---- */

	/** @param {Partial<ChatState>} change */
	#set(change) {
		this.store.update((state) => ({ ...state, ...change }));
	}

	#showMessages() {
		const { rooms } = this;
		this.#set({ messages: rooms.messages, hasMore: rooms.hasMore, activeConversation: rooms.active });
	}

	#showTyping() {
		const typingUsers = this.typing.users(this.rooms.active);
		const { typingUsers: before } = get(this.store);
		if (typingUsers.join() !== before.join())
			this.#set({ typingUsers });
	}

	/**
	 * What a method makes of an error: the state tells it, and the result.
	 * @param {string} text @param {unknown} caught
	 * @returns {{success: false, error: string, code: string, cause: ParleyError}}
	 */
	#fail(text, caught) {
		const cause = caught instanceof ParleyError ? caught : new ParleyError('ERROR', String(caught), { cause: caught });
		this.log(text, cause.code, cause.message);
		this.#set({ error: text, errorCode: cause.code, loading: false });
		if (this.options.throws)
			throw cause;
		return { success: false, error: text, code: cause.code, cause };
	}

	/**
	 * @template T
	 * @param {string} text what is said when it fails
	 * @param {() => Promise<T>} act
	 * @param {boolean} [isLoading]
	 * @returns {Promise<{success: true, data: T} | {success: false, error: string, code: string, cause: ParleyError}>}
	 */
	async #do(text, act, isLoading = false) {
		if (isLoading)
			this.#set({ loading: true });
		try {
			const data = await act();
			this.#set(isLoading ? { error: null, errorCode: null, loading: false } : { error: null, errorCode: null });
			return { success: true, data };
		} catch (error) {
			return this.#fail(text, error);
		}
	}

	/** @param {import('../types/index.d.ts').ConnectionState} connection */
	#connectionIs(connection) {
		const isOpen = connection === 'open';
		const isOver = isOpen && get(this.store).errorCode === CONNECT_FAILED;
		this.#set({ connection, connected: isOpen, ...(isOver ? { error: null, errorCode: null } : {}) });
		if (isOpen && !this.session.source)
			this.#settleSignIn();
	}

	/* ---- signing in and out ---- */

	/**
	 * @param {TokenSource | null} [token]
	 * @param {{url?: string}} [where]
	 * @returns {Promise<Result>}
	 */
	connect(token, { url } = {}) {
		this.isDebug = wantsDebug();
		if (this.isDestroyed)
			return Promise.resolve(this.#fail('Connection closed', new ParleyError('CLOSED', 'destroy() was called')));
		this.url = url ?? this.url;
		return this.#connect(token);
	}

	/** @param {TokenSource | null} [token] @returns {Promise<Result>} */
	async #connect(token) {
		try {
			this.#address();
		} catch (error) {
			return this.#fail('Failed to connect', error);
		}
		if (this.session.isOpen && token && token !== this.session.source)
			return this.authenticate(token);
		globalThis.window?.addEventListener?.('online', this.hurry);
		if (typeof token === 'string')
			this.#openOutbox(subjectOf(token));
		this.session.connect(token);
		return this.#whenSignedIn();
	}

	/**
	 * A token for the connection there is, or for a new one.
	 * @param {TokenSource} token
	 * @returns {Promise<Result>}
	 */
	async authenticate(token) {
		if (!this.session.isOpen)
			return this.connect(token);
		this.session.source = token;
		const signedIn = this.#whenSignedIn(true);
		this.session.signIn();
		return signedIn;
	}

	/** @param {boolean} [isFresh] a sign-in that was before does not count @returns {Promise<Result>} */
	async #whenSignedIn(isFresh = false) {
		if (!isFresh && this.session.isSignedIn)
			return { success: true, data: get(this.store).user };
		const { session } = this;
		const hasNoToken = () => session.isOpen && !session.source;
		if (!hasNoToken() && session.socket.state !== 'closed')
			await new Promise((resolve) => this.signInWaiters.add(() => resolve(null)));
		const { user, error } = get(this.store);
		if (session.isSignedIn)
			return { success: true, data: user };
		const cause = hasNoToken() ? new ParleyError('NOT_SIGNED_IN', 'Not signed in: there is no token yet')
			: this.lastRefusal ?? new ParleyError('CLOSED', 'Connection closed');
		if (this.options.throws)
			throw cause;
		return { success: false, error: error ?? cause.message, code: cause.code, cause };
	}

	#settleSignIn() {
		const waiters = [...this.signInWaiters];
		this.signInWaiters.clear();
		waiters.forEach((settle) => settle());
	}

	/** @param {any} user @param {boolean} again only a fresh token, on the same connection */
	#signedIn(user, again) {
		if (this.userId && user && this.userId !== user.id)
			this.#becameAnother();
		this.userId = user?.id ?? null;
		this.lastRefusal = null;
		this.#set({ authenticated: true, user, error: null, errorCode: null });
		this.#openOutbox(user?.auth_user_id ?? user?.id ?? null);
		this.outbox.start();
		if (!again)
			this.#resume();
		this.#settleSignIn();
	}

	#resume() {
		this.rooms.rejoin();
		if (this.wantsConversations)
			this.loadConversations().catch(() => {});
	}

	#becameAnother() {
		this.rooms.clear();
		this.wantsConversations = false;
		this.#set({ conversations: [], groups: [], onlineUsers: [] });
		this.#showMessages();
	}

	/** @param {string | null} subject */
	#openOutbox(subject) {
		const account = this.options.account ?? subject;
		if (account)
			this.outbox.open(`${this.#address()} ${account}`);
	}

	#signedOut() {
		this.outbox.stop();
		this.typing.clear();
		this.#set({ authenticated: false, onlineUsers: [] });
	}

	/** @param {string} text @param {ParleyError} error */
	#refused(text, error) {
		this.lastRefusal = error;
		this.log(text, error.code, error.message);
		this.#set({ authenticated: false, error: text, errorCode: error.code });
		this.#settleSignIn();
	}

	/** Closes, and stays closed until connect(). What waits in the outbox goes on waiting. */
	disconnect() {
		this.lastRefusal = null;
		this.session.disconnect();
		this.#set({ authenticated: false, user: null });
		this.#settleSignIn();
	}

	/** For ever: timers and storage too. Unsent messages stay in a storage that lasts. */
	async destroy() {
		if (this.isDestroyed)
			return;
		this.isDestroyed = true;
		this.disconnect();
		this.rooms.clear();
		this.typing.clear();
		globalThis.window?.removeEventListener?.('online', this.hurry);
		await this.outbox.close();
	}

	/* ---- what is heard ---- */

	/** @param {Frame} frame */
	#heard(frame) {
		/** @type {any} */
		const payload = frame.payload;
		const handlers = {
			message_received: () => this.#received(payload.message),
			typing_update: () => this.typing.hear(payload),
			user_online: () => this.#presence(payload.userId, true),
			user_offline: () => this.#presence(payload.userId, false),
			conversation_created: () => this.wantsConversations && this.loadConversations().catch(() => {}),
		};
		/** @type {any} */ (handlers)[frame.type]?.();
		for (const listener of [...this.listeners.get(frame.type) ?? []])
			guarded(() => listener(payload, frame));
	}

	/** @param {Message | undefined} message */
	#received(message) {
		if (!message)
			return;
		this.rooms.receive(message);
		const { user, conversations } = get(this.store);
		const isUnread = message.sender_id !== user?.id && this.rooms.active !== message.conversation_id;
		const next = withLatest(conversations, message, isUnread);
		if (next !== conversations)
			this.#set({ conversations: next });
	}

	/** @param {string} userId @param {boolean} isOnline */
	#presence(userId, isOnline) {
		const others = get(this.store).onlineUsers.filter((id) => id !== userId);
		this.#set({ onlineUsers: isOnline ? [...others, userId] : others });
	}

	/**
	 * Hears every frame of a type that is no answer, after the state has changed.
	 * @param {string} type @param {(payload: any, frame: Frame) => void} listener
	 * @returns {() => void} ends it
	 */
	on(type, listener) {
		const listeners = this.listeners.get(type) ?? new Set();
		this.listeners.set(type, listeners.add(listener));
		return () => { listeners.delete(listener); };
	}

	/* ---- what one can do ---- */

	loadConversations() {
		this.wantsConversations = true;
		return this.#do('Failed to load conversations', async () => {
			const { payload } = await this.session.request('load_conversations', {}, { again: true });
			const { conversations = [] } = /** @type {any} */ (payload);
			this.#set({ conversations });
			return conversations;
		}, true);
	}

	loadGroups() {
		return this.#do('Failed to load groups', async () => {
			const { payload } = await this.session.request('load_groups', {}, { again: true });
			const { groups = [] } = /** @type {any} */ (payload);
			this.#set({ groups });
			return groups;
		}, true);
	}

	/** @param {string} conversationId */
	joinConversation(conversationId) {
		return this.#do('Failed to join conversation', () => this.rooms.join(conversationId));
	}

	/** @param {string} conversationId */
	leaveConversation(conversationId) {
		this.typing.forget(conversationId);
		return this.#do('Failed to leave conversation', () => this.rooms.leave(conversationId));
	}

	/** @param {string} conversationId @param {number} [limit] */
	loadMessages(conversationId, limit) {
		return this.#do('Failed to load messages', async () => {
			const messages = await this.rooms.load(conversationId, limit);
			const { conversations } = get(this.store);
			const isHere = (/** @type {any} */ row) => idOf(row) === conversationId;
			if (conversations.some((row) => isHere(row) && row.unread_count))
				this.#set({ conversations: conversations.map((row) => (isHere(row) ? { ...row, unread_count: 0 } : row)) });
			this.#showTyping();
			return messages;
		}, true);
	}

	/** @param {string} conversationId @param {string} [beforeMessageId] @param {number} [limit] */
	loadMoreMessages(conversationId, beforeMessageId, limit) {
		return this.#do('Failed to load more messages',
			async () => ({ hasMore: await this.rooms.loadMore(conversationId, beforeMessageId, limit) }), true);
	}

	/**
	 * @param {string} conversationId
	 * @param {string | Record<string, string>} content
	 * @param {string} [messageType]
	 * @param {string | null} [replyToId]
	 * @param {{clientMessageId?: string, metadata?: object}} [more]
	 */
	sendMessage(conversationId, content, messageType = 'text', replyToId = null, { clientMessageId, metadata } = {}) {
		this.typing.forget(conversationId);
		return this.#do('Failed to send message', () => {
			if (!conversationId || !content || !KINDS.includes(messageType))
				throw new ParleyError('INVALID_ARGUMENT', 'A message needs a conversation, content and a known type');
			return this.outbox.add({ clientMessageId, conversationId, content, messageType, replyToId, metadata });
		});
	}

	/** One try. @param {import('../types/index.d.ts').OutboxEntry} entry @returns {Promise<Message>} */
	async #send({ clientMessageId, conversationId, content, messageType, replyToId, metadata }) {
		const isMap = typeof content === 'object';
		const payload = {
			conversationId,
			...(isMap ? { encryptedContents: content } : { content }),
			messageType,
			clientMessageId,
			...(replyToId ? { replyToId } : {}),
			...(metadata ? { metadata } : {}),
		};
		try {
			const frame = await this.session.askSignedIn('send_message', payload);
			const { message } = /** @type {any} */ (frame.payload);
			this.#received(message);
			return message;
		} catch (error) {
			/* Not known whether it arrived: only another connection can tell. */
			if (/** @type {any} */ (error).code === 'REQUEST_TIMEOUT')
				this.session.socket.drop('no acknowledgement');
			throw error;
		}
	}

	/** Resolves when what was sent so far is written down, with whether it would survive a reload. */
	stored() {
		return this.outbox.stored();
	}

	/** @param {{type?: string, participant_ids?: string[], participantIds?: string[], name?: string, description?: string, isGroup?: boolean}} data */
	createConversation(data) {
		return this.#do('Failed to create conversation', async () => {
			const { payload } = await this.session.request('create_conversation', data);
			await this.loadConversations();
			return payload;
		});
	}

	/** @param {string} conversationId @param {string} messageId */
	markRead(conversationId, messageId) {
		return this.#do('Failed to mark as read', async () => {
			await this.session.request('mark_read', { conversationId, messageId }, { again: true });
		});
	}

	/** Says it once, now or never: it would be wrong later. @param {string} type @param {object} payload */
	async #tell(type, payload) {
		try {
			await this.session.askSignedIn(type, payload);
			return true;
		} catch (error) {
			this.log(type, /** @type {Error} */ (error).message);
			return false;
		}
	}

	/** @param {string} conversationId */
	startTyping(conversationId) {
		return this.#tell('typing_start', { conversationId });
	}

	/** @param {string} conversationId */
	stopTyping(conversationId) {
		this.typing.forget(conversationId);
		return this.#tell('typing_stop', { conversationId });
	}

	/** @param {string} conversationId */
	setTyping(conversationId) {
		this.typing.set(conversationId);
	}

	/** Any other request of the protocol. Rejects. @param {string} type @param {object} [payload] @param {{again?: boolean, timeout?: number}} [options] */
	request(type, payload = {}, options) {
		return this.session.request(type, payload, options);
	}

	/** @param {string | null} error */
	setError(error) {
		this.#set({ error, errorCode: null });
	}
}

/**
 * A chat as a store. Nothing happens before connect().
 * @param {ChatOptions} [options]
 * @returns {import('../types/index.d.ts').WsChat}
 */
export function createWsChat(options) {
	const chat = new Chat(options);
	/** @template T @param {(state: ChatState) => T} pick */
	const part = (pick) => derived(chat.store, pick);
	return {
		subscribe: chat.store.subscribe,
		connect: (token, where) => chat.connect(token, where),
		authenticate: (token) => chat.authenticate(token),
		disconnect: () => chat.disconnect(),
		destroy: () => chat.destroy(),
		loadConversations: () => chat.loadConversations(),
		loadGroups: () => chat.loadGroups(),
		joinConversation: (id) => chat.joinConversation(id),
		leaveConversation: (id) => chat.leaveConversation(id),
		createConversation: (data) => chat.createConversation(data),
		loadMessages: (id, limit) => chat.loadMessages(id, limit),
		loadMoreMessages: (id, before, limit) => chat.loadMoreMessages(id, before, limit),
		sendMessage: (id, content, type, replyToId, more) => chat.sendMessage(id, content, type, replyToId, more),
		markRead: (id, messageId) => chat.markRead(id, messageId),
		startTyping: (id) => chat.startTyping(id),
		stopTyping: (id) => chat.stopTyping(id),
		setTyping: (id) => chat.setTyping(id),
		stored: () => chat.stored(),
		on: (type, listener) => chat.on(type, listener),
		request: (type, payload, more) => chat.request(type, payload, more),
		setError: (error) => chat.setError(error),
		clearError: () => chat.setError(null),
		getState: () => get(chat.store),
		conversations: part((state) => state.conversations),
		groups: part((state) => state.groups),
		activeConversation: part((state) => state.activeConversation),
		messages: part((state) => state.messages),
		typingUsers: part((state) => state.typingUsers),
		onlineUsers: part((state) => state.onlineUsers),
		pending: part((state) => state.pending),
		connection: part((state) => state.connection),
		isConnected: part((state) => state.connected),
		isAuthenticated: part((state) => state.authenticated),
		isLoading: part((state) => state.loading),
		chatError: part((state) => state.error),
		currentUser: part((state) => state.user),
	};
}
