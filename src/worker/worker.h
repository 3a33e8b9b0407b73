/* worker.h - cfn-worker's parts: what init prepared, and the two payloads that it may have. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/scratch.h"
#include "function/function.h"
#include "ipc/protocol.h"
#include "sandbox/sandbox.h"

enum {
	ENVIRONMENT_MAX = 160 * 1024, /* bytes of a function's environment, secrets among it */
	ROUTE_METHODS_MAX = 64,       /* bytes of one row, as it is reported */
	ROUTE_PATH_MAX = 1024,
};

/* Fresh mode: the pair between init and the zygote, which is the process that loads the function and forks
 * another one for each request.  These hold the zygote's end until they have taken their request. */
struct fresh {
	int init, zygote;
	int signals, tmp; /* init's, as what follows */
	struct scratch scratch;
};

/* Before anything is closed: the environment in memory, the libraries that an artifact may need. */
struct worker {
	struct start_worker start;
	bool is_fresh; /* and no trial, which serves nothing */
	bool is_alone; /* in fresh mode: its processes can make no other, and no thread */
	struct fresh fresh;
	char *environment;
	size_t environment_size;
	struct sandbox *sandbox;
};

/* main.c: no code of an author runs beside an init that is not confined.  -ECANCELED: it never will be. */
int await_init(int init, struct err *e);

/* What is to be run, one of the two by type, and its sandbox. */
struct job {
	uint32_t type;
	struct worker worker;
	struct start_copy copy;
	struct sandbox sandbox;
	struct sandbox_socket sockets[SOCKETS_MAX];
	char name[NAME_MAX_SIZE + 16];
	int init[2]; /* pipe: one byte of init when it is confined */
};

/* job.c: waits for it, and puts the descriptors that come with it where they belong.  title is argv[0],
 * before anything was written to it; it shows from now on who is served. */
int job_await(struct job *job, char *title, struct err *e);

/* preload.c: no folder of libraries exists once the root is changed.  What every worker has, and what an
 * artifact needs beside it; linked: files of libraries (grants.h). */
int preload_common(struct err *e);
int preload(int artifact, const char *linked, struct err *e);

/* worker.c: from PAYLOAD to the end of the requests.  init is for await_init.  The exit status; *e says why
 * it is not 0. */
int worker_run(struct worker *w, int init, struct err *e);

/* init.c: pid 1 waits for its payload and says how it ended; in fresh mode for each request's process too. */
_Noreturn void init_wait(void);
int init_signals(void); /* a descriptor, before init is confined; blocked in init alone, so after the fork */
_Noreturn void init_serve(const struct fresh *f, pid_t zygote);

/* alone.c: before the root is changed, whether an artifact can do without threads; linked as for preload.
 * Then, in the process that is to load it and before that, whether the kernel holds it to that. */
int alone_judge(int artifact, const char *linked, bool *is_alone, struct err *e);
bool alone_is_bound(void);

/* fresh.c: a child of our own parent, which is init: it learns from the kernel how that ended. */
pid_t fork_sibling(void);

/* fresh.c: in the new root, before the fork into init and zygote; then the zygote, until the end of the
 * requests. */
int fresh_prepare(struct fresh *f, uint64_t tmp_inodes, struct err *e);
void fresh_serve(struct worker *w, struct function *f);

/* crash.c: from here on a crash says where it was, as its last line (ipc/start.h). */
int crash_init(struct err *e);

/* copy.c: the same for a copy. */
int copy_run(const struct start_copy *c, struct sandbox *s, int init, struct err *e);

/* serve.c: answers requests until their end; is_held: and waits until the master has let go of the worker. 0;
 * -errno when the function broke the connection. */
void serve_init(void);
int serve(struct function *f, int requests, bool is_held);
void serve_one(struct function *f, int requests); /* fresh mode: and no second one */

/* reset.c: what a handler may leave behind and the next request must not find. */
int reset_init(uint64_t tmp_inodes, struct err *e); /* empties /tmp */
void reset_remember(void);
void reset(void);

/* say.c: one message on the report channel by write(2), for sendmsg is refused by then. */
int say(uint32_t type, const void *body, size_t length);
int say_ready(const struct worker *w, const struct function *f, struct err *e);
/* type is REPORT_FAILED or REPORT_NOT_LOADED. */
void say_failed(uint32_t type, const struct err *failure);
