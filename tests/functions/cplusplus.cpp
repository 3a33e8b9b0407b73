// cplusplus.cpp - a function in C++ with the library's containers, an entry of its own and a table.
#include <cfn.h>
#include <map>
#include <string>

static int
count(cfn_request *req, cfn_response *res)
{
	std::map<std::string, int> words;
	std::string word;
	size_t size = 0;
	const char *text = static_cast<const char *>(cfn_body(req, &size));

	for (size_t i = 0; i <= size; i++) {
		if (i < size && text[i] != ' ') {
			word += text[i];
			continue;
		}
		if (!word.empty())
			words[word]++;
		word.clear();
	}
	for (const auto &entry : words)
		cfn_printf(res, "%s=%d ", entry.first.c_str(), entry.second);
	return 0;
}

CFN_C int
entry(cfn_request *req, cfn_response *res)
{
	return count(req, res);
}

int
mangled(cfn_request *req, cfn_response *res)
{
	return count(req, res);
}

CFN_ROUTES({ "POST", "/count", count });
