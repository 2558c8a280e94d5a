/*
 * sqlite_queries.h - every statement that operations use: prepared once per connection, parameters
 * only (never text put together). R: a reader's connection has it too.
 */
#ifndef PL_STORE_SQLITE_QUERIES_H
#define PL_STORE_SQLITE_QUERIES_H

#define PL_USER_COLUMNS                                                        \
	"key, id, subject, username, display_name, email, phone, avatar_url, " \
	"subject_is_number"
#define PL_ROOM_COLUMNS                                                                      \
	"c.key, c.id, c.type, c.name, c.description, c.avatar_url, c.alias, "                \
	"(SELECT id FROM user WHERE key = c.created_by), "                                   \
	"(SELECT id FROM chat_group WHERE key = c.chat_group), c.created_ms, c.updated_ms, " \
	"c.last_seq, c.is_private"
/* As pl_conversation_is_open; 3 is PL_ROOM. */
#define PL_IS_OPEN "(c.type = 3 AND c.alias IS NOT NULL AND c.is_private = 0)"
#define PL_GROUP_COLUMNS                                                                   \
	"g.key, g.id, g.name, g.description, g.avatar_url, g.invite_code, gm.role, "       \
	"(SELECT count(*) FROM conversation c WHERE c.chat_group = g.key), "               \
	"(SELECT count(*) FROM group_member o WHERE o.chat_group = g.key), g.created_ms, " \
	"(SELECT max(m.created_ms) FROM conversation c JOIN message m "                    \
	"ON m.at = (c.key << 32 | c.last_seq) WHERE c.chat_group = g.key), g.is_public"
#define PL_MESSAGE_COLUMNS                                                                      \
	"m.at, m.id, m.sender, m.kind, m.per_recipient, m.reply_to, m.created_ms, m.metadata, " \
	"CASE WHEN m.per_recipient = 0 OR m.sender = ?1 THEN m.content ELSE "                   \
	"(SELECT content FROM message_copy WHERE message = m.at AND user = ?1) END, m.format"

