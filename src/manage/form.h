/* form.h - the fields of a request's body: multipart/form-data (RFC 7578), or as of a form's GET.  Pure, of
 * untrusted bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	FORM_PARTS_MAX = 64,
	FORM_HEAD_MAX = 1024,     /* bytes of a part's fields */
	FORM_BOUNDARY_MAX = 70,   /* RFC 2046, section 5.1.1 */
	FORM_NAME_SIZE = 64,      /* of a field, and NUL */
	FORM_FILE_NAME_SIZE = 64, /* of a file, and NUL */
};

struct form_part {
	char name[FORM_NAME_SIZE];
	bool is_file;
	char file_name[FORM_FILE_NAME_SIZE]; /* plain: letters, digits, '_', '-', and '.' not in front */
	const char *data;                    /* within the body, or the form's own */
	size_t n;
};

struct form {
	size_t n;
	struct form_part parts[FORM_PARTS_MAX];
	char *decoded; /* of what was percent-encoded */
};

/* Reads a body of this Content-Type.  A multipart one begins with its delimiter, which the type need not name
 * (curl -H "Content-Type: multipart/form-data" takes its own away); what the type names has to be it.
 * -EBADMSG, -E2BIG, -EMSGSIZE, -EINVAL (another type), -ENOMEM.  form_done() in any case. */
int form_read(struct form *f, const char *type, const char *body, size_t n, struct err *e);
/* The same for a query. */
int form_read_query(struct form *f, const char *query, struct err *e);
void form_done(struct form *f);
