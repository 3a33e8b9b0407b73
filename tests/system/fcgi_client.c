/* fcgi_client.c - a FastCGI web server by hand, for tests: sends what a script says, prints what comes back.
 *
 * Usage: fcgi_client unix:PATH|tcp:HOST:PORT <SCRIPT
 * A line of the script is a command and its words:
 *   begin ID ROLE FLAGS      BEGIN_REQUEST
 *   param NAME VALUE [MORE]  collects one pair for `params`; VALUE @N: N bytes; MORE: behind a blank
 *   params ID                the pairs as one or more records, then the empty one
 *   params-open ID           the same without the empty one
 *   stdin ID TEXT            a record; TEXT @N: N bytes in as many records as needed
 *   end ID                   the empty STDIN record
 *   get ID PATH FLAGS        a whole GET request
 *   abort ID                 ABORT_REQUEST
 *   values N                 GET_VALUES with N pairs
 *   header V TYPE ID LEN PAD eight bytes as they are
 *   bytes HEX                bytes as they are
 *   fill N                   N bytes 'a'
 *   shutdown                 no more from us
 *   read                     prints records until the next END_REQUEST or the end
 *   read-record              prints the next record
 *   read-all                 prints records until the end
 * Output: one line a record ("stdout ID LENGTH", "end ID APP-STATUS PROTOCOL-STATUS", "record TYPE ID
 * LENGTH"), the contents of STDOUT behind their line with '|' before each line of it, "closed" at the end of
 * the stream. Exit: 0; 1 when nothing came for a minute; 2 for a bad script or no connection.  A failed
 * send is no error: the other side may well have closed. */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macros.h"
#include "fcgi/fcgi.h"

enum { PATIENCE_MS = 60000, WORDS_MAX = 6, PAIRS_SIZE = 1 << 20 };

struct client {
	int sock;
	int is_closed;
	unsigned char in[FCGI_RECORD_MAX];
	size_t n_in;
	unsigned char pairs[PAIRS_SIZE];
	size_t n_pairs;
};

static unsigned long
number(const char *word)
{
	char *end;
	unsigned long n = word ? strtoul(word, &end, 10) : 0;

	if (!word || !*word || *end)
		errx(2, "not a number: '%s'", word ? word : "");
	return n;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof a.sun_path)
		errx(2, "path too long: %s", path);
	strcpy(a.sun_path, path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&a, sizeof a) < 0)
		err(2, "connect %s", path);
	return sock;
}

static int
connect_tcp(char *host)
{
	struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM };
	char *port = strrchr(host, ':');
	int sock;

	if (!port)
		errx(2, "no port: %s", host);
	*port++ = '\0';
	if (getaddrinfo(host, port, &hints, &list) != 0)
		errx(2, "no such address: %s", host);
	sock = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, list->ai_addr, list->ai_addrlen) < 0)
		err(2, "connect %s port %s", host, port);
	freeaddrinfo(list);
	return sock;
}

