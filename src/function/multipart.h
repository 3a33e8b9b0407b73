/* multipart.h - multipart/form-data (RFC 7578; RFC 2046 section 5.1) taken apart as it arrives.  Pure: bytes
 * come from a function, and one window of them is all that is kept. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "function/arena.h"
#include "function/bounds.h"
#include "function/cfn.h"

enum multipart_stage {
	MULTIPART_DATA,    /* of a part, or of what stands before the first */
	MULTIPART_BETWEEN, /* behind a delimiter */
	MULTIPART_HEAD,
	MULTIPART_END,
};

struct multipart {
	ssize_t (*pull)(void *context, void *data, size_t n); /* bytes; 0 at the end; -errno */
	void *context;
	enum multipart_stage stage;
	int error; /* what ended it before its end; it stays */
	unsigned n_parts;
	size_t clear; /* bytes at start that are known to be data */
	size_t start, end;
	size_t delimiter_length;
	char delimiter[sizeof "\r\n--" + PART_BOUNDARY_MAX];
	char window[PART_WINDOW];
};

/* Whether a Content-Type field (NULL: there is none) is of this kind. */
bool multipart_is_type(const char *type);

/* type is the Content-Type field.  -EINVAL: another type; -EBADMSG: malformed, or without a boundary;
 * -ENOMEM. */
int multipart_open(struct multipart *m, const char *type, struct arena *a,
                   ssize_t (*pull)(void *context, void *data, size_t n), void *context);

/* The next part, the rest of this one skipped; its texts are in the arena.  1; 0 behind the last; -EBADMSG;
 * -EMSGSIZE past PARTS_MAX or PART_HEAD_MAX; -ENOMEM; what pull says. */
int multipart_next(struct multipart *m, struct arena *a, struct cfn_part *part);

/* The next bytes of the part, at most n; 0 at its end; errors as above. */
ssize_t multipart_read(struct multipart *m, void *data, size_t n);
