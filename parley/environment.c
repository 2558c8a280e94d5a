/*
 * environment.c - takes the environment over: a private copy for loading and reloading, nothing
 * secret left where /proc and a child would see it.
 */
#include "command.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>

char **environment_take(char **from)
{
	size_t n = 0;
	while (from[n])
		n++;
	char **copy = pl_zalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		if (!(copy[i] = pl_strdup(from[i]))) {
			environment_free(copy);
			return NULL;
		}
	if (copy)
		pl_config_scrub_env(from);
	return copy;
}

void environment_free(char **env)
{
	for (char **e = env; e && *e; e++) {
		OPENSSL_cleanse(*e, strlen(*e));
		pl_free(*e);
	}
	pl_free(env);
}
