-- Files that messages carry. The bytes lie in a directory beside the database, under the id; a row
-- is here before its bytes are there. stored: bytes that are on disk for certain. message: the
-- message that carries the file; NULL: it is not complete yet, and may be forgotten. sha256: as it
-- was announced, and of the bytes once they are complete.
CREATE TABLE file (
	key INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
	owner INTEGER NOT NULL REFERENCES user (key),
	conversation INTEGER NOT NULL REFERENCES conversation (key),
	message INTEGER UNIQUE REFERENCES message (at),
	name TEXT NOT NULL,
	type TEXT NOT NULL,
	size INTEGER NOT NULL CHECK (size >= 0),
	stored INTEGER NOT NULL DEFAULT 0 CHECK (stored BETWEEN 0 AND size),
	sha256 BLOB CHECK (length(sha256) = 32),
	begun_ms INTEGER NOT NULL,
	changed_ms INTEGER NOT NULL,
	CHECK (message IS NULL OR (stored = size AND sha256 IS NOT NULL))
) STRICT;
-- What a user has is added up from the index alone.
CREATE INDEX file_owner ON file (owner, size, message);
CREATE INDEX file_unfinished ON file (changed_ms) WHERE message IS NULL;
