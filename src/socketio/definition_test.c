/* Proves that what a program defines is checked, completed and copied: namespaces, options, bare
 * engines, also by callers that know an older or a newer header. */
#include "socketio/testing.h"

static struct pl_sio *sio;
static const char *why;

static int setup(void **state)
{
	(void)state;
	why = NULL;
	return pl_sio_new(NULL, NULL, &sio);
}

static int teardown(void **state)
{
	(void)state;
	pl_sio_free(sio);
	return 0;
}

static int add(const struct parley_namespace *n)
{
	why = NULL;
	return pl_sio_add_namespace(sio, n, sizeof(*n), &why);
}

static int set(const struct parley_socketio *o)
{
	why = NULL;
	return pl_sio_set_options(sio, o, sizeof(*o), &why);
}

static int add_engine(const struct parley_engineio *e)
{
	why = NULL;
	return pl_sio_add_engine(sio, e, sizeof(*e), &why);
}

static int nothing(parley_socket *k, const parley_packet *p)
{
	(void)k;
	(void)p;
	return 0;
}

static void the_defaults_are_filled_in(void **state)
{
	(void)state;
	assert_int_equal(pl_sio_count(sio), 0);
	assert_int_equal(add(&(struct parley_namespace){.name = "/"}), 0);
	assert_int_equal(pl_sio_count(sio), 2); /* and a server for it */
	const struct parley_namespace *n = &sio->defs[0]->nsp;
	assert_int_equal(n->authorize_ms, 30000);
	assert_int_equal(n->max_rooms, 1000000);
	assert_int_equal(n->max_rooms_each, 1000);
	assert_int_equal(n->recovery_ms, 0);
	assert_int_equal(n->recovery_events, 10000);
	const struct pl_sio_path *p = sio->path;
	assert_true(pl_slice_eq(p->path, PL_S("/socket.io/")));
	assert_int_equal(p->eio.ping_interval_ms, 25000);
	assert_int_equal(p->eio.ping_timeout_ms, 20000);
	assert_int_equal(p->eio.upgrade_timeout_ms, 10000);
	assert_int_equal(p->eio.max_payload, 1000000);
	assert_int_equal(p->eio.out_hard, 4 << 20);
	assert_false(p->eio.compress);
	assert_int_equal(p->eio.norigins, 0);
	assert_int_equal(p->server.connect_timeout_ms, 10000);
	assert_int_equal(p->server.max_attachments, 10);
	assert_int_equal(add_engine(&(struct parley_engineio){.path = NULL}), 0);
	assert_true(pl_slice_eq(sio->engines[0]->path, PL_S("/engine.io/")));
	assert_int_equal(sio->engines[0]->eio.ping_interval_ms, 25000);
}

static void everything_is_copied(void **state)
{
	char name[] = "/orders", event[] = "new", path[] = "/chat/io",
	     origin[] = "https://a.example", dir[] = "/nowhere";
	const char *origins[] = {origin, "*", NULL};
	struct parley_on on[] = {{event, nothing}, {NULL, NULL}};
	(void)state;
	assert_int_equal(set(&(struct parley_socketio){.path = path,
						       .origins = origins,
						       .client_dir = dir,
						       .compress = true,
						       .no_polling = true,
						       .max_payload = 5000,
						       .max_backlog = 40000}),
			 0);
	assert_int_equal(add(&(struct parley_namespace){.name = name, .events = on}), 0);
	memset(name, 'x', 3);
	memset(event, 'x', 3);
	memset(path, 'x', 3);
	memset(origin, 'x', 3);
	memset(dir, 'x', 3);
	memset(on, 0, sizeof(on));
	origins[0] = NULL;
	const struct pl_sio_path *p = sio->path;
	assert_true(pl_slice_eq(p->path, PL_S("/chat/io/")));
	assert_int_equal(p->eio.norigins, 2);
	assert_true(pl_slice_eq(p->eio.origins[0], PL_S("https://a.example")));
	assert_true(pl_slice_eq(p->eio.origins[1], PL_S("*")));
	assert_string_equal(p->server.client_dir, "/nowhere");
	assert_true(p->eio.compress && p->eio.no_polling);
	assert_int_equal(p->eio.max_payload, 5000);
	assert_int_equal(p->eio.out_hard, 40000);
	assert_int_equal(p->eio.out_soft, 10000);
	const struct pl_sio_def *d = sio->defs[0];
	assert_true(pl_slice_eq(d->name, PL_S("/orders")));
	assert_ptr_equal(pl_sio_event(d, PL_S("new"))->handle, nothing);
	assert_null(pl_sio_event(d, PL_S("xxx")));
	assert_null(pl_sio_event(d, PL_S("")));
}

