/* thread.h - threads on which no signal of the process lands: those are the program's. */
#ifndef PL_BASE_THREAD_H
#define PL_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

/* As pthread_create with all signals blocked in the new thread. PL_ENOMEM: it did not start. */
int pl_thread_start(pthread_t *, void *(*run)(void *), void *arg) PL_MUST_CHECK;

#endif
