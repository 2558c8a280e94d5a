/*
 * http_parse.c - the head of a request or of an answer.
 *
 * Two steps. The scan looks for the blank line and remembers where it stopped, so that bytes that
 * arrive one by one cost the same as all at once; it already refuses what can only get worse. The
 * parse runs once, over a complete head.
 */
#include "wire/http_fields.h"

#include "wire/chars.h"
#include "wire/url.h"

const struct pl_http_limits pl_http_default_limits = {
	.head_bytes = 16384,
	.target_bytes = 8192,
	.headers = PL_HTTP_MAX_HEADERS,
};

enum { VERSION = 8 }; /* "HTTP/1.1" */

/* One line feed more: the line before it must end in CR; an empty one ends the head. */
static unsigned end_line(struct pl_http_parser *p, const struct pl_http_limits *limits,
			 struct pl_slice in, size_t at, bool *is_end)
{
	if (at == p->line || in.at[at - 1] != '\r')
		return 400;
	*is_end = at - 1 == p->line;
	if (*is_end)
		return 0;
	if (p->lines > limits->headers) /* the first line is no header */
		return 431;
	p->lines++;
	p->line = (uint32_t)at + 1;
	return 0;
}

/* *end: behind the blank line, or 0 when it is not there yet. `in` begins with the first line. */
static unsigned scan(struct pl_http_parser *p, const struct pl_http_limits *limits,
		     struct pl_slice in, size_t *end)
{
	size_t stop = in.len < limits->head_bytes ? in.len : limits->head_bytes;
	bool is_end = false;
	while (p->scanned < stop && !is_end) {
		const char *hit = memchr(in.at + p->scanned, '\n', stop - p->scanned);
		size_t at = hit ? (size_t)(hit - in.at) : stop;
		unsigned status = hit ? end_line(p, limits, in, at, &is_end) : 0;
		if (status)
			return status;
		p->scanned = (uint32_t)(hit ? at + 1 : stop);
	}
	*end = is_end ? p->scanned : 0;
	if (is_end || in.len < limits->head_bytes)
		return 0;
	return p->lines ? 431 : 414;
}

static int method_of(struct pl_slice name)
{
	static const struct pl_slice names[] = {
		[PL_HTTP_GET] = PL_S("GET"),         [PL_HTTP_HEAD] = PL_S("HEAD"),
		[PL_HTTP_POST] = PL_S("POST"),       [PL_HTTP_PUT] = PL_S("PUT"),
		[PL_HTTP_PATCH] = PL_S("PATCH"),     [PL_HTTP_DELETE] = PL_S("DELETE"),
		[PL_HTTP_OPTIONS] = PL_S("OPTIONS"), [PL_HTTP_TRACE] = PL_S("TRACE"),
	};
	for (size_t i = PL_HTTP_GET; i < sizeof(names) / sizeof(*names); i++)
		if (pl_slice_eq(name, names[i]))
			return (int)i;
	return PL_HTTP_OTHER;
}

/* A method and its space, as far as they are there: a TLS greeting is not kept waiting for its end.
 */
static unsigned check_method(struct pl_slice in)
{
	size_t n = pl_chars_span(
		pl_slice(in.at, in.len < PL_HTTP_MAX_METHOD + 1 ? in.len : PL_HTTP_MAX_METHOD + 1),
		PL_C_TOKEN);
	if (n > PL_HTTP_MAX_METHOD)
		return 501;
	return n == in.len || (n && in.at[n] == ' ') ? 0 : 400;
}

static unsigned parse_version(struct pl_slice s, uint8_t *minor)
{
	if (s.len != VERSION || memcmp(s.at, "HTTP/", 5) || s.at[6] != '.')
		return 400;
	if (s.at[5] < '0' || s.at[5] > '9' || s.at[7] < '0' || s.at[7] > '9')
		return 400;
	if (s.at[5] != '1' || s.at[7] > '1')
		return 505;
	*minor = (uint8_t)(s.at[7] - '0');
	return 0;
}

/* "http://host/path": the host is taken from here, the rest is as if it had come alone. */
static unsigned parse_absolute(struct pl_http_request *q)
{
	struct pl_url url;
	if (pl_url_parse(q->target, &url))
		return 400;
	q->host = url.authority;
	q->path = url.path;
	q->query = url.query;
	return 0;
}

static unsigned parse_target(struct pl_http_request *q)
{
	q->host = q->query = (struct pl_slice){NULL, 0};
	if (!pl_chars_all(q->target, PL_C_TARGET))
		return 400;
	if (q->target.at[0] == '/') {
		pl_target_cut(q->target, &q->path, &q->query);
		return 0;
	}
	if (!pl_slice_is(q->target, "*"))
		return parse_absolute(q);
	q->path = q->target;
	return q->method == PL_HTTP_OPTIONS ? 0 : 400;
}

/* method SP target SP version; the version first, because other versions may have other targets. */
static unsigned parse_request_line(const struct pl_http_limits *limits, struct pl_slice line,
				   struct pl_http_request *q)
{
	struct pl_slice rest, version;
	q->method_name = pl_slice_cut(line, ' ', &rest);
	q->target = pl_slice_cut(rest, ' ', &version);
	unsigned status = check_method(line);
	if (!status)
		status = parse_version(version, &q->head.minor);
	if (!status && q->target.len > limits->target_bytes)
		status = 414;
	/* A tunnel is nothing that we could open. */
	if (!status && pl_slice_is(q->method_name, "CONNECT"))
		status = 501;
	q->method = (enum pl_http_method)method_of(q->method_name);
	return status ? status : parse_target(q);
}

