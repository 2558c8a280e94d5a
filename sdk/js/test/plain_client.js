/*
 * plain_client.js - a client as the best-known document for this protocol describes one, in our
 * own words: it reconnects after each end with doubled waits, queues what is said meanwhile, and
 * gives a frame to the one handler of its type. Nothing of this package is in it.
 */
export function plainClient(WebSocket) {
	return class PlainClient {
		constructor(url, { maxReconnectAttempts = 5, reconnectDelay = 1000 } = {}) {
			Object.assign(this, { url, maxReconnectAttempts, reconnectDelay });
			this.ws = null;
			this.isConnected = false;
			this.reconnectAttempts = 0;
			this.messageQueue = [];
			this.messageHandlers = new Map();
		}

		connect() {
			return new Promise((resolve, reject) => {
				const ws = new WebSocket(this.url);
				this.ws = ws;
				ws.onerror = reject;
				ws.onmessage = ({ data }) => this.handleMessage(data);
				ws.onopen = () => {
					this.isConnected = true;
					this.reconnectAttempts = 0;
					this.messageQueue.splice(0).forEach((message) => this.send(message));
					resolve();
				};
				ws.onclose = () => {
					this.isConnected = false;
					this.handleReconnect();
				};
			});
		}

		on(type, handler) {
			this.messageHandlers.set(type, handler);
		}

		handleMessage(data) {
			let message;
			try {
				message = JSON.parse(data);
			} catch {
				return;
			}
			this.messageHandlers.get(message.type)?.(message);
		}

		send(data) {
			if (this.isConnected && this.ws.readyState === WebSocket.OPEN)
				this.ws.send(typeof data === 'object' ? JSON.stringify(data) : data);
			else
				this.messageQueue.push(data);
		}

		handleReconnect() {
			if (this.reconnectAttempts >= this.maxReconnectAttempts)
				return;
			const delay = this.reconnectDelay * 2 ** this.reconnectAttempts++;
			this.timer = setTimeout(() => this.connect().catch(() => {}), delay);
		}

		close() {
			this.ws?.close();
		}

		/** The document's client cannot be ended; a test must. */
		end() {
			this.maxReconnectAttempts = 0;
			clearTimeout(this.timer);
			this.ws?.terminate();
		}
	};
}
