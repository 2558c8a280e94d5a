'use strict';
/*
 * The dialects of the bridge, one row each: how its clients come in, sit down where something is
 * said, say it and read it again, and in which words they hear of it. A dialect that joins later is
 * one more row. The words are those of docs/dialects/: every field, and no other.
 *
 * A place is {kind: 'direct', id, of: [who, who]} or {kind: 'room', id, alias}. A person is one of
 * tokens.js with its `id`.
 */
const assert = require('node:assert/strict');
const { Client, UUID } = require('./client.js');
const { Native } = require('./native_client.js');
const { Realtime, chatId, ISO } = require('./realtime_client.js');
const { SocketIo } = require('./socketio_client.js');

const MILLIS = /^1\d{12}$/;
const NUMBER = /^\d+$/;
const ID = /^[0-9a-f]{32}$/;

/* What is expected, with a pattern for what cannot be known, compared whole. */
function like(actual, expected) {
	if (expected instanceof RegExp)
		return expected.test(String(actual)) ? actual : expected;
	if (Array.isArray(expected))
		return expected.map((value, i) => like(actual?.[i], value));
	if (typeof expected !== 'object' || expected === null)
		return expected;
	return Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, like(actual?.[key], value)]));
}

function assertLike(actual, expected, what) {
	assert.deepEqual(actual, like(actual, expected), what);
}

const other = (place, who) => place.of.find((one) => one.username !== who.username);
const called = (place) => place.alias || place.id;

const qrypt = {
	name: 'QryptChat',
	hearsItself: { direct: true, room: true },
	hearsTyping: { direct: true, room: true },
	hearsPresence: { direct: true, room: true },
	types: true,
	async come(server, who) {
		const chat = await Client.signIn(server, who);
		return { who, chat, sockets: [chat], heard: () => chat.kept };
	},
	async sit(client, place) {
		await client.chat.ok('join_conversation', { conversationId: place.id }, 'conversation_joined');
	},
	async say(client, place, content) {
		await client.chat.ok('send_message', { conversationId: place.id, content }, 'message_sent');
	},
	async type(client, place) {
		await client.chat.ok('typing_start', { conversationId: place.id }, 'typing_start');
		await client.chat.ok('typing_stop', { conversationId: place.id }, 'typing_stop');
	},
	async history(client, place) {
		const page = await client.chat.ok('load_messages', { conversationId: place.id, limit: 200 }, 'messages_loaded');
		return page.payload.messages.map((m) => [m.sender.username, m.encrypted_content]);
	},
	sync: (client) => client.chat.sync(),
	envelope: (type, payload) => ({ type, payload, requestId: UUID, timestamp: ISO }),
	message: (place, from, content) => qrypt.envelope('message_received', {
		message: {
			id: UUID,
			conversation_id: place.id,
			seq: NUMBER,
			sender_id: from.id,
			reply_to_id: null,
			message_type: 'text',
			encrypted_content: content,
			content_hash: null,
			metadata: {},
			edited_at: null,
			deleted_at: null,
			created_at: ISO,
			expires_at: null,
			content_type: 'text',
			has_attachments: false,
			sender: { id: from.id, username: from.username, display_name: from.name, avatar_url: null },
		},
	}),
	textOf: (frame) => frame.payload.message?.encrypted_content,
	typing: (place, from, isTyping) => qrypt.envelope('typing_update',
		{ conversationId: place.id, userId: from.id, username: from.username, isTyping }),
	presence: (place, who, isOn) => qrypt.envelope(isOn ? 'user_online' : 'user_offline',
		{ userId: who.id, conversationId: place.id, timestamp: ISO }),
};

const native = {
	name: 'native',
	hearsItself: { direct: true, room: true },
	hearsTyping: {},
	hearsBroadcast: true,
	hearsPresence: { direct: true, room: true },
	broadcasts: true,
	async come(server, who) {
		const chat = await Native.connect(server, who, { port: server.native });
		return { who, chat, sockets: [chat], heard: () => chat.kept.map((f) => f.json ?? f.text) };
	},
	async sit(client, place) {
		await client.chat.join(called(place));
	},
	async say(client, place, content) {
		client.chat.send('chat', { room: called(place), content });
	},
	async broadcast(client, place, data) {
		client.chat.send('broadcast', { room: called(place), data });
	},
	sync: (client) => client.chat.sync(),
	message: (place, from, content) => (
		{ type: 'chat', from: from.name, content, timestamp: MILLIS, room: called(place), id: UUID, seq: NUMBER }),
	textOf: (frame) => (frame.type === 'chat' ? frame.content : undefined),
	presence: (place, who, isOn) => (
		{ type: isOn ? 'user-joined' : 'user-left', userId: who.id, roomId: called(place), timestamp: MILLIS }),
};

