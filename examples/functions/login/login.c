/* login.c - accounts: registering, logging in and out, and a page for those who are in.
 *
 *     GET  /account            the page, or the forms
 *     POST /account/register   name, password
 *     POST /account/login      name, password
 *     POST /account/logout
 *
 * A user is a file of the shared folder, called like the user, with the scrypt hash of the password. */
#include <cfn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAME = 32, MIN_PASSWORD = 10, MAX_PASSWORD = 200, MAX_HASH = 256 };

static const char head[] = "<!doctype html><html lang=en><meta charset=utf-8><title>Account</title>\n";

/* Fit for a file's name and for a page. */
static bool
is_name(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n > 0 && n <= MAX_NAME && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool
is_password(const char *password)
{
	size_t n = password ? strlen(password) : 0;

	return n >= MIN_PASSWORD && n <= MAX_PASSWORD;
}

/* The hash of a user's password, or NULL. */
static const char *
read_hash(cfn_request *req, const char *name)
{
	char *hash = cfn_alloc(req, MAX_HASH + 1);
	int fd = open(cfn_sprintf(req, "/%s", name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 && hash ? read(fd, hash, MAX_HASH) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0 ? hash : NULL;
}

/* Whole or not at all, and never over an account that is there: link(2) fails then. */
static int
write_hash(cfn_request *req, const char *name, const char *hash)
{
	const char *making = cfn_sprintf(req, "/.%s", cfn_id(req)), *path = cfn_sprintf(req, "/%s", name);
	int fd = open(making, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc = 0;
	size_t n = strlen(hash);

	if (fd < 0)
		return -errno;
	if (write(fd, hash, n) != (ssize_t)n || fsync(fd) < 0)
		rc = -EIO;
	close(fd);
	if (rc == 0 && link(making, path) < 0)
		rc = -errno;
	unlink(making);
	return rc;
}

static int
enter(cfn_request *req, cfn_response *res, const char *name)
{
	int rc = cfn_session_new(req, res);

	/* Another session than before: one that somebody else may have planted is worth nothing. */
	if (rc == 0)
		rc = cfn_session_set(req, res, "user", name);
	return rc < 0 ? rc : cfn_redirect(res, 303, "/account");
}

static int
log_in(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_form(req, "name"), *password = cfn_form(req, "password"), *hash;

	if (!cfn_csrf_ok(req))
		return cfn_error(res, 403, "The form is too old.  Go back and load it again.");
	hash = is_name(name) ? read_hash(req, name) : NULL;
	/* As much work for nobody as for somebody: else the time would tell which names there are. */
	if (!hash)
		cfn_password_hash(req, "nobody's password");
	if (!hash || !password || !cfn_password_ok(password, hash)) {
		cfn_log(req, CFN_NOTICE, "refused: %s", is_name(name) ? name : "(no name)");
		return cfn_error(res, 403, "Name or password is wrong.");
	}
	return enter(req, res, name);
}

static int
sign_up(cfn_request *req, cfn_response *res)
{
	const char *name = cfn_form(req, "name"), *password = cfn_form(req, "password"), *hash;
	int rc;

	if (!cfn_csrf_ok(req))
		return cfn_error(res, 403, "The form is too old.  Go back and load it again.");
	if (!is_name(name))
		return cfn_error(res, 422, "A name is 1 to %d of a-z, 0-9 and '-'.", MAX_NAME);
	if (!is_password(password))
		return cfn_error(res, 422, "A password has %d to %d bytes.", MIN_PASSWORD, MAX_PASSWORD);
	hash = cfn_password_hash(req, password);
	rc = hash ? write_hash(req, name, hash) : -ENOMEM;
	if (rc == -EEXIST)
		return cfn_error(res, 409, "This name is taken.");
	return rc < 0 ? rc : enter(req, res, name);
}

static int
log_out(cfn_request *req, cfn_response *res)
{
	if (!cfn_csrf_ok(req))
		return cfn_error(res, 403, "The form is too old.  Go back and load it again.");
	cfn_session_new(req, res);
	return cfn_redirect(res, 303, "/account");
}

static void
write_form(cfn_request *req, cfn_response *res, const char *action, const char *fields)
{
	cfn_printf(
	    res,
	    "<form method=post action=\"/account/%s\">\n<input type=hidden name=\"csrf\" value=\"%s\">\n"
	    "%s<button>%s</button>\n</form>\n",
	    action, cfn_csrf(req), fields, action);
}

static int
show(cfn_request *req, cfn_response *res)
{
	static const char fields[] = "<input name=name placeholder=Name required>\n"
				     "<input name=password type=password placeholder=Password required>\n";
	const char *user = cfn_session(req, "user");

	cfn_set(res, "Content-Type", "text/html; charset=utf-8");
	cfn_set(res, "Content-Security-Policy",
	        "default-src 'none'; form-action 'self'; frame-ancestors 'none'");
	cfn_cache(res, -1, 0);
	cfn_printf(res, "%s", head);
	if (user) {
		cfn_printf(res, "<p>You are <b>");
		cfn_escape(res, user);
		cfn_printf(res, "</b>.</p>\n");
		write_form(req, res, "logout", "");
	} else {
		write_form(req, res, "login", fields);
		write_form(req, res, "register", fields);
	}
	return 200;
}

CFN_ROUTES({ "GET", "/account", show }, { "POST", "/account/login", log_in },
           { "POST", "/account/register", sign_up }, { "POST", "/account/logout", log_out });
