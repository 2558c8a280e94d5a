/*
 * upload_test.c - proves: what is asked about an upload is done and answered in order; an offset is
 * answered only after its bytes were synced and the store has said so, and holds after a crash; a
 * file is complete with one message, however often that is asked and by whichever worker; nobody
 * but its owner gets near it; and whatever fails, no answer is missing and none says too much.
 */
#include "dialect/testing.h"

#include "base/scratch_test.h"
#include "chat/op_test.h"
#include "dialect/upload.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdatomic.h>

enum { CHUNK = 1000, ANSWERS = 256 };

/* What the disk and the answers did, a letter each: w(rite) s(ync) S(ync of the directory) m(ove)
 * u(nlink), and * for an answer. */
static struct {
	char calls[4096];
	atomic_size_t n;
	atomic_int fail_in;
	char fail_what;
	int fail_with;
	int dir;
} disk;

static void note(char what)
{
	size_t i = atomic_fetch_add(&disk.n, 1);
	if (i < sizeof(disk.calls) - 1)
		disk.calls[i] = what;
}

static void watch(char what, int in, int with)
{
	memset(disk.calls, 0, sizeof(disk.calls));
	disk.n = 0;
	disk.fail_what = what;
	disk.fail_in = in;
	disk.fail_with = with;
}

static bool must_fail(char what)
{
	note(what);
	if (what != disk.fail_what || atomic_fetch_sub(&disk.fail_in, 1) != 1)
		return false;
	errno = disk.fail_with;
	return true;
}

static int on_open(int dir, const char *name, int flags)
{
	disk.dir = dir;
	return pl_files_system.open(dir, name, flags);
}

static ssize_t on_pwrite(int fd, const void *at, size_t n, off_t to)
{
	return must_fail('w') ? -1 : pl_files_system.pwrite(fd, at, n, to);
}

static int on_sync(int fd)
{
	return must_fail(fd == disk.dir ? 'S' : 's') ? -1 : pl_files_system.sync(fd);
}

static int on_rename(int dir, const char *from, const char *to)
{
	return must_fail('m') ? -1 : pl_files_system.rename(dir, from, to);
}

static int on_unlink(int dir, const char *name)
{
	note('u');
	return pl_files_system.unlink(dir, name);
}

static ssize_t sys_pread(int fd, void *at, size_t n, off_t from)
{
	return pl_files_system.pread(fd, at, n, from);
}

static int sys_truncate(int fd, off_t n)
{
	return pl_files_system.truncate(fd, n);
}

static int sys_room(int dir, uint64_t *bytes)
{
	return pl_files_system.room(dir, bytes);
}

static const struct pl_files_io watched = {
	.open = on_open,
	.pwrite = on_pwrite,
	.pread = sys_pread,
	.truncate = sys_truncate,
	.sync = on_sync,
	.rename = on_rename,
	.unlink = on_unlink,
	.room = sys_room,
};

/* ---- the stage ---- */

struct stage {
	struct rig *rig;
	char dir[SCRATCH_PATH];
	struct pl_files *files;
	struct pl_uploads *uploads, *others; /* as of two workers */
	struct pl_upload_options options;
	struct pl_uuid alice, bob, carol;
	struct pl_upload_answer heard[ANSWERS];
	size_t nheard;
	int owed;
};

static void on_answer(void *owner, const struct pl_upload_answer *a)
{
	struct stage *s = owner;
	note('*');
	assert_true(s->nheard < ANSWERS);
	s->heard[s->nheard++] = *a;
	s->owed--;
}

static void wait_for_answers(struct stage *s)
{
	for (uint64_t end = pl_now_ms() + WAIT_MS; s->owed && pl_now_ms() < end;)
		pl_loop_turn(s->rig->loop, 1);
	assert_int_equal(s->owed, 0);
}

static void start_files(struct stage *s)
{
	struct pl_files_options o = {.path = s->dir, .threads = 3, .io = &watched};
	assert_int_equal(pl_files_new(&o, &s->files), 0);
	assert_int_equal(pl_uploads_new(&s->rig->hub, s->files, &s->options, &s->uploads), 0);
	assert_int_equal(pl_uploads_new(&s->rig->hub, s->files, &s->options, &s->others), 0);
}

