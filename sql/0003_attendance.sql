-- What came for a member while nobody of it was there to hear it. Messages up to delivered_seq are
-- accounted for: heard when they were said, or counted in waiting. Who is there now stands in a
-- temporary table (store/sqlite_attend.c).
ALTER TABLE member ADD COLUMN delivered_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
UPDATE member SET delivered_seq = (SELECT last_seq FROM conversation WHERE key = conversation);

-- When somebody last went away; 0: never.
ALTER TABLE user ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
