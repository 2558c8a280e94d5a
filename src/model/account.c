/* account.c - the rule for names. */
#include "model/account.h"

static bool is_allowed(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

const char *pl_account_name_fault(struct pl_slice name)
{
	bool is_plain = true;
	for (size_t i = 0; i < name.len && is_plain; i++)
		is_plain = is_allowed(name.at[i]);
	if (name.len < PL_ACCOUNT_NAME_MIN)
		return "Username must be at least 3 characters long";
	if (name.len > PL_ACCOUNT_NAME_MAX)
		return "Username must be at most 64 characters long";
	return is_plain ? NULL : "Username may only contain letters, digits, '_' and '.'";
}

size_t pl_account_fold(struct pl_slice name, char out[PL_ACCOUNT_NAME_MAX])
{
	if (pl_account_name_fault(name))
		return 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return name.len;
}
