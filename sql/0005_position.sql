-- Whether the claim that named somebody was a number: clients see it as it was.
ALTER TABLE user ADD COLUMN subject_is_number INTEGER NOT NULL DEFAULT 0;

-- The id of the message up to which somebody is known to have received what was said to it alone;
-- NULL: nothing yet. Whoever was here before has nothing waiting.
ALTER TABLE user ADD COLUMN received BLOB CHECK (received IS NULL OR length(received) = 16);
UPDATE user SET received = (SELECT max(id) FROM message);

-- How whoever sent a message wants its content and metadata to be read; 0: as text.
ALTER TABLE message ADD COLUMN format INTEGER NOT NULL DEFAULT 0;

-- Random bytes of this database, by which the server recognises what it signed.
CREATE TABLE secret (
	key INTEGER PRIMARY KEY CHECK (key = 1),
	bytes BLOB NOT NULL CHECK (length(bytes) = 32)
) STRICT;
