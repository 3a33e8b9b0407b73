/* cfn.h - web functions in C and C++.  The whole interface between a function and its worker: cfn(3).
 *
 * Strings that come from here are UTF-8 without NUL and live until the handler returns; nothing has to be
 * freed.  An int is 0 or -errno unless it says otherwise; a pointer is NULL with errno set, ENOENT when the
 * thing that was asked for is absent.  A request and its response belong to the thread that the handler was
 * called in.  What the function prints on its standard output and error goes to its log, never to the client.
 * Names that begin with cfn_ and CFN_ are reserved. */
#ifndef CFN_H
#define CFN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CFN_ABI    1
#define CFN_EXPORT __attribute__((visibility("default")))
#ifdef __cplusplus
#define CFN_C extern "C"
#else
#define CFN_C
#endif
#define CFN_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cfn_request cfn_request;
typedef struct cfn_response cfn_response;

/* A handler returns the status of the answer (200 .. 599); 0: the status that was set, else 200; less than 0:
 * it failed, the client gets a 500. */
typedef int cfn_handler(cfn_request *, cfn_response *);

/* What a file offers: either one handler, found by its name (in C++ with CFN_C before it), or a table:
 *
 *     CFN_ROUTES({ "GET", "/notes", list }, { "GET DELETE", "/notes/:id", note });
 *
 * once in the function and last in its file, so that handlers may be static. */
struct cfn_route {
	const char *methods, *path;
	cfn_handler *handler;
};
CFN_EXPORT extern const struct cfn_route cfn_routes[];
#define CFN_ROUTES(...) const struct cfn_route cfn_routes[] = { __VA_ARGS__, { 0, 0, 0 } }

/* Both optional.  cfn_init: once in each worker, before its first request; less than 0 refuses the version.
 * cfn_fini: when the worker ends in good order. */
CFN_EXPORT int cfn_init(void);
CFN_EXPORT void cfn_fini(void);

/* The interface that this file was compiled for; the worker reads it before anything else. */
CFN_EXPORT __attribute__((weak)) extern const int cfn_abi;
const int cfn_abi = CFN_ABI;

/* Memory of this request: zeroed, aligned for any type, gone when the handler returns.  ENOMEM. */
void *cfn_alloc(cfn_request *, size_t size);
char *cfn_sprintf(cfn_request *, const char *format, ...) CFN_PRINTF(2, 3);
char *cfn_url_encode(cfn_request *,
                     const char *text); /* for one segment of a path, or one value of a query */
/* Calls run(what) after the handler has returned, the last one that was given first: frees what a library
 * made.  ENOMEM. */
int cfn_defer(cfn_request *, void (*run)(void *what), void *what);

/* Request.  Path, query and header fields were decoded and checked before the handler runs: a malformed one
 * is a 400 that it never sees. */
const char *cfn_method(cfn_request *);
const char *cfn_path(cfn_request *);
const char *cfn_id(cfn_request *); /* the request's id, as in the logs and X-Request-Id */
const char *
cfn_user(cfn_request *); /* whom the gate let in; NULL and ENOENT: it asks nobody (deploy --auth) */
const char *cfn_client(cfn_request *); /* the client's address, as the web server says */
const char *cfn_scheme(cfn_request *); /* "https", or "http" */
const char *cfn_host(cfn_request *);   /* the field Host, the client's own word; else the server's name */
const char *cfn_param(cfn_request *, const char *name);  /* ":id" is "id", a last "*" of the route is "*" */
const char *cfn_query(cfn_request *, const char *name);  /* the first of that name */
const char *cfn_header(cfn_request *, const char *name); /* in any case: "User-Agent", "user-agent" */
const char *cfn_cookie(cfn_request *, const char *name); /* what cfn_set_cookie was given */
const char *cfn_form(cfn_request *, const char *name);   /* reads the body; EBADMSG, EMSGSIZE, ECONNRESET */
const char *cfn_env(const char *name);                   /* what the operator gave to the function */
/* A decimal number.  -ENOENT, -EINVAL (not a number), -ERANGE; then *value is left alone. */
int cfn_query_int(cfn_request *, const char *name, long min, long max, long *value);

/* Calls each for every name and value in their order, until it returns something else than 0, which is
 * returned.  Header names are in lower case. */
enum cfn_from { CFN_QUERY, CFN_HEADER, CFN_COOKIE, CFN_FORM };
int cfn_each(cfn_request *, enum cfn_from, int (*each)(void *context, const char *name, const char *value),
             void *context);

/* Of the body in bytes; -1: not announced. */
int64_t cfn_length(cfn_request *);
/* All of it, and a NUL that does not count; EFBIG, ECONNRESET, EALREADY, ENOMEM. */
const void *cfn_body(cfn_request *, size_t *size);
/* The next bytes; 0 at the end; -EFBIG, -ECONNRESET. */
ssize_t cfn_read(cfn_request *, void *data, size_t size);
/* All of it into a file, which appears under its name when it is whole, in the place of an earlier one: its
 * size; -EFBIG past max, -ECONNRESET, or an error of the file system: then nothing is left. */
int64_t cfn_save(cfn_request *, const char *path, int64_t max);
/* Whether it is UTF-8 without NUL, as bodies need not be. */
bool cfn_utf8_ok(const void *data, size_t size);

/* multipart/form-data, part by part as it arrives: nothing is spooled.  A part's texts live until the handler
 * returns; the file name has no folders, is not hidden and is at most 255 bytes long. */
