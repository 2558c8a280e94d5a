/* index.js - what the package offers. Further clients join here, a file each. */
export { ParleyError } from './errors.js';
export {
	activeConversation, chatError, connection, conversations, currentUser, groups, isAuthenticated, isConnected, isLoading,
	messages, onlineUsers, pending, typingUsers, wsChat,
} from './page-chat.js';
export { derived, get, writable } from './store.js';
export { WebSocketClient } from './websocket-client.js';
export { createWsChat } from './ws-chat.js';