/* HTTP/1.x SP 3DIGIT SP reason */
static unsigned parse_status_line(struct pl_slice line, struct pl_http_response *r)
{
	uint64_t status;
	if (line.len < VERSION + 5 || line.at[VERSION] != ' ' || line.at[VERSION + 4] != ' ')
		return 400;
	if (parse_version(pl_slice(line.at, VERSION), &r->head.minor))
		return 400;
	if (pl_slice_u64(pl_slice(line.at + VERSION + 1, 3), 599, &status) || status < 100)
		return 400;
	r->status = (unsigned)status;
	r->reason = pl_slice(line.at + VERSION + 5, line.len - VERSION - 5);
	return pl_chars_span(r->reason, PL_C_FIELD) == r->reason.len ? 0 : 400;
}

/* name ":" OWS value OWS. A folded line begins with a space, which no name contains. */
static unsigned parse_field(struct pl_slice line, struct pl_http_header *out)
{
	size_t n = pl_chars_span(line, PL_C_TOKEN);
	if (!n || n == line.len || line.at[n] != ':')
		return 400;
	struct pl_slice value = pl_slice(line.at + n + 1, line.len - n - 1);
	if (pl_chars_span(value, PL_C_FIELD) != value.len)
		return 400;
	*out = (struct pl_http_header){pl_slice(line.at, n), pl_slice_trim(value)};
	return 0;
}

/* The next line without its CRLF; the scan has seen that each LF follows a CR. */
static struct pl_slice next_line(struct pl_slice *rest)
{
	struct pl_slice line = pl_slice_cut(*rest, '\n', rest);
	line.len--;
	return line;
}

/* All lines between the first and the blank one, and what they mean together. */
static unsigned parse_fields(struct pl_slice rest, struct pl_http_head *h)
{
	h->count = 0;
	for (struct pl_slice line = next_line(&rest); line.len; line = next_line(&rest)) {
		unsigned status = parse_field(line, &h->headers[h->count]);
		if (status)
			return status;
		h->count++;
	}
	return pl_http_fields_frame(h);
}

static unsigned parse_request(const struct pl_http_limits *limits, struct pl_slice rest,
			      struct pl_http_request *q)
{
	unsigned status = parse_request_line(limits, next_line(&rest), q);
	if (!status)
		status = parse_fields(rest, &q->head);
	if (!status)
		status = pl_http_fields_request(q);
	if (!status) /* else nobody has set it */
		q->wants_upgrade = q->head.has_upgrade;
	return status;
}

/* What an incomplete head already shows. */
static unsigned check_start(struct pl_http_parser *p, const struct pl_http_limits *limits,
			    struct pl_slice in, struct pl_http_request *scratch)
{
	if (p->lines && !p->is_line_checked) {
		p->is_line_checked = true;
		return parse_request_line(limits, next_line(&in), scratch);
	}
	if (p->lines)
		return 0;
	unsigned status = check_method(in);
	size_t longest = PL_HTTP_MAX_METHOD + 1 + limits->target_bytes + 1 + VERSION + 1;
	return status ? status : in.len > longest ? 414 : 0;
}

/* One CRLF may precede a request (RFC 9112, 2.2). 1: it may still come. */
static unsigned skip_crlf(struct pl_slice in, size_t *skip)
{
	*skip = 0;
	if (!in.len || in.at[0] != '\r')
		return in.len ? 0 : 1;
	if (in.len < 2)
		return 1;
	*skip = 2;
	return in.at[1] == '\n' ? 0 : 400;
}

static bool limits_are_sane(const struct pl_http_limits *l)
{
	return l->head_bytes <= (size_t)1 << 31 && l->headers <= PL_HTTP_MAX_HEADERS;
}

int pl_http_parse_head(struct pl_http_parser *p, const struct pl_http_limits *limits,
		       struct pl_slice in, size_t *used, struct pl_http_request *out)
{
	size_t skip, end = 0;
	if (!limits_are_sane(limits))
		return PL_EINVAL;
	unsigned status = skip_crlf(in, &skip);
	if (status == 1)
		return PL_EAGAIN;
	struct pl_slice rest = pl_slice(in.at + skip, in.len - skip);
	if (!status)
		status = scan(p, limits, rest, &end);
	if (!status)
		status = end ? parse_request(limits, rest, out) : check_start(p, limits, rest, out);
	if (!status && !end)
		return PL_EAGAIN;
	*p = (struct pl_http_parser){.status = (uint16_t)status};
	if (!status)
		*used = skip + end;
	else
		*out = (struct pl_http_request){0};
	return status ? PL_EPROTO : 0;
}

/* What is there so far must be the start of "HTTP/1." */
static unsigned check_answer(struct pl_slice in)
{
	struct pl_slice want = PL_S("HTTP/1.");
	return memcmp(in.at, want.at, in.len < want.len ? in.len : want.len) ? 400 : 0;
}

int pl_http_parse_response(struct pl_http_parser *p, const struct pl_http_limits *limits,
			   struct pl_slice in, size_t *used, struct pl_http_response *out)
{
	size_t end = 0;
	if (!limits_are_sane(limits))
		return PL_EINVAL;
	if (!in.len)
		return PL_EAGAIN;
	unsigned status = check_answer(in);
	if (!status)
		status = scan(p, limits, in, &end);
	if (!status && !end)
		return PL_EAGAIN;
	struct pl_slice rest = in;
	if (!status)
		status = parse_status_line(next_line(&rest), out);
	if (!status)
		status = parse_fields(rest, &out->head);
	*p = (struct pl_http_parser){.status = (uint16_t)status};
	if (!status)
		*used = end;
	else
		*out = (struct pl_http_response){0};
	return status ? PL_EPROTO : 0;
}
