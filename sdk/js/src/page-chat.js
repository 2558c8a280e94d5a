/* page-chat.js - the chat of the page. A file of its own: who does not use it does not bundle it. */
import { createWsChat } from './ws-chat.js';

/** At `/ws` of the page's host, unless connect() names another place. */
export const wsChat = createWsChat();
export const {
	conversations, groups, activeConversation, messages, typingUsers, onlineUsers, pending,
	connection, isConnected, isAuthenticated, isLoading, chatError, currentUser,
} = wsChat;
