/* fuzz_form.c - the body of a request to the management: every field lies within it and has a plain name.
 *
 * The input is the Content-Type, a newline, the body. */
#include <string.h>

#include "fuzz.h"
#include "manage/form.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *newline = n > 0 ? memchr(data, '\n', n) : NULL;
	const char *body = newline ? newline + 1 : (const char *)data;
	size_t n_type = newline ? (size_t)(newline - (const char *)data) : 0;
	size_t n_body = n - (size_t)(body - (const char *)data);
	char type[256] = "";
	struct form form;
	struct err e;

	memcpy(type, data, n_type < sizeof type ? n_type : sizeof type - 1);
	if (form_read(&form, type, body, n_body, &e) == 0)
		for (size_t i = 0; i < form.n; i++) {
			const struct form_part *part = &form.parts[i];

			REQUIRE(part->name[0] != '\0' && strlen(part->name) < FORM_NAME_SIZE);
			REQUIRE(!strchr(part->file_name, '/') && part->file_name[0] != '.');
			REQUIRE(part->n <= n_body);
			REQUIRE(form.decoded ||
			        (part->data >= body && part->data + part->n <= body + n_body));
		}
	form_done(&form);
	return 0;
}
