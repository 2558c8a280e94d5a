/* file_head.h - the head of a file's answer. For files.c only. */
#ifndef PL_REST_FILE_HEAD_H
#define PL_REST_FILE_HEAD_H

#include "rest/internal.h"

#include "wire/range.h"

enum { PL_FILE_HEADERS = 16, PL_FILE_ETAG = 2 * PL_FILE_SHA256 + 2 };

struct pl_file_head {
	struct pl_http_header list[PL_FILE_HEADERS];
	size_t n;
	char etag[PL_FILE_ETAG + 1], range[96];
	struct pl_buf disposition; /* to be freed; with err the head is not whole */
};

/* What each answer about this file has. */
void pl_file_head_begin(struct pl_file_head *, const struct pl_cors *, const struct pl_file *);
/* The status: 200, 206, 304 or 416; and the part that is sent with 200 and 206. */
unsigned pl_file_head_part(struct pl_file_head *, const struct pl_http_request *,
			   const struct pl_file *, struct pl_range *);

#endif
