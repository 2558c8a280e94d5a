/* file_head.c - the head of a file's answer: what it is, which part of it, and that a browser is to
 * save it and not to show it. */
#include "rest/file_head.h"

#include "wire/filename.h"

#include <stdio.h>

enum { DISPOSITION_MAX = 2048 };

static void put(struct pl_file_head *h, struct pl_slice name, struct pl_slice value)
{
	h->list[h->n++] = (struct pl_http_header){name, value};
}

static void write_etag(const struct pl_file *f, char out[PL_FILE_ETAG + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *to = out;
	*to++ = '"';
	for (size_t i = 0; i < sizeof(f->sha256); i++) {
		*to++ = digits[f->sha256[i] >> 4];
		*to++ = digits[f->sha256[i] & 15];
	}
	*to++ = '"';
	*to = '\0';
}

void pl_file_head_begin(struct pl_file_head *h, const struct pl_cors *from, const struct pl_file *f)
{
	h->n = pl_cors_put(h->list, from);
	write_etag(f, h->etag);
	put(h, PL_S("ETag"), pl_slice(h->etag, PL_FILE_ETAG));
	put(h, PL_S("Accept-Ranges"), PL_S("bytes"));
	put(h, PL_S("Content-Security-Policy"), PL_S("sandbox; default-src 'none'"));
	put(h, PL_S("Cross-Origin-Resource-Policy"), PL_S("same-site"));
	put(h, PL_S("Referrer-Policy"), PL_S("no-referrer"));
	if (from->len)
		put(h, PL_S("Access-Control-Expose-Headers"),
		    PL_S("Accept-Ranges, Content-Disposition, Content-Range, ETag"));
	pl_buf_init(&h->disposition, DISPOSITION_MAX);
	pl_filename_disposition(f->name, &h->disposition);
	put(h, PL_S("Content-Disposition"), pl_buf_slice(&h->disposition));
}

/* One of a list of tags, weak or strong, or the star. */
static bool is_known(const struct pl_http_head *q, struct pl_slice etag)
{
	struct pl_slice value, item;
	size_t cursor = 0;
	bool found = false;
	while (!found && pl_http_header_next(q, "If-None-Match", &cursor, &value)) {
		struct pl_http_list list;
		pl_http_list_init(&list, value, ',', PL_HTTP_MAX_ITEMS);
		while (!found && pl_http_list_next(&list, &item)) {
			if (pl_slice_starts(item, PL_S("W/")))
				item = pl_slice(item.at + 2, item.len - 2);
			found = pl_slice_is(item, "*") || pl_slice_eq(item, etag);
		}
	}
	return found;
}

/* A part is asked for, of this file and not of one that was there before. */
static enum pl_range_is find_range(const struct pl_http_request *q, struct pl_slice etag,
				   uint64_t size, struct pl_range *out)
{
	struct pl_slice value, of;
	if (q->method != PL_HTTP_GET || pl_http_header_one(&q->head, "Range", &value))
		return PL_RANGE_NONE;
	int err = pl_http_header_one(&q->head, "If-Range", &of);
	if (err == PL_EINVAL || (!err && !pl_slice_eq(of, etag)))
		return PL_RANGE_NONE;
	return pl_range_read(value, size, out);
}

unsigned pl_file_head_part(struct pl_file_head *h, const struct pl_http_request *q,
			   const struct pl_file *f, struct pl_range *out)
{
	struct pl_slice etag = pl_slice(h->etag, PL_FILE_ETAG);
	struct pl_range part = {0, f->size};
	int n = 0;
	unsigned status = 200;
	*out = part;
	if (is_known(&q->head, etag))
		return 304;
	switch (find_range(q, etag, f->size, &part)) {
	case PL_RANGE_NONE: break;
	case PL_RANGE_PART:
		status = 206;
		n = snprintf(h->range, sizeof(h->range), "bytes %llu-%llu/%llu",
			     (unsigned long long)part.first,
			     (unsigned long long)(part.first + part.length - 1),
			     (unsigned long long)f->size);
		break;
	case PL_RANGE_BEYOND:
		status = 416;
		n = snprintf(h->range, sizeof(h->range), "bytes */%llu",
			     (unsigned long long)f->size);
		break;
	}
	if (n)
		put(h, PL_S("Content-Range"), pl_slice(h->range, (size_t)n));
	*out = part;
	return status;
}
