/* net_test.c - proves addresses, the gate's counts, and that TLS carries bytes whole and byte by
 * byte. */
#include "base/clock.h"
#include "net/address.h"
#include "net/gate.h"
#include "net/listener.h"
#include "net/testing.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static void addresses_are_numeric(void **state)
{
	(void)state;
	struct pl_address a;
	char text[PL_ADDRESS_TEXT];
	const char *same[] = {"127.0.0.1:8080", "[::1]:443", "unix:/tmp/x.sock", "[::]:1"};
	const char *bad[] = {"",        "8080",    "localhost:80", "127.0.0.1:",  "127.0.0.1:65536",
			     "[::1:80", "1.2.3:4", "unix:",        "127.0.0.1:-1"};
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_int_equal(pl_address_parse(pl_slice_str(same[i]), &a), 0);
		pl_address_format(&a, text);
		assert_string_equal(text, same[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_address_parse(pl_slice_str(bad[i]), &a), PL_EINVAL);
	assert_int_equal(pl_address_parse(PL_S(":9"), &a), 0);
	pl_address_format(&a, text);
	assert_string_equal(text, "[::]:9");
}

static struct pl_ip ip_of(const char *text)
{
	struct pl_address a;
	assert_int_equal(pl_address_parse(pl_slice_str(text), &a), 0);
	return pl_ip_of(&a.at);
}

static void the_gate_counts_sites_and_all(void **state)
{
	(void)state;
	struct pl_gate *g;
	struct pl_ip a = ip_of("10.0.0.1:1"), b = ip_of("10.0.0.2:1"), local = {{0}};
	struct pl_ip six = ip_of("[2001:db8::1]:1"), same_64 = ip_of("[2001:db8::ffff]:1");
	assert_int_equal(pl_gate_new(&(struct pl_gate_options){.total = 4, .per_site = 2}, &g), 0);
	assert_int_equal(pl_gate_enter(g, &a, 0), 0);
	assert_int_equal(pl_gate_enter(g, &a, 0), 0);
	assert_int_equal(pl_gate_enter(g, &a, 0), PL_ELIMIT);
	assert_int_equal(pl_gate_enter(g, &b, 0), 0);
	pl_gate_leave(g, &a);
	pl_gate_leave(g, &a);
	assert_int_equal(pl_gate_enter(g, &six, 0), 0);
	assert_int_equal(pl_gate_enter(g, &same_64, 0), 0);
	assert_int_equal(pl_gate_enter(g, &same_64, 0), PL_ELIMIT);
	assert_int_equal(pl_gate_enter(g, &local, 0), 0);
	assert_int_equal(pl_gate_enter(g, &local, 0), PL_ELIMIT); /* four in all */
	pl_gate_free(g);
}

static void a_stale_unix_socket_is_replaced_a_live_one_is_not(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-net-XXXXXX", text[64];
	struct pl_address a, bound;
	int first, second;
	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	assert_int_equal(pl_address_parse(pl_slice_str(text), &a), 0);
	assert_int_equal(pl_listen(&a, &first, &bound), 0);
	assert_int_equal(pl_listen(&a, &second, &bound), PL_EADDR);
	close(first);
	assert_int_equal(pl_listen(&a, &second, &bound), 0);
	close(second);
	unlink(text + 5);
	rmdir(dir);
}

/* Connecting to a plain file is refused like connecting to a stale socket. */
static void a_file_in_the_place_of_a_unix_socket_is_kept(void **state)
{
	(void)state;
	char file[] = "/tmp/parley-net-XXXXXX", text[64];
	struct pl_address a, bound;
	int fd = mkstemp(file), listening;
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "unix:%s", file);
	assert_int_equal(pl_address_parse(pl_slice_str(text), &a), 0);
	assert_int_equal(pl_listen(&a, &listening, &bound), PL_EADDR);
	assert_int_equal(access(file, F_OK), 0);
	close(fd);
	unlink(file);
}

