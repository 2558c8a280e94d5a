/*
 * plain_realtime.js - the two sockets of the realtime dialect as its best-known document describes
 * their clients, in our own words: AUTH first, a frame for each method, a callback for each push, no
 * ids, nothing queued, and a chat socket that reconnects after each end, whoever ended it. Nothing of
 * this package is in it.
 */
export function plainSockets(WebSocket) {
	class Plain {
		constructor(token, { url, username }) {
			Object.assign(this, { token, url, username, ws: null });
		}

		connect() {
			const ws = new WebSocket(this.url);
			this.ws = ws;
			ws.onopen = () => {
				this.send({ type: 'AUTH', token: this.token });
				this.reconnectAttempts = 0;
			};
			ws.onmessage = ({ data }) => this.hear(JSON.parse(data));
			ws.onerror = () => {};
			ws.onclose = () => this.lost?.();
		}

		send(frame) {
			if (this.ws?.readyState === WebSocket.OPEN)
				this.ws.send(JSON.stringify(frame));
		}

		disconnect() {
			this.ws?.close();
		}
	}

	class PlainChat extends Plain {
		reconnectAttempts = 0;
		maxReconnectAttempts = 5;

		hear(frame) {
			const callback = {
				ONE_TO_ONE_CHAT: 'onPrivateMessage',
				GROUP_CHAT: 'onGroupMessage',
				ONE_TO_ONE_CHAT_HISTORY: 'onChatHistory',
				GROUP_CHAT_HISTORY: 'onGroupHistory',
			}[frame.type];
			this[callback ?? 'other']?.(frame);
		}

		lost() {
			if (this.reconnectAttempts < this.maxReconnectAttempts)
				this.timer = setTimeout(() => this.connect(), 100 * ++this.reconnectAttempts);
		}

		sendPrivateMessage(to, content, chatId) {
			this.send({ type: 'ONE_TO_ONE_CHAT', from: this.username, to, content, chatId });
		}

		sendGroupMessage(groupId, content) {
			this.send({ type: 'GROUP_CHAT', from: this.username, groupId, content });
		}

		getChatHistory(to, chatId) {
			this.send({ type: 'GET_ONE_TO_ONE_HISTORY', from: this.username, to, chatId });
		}

		getGroupHistory(groupId) {
			this.send({ type: 'GET_GROUP_CHAT_HISTORY', groupId });
		}

		joinGroup(groupId) {
			this.send({ type: 'JOIN_GROUP', groupId, username: this.username });
		}

		leaveGroup(groupId) {
			this.send({ type: 'LEAVE_GROUP', groupId, username: this.username });
		}

		disconnect() {
			this.send({ type: 'DISCONNECT' });
			super.disconnect();
		}

		/** The document's client cannot be ended; a test must. */
		end() {
			this.maxReconnectAttempts = 0;
			clearTimeout(this.timer);
			this.disconnect();
		}
	}

	class PlainPresence extends Plain {
		hear(frame) {
			if (frame.type === 'PRESENCE_UPDATE')
				this.onPresenceChange?.(frame.username, frame.status, frame.timestamp);
			else
				this.other?.(frame);
		}

		end() {
			this.disconnect();
		}
	}

	return { PlainChat, PlainPresence };
}
