/* upload_test.h - for the tests of uploads: two workers' sets of them over a store and files, calls
 * of the system that are written down and fail when they are told to, and short ways to ask. */
#ifndef PL_DIALECT_UPLOAD_TEST_H
#define PL_DIALECT_UPLOAD_TEST_H

#include "dialect/testing.h"

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

static inline void note(char what)
{
	size_t i = atomic_fetch_add(&disk.n, 1);
	if (i < sizeof(disk.calls) - 1)
		disk.calls[i] = what;
}

static inline void watch(char what, int in, int with)
{
	memset(disk.calls, 0, sizeof(disk.calls));
	disk.n = 0;
	disk.fail_what = what;
	disk.fail_in = in;
	disk.fail_with = with;
}

static inline bool must_fail(char what)
{
	note(what);
	if (what != disk.fail_what || atomic_fetch_sub(&disk.fail_in, 1) != 1)
		return false;
	errno = disk.fail_with;
	return true;
}

static inline int on_open(int dir, const char *name, int flags)
{
	disk.dir = dir;
	return pl_files_system.open(dir, name, flags);
}

static inline ssize_t on_pwrite(int fd, const void *at, size_t n, off_t to)
{
	return must_fail('w') ? -1 : pl_files_system.pwrite(fd, at, n, to);
}

static inline int on_sync(int fd)
{
	return must_fail(fd == disk.dir ? 'S' : 's') ? -1 : pl_files_system.sync(fd);
}

static inline int on_rename(int dir, const char *from, const char *to)
{
	return must_fail('m') ? -1 : pl_files_system.rename(dir, from, to);
}

static inline int on_unlink(int dir, const char *name)
{
	note('u');
	return pl_files_system.unlink(dir, name);
}

static inline ssize_t sys_pread(int fd, void *at, size_t n, off_t from)
{
	return pl_files_system.pread(fd, at, n, from);
}

static inline int sys_truncate(int fd, off_t n)
{
	return pl_files_system.truncate(fd, n);
}

static inline int sys_room(int dir, uint64_t *bytes)
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
	char dir[64];
	struct pl_files *files;
	struct pl_uploads *uploads, *others; /* as of two workers */
	struct pl_upload_options options;
	struct pl_uuid alice, bob, carol;
	struct pl_upload_answer heard[ANSWERS];
	size_t nheard;
	int owed;
};

static inline void on_answer(void *owner, const struct pl_upload_answer *a)
{
	struct stage *s = owner;
	note('*');
	assert_true(s->nheard < ANSWERS);
	s->heard[s->nheard++] = *a;
	s->owed--;
}

static inline void wait_for_answers(struct stage *s)
{
	for (uint64_t end = pl_now_ms() + WAIT_MS; s->owed && pl_now_ms() < end;)
		pl_loop_turn(s->rig->loop, 1);
	assert_int_equal(s->owed, 0);
}

static inline void op_came(struct pl_op *op)
{
	*(bool *)op->owner = true;
}

