/*
 * http.h - HTTP/1.0 and 1.1 (RFC 9110, RFC 9112) without I/O: the head of a request or of an
 * answer, small bodies, and writing both.
 *
 * Strict on purpose: what two implementations could read in two ways is refused. Parsed slices
 * point into the caller's bytes and live as long as they do. Nothing here allocates but the writers
 * (into their buffer) and pl_http_body_read. One object, one thread.
 */
#ifndef PL_WIRE_HTTP_H
#define PL_WIRE_HTTP_H

#include "base/buf.h"

enum {
	PL_HTTP_MAX_HEADERS = 64,
	PL_HTTP_MAX_METHOD = 32,
	PL_HTTP_MAX_ITEMS = 64, /* of Connection, Upgrade, Transfer-Encoding */
	PL_HTTP_CHUNK_EXT = 256,
	PL_HTTP_BODY_EXT = 1024,
	PL_HTTP_TRAILERS = 1024,
	PL_HTTP_MANY_CHUNKS = 1024, /* more than these must carry, on average, */
	PL_HTTP_FAIR_CHUNK = 8,     /* so many bytes each */
};
/* Lengths stop where a double stops counting: a proxy in JavaScript reads the same number. */
#define PL_HTTP_MAX_LENGTH ((uint64_t)1 << 53)

enum pl_http_method {
	PL_HTTP_OTHER, /* a token that is none of these; see the slice */
	PL_HTTP_GET,
	PL_HTTP_HEAD,
	PL_HTTP_POST,
	PL_HTTP_PUT,
	PL_HTTP_PATCH,
	PL_HTTP_DELETE,
	PL_HTTP_OPTIONS,
	PL_HTTP_TRACE,
	PL_HTTP_ANY, /* no request's: all of them, where a method is chosen by */
};

struct pl_http_header {
	struct pl_slice name, value; /* value without the spaces around it; may be empty */
};

/*
 * What requests and answers have in common. The fields that decide where a message ends are read
 * once, here; nobody looks them up again.
 */
struct pl_http_head {
	struct pl_http_header headers[PL_HTTP_MAX_HEADERS]; /* `count` are filled, in their order */
	size_t count;
	uint8_t minor;    /* HTTP/1.minor: 0 or 1 */
	bool has_length;  /* Content-Length was there */
	bool is_chunked;  /* never together with has_length */
	bool keep_alive;  /* as the peer wishes it */
	bool has_upgrade; /* Connection: upgrade and Upgrade: websocket, under HTTP/1.1 */
	uint64_t content_length;
};

struct pl_http_request {
	enum pl_http_method method;
	struct pl_slice method_name;
	struct pl_slice target; /* as sent */
	struct pl_slice
		path; /* still percent-encoded, begins with '/' (or is "*"); "/" if left out */
	struct pl_slice query; /* after the '?'; at == NULL when there is none */
	struct pl_slice
		host; /* host[:port] of the target, else of Host; at == NULL: none (1.0 only) */
	bool wants_upgrade;    /* head.has_upgrade */
	bool expects_continue; /* waits for "100 Continue" before its body */
	struct pl_http_head head;
};

struct pl_http_response {
	unsigned status; /* 100 to 599 */
	struct pl_slice reason;
	struct pl_http_head head;
};

struct pl_http_limits {
	size_t head_bytes;   /* the whole head with its blank line; at most 2^31 */
	size_t target_bytes; /* of a request's target */
	size_t headers;      /* at most PL_HTTP_MAX_HEADERS */
};
/* 16 KiB, 8 KiB, 64. */
extern const struct pl_http_limits pl_http_default_limits;

/*
 * Where the search for the end of a head stopped: zeroed for a new connection, zero again after
 * each complete head. Small, to sit in an idle connection.
 */
struct pl_http_parser {
	uint32_t scanned; /* bytes already searched */
	uint32_t line;    /* where the unfinished line begins */
	uint16_t lines;   /* complete ones */
	uint16_t status;  /* after an error: what to answer */
	bool is_line_checked;
};

/*
 * `in` holds everything received since the last head ended; the same bytes plus new ones on the
 * next call (they may have moved). 0: *used bytes were the head, a body or the next request
 * follows. PL_EAGAIN: incomplete; *out means nothing yet. PL_EPROTO: answer p->status (400, 414,
 * 417, 431, 501, 505) and close; *out is empty. PL_EINVAL: limits that no head could meet. Total
 * work is linear in the bytes, however they arrive.
 */
int pl_http_parse_head(struct pl_http_parser *p, const struct pl_http_limits *, struct pl_slice in,
		       size_t *used, struct pl_http_request *out) PL_MUST_CHECK;
/* The same for a client; p->status means nothing. */
int pl_http_parse_response(struct pl_http_parser *p, const struct pl_http_limits *,
			   struct pl_slice in, size_t *used,
			   struct pl_http_response *out) PL_MUST_CHECK;

/* The first header of that name (any case); at == NULL when there is none. */
struct pl_slice pl_http_header(const struct pl_http_head *, const char *name);
/* For headers that must not be repeated: 0, PL_ENOTFOUND, or PL_EINVAL when there are several. */
int pl_http_header_one(const struct pl_http_head *, const char *name,
		       struct pl_slice *out) PL_MUST_CHECK;
