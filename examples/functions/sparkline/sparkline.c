/* sparkline.c - a small chart as a PNG, for a page or a mail:
 *     <img src="/sparkline?values=3,1,4,1,5,9,2,6&width=120&height=24&color=3366cc">
 *
 * Linked with zlib (--link z), which does the two things that a PNG needs: compressing and CRC-32. */
#include <cfn.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAX_VALUES = 400, MAX_WIDTH = 1000, MAX_HEIGHT = 400 };
static const double max_value = 1e12; /* far below where a difference of two is no number any more */

struct chart {
	long width, height;
	int n;
	unsigned char color[3];
	double values[MAX_VALUES];
};

static bool
read_values(struct chart *c, const char *text)
{
	char *end;

	for (c->n = 0; text && c->n < MAX_VALUES; text = end + 1) {
		double value = strtod(text, &end);

		/* Which "nan" is not either. */
		if (end == text || (*end && *end != ',') || !(fabs(value) <= max_value))
			return false;
		c->values[c->n++] = value;
		if (!*end)
			return true;
	}
	return false;
}

static bool
read_color(struct chart *c, const char *text)
{
	unsigned long color = strtoul(text ? text : "3366cc", NULL, 16);

	for (int i = 0; i < 3; i++)
		c->color[i] = (unsigned char)(color >> (16 - 8 * i));
	return !text || (strlen(text) == 6 && strspn(text, "0123456789abcdefABCDEF") == 6);
}

static bool
read_size(cfn_request *req, const char *name, long max, long *size)
{
	int rc = cfn_query_int(req, name, 1, max, size);

	return rc == 0 || rc == -ENOENT;
}

static long
row_of(const struct chart *c, double value, double low, double high)
{
	return lround((high - value) / (high - low) * (double)c->height);
}

/* One byte a pixel, 0 the background, and in front of every row the filter type 0.  Bars stand on zero. */
static void
draw(const struct chart *c, unsigned char *rows)
{
	double low = 0, high = 0;

	for (int i = 0; i < c->n; i++) {
		low = fmin(low, c->values[i]);
		high = fmax(high, c->values[i]);
	}
	if (low == high)
		high = 1;
	for (long x = 0; x < c->width; x++) {
		double value = c->values[x * c->n / c->width];
		long top = row_of(c, fmax(value, 0), low, high),
		     bottom = row_of(c, fmin(value, 0), low, high);

		for (long y = top; y < bottom; y++)
			rows[y * (c->width + 1) + 1 + x] = 1;
	}
}

static void
put_number(unsigned char to[4], unsigned long number)
{
	for (int i = 0; i < 4; i++)
		to[i] = (unsigned char)(number >> (24 - 8 * i));
}

/* PNG, section 5.3: length, type, data, and a CRC of type and data. */
static int
write_chunk(cfn_response *res, const char *type, const unsigned char *data, size_t n)
{
	unsigned char number[4];
	uLong crc = crc32(crc32(0, (const Bytef *)type, 4), data, (uInt)n);

	put_number(number, n);
	cfn_write(res, number, 4);
	cfn_write(res, type, 4);
	cfn_write(res, data, n);
	put_number(number, crc);
	return cfn_write(res, number, 4);
}

static int
write_png(cfn_request *req, cfn_response *res, const struct chart *c)
{
	/* Width and height come later; 8 bits a pixel, with a palette. */
	unsigned char header[13] = { [8] = 8, [9] = 3 }, palette[6] = { 255, 255, 255 };
	uLong size = (uLong)(c->height * (c->width + 1));
	uLongf packed_size = compressBound(size);
	unsigned char *rows = cfn_alloc(req, size), *packed = cfn_alloc(req, packed_size);

	if (!rows || !packed)
		return cfn_error(res, 507, "There is not enough memory.");
	draw(c, rows);
	if (compress(packed, &packed_size, rows, size) != Z_OK)
		return -EIO;
	put_number(header, (unsigned long)c->width);
	put_number(header + 4, (unsigned long)c->height);
	memcpy(palette + 3, c->color, 3);
	cfn_set(res, "Content-Type", "image/png");
	cfn_write(res, "\x89PNG\r\n\x1a\n", 8);
	write_chunk(res, "IHDR", header, sizeof header);
	write_chunk(res, "PLTE", palette, sizeof palette);
	write_chunk(res, "tRNS", (const unsigned char *)"\0", 1);
	write_chunk(res, "IDAT", packed, packed_size);
	return write_chunk(res, "IEND", (const unsigned char *)"", 0) < 0 ? -EFBIG : 200;
}

static int
sparkline(cfn_request *req, cfn_response *res)
{
	struct chart c = { .width = 120, .height = 24 };

	if (!read_values(&c, cfn_query(req, "values")))
		return cfn_error(res, 400, "values are 1 to %d numbers with commas between.", MAX_VALUES);
	if (!read_color(&c, cfn_query(req, "color")))
		return cfn_error(res, 400, "color is six hexadecimal digits.");
	if (!read_size(req, "width", MAX_WIDTH, &c.width) || !read_size(req, "height", MAX_HEIGHT, &c.height))
		return cfn_error(res, 400, "At most %d pixels wide and %d high.", MAX_WIDTH, MAX_HEIGHT);
	/* The same address is the same picture for ever. */
	cfn_cache(res, 24 * 3600, CFN_CACHE_IMMUTABLE);
	return write_png(req, res, &c);
}

CFN_ROUTES({ "GET", "/sparkline", sparkline });
