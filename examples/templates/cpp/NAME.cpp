// NAME.cpp - the words of a text, sorted, each once: POST /NAME
#include <cfn.h>

#include <exception>
#include <set>
#include <sstream>
#include <string>

static int
answer(cfn_request *req, cfn_response *res)
{
	size_t size;
	auto text = static_cast<const char *>(cfn_body(req, &size));

	if (!text)
		return cfn_error(res, 400, "The text did not arrive whole.");
	std::istringstream in(std::string(text, size));
	std::set<std::string> words;
	for (std::string word; in >> word;)
		words.insert(word);
	for (const auto &word : words)
		cfn_printf(res, "%s\n", word.c_str());
	return 200;
}

// No exception may leave a handler: that would end the worker.
static int
sort_words(cfn_request *req, cfn_response *res)
{
	try {
		return answer(req, res);
	} catch (const std::exception &failure) {
		cfn_log(req, CFN_ERROR, "%s", failure.what());
		return cfn_error(res, 500, "The words could not be sorted.");
	}
}

CFN_ROUTES({ "POST", "/NAME", sort_words });
