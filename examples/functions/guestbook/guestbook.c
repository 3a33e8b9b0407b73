/* guestbook.c - a page on which visitors leave a line: a form, a session that remembers the name, a token
 * against forms of other sites, and texts that stay texts.
 *
 * The entries are lines "time TAB name TAB text" of one file in the shared folder. */
#include <cfn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NAME = 60, MAX_TEXT = 1000, MAX_FILE = 4 << 20, SHOWN = 32 << 10 };
static const char entries[] = "/entries";

/* One line without tabs, so that an entry is what it seems to be in the file too. */
static char *
one_line(cfn_request *req, const char *text)
{
	char *line = text ? cfn_sprintf(req, "%s", text + strspn(text, " \t\r\n")) : NULL;

	for (char *p = line; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return line;
}

/* O_APPEND and one write: entries of several workers never mix.  -EFBIG when the book is full. */
static int
append(const char *line)
{
	int fd = open(entries, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t n = strlen(line);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size > MAX_FILE)
		rc = -EFBIG;
	else if (write(fd, line, n) != (ssize_t)n)
		rc = -EIO;
	close(fd);
	return rc;
}

/* The last ones, as many as fit into SHOWN bytes; an empty text when there are none. */
static char *
read_entries(cfn_request *req)
{
	char *text = cfn_alloc(req, SHOWN + 1), *line;
	int fd = open(entries, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), begin = end > SHOWN ? end - SHOWN : 0;
	ssize_t n = text && fd >= 0 ? pread(fd, text, SHOWN, begin) : 0;

	if (fd >= 0)
		close(fd);
	if (!text || n <= 0)
		return text;
	text[n] = '\0';
	if (begin == 0)
		return text;
	/* It begins in the middle of one. */
	line = strchr(text, '\n');
	return line ? line + 1 : text + n;
}

static void
write_entry(cfn_response *res, char *entry)
{
	char *name = strchr(entry, '\t'), *text = name ? strchr(name + 1, '\t') : NULL, when[32];
	time_t time = strtoll(entry, NULL, 10);
	struct tm tm;

	if (!text || !gmtime_r(&time, &tm))
		return;
	*name++ = *text++ = '\0';
	strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
	cfn_printf(res, "<li><b>");
	cfn_escape(res, name);
	cfn_printf(res, "</b> <time>%s</time><br>", when);
	cfn_escape(res, text);
	cfn_printf(res, "</li>\n");
}

/* From the last one to the first. */
static void
write_entries(cfn_response *res, char *text)
{
	for (char *line; (line = strrchr(text, '\n')); *line = '\0')
		if (line[1])
			write_entry(res, line + 1);
	if (*text)
		write_entry(res, text);
}

static int
show(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_session(req, "name"), *token = cfn_csrf(req);
	char *text = read_entries(req);

	if (!token || !text)
		return cfn_error(res, 500, "The guestbook cannot be read.");
	cfn_set(res, "Content-Type", "text/html; charset=utf-8");
	/* Should an entry ever become markup by a mistake, no script of it runs. */
	cfn_set(res, "Content-Security-Policy",
	        "default-src 'none'; form-action 'self'; frame-ancestors 'none'");
	cfn_cache(res, -1, 0);
	cfn_printf(res,
	           "<!doctype html><html lang=en><meta charset=utf-8><title>Guestbook</title>\n"
	           "<h1>Guestbook</h1>\n<form method=post action=\"/guestbook\">\n"
	           "<input type=hidden name=\"csrf\" value=\"%s\">\n"
	           "<input name=name placeholder=Name required maxlength=%d value=\"",
	           token, MAX_NAME);
	cfn_escape(res, name ? name : "");
	cfn_printf(res,
	           "\">\n<textarea name=text required maxlength=%d></textarea>\n"
	           "<button>Write</button>\n</form>\n<ul>\n",
	           MAX_TEXT);
	write_entries(res, text);
	return cfn_printf(res, "</ul>\n</html>\n") < 0 ? -EFBIG : 200;
}

static int
post(cfn_request *req, cfn_response *res)
{
	const char *name, *text;
	int rc;

	/* First of all: else another site could write in the visitor's name. */
	if (!cfn_csrf_ok(req))
		return cfn_error(res, 403,
		                 "The form is not from this page, or too old.  Go back and load it again.");
	name = one_line(req, cfn_form(req, "name"));
	text = one_line(req, cfn_form(req, "text"));
	if (!name || !*name || strlen(name) > MAX_NAME || !text || !*text || strlen(text) > MAX_TEXT)
		return cfn_error(res, 422, "A name has 1 to %d bytes, a text 1 to %d.", MAX_NAME, MAX_TEXT);
	rc = append(cfn_sprintf(req, "%lld\t%s\t%s\n", (long long)time(NULL), name, text));
	if (rc < 0) {
		cfn_log(req, CFN_ERROR, "append: %s", strerror(-rc));
		return cfn_error(res, rc == -EFBIG ? 507 : 500, "The entry could not be kept.");
	}
	cfn_session_set(req, res, "name", name);
	/* 303: loading the page that follows anew does not post again. */
	return cfn_redirect(res, 303, "/guestbook");
}

CFN_ROUTES({ "GET", "/guestbook", show }, { "POST", "/guestbook", post });
