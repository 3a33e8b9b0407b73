/* function.h - a loaded artifact, and one request served by it.  What cfn-worker uses; authors see cfn.h. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct function;

/* How the worker reads and writes records; the functions return what read(2) and write(2) do,
 * -errno. */
struct function_io {
	void *context;
	ssize_t (*read)(void *context, void *data, size_t n);        /* request body; 0 at its end */
	ssize_t (*write)(void *context, const void *data, size_t n); /* header block and body of the answer */
	int (*flush)(void *context);                                 /* what was written leaves now */
	void (*log)(void *context, const char *line, size_t n);      /* one line to the function's log */
	/* Waits for ms; before that: -EPIPE, the client is gone; -ESHUTDOWN, the version or the pool ends.
	 * NULL: nobody would say so. */
	int (*wait)(void *context, int ms);
};

/* dlopen(path) and look the symbols up; path NULL: the program itself is the artifact.  entry is the
 * handler's symbol, or empty: then the artifact has cfn_routes.  Checks cfn_abi.  The author's constructors
 * run here: call it inside the sandbox only. libcfn.so.1, the stub, must have been loaded by dlopen before;
 * the program exports the real functions (EXPORT_FUNCTIONS in module.am).  Makes stdout line-buffered.
 * -ENOEXEC (the loader's words), -ENOENT (no such handler), -EPROTO (another ABI, or this program exports
 * nothing), -EINVAL and -E2BIG (the route table), -ENOMEM. */
int function_load(const char *path, const char *entry, struct function **f, struct err *e);

/* Runs cfn_init, once, before the first request.  -ECANCELED when it refuses. */
int function_start(struct function *f, struct err *e);

/* Runs cfn_fini.  The artifact stays mapped, since threads of it may still run: the process is to end. */
void function_unload(struct function *f);

/* The artifact's own route table: rows of (methods, path); n is 0 for a plain entry. */
size_t function_n_routes(const struct function *f);
void function_route(const struct function *f, size_t i, const char **methods, const char **path);

/* Serves one request: params is the CGI environment ("NAME=value", NULL at the end) with the router's own
 * CFN_* names in it (below), untrusted as to the client's part.  Writes a whole answer, whatever the handler
 * did.  0; -ECANCELED when the handler broke off a stream that it had begun: then FastCGI's appStatus must
 * not be 0, so that the client does not take what it got for whole.  What is unread of the body is the
 * caller's to skip. */
int function_serve(struct function *f, const struct function_io *io, char **params);

/* Why what was answered last is a problem of ours and not the handler's answer; CAUSE_NONE: it is the
 * handler's. */
enum cause function_cause(const struct function *f);

/* Params that the router adds; a client cannot set them (its headers all begin with HTTP_).
 *   CFN_REQUEST_ID   id for logs and X-Request-Id
 *   CFN_USER         the name of the token that let the client in; only where one is asked for
 *   CFN_PATH         the normalised path
 *   CFN_ROUTE        index into the artifact's route table
 *   CFN_PARAM_name   value of ":name"; CFN_PARAM_* of the trailing "*"
 *   CFN_OUTPUT_MAX   bytes of a buffered answer
 *   CFN_BODY_MAX     bytes of the request body
 *   CFN_SESSION      the session's text (session/session.h); missing: there is none
 *   CFN_SESSION_DUE  "1": it is to be renewed when it is used
 * The answer's field X-CFN-Session has the text that the session is to have, and never leaves the router. */

/* cfn_env: "K=V" NUL ... as policy.h has them; the memory stays the caller's for the process's life. */
void function_set_environment(const char *env, size_t size);
