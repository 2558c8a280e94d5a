/* handlers.h - the parts of the test server for the handler API. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include <parley/parley.h>

/* Does what its clients say: script.c. The pattern is the caller's to fill in. */
struct parley_endpoint script_endpoint(const char *pattern);

/* Answers upgrades at once, later, never: gate.c. */
int gate_serve(parley_server *);
/* No thread of it is left. */
void gate_end(void);

#endif
