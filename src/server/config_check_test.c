/*
 * config_check_test.c - proves that each unsafe setting is found, and that safe ones are not
 * blamed.
 */
#include "server/config_test.h"

/* One unsafe setting (or two) and the words that must be said about it. */
struct unsafe {
	const char *key, *value, *key2, *value2;
	bool is_error;
	const char *words;
};

static const struct unsafe unsafes[] = {
	{"listen", "0.0.0.0:80", NULL, NULL, false, "without TLS"},
	{"listen", "[::]:80", NULL, NULL, false, "generated development key"},
	{"listen", "", NULL, NULL, true, "nobody could connect"},
	{"listen", "127.0.0.1:1,127.0.0.1:1", NULL, NULL, true, "twice"},
	{"listen", "tls:127.0.0.1:1", NULL, NULL, true, "needs tls.certificate"},
	{"tls.key", "/dev/null", NULL, NULL, true, "needed together"},
	{"tls.certificate", "/nonexistent", "tls.key", "/nonexistent", true, "no such file"},
	{"auth.secret", "0123456789abcdefghijklmnopqrstu", NULL, NULL, true, "at least 32"},
	{"auth.secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL, false, "sample"},
	{"auth.secret", "super-secret-jwt-token-with-at-least-32-characters-long", "listen",
	 "0.0.0.0:1", true, "sample"},
	{"auth.secret_file", "/nonexistent", NULL, NULL, true, "cannot read"},
	{"auth.secret_file", "/dev/zero", NULL, NULL, true, "cannot read"},
	{"auth.keys", "/nonexistent", NULL, NULL, true, "no such file"},
	{"auth.jwks", "/", NULL, NULL, true, "no such file"},
	{"auth.deadline", "0", "listen", "0.0.0.0:1", false, "strangers"},
	{"admin.key", "fifteen bytes!!", NULL, NULL, true, "at least 16"},
	{"limits.enabled", "false", NULL, NULL, false, "limits.enabled"},
	{"limits.out_hard", "4k", NULL, NULL, true, "below limits.out_soft"},
	{"limits.out_hard", "512k", NULL, NULL, false, "below limits.max_message"},
	{"heartbeat.timeout", "29s", NULL, NULL, true, "below heartbeat.interval"},
	{"files.chunk", "800KiB", NULL, NULL, false, "does not fit in socketio.max_payload"},
	{"files.max_size", "2GiB", NULL, NULL, false, "above files.quota"},
	{"origins", "https://a.example,*", NULL, NULL, true, "every web page"},
	{"origins", "a.example", NULL, NULL, true, "not an origin"},
	{"origins", "https://a.example/", NULL, NULL, true, "not an origin"},
	{"socketio.origins", "a.example", NULL, NULL, true, "not an origin"},
	{"socketio.origins", "https://a.example/", NULL, NULL, true, "not an origin"},
	{"socketio.origins", "*,https://b.example", NULL, NULL, true, "stands alone"},
	{"trusted_proxies", "10.0.0.1,proxy", NULL, NULL, true, "\"proxy\" is not an IP"},
	{"calls.turn_urls", "turn:a.example,http://a.example", NULL, NULL, true,
	 "\"http://a.example\" does not begin with turn:"},
	{"calls.turn_urls", "turn:a.example", NULL, NULL, false, "no password"},
	{"calls.turn_secret", "fifteen bytes!!", "calls.turn_urls", "turn:a.example", true,
	 "at least 16"},
	{"calls.turn_secret", SECRET_32, "calls.turn_urls", "stun:a.example", true, "names none"},
	{"calls.turn_secret_file", "/nonexistent", "calls.turn_urls", "turn:a.example", true,
	 "cannot read"},
	{"socketio.open_rest", "true", "listen", "0.0.0.0:1", false, "may send anything"},
	{"socketio.admin_user", "root", NULL, NULL, true, "needs socketio.admin_password_hash"},
	{"socketio.admin_password_hash", "x", NULL, NULL, true, "needs socketio.admin_user"},
	{"socketio.admin_password_hash", "x", "socketio.admin_user", "root", true, "argon2id"},
	{"store.kind", "memory", NULL, NULL, false, "lost"},
};

static void unsafe_settings_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unsafes); i++) {
		const struct unsafe *u = &unsafes[i];
		struct pl_config_flag flags[] = {set("allow_root", "true"),
						 set("data", "/nonexistent"), set(u->key, u->value),
						 u->key2 ? set(u->key2, u->value2)
							 : set("workers", "1")};
		struct loaded l = load(NULL, flags, COUNT(flags));
		assert_int_equal(l.err, 0);
		uint32_t before = l.findings.warnings;
		int err = pl_config_check(l.config, &l.findings);
		if (!says(&l, u->words) || err != (u->is_error ? PL_EINVAL : 0))
			fail_msg("%s=%s: %d, %.*s", u->key, u->value, err,
				 PL_FMT(pl_buf_slice(&l.findings.text)));
		assert_true(u->is_error || l.findings.warnings > before);
		unload(&l);
	}
}