static void stop_files(struct stage *s)
{
	pl_files_stop(s->files);
	for (int i = 0; i < 50; i++)
		pl_loop_turn(s->rig->loop, 1);
	wait_for_answers(s);
	pl_uploads_free(s->uploads);
	pl_uploads_free(s->others);
	pl_files_free(s->files);
	s->files = NULL;
}

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*state = s;
	s->rig = rig_start();
	s->options = (struct pl_upload_options){.max_size = 1 << 20, .chunk_bytes = CHUNK};
	scratch_make(s->dir, "upload");
	start_files(s);
	s->alice = op_enlist(&s->rig->hub, s->rig->loop, "alice");
	s->bob = op_enlist(&s->rig->hub, s->rig->loop, "bob");
	s->carol = op_enlist(&s->rig->hub, s->rig->loop, "carol");
	watch('-', 0, 0);
	return 0;
}

static int set_up_on_disk(void **state)
{
	rig_on_disk = true;
	int err = set_up(state);
	rig_on_disk = false;
	return err;
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	stop_files(s);
	scratch_remove(s->dir);
	rig_end(s->rig);
	free(s);
	return 0;
}

static size_t files_there(const struct stage *s)
{
	size_t n = 0;
	DIR *d = opendir(s->dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void wait_until_gone(struct stage *s)
{
	for (int i = 0; i < 1000 && files_there(s); i++)
		pl_loop_turn(s->rig->loop, 5);
	assert_int_equal(files_there(s), 0);
}

/* ---- asking ---- */

static void ask_of(struct stage *s, struct pl_uploads *set, const struct pl_upload_ask *ask)
{
	struct pl_upload_ask mine = *ask;
	mine.answer = on_answer;
	mine.owner = s;
	if (pl_uuid_is_nil(&mine.user))
		mine.user = s->alice;
	s->owed++;
	pl_uploads_ask(set, &mine);
}

static void ask(struct stage *s, const struct pl_upload_ask *a)
{
	ask_of(s, s->uploads, a);
}

/* The only answer. */
static struct pl_upload_answer only(struct stage *s)
{
	wait_for_answers(s);
	assert_int_equal(s->nheard, 1);
	s->nheard = 0;
	return s->heard[0];
}

static struct pl_upload_answer get(struct stage *s, const struct pl_upload_ask *a)
{
	assert_int_equal(s->nheard, 0);
	ask(s, a);
	return only(s);
}

struct id {
	char text[PL_FILE_ID_TEXT];
};

static struct pl_slice text_of(const struct id *id)
{
	return pl_slice(id->text, sizeof(id->text));
}

static struct pl_upload_ask beginning(uint64_t size)
{
	return (struct pl_upload_ask){.what = PL_UPLOAD_BEGIN,
				      .to = PL_S("bob"),
				      .name = PL_S("a/picture.PNG"),
				      .type = PL_S("image/PNG; x=y"),
				      .size = size};
}

static struct id begin(struct stage *s, uint64_t size)
{
	struct pl_upload_ask b = beginning(size);
	struct pl_upload_answer a = get(s, &b);
	struct id id;
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_true(a.has_offset && !a.offset && a.size == size && a.chunk_bytes == CHUNK);
	pl_file_id_format(&a.id, id.text);
	return id;
}

static struct pl_upload_ask piece(const struct id *id, uint64_t offset, struct pl_slice data)
{
	return (struct pl_upload_ask){
		.what = PL_UPLOAD_APPEND, .upload = text_of(id), .offset = offset, .data = data};
}

static struct pl_upload_ask about(enum pl_upload_what what, const struct id *id)
{
	return (struct pl_upload_ask){.what = what, .upload = text_of(id)};
}

static struct pl_upload_answer put(struct stage *s, const struct id *id, uint64_t offset,
				   const char *text)
{
	struct pl_upload_ask a = piece(id, offset, pl_slice_str(text));
	return get(s, &a);
}

static struct pl_upload_answer get_about(struct stage *s, enum pl_upload_what what,
					 const struct id *id)
{
	struct pl_upload_ask a = about(what, id);
	return get(s, &a);
}

static struct pl_op *history(struct stage *s, const struct pl_uuid *room)
{
	struct pl_op *op = op_new(PL_OP_PAGE);
	op->page.user = s->alice;
	op->page.conversation = *room;
	op->page.limit = 100;
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, op), 0);
	return op;
}

