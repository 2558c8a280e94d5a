'use strict';
/*
 * The native half of kill.js. This dialect has no acknowledgement and no repeating: what counts as
 * acknowledged is every `chat` frame that anybody heard, which must be in the history as heard.
 */
const crypto = require('node:crypto');
const { freePort } = require('./harness.js');
const { Native } = require('./native_client.js');
const { token } = require('./tokens.js');

const ROOM = 'kill';
const WINDOW = 8;

class NativeSender {
	constructor(who, faults) {
		Object.assign(this, { who, faults });
		this.sent = 0;
		this.open = new Map(); /* stays empty: what was never heard may be lost */
		this.acked = new Map();
		this.retried = 0;
	}

	async run(server) {
		this.going = true;
		const client = await Native.dial(server, { path: `/?token=${token(this.who)}`, port: server.native });
		client.hear = (frame) => this.hear(client, frame.json);
		const gone = client.closed.then(() => client.socket.terminate());
		client.send('join', { room: ROOM });
		await gone;
	}

	hear(client, frame) {
		if (frame.type === 'joined')
			for (let i = 0; i < WINDOW; i++)
				this.say(client);
		if (frame.type !== 'chat')
			return;
		const known = this.acked.get(frame.id);
		if (known)
			this.faults.push(`heard twice: ${frame.content}`);
		this.acked.set(frame.id, { content: frame.content, seq: frame.seq });
		if (!frame.content.startsWith(`${this.who.username} `))
			return;
		if (this.going)
			this.say(client);
		else
			client.close();
	}

	say(client) {
		const content = `${this.who.username} ${this.sent++} ${crypto.randomBytes(16).toString('hex')}`;
		client.send('chat', { room: ROOM, content });
	}
}

/* Where they come in, and the flags for it. */
async function nativeListener() {
	const port = await freePort();
	return { port, flags: ['--listen', `127.0.0.1:${port}=native`, '--workers', '3'] };
}

module.exports = { NativeSender, nativeListener, ROOM };
