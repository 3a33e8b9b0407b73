/* routes.c - several routes in one file: notes as a small REST interface, kept in the shared folder.
 *
 *     GET /notes              the names
 *     GET /notes/:id          one note
 *     PUT /notes/:id          makes or replaces it with the body
 *     DELETE /notes/:id       removes it */
#include <cfn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ID = 40, MAX_NOTE = 4096 };

/* The file of the note, or NULL for a name that cannot be one. */
static const char *
note_path(cfn_request *req)
{
	const char *id = cfn_param(req, "id");
	size_t n = strlen(id);

	if (n == 0 || n > MAX_ID || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return NULL;
	return cfn_sprintf(req, "/%s.note", id);
}

static int
no_note(cfn_response *res)
{
	return cfn_error(res, 404, "There is no such note.");
}

static int
list_notes(cfn_request *req, cfn_response *res)
{
	DIR *folder = opendir("/");
	struct dirent *entry;

	(void)req;
	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		const char *end = strstr(entry->d_name, ".note");

		if (end && !end[5])
			cfn_printf(res, "/notes/%.*s\n", (int)(end - entry->d_name), entry->d_name);
	}
	closedir(folder);
	return 200;
}

static int
get_note(cfn_request *req, cfn_response *res)
{
	const char *path = note_path(req);
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	char text[MAX_NOTE];
	ssize_t n;

	if (fd < 0)
		return no_note(res);
	n = read(fd, text, sizeof text);
	close(fd);
	return n < 0 || cfn_write(res, text, (size_t)n) < 0 ? -EIO : 200;
}

/* Written beside and renamed, so that a reader sees the old note or the new one. */
static int
replace(cfn_request *req, const char *path, const void *text, size_t n)
{
	const char *making = cfn_sprintf(req, "/.making-%s", cfn_id(req));
	int fd = open(making, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = 0;

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || rename(making, path) < 0)
		rc = errno ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		unlink(making);
	return rc;
}

static int
put_note(cfn_request *req, cfn_response *res)
{
	const char *path = note_path(req);
	const void *text;
	size_t n;

	if (!path)
		return cfn_error(res, 400, "A name is 1 to %d of a-z, 0-9 and '-'.", MAX_ID);
	text = cfn_body(req, &n);
	if (!text)
		return cfn_error(res, 400, "The note did not arrive whole.");
	if (n > MAX_NOTE)
		return cfn_error(res, 413, "A note has at most %d bytes.", MAX_NOTE);
	return replace(req, path, text, n) < 0 ? -EIO : 204;
}

static int
delete_note(cfn_request *req, cfn_response *res)
{
	const char *path = note_path(req);

	return path && unlink(path) == 0 ? 204 : no_note(res);
}

/* Last in the file, so that the handlers may be static. */
CFN_ROUTES({ "GET", "/notes", list_notes }, { "GET", "/notes/:id", get_note },
           { "PUT", "/notes/:id", put_note }, { "DELETE", "/notes/:id", delete_note });
