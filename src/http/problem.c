/* problem.c - the answers that we give ourselves: RFC 9457, or two lines of text. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/http.h"

enum { BODY_SIZE = 1024 };

static const char type_json[] = "application/problem+json", type_text[] = "text/plain; charset=utf-8";

/* Whether word says no more than the title: "unauthorized" of "Unauthorized". */
static bool
is_title(const char *word, const char *title)
{
	while (*word != '\0' && (*word == '_' ? *title == ' ' : tolower((unsigned char)*title) == *word)) {
		word++;
		title++;
	}
	return *word == '\0' && *title == '\0';
}

/* Every text in it is ours or a token, so that nothing has to be escaped.  Its length. */
static int
body_format(const struct http_problem *problem, char body[BODY_SIZE])
{
	int status = cause_status(problem->cause);
	const char *title = http_status_text(status), *word = cause_word(problem->cause);
	const char *sentence =
	    problem->is_of_lane ? cause_sentence_of_lane(problem->cause) : cause_sentence(problem->cause);

	if (problem->is_json)
		return snprintf(body, BODY_SIZE,
		                "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
		                "\"detail\":\"%s\",\"cause\":\"%s\",\"request_id\":\"%s\"}\n",
		                title, status, sentence, word, problem->request_id);
	return snprintf(body, BODY_SIZE, "%d %s%s%s\n%s Request %s\n", status, title,
	                is_title(word, title) ? "" : ": ", is_title(word, title) ? "" : word, sentence,
	                problem->request_id);
}

static int
problem_check(const struct http_problem *problem)
{
	const char *id = problem->request_id;
	size_t n = strnlen(id, HTTP_REQUEST_ID_MAX + 1);

	if (*http_status_text(cause_status(problem->cause)) == '\0')
		return -EINVAL;
	if (n > HTTP_REQUEST_ID_MAX || !http_is_token(id, n))
		return -EINVAL;
	if (problem->allow && !http_is_field_value(problem->allow, strlen(problem->allow)))
		return -EINVAL;
	if (problem->challenge && !http_is_field_value(problem->challenge, strlen(problem->challenge)))
		return -EINVAL;
	return 0;
}

int
http_problem_write(struct buf *to, const struct http_problem *problem)
{
	const char *allow = problem->allow, *challenge = problem->challenge;
	char body[BODY_SIZE], retry[32] = "";
	int status = cause_status(problem->cause), length;

	if (problem_check(problem) < 0)
		return -EINVAL;
	length = body_format(problem, body);
	if (problem->retry_after_s > 0)
		snprintf(retry, sizeof retry, "Retry-After: %u\r\n", problem->retry_after_s);
	return buf_printf(to,
	                  "Status: %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
	                  "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
	                  "X-Request-Id: %s\r\n%s%s%s%s%s%s%s%s\r\n%s",
	                  status, http_status_text(status), problem->is_json ? type_json : type_text, length,
	                  problem->request_id, retry, allow ? "Allow: " : "", allow ? allow : "",
	                  allow ? "\r\n" : "", challenge ? "WWW-Authenticate: " : "",
	                  challenge ? challenge : "", challenge ? "\r\n" : "",
	                  problem->fields ? problem->fields : "", problem->is_head ? "" : body);
}
