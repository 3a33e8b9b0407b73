/* build_line.c - the compiler's command lines.
 *
 * Nothing that a source says becomes an option, and no name of a file begins with what an option does. */
#include "deploy-tool/build_line.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/words.h"

static const char *const compile_flags[] = {
	"-O2",
	"-g",
	"-fPIC",
	"-fstack-protector-strong",
	"-fstack-clash-protection",
#if defined(__x86_64__)
	"-fcf-protection",
#endif
	"-U_FORTIFY_SOURCE",
	"-D_FORTIFY_SOURCE=2",
	"-Wall",
	"-Wextra",
	"-Wno-unused-parameter",
	"-fmax-errors=20",
	"-fdiagnostics-color=never",
	"-ffile-prefix-map=/work=.",
	"-iquote.",
	"-I" BUILD_OWN "include",
};

static const char *const link_flags[] = {
	"-shared",
	"-Wl,-z,defs,-z,relro,-z,now,-z,noexecstack",
	"-Wl,--hash-style=gnu",
	"-Wl,--build-id=sha1",
};

static void
add_argument(struct command_line *l, const char *argument)
{
	if (l->n < ARRAY_SIZE(l->argv) - 1)
		l->argv[l->n++] = argument;
}

static void
add_arguments(struct command_line *l, const char *const *arguments, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_argument(l, arguments[i]);
}

static bool
is_of(const struct source_file *f, const char *language)
{
	return f->language->language != NULL && strcmp(f->language->language, language) == 0;
}

const struct source_language *
build_language(const struct source *s, const char *language)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_of(&s->files[i], language))
			return s->files[i].language;
	return NULL;
}

/* What every command line of one language begins with. */
static void
begin_line(struct command_line *l, const struct config *c, const struct source_language *language)
{
	*l = (struct command_line){ 0 };
	add_argument(l, c->compiler);
	add_argument(l, language->standard);
	add_arguments(l, compile_flags, ARRAY_SIZE(compile_flags));
}

static void
add_files(struct command_line *l, const struct source *s, const char *language)
{
	add_argument(l, "-x");
	add_argument(l, language);
	for (size_t i = 0; i < s->n; i++)
		if (is_of(&s->files[i], language))
			add_argument(l, s->files[i].name);
	add_argument(l, "-x");
	add_argument(l, "none");
}

void
build_objects_line(struct command_line *l, const struct config *c, const struct source *s,
                   const struct source_language *language)
{
	begin_line(l, c, language);
	add_arguments(l, (const char *const[]){ "-r", "-nostdlib", "-o", BUILD_OBJECTS }, 4);
	add_files(l, s, language->language);
}

void
build_result_line(struct command_line *l, const struct config *c, const struct source *s,
                  const struct source_language *language, bool has_objects)
{
	begin_line(l, c, language);
	add_arguments(l, link_flags, ARRAY_SIZE(link_flags));
	add_arguments(l, (const char *const[]){ "-o", BUILD_RESULT }, 2);
	add_files(l, s, language->language);
	if (has_objects)
		add_argument(l, BUILD_OBJECTS);
	add_argument(l, BUILD_LIBRARY);
	if (language->library != NULL)
		add_arguments(l, (const char *const[]){ language->library, "-shared-libgcc" }, 2);
	add_argument(l, "-lm");
}

void
build_link_line(struct command_line *l, const char *libraries)
{
	const char *file;
	size_t n;

	for (size_t i = 0; i < LINKS_MAX && (file = words_next(&libraries, &n)) != NULL; i++) {
		snprintf(l->links[i], sizeof l->links[i], "-l:%.*s", (int)n, file);
		add_argument(l, l->links[i]);
	}
}

void
build_sanitize_line(struct command_line *l)
{
	static const char *const sanitizers[] = {
		"-O0", /* optimised, a wrong access may be gone before it is checked */
		"-fno-omit-frame-pointer",
		"-fsanitize=address,undefined",
		"-fno-sanitize-recover=undefined",
		"-fno-sanitize=object-size",
		"-U_FORTIFY_SOURCE",
	};

	add_arguments(l, sanitizers, ARRAY_SIZE(sanitizers));
}

void
build_flags(const struct source_language *const *languages, size_t n_languages, char *text, size_t size)
{
	const struct {
		const char *const *flags;
		size_t n;
	} lists[] = { { compile_flags, ARRAY_SIZE(compile_flags) }, { link_flags, ARRAY_SIZE(link_flags) } };
	size_t at = 0;

	for (size_t i = 0; i < n_languages; i++)
		at +=
		    (size_t)snprintf(text + at, size - at, "%s%s", at > 0 ? " " : "", languages[i]->standard);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < lists[i].n && at < size; k++)
			at += (size_t)snprintf(text + at, size - at, " %s", lists[i].flags[k]);
}
