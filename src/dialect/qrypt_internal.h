/* qrypt_internal.h - what the files of the QryptChat dialect share. */
#ifndef PL_DIALECT_QRYPT_INTERNAL_H
#define PL_DIALECT_QRYPT_INTERNAL_H

#include "dialect/dispatch.h"
#include "dialect/qrypt.h"

/* qrypt_in.c */
extern const struct pl_message_row pl_qrypt_rows[];
void pl_qrypt_on_signed_in(struct pl_session *, struct pl_slice ref, bool was_asked, int err);
void pl_qrypt_on_expiry(struct pl_session *, uint64_t expires_s, bool is_over);

/* qrypt.c: the envelope. The payload is written between the two. */
void pl_qrypt_begin(struct pl_buf *, const char *type);
/* With the id of the request; a fresh one where it had none. */
void pl_qrypt_end(struct pl_buf *, struct pl_slice ref);
/*
 * For frames that answer nothing. Always with an id of its own: the oldest clients drop frames that
 * have none.
 */
void pl_qrypt_end_fresh(struct pl_buf *);
void pl_qrypt_fail(struct pl_session *, struct pl_slice ref, const struct pl_words *,
		   uint64_t retry_ms);

/* qrypt_rows.c: nouns as this dialect writes them. */
void pl_qrypt_put_user(struct pl_buf *, const struct pl_user *);
/* content.at == NULL: null. */
void pl_qrypt_put_message(struct pl_buf *, const struct pl_message *, struct pl_slice content);
void pl_qrypt_put_listed(struct pl_buf *, const struct pl_conversation_row *);
/* {conversation: row, and the row's fields again beside it}: where the different clients look. */
void pl_qrypt_put_created(struct pl_buf *, const struct pl_conversation *,
			  const struct pl_uuid *participants, size_t n);
void pl_qrypt_put_group(struct pl_buf *, const struct pl_group *);
void pl_qrypt_put_read(struct pl_buf *, const struct pl_uuid *conversation,
		       const struct pl_uuid *message, const struct pl_uuid *user, uint64_t read_ms);

/* qrypt_out.c */
extern const struct pl_peer_ops pl_qrypt_peer_ops;

#endif
