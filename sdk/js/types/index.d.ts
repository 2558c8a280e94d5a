/*
 * The public declarations of parley-client. `npm run types` checks that the sources keep them.
 * Times are ISO 8601 texts in rows, and milliseconds in options.
 */

// ---- errors ----

/** Every failure; `code` is the server's own or one of this package's (see src/errors.js). */
export class ParleyError extends Error {
	constructor(code: string, message: string, more?: { retryAfterMs?: number; closeCode?: number; cause?: unknown });
	code: string;
	/** Milliseconds after which it may be tried again; 0: not said. */
	retryAfterMs: number;
	/** The WebSocket close code that ended it; 0: none. */
	closeCode: number;
}

// ---- stores ----

/** The contract of Svelte's stores: `run` is called at once and after each change. */
export interface Readable<T> {
	subscribe(run: (value: T) => void): () => void;
}

export interface Writable<T> extends Readable<T> {
	set(value: T): void;
	update(change: (value: T) => T): void;
}

export function writable<T>(value: T): Writable<T>;
export function derived<S, T>(source: Readable<S>, pick: (value: S) => T): Readable<T>;
/** The value of now. */
export function get<T>(store: Readable<T>): T;

// ---- sockets ----

/** What this package uses of a WebSocket: those of browsers, of Node 22 and of the npm package ws fit. */
export interface WebSocketLike {
	readyState: number;
	binaryType: string;
	onopen: ((event: any) => void) | null;
	onmessage: ((event: any) => void) | null;
	onerror: ((event: any) => void) | null;
	onclose: ((event: any) => void) | null;
	send(data: any): void;
	close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** A token, or what gets one: called for each connection, and again before the old token expires. */
export type TokenSource = string | (() => string | Promise<string>);

export interface Clock {
	now(): number;
	/** Milliseconds that never jump, for durations. Default: those of now(). */
	ticks?(): number;
	random(): number;
	setTimeout(act: () => void, ms: number): any;
	clearTimeout(timer: any): void;
}

export interface ConnectionOptions {
	/** Needed where there is no global one (Node 18 to 21). */
	WebSocket?: WebSocketConstructor;
	/** Base of the waiting time: attempt n waits a random time up to `reconnectDelay * 2^(n-1)` ms. Default 1000. */
	reconnectDelay?: number;
	/** The longest such time. Default 30000. */
	maxReconnectDelay?: number;
	/** The count of attempts starts anew when a connection lasted so long. Default 5000 ms. */
	stableAfter?: number;
	/** A connection that is not made by then failed. Default 15000 ms. */
	connectTimeout?: number;
	/** For tests. */
	clock?: Clock;
}

// ---- WebSocketClient ----

export interface WebSocketClientOptions extends ConnectionOptions {
	/** Default 5. */
	maxReconnectAttempts?: number;
	/** Added to the url as `?token=`. */
	token?: TokenSource;
	/** Messages that may wait for a connection. Default 1000; one more throws QUEUE_FULL. */
	maxQueue?: number;
	/** Their bytes. Default 4 MiB. */
	maxQueueBytes?: number;
	/** Default: errors to the console. `console` shows everything. */
	logger?: { log(...line: any[]): void; error(...line: any[]): void };
	onOpen?: () => void;
	onClose?: (end: { code: number; reason: string; willRetry: boolean }) => void;
	/** No further attempt: GAVE_UP or REFUSED. */
	onGiveUp?: (error: ParleyError) => void;
}

export interface RequestOptions {
	/** The `type` of the answer. Known for join, leave and ping. */
	reply?: string;
	/** Which frames of that type are meant. Default: for joined and left those of the same room. */
	where?: (message: any) => boolean;
	/** Milliseconds. Default 10000. */
	timeout?: number;
}

/** A client of the native dialect: flat JSON messages `{type, ...}`. */
export class WebSocketClient {
	constructor(url: string, options?: WebSocketClientOptions);
	url: string;
	options: WebSocketClientOptions;
	/** The WebSocket of the newest connection; null before the first. */
	readonly ws: WebSocketLike | null;
	messageHandlers: Map<string, (message: any) => void>;
	/** What waits for a connection, as it was given to send(). */
	messageQueue: any[];
	/** Attempts since the last connection that lasted for `stableAfter`. */
	reconnectAttempts: number;
	maxReconnectAttempts: number;
	reconnectDelay: number;
	readonly isConnected: boolean;
	/** Resolves when open and the queue is sent. Rejects when this attempt fails; others follow. */
	connect(): Promise<void>;
	/** One handler per type: a later one replaces the earlier. */
	on(type: string, handler: (message: any) => void): void;
	/** Sends, or queues. Objects as JSON, texts and bytes as they are. Throws QUEUE_FULL. */
	send(data: unknown): void;
	/** Sends, and resolves with the answer. Rejects with a ParleyError. */
	request(message: any, options?: RequestOptions): Promise<any>;
	/** The text of a frame to its handler. */
	handleMessage(data: string): void;
	/** Waits and connects again, if there are attempts left. */
	handleReconnect(): void;
	/** Closes, and stays closed until connect(). */
	close(code?: number, reason?: string): void;
}

// ---- the realtime dialect: ChatWebSocket, PresenceWebSocket ----

export interface RealtimeOptions extends ConnectionOptions {
	/** Default `ws://localhost:4000` for chat, `ws://localhost:5000` for presence. */
	url?: string;
	/** Who speaks, where the token carries no `username`. Default: `localStorage.username`. */
	username?: string;
	/** Default 5. */
	maxReconnectAttempts?: number;
	/** Default 2000 here. */
	reconnectDelay?: number;
	/** An answer that is not there by then failed. Default 10000 ms. */
	requestTimeout?: number;
	/** Messages that may wait for a connection or an answer. Default 1000. */
	maxQueue?: number;
	/** Their bytes. Default 4 MiB. */
	maxQueueBytes?: number;
	/** Default: errors to the console. `console` shows everything. */
	logger?: { log(...line: any[]): void; error(...line: any[]): void };
	/** Signed in, for the first time or again: what was missed is in the histories. */
	onOpen?: () => void;
	onClose?: (end: { code: number; reason: string; willRetry: boolean }) => void;
	/** No further attempt before connect(): GAVE_UP, or REFUSED (the token, or the connection for good). */
	onGiveUp?: (error: ParleyError) => void;
}

export type ChatWebSocketOptions = RealtimeOptions;

/** What both sockets have. Promises may be ignored: their rejections are not uncaught ones. */
export interface RealtimeConnection {
	/** Used for each new connection. A function is also called before the old token expires. */
	token: TokenSource;
	options: RealtimeOptions;
	url: string;
	maxReconnectAttempts: number;
	/** Attempts since the last connection that lasted for `stableAfter`. */
	reconnectAttempts: number;
	logger: { log(...line: any[]): void; error(...line: any[]): void };
	/** The WebSocket of the newest connection; null before the first. */
	readonly ws: WebSocketLike | null;
	/** Connected, and the token was accepted. */
	readonly isConnected: boolean;
	/** Who speaks, if that is known. */
	readonly username: string | null;
	/** Resolves when signed in; rejects when there will be no further attempt. */
	connect(): Promise<void>;
	/** Closes, and stays closed until connect(). */
	disconnect(): void;
	/** Waits and connects again, if a connection was lost and there are attempts left. */
	attemptReconnect(): void;
	/** Sends a message as it is, or queues it until signed in. Throws QUEUE_FULL. */
	send(message: object): void;
	/** Sends with a requestId, and resolves with the answer. */
	request(message: object, options?: { timeout?: number }): Promise<any>;
}

/** The chat socket of the realtime dialect. Callbacks are methods to be assigned or overridden. */
export interface ChatWebSocket extends RealtimeConnection {}
export class ChatWebSocket {
	constructor(token: TokenSource, options?: ChatWebSocketOptions);
	/** What waits to be sent or acknowledged, oldest first. */
	readonly pending: OutboxEntry[];
	/**
	 * Resolves when it is stored, however long that takes; rejects when it was refused for good, or with
	 * OUTBOX_FULL. The same clientMessageId again is the same message.
	 */
	sendPrivateMessage(to: string, content: string, chatId?: string, more?: { clientMessageId?: string }): Promise<Sent>;
	sendGroupMessage(groupId: string, content: string, more?: { clientMessageId?: string }): Promise<Sent>;
	getChatHistory(partnerUsername: string, chatId?: string): Promise<ChatHistory>;
	getGroupHistory(groupId: string): Promise<GroupHistory>;
	/** For good. Rejects also when one is a member already. */
	joinGroup(groupId: string): Promise<{ msg: string }>;
	leaveGroup(groupId: string): Promise<{ msg: string }>;
	/** A frame to its callback. */
	handleMessage(message: any): void;
	onPrivateMessage(message: PrivateMessage): void;
	onGroupMessage(message: GroupMessage): void;
	onChatHistory(message: ChatHistory): void;
	onGroupHistory(message: GroupHistory): void;
}

/** The presence socket of the realtime dialect. */
export interface PresenceWebSocket extends RealtimeConnection {}
export class PresenceWebSocket {
	constructor(token: TokenSource, options?: RealtimeOptions);
	handlePresenceUpdate(message: any): void;
	/** Of people with whom one has a private chat. Who is online already is not told at the beginning. */
	onPresenceChange(username: string, status: string, timestamp: string): void;
}

/** The acknowledgement of a message. */
export interface Sent {
	messageId: string;
	timestamp: string;
	/** It was there already. */
	duplicate?: boolean;
	[more: string]: any;
}

export interface PrivateMessage {
	type: 'ONE_TO_ONE_CHAT';
	from: string;
	to: string;
	content: string;
	chatId: string;
	timestamp: string;
	messageId: string;
}

export interface GroupMessage {
	type: 'GROUP_CHAT';
	from: string;
	groupId: string;
	content: string;
	timestamp: string;
	messageId: string;
}

export interface ChatHistory {
	type: 'ONE_TO_ONE_CHAT_HISTORY';
	chatId: string;
	/** Oldest first; `text` and `content` are the same. */
	messages: { messageId: string; from: string; to: string; text: string; content: string; chatId: string; timestamp: string }[];
	isOnline: boolean;
	lastSeenTime: string | null;
}

export interface GroupHistory {
	type: 'GROUP_CHAT_HISTORY';
	groupId: string;
	messages: { messageId: string; from: string; text: string; content: string; groupId: string; timestamp: string }[];
}

export interface Connections {
	username: string;
	token: string;
	/** Where calls are answered. */
	api: string;
	chatWs: ChatWebSocket;
	presenceWs: PresenceWebSocket;
}

/** The options of both sockets, and: */
export interface LoginOptions extends Omit<RealtimeOptions, 'url' | 'username'> {
	chatUrl?: string;
	presenceUrl?: string;
	/** `http://…`, without `/api/auth`. Default: where chatUrl is. */
	api?: string;
	/** Called before connecting: the place to set callbacks. */
	prepare?: (connections: Connections) => void;
	/** Where `authToken` and `username` are kept. Default: localStorage; null: nowhere. */
	storage?: Pick<Storage, 'setItem' | 'removeItem'> | null;
}

/** Logs in, keeps the token, connects both sockets. Rejects with LOGIN_FAILED, CONNECT_FAILED or REFUSED. */
export function handleLogin(username: string, password: string, options?: LoginOptions): Promise<Connections>;
/** Closes both, forgets the token, and tells the server. */
export function handleLogout(connections: Connections, options?: Pick<LoginOptions, 'storage'>): Promise<void>;

// ---- rows ----

export interface User {
	id: string;
	auth_user_id: string | null;
	email: string | null;
	phone: string | null;
	username: string | null;
	display_name: string | null;
	avatar_url: string | null;
}

export interface Sender {
	id: string;
	username: string | null;
	display_name: string | null;
	avatar_url: string | null;
}

export interface Message {
	id: string;
	conversation_id: string;
	/** 1, 2, 3 … in its conversation: the order. */
	seq: number;
	sender_id: string;
	reply_to_id: string | null;
	message_type: string;
	/** The text, or this reader's encrypted copy. */
	encrypted_content: string;
	metadata: Record<string, any>;
	created_at: string;
	sender: Sender;
	reply_to?: { id: string; encrypted_content: string; sender_id: string };
	[more: string]: any;
}

export interface Conversation {
	conversation_id: string;
	conversation_type: string;
	conversation_name: string | null;
	conversation_avatar_url: string | null;
	id: string;
	type: string;
	name: string | null;
	avatar_url: string | null;
	group_id: string | null;
	group_name: string | null;
	participant_count: number;
	latest_message_id: string | null;
	latest_message_content: string | null;
	latest_message_sender_id: string | null;
	latest_message_sender_username: string | null;
	latest_message_created_at: string | null;
	last_message_at: string | null;
	unread_count: number;
	[more: string]: any;
}

export interface Frame {
	type: string;
	payload: Record<string, any>;
	requestId: string;
	timestamp: string;
}

// ---- the outbox ----

/** A message that waits to be sent or acknowledged. Plain data. */
export interface OutboxEntry {
	/** Its key: unique, also among conversations and users. */
	id: string;
	/** By this the server knows a message that is sent again; unique for the user and the conversation. */
	clientMessageId: string;
	/** Whose it is: url and user. */
	account: string;
	/** The tab that sends it. */
	owner: string;
	/** Its place in the order. */
	n: number;
	bytes: number;
	createdAt: number;
	conversationId: string;
	content: string | Record<string, string>;
	messageType: string;
	replyToId: string | null;
	metadata?: object;
}

/** Where entries survive. `put` is done when the entry is safe; both methods may be called for ids that are (not) there. */
export interface OutboxStorage {
	/** Whether entries survive the program. Default true. */
	readonly isLasting?: boolean;
	load(account: string): Promise<OutboxEntry[]>;
	put(entry: OutboxEntry): Promise<void>;
	remove(id: string): Promise<void>;
	close(): Promise<void>;
}

// ---- wsChat ----

export interface ChatOptions extends ConnectionOptions {
	/** `wss://…/ws`. Default: `/ws` on the host of the page. */
	url?: string;
	/** Default: no limit; the waiting time has one. */
	maxReconnectAttempts?: number;
	/** Methods reject instead of answering `{success: false}`. Default false. */
	throws?: boolean;
	/** An answer that is not there by then failed. Default 30000 ms. */
	requestTimeout?: number;
	/** How often to ask whether the server is there. Default 25000 ms; 0: never. */
	heartbeat?: number;
	/** A server that does not answer that by then is gone. Default 10000 ms. */
	heartbeatTimeout?: number;
	/** Messages kept per conversation. Default 10000; the oldest go first. */
	keepMessages?: number;
	/** A gap of more pages (of 200) than this is not filled: the newest page is loaded instead. Default 10. */
	fillPages?: number;
	/** Messages that may wait to be sent. Default 1000; one more fails with OUTBOX_FULL. */
	outboxEntries?: number;
	/** Their bytes. Default 4 MiB. */
	outboxBytes?: number;
	/** Where they wait. Default 'auto': IndexedDB where there is one, else memory. */
	storage?: 'auto' | 'memory' | OutboxStorage;
	/** Under which name they are kept. Default: the user of the token. */
	account?: string;
}

export type ConnectionState = 'idle' | 'connecting' | 'open' | 'lost' | 'waiting' | 'closed';

export interface ChatState {
	conversations: Conversation[];
	groups: any[];
	/** The one whose messages are shown: that of the last loadMessages(). */
	activeConversation: string | null;
	/** Its messages, by seq, without holes, none twice. */
	messages: Message[];
	/** Whether there are older ones. */
	hasMore: boolean;
	loading: boolean;
	/** The last failure in words; null after the next success. */
	error: string | null;
	errorCode: string | null;
	/** Ids of those who type in the active conversation; without one: anywhere. */
	typingUsers: string[];
	/** Ids of those who were heard to come online. */
	onlineUsers: string[];
	/** What waits to be sent or acknowledged, oldest first. */
	pending: OutboxEntry[];
	connection: ConnectionState;
	connected: boolean;
	authenticated: boolean;
	user: User | null;
}

export interface Failure {
	success: false;
	error: string;
	code: string;
	cause: ParleyError;
}

export type Result<T = any> = { success: true; data: T } | Failure;

export interface NewConversation {
	/** Ids or usernames of the others. */
	participant_ids?: string[];
	participantIds?: string[];
	type?: 'direct' | 'group' | 'room';
	name?: string;
	description?: string;
	isGroup?: boolean;
}

/**
 * A chat as a store: `subscribe` gives the whole state, its other stores parts of it. Methods
 * resolve with a Result, and with `throws` reject instead.
 */
export interface WsChat extends Readable<ChatState> {
	/** Resolves when signed in, or refused. A lost connection is made again until disconnect(). */
	connect(token?: TokenSource | null, where?: { url?: string }): Promise<Result<User>>;
	/** Brings a (fresh) token. */
	authenticate(token: TokenSource): Promise<Result<User>>;
	/** Closes and stays closed until connect(); unsent messages go on waiting. */
	disconnect(): void;
	/** For ever. Unsent messages stay in a storage that lasts. */
	destroy(): Promise<void>;
	loadConversations(): Promise<Result<Conversation[]>>;
	loadGroups(): Promise<Result<any[]>>;
	/** Hears what is said there, on this and later connections. */
	joinConversation(conversationId: string): Promise<Result<void>>;
	leaveConversation(conversationId: string): Promise<Result<void>>;
	createConversation(data: NewConversation): Promise<Result<any>>;
	/** The newest messages; makes the conversation the active one and marks it read. */
	loadMessages(conversationId: string, limit?: number): Promise<Result<Message[]>>;
	/** The page before the oldest that is known. */
	loadMoreMessages(conversationId: string, beforeMessageId?: string, limit?: number): Promise<Result<{ hasMore: boolean }>>;
	/**
	 * Resolves when the server has stored it, however long that takes; fails when it was refused
	 * for good, or with OUTBOX_FULL. `content` may be a map {userId: text} of encrypted copies.
	 * The same clientMessageId again is the same message.
	 */
	sendMessage(
		conversationId: string,
		content: string | Record<string, string>,
		type?: string,
		replyToId?: string | null,
		more?: { clientMessageId?: string; metadata?: object }
	): Promise<Result<Message>>;
	markRead(conversationId: string, messageId: string): Promise<Result<void>>;
	/** Resolves with whether it was said: never queued, never rejects. */
	startTyping(conversationId: string): Promise<boolean>;
	stopTyping(conversationId: string): Promise<boolean>;
	/** For each key: starts, and stops three seconds after the last. */
	setTyping(conversationId: string): void;
	/**
	 * Resolves when what was sent so far is written down, with whether it would survive a reload: false
	 * without a storage that lasts, and while it is not known whose it is (a token function, not signed in yet).
	 */
	stored(): Promise<boolean>;
	/** Hears all frames of a type that are no answers. Returns what ends it. */
	on(type: string, listener: (payload: any, frame: Frame) => void): () => void;
	/** Any request of the protocol. Rejects with a ParleyError. `again`: may be asked twice. */
	request(type: string, payload?: object, options?: { again?: boolean; timeout?: number }): Promise<Frame>;
	setError(error: string | null): void;
	clearError(): void;
	getState(): ChatState;

