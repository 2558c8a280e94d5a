/*
 * file.h - a file that a message carries, or will: what is known of it. Its bytes lie elsewhere,
 * under its id.
 */
#ifndef PL_MODEL_FILE_H
#define PL_MODEL_FILE_H

#include "model/model.h"

enum {
	PL_FILE_NAME_MAX = 255, /* bytes of UTF-8 */
	PL_FILE_TYPE_MAX = 127, /* of a media type */
	PL_FILE_SHA256 = 32,
	PL_FILE_ID_TEXT = 32,
	/* What a file counts beside its bytes: nobody has millions of empty ones. */
	PL_FILE_OVERHEAD = 4096,
};

struct pl_file {
	struct pl_uuid id; /* 128 random bits: no UUID */
	struct pl_uuid owner, conversation;
	struct pl_uuid message; /* that carries it; nil: it is not complete */
	struct pl_slice name, type;
	uint64_t size, stored; /* bytes in all; of these on disk for certain */
	bool has_sha256;
	uint8_t sha256[PL_FILE_SHA256]; /* as it was announced; of the bytes once it is complete */
	uint64_t begun_ms, changed_ms;
};

static inline bool pl_file_is_complete(const struct pl_file *f)
{
	return !pl_uuid_is_nil(&f->message);
}

/* 32 lower-case hex digits, no NUL; and back: these only, else PL_EINVAL. */
void pl_file_id_format(const struct pl_uuid *, char out[PL_FILE_ID_TEXT]);
int pl_file_id_parse(struct pl_slice, struct pl_uuid *out) PL_MUST_CHECK;
struct pl_uuid pl_file_id_new(void);

#endif
