/*
 * account.h - names of accounts: which ones may be had, and which ones are the same.
 *
 * ASCII letters, digits, '_' and '.', on purpose. With other letters two names can look alike; a
 * '-' would make an id of two names ("alice-bob") ambiguous, and spaces are not seen.
 */
#ifndef PL_MODEL_ACCOUNT_H
#define PL_MODEL_ACCOUNT_H

#include "model/model.h"

enum { PL_ACCOUNT_NAME_MIN = 3, PL_ACCOUNT_NAME_MAX = 64 };

/* NULL: the name may be had; else a sentence for the person who wants it. */
const char *pl_account_name_fault(struct pl_slice name);
/* The form in which names are compared: lower case. Its length; 0: nobody can have this name. */
size_t pl_account_fold(struct pl_slice name, char out[PL_ACCOUNT_NAME_MAX]);

/* A line of the list of users. */
struct pl_user_row {
	struct pl_user user; /* id, subject, username, display_name */
	bool has_account;
	bool is_disabled;
};

#endif
