'use strict';
/*
 * A client as strict as QryptChat's first browser store, written anew from the protocol: it drops
 * what its parser does not know, settles a request by the first frame with its id, forgets that
 * frame afterwards, and shows only what the store would have shown.
 */
const crypto = require('node:crypto');
const WebSocket = require('ws');

const REQUEST_MS = 30000;
const TYPES = new Set([
	'auth', 'auth_success', 'auth_error',
	'load_conversations', 'conversations_loaded', 'join_conversation', 'leave_conversation',
	'conversation_joined', 'conversation_left', 'create_conversation', 'conversation_created',
	'send_message', 'message_sent', 'message_received',
	'load_messages', 'messages_loaded', 'load_more_messages',
	'typing_start', 'typing_stop', 'typing_update',
	'create_group', 'group_created', 'join_group', 'group_joined', 'load_groups', 'groups_loaded',
	'user_online', 'user_offline', 'error', 'ping', 'pong',
]);

const filled = (x) => typeof x === 'string' && x !== '';

function acceptable(frame) {
	return Boolean(
		frame && typeof frame === 'object' &&
		filled(frame.type) && TYPES.has(frame.type) &&
		frame.payload && typeof frame.payload === 'object' &&
		filled(frame.requestId) && filled(frame.timestamp)
	);
}

class BrowserStore {
	constructor() {
		this.state = {
			conversations: [], activeConversation: null, messages: [], typingUsers: [],
			connected: false, authenticated: false, user: null, error: null,
		};
		this.pending = new Map();
		this.dropped = [];
		this.presence = [];
	}

	connect(url, token) {
		this.socket = new WebSocket(url);
		return new Promise((resolve, reject) => {
			this.socket.on('open', async () => {
				this.state.connected = true;
				await this.authenticate(token);
				resolve();
			});
			this.socket.on('message', (data) => this.hear(data.toString()));
			this.socket.on('error', reject);
			this.socket.on('close', () => Object.assign(this.state, { connected: false, authenticated: false }));
		});
	}

	hear(text) {
		let frame = null;
		try {
			frame = JSON.parse(text);
		} catch {
			/* dropped below */
		}
		if (!acceptable(frame)) {
			this.dropped.push(text);
			return;
		}
		const request = this.pending.get(frame.requestId);
		if (request) {
			this.pending.delete(frame.requestId);
			clearTimeout(request.timer);
			if (frame.type === 'error')
				request.reject(new Error(frame.payload.error));
			else
				request.resolve(frame);
			return;
		}
		this.broadcast(frame);
	}

	broadcast({ type, payload }) {
		const { state } = this;
		if (type === 'message_received') {
			const { message } = payload;
			const known = state.messages.some((m) => m.id === message.id);
			if (state.activeConversation === message.conversation_id && !known)
				state.messages = [...state.messages, message];
		} else if (type === 'typing_update') {
			const others = state.typingUsers.filter((id) => id !== payload.userId);
			state.typingUsers = payload.isTyping ? [...others, payload.userId] : others;
		} else if (type === 'user_online' || type === 'user_offline') {
			this.presence.push(payload);
		}
	}

	ask(type, payload = {}) {
		const requestId = crypto.randomUUID();
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.pending.delete(requestId);
				reject(new Error('Request timeout'));
			}, REQUEST_MS);
			this.pending.set(requestId, { resolve, reject, timer });
			this.socket.send(JSON.stringify({ type, payload, requestId, timestamp: new Date().toISOString() }));
		});
	}

	async authenticate(token) {
		try {
			const { type, payload } = await this.ask('auth', { token });
			if (type === 'auth_success')
				Object.assign(this.state, { authenticated: true, user: payload.user, error: null });
		} catch {
			Object.assign(this.state, { authenticated: false, error: 'Authentication failed' });
		}
	}

	async loadConversations() {
		const { type, payload } = await this.ask('load_conversations');
		if (type === 'conversations_loaded')
			this.state.conversations = payload.conversations;
	}

	async createConversation(data) {
		try {
			const { type, payload } = await this.ask('create_conversation', data);
			if (type !== 'conversation_created')
				return undefined;
			await this.loadConversations();
			return { success: true, data: payload };
		} catch {
			return { success: false };
		}
	}

	/* The first store loads the messages itself after joining. */
	async joinConversation(conversationId) {
		const { type } = await this.ask('join_conversation', { conversationId });
		if (type === 'conversation_joined')
			await this.loadMessages(conversationId);
	}

	async leaveConversation(conversationId) {
		await this.ask('leave_conversation', { conversationId });
	}

	async loadMessages(conversationId) {
		const { type, payload } = await this.ask('load_messages', { conversationId });
		if (type === 'messages_loaded')
			Object.assign(this.state, {
				activeConversation: conversationId, messages: payload.messages, typingUsers: [],
			});
	}

	async sendMessage(conversationId, content, messageType = 'text', replyToId = null) {
		try {
			const payload = { conversationId, content, messageType };
			if (replyToId)
				payload.replyToId = replyToId;
			const { type, payload: answer } = await this.ask('send_message', payload);
			return type === 'message_sent' ? { success: true, data: answer.message } : undefined;
		} catch {
			return { success: false };
		}
	}

	startTyping(conversationId) {
		return this.ask('typing_start', { conversationId });
	}

	stopTyping(conversationId) {
		return this.ask('typing_stop', { conversationId });
	}

	disconnect() {
		this.socket.close();
		for (const { timer } of this.pending.values())
			clearTimeout(timer);
	}
}

module.exports = { BrowserStore, acceptable };
