/* standalone.h - a function as a plain program: its requests come from the command line, or from a web server
 * by CGI/1.1 (RFC 3875), and no sandbox, router or worker is there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/ending.h"
#include "base/err.h"
#include "base/macros.h"
#include "function/function.h"
#include "http/http.h"
#include "route/snapshot.h"

enum {
	PARAMS_MAX = 512,              /* of one request */
	STANDALONE_FIELDS_MAX = 128,   /* --header */
	STANDALONE_BODY_MAX = 8 << 20, /* bytes; what a pool takes unless its configuration says otherwise */
};

/* params.c - "NAME=value", as function_serve takes them. */
struct params {
	size_t n;
	char *items[PARAMS_MAX + 1]; /* on the heap; NULL at the end */
	char path[HTTP_PATH_MAX];    /* normalised */
	unsigned method;
};

struct fields {
	size_t n;
	const char *items[STANDALONE_FIELDS_MAX]; /* "Name: value" */
};

/* "METHOD /path?query" with what a web server would add.  n_body: -1, it has none.  -EINVAL, -E2BIG, -ENOMEM;
 * params_done() is due in any case. */
int params_of_line(struct params *p, const char *line, const struct fields *fields, long long n_body,
                   struct err *e);
/* What a web server gave to a CGI program.  As above. */
int params_of_cgi(struct params *p, char **environment, struct err *e);
int params_add(struct params *p, struct err *e, const char *format, ...) PRINTF_LIKE(3, 4);
void params_done(struct params *p);

/* Whether requests with this method have a body. */
bool params_takes_body(const char *line);

/* routes.c - which row of the function's table a request is for.  A plain entry takes everything. */
int routes_open(const struct function *f, struct snapshot **map, struct err *e);
/* Adds CFN_ROUTE and the parameters of the path: CAUSE_NONE; or why a router would answer by itself, with the
 * methods that the path takes. */
enum cause routes_find(const struct snapshot *map, struct params *p, unsigned *methods, struct err *e);

/* answer.c - what the function reads and writes. */
struct answer {
	int fd;
	bool is_raw; /* as a CGI program says it; else for people: lines of the head end as those of texts */
	bool has_head;
	const char *body;
	size_t n_body;
	struct buf head;
	int status; /* 0: it gave no answer that is one */
};
void answer_begin(struct answer *a, const char *body, size_t n_body);
struct function_io answer_io(struct answer *a);
/* What a router says for this cause. */
int answer_refuse(struct answer *a, const struct http_problem *problem);
