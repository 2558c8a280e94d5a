/*
 * files_test.c - proves: a file is given to who may see its message, asked anew each time, and to
 * nobody else; it is given whole or the one part that was asked for, byte for byte; and it comes as
 * an attachment of a type that runs nothing, whatever was said of it.
 */
#include "rest/testing.h"

#include "base/scratch_test.h"
#include "chat/op_test.h"

#include <fcntl.h>
#include <openssl/evp.h>

#define SECRET PL_S("an example of a secret of 32 bytes or more")

enum { SIZE = 700000, WAIT_TURNS = 5000 };

struct stage {
	struct rig *rig;
	struct post *post;
	struct pl_store *store;
	struct pl_files *files;
	struct pl_auth *auth;
	struct pl_json_parser *parser;
	char dir[SCRATCH_PATH], *bytes;
	struct pl_uuid alice, file;
	char id[PL_FILE_ID_TEXT + 1], path[64], etag[2 * PL_FILE_SHA256 + 3];
};

/* ---- jobs ---- */

static void job_came(struct pl_file_job *j)
{
	*(bool *)j->owner = true;
}

static void run_job(struct stage *s, struct pl_file_job *j)
{
	bool is_done = false;
	j->owner = &is_done;
	assert_int_equal(pl_files_submit(s->files, j), 0);
	for (int i = 0; i < WAIT_TURNS && !is_done; i++)
		pl_loop_turn(s->post->loop, 1);
	assert_true(is_done);
	assert_int_equal(j->err, 0);
}

static struct pl_file_job *new_job(struct stage *s, enum pl_file_job_kind kind, struct pl_uuid id,
				   uint64_t size)
{
	struct pl_file_job *j = pl_file_job_new(kind, s->post->loop, job_came, NULL);
	assert_non_null(j);
	j->id = id;
	j->size = size;
	return j;
}

static struct pl_uuid put_file(struct stage *s, const char *name, const char *type, size_t size)
{
	struct pl_op *op = op_new(PL_OP_FILE_START);
	op->file_start.user = s->alice;
	op->file_start.to = PL_S("bob");
	op->file_start.name = pl_slice_str(name);
	op->file_start.type = pl_slice_str(type);
	op->file_start.size = size;
	assert_int_equal(op_run(&s->post->hub, s->post->loop, op), 0);
	struct pl_uuid id = op->file_start.file.id;
	pl_op_free(op);
	struct pl_file_piece piece = {.data = pl_slice(s->bytes, size)};
	struct pl_file_job *open = new_job(s, PL_FILE_OPEN, id, size),
			   *append = new_job(s, PL_FILE_APPEND, id, size),
			   *finish = new_job(s, PL_FILE_FINISH, id, size);
	append->pieces = &piece;
	append->npieces = 1;
	run_job(s, open);
	run_job(s, append);
	assert_int_equal(piece.err, 0);
	run_job(s, finish);
	pl_files_leave(s->files, &id);
	op = op_new(PL_OP_FILE_PROGRESS);
	op->file_progress.id = id;
	op->file_progress.stored = size;
	assert_int_equal(op_run(&s->post->hub, s->post->loop, op), 0);
	pl_op_free(op);
	op = op_new(PL_OP_SEND);
	op->send.user = s->alice;
	op->send.kind = PL_S("file");
	op->send.content = PL_S("x");
	op->send.file = id;
	memcpy(op->send.file_sha256, finish->sha256, PL_FILE_SHA256);
	assert_int_equal(op_run(&s->post->hub, s->post->loop, op), 0);
	pl_op_free(op);
	pl_file_job_free(open);
	pl_file_job_free(append);
	pl_file_job_free(finish);
	return id;
}

static void name_it(struct stage *s, struct pl_uuid id)
{
	s->file = id;
	pl_file_id_format(&id, s->id);
	snprintf(s->path, sizeof(s->path), "/files/%s", s->id);
}

/* ---- the stage ---- */

