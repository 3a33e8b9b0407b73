/* site.c - a static site out of the shared folder, below /site.
 *
 * Folders are answered with their index.html, what is not there with /404.html.  Types, ranges, ETag,
 * Last-Modified and 304 are cfn_send_file's. */
#include <cfn.h>
#include <string.h>
#include <sys/stat.h>

/* Names with a dot in front are nobody's business: .git, .htpasswd, half-written files.  ".." cannot come
 * here, since paths arrive resolved, and would be one of them. */
static bool
is_hidden(const char *path)
{
	return strstr(path, "/.") != NULL;
}

static int
not_found(cfn_response *res)
{
	cfn_cache(res, -1, 0);
	cfn_status(res, 404);
	return cfn_send_file(res, "/404.html");
}

/* Relative links of a page need the slash.  A path, so that it cannot lead to another server. */
static int
add_slash(cfn_request *req, cfn_response *res)
{
	const char *name = strrchr(cfn_path(req), '/') + 1;
	const char *to = cfn_sprintf(req, "./%s/", cfn_url_encode(req, name));

	return cfn_redirect(res, 301, to);
}

static int
site(cfn_request *req, cfn_response *res)
{
	const char *wanted = cfn_param(req, "*");
	const char *path = cfn_sprintf(req, "/%s", wanted ? wanted : "");
	size_t n = strlen(path);
	struct stat st;

	if (is_hidden(path) || stat(path, &st) < 0)
		return not_found(res);
	if (S_ISDIR(st.st_mode) && path[n - 1] != '/')
		return add_slash(req, res);
	if (S_ISDIR(st.st_mode))
		path = cfn_sprintf(req, "%sindex.html", path);
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return not_found(res);
	/* Pages are asked for anew each time, which costs a 304; what they refer to may be kept for an hour.
	 */
	cfn_cache(res, strstr(path, ".html") ? 0 : 3600, 0);
	return cfn_send_file(res, path);
}

CFN_ROUTES({ "GET", "/site", site }, { "GET", "/site/*", site });
