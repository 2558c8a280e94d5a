/* index.js - what the package offers. Further clients join here, a file each. */
export { ChatWebSocket } from './chat-websocket.js';
export { ParleyError } from './errors.js';
export { handleLogin, handleLogout } from './login.js';
export {
	activeConversation, chatError, connection, conversations, currentUser, groups, isAuthenticated, isConnected, isLoading,
	messages, onlineUsers, pending, typingUsers, wsChat,
} from './page-chat.js';
export { PresenceWebSocket } from './presence-websocket.js';
export { derived, get, writable } from './store.js';
export { WebSocketClient } from './websocket-client.js';
export { createWsChat } from './ws-chat.js';
