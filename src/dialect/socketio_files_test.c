/*
 * socketio_files_test.c - proves: the events of uploads, with binary values and with base64, are
 * answered in the words of docs/files.md, and others hear of the file; what is malformed is refused
 * and nothing more; who goes away leaves nothing behind; and without memory the line goes on or
 * ends.
 */
#include "dialect/socketio_test.h"

#include "dialect/upload.h"

#include <dirent.h>

struct stage {
	struct rig *rig;
	char dir[64];
	struct pl_files *files;
	struct pl_upload_options options;
	struct client *alice, *bob;
};

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*state = s;
	s->rig = rig_start();
	s->options = (struct pl_upload_options){.max_size = 1 << 20, .chunk_bytes = 65536};
	snprintf(s->dir, sizeof(s->dir), "/tmp/parley-siofiles-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	struct pl_files_options o = {.path = s->dir};
	assert_int_equal(pl_files_new(&o, &s->files), 0);
	assert_int_equal(
		pl_uploads_new(&s->rig->hub, s->files, &s->options, &s->rig->gateway.uploads), 0);
	s->alice = sio_of(s->rig, "alice");
	s->bob = sio_of(s->rig, "bob");
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	struct pl_uploads *uploads = s->rig->gateway.uploads;
	client_free(s->alice);
	client_free(s->bob);
	pl_files_stop(s->files);
	for (int i = 0; i < 50; i++)
		pl_loop_turn(s->rig->loop, 1);
	s->rig->gateway.uploads = NULL;
	pl_uploads_free(uploads);
	pl_files_free(s->files);
	DIR *d = opendir(s->dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(s->dir), 0);
	rig_end(s->rig);
	free(s);
	return 0;
}

static void join_both(struct stage *s)
{
	sio_join(s->alice, "den");
	sio_join(s->bob, "den");
	sio_expect(s->alice, "42[\"user-joined\"");
}

struct id {
	char text[PL_FILE_ID_TEXT + 1];
};

static struct id begin(struct stage *s, const char *more)
{
	char text[512];
	struct id id = {{0}};
	snprintf(text, sizeof(text),
		 "[\"upload-start\",{\"roomId\":\"den\",\"name\":\"n.txt\",\"size\":6,"
		 "\"type\":\"text/plain\"%s}]",
		 more);
	sio_ask(s->alice, text, "[{\"success\":true,\"uploadId\":\"");
	memcpy(id.text, strstr(s->alice->text, "uploadId") + 11, PL_FILE_ID_TEXT);
	assert_non_null(strstr(s->alice->text, "\",\"offset\":0,\"size\":6,\"chunkSize\":65536}]"));
	return id;
}

static void say_about(struct client *c, const char *event, const struct id *id, const char *more)
{
	char text[1024];
	snprintf(text, sizeof(text), "[\"%s\",{\"uploadId\":\"%s\"%s}]", event, id->text, more);
	sio_say(c, text);
}

static void ask_about(struct client *c, const char *event, const struct id *id, const char *more,
		      const char *part)
{
	say_about(c, event, id, more);
	sio_expect_ack(c, "[{");
	if (!strstr(c->text, part))
		fail_msg("%s: no %s in %.600s", event, part, c->text);
}

/* With the bytes in a frame of their own. */
static void put_binary(struct client *c, const struct id *id, unsigned offset, const char *bytes)
{
	char text[512];
	snprintf(text, sizeof(text),
		 "451-%u[\"upload-chunk\",{\"uploadId\":\"%s\",\"offset\":%u,\"data\":"
		 "{\"_placeholder\":true,\"num\":0}}]",
		 ++c->asked, id->text, offset);
	say(c, text);
	client_say_as(c, PL_WS_BINARY, pl_slice_str(bytes));
}