/* Whatever the umask: whoever got in between the name and its mode would stay in. */
static void a_private_socket_is_its_owners(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-net-XXXXXX", text[64];
	struct pl_address a, bound;
	struct stat st;
	int fd;
	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	assert_int_equal(pl_address_parse(pl_slice_str(text), &a), 0);
	mode_t before = umask(0);
	assert_int_equal(pl_listen_private(&a, &fd, &bound), 0);
	umask(before);
	assert_int_equal(stat(text + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
	unlink(text + 5);
	rmdir(dir);
}

struct door {
	struct pl_listener listener;
	int accepted;
};

static void let_in(struct pl_listener *l, int fd, const struct pl_ip *from)
{
	(void)from;
	PL_CONTAINER(l, struct door, listener)->accepted++;
	close(fd);
}

static rlim_t limit_descriptors(rlim_t n)
{
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	rlim_t before = r.rlim_cur;
	r.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	return before;
}

/* Without descriptors the listener rests instead of spinning, and nobody is lost. */
static void without_descriptors_accepting_rests(void **state)
{
	(void)state;
	enum { CALLERS = 5 };
	struct pl_metrics m = {0};
	struct pl_loop *loop;
	struct pl_address a, bound;
	struct door d = {.listener.on_accept = let_in};
	int fd, callers[CALLERS];
	assert_int_equal(pl_loop_new(&(struct pl_loop_options){.metrics = &m}, &loop), 0);
	assert_int_equal(pl_address_parse(PL_S("127.0.0.1:0"), &a), 0);
	assert_int_equal(pl_listen(&a, &fd, &bound), 0);
	assert_int_equal(pl_listener_start(&d.listener, loop, fd), 0);
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(callers[i], (struct sockaddr *)&bound.at, bound.len), 0);
	}
	rlim_t before = limit_descriptors((rlim_t)callers[CALLERS - 1] + 1);
	int turns = 0;
	for (uint64_t end = pl_now_ms() + 350; pl_now_ms() < end; turns++)
		pl_loop_turn(loop, 400);
	limit_descriptors(before);
	assert_int_equal(d.accepted, 0);
	assert_in_range(m.v[PL_M_ACCEPT_PAUSED], 2, 5);
	assert_in_range(turns, 2, 20);
	for (int i = 0; i < 100 && d.accepted < CALLERS; i++)
		pl_loop_turn(loop, 50);
	assert_int_equal(d.accepted, CALLERS);
	pl_listener_stop(&d.listener);
	pl_listener_stop(&d.listener);
	for (int i = 0; i < CALLERS; i++)
		close(callers[i]);
	close(fd);
	pl_loop_free(loop);
}

static void who_turns_out_to_be_another_moves(void **state)
{
	(void)state;
	struct pl_gate *g;
	struct pl_ip a = ip_of("10.0.0.1:1"), b = ip_of("10.0.0.2:1"), c = ip_of("10.0.0.3:1"),
		     nobody = {{0}};
	assert_int_equal(pl_gate_new(&(struct pl_gate_options){.total = 2, .per_site = 1}, &g), 0);
	assert_int_equal(pl_gate_enter(g, &nobody, 0), 0);
	assert_int_equal(pl_gate_enter(g, &nobody, 0), 0);
	assert_int_equal(pl_gate_move(g, &nobody, &a, 0), 0); /* full, but it is inside already */
	assert_int_equal(pl_gate_move(g, &nobody, &a, 0), PL_ELIMIT);
	assert_int_equal(pl_gate_move(g, &a, &b, 0), 0);
	assert_int_equal(pl_gate_move(g, &nobody, &a, 0), 0);
	assert_int_equal(pl_gate_enter(g, &nobody, 0), PL_ELIMIT);
	/* Both are others now: there is no site left to leave before. */
	assert_int_equal(pl_gate_move(g, &a, &c, 0), 0);
	assert_int_equal(pl_gate_move(g, &c, &a, 0), 0);
	pl_gate_leave(g, &a);
	pl_gate_leave(g, &b);
	assert_int_equal(pl_gate_enter(g, &a, 0), 0);
	assert_int_equal(pl_gate_enter(g, &a, 0), PL_ELIMIT);
	assert_int_equal(pl_gate_enter(g, &b, 0), 0);
	pl_gate_free(g);
}

/* ---- TLS ---- */

struct peer {
	struct pl_tls *tls;
	struct pl_buf out, got;
	ssize_t last;
};