/* The next of several: *cursor starts at 0. False after the last. */
bool pl_http_header_next(const struct pl_http_head *, const char *name, size_t *cursor,
			 struct pl_slice *out);

/*
 * The items of "a, b;x=\"1,2\", c": trimmed, empty ones skipped, quoted text never split. One pass,
 * at most max items. When it ends, is_bad says that it ended early: too many, or an open quote.
 */
struct pl_http_list {
	struct pl_slice rest;
	size_t left;
	char separator; /* ',' or, for the parameters of an item, ';' */
	bool is_bad;
};
void pl_http_list_init(struct pl_http_list *, struct pl_slice value, char separator, size_t max);
bool pl_http_list_next(struct pl_http_list *, struct pl_slice *item);

/* Decodes one body of known length or in chunks; trailers are checked and dropped. */
struct pl_http_body {
	uint64_t left; /* of the body, or of the chunk */
	uint64_t total, max;
	uint32_t chunks;
	uint16_t chunk_ext, body_ext, trailers;
	uint16_t status; /* after an error: 400 or 413 */
	uint8_t digits;
	uint8_t state; /* file-local to http_body.c */
};
/*
 * For the body that this head announces: at most max bytes (max <= PL_HTTP_MAX_LENGTH). PL_ETOOBIG:
 * it says itself that it is larger; status is 413. A head that announces none gives a body that is
 * done.
 */
int pl_http_body_init(struct pl_http_body *, const struct pl_http_head *,
		      uint64_t max) PL_MUST_CHECK;
bool pl_http_body_is_done(const struct pl_http_body *);
/*
 * Takes bytes up to the end of the next piece of content: *used of them, *span of these are
 * content. 0: the body is complete. PL_EAGAIN: go on with what follows *used. PL_EPROTO,
 * PL_ETOOBIG: answer b->status and close; *used and *span are untouched.
 */
int pl_http_body_feed(struct pl_http_body *b, struct pl_slice in, size_t *used,
		      struct pl_slice *span) PL_MUST_CHECK;
/* The same until `in` is used up or the body complete; content is appended to out. Also out's
 * errors. */
int pl_http_body_read(struct pl_http_body *b, struct pl_slice in, size_t *used,
		      struct pl_buf *out) PL_MUST_CHECK;

/*
 * Writers append. PL_EINVAL: something would not be one header, or one line (CR, LF, NUL, control
 * bytes): the buffer is unchanged. PL_ENOMEM, PL_ETOOBIG: as pl_buf_put.
 */
int pl_http_write_status(struct pl_buf *, unsigned status) PL_MUST_CHECK;
/* query.at == NULL: none. `host` is host[:port]. */
int pl_http_write_request(struct pl_buf *, struct pl_slice method, struct pl_slice path,
			  struct pl_slice query, struct pl_slice host) PL_MUST_CHECK;
int pl_http_write_header(struct pl_buf *, struct pl_slice name,
			 struct pl_slice value) PL_MUST_CHECK;
int pl_http_write_header_u64(struct pl_buf *, struct pl_slice name, uint64_t value) PL_MUST_CHECK;
int pl_http_write_end(struct pl_buf *) PL_MUST_CHECK;
/* "OK"; an unknown status gives the name of its class. */
struct pl_slice pl_http_reason(unsigned status);

enum { PL_HTTP_DATE = 29 };
/* "Sun, 06 Nov 1994 08:49:37 GMT": 29 characters, no NUL. Years 1970 to 9999. */
void pl_http_date(uint64_t wall_ms, char out[PL_HTTP_DATE]);

struct pl_http_reply {
	unsigned status;                      /* 200 to 599 */
	struct pl_slice type;                 /* Content-Type; empty: none */
	struct pl_slice body;                 /* not written for is_head, 204 and 304 */
	struct pl_slice encoding;             /* Content-Encoding; empty: none */
	const struct pl_http_header *headers; /* more of them; none that frames the message */
	size_t header_count;
	uint64_t now_ms; /* Unix time for Date; 0: no Date */
	bool keep_alive; /* else "Connection: close" */
	bool is_head;    /* answers HEAD: the length without the body */
	bool varies;     /* "Vary: Accept-Encoding": it might have another encoding */
	/* The writers leave this to whoever sends it: bodies from so many bytes on are to be
	 * compressed where they can be; 0: never. */
	uint32_t compress_above;
};
static inline bool pl_http_reply_has_body(const struct pl_http_reply *r)
{
	return !r->is_head && r->status != 204 && r->status != 304;
}
/*
 * A complete answer or nothing. PL_EINVAL also for a header that the reply writes itself
 * (Connection, Content-Encoding, Content-Length, Content-Type, Date, Transfer-Encoding). 426 says
 * which protocol to upgrade to.
 */
int pl_http_write_reply(struct pl_buf *, const struct pl_http_reply *) PL_MUST_CHECK;
/* The same up to the body: `length` bytes of it are to follow, if pl_http_reply_has_body. */
int pl_http_write_reply_head(struct pl_buf *, const struct pl_http_reply *,
			     uint64_t length) PL_MUST_CHECK;

/* Whether the request says that its answer may be compressed by gzip (RFC 9110, 12.5.3). */
bool pl_http_takes_gzip(const struct pl_http_head *);
/* Whether a body of this Content-Type is worth it: text, in one of its many names. */
bool pl_http_type_packs(struct pl_slice type);

#endif