static inline int run_op(struct rig *r, struct pl_op *op)
{
	bool is_done = false;
	op->owner = &is_done;
	pl_hub_submit(&r->hub, op);
	for (uint64_t end = pl_now_ms() + WAIT_MS; !is_done && pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	assert_true(is_done);
	return op->err;
}

static inline struct pl_op *new_op(struct stage *s, enum pl_op_kind kind)
{
	struct pl_op *op = pl_op_new(kind, s->rig->loop, op_came, NULL);
	assert_non_null(op);
	return op;
}

static inline struct pl_uuid user(struct stage *s, const char *name)
{
	struct pl_op *op = new_op(s, PL_OP_SIGN_IN);
	op->sign_in.claims.subject = pl_slice_str(name);
	op->sign_in.provision = true;
	assert_int_equal(run_op(s->rig, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	pl_op_free(op);
	return id;
}

static inline void start_files(struct stage *s)
{
	struct pl_files_options o = {.path = s->dir, .threads = 3, .io = &watched};
	assert_int_equal(pl_files_new(&o, &s->files), 0);
	assert_int_equal(pl_uploads_new(&s->rig->hub, s->files, &s->options, &s->uploads), 0);
	assert_int_equal(pl_uploads_new(&s->rig->hub, s->files, &s->options, &s->others), 0);
}

static inline void stop_files(struct stage *s)
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

static inline int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*state = s;
	s->rig = rig_start();
	s->options = (struct pl_upload_options){.max_size = 1 << 20, .chunk_bytes = CHUNK};
	snprintf(s->dir, sizeof(s->dir), "/tmp/parley-upload-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	start_files(s);
	s->alice = user(s, "alice");
	s->bob = user(s, "bob");
	s->carol = user(s, "carol");
	watch('-', 0, 0);
	return 0;
}

static inline int set_up_on_disk(void **state)
{
	rig_on_disk = true;
	int err = set_up(state);
	rig_on_disk = false;
	return err;
}

static inline int tear_down(void **state)
{
	struct stage *s = *state;
	stop_files(s);
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

static inline size_t files_there(const struct stage *s)
{
	size_t n = 0;
	DIR *d = opendir(s->dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static inline void wait_until_gone(struct stage *s)
{
	for (int i = 0; i < 1000 && files_there(s); i++)
		pl_loop_turn(s->rig->loop, 5);
	assert_int_equal(files_there(s), 0);
}

/* ---- asking ---- */

static inline void ask_of(struct stage *s, struct pl_uploads *set, const struct pl_upload_ask *ask)
{
	struct pl_upload_ask mine = *ask;
	mine.answer = on_answer;
	mine.owner = s;
	if (pl_uuid_is_nil(&mine.user))
		mine.user = s->alice;
	s->owed++;
	pl_uploads_ask(set, &mine);
}

static inline void ask(struct stage *s, const struct pl_upload_ask *a)
{
	ask_of(s, s->uploads, a);
}

/* The only answer. */
static inline struct pl_upload_answer only(struct stage *s)
{
	wait_for_answers(s);
	assert_int_equal(s->nheard, 1);
	s->nheard = 0;
	return s->heard[0];
}

static inline struct pl_upload_answer get(struct stage *s, const struct pl_upload_ask *a)
{
	assert_int_equal(s->nheard, 0);
	ask(s, a);
	return only(s);
}

struct id {
	char text[PL_FILE_ID_TEXT];
};

static inline struct pl_slice text_of(const struct id *id)
{
	return pl_slice(id->text, sizeof(id->text));
}

static inline struct pl_upload_ask beginning(uint64_t size)
{
	return (struct pl_upload_ask){.what = PL_UPLOAD_BEGIN,
				      .to = PL_S("bob"),
				      .name = PL_S("a/picture.PNG"),
				      .type = PL_S("image/PNG; x=y"),
				      .size = size};
}

static inline struct id begin(struct stage *s, uint64_t size)
{
	struct pl_upload_ask b = beginning(size);
	struct pl_upload_answer a = get(s, &b);
	struct id id;
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_true(a.has_offset && !a.offset && a.size == size && a.chunk_bytes == CHUNK);
	pl_file_id_format(&a.id, id.text);
	return id;
}

static inline struct pl_upload_ask piece(const struct id *id, uint64_t offset, struct pl_slice data)
{
	return (struct pl_upload_ask){
		.what = PL_UPLOAD_APPEND, .upload = text_of(id), .offset = offset, .data = data};
}

static inline struct pl_upload_ask about(enum pl_upload_what what, const struct id *id)
{
	return (struct pl_upload_ask){.what = what, .upload = text_of(id)};
}

static inline struct pl_upload_answer put(struct stage *s, const struct id *id, uint64_t offset,
					  const char *text)
{
	struct pl_upload_ask a = piece(id, offset, pl_slice_str(text));
	return get(s, &a);
}

static inline struct pl_upload_answer get_about(struct stage *s, enum pl_upload_what what,
						const struct id *id)
{
	struct pl_upload_ask a = about(what, id);
	return get(s, &a);
}

static inline struct pl_op *history(struct stage *s, const struct pl_uuid *room)
{
	struct pl_op *op = new_op(s, PL_OP_PAGE);
	op->page.user = s->alice;
	op->page.conversation = *room;
	op->page.limit = 100;
	assert_int_equal(run_op(s->rig, op), 0);
	return op;
}

static inline void put_hex(const uint8_t *at, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", at[i]);
}

static inline void sum_of(struct pl_slice s, char out[2 * PL_FILE_SHA256 + 1])
{
	uint8_t sum[PL_FILE_SHA256];
	assert_int_equal(EVP_Digest(s.at, s.len, sum, NULL, EVP_sha256(), NULL), 1);
	put_hex(sum, sizeof(sum), out);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up_on_disk, tear_down)

#endif