static void
send_all(struct client *c, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t sent = send(c->sock, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
}

static void
send_header(struct client *c, const struct fcgi_header *h)
{
	unsigned char bytes[FCGI_HEADER_SIZE];

	fcgi_header_write(bytes, h);
	send_all(c, bytes, sizeof bytes);
}

/* In as many records as it takes; an empty one for n = 0. */
static void
send_stream(struct client *c, uint8_t type, uint16_t id, const unsigned char *data, size_t n)
{
	do {
		size_t part = n < FCGI_CONTENT_MAX ? n : FCGI_CONTENT_MAX;
		struct fcgi_header h = { FCGI_VERSION_1, type, id, (uint16_t)part, 0 };

		send_header(c, &h);
		send_all(c, data, part);
		data += part;
		n -= part;
	} while (n > 0);
}

/* "@N" stands for N bytes.  The caller frees it. */
static char *
text_of(const char *word, size_t *n)
{
	char *text;

	if (!word)
		word = "";
	*n = word[0] == '@' ? number(word + 1) : strlen(word);
	text = malloc(*n + 1);
	if (!text)
		err(2, "malloc");
	if (word[0] == '@')
		memset(text, 'a', *n);
	else
		memcpy(text, word, *n);
	return text;
}

static void
pair_add(struct client *c, const char *name, const char *word)
{
	struct fcgi_pair pair = { .name = name, .name_length = strlen(name) };
	char *value = text_of(word, &pair.value_length);

	pair.value = value;
	if (c->n_pairs + fcgi_pair_size(pair.name_length, pair.value_length) > sizeof c->pairs)
		errx(2, "too many pairs");
	c->n_pairs += fcgi_pair_write(c->pairs + c->n_pairs, &pair);
	free(value);
}

static void
do_begin(struct client *c, char **w)
{
	struct fcgi_begin begin = { .role = (uint16_t)number(w[2]), .flags = (uint8_t)number(w[3]) };
	unsigned char content[8];

	fcgi_begin_write(content, &begin);
	send_stream(c, FCGI_BEGIN_REQUEST, (uint16_t)number(w[1]), content, sizeof content);
}

static void
do_param(struct client *c, char **w)
{
	char value[1024];

	if (w[2] && w[3])
		snprintf(value, sizeof value, "%s %s", w[2], w[3]);
	pair_add(c, w[1] ? w[1] : "", w[2] && w[3] ? value : w[2]);
}

static void
do_params_open(struct client *c, char **w)
{
	send_stream(c, FCGI_PARAMS, (uint16_t)number(w[1]), c->pairs, c->n_pairs);
	c->n_pairs = 0;
}

static void
do_params(struct client *c, char **w)
{
	if (c->n_pairs > 0)
		do_params_open(c, w);
	send_stream(c, FCGI_PARAMS, (uint16_t)number(w[1]), NULL, 0);
}

static void
do_stdin(struct client *c, char **w)
{
	size_t n;
	char *text = text_of(w[2], &n);

	send_stream(c, FCGI_STDIN, (uint16_t)number(w[1]), (unsigned char *)text, n);
	free(text);
}

static void
do_end(struct client *c, char **w)
{
	send_stream(c, FCGI_STDIN, (uint16_t)number(w[1]), NULL, 0);
}

static void
do_get(struct client *c, char **w)
{
	char *begin[WORDS_MAX] = { w[0], w[1], (char[]){ "1" }, w[3] };

	do_begin(c, begin);
	pair_add(c, "REQUEST_METHOD", "GET");
	pair_add(c, "SCRIPT_NAME", w[2]);
	pair_add(c, "SERVER_PROTOCOL", "HTTP/1.1");
	pair_add(c, "QUERY_STRING", "");
	do_params(c, w);
	do_end(c, w);
}

static void
do_abort(struct client *c, char **w)
{
	send_stream(c, FCGI_ABORT_REQUEST, (uint16_t)number(w[1]), NULL, 0);
}

static void
do_values(struct client *c, char **w)
{
	static const char *const known[] = { "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS" };

	for (unsigned long i = 0; i < number(w[1]); i++)
		pair_add(c, known[i % ARRAY_SIZE(known)], "");
	send_stream(c, FCGI_GET_VALUES, 0, c->pairs, c->n_pairs);
	c->n_pairs = 0;
}

static void
do_header(struct client *c, char **w)
{
	struct fcgi_header h = { (uint8_t)number(w[1]), (uint8_t)number(w[2]), (uint16_t)number(w[3]),
		                 (uint16_t)number(w[4]), (uint8_t)number(w[5]) };

	send_header(c, &h);
}

static void
do_bytes(struct client *c, char **w)
{
	for (const char *p = w[1]; p && p[0] && p[1]; p += 2) {
		char digits[3] = { p[0], p[1], '\0' };
		unsigned char byte = (unsigned char)strtoul(digits, NULL, 16);

		send_all(c, &byte, 1);
	}
}

static void
do_fill(struct client *c, char **w)
{
	char word[32];
	size_t n;
	char *text;

	snprintf(word, sizeof word, "@%lu", number(w[1]));
	text = text_of(word, &n);
	send_all(c, text, n);
	free(text);
}

static void
do_shutdown(struct client *c, char **w)
{
	(void)w;
	shutdown(c->sock, SHUT_WR);
}

static void
print_stdout(const unsigned char *p, size_t n)
{
	int at_start = 1;

	for (size_t i = 0; i < n; i++) {
		if (at_start)
			putchar('|');
		if (p[i] != '\r')
			putchar(p[i]);
		at_start = p[i] == '\n';
	}
	if (!at_start)
		putchar('\n');
}

static void
print_record(const struct fcgi_header *h, const unsigned char *content)
{
	struct fcgi_end end;

	if (h->type == FCGI_STDOUT) {
		printf("stdout %u %u\n", h->id, h->content);
		print_stdout(content, h->content);
	} else if (h->type == FCGI_END_REQUEST && fcgi_end_read(content, h->content, &end) == 0) {
		printf("end %u %u %u\n", h->id, end.app_status, end.protocol_status);
	} else {
		printf("record %u %u %u\n", h->type, h->id, h->content);
	}
}

/* The type of the record that was printed; 0 at the end of the stream. */
static unsigned
read_record(struct client *c)
{
	const unsigned char *content;
	struct fcgi_header h;
	size_t length;

	while ((length = fcgi_record_read(c->in, c->n_in, &h, &content)) == 0) {
		struct pollfd p = { .fd = c->sock, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, PATIENCE_MS) == 0) {
			printf("silence\n");
			exit(1);
		}
		n = read(c->sock, c->in + c->n_in, sizeof c->in - c->n_in);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!c->is_closed)
				printf("closed\n");
			c->is_closed = 1;
			return 0;
		}
		c->n_in += (size_t)n;
	}
	print_record(&h, content);
	c->n_in -= length;
	memmove(c->in, c->in + length, c->n_in);
	return h.type;
}

