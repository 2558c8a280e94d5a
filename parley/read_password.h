/* read_password.h - a password that somebody types, or that comes by standard input. */
#ifndef PARLEY_READ_PASSWORD_H
#define PARLEY_READ_PASSWORD_H

#include "auth/password.h"

/* Its hash. Asks twice at a terminal. Returns what to exit with; why was said. */
int read_password(char hash[PL_PASSWORD_HASH]);

#endif
