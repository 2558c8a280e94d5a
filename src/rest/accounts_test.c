/*
 * accounts_test.c - proves what the routes for accounts answer to every request of the chat +
 * presence documents (the words and numbers are theirs), that an unknown name and a wrong password
 * look alike, and that pages of other origins get nothing.
 */
#include "rest/accounts_test.h"

static void each_row_of_the_documents(void **state)
{
	static const char taken[] = "{\"error\":\"Username already exists\",";
	static const char needed[] = "{\"error\":\"Username and password are required\",";
	static const char brief[] = "{\"error\":\"Username must be at least 3 characters long\",";
	static const char weak[] = "{\"error\":\"Password must be at least 6 characters long\",";
	static const char wrong[] = "{\"error\":\"Invalid username or password\","
				    "\"message\":\"Invalid username or password\"}";
	static const char odd[] = "Username may only contain letters, digits, '_' and '.'";
	static const struct {
		const char *call, *body;
		unsigned status;
		const char *answer;
	} rows[] = {
		{"register", "{}", 400, needed},
		{"register", "{\"username\":\"alice\"}", 400, needed},
		{"register", "{\"password\":\"secret\"}", 400, needed},
		{"register", "{\"username\":\"\",\"password\":\"\"}", 400, needed},
		{"register", "{\"username\":\"  \",\"password\":\"secret\"}", 400, needed},
		{"register", "{\"username\":7,\"password\":[]}", 400, needed},
		{"register", "{\"username\":null,\"password\":null}", 400, needed},
		{"register", "{\"username\":\" al \",\"password\":\"secret\"}", 400, brief},
		{"register", "{\"username\":\"alice\",\"password\":\"secre\"}", 400, weak},
		{"register", "{\"username\":\"al-ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"al ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"al\\u0000ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"\\u0430lice\",\"password\":\"secret\"}", 400, odd},
		{"register", " {\"username\":\"  Alice \",\"password\":\"secret\"}", 201,
		 "{\"message\":\"User registered successfully\",\"token\":\"ey"},
		{"register", ALICE, 409, taken},
		{"login", "{}", 400, needed},
		{"login", "{\"username\":\"alice\"}", 400, needed},
		{"login", "{\"username\":\"alice\",\"password\":\"secre\"}", 401, wrong},
		{"login", "{\"username\":\"alice\",\"password\":\"Secret\"}", 401, wrong},
		{"login", "{\"username\":\"nobody\",\"password\":\"secret\"}", 401, wrong},
		{"login", "{\"username\":\"x\",\"password\":\"y\"}", 401, wrong},
		{"login", "{\"username\":\"al-ice\",\"password\":\"secret\"}", 401, wrong},
		{"login", ALICE, 200, "{\"message\":\"Login successful\",\"token\":\"ey"},
		{"login", ALICE, 200, "\"username\":\"Alice\",\"user\":{\"id\":\"0"},
		{"nothing", ALICE, 404,
		 "{\"success\":false,\"error\":{\"message\":\"Route /api/auth/nothing not "
		 "found\"}}"},
	};
	struct stage *s = stage_open(4);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/api/auth/%s", rows[i].call);
		post(s, path, rows[i].body, rows[i].status, rows[i].answer);
	}
	post(s, "/auth/login", ALICE, 200, "Login successful");
	post(s, "/auth/register", ALICE, 409, taken);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_REGISTERED], 1);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_LOGINS], 3);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_LOGINS_REFUSED], 5);
	stage_close(s);
}

static void a_token_has_the_claims_of_all_dialects(void **state)
{
	struct stage *s = stage_open(4);
	char header[1024], id[PL_UUID_TEXT];
	struct pl_identity who;
	struct pl_uuid uuid;
	struct pl_arena a;
	struct heard h;
	(void)state;
	post(s, "/auth/register", "{\"username\":\"Alice\",\"password\":\"secret\"}", 201, "");
	ask_for(s, "POST", "/auth/login", TYPE, ALICE, &h);
	token_of(&h, header);
	pl_arena_init(&a, 4096);
	claims_of(s, header, &a, &who);
	assert_int_equal(pl_uuid_parse(who.subject, &uuid), 0);
	pl_uuid_format(&uuid, id);
	assert_true(memmem(h.body.at, h.body.len, id, sizeof(id)) != NULL);
	assert_true(pl_slice_eq(who.subject, who.user_id));
	assert_true(pl_slice_is(who.username, "Alice"));
	assert_true(pl_slice_is(who.name, "Alice"));
	assert_in_range(who.expires_s - who.issued_s, 60, 60);
	pl_buf_fini(&h.text);
	/* Out again. */
	ask_for(s, "POST", "/api/auth/logout", header, "", &h);
	is_answer(&h, 200, "{\"message\":\"Logout successful\"}");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/logout", "", "", &h);
	is_answer(&h, 401, "{\"error\":\"No token provided\"");
	pl_buf_fini(&h.text);
	header[60] ^= 1;
	ask_for(s, "POST", "/api/auth/logout", header, "", &h);
	is_answer(&h, 401, "{\"error\":\"Invalid token\"");
	pl_buf_fini(&h.text);
	pl_arena_fini(&a);
	stage_close(s);
}

