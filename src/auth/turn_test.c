/*
 * turn_test.c - proves that passwords for relays are those of draft-uberti-behave-turn-rest: the
 * expected ones were made with Python's hmac from the draft's formula, base64(HMAC-SHA1(secret,
 * "<expiry>:<user>")).
 */
#include "auth/turn.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct pl_slice urls[] = {PL_S("turn:turn.example:3478?transport=udp"),
				       PL_S("stun:turn.example")};
static const struct pl_slice user = PL_S("00112233-4455-6677-8899-aabbccddeeff");

static struct pl_turn sample(void)
{
	return (struct pl_turn){.urls = urls,
				.nurls = 2,
				.secret = PL_S("0123456789abcdef0123456789abcdef"),
				.lifetime_s = 3600};
}

static void a_password_is_the_mac_of_its_end_and_user(void **state)
{
	struct pl_turn t = sample();
	struct pl_turn_pass p;
	(void)state;
	assert_int_equal(pl_turn_pass(&t, user, 1700000000, &p), 0);
	assert_true(pl_slice_is(pl_slice(p.username, p.username_len),
				"1700003600:00112233-4455-6677-8899-aabbccddeeff"));
	assert_string_equal(p.credential, "Xak+4m/UgUmKfeBJYkAHbCkCwyk=");
	t.secret = PL_S("north");
	t.lifetime_s = 86400;
	assert_int_equal(pl_turn_pass(&t, PL_S("ninefingers"), 1433895918 - 86400, &p), 0);
	assert_string_equal(p.credential, "jy8hTxmOO7UtEKXqSkSlvakPVYA=");
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
	char name[PL_TURN_USERNAME_MAX];
	struct pl_turn t = sample();
	struct pl_turn_pass p;
	(void)state;
	memset(name, 'n', sizeof(name));
	size_t most = sizeof(name) - 1 - strlen("1700003600:");
	assert_int_equal(pl_turn_pass(&t, pl_slice(name, most), 1700000000, &p), 0);
	assert_int_equal(pl_turn_pass(&t, pl_slice(name, most + 1), 1700000000, &p), PL_ETOOBIG);
}

static void must_put(int (*put)(const struct pl_turn *, struct pl_slice, uint64_t, struct pl_buf *),
		     const struct pl_turn *t, const char *expected)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	assert_int_equal(put(t, user, 1700000000, &b), 0);
	if (!pl_slice_is(pl_buf_slice(&b), expected))
		fail_msg("%.*s", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

#define URLS "[\"turn:turn.example:3478?transport=udp\",\"stun:turn.example\"]"
#define NAME "\"1700003600:00112233-4455-6677-8899-aabbccddeeff\""
#define PASS "\"Xak+4m/UgUmKfeBJYkAHbCkCwyk=\""

static void servers_are_written_for_browsers(void **state)
{
	struct pl_turn t = sample(), none = {.nurls = 0};
	(void)state;
	must_put(pl_turn_put_servers, &t,
		 "[{\"urls\":" URLS ",\"username\":" NAME ",\"credential\":" PASS "}]");
	must_put(pl_turn_put_answer, &t,
		 "{\"iceServers\":[{\"urls\":" URLS ",\"username\":" NAME ",\"credential\":" PASS
		 "}],\"username\":" NAME ",\"password\":" PASS ",\"ttl\":3600,\"uris\":" URLS "}");
	t.secret = PL_S("");
	must_put(pl_turn_put_servers, &t, "[{\"urls\":" URLS "}]");
	must_put(pl_turn_put_answer, &t,
		 "{\"iceServers\":[{\"urls\":" URLS "}],\"uris\":" URLS "}");
	must_put(pl_turn_put_servers, &none, "[]");
	must_put(pl_turn_put_answer, &none, "{\"iceServers\":[],\"uris\":[]}");
}

static void without_memory_it_says_so(void **state)
{
	struct pl_turn t = sample();
	(void)state;
	for (unsigned long n = 1; n <= 3; n++) {
		struct pl_buf b;
		pl_buf_init(&b, 4096);
		pl_mem_fail_at(n, true);
		int err = pl_turn_put_answer(&t, user, 1, &b);
		pl_mem_fail_at(0, false);
		assert_true(n > 1 || err == PL_ENOMEM);
		pl_buf_fini(&b);
	}
	struct pl_buf small;
	pl_buf_init(&small, 40);
	assert_int_not_equal(pl_turn_put_servers(&t, user, 1, &small), 0);
	pl_buf_fini(&small);
}

static void addresses_are_looked_at(void **state)
{
	static const char *const good[] = {"turn:h", "turns:h:443?transport=tcp", "stun:[::1]:3478",
					   "stuns:h"};
	static const char *const bad[] = {"",        "turn",     "turn:",      "http://h",
					  "turn:/h", "turn:?x",  "turn: h",    "turn:h\n",
					  "TURN",    "turn:h h", "stun::3478", "turn:h\x7f"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(pl_turn_url_fault(pl_slice_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!pl_turn_url_fault(pl_slice_str(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_the_mac_of_its_end_and_user),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused),
		cmocka_unit_test(servers_are_written_for_browsers),
		cmocka_unit_test(without_memory_it_says_so),
		cmocka_unit_test(addresses_are_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