struct cfn_part {
	const char *name;
	const char *filename; /* NULL: a text; empty: a file that was not chosen, or without a usable name */
	const char *type;     /* as the client says; text/plain when it does not */
};
/* The next part, whatever is left of this one: 1; 0: there is none; -EINVAL (not such a body), -EBADMSG,
 * -EMSGSIZE, or as cfn_read. */
int cfn_part_next(cfn_request *, struct cfn_part *);
/* The next bytes of the part; 0 at its end. */
ssize_t cfn_part_read(cfn_request *, void *data, size_t size);
/* The rest of the part into a file, as cfn_save. */
int64_t cfn_part_save(cfn_request *, const char *path, int64_t max);

/* Answer.  It is buffered and leaves when the handler returns, with its length.  Unless set, the type is
 * text/plain in UTF-8, and X-Content-Type-Options is nosniff. */
int cfn_status(cfn_response *, int status);
int cfn_set(cfn_response *, const char *header, const char *value); /* replaces; NULL removes */
int cfn_add(cfn_response *, const char *header, const char *value);
/* -EFBIG over the function's output limit.  Once a write has failed, those behind it do: look at the last. */
int cfn_write(cfn_response *, const void *data, size_t size);
int cfn_printf(cfn_response *, const char *format, ...) CFN_PRINTF(2, 3);
int cfn_escape(cfn_response *, const char *text); /* with & < > " ' as HTML entities */

/* max_age in seconds; 0 removes the cookie, less than 0: until the browser closes.  0 for flags means Secure,
 * HttpOnly, SameSite=Lax; the path is always "/". */
enum cfn_cookie_flags {
	CFN_COOKIE_HTTP = 1,   /* over plain HTTP too */
	CFN_COOKIE_SCRIPT = 2, /* scripts of the page may read it */
	CFN_COOKIE_STRICT = 4, /* SameSite=Strict */
	CFN_COOKIE_CROSS = 8,  /* SameSite=None; not with CFN_COOKIE_HTTP or _STRICT */
};
int cfn_set_cookie(cfn_response *, const char *name, const char *value, long max_age, unsigned flags);

/* These finish: what was written before is discarded.  They return what the handler is to return. */
int cfn_send(cfn_response *, int status, const char *type, const char *format, ...) CFN_PRINTF(4, 5);
int cfn_error(cfn_response *, int status, const char *format, ...) CFN_PRINTF(3, 4);
int cfn_redirect(cfn_response *, int status, const char *to);
/* The file, or the range of it that the client wants; 304 when the client has it; 404 when there is none. The
 * type follows the name's ending unless it was set.  With a status that was set, all of it with that one: a
 * page for 404. */
int cfn_send_file(cfn_response *, const char *path);

/* For answers that are made: sets ETag.  1: the client has this one already, return 304; 0; -EINVAL. */
int cfn_etag(cfn_response *, const char *tag);
/* Sets Cache-Control: public, for so many seconds; less than 0: not to be stored. */
enum cfn_cache_flags { CFN_CACHE_PRIVATE = 1, CFN_CACHE_IMMUTABLE = 2 };
int cfn_cache(cfn_response *, long max_age, unsigned flags);

/* Streams.  cfn_stream: status and header fields leave now; what is written follows in pieces, at the latest
 * with cfn_flush.  -EPIPE from then on means that nobody reads any more: return.  The last three give
 * -ESHUTDOWN when the version or the pool is to end: say goodbye, and return. */
int cfn_stream(cfn_response *, int status, const char *type);
int cfn_flush(cfn_response *);
int cfn_event(cfn_response *, const char *event, const char *data); /* one Server-Sent Event, flushed */
int cfn_wait(cfn_request *, int ms); /* flushes, sleeps 0 .. 3,600,000 ms, or less */

/* Passwords are kept as their scrypt hash, "$scrypt$ln=14,r=8,p=5$...", with a salt of its own: EINVAL past
 * 1,024 bytes.  It costs 16 MiB and some tenths of a second of CPU time, on purpose. */
char *cfn_password_hash(cfn_request *, const char *password);
bool cfn_password_ok(const char *password, const char *hash);
/* Whether hex, with or without "sha256=" before it, is the HMAC-SHA-256 of the data: what senders of webhooks
 * sign with.  Both compare in constant time and are false for anything malformed. */
bool cfn_hmac_ok(const char *key, const void *data, size_t size, const char *hex);

/* Sessions: names and values that one browser brings back, sealed in a cookie that no script, no other
 * function and nobody else can read or make; what is read is authentic and not over.  At most 2,048 bytes as
 * they are written in a URL, and 32 names.  It is a value and no lock: of two answers at a time the last one
 * to arrive wins. */
const char *cfn_session(cfn_request *, const char *key);
/* NULL removes.  -EINVAL, -E2BIG, -EALREADY behind cfn_stream: then it is as it was. */
int cfn_session_set(cfn_request *, cfn_response *, const char *key, const char *value);
/* Another one, which is empty: at login and at logout. */
int cfn_session_new(cfn_request *, cfn_response *);
/* What a form that changes something has in a hidden field "csrf", or a script in the field X-CSRF-Token:
 * only a page that was shown in this session has it.  Begins a session when there is none. */
const char *cfn_csrf(cfn_request *);
/* Whether the request came with it.  Reads the body of a form. */
bool cfn_csrf_ok(cfn_request *);

/* One line in the function's log; the levels are those of syslog(3). */
enum cfn_level { CFN_ERROR = 3, CFN_WARNING = 4, CFN_NOTICE = 5, CFN_INFO = 6, CFN_DEBUG = 7 };
void cfn_log(cfn_request *, int level, const char *format, ...) CFN_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
