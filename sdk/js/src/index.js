/* index.js - what the package offers. Further clients join here, a file each. */
import { createWsChat } from './ws-chat.js';

export { ChatWebSocket } from './chat-websocket.js';
export { ParleyError } from './errors.js';
export { handleLogin, handleLogout } from './login.js';
export { PresenceWebSocket } from './presence-websocket.js';
export { derived, get, writable } from './store.js';
export { WebSocketClient } from './websocket-client.js';
export { createWsChat };

/** The chat of the page: at `/ws` of its host, unless connect() names another place. */
export const wsChat = createWsChat();
export const {
	conversations, groups, activeConversation, messages, typingUsers, onlineUsers, pending,
	connection, isConnected, isAuthenticated, isLoading, chatError, currentUser,
} = wsChat;
