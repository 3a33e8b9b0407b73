// wordcount.cpp - the most frequent words of a text: POST /wordcount?top=5, in C++ with the standard library.
#include <cfn.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

namespace
{
using count = std::pair<std::string, long>;

// Bytes above 127 belong to letters of UTF-8.
bool
is_letter(unsigned char c)
{
	return std::isalpha(c) || c > 127;
}

std::unordered_map<std::string, long>
count_words(const char *text, size_t size)
{
	std::unordered_map<std::string, long> words;
	std::string word;

	// The NUL that cfn_body puts behind the text ends the last word.
	for (size_t i = 0; i <= size; i++) {
		unsigned char c = static_cast<unsigned char>(text[i]);

		if (is_letter(c)) {
			word += static_cast<char>(std::tolower(c));
		} else if (!word.empty()) {
			words[word]++;
			word.clear();
		}
	}
	return words;
}

bool
is_before(const count &a, const count &b)
{
	return a.second != b.second ? a.second > b.second : a.first < b.first;
}

int
answer(cfn_request *req, cfn_response *res)
{
	long top = 10;
	size_t size;
	int rc = cfn_query_int(req, "top", 1, 1000, &top);

	if (rc < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "top is a number from 1 to 1000.");
	auto text = static_cast<const char *>(cfn_body(req, &size));
	if (!text)
		return cfn_error(res, 400, "The text did not arrive whole.");
	auto words = count_words(text, size);
	std::vector<count> rows(words.begin(), words.end());
	std::sort(rows.begin(), rows.end(), is_before);
	if (rows.size() > static_cast<size_t>(top))
		rows.resize(static_cast<size_t>(top));
	for (const auto &row : rows)
		cfn_printf(res, "%6ld %s\n", row.second, row.first.c_str());
	return 200;
}

// No exception may leave a handler: that would end the worker.
int
wordcount(cfn_request *req, cfn_response *res)
{
	try {
		return answer(req, res);
	} catch (const std::exception &failure) {
		cfn_log(req, CFN_ERROR, "%s", failure.what());
		return cfn_error(res, 500, "The words could not be counted.");
	}
}
} // namespace

CFN_ROUTES({ "POST", "/wordcount", wordcount });