static void start_auth(struct stage *s)
{
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	o.secret = SECRET;
	assert_int_equal(pl_auth_new(&o, &why, &s->auth), 0);
	pl_buf_fini(&why);
	assert_int_equal(pl_json_parser_new(PL_TOKEN_MAX, &s->parser), 0);
	s->post->rest.accounts.auth = &s->auth;
	s->post->rest.accounts.parser = s->parser;
}

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*state = s;
	s->rig = rig_new();
	s->post = &s->rig->posts[0];
	start_auth(s);
	struct pl_store_options so = {.readers = 1, .finish = pl_hub_finish, .ctx = s->rig->bus};
	assert_int_equal(pl_store_open(&so, &s->store), 0);
	s->post->hub.store = s->store;
	scratch_make(s->dir, "restfiles");
	struct pl_files_options fo = {.path = s->dir};
	assert_int_equal(pl_files_new(&fo, &s->files), 0);
	s->post->rest.files = s->files;
	s->alice = op_enlist(&s->post->hub, s->post->loop, "alice");
	op_enlist(&s->post->hub, s->post->loop, "bob");
	op_enlist(&s->post->hub, s->post->loop, "carol");
	s->bytes = malloc(SIZE);
	assert_non_null(s->bytes);
	pl_random_bytes(s->bytes, SIZE);
	name_it(s, put_file(s, "\xc3\x9c\x62\x65r.png", "image/png", SIZE));
	uint8_t sum[PL_FILE_SHA256];
	assert_int_equal(EVP_Digest(s->bytes, SIZE, sum, NULL, EVP_sha256(), NULL), 1);
	s->etag[0] = s->etag[sizeof(s->etag) - 2] = '"';
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(s->etag + 1 + 2 * i, 3, "%02x", sum[i]);
	s->etag[sizeof(s->etag) - 2] = '"';
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	pl_hub_stop(&s->post->hub);
	pl_files_stop(s->files);
	pl_store_close(s->store);
	turn_all(s->rig);
	pl_conns_free(s->post->conns);
	s->post->conns = NULL;
	turn_all(s->rig);
	assert_int_equal(s->post->rest.downloads, 0);
	pl_files_free(s->files);
	rig_free(s->rig);
	pl_auth_release(s->auth);
	pl_json_parser_free(s->parser);
	scratch_remove(s->dir);
	free(s->bytes);
	free(s);
	return 0;
}

/* ---- asking ---- */

static void token_of(const char *name, uint64_t issued_s, char out[PL_TOKEN_MAX])
{
	struct pl_buf b;
	struct pl_token_claims c = {
		.subject = pl_slice_str(name), .now_s = issued_s, .ttl_s = 3600};
	pl_buf_init(&b, PL_TOKEN_MAX);
	assert_int_equal(pl_token_sign(SECRET, &c, &b), 0);
	memcpy(out, b.at, b.len);
	out[b.len] = '\0';
	pl_buf_fini(&b);
}

static void send_request(int fd, const char *method, const char *path, const char *headers)
{
	char text[PL_TOKEN_MAX];
	int n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path,
			 headers);
	assert_int_equal(write(fd, text, (size_t)n), n);
}

/* In the name of this user; more: other headers. */
static void request(struct stage *s, const char *method, const char *who, const char *more,
		    struct heard *h)
{
	char token[PL_TOKEN_MAX], headers[PL_TOKEN_MAX + 512];
	token_of(who, pl_wall_ms() / 1000, token);
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n%s", token, more);
	int fd = call(s->rig, 0);
	send_request(fd, method, s->path, headers);
	hear(s->rig, 0, fd, !strcmp(method, "HEAD"), h);
	close(fd);
	pl_loop_turn(s->post->loop, 1);
}

static void expect(struct stage *s, const char *who, const char *more, unsigned status,
		   size_t first, size_t length)
{
	struct heard h;
	request(s, "GET", who, more, &h);
	assert_int_equal(h.head.status, status);
	assert_int_equal(h.body.len, length);
	assert_memory_equal(h.body.at, s->bytes + first, length);
	pl_buf_fini(&h.text);
}

static unsigned status_of(struct stage *s, const char *who)
{
	struct heard h;
	request(s, "GET", who, "", &h);
	unsigned status = h.head.status;
	pl_buf_fini(&h.text);
	return status;
}

/* ---- tests ---- */

static void a_file_is_an_attachment(void **state)
{
	struct stage *s = *state;
	struct heard h;
	static const char *const methods[] = {"GET", "HEAD"};
	for (size_t i = 0; i < 2; i++) {
		request(s, methods[i], "bob", "", &h);
		assert_int_equal(h.head.status, 200);
		assert_header(&h, "Content-Type", "image/png");
		assert_header(&h, "Content-Length", "700000");
		assert_header(&h, "Content-Disposition",
			      "attachment; filename=\"_ber.png\"; "
			      "filename*=UTF-8''%C3%9Cber.png");
		assert_header(&h, "X-Content-Type-Options", "nosniff");
		assert_header(&h, "Content-Security-Policy", "sandbox; default-src 'none'");
		assert_header(&h, "Cache-Control", "no-store");
		assert_header(&h, "Accept-Ranges", "bytes");
		assert_header(&h, "ETag", s->etag);
		assert_int_equal(h.body.len, i ? 0 : SIZE);
		if (!i)
			assert_memory_equal(h.body.at, s->bytes, SIZE);
		pl_buf_fini(&h.text);
	}
	static const char *const types[] = {"text/html", "image/svg+xml", "text/javascript",
					    "application/xhtml+xml", "text/xml"};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		name_it(s, put_file(s, "x.html", types[i], 10));
		request(s, "GET", "bob", "Accept: text/html\r\n", &h);
		assert_int_equal(h.head.status, 200);
		assert_header(&h, "Content-Type", "application/octet-stream");
		pl_buf_fini(&h.text);
	}
	name_it(s, put_file(s, "empty", "text/plain", 0));
	request(s, "GET", "bob", "", &h);
	assert_int_equal(h.head.status, 200);
	assert_header(&h, "Content-Length", "0");
	pl_buf_fini(&h.text);
}

