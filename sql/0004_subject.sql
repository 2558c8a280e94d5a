-- Whether a name that somebody wants is a subject already, in whatever case.
CREATE INDEX user_subject ON user (subject COLLATE NOCASE);
