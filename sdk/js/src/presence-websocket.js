/* presence-websocket.js - the presence socket of the realtime dialect: who comes and goes. */
import { RealtimeSocket } from './realtime-socket.js';

/** @typedef {import('../types/index.d.ts').RealtimeOptions} RealtimeOptions */
/** @typedef {import('../types/index.d.ts').TokenSource} TokenSource */

export class PresenceWebSocket extends RealtimeSocket {
	/**
	 * @param {TokenSource} token
	 * @param {RealtimeOptions} [options]
	 */
	constructor(token, options = {}) {
		super(token, { ...options, url: options.url ?? 'ws://localhost:5000' }, {
			onFrame: (frame) => this.handlePresenceUpdate(frame),
		});
	}

	/** @param {any} message */
	handlePresenceUpdate(message) {
		if (message.type === 'PRESENCE_UPDATE')
			this.onPresenceChange(message.username, message.status, message.timestamp);
		else if (message.type === 'ERROR')
			this.logger.error('Error:', message.msg);
	}

	/** A callback: to be replaced. @param {string} username @param {string} status @param {string} timestamp */
	onPresenceChange(username, status, timestamp) {
		this.logger.log(`${username} is now ${status} at ${timestamp}`);
	}
}