/* Gives what `from` said to `to`, `step` bytes at a time. */
static void carry(struct peer *from, struct peer *to, size_t step)
{
	char plain[4096];
	struct pl_buf moving = from->out;
	pl_buf_init(&from->out, 1 << 20);
	for (size_t at = 0; at < moving.len; at += step) {
		struct pl_slice in =
			pl_slice(moving.at + at, step < moving.len - at ? step : moving.len - at);
		while ((to->last = pl_tls_read(to->tls, &in, plain, sizeof(plain), &to->out)) > 0)
			pl_buf_put(&to->got, plain, (size_t)to->last);
		assert_int_equal(to->last ? 0 : in.len, 0);
	}
	pl_buf_fini(&moving);
}

static void converse(struct pl_tls_context *sc, struct pl_tls_context *cc, size_t step)
{
	struct peer s = {0}, c = {0};
	char big[50000];
	memset(big, 'x', sizeof(big));
	pl_buf_init(&s.out, 1 << 20);
	pl_buf_init(&c.out, 1 << 20);
	pl_buf_init(&s.got, 1 << 20);
	pl_buf_init(&c.got, 1 << 20);
	assert_int_equal(pl_tls_new(sc, NULL, &s.tls), 0);
	assert_int_equal(pl_tls_new(cc, "localhost", &c.tls), 0);
	assert_int_equal(pl_tls_write(s.tls, PL_S("early"), &s.out), PL_ESTATE);
	assert_int_equal(pl_tls_start(c.tls, &c.out), 0);
	for (int i = 0; i < 4; i++) {
		carry(&c, &s, step);
		carry(&s, &c, step);
	}
	assert_true(pl_tls_is_ready(s.tls) && pl_tls_is_ready(c.tls));
	assert_int_equal(pl_tls_write(c.tls, PL_S("hello"), &c.out), 0);
	assert_int_equal(pl_tls_write(s.tls, pl_slice(big, sizeof(big)), &s.out), 0);
	carry(&c, &s, step);
	carry(&s, &c, step);
	assert_true(pl_slice_is(pl_buf_slice(&s.got), "hello"));
	assert_true(pl_slice_eq(pl_buf_slice(&c.got), pl_slice(big, sizeof(big))));
	pl_tls_shutdown(c.tls, &c.out);
	carry(&c, &s, step);
	assert_int_equal(s.last, PL_ECLOSED);
	pl_tls_free(s.tls);
	pl_tls_free(c.tls);
	pl_buf_fini(&s.out);
	pl_buf_fini(&c.out);
	pl_buf_fini(&s.got);
	pl_buf_fini(&c.got);
}

static void tls_carries_bytes_in_any_portions(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-tls-XXXXXX", cert[64], key[64];
	struct pl_tls_context *sc, *cc, *bad;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	certificate_write(cert, key, 86400L * 10 + 60);
	assert_int_equal(pl_tls_context_new(cert, key, &why, &sc), 0);
	assert_int_equal(pl_tls_context_days_left(sc), 10);
	assert_int_equal(pl_tls_context_client(true, &cc), 0);
	converse(sc, cc, 65536);
	converse(sc, cc, 1);
	converse(sc, cc, 1000);
	assert_int_equal(pl_tls_context_new(key, cert, &why, &bad), PL_ETLS);
	assert_true(why.len > 10);
	struct peer s = {0};
	char plain[64];
	struct pl_slice garbage = PL_S("GET / HTTP/1.1\r\n\r\n");
	pl_buf_init(&s.out, 1 << 16);
	assert_int_equal(pl_tls_new(sc, NULL, &s.tls), 0);
	assert_int_equal(pl_tls_read(s.tls, &garbage, plain, sizeof(plain), &s.out), PL_EPROTO);
	pl_tls_free(s.tls);
	pl_buf_fini(&s.out);
	pl_tls_context_release(sc);
	pl_tls_context_release(cc);
	pl_buf_fini(&why);
	unlink(cert);
	unlink(key);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_numeric),
		cmocka_unit_test(the_gate_counts_sites_and_all),
		cmocka_unit_test(a_stale_unix_socket_is_replaced_a_live_one_is_not),
		cmocka_unit_test(without_descriptors_accepting_rests),
		cmocka_unit_test(who_turns_out_to_be_another_moves),
		cmocka_unit_test(a_file_in_the_place_of_a_unix_socket_is_kept),
		cmocka_unit_test(a_private_socket_is_its_owners),
		cmocka_unit_test(tls_carries_bytes_in_any_portions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