static void put_hex(const uint8_t *at, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", at[i]);
}

static void sum_of(struct pl_slice s, char out[2 * PL_FILE_SHA256 + 1])
{
	uint8_t sum[PL_FILE_SHA256];
	assert_int_equal(EVP_Digest(s.at, s.len, sum, NULL, EVP_sha256(), NULL), 1);
	put_hex(sum, sizeof(sum), out);
}

/* ---- tests ---- */

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

/* All at once, the end too, before the first is answered. */
static void what_is_asked_at_once_is_done_in_order(void **state)
{
	enum { PIECES = 50 };
	struct stage *s = *state;
	struct id id = begin(s, PIECES * 3);
	for (size_t i = 0; i < PIECES; i++) {
		struct pl_upload_ask a = piece(&id, i * 3, PL_S("abc"));
		ask(s, &a);
	}
	struct pl_upload_ask resume = about(PL_UPLOAD_RESUME, &id),
			     finish = about(PL_UPLOAD_FINISH, &id);
	ask(s, &resume);
	ask(s, &finish);
	wait_for_answers(s);
	assert_int_equal(s->nheard, PIECES + 2);
	for (size_t i = 0; i < PIECES; i++) {
		assert_int_equal(s->heard[i].what, PL_UPLOAD_APPEND);
		assert_int_equal(s->heard[i].error, PL_UPLOAD_FINE);
		assert_int_equal(s->heard[i].offset, i * 3 + 3);
	}
	assert_int_equal(s->heard[PIECES].what, PL_UPLOAD_RESUME);
	assert_int_equal(s->heard[PIECES].offset, PIECES * 3);
	assert_int_equal(s->heard[PIECES + 1].error, PL_UPLOAD_FINE);
	s->nheard = 0;
	size_t syncs = 0;
	for (const char *c = disk.calls; *c; c++)
		syncs += *c == 's';
	assert_true(syncs < PIECES / 2); /* what waited together was synced together */
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
	struct pl_op *op = op_new(PL_OP_OPEN_ROOM);
	op->open_room.user = s->alice;
	op->open_room.name = PL_S("club");
	op->open_room.create = op->open_room.remember = true;
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, op), 0);
	struct pl_op *group = op_new(PL_OP_CREATE);
	group->create.creator = s->bob;
	group->create.type = PL_GROUP;
	group->create.name = PL_S("g");
	struct pl_slice members[] = {PL_S("alice")};
	group->create.members = members;
	group->create.nmembers = 1;
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, group), 0);
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
	struct pl_op *leave = op_new(PL_OP_LEAVE);
	leave->leave.user = s->alice;
	leave->leave.room = b.room;
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, leave), 0);
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

/* w(rite), s(ync), and only then * the answer; the same for the name. */
static void no_answer_comes_before_the_disk(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 6);
	watch('-', 0, 0);
	put(s, &id, 0, "abc");
	assert_string_equal(disk.calls, "Sws*");
	watch('-', 0, 0);
	put(s, &id, 3, "def");
	assert_string_equal(disk.calls, "ws*");
	watch('-', 0, 0);
	get_about(s, PL_UPLOAD_RESUME, &id);
	assert_string_equal(disk.calls, "*");
	watch('-', 0, 0);
	get_about(s, PL_UPLOAD_FINISH, &id);
	assert_string_equal(disk.calls, "smS*");
}