static void
do_read_record(struct client *c, char **w)
{
	(void)w;
	read_record(c);
}

static void
do_read(struct client *c, char **w)
{
	unsigned type;

	(void)w;
	do
		type = read_record(c);
	while (type != 0 && type != FCGI_END_REQUEST);
}

static void
do_read_all(struct client *c, char **w)
{
	(void)w;
	while (read_record(c) != 0)
		;
}

static const struct {
	const char *name;
	void (*act)(struct client *, char **words);
} commands[] = {
	{ "begin", do_begin },
	{ "param", do_param },
	{ "params", do_params },
	{ "params-open", do_params_open },
	{ "stdin", do_stdin },
	{ "end", do_end },
	{ "get", do_get },
	{ "abort", do_abort },
	{ "values", do_values },
	{ "header", do_header },
	{ "bytes", do_bytes },
	{ "fill", do_fill },
	{ "shutdown", do_shutdown },
	{ "read", do_read },
	{ "read-record", do_read_record },
	{ "read-all", do_read_all },
};

static void
run_line(struct client *c, char *line)
{
	char *words[WORDS_MAX + 1] = { NULL }, *rest = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \n", &rest); w && n < WORDS_MAX; w = strtok_r(NULL, " \n", &rest))
		words[n++] = w;
	if (n == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		commands[i].act(c, words);
		fflush(stdout);
		return;
	}
	errx(2, "no such command: %s", words[0]);
}

int
main(int argc, char **argv)
{
	static struct client c;
	char *line = NULL;
	size_t size = 0;

	if (argc != 2)
		errx(2, "usage: fcgi_client unix:PATH|tcp:HOST:PORT <SCRIPT");
	if (strncmp(argv[1], "unix:", 5) == 0)
		c.sock = connect_unix(argv[1] + 5);
	else if (strncmp(argv[1], "tcp:", 4) == 0)
		c.sock = connect_tcp(argv[1] + 4);
	else
		errx(2, "unix: or tcp: is missing: %s", argv[1]);
	while (getline(&line, &size, stdin) > 0)
		run_line(&c, line);
	free(line);
	return 0;
}
