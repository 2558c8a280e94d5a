/*
 * upload_test.c - proves: a file that was sent in pieces is complete with one message, however
 * often that is asked; what does not fit is refused and told where the upload stands; nobody but
 * its owner gets near it; and what may begin, and how much may wait, is limited.
 */
#include "dialect/upload_test.h"

static void a_file_arrives(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 6);
	struct pl_upload_answer a = put(s, &id, 0, "abc");
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_int_equal(a.offset, 3);
	assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_INCOMPLETE);
	assert_int_equal(put(s, &id, 3, "def").offset, 6);
	a = get_about(s, PL_UPLOAD_FINISH, &id);
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_false(pl_uuid_is_nil(&a.message));
	struct pl_op *page = history(s, &a.conversation);
	assert_int_equal(page->page.nmessages, 1);
	const struct pl_message *m = &page->page.messages[0];
	assert_true(pl_uuid_eq(&m->id, &a.message));
	assert_true(pl_slice_is(m->kind, "file"));
	char want[512], sum[2 * PL_FILE_SHA256 + 1];
	snprintf(want, sizeof(want), "picture.PNG /files/%.32s", id.text);
	assert_true(pl_slice_is(m->content, want));
	sum_of(PL_S("abcdef"), sum);
	snprintf(want, sizeof(want),
		 "{\"file\":{\"id\":\"%.32s\",\"url\":\"/files/%.32s\",\"name\":\"picture.PNG\","
		 "\"size\":6,\"type\":\"image/png\",\"sha256\":\"%s\"}}",
		 id.text, id.text, sum);
	assert_true(pl_slice_is(m->metadata, want));
	pl_op_free(page);
	/* Who has not heard the answer asks again. */
	struct pl_upload_answer again = get_about(s, PL_UPLOAD_FINISH, &id);
	assert_int_equal(again.error, PL_UPLOAD_FINE);
	assert_true(pl_uuid_eq(&again.message, &a.message));
	again = get_about(s, PL_UPLOAD_RESUME, &id);
	assert_int_equal(again.offset, 6);
	assert_true(pl_uuid_eq(&again.message, &a.message));
	assert_int_equal(put(s, &id, 6, "g").error, PL_UPLOAD_COMPLETE);
	assert_int_equal(get_about(s, PL_UPLOAD_ABORT, &id).error, PL_UPLOAD_COMPLETE);
	page = history(s, &a.conversation);
	assert_int_equal(page->page.nmessages, 1);
	pl_op_free(page);
	assert_int_equal(files_there(s), 1);
}

static void an_empty_file_arrives_too(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 0);
	assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_FINE);
	assert_int_equal(files_there(s), 1);
}

static void what_does_not_fit_is_told_where_it_stands(void **state)
{
	struct stage *s = *state;
	char big[CHUNK + 1];
	memset(big, 'x', sizeof(big));
	struct id id = begin(s, 5);
	put(s, &id, 0, "abc");
	static const struct {
		uint64_t offset;
		const char *text;
		enum pl_upload_error error;
	} rows[] = {{0, "abc", PL_UPLOAD_OFFSET},    {2, "c", PL_UPLOAD_OFFSET},
		    {4, "e", PL_UPLOAD_OFFSET},      {UINT64_MAX, "e", PL_UPLOAD_OFFSET},
		    {3, "def", PL_UPLOAD_TOO_LARGE}, {3, "", PL_UPLOAD_FINE}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_upload_answer a = put(s, &id, rows[i].offset, rows[i].text);
		assert_int_equal(a.error, rows[i].error);
		assert_true(a.has_offset);
		assert_int_equal(a.offset, 3);
	}
	struct pl_upload_ask a = piece(&id, 3, pl_slice(big, sizeof(big)));
	assert_int_equal(get(s, &a).error, PL_UPLOAD_CHUNK);
	a.data.len--;
	assert_int_equal(get(s, &a).error, PL_UPLOAD_TOO_LARGE); /* of the file */
	assert_int_equal(put(s, &id, 3, "de").error, PL_UPLOAD_FINE);
}