static void a_file_is_sent_and_heard_of(void **state)
{
	struct stage *s = *state;
	char want[512];
	join_both(s);
	struct id id = begin(s, "");
	put_binary(s->alice, &id, 0, "abc");
	sio_expect_ack(s->alice, "[{\"success\":true,\"uploadId\":\"");
	assert_non_null(strstr(s->alice->text, "\"offset\":3}]"));
	ask_about(s->alice, "upload-chunk", &id, ",\"offset\":3,\"data\":\"ZGVm\"",
		  "\"success\":true");
	ask_about(s->alice, "upload-resume", &id, "",
		  "\"offset\":6,\"size\":6,\"chunkSize\":65536}]");
	say_about(s->alice, "upload-complete", &id, "");
	snprintf(want, sizeof(want),
		 "\"content\":\"n.txt /files/%s\",\"type\":\"file\",\"file\":{\"id\":\"%s\","
		 "\"url\":\"/files/%s\",\"name\":\"n.txt\",\"size\":6,\"type\":\"text/plain\","
		 "\"sha256\":\"bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721\"}",
		 id.text, id.text, id.text);
	sio_expect_with(s->alice, "42[\"new-message\"", want); /* before the answer */
	sio_expect_ack(s->alice, "[{\"success\":true");
	assert_non_null(strstr(s->alice->text, "\"complete\":true,\"fileId\":\""));
	sio_expect_with(s->bob, "42[\"new-message\"", want);
	ask_about(s->alice, "upload-complete", &id, "", "\"complete\":true");
	ask_about(s->bob, "upload-resume", &id, "", "\"code\":\"unknown\"");
	sio_expect_silence(s->bob);
}

static void a_file_for_one_is_private(void **state)
{
	struct stage *s = *state;
	sio_ask(s->alice, "[\"upload-start\",{\"targetUserId\":\"bob\",\"name\":\"x\",\"size\":0}]",
		"[{\"success\":true,\"uploadId\":\"");
	struct id id = {{0}};
	memcpy(id.text, strstr(s->alice->text, "uploadId") + 11, PL_FILE_ID_TEXT);
	ask_about(s->alice, "upload-complete", &id, "", "\"success\":true");
	sio_expect_with(s->bob, "42[\"private-message\"", "\"file\":{\"id\":\"");
	sio_expect_silence(s->alice);
}

static void what_is_malformed_is_refused(void **state)
{
	static const char *const bad[] = {
		"[\"upload-start\"]",
		"[\"upload-start\",null]",
		"[\"upload-start\",7]",
		"[\"upload-start\",{}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\"}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"size\":1}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"\",\"size\":1}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":-1}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":1.5}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":\"1\"}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":1e300}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":99999999}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"targetUserId\":\"bob\",\"name\":\"x\","
		"\"size\":1}]",
		"[\"upload-start\",{\"roomId\":\"elsewhere\",\"name\":\"x\",\"size\":1}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":1,\"sha256\":"
		"\"zz\"}]",
		"[\"upload-start\",{\"roomId\":\"den\",\"name\":7,\"size\":1}]",
		"[\"upload-chunk\"]",
		"[\"upload-chunk\",{\"uploadId\":\"x\",\"offset\":0,\"data\":\"\"}]",
		"[\"upload-resume\",{}]",
		"[\"upload-resume\",{\"uploadId\":7}]",
		"[\"upload-complete\",{\"uploadId\":\"00000000000000000000000000000000\"}]",
		"[\"upload-abort\",{\"uploadId\":\"../../../../etc/passwd\"}]",
	};
	struct stage *s = *state;
	join_both(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		sio_ask(s->alice, bad[i], "[{\"error\":\"");
	struct id id = begin(s, "");
	static const char *const pieces[] = {
		"",
		",\"offset\":0",
		",\"data\":\"YQ==\"",
		",\"offset\":0,\"data\":7",
		",\"offset\":0,\"data\":null",
		",\"offset\":0,\"data\":\"*\"",
		",\"offset\":-1,\"data\":\"YQ==\"",
		",\"offset\":1,\"data\":\"YQ==\"",
		",\"offset\":0,\"data\":\"YQ==\",\"crc32\":\"x\"",
		",\"offset\":0,\"data\":\"YWJjZGVmZw==\"",
	};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		ask_about(s->alice, "upload-chunk", &id, pieces[i], "\"error\":\"");
	ask_about(s->alice, "upload-resume", &id, "", "\"offset\":0");
	ask_about(s->alice, "upload-abort", &id, "", "\"success\":true");
	ask_about(s->alice, "upload-resume", &id, "", "\"code\":\"unknown\"");
	/* Who does not want an answer gets none. */
	say(s->alice, "42[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":1}]");
	sio_expect_silence(s->alice);
}

static void without_files_there_are_no_uploads(void **state)
{
	struct stage *s = *state;
	struct pl_uploads *uploads = s->rig->gateway.uploads;
	s->rig->gateway.uploads = NULL;
	sio_ask(s->alice, "[\"upload-start\",{\"targetUserId\":\"bob\",\"name\":\"x\",\"size\":1}]",
		"[{\"error\":\"Uploads are disabled\",\"code\":\"disabled\"}]");
	s->rig->gateway.uploads = uploads;
}

