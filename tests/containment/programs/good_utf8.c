/* good_utf8.c - a locale, and characters of more than one byte. */
#include "attempt.h"

#include <locale.h>
#include <stdlib.h>
#include <wchar.h>

int
main(void)
{
	wchar_t wide[16];

	if (!setlocale(LC_ALL, "C.UTF-8"))
		return works("the locale is not there");
	return mbstowcs(wide, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 16) == 3 ? works("3 characters")
	                                                                       : broken("not 3 characters");
}