/* Nor before the store: its answer is held back. */
static void nor_before_the_store(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 3);
	get_about(s, PL_UPLOAD_RESUME, &id);
	rig_hold(s->rig);
	struct pl_upload_ask p = piece(&id, 0, PL_S("abc")), f = about(PL_UPLOAD_FINISH, &id);
	ask(s, &p);
	rig_wait_held(s->rig, 1);
	for (int i = 0; i < 20; i++)
		pl_loop_turn(s->rig->loop, 1);
	assert_int_equal(s->nheard, 0);
	rig_let_go(s->rig, 0);
	wait_for_answers(s);
	assert_int_equal(s->nheard, 1);
	ask(s, &f);
	rig_wait_held(s->rig, 1);
	assert_int_equal(s->nheard, 1);
	rig_let_go(s->rig, -1);
	wait_for_answers(s);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_FINE);
	s->nheard = 0;
}

/* As after kill -9: the process forgets, the disk does not. */
static void it_goes_on_after_a_restart(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	stop_files(s);
	char name[256];
	snprintf(name, sizeof(name), "%s/%.32s.part", s->dir, id.text);
	int fd = open(name, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "garbage", 7), 7); /* written, but nobody was told */
	close(fd);
	start_files(s);
	struct pl_upload_answer a = get_about(s, PL_UPLOAD_RESUME, &id);
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_int_equal(a.offset, 3);
	assert_int_equal(a.size, 9);
	assert_int_equal(put(s, &id, 3, "defghi").offset, 9);
	stop_files(s);
	start_files(s);
	char sum[2 * PL_FILE_SHA256 + 1];
	sum_of(PL_S("abcdefghi"), sum);
	struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id);
	f.sha256 = pl_slice_str(sum);
	assert_int_equal(get(s, &f).error, PL_UPLOAD_FINE);
}

static void bytes_that_are_gone_are_not_resumed(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	stop_files(s);
	char name[256];
	snprintf(name, sizeof(name), "%s/%.32s.part", s->dir, id.text);
	assert_int_equal(truncate(name, 2), 0);
	start_files(s);
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_LOST);
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_UNKNOWN);
}

/* A client whose old line is not known to be dead yet comes in at another worker. */
static void two_workers_see_one_upload(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 300);
	struct pl_uploads *sets[] = {s->uploads, s->others};
	for (uint64_t i = 0; i < 100; i++) /* both send everything */
		for (size_t k = 0; k < 2; k++) {
			struct pl_upload_ask p = piece(&id, i * 3, PL_S("abc"));
			ask_of(s, sets[k], &p);
			if (i % 20 == 19)
				wait_for_answers(s);
		}
	wait_for_answers(s);
	uint64_t most = 0;
	for (size_t i = 0; i < s->nheard; i++) {
		assert_true(!s->heard[i].error || s->heard[i].error == PL_UPLOAD_OFFSET);
		most = s->heard[i].offset > most ? s->heard[i].offset : most;
	}
	assert_int_equal(most, 300);
	s->nheard = 0;
	struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id), r = about(PL_UPLOAD_RESUME, &id),
			     p = piece(&id, 300, PL_S("")), x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->uploads, &f);
	ask_of(s, s->others, &f);
	wait_for_answers(s);
	assert_int_equal(s->heard[0].error, PL_UPLOAD_FINE);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_FINE);
	assert_true(pl_uuid_eq(&s->heard[0].message, &s->heard[1].message));
	struct pl_op *page = history(s, &s->heard[0].conversation);
	assert_int_equal(page->page.nmessages, 1);
	pl_op_free(page);
	s->nheard = 0;
	/* One completes what the other has open. */
	id = begin(s, 3);
	f = about(PL_UPLOAD_FINISH, &id);
	r = about(PL_UPLOAD_RESUME, &id);
	p = piece(&id, 0, PL_S("abc"));
	x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->others, &r);
	assert_int_equal(only(s).offset, 0);
	get(s, &p);
	get(s, &f);
	ask_of(s, s->others, &p);
	assert_int_equal(only(s).offset, 3);
	ask_of(s, s->others, &x);
	assert_int_equal(only(s).error, PL_UPLOAD_COMPLETE);
	ask_of(s, s->others, &f);
	assert_int_equal(only(s).error, PL_UPLOAD_FINE);
	/* And one aborts it. */
	id = begin(s, 3);
	r = about(PL_UPLOAD_RESUME, &id);
	p = piece(&id, 0, PL_S("abc"));
	x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->others, &r);
	assert_int_equal(only(s).offset, 0);
	get(s, &x);
	ask_of(s, s->others, &p);
	assert_int_equal(only(s).error, PL_UPLOAD_UNKNOWN);
}

