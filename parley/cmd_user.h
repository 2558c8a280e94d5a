/* cmd_user.h - what `parley user` is to do, and the two places where it can be done. */
#ifndef PARLEY_CMD_USER_H
#define PARLEY_CMD_USER_H

#include "chat_text.h"
#include "cmd.h"

#include "auth/password.h"
#include "model/account.h"

enum user_verb { USER_ADD, USER_PASSWD, USER_DISABLE, USER_ENABLE, USER_LIST };

struct user_task {
	enum user_verb verb;
	const char *name;            /* NULL for the list */
	char hash[PL_PASSWORD_HASH]; /* of the password, where there is one */
};

/* user_remote.c: *is_running: a server has the data directory, and was asked. Otherwise nothing was
 * done. */
int user_remote(const struct pl_config *, const struct user_task *, bool *is_running);
/* user_local.c */
int user_local(const struct pl_config *, const struct user_task *);

/* The outcome for people; what to exit with. err: from err.h. */
int user_say(const struct user_task *, int err, struct pl_slice username);
int user_say_row(struct pl_slice id, struct pl_slice username, bool has_account, bool is_disabled);

#endif