static void who_does_not_see_the_message_does_not_get_it(void **state)
{
	struct stage *s = *state;
	assert_int_equal(status_of(s, "alice"), 200);
	assert_int_equal(status_of(s, "bob"), 200);
	assert_int_equal(status_of(s, "carol"), 404);
	assert_int_equal(status_of(s, "mallory"), 404);
	struct pl_op *op = op_new(PL_OP_DISABLE);
	op->disable.who = PL_S("bob");
	op->disable.on = true;
	assert_int_equal(op_run(&s->post->hub, s->post->loop, op), 0);
	assert_int_equal(status_of(s, "bob"), 401);
	pl_op_free(op);
	static const char *const paths[] = {
		"/files/",
		"/files/00000000000000000000000000000000",
		"/files/..%2f..%2fetc%2fpasswd",
		"/files/0000000000000000000000000000000",
		"/files/%30000000000000000000000000000000",
	};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		snprintf(s->path, sizeof(s->path), "%s", paths[i]);
		assert_int_equal(status_of(s, "alice"), 404);
	}
}

static unsigned status_with(struct stage *s, const char *path, const char *headers)
{
	struct heard h;
	int fd = call(s->rig, 0);
	send_request(fd, "GET", path, headers);
	hear(s->rig, 0, fd, false, &h);
	unsigned status = h.head.status;
	pl_buf_fini(&h.text);
	close(fd);
	pl_loop_turn(s->post->loop, 1);
	return status;
}

static void the_token_comes_in_three_ways(void **state)
{
	struct stage *s = *state;
	char token[PL_TOKEN_MAX], headers[2 * PL_TOKEN_MAX + 64], path[PL_TOKEN_MAX + 128];
	token_of("bob", pl_wall_ms() / 1000, token);
	snprintf(path, sizeof(path), "%s?x=1&token=%s", s->path, token);
	assert_int_equal(status_with(s, path, ""), 200);
	snprintf(headers, sizeof(headers), "Cookie: a=b; sb-access-token=%s\r\n", token);
	assert_int_equal(status_with(s, s->path, headers), 200);
	assert_int_equal(status_with(s, s->path, ""), 401);
	assert_int_equal(status_with(s, s->path, "Authorization: Bearer x\r\n"), 401);
	assert_int_equal(status_with(s, s->path, "Authorization: Basic YTpi\r\n"), 401);
	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n", token, token);
	assert_int_equal(status_with(s, s->path, headers), 401);
	token_of("bob", pl_wall_ms() / 1000 - 7200, token); /* it ran out */
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", token);
	assert_int_equal(status_with(s, s->path, headers), 401);
	token_of("bob", pl_wall_ms() / 1000, token);
	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nOrigin: https://evil.example\r\n", token);
	assert_int_equal(status_with(s, s->path, headers), 403);
}

static void a_part_is_a_part(void **state)
{
	struct stage *s = *state;
	struct heard h;
	char more[256];
	expect(s, "bob", "Range: bytes=0-0\r\n", 206, 0, 1);
	expect(s, "bob", "Range: bytes=1000-500999\r\n", 206, 1000, 500000);
	expect(s, "bob", "Range: bytes=699999-\r\n", 206, SIZE - 1, 1);
	expect(s, "bob", "Range: bytes=-300000\r\n", 206, SIZE - 300000, 300000);
	expect(s, "bob", "Range: bytes=0-18446744073709551615\r\n", 206, 0, SIZE);
	expect(s, "bob", "Range: bytes=0-1,4-5\r\n", 200, 0, SIZE);
	expect(s, "bob", "Range: pages=1\r\n", 200, 0, SIZE);
	expect(s, "bob", "Range: bytes=0-1\r\nRange: bytes=0-2\r\n", 200, 0, SIZE);
	request(s, "GET", "bob", "Range: bytes=10-19\r\n", &h);
	assert_header(&h, "Content-Range", "bytes 10-19/700000");
	assert_header(&h, "Content-Length", "10");
	pl_buf_fini(&h.text);
	request(s, "GET", "bob", "Range: bytes=700000-\r\n", &h);
	assert_int_equal(h.head.status, 416);
	assert_header(&h, "Content-Range", "bytes */700000");
	pl_buf_fini(&h.text);
	/* RFC 9110, section 14.2: of GET only. */
	request(s, "HEAD", "bob", "Range: bytes=10-19\r\n", &h);
	assert_int_equal(h.head.status, 200);
	pl_buf_fini(&h.text);
	snprintf(more, sizeof(more), "Range: bytes=10-19\r\nIf-Range: %s\r\n", s->etag);
	expect(s, "bob", more, 206, 10, 10);
	expect(s, "bob", "Range: bytes=10-19\r\nIf-Range: \"other\"\r\n", 200, 0, SIZE);
	snprintf(more, sizeof(more), "Range: bytes=10-19\r\nIf-Range: W/%s\r\n", s->etag);
	expect(s, "bob", more, 200, 0, SIZE);
}

