/* upload.c - files for others to fetch: /upload is a page with a form and what is there, /upload/NAME a file.
 *
 *     POST /upload            a browser's form, with any number of files
 *     PUT /upload/:name       the body is the file
 *     GET, DELETE /upload/:name
 *
 * The shared folder is "/" for the function.  A file appears under its name when it is whole; one that is too
 * large or breaks off leaves nothing behind. */
#include <cfn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 4 << 20, MAX_NAME = 64, MAX_FILES = 200 };

/* Our own choice of bytes: no '/', nothing hidden, and nothing that a page or a header field would have to
 * quote. */
static bool
is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	return n > 0 && n <= MAX_NAME && name[0] != '.' && strspn(name, allowed) == n;
}

static const char *
path_of(cfn_request *req, const char *name)
{
	return cfn_sprintf(req, "/%s", name);
}

/* Calls each for every file, and returns how many there are, or -errno. */
static int
each_file(cfn_response *res, void (*each)(cfn_response *, const char *name, const struct stat *))
{
	DIR *folder = opendir("/");
	struct dirent *entry;
	struct stat st;
	int n = 0;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		if (!is_name(entry->d_name) ||
		    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		n++;
		if (each)
			each(res, entry->d_name, &st);
	}
	closedir(folder);
	return n;
}

static int
save_failed(cfn_request *req, cfn_response *res, int64_t rc)
{
	if (rc == -EFBIG)
		return cfn_error(res, 413, "A file has at most %d bytes.", MAX_BYTES);
	if (rc == -EBADMSG || rc == -EMSGSIZE || rc == -ECONNRESET)
		return cfn_error(res, 400, "The files did not arrive whole.");
	/* "/tmp" is there, and no file. */
	if (rc == -EISDIR || rc == -EBUSY)
		return cfn_error(res, 409, "This name is taken.");
	cfn_log(req, CFN_ERROR, "save: %s", strerror((int)-rc));
	return cfn_error(res, rc == -ENOSPC ? 507 : 500, "The file could not be saved.");
}

/* Two at the same moment may both find room: a limit against filling up, not a promise. */
static bool
is_full(cfn_request *req, const char *name)
{
	return each_file(NULL, NULL) >= MAX_FILES && access(path_of(req, name), F_OK) < 0;
}

static int
put(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_param(req, "name");
	int64_t size;

	if (!is_name(name))
		return cfn_error(res, 400, "A name is 1 to %d letters, digits, '.', '_' and '-'.", MAX_NAME);
	if (is_full(req, name))
		return cfn_error(res, 507, "There are %d files already.", MAX_FILES);
	size = cfn_save(req, path_of(req, name), MAX_BYTES);
	if (size < 0)
		return save_failed(req, res, size);
	cfn_set(res, "Location", cfn_path(req));
	return cfn_send(res, 201, NULL, "saved %s\n", name);
}

static int
form(cfn_request *req, cfn_response *res)
{
	struct cfn_part part;
	int64_t size = 0;
	int rc;

	while ((rc = cfn_part_next(req, &part)) > 0) {
		if (!part.filename || !*part.filename)
			continue;
		if (!is_name(part.filename))
			return cfn_error(res, 422, "'%s' is not a name for a file here.", part.filename);
		if (is_full(req, part.filename))
			return cfn_error(res, 507, "There are %d files already.", MAX_FILES);
		size = cfn_part_save(req, path_of(req, part.filename), MAX_BYTES);
		if (size < 0)
			return save_failed(req, res, size);
	}
	if (rc == -EINVAL)
		return cfn_error(res, 415, "Send multipart/form-data, or PUT one file to /upload/NAME.");
	return rc < 0 ? save_failed(req, res, rc) : cfn_redirect(res, 303, "/upload");
}

static int
get(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_param(req, "name");

	if (!is_name(name))
		return cfn_error(res, 404, "There is no such file.");
	/* Whatever was uploaded, a browser is not to run it here. */
	cfn_set(res, "Content-Type", "application/octet-stream");
	cfn_set(res, "Content-Disposition", "attachment");
	return cfn_send_file(res, path_of(req, name));
}

static int delete (cfn_request *req, cfn_response *res)
{
	const char *name = cfn_param(req, "name");

	return is_name(name) && unlink(path_of(req, name)) == 0
	           ? 204
	           : cfn_error(res, 404, "There is no such file.");
}

static void
list_file(cfn_response *res, const char *name, const struct stat *st)
{
	cfn_printf(res, "<li><a href=\"/upload/%s\">%s</a>, %lld bytes\n", name, name,
	           (long long)st->st_size);
}

static int
page(cfn_request *req, cfn_response *res)
{
	(void)req;
	cfn_set(res, "Content-Type", "text/html; charset=utf-8");
	cfn_set(res, "Content-Security-Policy", "default-src 'none'; form-action 'self'");
	cfn_printf(res,
	           "<!doctype html><meta charset=utf-8><title>Files</title>\n"
	           "<form method=post action=\"/upload\" enctype=\"multipart/form-data\">\n"
	           "<input type=file name=file multiple required> <button>Upload</button>\n</form>\n<ul>\n");
	if (each_file(res, list_file) < 0)
		return cfn_error(res, 500, "The folder cannot be read.");
	cfn_printf(res, "</ul>\n");
	return 200;
}

CFN_ROUTES({ "GET", "/upload", page }, { "POST", "/upload", form }, { "GET", "/upload/:name", get },
           { "PUT", "/upload/:name", put }, { "DELETE", "/upload/:name", delete });
