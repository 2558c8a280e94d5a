-- Everything a chat keeps. Times are Unix milliseconds, ids are UUIDs in 16 bytes, and a "key" is
-- the short number that stands for a row inside the database and never leaves it.
CREATE TABLE user (
	key INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	subject TEXT NOT NULL UNIQUE,
	username TEXT NOT NULL,
	display_name TEXT,
	email TEXT,
	phone TEXT,
	avatar_url TEXT,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
) STRICT;
-- Not unique: two token issuers may give the same name; a look-up takes the older row.
CREATE INDEX user_username ON user (username COLLATE NOCASE);

CREATE TABLE chat_group (
	key INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	name TEXT NOT NULL,
	description TEXT,
	avatar_url TEXT,
	invite_code TEXT NOT NULL UNIQUE,
	is_public INTEGER NOT NULL,
	created_by INTEGER NOT NULL REFERENCES user (key),
	created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE group_member (
	chat_group INTEGER NOT NULL REFERENCES chat_group (key),
	user INTEGER NOT NULL REFERENCES user (key),
	role INTEGER NOT NULL,
	joined_ms INTEGER NOT NULL,
	PRIMARY KEY (chat_group, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_user ON group_member (user);

CREATE TABLE conversation (
	key INTEGER PRIMARY KEY CHECK (key < 2147483648),
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	type INTEGER NOT NULL CHECK (type IN (1, 2, 3)),
	name TEXT,
	description TEXT,
	avatar_url TEXT,
	alias TEXT UNIQUE,
	chat_group INTEGER REFERENCES chat_group (key),
	is_private INTEGER NOT NULL DEFAULT 0,
	last_seq INTEGER NOT NULL DEFAULT 0,
	created_by INTEGER REFERENCES user (key),
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX conversation_group ON conversation (chat_group) WHERE chat_group IS NOT NULL;

-- The one direct conversation of two users, whoever began it.
CREATE TABLE direct_pair (
	low INTEGER NOT NULL REFERENCES user (key),
	high INTEGER NOT NULL REFERENCES user (key),
	conversation INTEGER NOT NULL UNIQUE REFERENCES conversation (key),
	PRIMARY KEY (low, high),
	CHECK (low < high)
) STRICT, WITHOUT ROWID;

-- A member sees the messages after joined_seq, up to left_seq if that is set.
CREATE TABLE member (
	conversation INTEGER NOT NULL REFERENCES conversation (key),
	user INTEGER NOT NULL REFERENCES user (key),
	role INTEGER NOT NULL,
	joined_seq INTEGER NOT NULL DEFAULT 0,
	left_seq INTEGER,
	last_read_seq INTEGER NOT NULL DEFAULT 0,
	last_read_ms INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_user ON member (user);

-- at = conversation.key << 32 | seq: a conversation's history lies together on disk, in order, and
-- needs no further index. content is NULL when it was sent per recipient without a copy for the
-- sender. reply_to is a seq of the same conversation.
CREATE TABLE message (
	at INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	sender INTEGER NOT NULL REFERENCES user (key),
	kind INTEGER NOT NULL,
	per_recipient INTEGER NOT NULL,
	reply_to INTEGER,
	created_ms INTEGER NOT NULL,
	metadata TEXT,
	content TEXT
) STRICT;

-- What the others read of a message that was sent per recipient.
CREATE TABLE message_copy (
	message INTEGER NOT NULL REFERENCES message (at),
	user INTEGER NOT NULL REFERENCES user (key),
	content TEXT NOT NULL,
	PRIMARY KEY (message, user)
) STRICT, WITHOUT ROWID;

-- How a repeated send is recognised. day 0: by the client's own message id, for ever; else the day
-- (since 1970) on which a request id was seen, and such rows are deleted after two days.
CREATE TABLE retry (
	day INTEGER NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 16),
	message INTEGER NOT NULL,
	PRIMARY KEY (day, hash)
) STRICT, WITHOUT ROWID;

-- What is not yet in retry: the entries of one transaction in a row (struct pl_retry, recent.h).
CREATE TABLE retry_log (
	key INTEGER PRIMARY KEY,
	entries BLOB NOT NULL
) STRICT;
