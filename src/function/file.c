/* file.c - a file as the answer: its type, what the client has of it already, and the part that it wants. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "function/bounds.h"
#include "function/exchange.h"
#include "http/http.h"

struct file {
	int fd;
	uint64_t size;
	char etag[FILE_TAG_SIZE], modified[HTTP_DATE_SIZE];
};

/* Text is taken for UTF-8. */
static const struct {
	const char *ending, *type;
} types[] = {
	{ "html", "text/html; charset=utf-8" },
	{ "htm", "text/html; charset=utf-8" },
	{ "css", "text/css; charset=utf-8" },
	{ "js", "text/javascript; charset=utf-8" },
	{ "mjs", "text/javascript; charset=utf-8" },
	{ "txt", "text/plain; charset=utf-8" },
	{ "md", "text/markdown; charset=utf-8" },
	{ "csv", "text/csv; charset=utf-8" },
	{ "xml", "application/xml" },
	{ "json", "application/json" },
	{ "pdf", "application/pdf" },
	{ "wasm", "application/wasm" },
	{ "zip", "application/zip" },
	{ "gz", "application/gzip" },
	{ "svg", "image/svg+xml" },
	{ "png", "image/png" },
	{ "jpg", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "gif", "image/gif" },
	{ "webp", "image/webp" },
	{ "avif", "image/avif" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "woff2", "font/woff2" },
	{ "mp3", "audio/mpeg" },
	{ "ogg", "audio/ogg" },
	{ "mp4", "video/mp4" },
	{ "webm", "video/webm" },
};

static const char *
type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
		if (strcasecmp(dot + 1, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* By what changes with the content: when it was written, to the nanosecond, and its size. */
static int
file_open(struct file *f, const char *path)
{
	struct stat st;

	/* A pipe must not hold the worker up. */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	f->size = (uint64_t)st.st_size;
	snprintf(f->etag, sizeof f->etag, "\"%llx-%lx-%llx\"", (long long)st.st_mtim.tv_sec,
	         st.st_mtim.tv_nsec, (long long)st.st_size);
	http_date_format(st.st_mtim.tv_sec, f->modified);
	return 0;
}

static const char *
field(const struct cfn_request *q, const char *param)
{
	return param_find(q, param);
}

/* RFC 9110 section 13.2.2.  A date is compared as a text: who has one got it from us.  0, 304 or 412. */
static int
precondition(const struct cfn_request *q, const struct file *f)
{
	const char *match = field(q, "HTTP_IF_MATCH"), *none = field(q, "HTTP_IF_NONE_MATCH");
	const char *since = field(q, "HTTP_IF_MODIFIED_SINCE");

	if (match && !http_etag_is_listed(match, f->etag, HTTP_STRONG))
		return 412;
	if (none)
		return http_etag_is_listed(none, f->etag, HTTP_WEAK) ? 304 : 0;
	return since && strcmp(since, f->modified) == 0 ? 304 : 0;
}

/* 200 and all of it, 206 and a part, or 416. */
static int
range_choose(const struct cfn_request *q, const struct file *f, struct http_range *range)
{
	const char *wanted = field(q, "HTTP_RANGE"), *condition = field(q, "HTTP_IF_RANGE");
	bool is_same = !condition || strcmp(condition, f->etag) == 0 || strcmp(condition, f->modified) == 0;
	int rc = wanted && is_same ? http_range_read(wanted, f->size, range) : 0;

	if (rc == 0)
		*range = (struct http_range){ 0, f->size - 1 };
	return rc < 0 ? 416 : rc == 0 ? 200 : 206;
}

static int
range_set(struct cfn_response *r, int status, const struct file *f, const struct http_range *range)
{
	char text[96];

	if (status == 206)
		snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
		         (unsigned long long)range->last, (unsigned long long)f->size);
	else
		snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)f->size);
	return status == 200 ? 0 : header_set(r, "Content-Range", text);
}

static int
fields_set(struct cfn_response *r, const struct file *f)
{
	int rc = header_set(r, "ETag", f->etag);

	if (rc == 0)
		rc = header_set(r, "Last-Modified", f->modified);
	return rc;
}

