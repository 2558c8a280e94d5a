/* client.js - what runs in the page: one person who sends numbered messages as far as the test
 * allows, goes on after a reload where the last page ended, and watches that no state has a hole. */
import { createWsChat } from '/src/index.js';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const page = { faults: [], refused: [], target: 0, issued: 0 };

function watch(messages) {
	const hole = messages.findIndex((m, i) => i > 0 && m.seq !== messages[i - 1].seq + 1);
	if (hole >= 0)
		page.faults.push(`a state with a hole at ${messages[hole].seq}`);
}

page.open = async ({ url, token, room, options = {} }) => {
	page.chat = createWsChat({ url, reconnectDelay: 50, maxReconnectDelay: 300, ...options });
	page.chat.messages.subscribe(watch);
	const signedIn = page.chat.connect(token);
	if (!room)
		return signedIn;
	await page.chat.joinConversation(room);
	await page.chat.loadMessages(room);
	return signedIn;
};

/* The number goes into the message's id: whatever a reload cut off, it is the same message. */
page.talk = async ({ run, name, room, each }) => {
	const key = `${run} ${name}`;
	for (let i = Number(localStorage.getItem(key) ?? 0); i < each; i++) {
		while (i >= page.target)
			await sleep(5);
		page.chat.sendMessage(room, `${name} ${i}`, 'text', null, { clientMessageId: `${key} ${i}` })
			.then((result) => result.success || page.refused.push(result.error));
		page.issued = i + 1;
		if (!(await page.chat.stored()))
			page.faults.push(`${name} ${i} would not survive a reload`);
		localStorage.setItem(key, String(i + 1));
		await sleep(Math.random() * 10);
	}
};

/* Back to the first message. */
page.readAll = async (room) => {
	while (page.chat.getState().hasMore)
		await page.chat.loadMoreMessages(room, undefined, 200);
	return page.chat.getState().messages.map(({ id, seq, encrypted_content }) => ({ id, seq, encrypted_content }));
};

page.texts = () => page.chat.getState().messages.map((m) => m.encrypted_content);
page.waiting = () => page.chat.getState().pending.length;
globalThis.page = page;