static void many_events_are_found(void **state)
{
	static char names[3000][8];
	static struct parley_on on[3001];
	(void)state;
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "e%d", i);
		on[i] = (struct parley_on){names[i], nothing};
	}
	assert_int_equal(add(&(struct parley_namespace){.name = "/", .events = on}), 0);
	for (int i = 0; i < 3000; i++) {
		const struct parley_on *found = pl_sio_event(sio->defs[0], pl_slice_str(names[i]));
		assert_non_null(found);
		assert_string_equal(found->event, names[i]);
	}
	assert_null(pl_sio_event(sio->defs[0], PL_S("e3000")));
}

static void bad_namespaces_are_refused(void **state)
{
	static char long_name[PL_SIO_NAMESPACE_MAX + 2] = "/";
	memset(long_name + 1, 'x', PL_SIO_NAMESPACE_MAX);
	static const struct parley_on no_function[] = {{"x", NULL}, {NULL, NULL}};
	static const struct parley_on reserved[] = {{"disconnecting", nothing}, {NULL, NULL}};
	static const struct parley_on twice[] = {{"x", nothing}, {"x", nothing}, {NULL, NULL}};
	const struct parley_namespace bad[] = {
		{.name = NULL},
		{.name = ""},
		{.name = "orders"},
		{.name = "/a,b"},
		{.name = long_name},
		{.name = "/t-{id}"},
		{.name = "/**x"},
		{.name = "/", .events = no_function},
		{.name = "/", .events = reserved},
		{.name = "/", .events = twice},
		{.name = "/", .max_rooms_each = 4096},
		{.name = "/", .max_rooms = (1 << 26) + 1},
		{.name = "/", .authorize_ms = 604800001},
		{.name = "/", .recovery_ms = 604800001},
		{.name = "/", .recovery_events = (1 << 24) + 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(add(&bad[i]), PL_EINVAL);
		assert_non_null(why);
	}
	assert_int_equal(sio->ndefs, 0);
	assert_int_equal(add(&(struct parley_namespace){.name = "/"}), 0);
	assert_int_equal(add(&(struct parley_namespace){.name = "/"}), PL_EINVAL);
	assert_int_equal(add(&(struct parley_namespace){.name = "/t/*"}), 0);
	assert_true(sio->defs[1]->is_pattern);
	for (int i = 2; i < NAMESPACES_MAX; i++) {
		char name[8];
		(void)snprintf(name, sizeof(name), "/%d", i);
		assert_int_equal(add(&(struct parley_namespace){.name = name}), 0);
	}
	assert_int_equal(add(&(struct parley_namespace){.name = "/more"}), PL_EINVAL);
}

static void bad_options_are_refused(void **state)
{
	static char long_path[200] = "/";
	memset(long_path + 1, 'x', 198);
	const struct parley_socketio bad[] = {
		{.path = ""},
		{.path = "socket.io"},
		{.path = "/"},
		{.path = "/a b/"},
		{.path = "/a?b/"},
		{.path = long_path},
		{.max_attachments = 65},
		{.max_payload = (1 << 30) + 1},
		{.max_backlog = (1 << 30) + 1},
		{.ping_interval_ms = 604800001},
		{.ping_timeout_ms = 604800001},
		{.upgrade_timeout_ms = 604800001},
		{.connect_timeout_ms = 604800001},
		{.no_polling = true, .no_websocket = true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(set(&bad[i]), PL_EINVAL);
		assert_non_null(why);
	}
	static const char *many[300];
	for (size_t i = 0; i < 299; i++)
		many[i] = "https://a.example";
	assert_int_equal(set(&(struct parley_socketio){.origins = many}), PL_EINVAL);
	assert_int_equal(set(&(struct parley_socketio){.path = "/x/"}), 0);
	/* Once, and each path once. */
	assert_int_equal(set(&(struct parley_socketio){.path = "/y/"}), PL_EEXISTS);
	assert_int_equal(add_engine(&(struct parley_engineio){.path = "/x"}), PL_EINVAL);
	assert_int_equal(add_engine(&(struct parley_engineio){.path = "/y"}), 0);
	assert_int_equal(add_engine(&(struct parley_engineio){.path = "/y/"}), PL_EINVAL);
	assert_int_equal(
		add_engine(&(struct parley_engineio){.path = "/z", .max_payload = 1u << 31}),
		PL_EINVAL);
	for (int i = 1; i < ENGINES_MAX; i++) {
		char path[8];
		(void)snprintf(path, sizeof(path), "/e%d", i);
		assert_int_equal(add_engine(&(struct parley_engineio){.path = path}), 0);
	}
	assert_int_equal(add_engine(&(struct parley_engineio){.path = "/more"}), PL_EINVAL);
}

/* A caller with another header: what it does not know is zero; what we do not know must be. */
static void structs_may_grow(void **state)
{
	struct {
		struct parley_namespace n;
		int later;
	} newer = {.n = {.name = "/newer"}};
	(void)state;
	assert_int_equal(pl_sio_add_namespace(sio, &newer.n, sizeof(newer), &why), 0);
	newer.later = 1;
	newer.n.name = "/newest";
	assert_int_equal(pl_sio_add_namespace(sio, &newer.n, sizeof(newer), &why), PL_EINVAL);
	struct parley_namespace older = {.name = "/older", .recovery_ms = 5};
	assert_int_equal(pl_sio_add_namespace(sio, &older, sizeof(older.name), &why), 0);
	assert_int_equal(sio->defs[1]->nsp.recovery_ms, 0);
	assert_int_equal(pl_sio_add_namespace(sio, &older, 1, &why), PL_EINVAL);
	assert_int_equal(pl_sio_add_namespace(sio, NULL, sizeof(older), &why), PL_EINVAL);
	assert_int_equal(pl_sio_set_options(sio, NULL, 8, &why), PL_EEXISTS);
	assert_int_equal(pl_sio_add_engine(sio, NULL, 8, &why), PL_EINVAL);
}

static void not_when_there_is_a_site(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &(struct parley_namespace){.name = "/"}, 1);
	assert_int_equal(pl_sio_add_namespace(s.sio, &(struct parley_namespace){.name = "/x"},
					      sizeof(struct parley_namespace), &why),
			 PL_ESTATE);
	assert_int_equal(
		pl_sio_add_house(s.sio, &(struct pl_sio_house){.nsp = {.name = "/x"}}, &why),
		PL_ESTATE);
	assert_int_equal(pl_sio_add_engine(s.sio, &(struct parley_engineio){.path = "/x"},
					   sizeof(struct parley_engineio), &why),
			 PL_ESTATE);
	assert_int_equal(pl_sio_set_options(s.sio, &(struct parley_socketio){.path = "/x"},
					    sizeof(struct parley_socketio), &why),
			 PL_ESTATE);
	sio_end(&s);
}

static void no_memory(void **state)
{
	static const struct parley_on on[] = {{"x", nothing}, {NULL, NULL}};
	(void)state;
	for (unsigned long n = 1; n <= 2; n++) {
		pl_mem_fail_at(n, false);
		assert_int_equal(add(&(struct parley_namespace){.name = "/", .events = on}),
				 PL_ENOMEM);
		pl_mem_fail_at(0, false);
	}
	pl_mem_fail_at(1, false);
	assert_int_equal(add_engine(&(struct parley_engineio){.path = "/x"}), PL_ENOMEM);
	pl_mem_fail_at(1, false);
	struct pl_sio *none;
	assert_int_equal(pl_sio_new(NULL, NULL, &none), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	assert_int_equal(add(&(struct parley_namespace){.name = "/", .events = on}), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_defaults_are_filled_in),
		TEST(everything_is_copied),
		TEST(many_events_are_found),
		TEST(bad_namespaces_are_refused),
		TEST(bad_options_are_refused),
		TEST(structs_may_grow),
		cmocka_unit_test(not_when_there_is_a_site),
		TEST(no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
