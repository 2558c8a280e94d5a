/* file_keeper_test.c - proves: what lies in the directory and in the store agree after a start:
 * parts without a row go, everything else stays, complete files whatever the rows say; and
 * unfinished uploads that stand still go from both, however many there are. */
#include "dialect/testing.h"

#include "base/scratch_test.h"
#include "chat/op_test.h"
#include "server/file_keeper.h"

#include <dirent.h>
#include <fcntl.h>

struct stage {
	struct rig *rig;
	char dir[SCRATCH_PATH];
	struct pl_files *files;
	struct pl_file_keeper keeper;
	struct pl_uuid alice;
};

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	*state = s;
	s->rig = rig_start();
	scratch_make(s->dir, "keeper");
	struct pl_files_options o = {.path = s->dir};
	assert_int_equal(pl_files_new(&o, &s->files), 0);
	return 0;
}

static void turn(struct stage *s, int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(s->rig->loop, 2);
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	pl_files_stop(s->files);
	turn(s, 20);
	pl_file_keeper_fini(&s->keeper);
	pl_files_free(s->files);
	scratch_remove(s->dir);
	rig_end(s->rig);
	free(s);
	return 0;
}

static struct pl_uuid begin(struct stage *s)
{
	struct pl_op *op = op_new(PL_OP_FILE_START);
	op->file_start.user = s->alice;
	op->file_start.to = PL_S("bob");
	op->file_start.name = PL_S("n");
	op->file_start.type = PL_S("t/t");
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, op), 0);
	struct pl_uuid id = op->file_start.file.id;
	pl_op_free(op);
	return id;
}

static void complete(struct stage *s, struct pl_uuid id)
{
	struct pl_op *op = op_new(PL_OP_SEND);
	op->send.user = s->alice;
	op->send.kind = PL_S("file");
	op->send.content = PL_S("n");
	op->send.file = id;
	assert_int_equal(op_run(&s->rig->hub, s->rig->loop, op), 0);
	pl_op_free(op);
}

static bool has_row(struct stage *s, struct pl_uuid id)
{
	struct pl_op *op = op_new(PL_OP_FILE_RESUME);
	op->file_resume.user = s->alice;
	op->file_resume.id = id;
	int err = op_run(&s->rig->hub, s->rig->loop, op);
	pl_op_free(op);
	return !err;
}

static void name_of(const struct stage *s, struct pl_uuid id, bool is_partial, char out[160])
{
	char text[PL_FILE_ID_TEXT];
	pl_file_id_format(&id, text);
	snprintf(out, 160, "%s/%.32s%s", s->dir, text, is_partial ? ".part" : "");
}

static void make(const struct stage *s, struct pl_uuid id, bool is_partial)
{
	char name[160];
	name_of(s, id, is_partial, name);
	int fd = open(name, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(const struct stage *s, struct pl_uuid id, bool is_partial)
{
	char name[160];
	name_of(s, id, is_partial, name);
	return !access(name, F_OK);
}

static size_t count(const struct stage *s)
{
	size_t n = 0;
	DIR *d = opendir(s->dir);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void a_sweep_removes_parts_that_are_nobodys(void **state)
{
	enum { STRANGE = 2300 };
	struct stage *s = *state;
	s->alice = op_enlist(&s->rig->hub, s->rig->loop, "alice");
	op_enlist(&s->rig->hub, s->rig->loop, "bob");
	struct pl_uuid unfinished = begin(s), done = begin(s), lost_part = pl_file_id_new(),
		       stranger = pl_file_id_new();
	complete(s, done);
	make(s, unfinished, true);
	make(s, done, false);
	make(s, lost_part, true);
	make(s, stranger, false);
	make(s, stranger, true);
	for (int i = 0; i < STRANGE; i++)
		make(s, pl_file_id_new(), true);
	pl_file_keeper_start(&s->keeper, &s->rig->hub, s->files, 1000000, true);
	for (int i = 0; i < 2000 && (s->keeper.list || count(s) > 3); i++)
		pl_loop_turn(s->rig->loop, 5);
	assert_int_equal(s->keeper.removed, STRANGE + 2);
	assert_int_equal(s->keeper.strangers, 1);
	assert_true(is_there(s, unfinished, true));
	assert_true(is_there(s, done, false));
	assert_true(is_there(s, stranger, false));
	assert_int_equal(count(s), 3);
}

static void what_stands_still_expires(void **state)
{
	enum { MANY = 1200 };
	struct stage *s = *state;
	s->alice = op_enlist(&s->rig->hub, s->rig->loop, "alice");
	op_enlist(&s->rig->hub, s->rig->loop, "bob");
	struct pl_uuid ids[MANY], done = begin(s);
	complete(s, done);
	make(s, done, false);
	for (size_t i = 0; i < MANY; i++) {
		ids[i] = begin(s);
		make(s, ids[i], true);
	}
	pl_file_keeper_start(&s->keeper, &s->rig->hub, s->files, 3600000, false);
	for (uint64_t end = pl_now_ms() + 1200; pl_now_ms() < end;)
		pl_loop_turn(s->rig->loop, 5);
	assert_int_equal(count(s), MANY + 1); /* not yet */
	s->keeper.expiry_ms = 1;
	pl_timer_set(s->rig->loop, &s->keeper.tick, 5);
	for (int i = 0; i < 2000 && count(s) > 1; i++)
		pl_loop_turn(s->rig->loop, 5);
	assert_int_equal(count(s), 1);
	assert_true(is_there(s, done, false));
	assert_true(has_row(s, done));
	assert_false(has_row(s, ids[0]));
	assert_false(has_row(s, ids[MANY - 1]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sweep_removes_parts_that_are_nobodys),
		TEST(what_stands_still_expires),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
