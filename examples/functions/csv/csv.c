/* csv.c - turns CSV into JSON or into an HTML table: POST /csv?to=json, POST /csv?to=html&sep=;
 *
 * RFC 4180: a field may stand in quotes, and then hold separators, line ends and quotes, those doubled.  The
 * first record has the names of the columns, and every other one as many fields. */
#include <cfn.h>
#include <string.h>

enum { MAX_COLUMNS = 256 };

struct csv {
	char *at; /* behind the text is a NUL, and none in it */
	char separator;
	long line;
};

/* What the field at `at` holds goes to its beginning, because it never gets longer.  NULL: malformed. */
static char *
read_quoted(struct csv *c)
{
	char *to = c->at, *from = c->at + 1;

	for (;; from++) {
		if (*from == '"' && *++from != '"')
			break;
		if (!*from)
			return NULL;
		c->line += *from == '\n';
		*to++ = *from;
	}
	c->at = from;
	return to;
}

static char *
read_plain(struct csv *c)
{
	const char stops[] = { c->separator, '"', '\r', '\n', '\0' };

	c->at += strcspn(c->at, stops);
	return c->at;
}

/* 1: it was the last of its record; 0: there are more; -1: malformed. */
static int
read_field(struct csv *c, const char **field)
{
	char *end, stop;

	*field = c->at;
	end = *c->at == '"' ? read_quoted(c) : read_plain(c);
	if (!end)
		return -1;
	if (c->at[0] == '\r' && c->at[1] == '\n')
		c->at++;
	stop = *c->at;
	c->at += stop != '\0';
	c->line += stop == '\n';
	*end = '\0';
	return stop == c->separator ? 0 : stop == '\n' || stop == '\0' ? 1 : -1;
}

/* How many fields; -1: malformed, or too many. */
static int
read_record(struct csv *c, const char *fields[MAX_COLUMNS])
{
	int n = 0, rc = 0;

	while (rc == 0 && n < MAX_COLUMNS)
		rc = read_field(c, &fields[n++]);
	return rc == 1 ? n : -1;
}

static void
write_json_text(cfn_response *res, const char *text)
{
	cfn_write(res, "\"", 1);
	for (size_t n;; text += n + 1) {
		for (n = 0; (unsigned char)text[n] >= ' ' && text[n] != '"' && text[n] != '\\';)
			n++;
		cfn_write(res, text, n);
		if (!text[n])
			break;
		cfn_printf(res, "\\u%04x", text[n]);
	}
	cfn_write(res, "\"", 1);
}

static int
write_json(cfn_response *res, const char *const *names, const char *const *fields, int n)
{
	for (int i = 0; i < n; i++) {
		cfn_printf(res, i > 0 ? "," : "{");
		write_json_text(res, names[i]);
		cfn_printf(res, ":");
		write_json_text(res, fields[i]);
	}
	return cfn_printf(res, "}");
}

static int
write_html(cfn_response *res, const char *const *names, const char *const *fields, int n)
{
	(void)names;
	for (int i = 0; i < n; i++) {
		cfn_printf(res, i > 0 ? "<td>" : "<tr><td>");
		cfn_escape(res, fields[i]);
	}
	return cfn_printf(res, "\n");
}

static const struct format {
	const char *name, *type, *begin, *between, *end;
	bool has_head; /* a row for the names, before the others */
	int (*write)(cfn_response *, const char *const *names, const char *const *fields, int n);
} formats[] = {
	{ "json", "application/json", "[", ",\n", "]\n", false, write_json },
	{ "html", "text/html; charset=utf-8", "<!doctype html><meta charset=utf-8>\n<table>\n", "",
	  "</table>\n", true, write_html },
};

static const struct format *
find_format(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (!name || strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

static int
convert(struct csv *c, const struct format *f, cfn_response *res)
{
	const char *names[MAX_COLUMNS], *fields[MAX_COLUMNS];
	int columns = read_record(c, names), n = columns, rc = cfn_printf(res, "%s", f->begin);
	bool is_first = !f->has_head;
	long line = 1;

	if (n > 0 && f->has_head)
		rc = f->write(res, names, names, n);
	while (n == columns && n > 0 && *c->at && rc == 0) {
		cfn_printf(res, "%s", is_first ? "" : f->between);
		is_first = false;
		line = c->line;
		n = read_record(c, fields);
		if (n == columns)
			rc = f->write(res, names, fields, n);
	}
	if (n < 0)
		return cfn_error(res, 422, "The record in line %ld is not CSV, or has more than %d fields.",
		                 line, MAX_COLUMNS);
	if (n != columns)
		return cfn_error(res, 422, "The record in line %ld has %d fields, the first one %d.", line, n,
		                 columns);
	/* Escaped it is larger than what came in.  Whatever fails makes all that follows fail. */
	if (cfn_printf(res, "%s", f->end) < 0)
		return cfn_error(res, 413, "The table is too large.");
	cfn_set(res, "Content-Type", f->type);
	return 200;
}

static int
csv(cfn_request *req, cfn_response *res)
{
	const struct format *format = find_format(cfn_query(req, "to"));
	const char *separator = cfn_query(req, "sep"), *body;
	struct csv c = { .separator = separator ? *separator : ',', .line = 1 };
	size_t n;

	if (!format)
		return cfn_error(res, 400, "to is json or html.");
	if (separator && (strlen(separator) != 1 || !strchr(",;|\t", *separator)))
		return cfn_error(res, 400, "sep is one of , ; | and %%09.");
	body = cfn_body(req, &n);
	if (!body)
		return cfn_error(res, 400, "The table did not arrive whole.");
	if (!cfn_utf8_ok(body, n))
		return cfn_error(res, 422, "The table is not UTF-8.");
	/* Spreadsheets put a byte order mark in front. */
	if (strncmp(body, "\xef\xbb\xbf", 3) == 0)
		body += 3;
	c.at = cfn_sprintf(req, "%s", body);
	return c.at ? convert(&c, format, res) : cfn_error(res, 507, "The table is too large.");
}

CFN_ROUTES({ "POST", "/csv", csv });