/* Both families: their clients open two sockets each, and hear all of their conversations at once. */
const realtime = {
	hearsItself: {},
	hearsTyping: {},
	hearsPresence: { direct: true, room: false }, /* groups do not count there */
	async open(dial, server, who) {
		const chat = await dial(server.chat, who);
		const presence = await dial(server.presence, who);
		return { who, chat, sockets: [chat, presence], heard: () => [...chat.kept, ...presence.kept] };
	},
	async sit() {},
	direct: (client, place) => {
		const to = other(place, client.who);
		return { from: client.who.username, to: to.username, chatId: chatId(client.who, to) };
	},
	async history(client, place) {
		const answer = place.kind === 'direct'
			? await client.chat.ask('GET_ONE_TO_ONE_HISTORY', realtime.direct(client, place))
			: await client.chat.ask('GET_GROUP_CHAT_HISTORY', { groupId: place.alias });
		return answer.messages.map((m) => [m.from, m.text]);
	},
	sync: (client) => client.chat.sync(),
	message(directType, place, from, content) {
		const rest = { content, timestamp: ISO, messageId: UUID };
		if (place.kind === 'room')
			return { type: 'GROUP_CHAT', from: from.username, groupId: place.alias, ...rest };
		const to = other(place, from);
		return { type: directType, from: from.username, to: to.username, chatId: chatId(from, to), ...rest };
	},
	textOf: (frame) => (/^(ONE_TO_ONE_CHAT|MESSAGE|GROUP_CHAT)$/.test(frame.type) ? frame.content : undefined),
};

const documented = {
	...realtime,
	name: 'realtime D',
	come: (server, who) => realtime.open(Realtime.connect, server, who),
	async say(client, place, content) {
		if (place.kind === 'direct')
			client.chat.send('ONE_TO_ONE_CHAT', { ...realtime.direct(client, place), content });
		else
			client.chat.send('GROUP_CHAT', { from: client.who.username, groupId: place.alias, content });
	},
	message: (...what) => realtime.message('ONE_TO_ONE_CHAT', ...what),
	presence: (place, who, isOn) => (
		{ type: 'PRESENCE_UPDATE', username: who.username, status: isOn ? 'online' : 'offline', timestamp: ISO }),
};

const older = {
	...realtime,
	name: 'realtime R',
	come: (server, who) => realtime.open(Realtime.older, server, who),
	async say(client, place, content) {
		if (place.kind === 'direct')
			client.chat.send('ONE_TO_ONE_CHAT', { ...realtime.direct(client, place), content });
		else
			client.chat.send('GROUP_CHAT', { from: client.who.username, to: place.alias, content });
	},
	message: (...what) => realtime.message('MESSAGE', ...what),
	presence: (place, who, isOn) => (
		{ type: 'STATUS_CHANGE', username: who.username, status: isOn ? 'ONLINE' : 'OFFLINE' }),
};

/* One of two people's talk is not a room: typing there has no words. */
const socketio = {
	hearsItself: { direct: false, room: true },
	hearsTyping: { direct: false, room: true },
	hearsPresence: { direct: true, room: true },
	types: true,
	/* Two keepers tell of it, each in its own time. */
	inAnyOrder: true,
	async sit(client, place) {
		if (place.kind === 'room')
			await client.chat.ok('join-room', place.alias);
	},
	async say(client, place, content) {
		if (place.kind === 'room')
			client.chat.socket.emit('message', { roomId: place.alias, content });
		else
			client.chat.socket.emit('private-message', { targetUserId: other(place, client.who).sub, content });
	},
	async type(client, place) {
		await client.chat.ok('typing', { roomId: called(place) });
		await client.chat.ok('stop-typing', { roomId: called(place) });
	},
	sync: (client) => client.chat.sync(),
	user: (who) => ({ id: who.sub, name: who.name }),
	message(place, from, content) {
		const rest = { id: ID, content, timestamp: MILLIS };
		if (place.kind === 'room')
			return ['new-message', { ...rest, roomId: place.alias, userId: from.sub, user: socketio.user(from),
				type: 'text', edited: false, deleted: false }];
		return ['private-message', { ...rest, fromUserId: from.sub, fromUser: socketio.user(from),
			toUserId: other(place, from).sub, read: false }];
	},
	textOf: ([name, payload]) => (/^(new|private)-message$/.test(name) ? payload.content : undefined),
	typing: (place, from, isTyping) => (isTyping
		? ['user-typing', { userId: from.sub, user: socketio.user(from), roomId: place.alias }]
		: ['user-stopped-typing', { userId: from.sub, roomId: place.alias }]),
	presence(place, who, isOn) {
		const online = ['presence-update', { userId: who.sub, status: isOn ? 'online' : 'offline', timestamp: MILLIS }];
		const where = { userId: who.sub, roomId: place.alias };
		if (place.kind === 'direct')
			return online;
		return [online, isOn ? ['user-joined', { ...where, user: socketio.user(who) }] : ['user-left', where]];
	},
};

const over = (name, transports) => ({
	...socketio,
	name,
	async come(server, who) {
		const chat = await SocketIo.connect(server, who, { transports });
		return { who, chat, sockets: [chat], heard: () => chat.kept };
	},
});

const ROWS = [qrypt, native, documented, older, over('Socket.IO poll', ['polling']), over('Socket.IO ws', ['websocket'])];

module.exports = { ROWS, assertLike };
