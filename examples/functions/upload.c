/* upload.c - takes files into the shared folder, lists them, and gives them back.
 *
 * The shared folder is "/" for the function.  A file appears under its name when it is whole, never before;
 * one that is too large or broke off leaves nothing behind. */
#include <cfn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 4 << 20, MAX_NAME = 64 };

/* Names are our own choice of bytes: no '/', and nothing hidden. */
static int
is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	return n > 0 && n <= MAX_NAME && name[0] != '.' && strspn(name, allowed) == n;
}

static int
write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, n);

		if (done < 0)
			return -errno;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The body as it comes, never the whole of it in memory. */
static int
save_body(cfn_request *req, int fd)
{
	char piece[16 << 10];
	int64_t total = 0;
	ssize_t n;
	int rc;

	while ((n = cfn_read(req, piece, sizeof piece)) > 0) {
		total += n;
		if (total > MAX_BYTES)
			return -EFBIG;
		rc = write_all(fd, piece, (size_t)n);
		if (rc < 0)
			return rc;
	}
	return n < 0 ? (int)n : fsync(fd) < 0 ? -errno : 0;
}

static int
save(cfn_request *req, const char *name)
{
	/* The request's id makes it ours alone, however many workers there are. */
	const char *making = cfn_sprintf(req, "/.making-%s", cfn_id(req));
	int fd = open(making, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = save_body(req, fd);
	close(fd);
	if (rc == 0 && rename(making, cfn_sprintf(req, "/%s", name)) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(making);
	return rc;
}

static int
put(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_param(req, "name");
	int rc;

	if (!is_name(name))
		return cfn_error(res, 400, "A name is 1 to %d letters, digits, '.', '_' and '-'.", MAX_NAME);
	/* What is announced as too large need not be read. */
	rc = cfn_length(req) > MAX_BYTES ? -EFBIG : save(req, name);
	if (rc == -EFBIG)
		return cfn_error(res, 413, "A file has at most %d bytes.", MAX_BYTES);
	if (rc < 0) {
		cfn_log(req, CFN_ERROR, "save %s: %s", name, strerror(-rc));
		return cfn_error(res, 500, "The file could not be saved.");
	}
	cfn_set(res, "Location", cfn_path(req));
	return cfn_send(res, 201, NULL, "saved %s\n", name);
}

static int
get(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_param(req, "name");

	if (!is_name(name))
		return cfn_error(res, 404, "There is no such file.");
	/* Whatever was uploaded, a browser is not to run it here. */
	cfn_set(res, "Content-Type", "application/octet-stream");
	return cfn_send_file(res, cfn_sprintf(req, "/%s", name));
}

static int
list(cfn_request *req, cfn_response *res)
{
	DIR *folder = opendir("/");
	struct dirent *entry;
	struct stat st;

	(void)req;
	if (!folder)
		return cfn_error(res, 500, "The folder cannot be read.");
	while ((entry = readdir(folder)))
		if (is_name(entry->d_name) && fstatat(dirfd(folder), entry->d_name, &st, 0) == 0 &&
		    S_ISREG(st.st_mode))
			cfn_printf(res, "%9lld %s\n", (long long)st.st_size, entry->d_name);
	closedir(folder);
	return 200;
}

/* A browser's form: each file that was chosen, as it arrives. */
static int
form(cfn_request *req, cfn_response *res)
{
	struct cfn_part part;
	int64_t size = 0;
	int rc = 0, n = 0;

	while (size >= 0 && (rc = cfn_part_next(req, &part)) > 0) {
		if (!part.filename || !*part.filename)
			continue;
		if (!is_name(part.filename))
			return cfn_error(res, 422, "'%s' is not a name for a file here.", part.filename);
		size = cfn_part_save(req, cfn_sprintf(req, "/%s", part.filename), MAX_BYTES);
		n++;
	}
	if (size == -EFBIG)
		return cfn_error(res, 413, "A file has at most %d bytes.", MAX_BYTES);
	if (rc == -EINVAL)
		return cfn_error(res, 415, "Send multipart/form-data, or one file to /upload/NAME.");
	if (size < 0 || rc < 0)
		return cfn_error(res, rc == -EBADMSG ? 400 : 500, "The form could not be read or saved.");
	return cfn_send(res, 201, NULL, "saved %d\n", n);
}

CFN_ROUTES({ "GET", "/upload", list }, { "GET", "/upload/:name", get }, { "POST PUT", "/upload/:name", put },
           { "POST", "/upload", form });
