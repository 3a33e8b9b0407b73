/* web_servers.h - the web servers that cfn-deploy knows, and their configurations: those of examples/, which
 * say everything with the values that stand there, and are written here with others in their place. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { WEB_USERS_MAX = 2, WEB_MODULES_MAX = 6 };

struct web_server {
	const char *name, *program, *package; /* the package is Debian's */
	const char *users[WEB_USERS_MAX];     /* who it usually runs as, by distribution */
	const char *example; /* a whole configuration; between two marks is what an installation adds */
	unsigned port;       /* that the example listens on */
	unsigned least[3];   /* the oldest version that knows all that the example says */
	const char *version_option,
	    *version; /* what prints its version, and what stands before the number then */
	const char *modules[WEB_MODULES_MAX]; /* that Debian does not switch on by itself */
};

/* NULL: there is none of that name. */
const struct web_server *web_server_find(const char *name);

/* Each of them, from 0 on; NULL: there are no more. */
const struct web_server *web_server_at(size_t i);

/* "nginx, lighttpd, ...": all of them. */
void web_server_list(char *text, size_t size);

/* Where its program is: false when it is nowhere that programs usually are. */
bool web_server_program(const struct web_server *s, char *path, size_t size);

/* A value that may be written; NULL: this one is not there now. */
struct web_word {
	const char *name, *value;
};

/* Of the example's text each `from` becomes `to`, in which {NAME} is a word's value; only where the word
 * `when` has a value, if one is named.  The first row that fits counts.  The last row's from is NULL. */
struct web_change {
	const char *from, *to, *when;
};

/* Appends the configuration: all of it, or the part between the marks, moved to the left margin.  -ENOMEM,
 * -ENOSPC. */
int web_server_write(struct buf *to, const struct web_server *s, const struct web_change *changes,
                     const struct web_word *words, size_t n_words, bool is_whole);
