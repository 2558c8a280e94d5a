/*
 * http_write.c - heads and small answers, appended to a bounded buffer.
 *
 * Everything is checked before its first byte is written: no value of a caller can end a line
 * (CVE-2025-67735), and there is no measuring pass that could disagree with the writing one.
 */
#include "wire/http.h"

#include "wire/chars.h"
#include "wire/url.h"

struct pl_slice pl_http_reason(unsigned status)
{
	static const struct {
		unsigned status;
		struct pl_slice reason;
	} reasons[] = {
		{100, PL_S("Continue")},
		{101, PL_S("Switching Protocols")},
		{200, PL_S("OK")},
		{201, PL_S("Created")},
		{202, PL_S("Accepted")},
		{204, PL_S("No Content")},
		{206, PL_S("Partial Content")},
		{301, PL_S("Moved Permanently")},
		{302, PL_S("Found")},
		{303, PL_S("See Other")},
		{304, PL_S("Not Modified")},
		{307, PL_S("Temporary Redirect")},
		{308, PL_S("Permanent Redirect")},
		{400, PL_S("Bad Request")},
		{401, PL_S("Unauthorized")},
		{403, PL_S("Forbidden")},
		{404, PL_S("Not Found")},
		{405, PL_S("Method Not Allowed")},
		{406, PL_S("Not Acceptable")},
		{408, PL_S("Request Timeout")},
		{409, PL_S("Conflict")},
		{410, PL_S("Gone")},
		{411, PL_S("Length Required")},
		{412, PL_S("Precondition Failed")},
		{413, PL_S("Content Too Large")},
		{414, PL_S("URI Too Long")},
		{415, PL_S("Unsupported Media Type")},
		{416, PL_S("Range Not Satisfiable")},
		{417, PL_S("Expectation Failed")},
		{421, PL_S("Misdirected Request")},
		{422, PL_S("Unprocessable Content")},
		{426, PL_S("Upgrade Required")},
		{429, PL_S("Too Many Requests")},
		{431, PL_S("Request Header Fields Too Large")},
		{500, PL_S("Internal Server Error")},
		{501, PL_S("Not Implemented")},
		{502, PL_S("Bad Gateway")},
		{503, PL_S("Service Unavailable")},
		{504, PL_S("Gateway Timeout")},
		{505, PL_S("HTTP Version Not Supported")},
	};
	static const struct pl_slice classes[] = {PL_S("Unknown"),      PL_S("Informational"),
						  PL_S("Success"),      PL_S("Redirection"),
						  PL_S("Client Error"), PL_S("Server Error")};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return classes[status / 100 < sizeof(classes) / sizeof(*classes) ? status / 100 : 0];
}

/* 0, or takes back what was written since `mark`, so that half a line never leaves. */
static int settle(struct pl_buf *b, size_t mark)
{
	if (b->err)
		b->len = mark;
	return b->err;
}

int pl_http_write_status(struct pl_buf *b, unsigned status)
{
	size_t mark = b->len;
	if (status < 100 || status > 599)
		return PL_EINVAL;
	PL_PUT(b, "HTTP/1.1 ");
	pl_buf_put_u64(b, status);
	pl_buf_putc(b, ' ');
	pl_buf_puts(b, pl_http_reason(status));
	PL_PUT(b, "\r\n");
	return settle(b, mark);
}

int pl_http_write_request(struct pl_buf *b, struct pl_slice method, struct pl_slice path,
			  struct pl_slice query, struct pl_slice host)
{
	struct pl_authority authority;
	size_t mark = b->len;
	if (!pl_chars_all(method, PL_C_TOKEN) || !pl_chars_all(path, PL_C_TARGET) ||
	    path.at[0] != '/' || memchr(path.at, '?', path.len))
		return PL_EINVAL;
	if (pl_chars_span(query, PL_C_TARGET) != query.len || pl_authority_parse(host, &authority))
		return PL_EINVAL;
	pl_buf_puts(b, method);
	pl_buf_putc(b, ' ');
	pl_buf_puts(b, path);
	if (query.at)
		pl_buf_putc(b, '?');
	pl_buf_puts(b, query);
	PL_PUT(b, " HTTP/1.1\r\nHost: ");
	pl_buf_puts(b, host);
	PL_PUT(b, "\r\n");
	return settle(b, mark);
}

static bool is_header(struct pl_slice name, struct pl_slice value)
{
	return pl_chars_all(name, PL_C_TOKEN) && pl_chars_span(value, PL_C_FIELD) == value.len;
}

int pl_http_write_header(struct pl_buf *b, struct pl_slice name, struct pl_slice value)
{
	size_t mark = b->len;
	if (!is_header(name, value))
		return PL_EINVAL;
	pl_buf_puts(b, name);
	PL_PUT(b, ": ");
	pl_buf_puts(b, value);
	PL_PUT(b, "\r\n");
	return settle(b, mark);
}

int pl_http_write_header_u64(struct pl_buf *b, struct pl_slice name, uint64_t value)
{
	size_t mark = b->len;
	if (!pl_chars_all(name, PL_C_TOKEN))
		return PL_EINVAL;
	pl_buf_puts(b, name);
	PL_PUT(b, ": ");
	pl_buf_put_u64(b, value);
	PL_PUT(b, "\r\n");
	return settle(b, mark);
}

