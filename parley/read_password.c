/* read_password.c - a password from the terminal, without an echo, or from standard input. */
#include "read_password.h"

#include "command.h"

#include <openssl/crypto.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { CTRL_C = 3 };

static int read_line(char *to, size_t size, size_t *len)
{
	size_t n = 0;
	int c;
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it in a buffer */
	while ((c = getchar()) != EOF && c != '\n' && c != CTRL_C)
		if (n < size)
			to[n++] = (char)c;
	*len = n;
	return c == CTRL_C || (c == EOF && !n) ? EXIT_FAILED : EXIT_FINE;
}

/* A line from the terminal that is not shown while it is typed. */
static int ask_line(const char *prompt, char *to, size_t size, size_t *len)
{
	struct termios before, quiet;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
		return read_line(to, size, len);
	quiet = before;
	/* Ctrl-C must not leave the terminal without its echo: it ends the line instead. */
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_cc[VEOL] = CTRL_C;
	(void)fputs(prompt, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int code = read_line(to, size, len);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)fputc('\n', stderr);
	return code;
}

/* Room for one byte too many, by which a password that is too long shows. */
enum { PASSWORD_ROOM = PL_PASSWORD_MAX + 1 };

static int check_password(const char *password, size_t len)
{
	char again[PASSWORD_ROOM];
	size_t n = 0;
	if (len < PL_PASSWORD_MIN || len > PL_PASSWORD_MAX)
		return fail("a password has %d to %d bytes", PL_PASSWORD_MIN, PL_PASSWORD_MAX);
	if (!isatty(STDIN_FILENO))
		return EXIT_FINE;
	int code = ask_line("Password again: ", again, sizeof(again), &n);
	if (!code && (n != len || CRYPTO_memcmp(again, password, len)))
		code = fail("the two are not the same");
	OPENSSL_cleanse(again, sizeof(again));
	return code;
}

int read_password(char hash[PL_PASSWORD_HASH])
{
	char password[PASSWORD_ROOM];
	size_t len = 0;
	int code = ask_line("Password: ", password, sizeof(password), &len);
	if (code)
		return fail("no password was given");
	code = check_password(password, len);
	if (!code && pl_password_hash(pl_slice(password, len), hash))
		code = fail("out of memory");
	OPENSSL_cleanse(password, sizeof(password));
	return code;
}