	conversations: Readable<Conversation[]>;
	groups: Readable<any[]>;
	activeConversation: Readable<string | null>;
	messages: Readable<Message[]>;
	typingUsers: Readable<string[]>;
	onlineUsers: Readable<string[]>;
	pending: Readable<OutboxEntry[]>;
	connection: Readable<ConnectionState>;
	isConnected: Readable<boolean>;
	isAuthenticated: Readable<boolean>;
	isLoading: Readable<boolean>;
	chatError: Readable<string | null>;
	currentUser: Readable<User | null>;
}

/** Nothing happens before connect(). */
export function createWsChat(options?: ChatOptions): WsChat;

/** The chat of the page, and its parts. */
export const wsChat: WsChat;
export const conversations: WsChat['conversations'];
export const groups: WsChat['groups'];
export const activeConversation: WsChat['activeConversation'];
export const messages: WsChat['messages'];
export const typingUsers: WsChat['typingUsers'];
export const onlineUsers: WsChat['onlineUsers'];
export const pending: WsChat['pending'];
export const connection: WsChat['connection'];
export const isConnected: WsChat['isConnected'];
export const isAuthenticated: WsChat['isAuthenticated'];
export const isLoading: WsChat['isLoading'];
export const chatError: WsChat['chatError'];
export const currentUser: WsChat['currentUser'];
