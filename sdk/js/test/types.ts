/* Compiled by `npm run types`, never run: the sources are what the declarations say, and a program
 * in TypeScript can be written against them. */
import * as source from '../src/index.js';
import type * as declared from '../types/index.js';

/* Every declared export is there, and of the declared type. */
export const all: Omit<typeof declared, 'WebSocketClient' | 'ParleyError' | 'ChatWebSocket' | 'PresenceWebSocket'> = source;
export const client: declared.WebSocketClient = new source.WebSocketClient('ws://host', { token: async () => 't', maxQueue: 1 });
export const chat: declared.ChatWebSocket = new source.ChatWebSocket('token', { url: 'ws://host', maxQueue: 1 });
export const presence: declared.PresenceWebSocket = new source.PresenceWebSocket(async () => 'token');
export const error: declared.ParleyError = new source.ParleyError('CODE', 'text', { retryAfterMs: 1 });
/* ... and nothing is exported that is not declared. */
export const none: Exclude<keyof typeof source, keyof typeof declared> extends never ? true : false = true;

export async function program(): Promise<number> {
	const chat = source.createWsChat({ url: 'ws://host/ws', throws: true, storage: 'memory' });
	await chat.connect(async () => 'token');
	const sent = await chat.sendMessage('c', 'text', 'text', null, { clientMessageId: '1' });
	const stop = chat.messages.subscribe((messages) => messages.map((m) => m.encrypted_content.length));
	stop();
	return sent.success ? sent.data.seq : sent.code.length;
}

// @ts-expect-error an option that there is not
source.createWsChat({ uri: 'ws://host/ws' });
// @ts-expect-error a conversation is named by a text
source.wsChat.joinConversation(1);
