/* upload_internal.h - what the files of uploads share. */
#ifndef PL_DIALECT_UPLOAD_INTERNAL_H
#define PL_DIALECT_UPLOAD_INTERNAL_H

#include "base/map.h"
#include "dialect/upload.h"

struct pl_uploads {
	struct pl_hub *hub;
	struct pl_files *files; /* NULL: there are none */
	const struct pl_upload_options *options;
	struct pl_map open;   /* key -> struct pl_upload */
	struct pl_list idle;  /* nothing is asked of them; the longest first */
	size_t bytes;         /* that wait */
	struct pl_timer tick; /* set while there are any */
};

/* A question under way. */
struct pl_upload_call {
	struct pl_upload_call *next;
	void (*answer)(void *owner, const struct pl_upload_answer *);
	void *owner;
	uint64_t origin;
	struct pl_upload_answer a;  /* as far as it is known */
	struct pl_file_piece piece; /* of APPEND; its data lies in bytes */
	bool has_sha256;
	uint8_t sha256[PL_FILE_SHA256];
	char bytes[];
};

/*
 * An upload that somebody asked about not long ago. It is loaded from the store and opened when the
 * first question comes. One step is under way at a time: an operation of the store or a job of the
 * files (is_busy); its questions are the first of the queue, until they are answered.
 */
struct pl_upload {
	struct pl_uploads *set;
	struct pl_upload_key {
		struct pl_uuid id, user; /* somebody else's question is about another one */
	} key;
	struct pl_list node; /* in set->idle iff nothing waits */
	uint64_t idle_ms;    /* since when */
	bool is_busy, is_loaded;
	bool is_open; /* among the files */
	struct pl_upload_call *first, **last;
	uint32_t ncalls;
	size_t bytes;
	uint32_t batch; /* questions of the step under way */
	struct pl_arena memory;
	struct pl_file file;      /* stored: what the store knows */
	uint64_t offset;          /* what the files know: at least as much */
	enum pl_upload_error why; /* it is being given up */
};

/* upload.c */
/* Answers and frees; it is in no queue any more. */
void pl_upload_tell(struct pl_uploads *, struct pl_upload_call *);
void pl_upload_tell_error(struct pl_uploads *, struct pl_upload_call *, int err);
/* The one that is here, or a new one. NULL: too many, or no memory. */
struct pl_upload *pl_upload_find(struct pl_uploads *, const struct pl_upload_key *);
/* Nothing is under way any more: on with what waits. */
void pl_upload_next(struct pl_upload *);
/* Whatever waits is answered so, and it is forgotten here. */
void pl_upload_end(struct pl_upload *, enum pl_upload_error);
/* Its bytes cannot be trusted: it is forgotten everywhere, then whatever waits is answered so. */
void pl_upload_give_up(struct pl_upload *, enum pl_upload_error);
void pl_upload_leave(struct pl_upload *);
/* Takes them, always: what is refused comes home with the error. */
void pl_upload_run(struct pl_upload *, struct pl_file_job *);
void pl_upload_delete_bytes(struct pl_uploads *, const struct pl_uuid *id);
enum pl_upload_error pl_upload_error_of(int err);

/* upload_calls.c */
/* A call with room for n bytes. NULL: no memory. */
struct pl_upload_call *pl_upload_call_new(const struct pl_upload_ask *, size_t n);
/* The first of the queue, which leaves it. */
struct pl_upload_call *pl_upload_take(struct pl_upload *);

/* upload_begin.c */
void pl_upload_begin(struct pl_uploads *, const struct pl_upload_ask *);
/* PL_EINVAL: there is text, and it is not hex digits of that many bytes. *has: there is text. */
int pl_upload_read_hex(struct pl_slice text, uint8_t *out, size_t n, bool *has) PL_MUST_CHECK;

/* upload_steps.c: the first of the queue, of a loaded upload. */
void pl_upload_step(struct pl_upload *);

#endif
