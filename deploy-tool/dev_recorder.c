/* dev_recorder.c - `cfn-deploy dev --record`: exchanges as tests.
 *
 * What a test would not find again is left out: fields of the connection and the client, cookies (a test
 * keeps its own), bodies that vary.  The values of hidden fields become variables, so that a form's token is
 * the one of its day. */
#include "deploy-tool/dev_recorder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "deploy-tool/dev_records.h"
#include "http/http.h"

enum { TEST_MAX = 64 << 20, FIELD_NAME_MAX = 256, WORD_MIN = 16, DAY_S = 86400, TEXT_SIZE = 4096 };

/* Fields of a request that say nothing of it. */
static const char *const left_out[] = {
	"HTTP_ACCEPT_ENCODING",
	"HTTP_ACCEPT_LANGUAGE",
	"HTTP_CACHE_CONTROL",
	"HTTP_CONNECTION",
	"HTTP_CONTENT_LENGTH",
	"HTTP_CONTENT_TYPE",
	"HTTP_COOKIE",
	"HTTP_DNT",
	"HTTP_EXPECT",
	"HTTP_HOST",
	"HTTP_KEEP_ALIVE",
	"HTTP_PRAGMA",
	"HTTP_PRIORITY",
	"HTTP_PROXY",
	"HTTP_REFERER",
	"HTTP_TE",
	"HTTP_TRANSFER_ENCODING",
	"HTTP_UPGRADE_INSECURE_REQUESTS",
	"HTTP_USER_AGENT",
	"HTTP_X_REQUEST_ID",
};

/* Fields of an answer that a test holds it to. */
static const char *const kept[] = { "Content-Type", "Location" };

/* ---- what can be compared ---- */

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("+_-", c) != NULL;
}

/* Letters and digits in one long word. */
static bool
is_random(const char *word, size_t n)
{
	size_t digits = 0, letters = 0;

	for (size_t i = 0; i < n; i++) {
		digits += isdigit((unsigned char)word[i]) != 0;
		letters += isalpha((unsigned char)word[i]) != 0;
	}
	return n >= WORD_MIN && digits >= 1 && letters >= 2;
}

/* Ten digits and more whose first ten are seconds of these days: milliseconds begin with them as well. */
static bool
is_now(const char *digits, size_t n, int64_t now)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < 10 && i < n; i++)
		seconds = 10 * seconds + (digits[i] - '0');
	return n >= 10 && seconds > now - DAY_S && seconds < now + DAY_S;
}

static bool
has_form(const char *text, size_t n, const char *form)
{
	for (; *form != '\0'; form++, text++, n--)
		if (n == 0 || (*form == '9' ? !isdigit((unsigned char)*text) : *form != *text))
			return false;
	return true;
}

bool
recorder_varies(const char *text, size_t n, const char *request_id, int64_t now)
{
	char today[16];
	struct tm tm;

	strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &tm));
	if (memmem(text, n, today, strlen(today)) != NULL ||
	    (request_id[0] != '\0' && memmem(text, n, request_id, strlen(request_id)) != NULL))
		return true;
	for (size_t i = 0, end; i < n; i = end + 1) {
		size_t digits = 0;

		for (end = i; end < n && is_word(text[end]); end++)
			;
		while (i + digits < end && isdigit((unsigned char)text[i + digits]))
			digits++;
		if (is_random(text + i, end - i) || is_now(text + i, digits, now) ||
		    has_form(text + i, n - i, "99:99:99"))
			return true;
	}
	return false;
}

/* No byte of it is lost or changed in a file of lines. */
static bool
is_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return utf8_is_valid(text, n) && memmem(text, n, "{{", 2) == NULL;
}

/* "METHOD /": where another request seems to begin. */
static bool
is_request_line(const char *line, size_t n)
{
	size_t method = 0;

	while (method < n && isupper((unsigned char)line[method]))
		method++;
	return method > 0 && method + 1 < n && line[method] == ' ' && line[method + 1] == '/';
}

/* No line of it means anything in a test, and none at its ends is lost. */
static bool
is_literal(const char *text, size_t n)
{
	if (n == 0 || n > RECORDER_LITERAL_MAX || !is_text(text, n) || strchr("\n/@", text[0]) != NULL ||
	    has_form(text, n, "< ") || text[n - 1] == '\n')
		return false;
	for (const char *line = text; line != NULL && line < text + n;) {
		size_t left = n - (size_t)(line - text);

		if (line[0] == '#' || has_form(line, left, "HTTP ") || is_request_line(line, left))
			return false;
		line = memchr(line, '\n', left);
		line += line != NULL;
	}
	return true;
}

/* ---- hidden fields ---- */

static bool
is_name(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	return n > 0 && n < RECORDER_NAME_SIZE;
}

static struct recorder_token *
token_of(struct recorder *r, const char *name, size_t n)
{
	for (size_t i = 0; i < r->n_tokens; i++)
		if (strlen(r->tokens[i].name) == n && memcmp(r->tokens[i].name, name, n) == 0)
			return &r->tokens[i];
	return r->n_tokens < RECORDER_TOKENS_MAX ? &r->tokens[r->n_tokens++] : NULL;
}

