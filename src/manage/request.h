/* request.h - a request at and below the path of management as a job.  Pure, of untrusted bytes. */
#pragma once
#include <stdbool.h>

#include "manage/form.h"
#include "manage/job.h"

struct manage_request {
	const char *method, *path, *query, *type, *body;
	size_t n_body;
};

/* Fills in a job but for its number and its token, and which parts of the form are its files.  0, or the
 * status to refuse it with: 400, 404, 405 (*allow says which methods there are), 415. */
int request_read(const struct manage_request *q, struct form *form, struct job *j,
                 const struct form_part *files[JOB_FILES_MAX], const char **allow, struct err *e);

/* Whether a browser's page of another site has sent it: -EPERM says so.  NULL: the field is not there. */
int request_check_site(const char *origin, const char *fetch_site, const char *host, struct err *e);
