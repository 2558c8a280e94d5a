/* conversations.js - the list of conversations after something happened in one of them. */

/** @typedef {import('../types/index.d.ts').Conversation} Conversation */
/** @typedef {import('../types/index.d.ts').Message} Message */

/** @param {Conversation} row */
export const idOf = (row) => row.conversation_id ?? row.id;

/**
 * The list with this message as the latest of its conversation, which goes to the top. The same
 * list if it is not there, or not newer.
 * @param {Conversation[]} list
 * @param {Message} message
 * @param {boolean} isUnread
 * @returns {Conversation[]}
 */
export function withLatest(list, message, isUnread) {
	const row = list.find((c) => idOf(c) === message.conversation_id);
	const isOld = row?.latest_message_created_at && Date.parse(row.latest_message_created_at) > Date.parse(message.created_at);
	if (!row || isOld || row.latest_message_id === message.id)
		return list;
	const next = {
		...row,
		latest_message_id: message.id,
		latest_message_content: message.encrypted_content,
		latest_message_sender_id: message.sender_id,
		latest_message_sender_username: message.sender?.username ?? null,
		latest_message_created_at: message.created_at,
		last_message_at: message.created_at,
		unread_count: (row.unread_count ?? 0) + (isUnread ? 1 : 0),
	};
	return [next, ...list.filter((c) => c !== row)];
}