static void base64_and_checksums(void **state)
{
	struct stage *s = *state;
	char sum[2 * PL_FILE_SHA256 + 1];
	struct id id = begin(s, 4096);
	struct pl_upload_ask a = piece(&id, 0, PL_S("YWJj"));
	a.is_base64 = true;
	assert_int_equal(get(s, &a).offset, 3);
	a = piece(&id, 3, PL_S("ZA=="));
	a.is_base64 = true;
	assert_int_equal(get(s, &a).offset, 4);
	static const char *const bad[] = {
		"Z", "=", "==", "Z===", "ZA=", "Z A=", "Z!==", "ZA==ZA=="};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		a.data = pl_slice_str(bad[i]);
		a.offset = 4;
		assert_int_equal(get(s, &a).error, PL_UPLOAD_INVALID);
	}
	/* The largest piece fits in this form as well; one more byte does not. */
	char text[CHUNK * 2];
	size_t n = (CHUNK + 2) / 3 * 4;
	memset(text, 'A', n);
	text[n - 1] = text[n - 2] = '=';
	a.data = pl_slice(text, n);
	assert_int_equal(get(s, &a).offset, 4 + CHUNK);
	text[n - 2] = 'A';
	assert_int_equal(get(s, &a).error, PL_UPLOAD_CHUNK);
	a = piece(&id, 4 + CHUNK, PL_S("123456789"));
	a.crc32 = PL_S("cbf43927");
	assert_int_equal(get(s, &a).error, PL_UPLOAD_CHECKSUM);
	a.crc32 = PL_S("cbf4392");
	assert_int_equal(get(s, &a).error, PL_UPLOAD_INVALID);
	a.crc32 = PL_S("CBF43926");
	assert_int_equal(get(s, &a).error, PL_UPLOAD_FINE);
	a = piece(&id, 4 + CHUNK + 9, PL_S("xyz"));
	sum_of(PL_S("xyz"), sum);
	a.sha256 = pl_slice_str(sum);
	assert_int_equal(get(s, &a).error, PL_UPLOAD_FINE);
	a.offset += 3;
	a.data = PL_S("xyz!");
	struct pl_upload_answer answer = get(s, &a);
	assert_int_equal(answer.error, PL_UPLOAD_CHECKSUM);
	assert_int_equal(answer.offset, 4 + CHUNK + 12);
}

static void a_whole_with_another_checksum_is_given_up(void **state)
{
	struct stage *s = *state;
	char sum[2 * PL_FILE_SHA256 + 1];
	sum_of(PL_S("abd"), sum);
	for (int announced = 0; announced < 2; announced++) {
		struct pl_upload_ask b = beginning(3);
		b.sha256 = announced ? pl_slice_str(sum) : b.sha256;
		struct id id;
		struct pl_upload_answer a = get(s, &b);
		pl_file_id_format(&a.id, id.text);
		put(s, &id, 0, "abc");
		struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id);
		f.sha256 = announced ? f.sha256 : pl_slice_str(sum);
		assert_int_equal(get(s, &f).error, PL_UPLOAD_MISMATCH);
		assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_UNKNOWN);
		wait_until_gone(s);
	}
	struct pl_upload_ask b = beginning(3);
	b.sha256 = PL_S("00");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_INVALID);
	b.sha256 = pl_slice_str(sum);
	struct pl_upload_answer a = get(s, &b);
	struct id id;
	pl_file_id_format(&a.id, id.text);
	put(s, &id, 0, "abd");
	struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id);
	char other[2 * PL_FILE_SHA256 + 1];
	sum_of(PL_S("abe"), other);
	f.sha256 = pl_slice_str(other); /* two sums: a mistake, but the file is fine */
	assert_int_equal(get(s, &f).error, PL_UPLOAD_INVALID);
	f.sha256 = pl_slice_str(sum);
	assert_int_equal(get(s, &f).error, PL_UPLOAD_FINE);
}

static void nobody_else_gets_near_it(void **state)
{
	static const enum pl_upload_what all[] = {PL_UPLOAD_APPEND, PL_UPLOAD_RESUME,
						  PL_UPLOAD_FINISH, PL_UPLOAD_ABORT};
	struct stage *s = *state;
	struct id id = begin(s, 3);
	put(s, &id, 0, "abc");
	for (int round = 0; round < 2; round++) { /* also when it is complete */
		for (size_t i = 0; i < 4; i++) {
			struct pl_upload_ask a = about(all[i], &id);
			a.user = s->bob;
			struct pl_upload_answer answer = get(s, &a);
			assert_int_equal(answer.error, PL_UPLOAD_UNKNOWN);
			assert_false(answer.has_offset);
		}
		assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_FINE);
	}
	static const char *const wrong[] = {"", "x", "00000000000000000000000000000000",
					    "../../etc/passwd"};
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++) {
			struct pl_upload_ask a = {.what = all[i], .upload = pl_slice_str(wrong[k])};
			assert_int_equal(get(s, &a).error, PL_UPLOAD_UNKNOWN);
		}
}

