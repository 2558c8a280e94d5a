/* forwarded_test.c - proves who counts as the caller behind a trusted proxy, and that the limits of
 * the gate are his, not the proxy's. */
#include "conn/line_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* A client over TCP, for the proxy is known by its address. */
static int connect_tcp(struct line *l)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int ear = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(ear, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(ear, 1), 0);
	assert_int_equal(getsockname(ear, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
	struct sockaddr_storage from = {0};
	len = sizeof(from);
	int accepted = accept4(ear, (struct sockaddr *)&from, &len, SOCK_NONBLOCK);
	struct pl_ip ip = pl_ip_of(&from);
	pl_conns_accept(l->set, accepted, &ip, &l->router, NULL);
	close(ear);
	return fd;
}

static struct pl_ip ip_of(const char *text)
{
	struct pl_ip ip;
	assert_int_equal(pl_ip_parse(pl_slice_str(text), &ip), 0);
	return ip;
}

struct proxied {
	struct line line;
	struct pl_ip proxies[2];
};

static void open_proxied(struct proxied *p, const char *proxy, uint32_t per_site)
{
	static const struct way way = {PL_ENGINE_EPOLL, false};
	struct line *l = &p->line;
	*p = (struct proxied){.line = {.o = line_options(), .fd = -1}};
	p->proxies[0] = ip_of(proxy);
	p->proxies[1] = ip_of("10.0.0.2");
	l->o.proxies = p->proxies;
	l->o.nproxies = 2;
	assert_int_equal(pl_inflater_new(&l->inflater), 0);
	assert_true(line_serve(l, &way, 100));
	assert_int_equal(
		pl_gate_set(l->gate, &(struct pl_gate_options){.total = 20, .per_site = per_site}),
		0);
	pl_buf_init(&l->got, 1 << 20);
}

/* Asks with these header lines; the status. */
static unsigned ask(struct line *l, int fd, const char *lines)
{
	char text[512];
	uint64_t status = 0;
	pl_buf_clear(&l->got);
	l->fd = fd;
	l->eof = false;
	snprintf(text, sizeof(text), "GET /now HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
	line_put(l, text);
	LINE_UNTIL(l, l->eof || line_heard(l, "\r\n\r\n"));
	assert_true(l->got.len > 12);
	assert_int_equal(pl_slice_u64(pl_slice(l->got.at + 9, 3), 599, &status), 0);
	return (unsigned)status;
}

static void assert_caller(struct line *l, int fd, const char *lines, const char *who)
{
	char text[PL_ADDRESS_TEXT];
	assert_int_equal(ask(l, fd, lines), 200);
	pl_ip_format(pl_conn_from(l->conn), text);
	assert_string_equal(text, who);
}

static void the_rightmost_stranger_is_the_caller(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *who;
	} cases[] = {
		{"", "127.0.0.1"},
		{"X-Forwarded-For: 9.9.9.9\r\n", "9.9.9.9"},
		{"X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n", "9.9.9.9"},
		{"X-Forwarded-For: 1.1.1.1,9.9.9.9 , 10.0.0.2\r\n", "9.9.9.9"},
		{"X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 9.9.9.9\r\n", "9.9.9.9"},
		{"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 10.0.0.2\r\n", "9.9.9.9"},
		{"X-Forwarded-For: 9.9.9.9, unknown\r\n", "127.0.0.1"},
		{"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: unknown\r\n", "127.0.0.1"},
		{"X-Forwarded-For: 9.9.9.9, unknown, 10.0.0.2\r\n", "10.0.0.2"},
		{"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
		{"X-Forwarded-For:\r\n", "127.0.0.1"},
	};
	struct proxied p;
	open_proxied(&p, "127.0.0.1", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = connect_tcp(&p.line);
		assert_caller(&p.line, fd, cases[i].lines, cases[i].who);
		close(fd);
		/* One connection of a proxy carries the requests of many. */
		fd = connect_tcp(&p.line);
		assert_caller(&p.line, fd, "X-Forwarded-For: 8.8.8.8\r\n", "8.8.8.8");
		assert_caller(&p.line, fd, cases[i].lines, cases[i].who);
		close(fd);
	}
	p.line.fd = -1;
	line_close(&p.line);
}

static void a_stranger_is_not_believed(void **state)
{
	(void)state;
	struct proxied p;
	open_proxied(&p, "10.0.0.1", 0);
	int fd = connect_tcp(&p.line);
	assert_caller(&p.line, fd, "X-Forwarded-For: 9.9.9.9\r\n", "127.0.0.1");
	close(fd);
	p.line.fd = -1;
	line_close(&p.line);
}

static void limits_are_the_callers_not_the_proxys(void **state)
{
	(void)state;
	struct proxied p;
	int fd[6];
	open_proxied(&p, "127.0.0.1", 2);
	for (int i = 0; i < 6; i++)
		fd[i] = connect_tcp(&p.line);
	assert_int_equal(pl_conns_count(p.line.set), 6);
	assert_int_equal(ask(&p.line, fd[0], "X-Forwarded-For: 9.9.9.9\r\n"), 200);
	assert_int_equal(ask(&p.line, fd[0], "X-Forwarded-For: 9.9.9.9\r\n"), 200);
	assert_int_equal(ask(&p.line, fd[1], "X-Forwarded-For: 9.9.9.9\r\n"), 200);
	assert_int_equal(ask(&p.line, fd[2], "X-Forwarded-For: 9.9.9.9\r\n"), 429);
	assert_int_equal(ask(&p.line, fd[3], "X-Forwarded-For: 9.9.9.8\r\n"), 200);
	/* He goes on as somebody else, and leaves his place. */
	assert_int_equal(ask(&p.line, fd[0], "X-Forwarded-For: 9.9.9.8\r\n"), 200);
	assert_int_equal(ask(&p.line, fd[4], "X-Forwarded-For: 9.9.9.9\r\n"), 200);
	assert_int_equal(ask(&p.line, fd[5], "X-Forwarded-For: 9.9.9.9\r\n"), 429);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	p.line.fd = -1;
	LINE_UNTIL(&p.line, !pl_conns_count(p.line.set));
	/* Everybody has left: all places are free. */
	struct pl_ip a = ip_of("9.9.9.9"), other;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pl_gate_enter(p.line.gate, &a, 0), 0);
	assert_int_equal(pl_gate_enter(p.line.gate, &a, 0), PL_ELIMIT);
	for (int i = 0; i < 18; i++) {
		char text[32];
		snprintf(text, sizeof(text), "9.9.7.%d", i);
		other = ip_of(text);
		assert_int_equal(pl_gate_enter(p.line.gate, &other, 0), 0);
	}
	assert_int_equal(pl_gate_enter(p.line.gate, &other, 0), PL_ELIMIT);
	line_close(&p.line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rightmost_stranger_is_the_caller),
		cmocka_unit_test(a_stranger_is_not_believed),
		cmocka_unit_test(limits_are_the_callers_not_the_proxys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
