/* words.c - short lists as one text. */
#include "base/words.h"

#include <errno.h>
#include <string.h>

const char *
words_next(const char **at, size_t *n)
{
	const char *word = *at + strspn(*at, " ");

	*n = strcspn(word, " ");
	*at = word + *n;
	return *n > 0 ? word : NULL;
}

size_t
words_count(const char *words)
{
	size_t count = 0, n;

	while (words_next(&words, &n))
		count++;
	return count;
}

/* Below 0, 0 or above, as memcmp; the shorter one first. */
static int
compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
	int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

	return order != 0 ? order : (n_a > n_b) - (n_a < n_b);
}

bool
words_have(const char *words, const char *word, size_t n)
{
	const char *one;
	size_t length;

	while ((one = words_next(&words, &length)))
		if (compare(one, length, word, n) == 0)
			return true;
	return false;
}

int
words_add(char *words, size_t size, const char *word, size_t n)
{
	size_t used = strlen(words), place = used, length;
	const char *at = words, *one;

	if (words_have(words, word, n))
		return 0;
	if (used + n + (used > 0) + 1 > size)
		return -E2BIG;
	while ((one = words_next(&at, &length)) && place == used)
		if (compare(one, length, word, n) > 0)
			place = (size_t)(one - words);
	if (place == used && used > 0)
		words[place++] = ' ';
	memmove(words + place + n + 1, words + place, used > place ? used - place : 0);
	memcpy(words + place, word, n);
	words[place + n] = used > place ? ' ' : '\0';
	words[used + n + (used > 0)] = '\0';
	return 0;
}

bool
words_are_of(const char *words, size_t size, const char *characters)
{
	size_t n = strnlen(words, size);

	if (n == size || (n > 0 && (words[0] == ' ' || words[n - 1] == ' ')))
		return false;
	for (size_t i = 0; i < n; i++)
		if (words[i] == ' ' ? words[i + 1] == ' ' : !strchr(characters, words[i]))
			return false;
	return true;
}