static void after_a_failed_sync_it_starts_anew(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	watch('s', 1, EIO);
	struct pl_upload_ask p = piece(&id, 3, PL_S("def")), q = piece(&id, 6, PL_S("ghi"));
	ask(s, &p);
	ask(s, &q);
	wait_for_answers(s);
	assert_int_equal(s->heard[0].error, PL_UPLOAD_LOST);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_LOST);
	s->nheard = 0;
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_UNKNOWN);
	wait_until_gone(s);
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	watch('w', 1, ENOSPC);
	struct pl_upload_answer a = put(s, &id, 3, "def");
	assert_int_equal(a.error, PL_UPLOAD_STORAGE);
	assert_int_equal(a.offset, 3);
	assert_true(a.retry_ms > 0);
	assert_int_equal(put(s, &id, 3, "def").error, PL_UPLOAD_FINE);
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

/* Each allocation fails in turn: each question is answered once, and what was told holds. */
static void without_memory_nobody_waits_for_ever(void **state)
{
	struct stage *s = *state;
	for (unsigned long n = 1; n < 120; n++) {
		struct id id = begin(s, 6);
		pl_mem_fail_at(n, false);
		struct pl_upload_ask p = piece(&id, 0, PL_S("abc")), q = piece(&id, 3, PL_S("def")),
				     f = about(PL_UPLOAD_FINISH, &id);
		ask(s, &p);
		ask(s, &q);
		ask(s, &f);
		wait_for_answers(s);
		pl_mem_fail_at(0, false);
		uint64_t told = 0;
		for (size_t i = 0; i < s->nheard; i++)
			if (!s->heard[i].error && s->heard[i].offset > told)
				told = s->heard[i].offset;
		s->nheard = 0;
		struct pl_upload_answer a = get_about(s, PL_UPLOAD_RESUME, &id);
		assert_int_equal(a.error, PL_UPLOAD_FINE);
		assert_true(a.offset >= told);
		if (pl_uuid_is_nil(&a.message) && a.offset == 6)
			assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_FINE);
	}
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

#define TEST(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up_on_disk, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_arrives),
		ON_DISK(a_file_arrives),
		TEST(an_empty_file_arrives_too),
		TEST(what_is_asked_at_once_is_done_in_order),
		ON_DISK(what_is_asked_at_once_is_done_in_order),
		TEST(what_does_not_fit_is_told_where_it_stands),
		TEST(base64_and_checksums),
		TEST(a_whole_with_another_checksum_is_given_up),
		TEST(nobody_else_gets_near_it),
		TEST(who_may_begin),
		TEST(who_may_not_write_any_more_does_not_complete),
		TEST(an_abort_leaves_nothing),
		TEST(no_answer_comes_before_the_disk),
		TEST(nor_before_the_store),
		TEST(it_goes_on_after_a_restart),
		ON_DISK(it_goes_on_after_a_restart),
		TEST(bytes_that_are_gone_are_not_resumed),
		TEST(two_workers_see_one_upload),
		ON_DISK(two_workers_see_one_upload),
		TEST(after_a_failed_sync_it_starts_anew),
		TEST(a_full_disk_is_told_and_survived),
		TEST(what_waits_is_bounded),
		TEST(begins_are_limited),
		TEST(without_memory_nobody_waits_for_ever),
		ON_DISK(without_memory_nobody_waits_for_ever),
		cmocka_unit_test(answers_in_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
