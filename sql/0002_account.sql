-- People who sign up here, with a name and a password. name is the username in lower case: two
-- names that differ in case only are one. The username itself is in user.
CREATE TABLE account (
	user INTEGER PRIMARY KEY REFERENCES user (key),
	name TEXT NOT NULL UNIQUE,
	password TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	changed_ms INTEGER NOT NULL
) STRICT;

-- Any user, also one known by tokens of others: when it was locked out; and the Unix time before
-- which its tokens were issued that are good no more.
ALTER TABLE user ADD COLUMN disabled_ms INTEGER;
ALTER TABLE user ADD COLUMN tokens_from_s INTEGER NOT NULL DEFAULT 0;
