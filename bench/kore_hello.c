/* kore_hello.c - hello as a module of Kore, which serves HTTP by itself: event-driven, and without isolation.
 */
#include <kore/kore.h>

#include <kore/http.h>

int hello(struct http_request *);

int
hello(struct http_request *request)
{
	http_response_header(request, "content-type", "text/plain");
	http_response(request, HTTP_STATUS_OK, "Hello, world!\n", 14);
	return KORE_RESULT_OK;
}