/* One name="N" value="V" whose V is random: remembered, and captured by the test. */
static int
take_token(struct recorder *r, struct buf *to, const char *name, size_t n_name, const char *value,
           size_t n_value)
{
	struct recorder_token *token;

	if (!is_name(name, n_name) || !is_random(value, n_value) || n_value >= RECORDER_TOKEN_SIZE)
		return 0;
	token = token_of(r, name, n_name);
	if (token == NULL)
		return 0;
	snprintf(token->name, sizeof token->name, "%.*s", (int)n_name, name);
	snprintf(token->value, sizeof token->value, "%.*s", (int)n_value, value);
	return buf_printf(to, "@%s = /name=\"%s\" value=\"([^\"]*)\"/\n", token->name, token->name);
}

static int
put_captures(struct recorder *r, struct buf *to, const char *text, size_t n)
{
	static const char before[] = "name=\"", between[] = "\" value=\"";
	const char *end = text + n, *at = text;
	int rc = 0;

	while (rc == 0 && (at = memmem(at, (size_t)(end - at), before, sizeof before - 1)) != NULL) {
		const char *name = at + sizeof before - 1;
		const char *quote = memchr(name, '"', (size_t)(end - name));
		const char *value = quote != NULL ? quote + sizeof between - 1 : end, *last;

		at = name;
		if (value >= end || memcmp(quote, between, sizeof between - 1) != 0)
			continue;
		last = memchr(value, '"', (size_t)(end - value));
		if (last != NULL)
			rc = take_token(r, to, name, (size_t)(quote - name), value, (size_t)(last - value));
	}
	return rc;
}

static const struct recorder_token *
token_at(const struct recorder *r, const char *text, size_t n)
{
	for (size_t i = 0; i < r->n_tokens; i++) {
		size_t length = strlen(r->tokens[i].value);

		if (length <= n && memcmp(text, r->tokens[i].value, length) == 0)
			return &r->tokens[i];
	}
	return NULL;
}

static int
put_with_tokens(const struct recorder *r, struct buf *to, const char *text, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n;) {
		const struct recorder_token *token = token_at(r, text + i, n - i);

		rc = token != NULL ? buf_printf(to, "{{%s}}", token->name) : buf_append(to, text + i, 1);
		i += token != NULL ? strlen(token->value) : 1;
	}
	return rc;
}

/* ---- the request ---- */

static bool
is_kept(const struct fcgi_pair *pair)
{
	static const char fetch[] = "HTTP_SEC_", any[] = "*/*";

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strlen(left_out[i]) == pair->name_length &&
		    memcmp(left_out[i], pair->name, pair->name_length) == 0)
			return false;
	if (pair->value_length == sizeof any - 1 && memcmp(pair->value, any, sizeof any - 1) == 0)
		return false;
	return pair->name_length > 5 && pair->name_length < FIELD_NAME_MAX &&
	       memcmp(pair->name, "HTTP_", 5) == 0 &&
	       !(pair->name_length > sizeof fetch - 1 && memcmp(pair->name, fetch, sizeof fetch - 1) == 0);
}

/* HTTP_X_OWN_FIELD: "X-Own-Field". */
static int
put_field(struct buf *to, const struct fcgi_pair *pair)
{
	char name[FIELD_NAME_MAX];
	size_t n = 0;

	for (size_t i = 5; i < pair->name_length; i++, n++) {
		char c = pair->name[i];

		name[n] = c == '_' ? '-' : n == 0 || name[n - 1] == '-' ? c : (char)tolower((unsigned char)c);
	}
	return buf_printf(to, "%.*s: %.*s\n", (int)n, name, (int)pair->value_length, pair->value);
}

static int
put_fields(struct buf *to, const struct buf *params)
{
	const unsigned char *p = (const unsigned char *)buf_head(params);
	size_t n = buf_used(params);
	struct fcgi_pair pair;
	const char *type = "";
	long length = records_param(params, "CONTENT_TYPE", &type);
	int rc = length > 0 ? buf_printf(to, "Content-Type: %.*s\n", (int)length, type) : 0;

	while (rc == 0 && n > 0 && fcgi_pair_next(&p, &n, &pair) == 1)
		if (is_kept(&pair) && http_is_field_value(pair.value, pair.value_length))
			rc = put_field(to, &pair);
	return rc;
}

/* A body that is no plain text, as a file beside the test. */
static int
put_body_file(struct recorder *r, struct buf *to, const struct buf *body)
{
	char name[sizeof r->stem + 32];
	AUTO_FD fd = -1;

	snprintf(name, sizeof name, "%s-%u.body", r->stem, ++r->n_bodies);
	fd = openat(r->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, buf_head(body), buf_used(body)) < 0 ? -EIO : buf_printf(to, "\n< %s\n", name);
}

static int
put_body(struct recorder *r, struct buf *to, const struct buf *body)
{
	int rc;

	if (buf_used(body) == 0)
		return 0;
	if (!is_literal(buf_head(body), buf_used(body)))
		return put_body_file(r, to, body);
	rc = buf_append(to, "\n", 1);
	if (rc == 0)
		rc = put_with_tokens(r, to, buf_head(body), buf_used(body));
	return rc == 0 ? buf_append(to, "\n", 1) : rc;
}