static void safe_settings_are_not_blamed(void **state)
{
	(void)state;
	struct pl_config_flag flags[] = {
		set("allow_root", "true"),
		set("data", "/nonexistent"),
		set("auth.secret", SECRET_32),
		set("admin.key", "sixteen bytes!!!"),
		/* "a secret word" */
		set("socketio.admin_password_hash",
		    "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$"
		    "hW8mvyjWxE8nkudQyLVWluAsKZFwObbVosil2qsamPE"),
		set("socketio.admin_user", "root"),
		set("socketio.open_rest", "true"),
		set("calls.turn_urls", "turn:a.example?transport=udp,stun:a.example"),
		set("calls.turn_secret", SECRET_32),
		set("origins", "https://a.example:8443,http://[::1]:80"),
		set("trusted_proxies", "10.0.0.1,fd00::1"),
		set("listen", "127.0.0.1:0,127.0.0.1:0,[::1]:0,unix:/run/p"),
	};
	struct loaded l = load(NULL, flags, COUNT(flags));
	l.findings.text.len = 0; /* four secrets in flags */
	assert_int_equal(pl_config_check(l.config, &l.findings), 0);
	assert_int_equal(l.findings.text.len, 0);
	unload(&l);
}

static char *write_secret(const char *dir, const char *name, const char *text, mode_t mode)
{
	char *path = NULL;
	struct pl_config c = {.data = (char *)(uintptr_t)dir};
	assert_int_equal(pl_config_path(&c, name, &path), 0);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int check_with(const char *dir, const char *key, const char *value, const char *words)
{
	struct pl_config_flag flags[] = {set("allow_root", "true"), set("data", dir),
					 set(key, value)};
	struct loaded l = load(NULL, flags, COUNT(flags));
	assert_int_equal(l.err, 0);
	int err = pl_config_check(l.config, &l.findings);
	assert_true(!words || says(&l, words));
	assert_true(words || !l.findings.text.len);
	unload(&l);
	return err;
}

static void files_of_secrets_are_looked_at(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-config-XXXXXX";
	assert_non_null(mkdtemp(dir));
	char *open_file = write_secret(dir, "open", SECRET_32 "\n", 0644);
	char *closed = write_secret(dir, "closed", SECRET_32 "\n", 0600);
	char *brief = write_secret(dir, "brief", "too short for a secret, and a line\n" + 4, 0600);
	assert_int_equal(check_with(dir, "auth.secret_file", open_file, "everybody can read"),
			 PL_EINVAL);
	assert_int_equal(check_with(dir, "auth.secret_file", closed, NULL), 0);
	assert_int_equal(check_with(dir, "auth.secret_file", brief, "is 30 bytes"), PL_EINVAL);
	char *admin = write_secret(dir, "admin.key", "short\n", 0600);
	assert_int_equal(check_with(dir, "workers", "1", "admin.key is 5 bytes"), PL_EINVAL);
	assert_int_equal(unlink(admin), 0);
	char *key = write_secret(dir, "jwt.key", SECRET_32, 0604);
	assert_int_equal(check_with(dir, "workers", "1", "everybody can read"), PL_EINVAL);
	char *made[] = {open_file, closed, brief, key, admin};
	for (size_t i = 0; i < COUNT(made); i++) {
		(void)unlink(made[i]);
		pl_free(made[i]);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* What the server would refuse at its start is found before: a file that holds something else. */
static void files_of_keys_are_read(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-config-XXXXXX";
	assert_non_null(mkdtemp(dir));
	char *junk = write_secret(dir, "junk", "not a key\n", 0600);
	assert_int_equal(check_with(dir, "auth.keys", junk, "auth.keys: "), PL_EINVAL);
	assert_int_equal(check_with(dir, "auth.jwks", junk, "auth.jwks: "), PL_EINVAL);
	struct pl_config_flag flags[] = {set("allow_root", "true"), set("data", dir),
					 set("tls.certificate", junk), set("tls.key", junk)};
	struct loaded l = load(NULL, flags, COUNT(flags));
	assert_int_equal(l.err, 0);
	assert_int_equal(pl_config_check(l.config, &l.findings), PL_EINVAL);
	assert_true(says(&l, "tls.certificate: "));
	unload(&l);
	char *key = write_secret(dir, "ed25519.pem",
				 "-----BEGIN PUBLIC KEY-----\n"
				 "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
				 "-----END PUBLIC KEY-----\n",
				 0644);
	assert_int_equal(check_with(dir, "auth.keys", key, NULL), 0);
	char *made[] = {junk, key};
	for (size_t i = 0; i < COUNT(made); i++) {
		assert_int_equal(unlink(made[i]), 0);
		pl_free(made[i]);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void a_check_survives_each_failing_allocation(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-check-XXXXXX";
	assert_non_null(mkdtemp(dir));
	char *closed = write_secret(dir, "closed", SECRET_32 "\n", 0600);
	struct pl_config_flag flags[] = {set("allow_root", "true"), set("data", dir),
					 set("auth.secret_file", closed), set("origins", "*")};
	struct loaded l = load(NULL, flags, COUNT(flags));
	int err = PL_ENOMEM;
	unsigned long n = 1;
	for (; err == PL_ENOMEM && n < 100; n++) {
		struct pl_findings f;
		pl_findings_init(&f);
		pl_mem_fail_at(n, false);
		err = pl_config_check(l.config, &f);
		pl_mem_fail_at(0, false);
		pl_findings_fini(&f);
	}
	assert_int_equal(err, PL_EINVAL);
	assert_true(n > 3); /* the file, the path of admin.key, the finding */
	unload(&l);
	assert_int_equal(unlink(closed), 0);
	assert_int_equal(rmdir(dir), 0);
	pl_free(closed);
}

static void a_reload_names_what_it_cannot_change(void **state)
{
	(void)state;
	struct pl_config_flag flags[] = {set("workers", "3"), set("listen", "127.0.0.1:1"),
					 set("limits.burst", "3"), set("auth.secret", SECRET_32),
					 set("log.level", "debug")};
	struct loaded now = load(NULL, NULL, 0), next = load(NULL, flags, COUNT(flags));
	next.findings.text.len = 0;
	assert_int_equal(pl_config_reload_check(now.config, next.config, &next.findings), 0);
	assert_true(says(&next, "workers changed"));
	assert_true(says(&next, "listen changed"));
	assert_false(says(&next, "limits.burst"));
	assert_false(says(&next, "auth.secret"));
	assert_false(says(&next, "log.level"));
	unload(&now);
	unload(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsafe_settings_are_found),
		cmocka_unit_test(safe_settings_are_not_blamed),
		cmocka_unit_test(files_of_secrets_are_looked_at),
		cmocka_unit_test(files_of_keys_are_read),
		cmocka_unit_test(a_check_survives_each_failing_allocation),
		cmocka_unit_test(a_reload_names_what_it_cannot_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