static void who_may_begin(void **state)
{
	struct stage *s = *state;
	struct pl_upload_ask b = beginning(1);
	b.to = PL_S("mallory");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_NOBODY);
	b.to = PL_S("alice");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_INVALID);
	b.room = PL_S("nowhere");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_INVALID); /* both */
	b.to = PL_S("");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_DENIED);
	b.room = PL_S("");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_INVALID);
	b = beginning((1 << 20) + 1);
	assert_int_equal(get(s, &b).error, PL_UPLOAD_TOO_LARGE);
	b.size = UINT64_MAX;
	assert_int_equal(get(s, &b).error, PL_UPLOAD_TOO_LARGE);
	b = beginning(1);
	b.name = PL_S("\xff");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_INVALID);
	struct pl_slice types[] = {PL_S("text/plain"), PL_S("video/*")};
	struct pl_upload_options o = s->options;
	o.types = types;
	o.ntypes = 2;
	o.quota = 10000;
	pl_uploads_set_options(s->uploads, &o);
	b = beginning(1);
	assert_int_equal(get(s, &b).error, PL_UPLOAD_TYPE);
	b.type = PL_S("Text/Plain; charset=x");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_FINE);
	b.type = PL_S("video/mp4");
	assert_int_equal(get(s, &b).error, PL_UPLOAD_FINE);
	assert_int_equal(get(s, &b).error, PL_UPLOAD_QUOTA);
	o.quota = 0;
	o.unfinished_max = 2;
	assert_int_equal(get(s, &b).error, PL_UPLOAD_MANY);
	o.max_size = 0;
	assert_int_equal(get(s, &b).error, PL_UPLOAD_OFF);
	pl_uploads_set_options(s->uploads, &s->options);
	ask_of(s, NULL, &b);
	assert_int_equal(only(s).error, PL_UPLOAD_OFF);
}

static void who_may_not_write_any_more_does_not_complete(void **state)
{
	struct stage *s = *state;
	struct pl_op *op = new_op(s, PL_OP_OPEN_ROOM);
	op->open_room.user = s->alice;
	op->open_room.name = PL_S("club");
	op->open_room.create = op->open_room.remember = true;
	assert_int_equal(run_op(s->rig, op), 0);
	struct pl_op *group = new_op(s, PL_OP_CREATE);
	group->create.creator = s->bob;
	group->create.type = PL_GROUP;
	group->create.name = PL_S("g");
	struct pl_slice members[] = {PL_S("alice")};
	group->create.members = members;
	group->create.nmembers = 1;
	assert_int_equal(run_op(s->rig, group), 0);
	char room[PL_UUID_TEXT];
	pl_uuid_format(&group->create.made.id, room);
	struct pl_upload_ask b = beginning(3);
	b.to = (struct pl_slice){NULL, 0};
	b.room = pl_slice(room, sizeof(room));
	struct pl_upload_answer a = get(s, &b);
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	struct id id;
	pl_file_id_format(&a.id, id.text);
	put(s, &id, 0, "abc");
	struct pl_op *leave = new_op(s, PL_OP_LEAVE);
	leave->leave.user = s->alice;
	leave->leave.room = b.room;
	assert_int_equal(run_op(s->rig, leave), 0);
	assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_DENIED);
	assert_int_equal(get_about(s, PL_UPLOAD_ABORT, &id).error, PL_UPLOAD_FINE);
	wait_until_gone(s);
	pl_op_free(op);
	pl_op_free(group);
	pl_op_free(leave);
}

static void an_abort_leaves_nothing(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	struct pl_upload_ask a = about(PL_UPLOAD_ABORT, &id), p = piece(&id, 3, PL_S("def"));
	ask(s, &a);
	ask(s, &p);
	wait_for_answers(s);
	assert_int_equal(s->heard[0].error, PL_UPLOAD_FINE);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_UNKNOWN);
	s->nheard = 0;
	wait_until_gone(s);
	assert_int_equal(get_about(s, PL_UPLOAD_ABORT, &id).error, PL_UPLOAD_UNKNOWN);
}

static void what_waits_is_bounded(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 1 << 20);
	char data[CHUNK];
	memset(data, 'x', sizeof(data));
	for (uint64_t i = 0; i < 100; i++) {
		struct pl_upload_ask p = piece(&id, i * CHUNK, pl_slice(data, CHUNK));
		ask(s, &p);
	}
	wait_for_answers(s);
	size_t done = 0, busy = 0;
	for (size_t i = 0; i < s->nheard; i++) {
		done += s->heard[i].error == PL_UPLOAD_FINE;
		busy += s->heard[i].error == PL_UPLOAD_BUSY && s->heard[i].retry_ms;
	}
	assert_int_equal(done, 64);
	assert_int_equal(busy, 36);
	s->nheard = 0;
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).offset, 64 * CHUNK);
}

