/*
 * upload.h - files that clients send in pieces, whatever dialect they speak: begun, continued after
 * whatever broke, complete when a message carries them. A worker has one set of uploads.
 *
 * Order       What is asked about one upload is done in the order in which it was asked, and is
 *             answered in that order.
 * Durability  An offset that is answered is on disk, and in the store: after a crash the upload
 *             goes on there, or further. A file that is answered as complete is there for good.
 * Access      Only who began an upload may go on with it; to others there is none. Whether the user
 *             may write in the conversation is checked when it begins and when it is complete.
 */
#ifndef PL_DIALECT_UPLOAD_H
#define PL_DIALECT_UPLOAD_H

#include "chat/hub.h"
#include "files/files.h"

struct pl_uploads;

/* Immutable while in use. */
struct pl_upload_options {
	uint64_t max_size;            /* bytes of a file; 0: there are no uploads */
	uint32_t chunk_bytes;         /* of a piece */
	const struct pl_slice *types; /* that are taken, see pl_media_type_fits; none: any */
	size_t ntypes;
	uint64_t quota;          /* bytes of a user; 0: any number */
	uint32_t unfinished_max; /* of a user; 0: any number */
};

/* code, and words for people */
#define PL_UPLOAD_ERROR_MAP(X)                                                  \
	X(INVALID, "invalid", "Invalid upload request")                         \
	X(OFF, "disabled", "Uploads are disabled")                              \
	X(DENIED, "denied", "Access denied")                                    \
	X(NOBODY, "no-user", "User not found")                                  \
	X(TOO_LARGE, "too-large", "The file is too large")                      \
	X(TYPE, "type", "Files of this type are not taken")                     \
	X(QUOTA, "quota", "Storage quota exceeded")                             \
	X(MANY, "too-many", "Too many unfinished uploads")                      \
	X(RATE, "rate", "Too many uploads. Please try again later.")            \
	X(UNKNOWN, "unknown", "Unknown upload")                                 \
	X(OFFSET, "offset", "The upload does not stand at this offset")         \
	X(CHUNK, "chunk", "The chunk is too large")                             \
	X(CHECKSUM, "checksum", "The chunk does not have this checksum")        \
	X(INCOMPLETE, "incomplete", "Not all of the file is there")             \
	X(COMPLETE, "complete", "The upload is complete")                       \
	X(MISMATCH, "mismatch",                                                 \
	  "The file does not have the announced checksum. Please start again.") \
	X(LOST, "lost", "The upload was lost. Please start again.")             \
	X(STORAGE, "storage", "This cannot be stored now. Please try again.")   \
	X(BUSY, "busy", "The server is busy. Please try again.")                \
	X(FAILED, "failed", "Internal server error")

enum pl_upload_error {
	PL_UPLOAD_FINE,
#define X(id, code, text) PL_UPLOAD_##id,
	PL_UPLOAD_ERROR_MAP(X)
#undef X
};
const char *pl_upload_error_code(enum pl_upload_error);
const char *pl_upload_error_text(enum pl_upload_error);

enum pl_upload_what {
	PL_UPLOAD_BEGIN,
	PL_UPLOAD_APPEND,
	PL_UPLOAD_RESUME,
	PL_UPLOAD_FINISH,
	PL_UPLOAD_ABORT,
};

struct pl_upload_answer {
	enum pl_upload_what what;
	enum pl_upload_error error;
	uint64_t retry_ms; /* of an error: worth trying again after so long; 0: not as it is */
	struct pl_uuid id; /* of the upload, and of the file; nil: there is none */
	bool has_offset;   /* also of an error: where the upload stands */
	uint64_t offset, size;
	uint32_t chunk_bytes;   /* of BEGIN and RESUME */
	struct pl_uuid message; /* that carries the file; nil: it is not complete */
	struct pl_uuid conversation;
	struct pl_slice name, type;
	uint8_t sha256[PL_FILE_SHA256]; /* of a complete one */
};

/* Slices are borrowed for the length of the call; at == NULL: not said. */
struct pl_upload_ask {
	enum pl_upload_what what;
	struct pl_uuid user; /* who asks */
	uint64_t origin;     /* its peer's id */
	/* Called once, on this loop: before pl_uploads_ask returns, or later. */
	void (*answer)(void *owner, const struct pl_upload_answer *);
	void *owner;

	struct pl_slice upload; /* its id; not for BEGIN */
	struct pl_slice sha256; /* hex digits: of the file, or of the piece */
	/* BEGIN: a conversation's id or alias, or a user's id, subject or username */
	struct pl_slice room, to;
	bool in_group; /* see struct pl_op_file_start */
	struct pl_slice name, type;
	uint64_t size;
	/* APPEND */
	uint64_t offset;
	struct pl_slice data;
	bool is_base64;
	struct pl_slice crc32; /* hex digits */
};

/* files: NULL: there are no uploads. Options may be exchanged on the loop. */
int pl_uploads_new(struct pl_hub *, struct pl_files *, const struct pl_upload_options *,
		   struct pl_uploads **out) PL_MUST_CHECK;
void pl_uploads_set_options(struct pl_uploads *, const struct pl_upload_options *);
/* When everything that was asked is answered: after the store and the files have stopped, and the
 * loop has taken what came home. NULL is fine. */
void pl_uploads_free(struct pl_uploads *);

void pl_uploads_ask(struct pl_uploads *, const struct pl_upload_ask *);

/*
 * The answer as a JSON object: {"success":true,...} or {"error":text,"code":...}.
 * docs/files.md.
 */
void pl_upload_put_answer(struct pl_buf *, const struct pl_upload_answer *);

/* A bit of struct pl_message's format: it carries a file, and its metadata was written here. */
enum { PL_UPLOAD_FORMAT = 16 };
/* ,"file":{id, url, name, size, type, sha256} of a message that carries one; else nothing. */
void pl_upload_put_file(struct pl_buf *, const struct pl_message *);

/* upload_words.c, for upload_steps.c: what the message says that carries a file: its content and
 * metadata. PL_ENOMEM. */
int pl_upload_fill_message(struct pl_op *, const struct pl_file *) PL_MUST_CHECK;

#endif
