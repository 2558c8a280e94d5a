'use strict';
/*
 * The chat+presence half of kill.js: a group by the id of its conversation, each message with a
 * requestId, so that it is answered when it is kept. An answer tells the message's id, not its place.
 */
const { freePort } = require('./harness.js');
const { Realtime } = require('./realtime_client.js');

const realtimeVoice = {
	open: (server, who) => Realtime.connect(server.realtime, who),
	async say(client, groupId, { clientMessageId, content }) {
		const gone = client.closed.then(() => {
			throw new Error('closed');
		});
		const fields = { from: client.who.username, groupId, content, clientMessageId };
		const reply = await Promise.race([gone, client.ask('GROUP_CHAT', fields)]);
		if (reply.type !== 'SUCCESS')
			throw new Error(`refused: ${JSON.stringify(reply)}`);
		return { id: reply.messageId, content };
	},
	drop: (client) => client.socket.terminate(),
};

/* Where they come in, and the flags for it. */
async function realtimeListener() {
	const port = await freePort();
	return { port, flags: ['--listen', `127.0.0.1:${port}=realtime-chat`, '--workers', '3'] };
}

module.exports = { realtimeListener, realtimeVoice };
