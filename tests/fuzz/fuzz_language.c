/* fuzz_language.c - files of languages: whatever they say, what is taken from them is within its bounds. */
#include <string.h>

#include "base/utf8.h"
#include "base/words.h"
#include "fuzz.h"
#include "run/language.h"
#include "run/offer.h"

static void
is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	REQUIRE(n < size && utf8_is_valid(text, n));
	for (size_t i = 0; i < n; i++)
		REQUIRE((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

static void
is_command(const char *command)
{
	const char *at = command, *word;
	size_t n;

	while ((word = run_command_next(&at, &n)))
		REQUIRE(word >= command && word + n <= command + strlen(command) && !memchr(word, '\'', n));
	REQUIRE(command[0] == '\0' || command[0] == '/');
}

static void
holds(const struct run_language *l)
{
	is_text(l->name, sizeof l->name);
	is_text(l->aliases, sizeof l->aliases);
	is_text(l->source, sizeof l->source);
	is_text(l->options, sizeof l->options);
	is_text(l->system, sizeof l->system);
	is_text(l->environment, sizeof l->environment);
	is_text(l->root, sizeof l->root);
	REQUIRE(l->name[0] && l->run[0] && strrchr(l->source, '.') && !strchr(l->source, '/'));
	is_command(l->compile);
	is_command(l->run);
	is_command(l->version);
	REQUIRE(words_count(l->system) <= RUN_LANGUAGE_SYSTEM_MAX && !strstr(l->system, ".."));
	REQUIRE(l->root[0] == '\0' || l->root[0] == '/');
	REQUIRE(l->program.processes >= 1 && l->program.processes <= RUN_PROCESSES_MOST);
	REQUIRE(l->compiler.processes >= 1 && l->compiler.processes <= RUN_PROCESSES_MOST);
	REQUIRE(l->program.memory >= 4 << 20 && l->compiler.memory >= 4 << 20);
	REQUIRE(run_language_is_named(l, l->name));
}

/* What a tool says of itself comes from a box. */
static void
version_holds(const char *line)
{
	char number[RUN_VERSION_NUMBER_SIZE];
	size_t n;

	memset(number, 'x', sizeof number);
	run_version_number(line, number);
	n = strnlen(number, sizeof number);
	REQUIRE(n < sizeof number);
	REQUIRE(strspn(number, "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == n);
	REQUIRE(n == 0 || run_version_fits(number, number));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct run_language l;
	struct err e = { 0 };
	int line;

	REQUIRE(text != NULL);
	memcpy(text, data, n);
	text[n] = '\0';
	version_holds(text);
	if (run_language_parse(&l, text, n, &line, &e) == 0)
		holds(&l);
	else
		REQUIRE(e.code != 0 && line >= 0);
	free(text);
	return 0;
}