static int
put_request(struct recorder *r, struct buf *to, const struct exchange_copy *x)
{
	const char *method = "", *uri = "";
	long n_method = records_param(x->params, "REQUEST_METHOD", &method);
	long n_uri = records_param(x->params, "REQUEST_URI", &uri);
	int rc;

	/* A browser's own wish, which nobody answers. */
	if (n_method <= 0 || n_uri <= 0 || uri[0] != '/' || has_form(uri, (size_t)n_uri, "/favicon.ico") ||
	    !http_is_field_value(uri, (size_t)n_uri) || !http_is_token(method, (size_t)n_method))
		return 1;
	rc = buf_printf(to, "%s%.*s ", r->n_exchanges > 0 ? "\n" : "", (int)n_method, method);
	if (rc == 0)
		rc = put_with_tokens(r, to, uri, (size_t)n_uri);
	if (rc == 0)
		rc = buf_append(to, "\n", 1);
	if (rc == 0)
		rc = put_fields(to, x->params);
	return rc == 0 ? put_body(r, to, x->body) : rc;
}

/* ---- the answer ---- */

static void
find_request_id(const char *head, size_t n, char id[HTTP_REQUEST_ID_MAX + 1])
{
	static const char name[] = "X-Request-Id: ";
	const char *at = memmem(head, n, name, sizeof name - 1);
	size_t left = at != NULL ? n - (size_t)(at - head) - (sizeof name - 1) : 0, length = 0;

	id[0] = '\0';
	if (at == NULL)
		return;
	at += sizeof name - 1;
	while (length < left && length < HTTP_REQUEST_ID_MAX && at[length] != '\r' && at[length] != '\n')
		length++;
	snprintf(id, HTTP_REQUEST_ID_MAX + 1, "%.*s", (int)length, at);
}

static int
put_answer_fields(struct buf *to, const struct http_answer_head *head, const char *id)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(kept); k++)
			if (http_field_is(f, kept[k]) &&
			    !recorder_varies(f->value, f->value_length, id, clock_wall_s()))
				rc = buf_printf(to, "%s: %.*s\n", kept[k], (int)f->value_length, f->value);
	}
	return rc;
}

static int
put_answer(struct recorder *r, struct buf *to, const struct exchange_copy *x)
{
	const char *text = buf_used(x->answer) > 0 ? buf_head(x->answer) : "";
	char id[HTTP_REQUEST_ID_MAX + 1];
	struct http_answer_head head;
	size_t n = buf_used(x->answer);
	int rc;

	if (http_answer_head_read(text, n, &head) != 1)
		return 1;
	find_request_id(text, head.size, id);
	text += head.size;
	n -= head.size;
	/* What is not announced is a stream: how much of it there is may vary as well. */
	if (n > 0 && text[n - 1] == '\n')
		n--;
	rc = buf_printf(to, "\nHTTP %d\n", head.status);
	if (rc == 0)
		rc = put_answer_fields(to, &head, id);
	if (rc == 0)
		rc = put_captures(r, to, text, n);
	if (rc == 0 && head.content_length >= 0 && is_literal(text, n) &&
	    !recorder_varies(text, n, id, clock_wall_s()))
		rc = buf_printf(to, "\n%.*s\n", (int)n, text);
	return rc;
}

/* ---- the file ---- */

int
recorder_open(struct recorder *r, const char *path, struct err *e)
{
	static const char suffix[] = ".http";
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	size_t n = strlen(base), end = sizeof suffix - 1;
	char folder[TEXT_SIZE];

	*r = (struct recorder){ .fd = -1, .folder = -1 };
	if (n <= end || n - end >= sizeof r->stem || strcmp(base + n - end, suffix) != 0)
		return err_set(e, -EINVAL, "'%.160s' is no name for tests: it has to end with .http", path);
	snprintf(r->stem, sizeof r->stem, "%.*s", (int)(n - end), base);
	snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	         slash != NULL ? path : ".");
	r->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->folder < 0)
		return err_set(e, errno, "%.160s", folder);
	r->fd = openat(r->folder, base, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (r->fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST, "%.160s is there already, and stays as it is", path);
	return r->fd < 0 ? err_set(e, errno, "%.160s", path) : 0;
}

void
recorder_close(struct recorder *r)
{
	fd_close(&r->fd);
	fd_close(&r->folder);
}

int
recorder_add(struct recorder *r, const struct exchange_copy *x, struct err *e)
{
	struct buf to;
	int rc;

	if (x->is_cut)
		return 1;
	buf_init(&to, TEST_MAX);
	rc = put_request(r, &to, x);
	if (rc == 0)
		rc = put_answer(r, &to, x);
	if (rc == 0)
		rc = fd_write_all(r->fd, buf_head(&to), buf_used(&to));
	r->n_exchanges += rc == 0;
	buf_done(&to);
	return rc < 0 ? err_set(e, rc, "record") : rc;
}
