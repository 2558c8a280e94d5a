/* Shapes between the files of src/. Nothing of this is exported by the package. */
import type {
	Clock as PublicClock, ChatOptions, ConnectionState, Frame, Message, OutboxEntry, OutboxStorage, ParleyError, User,
	WebSocketConstructor,
} from './index.js';
import type { Tabs } from '../src/tabs.js';

export type Clock = PublicClock;
export type SocketState = ConnectionState;

export interface SocketEnd {
	code: number;
	reason: string;
	wasOpen: boolean;
	isFinal: boolean;
	/** Why it could not even be tried. */
	mistake?: ParleyError;
}

export interface SocketOptions {
	clock?: Clock;
	WebSocket?: WebSocketConstructor;
	url: () => string | Promise<string>;
	readonly reconnectDelay: number;
	readonly maxReconnectAttempts: number;
	maxReconnectDelay: number;
	stableAfter: number;
	connectTimeout: number;
	onOpen: () => void;
	onMessage: (text: string) => void;
	onError?: (error: unknown) => void;
	onClose: (end: SocketEnd) => void;
}

export interface Waiter {
	fits: (frame: any) => boolean;
	isSent: boolean;
	resolve: (frame: any) => void;
	reject: (error: Error) => void;
	timer: any;
}

export interface SessionOptions {
	clock?: Clock;
	WebSocket?: WebSocketConstructor;
	url: () => string;
	reconnectDelay: number;
	maxReconnectDelay: number;
	maxReconnectAttempts: number;
	stableAfter: number;
	connectTimeout: number;
	requestTimeout: number;
	heartbeat: number;
	heartbeatTimeout: number;
	log: (...line: unknown[]) => void;
	onState: (state: SocketState) => void;
	/** again: on a connection that was signed in already. */
	onSignedIn: (user: User, again: boolean) => void;
	onSignedOut: () => void;
	/** A token is about to be brought: until onSignedIn nothing may be said in anybody's name. */
	onSigningIn: () => void;
	/** Connecting (CONNECT_FAILED) or signing in failed for now; it is tried again. */
	onTrouble: (error: ParleyError) => void;
	/** The token was refused; the connection is still there. */
	onRefused: (error: ParleyError) => void;
	/** There will be no further connection. */
	onOver: (error: ParleyError) => void;
	onFrame: (frame: Frame) => void;
}

export interface RoomsOptions {
	clock: Clock;
	keep: number;
	fillPages: number;
	log: (...line: unknown[]) => void;
	request: (type: string, payload: object) => Promise<Frame>;
	/** Its messages changed. */
	onChange: (conversationId: string) => void;
	/** It could not be joined again. */
	onLost: (conversationId: string, error: ParleyError) => void;
}

export interface Draft {
	clientMessageId?: string;
	conversationId: string;
	content: string | Record<string, string>;
	messageType: string;
	replyToId: string | null;
	metadata?: object;
}

export interface Item {
	entry: OutboxEntry;
	promise: Promise<Message>;
	resolve: (message: Message) => void;
	reject: (error: Error) => void;
	tries: number;
	/** Its entry was given to the storage. */
	isStored: boolean;
	/** ... and is there, and the storage lasts. */
	isSafe: boolean;
}

export interface Lane {
	items: Item[];
	/** The first is under way. */
	isBusy: boolean;
	/** Waits after the server's trouble. */
	timer: any;
}

export interface OutboxOptions {
	clock?: Clock;
	maxEntries: number;
	maxBytes: number;
	storage: () => Promise<OutboxStorage>;
	readonly tabs: Tabs;
	log: (...line: unknown[]) => void;
	/** One try: the stored row, or why not. */
	send: (entry: OutboxEntry) => Promise<Message>;
	onChange: () => void;
}

/** What the two sockets of the realtime dialect add to what they share. */
export interface RealtimeHooks {
	onSignedIn?: () => void;
	onSignedOut?: () => void;
	onFrame: (frame: any) => void;
}