/* Whatever else is heard before it: others, too, finish what they began. */
static void hear_amid_news(struct client *c)
{
	char begin[32];
	snprintf(begin, sizeof(begin), "43%u[{\"success\":true", c->asked);
	do
		sio_hear(c, begin);
	while (strncmp(c->text, begin, strlen(begin)) != 0);
}

static void ask_amid_news(struct client *c, const char *json)
{
	sio_say(c, json);
	hear_amid_news(c);
}

static void who_goes_away_leaves_nothing(void **state)
{
	struct stage *s = *state;
	join_both(s);
	for (int turns = 0; turns < 12; turns++) {
		struct client *c = sio_of(s->rig, "carol");
		ask_amid_news(c, "[\"join-room\",\"den\"]");
		sio_say(c, "[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\",\"size\":3}]");
		if (turns > 3) {
			hear_amid_news(c);
			struct id id = {{0}};
			memcpy(id.text, strstr(c->text, "uploadId") + 11, PL_FILE_ID_TEXT);
			put_binary(c, &id, 0, "abc");
			say_about(c, "upload-complete", &id, "");
		}
		for (int i = 0; i < turns; i++)
			pl_loop_turn(s->rig->loop, i % 2);
		client_free(c);
	}
	for (int i = 0; i < 100; i++)
		pl_loop_turn(s->rig->loop, 1);
}

/* Small pieces are requests as any other; a large one is not. */
static void small_pieces_are_counted(void **state)
{
	struct stage *s = *state;
	struct pl_limits few, *before = s->rig->hub.limits;
	struct pl_rate rates[PL_LIMIT__COUNT] = {[PL_LIMIT_REQUESTS] = {1, 3}};
	char *data = malloc(65536 / 4 * 4), *text = malloc(70000);
	assert_true(data && text);
	join_both(s);
	struct id id = begin(s, "");
	assert_int_equal(pl_limits_init(&few, rates), 0);
	s->rig->hub.limits = &few;
	for (int i = 0; i < 3; i++)
		ask_about(s->alice, "upload-chunk", &id, ",\"offset\":9,\"data\":\"YQ==\"",
			  "\"code\":\"offset\"");
	ask_about(s->alice, "upload-chunk", &id, ",\"offset\":9,\"data\":\"YQ==\"",
		  "\"code\":\"rate\",\"retryAfterMs\":");
	memset(data, 'A', 40000);
	snprintf(text, 70000,
		 "[\"upload-chunk\",{\"uploadId\":\"%s\",\"offset\":9,\"data\":\"%.40000s\"}]",
		 id.text, data);
	sio_ask(s->alice, text, "[{\"error\":\"The upload does not stand at this offset\"");
	s->rig->hub.limits = before;
	pl_limits_fini(&few);
	free(data);
	free(text);
}

static void without_memory_the_line_goes_on_or_ends(void **state)
{
	struct stage *s = *state;
	join_both(s);
	s->rig->may_fail = true;
	for (unsigned long n = 1; n < 90; n++) {
		struct client *c = sio_of(s->rig, "dave");
		ask_amid_news(c, "[\"join-room\",\"den\"]");
		ask_amid_news(c, "[\"upload-start\",{\"roomId\":\"den\",\"name\":\"x\","
				 "\"size\":3}]");
		struct id id = {{0}};
		memcpy(id.text, strstr(c->text, "uploadId") + 11, PL_FILE_ID_TEXT);
		pl_mem_fail_at(n, false);
		put_binary(c, &id, 0, "abc");
		say_about(c, "upload-complete", &id, "");
		bool is_there = true;
		for (int i = 0; i < 8 && is_there; i++)
			is_there = sio_hear_within(c, 20);
		pl_mem_fail_at(0, false);
		client_free(c);
		while (sio_hear_within(s->alice, 5))
			;
		while (sio_hear_within(s->bob, 5))
			;
	}
	s->rig->may_fail = false;
	client_free(s->alice); /* hers may be one of those that ended */
	s->alice = sio_of(s->rig, "alice");
	ask_amid_news(s->alice, "[\"join-room\",\"den\"]");
	ask_amid_news(s->alice, "[\"upload-start\",{\"targetUserId\":\"bob\",\"name\":\"x\","
				"\"size\":3}]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_sent_and_heard_of),
		TEST(a_file_for_one_is_private),
		TEST(what_is_malformed_is_refused),
		TEST(without_files_there_are_no_uploads),
		TEST(who_goes_away_leaves_nothing),
		TEST(small_pieces_are_counted),
		TEST(without_memory_the_line_goes_on_or_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
