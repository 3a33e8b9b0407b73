/* fuzz_session.c - a Cookie field from anywhere: nobody's session is found in it, and none is left in it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "session/session.h"

static const struct session_place place = { "f", false, 1000, 5000 };

static struct sessions *
sessions(void)
{
	static struct sessions s;
	struct err e;

	if (!s.sealer.cipher) {
		if (sessions_open(&s, &e) < 0)
			abort();
		s.keys.secrets[0].epoch = 1;
	}
	return &s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char field[1 << 16];
	struct session found;

	if (n > sizeof field)
		return 0;
	memcpy(field, data, n);
	if (session_find(sessions(), &place, field, n, 1000000, &found))
		abort();
	session_text_is_good(field, n);
	session_is_set_by(field, n);
	session_hide(field, n);
	if (memmem(field, n, "; cfn-f=", 8) || (n >= 6 && memcmp(field, "cfn-f=", 6) == 0))
		abort();
	return 0;
}