static void begins_are_limited(void **state)
{
	struct stage *s = *state;
	struct pl_limits *before = s->rig->hub.limits;
	struct pl_limits few;
	struct pl_rate rates[PL_LIMIT__COUNT] = {[PL_LIMIT_UPLOADS] = {1, 2}};
	assert_int_equal(pl_limits_init(&few, rates), 0);
	s->rig->hub.limits = &few;
	struct pl_upload_ask b = beginning(1);
	assert_int_equal(get(s, &b).error, PL_UPLOAD_FINE);
	assert_int_equal(get(s, &b).error, PL_UPLOAD_FINE);
	struct pl_upload_answer a = get(s, &b);
	assert_int_equal(a.error, PL_UPLOAD_RATE);
	assert_true(a.retry_ms > 1000);
	s->rig->hub.limits = before;
	pl_limits_fini(&few);
}

static void expect_json(const struct pl_upload_answer *a, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	pl_upload_put_answer(&b, a);
	pl_buf_putc(&b, '\0');
	assert_int_equal(b.err, 0);
	assert_string_equal(b.at, want);
	pl_buf_fini(&b);
}

static void answers_in_json(void **state)
{
	(void)state;
	struct pl_uuid id, message;
	assert_int_equal(pl_file_id_parse(PL_S("000102030405060708090a0b0c0d0e0f"), &id), 0);
	assert_int_equal(pl_file_id_parse(PL_S("ffeeddccbbaa99887766554433221100"), &message), 0);
	struct pl_upload_answer a = {.what = PL_UPLOAD_BEGIN,
				     .id = id,
				     .has_offset = true,
				     .size = 7,
				     .chunk_bytes = 262144};
	expect_json(&a, "{\"success\":true,\"uploadId\":\"000102030405060708090a0b0c0d0e0f\","
			"\"offset\":0,\"size\":7,\"chunkSize\":262144}");
	a.what = PL_UPLOAD_APPEND;
	a.offset = 5;
	expect_json(&a, "{\"success\":true,\"uploadId\":\"000102030405060708090a0b0c0d0e0f\","
			"\"offset\":5}");
	a.error = PL_UPLOAD_OFFSET;
	expect_json(&a, "{\"error\":\"The upload does not stand at this offset\","
			"\"code\":\"offset\",\"uploadId\":\"000102030405060708090a0b0c0d0e0f\","
			"\"offset\":5}");
	a = (struct pl_upload_answer){.error = PL_UPLOAD_BUSY, .retry_ms = 1000};
	expect_json(&a, "{\"error\":\"The server is busy. Please try again.\",\"code\":\"busy\","
			"\"retryAfterMs\":1000}");
	a = (struct pl_upload_answer){.what = PL_UPLOAD_FINISH,
				      .id = id,
				      .has_offset = true,
				      .offset = 7,
				      .size = 7,
				      .message = message,
				      .name = PL_S("a\"b"),
				      .type = PL_S("text/plain"),
				      .sha256 = {0xab}};
	expect_json(&a, "{\"success\":true,\"uploadId\":\"000102030405060708090a0b0c0d0e0f\","
			"\"offset\":7,\"size\":7,\"complete\":true,"
			"\"fileId\":\"000102030405060708090a0b0c0d0e0f\","
			"\"url\":\"/files/000102030405060708090a0b0c0d0e0f\","
			"\"messageId\":\"ffeeddccbbaa99887766554433221100\","
			"\"name\":\"a\\\"b\",\"type\":\"text/plain\",\"sha256\":\"ab"
			"00000000000000000000000000000000000000000000000000000000000000\"}");
	a = (struct pl_upload_answer){.what = PL_UPLOAD_ABORT, .id = id};
	expect_json(&a, "{\"success\":true,\"uploadId\":\"000102030405060708090a0b0c0d0e0f\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_arrives),
		ON_DISK(a_file_arrives),
		TEST(an_empty_file_arrives_too),
		TEST(what_does_not_fit_is_told_where_it_stands),
		TEST(base64_and_checksums),
		TEST(a_whole_with_another_checksum_is_given_up),
		TEST(nobody_else_gets_near_it),
		TEST(who_may_begin),
		TEST(who_may_not_write_any_more_does_not_complete),
		TEST(an_abort_leaves_nothing),
		TEST(what_waits_is_bounded),
		TEST(begins_are_limited),
		cmocka_unit_test(answers_in_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
