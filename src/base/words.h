/* words.h - short lists as one text: words with one space between them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The next word from *at on, which moves behind it: its beginning and its length; NULL: there is none. */
const char *words_next(const char **at, size_t *n);

size_t words_count(const char *words);

bool words_have(const char *words, const char *word, size_t n);

/* Adds a word where the order of bytes wants it, but for one that is there.  0, or -E2BIG when it does not
 * fit into size. */
int words_add(char *words, size_t size, const char *word, size_t n);

/* Whether a text from elsewhere ends within size and is made of these characters and single spaces. */
bool words_are_of(const char *words, size_t size, const char *characters);
