/* qrypt_calls.h - what the two files about calls of the QryptChat dialect share. */
#ifndef PL_DIALECT_QRYPT_CALLS_H
#define PL_DIALECT_QRYPT_CALLS_H

#include "dialect/calling.h"
#include "dialect/qrypt_internal.h"

#define PL_QRYPT_SUITE "ML_KEM_1024"

/* The row of what was said. */
const char *pl_qrypt_call_row(enum pl_call_what, bool has_keys);
/* "<session id>-<number>", as the words for a rotation name it. PL_EINVAL. */
int pl_qrypt_read_rotation(struct pl_slice, struct pl_slice *session,
			   int64_t *number) PL_MUST_CHECK;

#endif
