/* NAME.c - a form that asks for a name and greets: GET /NAME shows it, POST /NAME answers. */
#include <cfn.h>
#include <string.h>

enum { WHO_MAX = 40 };

static void
begin_page(cfn_response *res)
{
	cfn_set(res, "Content-Type", "text/html; charset=utf-8");
	cfn_printf(res, "<!doctype html><meta charset=utf-8><title>NAME</title>\n");
}

static void
write_form(cfn_response *res)
{
	cfn_printf(res,
	           "<form method=post action=\"/NAME\">\n"
	           "<label>Your name: <input name=who maxlength=%d required autofocus></label>\n"
	           "<button>Greet me</button>\n"
	           "</form>\n",
	           WHO_MAX);
}

static int
show(cfn_request *req, cfn_response *res)
{
	(void)req;
	begin_page(res);
	write_form(res);
	return 200;
}

/* A browser checks maxlength and required; whoever writes requests by hand does not. */
static int
greet(cfn_request *req, cfn_response *res)
{
	const char *who = cfn_form(req, "who");

	begin_page(res);
	if (who == NULL || who[0] == '\0' || strlen(who) > WHO_MAX) {
		cfn_printf(res, "<p>A name of 1 to %d letters, please.</p>\n", WHO_MAX);
		write_form(res);
		return 422;
	}
	cfn_printf(res, "<p>Hello, ");
	cfn_escape(res, who);
	cfn_printf(res, "!</p>\n<p><a href=\"/NAME\">Again</a></p>\n");
	return 200;
}

CFN_ROUTES({ "GET", "/NAME", show }, { "POST", "/NAME", greet });