/* A file that became shorter meanwhile is -EIO. */
static int
bytes_write(struct cfn_response *r, int fd, uint64_t offset, uint64_t left)
{
	char piece[16 << 10];
	int rc = 0;

	while (rc == 0 && left > 0) {
		ssize_t n = pread(fd, piece, size_min(sizeof piece, left), (off_t)offset);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		rc = cfn_write(r, piece, (size_t)n);
		offset += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return rc;
}

/* What fits is buffered like any answer; what does not leaves as a stream of a known length, and so does the
 * head alone. */
static int
body_send(struct cfn_response *r, int status, const struct file *f, const struct http_range *range)
{
	uint64_t n = f->size > 0 ? range->last - range->first + 1 : 0;
	bool is_head = request_is_head(r->request);
	int rc = 0;

	if (is_head || n > r->request->output_max)
		rc = stream_begin(r, status, (int64_t)n);
	if (rc == 0 && !is_head)
		rc = bytes_write(r, f->fd, range->first, n);
	if (rc < 0)
		cfn_log(r->request, CFN_ERROR, "a file was not sent whole: %s", strerror(-rc));
	return rc < 0 ? rc : status;
}

static int
whole_send(struct cfn_response *r, int status, const struct file *f, const char *path)
{
	const struct http_range range = { 0, f->size - 1 };

	if (!header_is_set(r, "Content-Type"))
		header_set(r, "Content-Type", type_of(path));
	return body_send(r, status, f, &range);
}

/* RFC 9110 section 13.2.1: conditions are for answers that would be a 200. */
static int
file_send(struct cfn_response *r, const struct file *f, const char *path)
{
	bool is_read = request_is_head(r->request) || strcmp(r->request->method, "GET") == 0;
	struct http_range range = { 0, f->size - 1 };
	int status = is_read ? precondition(r->request, f) : 0;

	if (status == 412)
		return cfn_error(r, 412, "The file has changed.");
	if (fields_set(r, f) < 0)
		return -E2BIG;
	if (status == 304)
		return 304;
	status = is_read ? range_choose(r->request, f, &range) : 200;
	if (range_set(r, status, f, &range) < 0)
		return -E2BIG;
	if (status == 416)
		return cfn_error(r, 416, "The file has %llu bytes.", (unsigned long long)f->size);
	header_set(r, "Accept-Ranges", "bytes");
	if (!header_is_set(r, "Content-Type"))
		header_set(r, "Content-Type", type_of(path));
	return body_send(r, status, f, &range);
}

/* What a client may hear of an open(2) that failed: nothing but that there is no such file. */
static bool
is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EISDIR || error == EACCES || error == ELOOP ||
	       error == ENAMETOOLONG || error == ENXIO;
}

int
cfn_send_file(cfn_response *r, const char *path)
{
	struct file f = { .fd = -1 };
	int status = r->status ? r->status : 200, rc = output_begin(r, status);

	if (rc < 0)
		return rc;
	rc = file_open(&f, path);
	if (rc == 0)
		rc = status == 200 ? file_send(r, &f, path) : whole_send(r, status, &f, path);
	else if (is_absence(-rc))
		rc = cfn_error(r, 404, "There is no such file.");
	else
		cfn_log(r->request, CFN_ERROR, "%s: %s", path, strerror(-rc));
	fd_close(&f.fd);
	return rc;
}

/* ---- what other answers need of the same ---- */

int
cfn_etag(cfn_response *r, const char *tag)
{
	char text[ANSWER_TAG_MAX + sizeof "W/\"\""];
	const struct cfn_request *q = r->request;
	const char *none = field(q, "HTTP_IF_NONE_MATCH");
	int rc;

	if (!tag || strlen(tag) > ANSWER_TAG_MAX)
		return -EINVAL;
	snprintf(text, sizeof text, "\"%s\"", tag);
	if (!http_is_etag(text))
		return -EINVAL;
	rc = cfn_set(r, "ETag", text);
	if (rc < 0 || (!request_is_head(q) && strcmp(q->method, "GET") != 0))
		return rc;
	return none && http_etag_is_listed(none, text, HTTP_WEAK);
}

int
cfn_cache(cfn_response *r, long max_age, unsigned flags)
{
	char text[96];

	if (flags & ~(unsigned)(CFN_CACHE_PRIVATE | CFN_CACHE_IMMUTABLE))
		return -EINVAL;
	if (max_age < 0)
		return cfn_set(r, "Cache-Control", "no-store");
	snprintf(text, sizeof text, "%s, max-age=%ld%s", flags & CFN_CACHE_PRIVATE ? "private" : "public",
	         max_age, flags & CFN_CACHE_IMMUTABLE ? ", immutable" : "");
	return cfn_set(r, "Cache-Control", text);
}
