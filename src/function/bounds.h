/* bounds.h - every bound of the function interface.  cfn(3) tells authors.  Not limits.h: this
 * folder is searched for <cfn.h>, and functions include the system's file of that name. */
#pragma once

enum {
	FUNCTION_ROUTES_MAX = 256, /* rows of cfn_routes */

	REQUEST_HEADERS_MAX = 128,     /* fields; more is a 431 */
	REQUEST_PAIRS_MAX = 256,       /* of a query (400), of a form (EMSGSIZE), of the cookies (431) */
	REQUEST_COOKIE_MAX = 16 << 10, /* bytes of the Cookie field; more is a 431 */
	REQUEST_FORM_MAX = 1 << 20,    /* bytes of a form that cfn_form reads */
	PARTS_MAX = 256,               /* of a multipart form; as many as pairs */
	PART_HEAD_MAX = 8 << 10,       /* bytes of a part's fields */
	PART_BOUNDARY_MAX = 70,        /* RFC 2046 section 5.1.1 */
	PART_FILE_NAME_MAX = 255,      /* bytes; a longer one is cut */
	PART_WINDOW = 16 << 10,        /* bytes of the body that are held to find the next delimiter */
	REQUEST_BODY_MAX = 8 << 20,    /* bytes, unless CFN_BODY_MAX says otherwise */

	ARENA_CHUNK = 32 << 10,  /* bytes that a worker keeps between requests */
	ARENA_MAX = 32 << 20,    /* bytes of one request */
	KEPT_BUFFER = 256 << 10, /* a larger body or output buffer is given back after its request */

	ANSWER_OUTPUT_MAX = 8 << 20, /* bytes, unless CFN_OUTPUT_MAX says otherwise */
	ANSWER_HEADERS_MAX = 64,     /* fields that a handler sets */
	ANSWER_HEAD_MAX = 13 << 10,  /* their bytes; with ours, a session among them, they stay below
	                                HTTP_HEADER_BLOCK_MAX */
	ANSWER_COOKIE_MAX = 4096,    /* bytes of name and encoded value: RFC 6265 section 6.1 */
	ANSWER_TAG_MAX = 128,        /* bytes of an entity tag without its quotes */
	ANSWER_TYPE_MAX = 128,       /* bytes of a type given to cfn_send and cfn_stream */
	ANSWER_DETAIL_MAX = 1024,    /* bytes of cfn_error's text; more is cut */
	ANSWER_JOINED = 32 << 10,    /* head and body up to here leave by one write */

	FILE_TAG_SIZE = 56, /* three numbers in hexadecimal, quotes and a NUL */

	COOKIE_AGE_MAX = 400 * 24 * 3600, /* seconds: what browsers keep at most; more is cut */

	PASSWORD_MAX = 1024,     /* bytes */
	PASSWORD_TEXT_MAX = 192, /* bytes of a hash */
	PASSWORD_SALT_MAX = 64,  /* bytes, as the next two */
	PASSWORD_KEY_MIN = 16,
	PASSWORD_KEY_MAX = 64,
	PASSWORD_LN_MAX = 15, /* costs that a worker can bear: 32 MiB with r = 8 */
	PASSWORD_R_MAX = 8,
	PASSWORD_P_MAX = 16,
	PASSWORD_MEMORY = 48 << 20,
	HMAC_KEY_MAX = 4096, /* bytes */

	STREAM_CHUNK = 8 << 10,     /* bytes that gather before a stream writes by itself */
	STREAM_PIECE_MAX = 8 << 20, /* bytes that one cfn_printf may add to a stream */
	EVENT_NAME_MAX = 256,       /* bytes */
	WAIT_MAX_MS = 3600 * 1000,
	LOG_LINE_MAX = 2048, /* bytes with the level's name; more is cut */
};
