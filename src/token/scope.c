/* scope.c - the words that say what a token is good for. */
#include "token/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "config/policy.h"

static int
check_function(const char *subject, struct err *e)
{
	return strcmp(subject, TOKEN_ANY) == 0 ? 0 : policy_check_name(subject, e);
}

/* As a pattern is written, with one '*' at the end of it at most. */
static int
check_route(const char *subject, struct err *e)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.~:@!$&()+=%-";
	size_t n = strspn(subject, letters);

	if (strcmp(subject, TOKEN_ANY) == 0)
		return 0;
	if (subject[0] != '/' || (subject[n] != '\0' && strcmp(subject + n, "*") != 0))
		return err_set(e, -EINVAL, "'%.80s' is not the beginning of a route, such as /hello*",
		               subject);
	return 0;
}

bool
token_scope_covers(const char *subject, const char *pattern)
{
	size_t n = strlen(subject);

	if (n > 0 && subject[n - 1] == '*')
		return strncmp(subject, pattern, n - 1) == 0;
	return strcmp(subject, pattern) == 0;
}

/* One row a kind. */
static const struct {
	const char *word;
	int (*check)(const char *subject, struct err *e);
	const char *form;
} kinds[TOKEN_KINDS] = {
	[TOKEN_CALL] = { "call", check_function, "call:FUNCTION or call:*" },
	[TOKEN_DEPLOY] = { "deploy", check_route, "deploy:ROUTE, deploy:ROUTE* or deploy:*" },
	[TOKEN_RUN] = { "run", NULL, "run" }, /* of nothing: the word is all */
};

static int
unknown(const char *word, struct err *e)
{
	char forms[160] = "";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(forms);

		snprintf(forms + n, sizeof forms - n, "%s%s", i > 0 ? ", " : "", kinds[i].form);
	}
	return err_set(e, -EINVAL, "scope '%.80s' is none of: %s", word, forms);
}

static int
kind_of(const char *word, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].word) == n && strncmp(kinds[i].word, word, n) == 0 &&
		    (word[n] == ':') == (kinds[i].check != NULL))
			return (int)i;
	return -1;
}

int
token_scope_parse(const char *word, struct token_grant *scope, struct err *e)
{
	size_t n = strcspn(word, ":");
	int kind = kind_of(word, n), rc = 0;
	const char *subject = word[n] == ':' ? word + n + 1 : TOKEN_ANY;
	struct token_grant found = { 0 };

	if (kind < 0)
		return unknown(word, e);
	if (strlen(subject) >= sizeof found.subject)
		return err_set(e, -EINVAL, "scope '%.80s...' is too long", word);
	if (kinds[kind].check)
		rc = kinds[kind].check(subject, e);
	if (rc < 0)
		return err_wrap(e, "scope '%.80s'", word);
	found.kind = (uint32_t)kind;
	strcpy(found.subject, subject);
	*scope = found;
	return 0;
}

/* The next word of text, which moves behind it; false at the end.  word holds it, or as much as fits. */
static bool
next_word(const char **text, char word[TOKEN_WORD_SIZE])
{
	size_t n = strcspn(*text, " ");

	if (**text == '\0')
		return false;
	snprintf(word, TOKEN_WORD_SIZE, "%.*s", (int)(n < TOKEN_WORD_SIZE ? n : TOKEN_WORD_SIZE - 1), *text);
	*text += n + ((*text)[n] == ' ' && (*text)[n + 1] != '\0');
	return true;
}

int
token_scopes_add(char text[TOKEN_SCOPES_TEXT_SIZE], const char *word, struct err *e)
{
	char other[TOKEN_WORD_SIZE];
	struct token_grant scope;
	const char *at = text;
	size_t n = strlen(text), count = 0;
	int rc = token_scope_parse(word, &scope, e);

	if (rc < 0)
		return rc;
	for (; next_word(&at, other); count++)
		if (strcmp(other, word) == 0)
			return 0;
	if (count == TOKEN_SCOPES_MAX || n + strlen(word) + 2 > TOKEN_SCOPES_TEXT_SIZE)
		return err_set(e, -E2BIG, "more than %d scopes", TOKEN_SCOPES_MAX);
	snprintf(text + n, TOKEN_SCOPES_TEXT_SIZE - n, "%s%s", n > 0 ? " " : "", word);
	return 0;
}

/* What is read is made again of its words: only a text that comes out the same is one of ours. */
int
token_scopes_read(const char *text, struct token_grant scopes[TOKEN_SCOPES_MAX], struct err *e)
{
	char word[TOKEN_WORD_SIZE], again[TOKEN_SCOPES_TEXT_SIZE] = "";
	const char *at = text;
	int n = 0;

	for (; next_word(&at, word); n++)
		if (n == TOKEN_SCOPES_MAX || token_scopes_add(again, word, e) < 0 ||
		    token_scope_parse(word, &scopes[n], e) < 0)
			return err_set(e, -EBADMSG, "scopes");
	if (n == 0 || strcmp(text, again) != 0)
		return err_set(e, -EBADMSG, "scopes");
	return n;
}