int pl_http_write_end(struct pl_buf *b)
{
	PL_PUT(b, "\r\n");
	return b->err;
}

static void put_digits(char *at, unsigned value, unsigned width)
{
	while (width--) {
		at[width] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Day and month of a day since 1970, counted in years that begin in March: then leap days come
 * last. */
static void civil(uint64_t day, unsigned *year, unsigned *month, unsigned *of_month)
{
	uint64_t n = day + 719468; /* 1 March of year 0 */
	uint64_t era = n / 146097, of_era = n % 146097;
	uint64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	uint64_t m = (5 * of_year + 2) / 153;
	*of_month = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = (unsigned)(y + era * 400 + (*month <= 2));
}

void pl_http_date(uint64_t wall_ms, char out[PL_HTTP_DATE])
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* day 0 was a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t seconds = wall_ms / 1000, day = seconds / 86400;
	unsigned of_day = (unsigned)(seconds % 86400), year, month, of_month;
	civil(day, &year, &month, &of_month);
	memcpy(out, "ddd, 00 mmm 0000 00:00:00 GMT", PL_HTTP_DATE);
	memcpy(out, &days[day % 7 * 3], 3);
	put_digits(out + 5, of_month, 2);
	memcpy(out + 8, &months[(month - 1) * 3], 3);
	put_digits(out + 12, year, 4);
	put_digits(out + 17, of_day / 3600, 2);
	put_digits(out + 20, of_day / 60 % 60, 2);
	put_digits(out + 23, of_day % 60, 2);
}

/* Headers that the reply writes itself: a second one would give the message a second meaning. */
static bool is_own(struct pl_slice name)
{
	static const struct pl_slice own[] = {PL_S("connection"),     PL_S("content-encoding"),
					      PL_S("content-length"), PL_S("content-type"),
					      PL_S("date"),           PL_S("transfer-encoding")};
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (pl_slice_eq_nocase(name, own[i]))
			return true;
	return false;
}

static bool is_reply(const struct pl_http_reply *r)
{
	if (r->status < 200 || r->status > 599 || pl_chars_span(r->type, PL_C_FIELD) != r->type.len)
		return false;
	if (r->encoding.len && !pl_chars_all(r->encoding, PL_C_TOKEN))
		return false;
	for (size_t i = 0; i < r->header_count; i++)
		if (is_own(r->headers[i].name) ||
		    !is_header(r->headers[i].name, r->headers[i].value))
			return false;
	return true;
}

static void put_date(struct pl_buf *b, uint64_t now_ms)
{
	char date[PL_HTTP_DATE];
	pl_http_date(now_ms, date);
	PL_PUT(b, "Date: ");
	pl_buf_put(b, date, sizeof(date));
	PL_PUT(b, "\r\n");
}

/* What the body is; said of a body only. */
static void put_content(struct pl_buf *b, const struct pl_http_reply *r)
{
	if (r->type.len) {
		PL_PUT(b, "Content-Type: ");
		pl_buf_puts(b, r->type);
		PL_PUT(b, "\r\n");
	}
	if (r->encoding.len) {
		PL_PUT(b, "Content-Encoding: ");
		pl_buf_puts(b, r->encoding);
		PL_PUT(b, "\r\n");
	}
}

static void put_connection(struct pl_buf *b, const struct pl_http_reply *r)
{
	/* RFC 9110, 15.5.22 and 7.8: a 426 names the protocol, and Connection names the Upgrade. */
	if (r->status == 426)
		PL_PUT(b, "Upgrade: websocket\r\n");
	PL_PUT(b, "Connection: ");
	pl_buf_puts(b, r->keep_alive ? PL_S("keep-alive") : PL_S("close"));
	if (r->status == 426)
		PL_PUT(b, ", Upgrade");
	PL_PUT(b, "\r\n");
}

int pl_http_write_reply_head(struct pl_buf *b, const struct pl_http_reply *r, uint64_t length)
{
	bool has_content = r->status != 204 && r->status != 304;
	size_t mark = b->len;
	if (!is_reply(r))
		return PL_EINVAL;
	int err = pl_http_write_status(b, r->status);
	if (r->now_ms)
		put_date(b, r->now_ms);
	if (has_content)
		put_content(b, r);
	if (r->varies)
		PL_PUT(b, "Vary: Accept-Encoding\r\n");
	for (size_t i = 0; i < r->header_count && !err; i++)
		err = pl_http_write_header(b, r->headers[i].name, r->headers[i].value);
	put_connection(b, r);
	if (has_content && !err)
		err = pl_http_write_header_u64(b, PL_S("Content-Length"), length);
	PL_PUT(b, "\r\n");
	return settle(b, mark);
}

int pl_http_write_reply(struct pl_buf *b, const struct pl_http_reply *r)
{
	size_t mark = b->len;
	int err = pl_http_write_reply_head(b, r, r->body.len);
	if (err)
		return err;
	if (pl_http_reply_has_body(r))
		pl_buf_puts(b, r->body);
	return settle(b, mark);
}
