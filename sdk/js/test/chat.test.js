/* What each method of wsChat does against the real server. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { get } from '../src/index.js';
import { chatOf, closeAll, person, roomOf, Server, signIn, texts, token, until } from './server.js';

let server;
before(async () => { server = await Server.start(); });
afterEach(closeAll);
after(() => server?.stop());

test('connect signs in, and the stores tell it', async () => {
	const chat = chatOf(server, person('ann'));
	const seen = [];
	chat.subscribe((state) => seen.push([state.connected, state.authenticated]));
	const result = await chat.connect(chat.token());
	assert.equal(result.success, true);
	assert.equal(result.data.username, chat.who.username);
	assert.deepEqual(seen[0], [false, false]);
	assert.deepEqual(seen.at(-1), [true, true]);
	assert.equal(get(chat.currentUser).username, chat.who.username);
	assert.equal(get(chat.isAuthenticated), true);
	assert.equal(get(chat.connection), 'open');
});

test('connect without a token, then authenticate', async () => {
	const chat = chatOf(server, person('ann'));
	chat.connect();
	await until('connected', () => chat.getState().connected);
	assert.equal(chat.getState().authenticated, false);
	assert.equal((await chat.authenticate(chat.token())).success, true);
	assert.equal(chat.getState().authenticated, true);
});

test('connect without a token says so, instead of waiting for ever', async () => {
	const chat = chatOf(server, person('ann'));
	const connecting = chat.connect(undefined);
	for (const result of [await chat.loadConversations(), await connecting, await chat.loadConversations()])
		assert.deepEqual([result.success, result.code], [false, 'NOT_SIGNED_IN']);
	assert.equal(get(chat.connection), 'open');
	assert.equal((await chat.connect(chat.token())).success, true);
});

test('a mistake in the call is no reason to try for ever', async () => {
	for (const options of [{ url: 'nonsense' }, { WebSocket: class { constructor() { throw new Error('not here'); } } }]) {
		const chat = chatOf(server, person('ann'), options);
		for (const result of [await chat.connect(chat.token()), await chat.connect(chat.token())])
			assert.deepEqual([result.success, result.code], [false, 'INVALID_ARGUMENT']);
		assert.equal(get(chat.connection), 'closed');
	}
});

test('a server that is not there: the state says so until it is', async () => {
	const own = await Server.start();
	await own.kill();
	const chat = chatOf(own, person('ann'));
	const connecting = chat.connect(chat.token());
	await until('said', () => get(chat.chatError) === 'Connection error');
	assert.equal(chat.getState().errorCode, 'CONNECT_FAILED');
	await own.launch();
	assert.equal((await connecting).success, true);
	assert.equal(get(chat.chatError), null);
	await closeAll();
	await own.stop();
});

test('authenticate right after connect waits for the connection', async () => {
	const chat = chatOf(server, person('ann'));
	chat.connect(chat.token());
	assert.equal((await chat.authenticate(chat.token())).success, true);
});

test('a bad token is an error in the state, and a good one helps', async () => {
	const chat = chatOf(server, person('ann'));
	const result = await chat.connect('no.token.atall');
	assert.equal(result.success, false);
	assert.equal(result.code, 'INVALID_TOKEN');
	assert.equal(get(chat.chatError), 'Authentication failed');
	assert.equal(chat.getState().authenticated, false);
	assert.equal((await chat.loadConversations()).code, 'NOT_SIGNED_IN');
	assert.equal((await chat.authenticate(chat.token())).success, true);
	assert.equal(get(chat.chatError), null);
});

test('conversations: created, loaded, and told to the others', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	assert.deepEqual((await ben.loadConversations()).data, []);
	const made = await ann.createConversation({ type: 'direct', participant_ids: [ben.getState().user.id] });
	assert.equal(made.success, true);
	assert.equal(get(ann.conversations)[0].conversation_id, made.data.conversation.id);
	await until('ben hears of it', () => get(ben.conversations).length === 1);
	assert.equal(get(ben.conversations)[0].conversation_name, ann.who.name);
	const failed = await ann.createConversation({ type: 'direct', participant_ids: ['nobody'] });
	assert.equal(failed.success, false);
	assert.equal(failed.error, 'Failed to create conversation');
});

test('messages: sent, heard by those who joined, once and in order', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const room = await roomOf(ann, ben);
	const results = await Promise.all(Array.from({ length: 50 }, (_, i) => ann.sendMessage(room, `m${i}`)));
	assert.ok(results.every((r) => r.success));
	assert.deepEqual(results.map((r) => r.data.seq), results.map((_, i) => i + 1));
	const wanted = results.map((_, i) => `m${i}`);
	for (const chat of [ann, ben])
		await until('all are there', () => texts(chat).length === 50);
	assert.deepEqual(texts(ann), wanted);
	assert.deepEqual(texts(ben), wanted);
	assert.deepEqual(get(ann.pending), []);
});

test('a reply names what it answers, and metadata is handed on', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const room = await roomOf(ann, ben);
	const first = (await ann.sendMessage(room, 'first')).data;
	const reply = (await ben.sendMessage(room, 'second', 'text', first.id, { metadata: { a: 1 } })).data;
	assert.equal(reply.reply_to_id, first.id);
	assert.deepEqual(reply.metadata, { a: 1 });
});

test('the same clientMessageId again is the same message', async () => {
	const ann = await signIn(server, 'ann');
	const room = await roomOf(ann, await signIn(server, 'ben'));
	const more = { clientMessageId: 'mine' };
	const [a, b] = await Promise.all([ann.sendMessage(room, 'one', 'text', null, more), ann.sendMessage(room, 'one', 'text', null, more)]);
	const c = await ann.sendMessage(room, 'one', 'text', null, more);
	assert.deepEqual([a.data.id, b.data.id, c.data.id], Array(3).fill(a.data.id));
	assert.deepEqual(texts(ann), ['one']);
});

test('encrypted copies: each reader has their own, also in the gap', async () => {
	const [ann, ben, cat] = [await signIn(server, 'ann'), await signIn(server, 'ben'), await signIn(server, 'cat')];
	const room = await roomOf(ann, ben, cat);
	const id = (chat) => chat.getState().user.id;
	await ann.sendMessage(room, { [id(ann)]: 'for ann', [id(ben)]: 'for ben' });
	await ann.sendMessage(room, 'for all');
	await until('cat', () => texts(cat).length === 1);
	await until('ben', () => texts(ben).length === 2);
	assert.deepEqual(texts(ben), ['for ben', 'for all']);
	assert.deepEqual(texts(cat), ['for all']);
	assert.deepEqual(texts(ann), ['for ann', 'for all']);
});

test('what is refused for good leaves the outbox and says why', async () => {
	const [ann, eve] = [await signIn(server, 'ann'), await signIn(server, 'eve')];
	const room = await roomOf(ann);
	const refused = await eve.sendMessage(room, 'let me in');
	assert.equal(refused.success, false);
	assert.equal(refused.error, 'Failed to send message');
	assert.equal(refused.code, 'ACCESS_DENIED');
	assert.deepEqual(get(eve.pending), []);
	assert.equal((await eve.joinConversation(room)).code, 'ACCESS_DENIED');
	assert.equal((await eve.sendMessage(room, 'x', 'no such type')).code, 'INVALID_ARGUMENT');
	assert.equal((await eve.sendMessage(room, '')).code, 'INVALID_ARGUMENT');
	const strict = await signIn(server, 'eve', { throws: true });
	await assert.rejects(strict.sendMessage(room, 'x'), { name: 'ParleyError', code: 'ACCESS_DENIED' });
});

test('a message that is too big is refused, and those behind it go on', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const [room, other] = [await roomOf(ann, ben), await roomOf(ann, ben)];
	const big = 'x'.repeat(2 << 20);
	const results = await Promise.all([
		ann.sendMessage(room, 'before'), ann.sendMessage(room, big), ann.sendMessage(room, 'after'),
		ann.sendMessage(other, 'elsewhere'), ann.sendMessage(other, 'elsewhere too'),
	]);
	assert.deepEqual(results.map((r) => r.code ?? 'sent'), ['sent', 'MESSAGE_TOO_BIG', 'sent', 'sent', 'sent']);
	await ben.loadMessages(room);
	assert.deepEqual(texts(ben), ['before', 'after']);
});

test('pages: the newest, then older ones down to the first', async () => {
	const ann = await signIn(server, 'ann');
	const room = await roomOf(ann);
	await Promise.all(Array.from({ length: 120 }, (_, i) => ann.sendMessage(room, `m${i}`)));
	const chat = await signIn(server, ann.who);
	assert.equal((await chat.loadMessages(room)).data.length, 50);
	assert.equal(chat.getState().hasMore, true);
	assert.deepEqual((await chat.loadMoreMessages(room)).data, { hasMore: true });
	assert.equal(texts(chat).length, 100);
	assert.deepEqual((await chat.loadMoreMessages(room)).data, { hasMore: false });
	assert.deepEqual(texts(chat), Array.from({ length: 120 }, (_, i) => `m${i}`));
	assert.equal((await chat.loadMoreMessages('elsewhere')).code, 'INVALID_ARGUMENT');
});

test('leaving is not hearing, and coming back is knowing all', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const room = await roomOf(ann, ben);
	await ben.leaveConversation(room);
	await ann.sendMessage(room, 'one');
	assert.deepEqual(texts(ben), []);
	await ben.joinConversation(room);
	await until('the gap is filled', () => texts(ben).length === 1);
});

test('typing is heard by the others and ends', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const room = await roomOf(ann, ben);
	const me = ann.getState().user.id;
	assert.equal(await ann.startTyping(room), true);
	await until('typing', () => get(ben.typingUsers).includes(me));
	assert.equal(await ann.stopTyping(room), true);
	await until('stopped', () => get(ben.typingUsers).length === 0);
	ann.setTyping(room);
	await until('typing again', () => get(ben.typingUsers).includes(me));
	const since = Date.now();
	await until('stopped by itself', () => get(ben.typingUsers).length === 0, 10000);
	assert.ok(Date.now() - since > 2000, 'three seconds after the last key');
	assert.deepEqual(get(ann.typingUsers), []);
});

test('the list shows the latest message, and counts what was not read', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const [room, other] = [await roomOf(ann, ben), await roomOf(ann, ben)];
	await ben.loadConversations();
	await ann.sendMessage(room, 'news');
	await until('it is in the list', () => get(ben.conversations)[0].latest_message_content === 'news');
	assert.equal(get(ben.conversations)[0].conversation_id, room);
	assert.equal(get(ben.conversations)[0].unread_count, 1);
	assert.equal(get(ben.activeConversation), other);
	await ben.loadMessages(room);
	assert.equal(get(ben.conversations)[0].unread_count, 0);
});

test('presence, receipts and all other frames can be heard', async () => {
	const [ann, ben] = [await signIn(server, 'ann'), await signIn(server, 'ben')];
	const room = await roomOf(ann, ben);
	const heard = [];
	const stop = ann.on('message_read', (payload) => heard.push(payload));
	const { data } = await ann.sendMessage(room, 'one');
	assert.equal((await ben.markRead(room, data.id)).success, true);
	await until('the receipt', () => heard.length === 1);
	assert.equal(heard[0].messageId, data.id);
	stop();
	const cat = await signIn(server, ben.who);
	assert.equal((await cat.request('ping')).type, 'pong');
});

test('groups can be loaded', async () => {
	const ann = await signIn(server, 'ann');
	await ann.request('create_group', { name: 'us' });
	const { data } = await ann.loadGroups();
	assert.equal(data[0].group_name, 'us');
	assert.equal(get(ann.groups)[0].group_name, 'us');
});

test('disconnect stays, keeps what waits, and connect goes on', async () => {
	const ann = await signIn(server, 'ann');
	const room = await roomOf(ann);
	ann.disconnect();
	assert.deepEqual([ann.getState().connected, ann.getState().authenticated, ann.getState().user], [false, false, null]);
	const sending = ann.sendMessage(room, 'later');
	assert.equal(get(ann.pending).length, 1);
	assert.equal((await ann.loadConversations()).code, 'CLOSED');
	await new Promise((resolve) => setTimeout(resolve, 500));
	assert.equal(get(ann.connection), 'closed');
	await ann.connect(ann.token());
	assert.equal((await sending).success, true);
});

test('another token on the same connection: what waits is never sent as somebody else', async () => {
	const ann = await signIn(server, 'ann');
	const ben = await signIn(server, 'ben');
	const room = await roomOf(ann, ben);
	const sending = Array.from({ length: 20 }, (_, i) => ann.sendMessage(room, `m${i}`));
	const eve = person('eve');
	await ann.connect(token(eve));
	assert.equal(ann.getState().user.username, eve.username);
	const results = await Promise.all(sending);
	assert.ok(results.some((r) => r.code === 'ACCOUNT_CHANGED'));
	await ann.connect(ann.token());
	await until('the rest', () => texts(ben).length === 20);
	assert.deepEqual(texts(ben), sending.map((_, i) => `m${i}`));
	const senders = ben.getState().messages.map((m) => m.sender.username);
	assert.deepEqual([...new Set(senders)], [ann.who.username]);
});

test('destroy ends what waits', async () => {
	const ann = await signIn(server, 'ann');
	const room = await roomOf(ann);
	ann.disconnect();
	const sending = ann.sendMessage(room, 'never');
	await ann.destroy();
	assert.equal((await sending).code, 'CLOSED');
	assert.equal((await ann.connect(ann.token())).code, 'CLOSED');
});

test('somebody else signs in: nothing of the first is shown or sent as theirs', async () => {
	const ann = await signIn(server, 'ann');
	const room = await roomOf(ann);
	await ann.sendMessage(room, 'secret');
	await until('shown', () => texts(ann).length === 1);
	await ann.loadConversations();
	ann.disconnect();
	const sending = ann.sendMessage(room, 'by ann');
	const ben = person('ben');
	await ann.connect(token(ben));
	assert.equal((await sending).code, 'ACCOUNT_CHANGED');
	const { pending, messages, conversations, activeConversation } = ann.getState();
	assert.deepEqual([pending, messages, conversations, activeConversation], [[], [], [], null]);
	ann.disconnect();
	await ann.connect(ann.token());
	await until('kept for its author', async () => {
		await ann.loadMessages(room);
		return texts(ann).length === 2;
	});
	assert.equal(ann.getState().messages[1].sender.username, ann.who.username);
});
