/* Proves that the opening handshake follows RFC 6455 sections 1.3 and 4, on both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/ws.h"

static const struct pl_ws_request good = {
	.upgrade = PL_S("websocket"),
	.connection = PL_S("Upgrade"),
	.key = PL_S("dGhlIHNhbXBsZSBub25jZQ=="),
	.version = PL_S("13"),
};

static int check(struct pl_ws_request r)
{
	return pl_ws_request_check(&r);
}

static void the_request_is_judged_field_by_field(void **state)
{
	(void)state;
	const struct pl_slice none = {NULL, 0};
	struct pl_ws_request r = good;
	assert_int_equal(check(good), 101);
	r.connection = PL_S("keep-alive ,\tuPGRADE");
	r.upgrade = PL_S("WebSocket");
	assert_int_equal(check(r), 101);
	r.connection = PL_S("keep-alive");
	assert_int_equal(check(r), 400);
	r.connection = PL_S("xupgrade, upgradex, up grade");
	assert_int_equal(check(r), 400);
	r.connection = none;
	assert_int_equal(check(r), 400);
	r = good;
	r.upgrade = none;
	assert_int_equal(check(r), 400);
	r.upgrade = PL_S("h2c");
	assert_int_equal(check(r), 400);
	r = good;
	r.version = none;
	assert_int_equal(check(r), 426);
	r.version = PL_S("8");
	assert_int_equal(check(r), 426);
	r.version = PL_S("013");
	assert_int_equal(check(r), 426);
	r.version = PL_S("13, 8");
	assert_int_equal(check(r), 426);
}

static void the_key_is_sixteen_bytes_of_base64(void **state)
{
	(void)state;
	static const struct pl_slice bad[] = {
		{NULL, 0},
		PL_S(""),
		PL_S("dGhlIHNhbXBsZSBub25jZQ="),
		PL_S("dGhlIHNhbXBsZSBub25jZQ==="),
		PL_S("dGhlIHNhbXBsZSBub25jZQAA"),
		PL_S("dGhlIHNhbXBsZSBub25jZ==="),
		PL_S("dGhlIHNhbXBsZSBub25j Q=="),
		PL_S("dGhlIHNhbXBsZSBub25j\0Q=="),
		PL_S("dGhlIHNhbXBsZSBub25j-Q=="),
		PL_S("\xff\xffhlIHNhbXBsZSBub25jZQ=="),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pl_ws_request r = good;
		r.key = bad[i];
		assert_int_equal(check(r), 400);
	}
}

static void the_accept_key_is_that_of_the_rfc(void **state)
{
	(void)state;
	char out[PL_WS_ACCEPT_LEN];
	assert_int_equal(pl_ws_accept_key(good.key, out), 0);
	assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", PL_WS_ACCEPT_LEN);
	assert_int_equal(pl_ws_accept_key(PL_S("short"), out), PL_EINVAL);
}

static void a_protocol_is_picked_in_the_clients_order(void **state)
{
	(void)state;
	static const struct pl_slice ours[] = {PL_S("chat"), PL_S("superchat")};
	struct pl_slice got = PL_S("untouched");
	assert_true(pl_ws_pick_protocol(PL_S("x, superchat, chat"), ours, 2, &got));
	assert_true(pl_slice_is(got, "superchat"));
	assert_ptr_equal(got.at, ours[1].at);
	got = PL_S("untouched");
	assert_false(pl_ws_pick_protocol(PL_S("Chat,,chatx, ch\xff\x80t"), ours, 2, &got));
	assert_false(pl_ws_pick_protocol((struct pl_slice){NULL, 0}, ours, 2, &got));
	assert_false(pl_ws_pick_protocol(PL_S(""), ours, 2, &got));
	assert_false(pl_ws_pick_protocol(PL_S("chat"), NULL, 0, &got));
	assert_true(pl_slice_is(got, "untouched"));
}

static void the_answer_is_a_whole_101(void **state)
{
	(void)state;
	const struct pl_slice none = {NULL, 0};
	struct pl_buf b;
	pl_buf_init(&b, 1024);
	assert_int_equal(pl_ws_answer(&b, good.key, none, none), 0);
	assert_true(
		pl_slice_eq(pl_buf_slice(&b),
			    PL_S("HTTP/1.1 101 Switching Protocols\r\n"
				 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
				 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")));
	pl_buf_clear(&b);
	assert_int_equal(pl_ws_answer(&b, good.key, PL_S("chat"), PL_S("ext")), 0);
	const char end[] =
		"\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: ext\r\n\r\n";
	assert_memory_equal(b.at + b.len - (sizeof(end) - 1), end, sizeof(end) - 1);
	pl_buf_fini(&b);
	pl_buf_init(&b, 100);
	assert_int_equal(pl_ws_answer(&b, good.key, none, none), PL_ETOOBIG);
	pl_buf_fini(&b);
	pl_buf_init(&b, 1024);
	pl_mem_fail_at(1, false);
	assert_int_equal(pl_ws_answer(&b, good.key, none, none), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	pl_buf_fini(&b);
}

static void the_client_checks_what_the_server_says(void **state)
{
	(void)state;
	const struct pl_slice accept = PL_S("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	const struct pl_slice up = PL_S("websocket"), con = PL_S("Upgrade"), none = {NULL, 0};
	assert_int_equal(pl_ws_answer_check(good.key, up, con, accept), 0);
	assert_int_equal(pl_ws_answer_check(good.key, PL_S("WEBSOCKET"), PL_S("upgrade"), accept),
			 0);
	assert_int_equal(pl_ws_answer_check(good.key, none, con, accept), PL_EPROTO);
	assert_int_equal(pl_ws_answer_check(good.key, up, none, accept), PL_EPROTO);
	assert_int_equal(pl_ws_answer_check(good.key, up, con, none), PL_EPROTO);
	assert_int_equal(
		pl_ws_answer_check(good.key, up, con, PL_S("S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		PL_EPROTO);
}

static void a_new_key_passes_the_servers_check(void **state)
{
	(void)state;
	char a[PL_WS_KEY_LEN], b[PL_WS_KEY_LEN];
	struct pl_ws_request r = good;
	pl_ws_new_key(a);
	pl_ws_new_key(b);
	assert_memory_not_equal(a, b, sizeof(a));
	r.key = pl_slice(a, sizeof(a));
	assert_int_equal(check(r), 101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_is_judged_field_by_field),
		cmocka_unit_test(the_key_is_sixteen_bytes_of_base64),
		cmocka_unit_test(the_accept_key_is_that_of_the_rfc),
		cmocka_unit_test(a_protocol_is_picked_in_the_clients_order),
		cmocka_unit_test(the_answer_is_a_whole_101),
		cmocka_unit_test(the_client_checks_what_the_server_says),
		cmocka_unit_test(a_new_key_passes_the_servers_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
