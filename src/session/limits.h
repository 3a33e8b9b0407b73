/* limits.h - every length and time of a session. */
#pragma once

enum {
	SESSION_ID_SIZE = 32,    /* hexadecimal digits */
	SESSION_DATA_MAX = 2048, /* bytes of names and values, as they are written behind the id */
	SESSION_KEYS_MAX = 32,   /* names */
	SESSION_NAME_MAX = 64,   /* bytes of one */
	SESSION_TEXT_MAX = SESSION_ID_SIZE + SESSION_DATA_MAX,
	SESSION_COOKIE_MAX = 3 * 1024, /* bytes of a cookie's name and value together */
	SESSION_COOKIES_TRIED = 4,     /* of one name in one request; those behind are not looked at */
	SESSION_AHEAD_MAX_S = 300,     /* a cookie that was sealed later than so from now is none of ours */
};