static void what_is_known_is_not_sent_again(void **state)
{
	struct stage *s = *state;
	char more[256];
	static const char *const forms[] = {"If-None-Match: %s\r\n", "If-None-Match: W/%s\r\n",
					    "If-None-Match: \"a\", %s\r\n",
					    "If-None-Match: \"a\"\r\nIf-None-Match: %s\r\n"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct heard h;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(more, sizeof(more), forms[i], s->etag);
#pragma GCC diagnostic pop
		request(s, "HEAD", "bob", more, &h);
		assert_int_equal(h.head.status, 304);
		assert_header(&h, "ETag", s->etag);
		pl_buf_fini(&h.text);
		request(s, "HEAD", "carol", more, &h); /* nor to who may not know it */
		assert_int_equal(h.head.status, 404);
		pl_buf_fini(&h.text);
	}
	expect(s, "bob", "If-None-Match: \"a\"\r\n", 200, 0, SIZE);
}

/* Clients that go away, at every point of a download. */
static void who_leaves_leaves_nothing(void **state)
{
	struct stage *s = *state;
	char token[PL_TOKEN_MAX], headers[PL_TOKEN_MAX + 64];
	token_of("bob", pl_wall_ms() / 1000, token);
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", token);
	for (int turns = 0; turns < 60; turns++) {
		int fd = call(s->rig, 0);
		send_request(fd, "GET", s->path, headers);
		for (int i = 0; i < turns; i++)
			pl_loop_turn(s->post->loop, turns % 3);
		close(fd);
		pl_loop_turn(s->post->loop, 0);
	}
	for (int i = 0; i < 1000 && s->post->rest.downloads; i++)
		pl_loop_turn(s->post->loop, 1);
	assert_int_equal(s->post->rest.downloads, 0);
	assert_int_equal(status_of(s, "bob"), 200);
}

/* The head is out, the bytes are not there: the connection must not look as if it were whole. */
static void a_file_that_cannot_be_read_breaks_the_connection(void **state)
{
	struct stage *s = *state;
	struct heard h;
	char name[128];
	snprintf(name, sizeof(name), "%s/%s", s->dir, s->id);
	assert_int_equal(truncate(name, 300000), 0);
	request(s, "GET", "bob", "", &h);
	assert_true(h.is_closed);
	assert_true(h.body.len < SIZE);
	pl_buf_fini(&h.text);
	assert_int_equal(unlink(name), 0);
	request(s, "GET", "bob", "", &h);
	assert_true(h.is_closed);
	assert_int_equal(h.body.len, 0);
	pl_buf_fini(&h.text);
}

static void without_memory_it_fails_and_goes_on(void **state)
{
	struct stage *s = *state;
	char token[PL_TOKEN_MAX], headers[PL_TOKEN_MAX + 64];
	token_of("bob", pl_wall_ms() / 1000, token);
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", token);
	for (unsigned long n = 1; n < 60; n++) {
		struct heard h;
		heard_init(&h);
		assert_int_equal(pl_buf_reserve(&h.text, 1 << 20), 0);
		int fd = call(s->rig, 0);
		send_request(fd, "GET", s->path, headers);
		pl_mem_fail_at(n, false);
		hear_on(s->rig, 0, fd, false, &h);
		pl_mem_fail_at(0, false);
		assert_true(h.is_closed || h.head.status == 200 || h.head.status >= 401);
		if (!h.is_closed && h.head.status == 200)
			assert_memory_equal(h.body.at, s->bytes, SIZE);
		pl_buf_fini(&h.text);
		close(fd);
		pl_loop_turn(s->post->loop, 1);
	}
	assert_int_equal(status_of(s, "bob"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_an_attachment),
		TEST(who_does_not_see_the_message_does_not_get_it),
		TEST(the_token_comes_in_three_ways),
		TEST(a_part_is_a_part),
		TEST(what_is_known_is_not_sent_again),
		TEST(who_leaves_leaves_nothing),
		TEST(a_file_that_cannot_be_read_breaks_the_connection),
		TEST(without_memory_it_fails_and_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