#define PL_QUERY_MAP(X)                                                                         \
	X(BEGIN, R, "BEGIN")                                                                    \
	X(BEGIN_WRITE, W, "BEGIN IMMEDIATE")                                                    \
	X(COMMIT, R, "COMMIT")                                                                  \
	X(ROLLBACK, R, "ROLLBACK")                                                              \
                                                                                                \
	X(USER_BY_ID, R, "SELECT " PL_USER_COLUMNS " FROM user WHERE id = ?")                   \
	X(USER_KEY, R, "SELECT key FROM user WHERE id = ?")                                     \
	X(USER_BY_KEY, R, "SELECT " PL_USER_COLUMNS " FROM user WHERE key = ?")                 \
	X(USER_BY_SUBJECT, R, "SELECT " PL_USER_COLUMNS " FROM user WHERE subject = ?")         \
	X(USER_BY_NAME, R,                                                                      \
	  "SELECT " PL_USER_COLUMNS " FROM user WHERE username = ?1 COLLATE NOCASE "            \
	  "ORDER BY username <> ?1, key LIMIT 1")                                               \
	X(USER_ADD, W,                                                                          \
	  "INSERT INTO user (id, subject, username, display_name, email, phone, avatar_url, "   \
	  "subject_is_number, created_ms, updated_ms) "                                         \
	  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)")                                    \
	X(USER_CHANGE, W,                                                                       \
	  "UPDATE user SET username = ?, display_name = ?, email = ?, phone = ?, "              \
	  "avatar_url = ?, subject_is_number = ?, updated_ms = ? WHERE key = ?")                \
                                                                                                \
	X(ROOM_BY_ID, R, "SELECT " PL_ROOM_COLUMNS " FROM conversation c WHERE c.id = ?")       \
	X(ROOM_BY_KEY, R, "SELECT " PL_ROOM_COLUMNS " FROM conversation c WHERE c.key = ?")     \
	X(ROOM_BY_ALIAS, R, "SELECT " PL_ROOM_COLUMNS " FROM conversation c WHERE c.alias = ?") \
	X(ROOM_EXISTS, R, "SELECT EXISTS (SELECT 1 FROM conversation WHERE id = ?)")            \
	X(ROOM_ID_BY_ALIAS, R, "SELECT id FROM conversation WHERE alias = ?")                   \
	X(ROOMS_WITH_ALIAS, W, "SELECT count(*) FROM conversation WHERE alias IS NOT NULL")     \
	X(OPEN_ROOM_ADD, W,                                                                     \
	  "INSERT INTO conversation (id, type, name, alias, created_by, created_ms, "           \
	  "updated_ms) VALUES (?1, ?2, ?6, ?3, ?4, ?5, ?5)")                                    \
	X(ROOM_OF_PAIR, W, "SELECT conversation FROM direct_pair WHERE low = ? AND high = ?")   \
	X(ROOM_ADD, W,                                                                          \
	  "INSERT INTO conversation (id, type, name, description, chat_group, created_by, "     \
	  "created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)")                    \
	X(ROOM_SAID, W, "UPDATE conversation SET last_seq = ?, updated_ms = ? WHERE key = ?")   \
	X(ROOM_STATE, W,                                                                        \
	  "SELECT key, last_seq, updated_ms, alias, " PL_IS_OPEN                                \
	  ", c.type, p.low, p.high FROM conversation c LEFT JOIN direct_pair p "                \
	  "ON p.conversation = c.key WHERE c.id = ?")                                           \
	X(PAIR_ADD, W, "INSERT INTO direct_pair (low, high, conversation) VALUES (?, ?, ?)")    \
	X(ROOMS_OF_USER, R,                                                                     \
	  "SELECT c.id FROM member JOIN conversation c ON c.key = member.conversation "         \
	  "WHERE member.user = ? AND member.left_seq IS NULL")                                  \
	X(ROOM_ROWS, R,                                                                         \
	  "SELECT " PL_ROOM_COLUMNS ", m.joined_seq, m.last_read_seq, "                         \
	  "(SELECT name FROM chat_group WHERE key = c.chat_group), "                            \
	  "(SELECT count(*) FROM member o WHERE o.conversation = c.key "                        \
	  "AND o.left_seq IS NULL) "                                                            \
	  "FROM member m JOIN conversation c ON c.key = m.conversation "                        \
	  "WHERE m.user = ? AND m.left_seq IS NULL ORDER BY c.updated_ms DESC LIMIT ?")         \
	X(OTHER_OF_PAIR, R,                                                                     \
	  "SELECT u.username, u.display_name, u.avatar_url FROM member m "                      \
	  "JOIN user u ON u.key = m.user WHERE m.conversation = ? AND m.user <> ? LIMIT 1")     \
                                                                                                \
	X(SEAT, R,                                                                              \
	  "SELECT u.key, c.key, m.role, m.joined_seq, m.last_read_seq, m.last_read_ms, "        \
	  "c.last_seq, c.type FROM user u CROSS JOIN conversation c LEFT JOIN member m "        \
	  "ON m.conversation = c.key AND m.user = u.key AND m.left_seq IS NULL "                \
	  "WHERE u.id = ? AND c.id = ? AND (m.user IS NOT NULL OR " PL_IS_OPEN ")")             \
	X(MEMBER, W,                                                                            \
	  "SELECT joined_seq FROM member "                                                      \
	  "WHERE conversation = ? AND user = ? AND left_seq IS NULL")                           \
	X(MEMBER_ADD, W,                                                                        \
	  "INSERT INTO member (conversation, user, role, joined_seq, last_read_seq, "           \
	  "delivered_seq) VALUES (?1, ?2, ?3, ?4, ?4, ?4) "                                     \
	  "ON CONFLICT (conversation, user) DO NOTHING")                                        \
	X(MEMBER_REMEMBER, W,                                                                   \
	  "INSERT INTO member (conversation, user, role, joined_seq, last_read_seq, "           \
	  "delivered_seq) VALUES (?1, ?2, ?3, 0, ?4, ?4) ON CONFLICT (conversation, user) "     \
	  "DO UPDATE SET left_seq = NULL, last_read_seq = ?4, delivered_seq = ?4, "             \
	  "waiting = 0 WHERE left_seq IS NOT NULL")                                             \
	X(MEMBER_LEAVE, W,                                                                      \
	  "UPDATE member SET left_seq = ?, waiting = 0 WHERE conversation = ? AND user = ?")    \
	X(ATTENDANCE_ADD, W,                                                                    \
	  "INSERT INTO attendance (user, socket) VALUES (?, ?) "                                \
	  "ON CONFLICT (user, socket) DO NOTHING")                                              \
	X(ATTENDANCE_END, W, "DELETE FROM attendance WHERE user = ? AND socket = ?")            \
	X(ATTENDANCE, W, "SELECT count(*) FROM attendance WHERE user = ?")                      \
	X(WAITING_COUNT, W,                                                                     \
	  "UPDATE member SET waiting = min(?2, waiting + (SELECT count(*) FROM "                \
	  "(SELECT 1 FROM message m WHERE m.at > (member.conversation << 32 | "                 \
	  "max(member.delivered_seq, member.last_read_seq)) "                                   \
	  "AND m.at < (member.conversation + 1) << 32 "                                         \
	  "AND m.sender <> ?1 AND (m.per_recipient = 0 OR EXISTS (SELECT 1 FROM message_copy "  \
	  "WHERE message = m.at AND user = ?1)) LIMIT ?2))), delivered_seq = "                  \
	  "(SELECT last_seq FROM conversation WHERE key = member.conversation) "                \
	  "WHERE user = ?1 AND left_seq IS NULL AND delivered_seq < "                           \
	  "(SELECT last_seq FROM conversation WHERE key = member.conversation)")                \
	X(WAITING_HEARD, W,                                                                     \
	  "UPDATE member SET delivered_seq = "                                                  \
	  "(SELECT last_seq FROM conversation WHERE key = member.conversation) "                \
	  "WHERE user = ?1 AND left_seq IS NULL AND delivered_seq < "                           \
	  "(SELECT last_seq FROM conversation WHERE key = member.conversation)")                \
	X(WAITING_SEEN, W, "UPDATE member SET waiting = 0 WHERE user = ? AND waiting <> 0")     \
	X(USER_SEEN, W, "UPDATE user SET seen_ms = ? WHERE key = ?")                            \
	X(USER_SEEN_AT, W, "SELECT seen_ms FROM user WHERE key = ?")                            \
	X(CHATS, R,                                                                             \
	  "SELECT c.id, c.type, c.alias, c.name, m.waiting, u.id, u.username FROM member m "    \
	  "JOIN conversation c ON c.key = m.conversation "                                      \
	  "LEFT JOIN direct_pair p ON p.conversation = c.key "                                  \
	  "LEFT JOIN user u ON u.key = CASE WHEN p.low = ?1 THEN p.high ELSE p.low END "        \
	  "WHERE m.user = ?1 AND m.left_seq IS NULL ORDER BY c.updated_ms DESC LIMIT ?2")       \
	X(SHARES, R,                                                                            \
	  "SELECT EXISTS (SELECT 1 FROM member m CROSS JOIN member o "                          \
	  "ON o.conversation = m.conversation WHERE m.user = ?1 AND o.user = ?2 "               \
	  "AND m.left_seq IS NULL AND o.left_seq IS NULL)")                                     \
	X(CHATS_AFTER, R,                                                                       \
	  "SELECT c.key, c.id, c.type, c.alias, c.last_seq, m.joined_seq, p.low, p.high "       \
	  "FROM member m JOIN conversation c ON c.key = m.conversation "                        \
	  "LEFT JOIN direct_pair p ON p.conversation = c.key "                                  \
	  "WHERE m.user = ?1 AND m.left_seq IS NULL AND c.last_seq > m.joined_seq "             \
	  "AND (?3 = 0 OR c.type = 1) "                                                         \
	  "AND (SELECT id FROM message WHERE at = (c.key << 32 | c.last_seq)) > ?2")            \
	X(PLACES_AFTER, R,                                                                      \
	  "SELECT m.at, m.id FROM message m WHERE m.at >= ?2 AND m.at < ?3 "                    \
	  "AND (?4 = 0 OR m.sender <> ?1) AND (m.per_recipient = 0 OR (m.sender = ?1 "          \
	  "AND m.content IS NOT NULL) OR EXISTS (SELECT 1 FROM message_copy "                   \
	  "WHERE message = m.at AND user = ?1)) ORDER BY m.at")                                 \
	X(USER_RECEIVED, R, "SELECT received FROM user WHERE key = ?")                          \
	X(USER_RECEIVE, W,                                                                      \
	  "UPDATE user SET received = ?1 "                                                      \
	  "WHERE key = ?2 AND (received IS NULL OR received < ?1)")                             \
	X(MEMBERS, W,                                                                           \
	  "SELECT u.id FROM member m JOIN user u ON u.key = m.user "                            \
	  "WHERE m.conversation = ? AND m.left_seq IS NULL")                                    \
	X(MEMBER_READ, W,                                                                       \
	  "UPDATE member SET last_read_seq = ?, last_read_ms = ? "                              \
	  "WHERE conversation = ? AND user = ?")                                                \
                                                                                                \
	X(MESSAGE_ADD, W,                                                                       \
	  "INSERT INTO message (at, id, sender, kind, per_recipient, reply_to, created_ms, "    \
	  "metadata, content, format) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                   \
	X(COPY_ADD, W, "INSERT INTO message_copy (message, user, content) VALUES (?, ?, ?)")    \
	X(MESSAGE_PLACE, R, "SELECT at FROM message WHERE id = ?")                              \
	X(MESSAGE_NEWEST, R, "SELECT max(id) FROM message")                                     \
	X(MESSAGE_ID, R, "SELECT id FROM message WHERE at = ?")                                 \
	X(MESSAGE, R, "SELECT " PL_MESSAGE_COLUMNS " FROM message m WHERE m.at = ?2")           \
	X(PAGE_BEFORE, R,                                                                       \
	  "SELECT " PL_MESSAGE_COLUMNS " FROM message m WHERE m.at > ?2 AND m.at < ?3 "         \
	  "ORDER BY m.at DESC")                                                                 \
	X(PAGE_AFTER, R,                                                                        \
	  "SELECT " PL_MESSAGE_COLUMNS " FROM message m WHERE m.at > ?2 AND m.at < ?3 "         \
	  "ORDER BY m.at")                                                                      \
	X(UNREAD, R,                                                                            \
	  "SELECT count(*) FROM (SELECT 1 FROM message m WHERE m.at > ?2 AND m.at < ?3 "        \
	  "AND m.sender <> ?1 AND (m.per_recipient = 0 OR EXISTS (SELECT 1 FROM message_copy "  \
	  "WHERE message = m.at AND user = ?1)) LIMIT ?4)")                                     \
                                                                                                \
	X(RETRY, W, "SELECT message FROM retry WHERE day = ? AND hash = ?")                     \
	X(RETRY_DAY, W, "SELECT EXISTS (SELECT 1 FROM retry WHERE day = ?)")                    \
	X(RETRY_ADD, W,                                                                         \
	  "INSERT INTO retry (day, hash, message) VALUES (?, ?, ?) "                            \
	  "ON CONFLICT (day, hash) DO UPDATE SET message = excluded.message")                   \
	X(RETRY_LOG, W, "SELECT key, entries FROM retry_log ORDER BY key")                      \
	X(RETRY_LOG_ADD, W, "INSERT INTO retry_log (entries) VALUES (?)")                       \
	X(RETRY_LOG_CUT, W, "DELETE FROM retry_log WHERE key <= ?")                             \
	X(RETRY_EXPIRE, W,                                                                      \
	  "DELETE FROM retry WHERE (day, hash) IN (SELECT day, hash FROM retry "                \
	  "WHERE day > 0 AND day < ? LIMIT 2000)")                                              \
                                                                                                \
	X(FILE_ADD, W,                                                                          \
	  "INSERT INTO file (id, owner, conversation, name, type, size, sha256, begun_ms, "     \
	  "changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)")                            \
	X(FILE, R,                                                                              \
	  "SELECT f.key, f.id, u.id, c.id, (SELECT id FROM message WHERE at = f.message), "     \
	  "f.name, f.type, f.size, f.stored, f.sha256, f.begun_ms, f.changed_ms, f.owner, "     \
	  "coalesce(f.message, 0) FROM file f JOIN user u ON u.key = f.owner "                  \
	  "JOIN conversation c ON c.key = f.conversation WHERE f.id = ?")                       \
	X(FILE_USE, W,                                                                          \
	  "SELECT coalesce(sum(size + ?2), 0), count(*) - count(message) FROM file "            \
	  "WHERE owner = ?1")                                                                   \
	X(FILE_STORED, W, "UPDATE file SET stored = ?, changed_ms = ? WHERE key = ?")           \
	X(FILE_DONE, W, "UPDATE file SET message = ?, sha256 = ? WHERE key = ?")                \
	X(FILE_DROP, W, "DELETE FROM file WHERE id = ? AND message IS NULL")                    \
	X(FILE_OLD, W,                                                                          \
	  "SELECT id FROM file WHERE message IS NULL AND changed_ms < ? "                       \
	  "ORDER BY changed_ms LIMIT ?")                                                        \
	X(FILE_EXISTS, R, "SELECT EXISTS (SELECT 1 FROM file WHERE id = ?)")                    \
                                                                                                \
	X(GROUP_ADD, W,                                                                         \
	  "INSERT INTO chat_group (id, name, description, invite_code, is_public, created_by, " \
	  "created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)")                                           \
	X(GROUP_MEMBER_ADD, W,                                                                  \
	  "INSERT INTO group_member (chat_group, user, role, joined_ms) VALUES (?, ?, ?, ?) "   \
	  "ON CONFLICT (chat_group, user) DO NOTHING")                                          \
	X(GROUP_BY_CODE, W, "SELECT key FROM chat_group WHERE invite_code = ?")                 \
	X(GROUP_ROW, W,                                                                         \
	  "SELECT " PL_GROUP_COLUMNS " FROM chat_group g JOIN group_member gm "                 \
	  "ON gm.chat_group = g.key AND gm.user = ? WHERE g.key = ?")                           \
	X(GROUP_ROWS, R,                                                                        \
	  "SELECT " PL_GROUP_COLUMNS " FROM group_member gm JOIN chat_group g "                 \
	  "ON g.key = gm.chat_group WHERE gm.user = ? ORDER BY g.key")                          \
	X(GROUP_ROOMS, W,                                                                       \
	  "SELECT key, id, last_seq FROM conversation WHERE chat_group = ? AND is_private = 0") \
                                                                                                \
	X(SECRET, W, "SELECT bytes FROM secret")                                                \
	X(SECRET_ADD, W, "INSERT INTO secret (key, bytes) VALUES (1, ?)")                       \
                                                                                                \
	X(USER_STANDING, R, "SELECT disabled_ms, tokens_from_s FROM user WHERE key = ?")        \
	X(USER_DISABLE, W, "UPDATE user SET disabled_ms = ? WHERE key = ?")                     \
	X(USER_TOKENS, W, "UPDATE user SET tokens_from_s = ? WHERE key = ?")                    \
	X(USER_ROWS, R,                                                                         \
	  "SELECT u.id, u.subject, u.username, u.display_name, u.disabled_ms, "                 \
	  "a.user IS NOT NULL FROM user u LEFT JOIN account a ON a.user = u.key "               \
	  "WHERE u.key > ? ORDER BY u.key LIMIT ?")                                             \
	X(NAME_TAKEN, W,                                                                        \
	  "SELECT EXISTS (SELECT 1 FROM account WHERE name = ?1) "                              \
	  "OR EXISTS (SELECT 1 FROM user WHERE username = ?1 COLLATE NOCASE) "                  \
	  "OR EXISTS (SELECT 1 FROM user WHERE subject = ?1 COLLATE NOCASE)")                   \
	X(ACCOUNT_ADD, W,                                                                       \
	  "INSERT INTO account (user, name, password, created_ms, changed_ms) "                 \
	  "VALUES (?1, ?2, ?3, ?4, ?4)")                                                        \
	X(ACCOUNT, R,                                                                           \
	  "SELECT u.key, u.id, u.subject, u.username, u.display_name, u.email, "                \
	  "u.phone, u.avatar_url, u.subject_is_number, a.password, u.disabled_ms "              \
	  "FROM account a "                                                                     \
	  "JOIN user u ON u.key = a.user WHERE a.name = ?")                                     \
	X(ACCOUNT_CHANGE, W, "UPDATE account SET password = ?, changed_ms = ? WHERE user = ?")

enum pl_query_id {
#define X(id, way, sql) PL_Q_##id,
	PL_QUERY_MAP(X)
#undef X
		PL_Q__COUNT
};

#endif