/* Byte by byte, but for the time of day. */
static void unknown_and_wrong_look_alike(void **state)
{
	static const char *const bodies[] = {
		"{\"username\":\"alice\",\"password\":\"wrong!\"}",
		"{\"username\":\"nobody\",\"password\":\"wrong!\"}",
		"{\"username\":\"no-body\",\"password\":\"secret\"}",
	};
	struct stage *s = stage_open(4);
	struct heard h[3];
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	for (int i = 0; i < 3; i++) {
		ask_for(s, "POST", "/auth/login", TYPE, bodies[i], &h[i]);
		char *date = memmem(h[i].text.at, h[i].text.len, "Date: ", 6);
		assert_non_null(date);
		memset(date, ' ', 35);
		assert_true(pl_slice_eq(pl_buf_slice(&h[0].text), pl_buf_slice(&h[i].text)));
	}
	for (int i = 0; i < 3; i++)
		pl_buf_fini(&h[i].text);
	stage_close(s);
}

static void off_is_off(void **state)
{
	struct stage *s = stage_open(4);
	(void)state;
	s->options.may_register = false;
	post(s, "/auth/register", ALICE, 403, "Registration is closed");
	post(s, "/auth/login", ALICE, 401, "");
	s->options.is_enabled = false;
	post(s, "/auth/register", ALICE, 404, "Route /auth/register not found");
	post(s, "/auth/login", ALICE, 404, "Route /auth/login not found");
	post(s, "/auth/logout", "", 404, "Route /auth/logout not found");
	s->options.is_enabled = true;
	s->rig->posts[0].rest.accounts.hasher = NULL;
	post(s, "/auth/login", ALICE, 404, "Route /auth/login not found");
	stage_close(s);
}

/* ---- bodies ---- */

static void what_is_no_small_json_object_is_refused(void **state)
{
	static char big[10000], long_password[2000];
	static const struct {
		const char *headers, *body;
		unsigned status;
	} rows[] = {
		{TYPE, "", 400},
		{TYPE, "null", 400},
		{TYPE, "[]", 400},
		{TYPE, "\"alice\"", 400},
		{TYPE, "{\"username\":\"alice\",\"password\":\"secret\"", 400},
		{TYPE, "{\"username\":\"alice\",\"username\":\"carol\",\"password\":\"secret\"}",
		 400},
		{TYPE, "{\"username\":\"\xff\xff\xff\",\"password\":\"secret\"}", 400},
		{"", ALICE, 415},
		{"Content-Type: text/plain\r\n", ALICE, 415},
		{"Content-Type: application/x-www-form-urlencoded\r\n", "username=a&password=b",
		 415},
		{TYPE "Content-Type: text/plain\r\n", ALICE, 415},
		{TYPE, big, 413},
		{TYPE, long_password, 400},
		{"Content-Type: Application/JSON; charset=utf-8\r\n", ALICE, 201},
	};
	struct stage *s = stage_open(4);
	(void)state;
	snprintf(big, sizeof(big), "{\"username\":\"%09000d\",\"password\":\"secret\"}", 7);
	snprintf(long_password, sizeof(long_password),
		 "{\"username\":\"alice\",\"password\":\"%01025d\"}", 7);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct heard h;
		ask_for(s, "POST", "/api/auth/register", rows[i].headers, rows[i].body, &h);
		is_answer(&h, rows[i].status, rows[i].status == 201 ? "token" : "\"error\":\"");
		pl_buf_fini(&h.text);
	}
	/* At the login it is only wrong. */
	post(s, "/auth/login", long_password, 401, "Invalid username or password");
	stage_close(s);
}

/* ---- pages ---- */

static void pages_of_others_get_nothing(void **state)
{
	struct stage *s = stage_open(4);
	struct heard h;
	(void)state;
	ask_for(s, "OPTIONS", "/api/auth/login", PAGE, "", &h);
	assert_int_equal(h.head.status, 204);
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Access-Control-Allow-Headers", "Content-Type, Authorization");
	assert_header(&h, "Vary", "Origin");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/register", TYPE PAGE, ALICE, &h);
	is_answer(&h, 201, "token");
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Vary", "Origin");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/login", TYPE PAGE, "{}", &h);
	is_answer(&h, 400, "required"); /* refusals are readable too */
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	pl_buf_fini(&h.text);
	static const char *const foreign[] = {"Origin: http://evil.example\r\n", "Origin: null\r\n",
					      "Origin: http://x.evil.example\r\n",
					      PAGE "Origin: http://evil.example\r\n"};
	static const char *const ways[][2] = {{"OPTIONS", "/api/auth/login"},
					      {"POST", "/api/auth/login"},
					      {"POST", "/api/auth/register"},
					      {"POST", "/api/auth/logout"}};
	for (size_t i = 0; i < 4 * 4; i++) {
		char headers[256];
		snprintf(headers, sizeof(headers), TYPE "%s", foreign[i / 4]);
		ask_for(s, ways[i % 4][0], ways[i % 4][1], headers, ALICE, &h);
		is_answer(&h, 403, "This origin is not allowed");
		assert_header(&h, "Access-Control-Allow-Origin", "");
		pl_buf_fini(&h.text);
	}
	stage_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_documents),
		cmocka_unit_test(a_token_has_the_claims_of_all_dialects),
		cmocka_unit_test(unknown_and_wrong_look_alike),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(what_is_no_small_json_object_is_refused),
		cmocka_unit_test(pages_of_others_get_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
