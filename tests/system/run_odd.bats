#!/usr/bin/env bats
# run_odd.bats - odd requests of runs over HTTP: bytes of every kind, names, sources, and JSON that is none or means
# nothing; each is right or refused by a document that names the field.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
load helper
load runs

setup() {
	place_make
	run_serve
}

teardown() {
	place_remove
}

# echoed ENCODING TEXT: a program that gives back what it read says that, in this encoding.
echoed() {
	result .status accepted
	result .stdout_encoding "$1"
	[ "$(jq -j .stdout "$D/body" | md5sum)" = "$(printf %s "$2" | md5sum)" ]
}

readonly cat='import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())'

@test "text of any language, NUL and CRLF come back as they were, and what is no text as base64" {
	local input
	for input in 'Grüße, 世界 🙂 \u202e' '' 'no newline' 'a\r\nb\r\n' '\t\u0001\u001b[2J\u007f\u0085' '\ud83d\ude00' '\"\\\\.'; do
		post "$(printf '{"lang": "python", "code": "%s", "input": "%s"}' "$cat" "$input")"
		expect 200
		[ "$(jq -j .stdout "$D/body")" = "$(printf '"%s"' "$input" | jq -j .)" ]
		result .stdout_encoding utf-8
	done
	post "$(printf '{"lang": "python", "code": "%s", "input": "nul\\u0000nul"}' "$cat")"
	expect 200
	jq -e '.stdout == "nul\u0000nul" and .stdout_bytes == 7 and .stdout_encoding == "utf-8"' "$D/body"
	for input in /w== 4pg= wIA= 7aCA; do
		post "$(printf '{"lang": "python", "code": "%s", "input": "%s", "input_encoding": "base64"}' "$cat" "$input")"
		expect 200
		echoed base64 "$input"
	done
	post "$(printf '{"lang": "python", "code": "%s", "input": "4pyT", "input_encoding": "base64", "encoding": "base64"}' "$cat")"
	echoed base64 4pyT
	post "$(printf '{"lang": "python", "code": "%s", "input": "4pyT", "input_encoding": "base64"}' "$cat")"
	echoed utf-8 ✓
}

@test "a MiB of any bytes goes in and comes back, and five of them are read" {
	head -c 786432 /dev/urandom | base64 -w0 >"$D/mib"
	jq -n -c --rawfile b "$D/mib" --arg code "$cat" \
		'{lang: "python", code: $code, input: $b, input_encoding: "base64", encoding: "base64"}' >"$D/ask"
	post "@$D/ask"
	expect 200
	jq -j .stdout "$D/body" | cmp - "$D/mib"
	jq -n -c '{lang: "python", code: "import sys; print(len(sys.stdin.read()))", input: ("0123456789abcdef" * 327680)}' >"$D/ask"
	post "@$D/ask"
	result .stdout 5242880
}

@test "a source may be empty, of DOS, without its last newline, or have a NUL in it" {
	post '{"lang":"python","code":""}'
	result .status accepted
	post '{"lang":"c","code":""}'
	result .status compile_error
	post '{"lang":"c","code":"#include <stdio.h>\r\nint main(void)\r\n{\r\n\tputs(\"dos\");\r\n\treturn 0;\r\n}"}'
	result .stdout dos
	post '{"lang":"python","code":"print(1)\r\nprint(2)"}'
	result .stdout $'1\n2'
	post '{"lang":"bash","code":"echo ü-✓"}'
	result .stdout ü-✓
	post '{"lang":"c","code":"int main(void) { return 0; }\u0000"}'
	expect 200
	jq -e '.status | IN("accepted", "compile_error")' "$D/body"
	post '{"lang":"python","code":"print(1)\n#\u0000"}'
	expect 200
	result .status accepted
}

@test "names of files are taken or refused, and none is anywhere else than in the folder" {
	local name
	for name in a.b 'with blank' ü✓ 'a/b/c/d' ... 'a..b' "$(printf '%0255d' 1)" "dir/$(printf '%0250d' 1)" '$(id)' '*' "'"; do
		jq -n -c --arg n "$name" '{lang: "bash", code: "cat \"$1\"", args: [$n], files: [{name: $n, content: "found"}], main: "m.sh"}' >"$D/ask"
		post "@$D/ask"
		expect 200
		result .stdout found
	done
	for name in '' . .. / /etc/passwd ../x a/../b a/.. a//b a/ ./a -x @x 'a\u0000b' 'a\nb' 'a\u001bb' "$(printf '%0300d' 1)" \
		"$(printf 'a/%.0s' {1..600})a"; do
		printf '{"lang":"bash","code":":","files":[{"name":"x","content":""},{"name":"%s","content":""}]}' "$name" >"$D/ask"
		post "@$D/ask"
		expect 422
		result .field 'files[1].name'
	done
	post '{"lang":"bash","code":":","main":"../m.sh"}'
	expect 422
	result .field main
	post '{"lang":"bash","code":":","outputs":["../*"]}'
	expect 422
	result .field 'outputs[0]'
}

@test "what is no JSON is 400 and says where" {
	local n=0 body
	while read -r body; do
		n=$((n + 1))
		printf %b "$body" >"$D/ask"
		post "@$D/ask"
		[ "$CODE" = 400 ] || { echo "$body"; expect 400; }
		[[ $(header Content-Type) == application/problem+json* ]]
		jq -e '.status == 400 and (.detail | length) > 0 and .line >= 1' "$D/body"
	done <<-'END'
		{
		{"lang":"bash","code":""
		{"lang":"bash","code":""}}
		{"lang":"bash","code":"",}
		{"lang":"bash",,"code":""}
		{"lang":"bash" "code":""}
		{lang:"bash","code":""}
		{'lang':'bash','code':''}
		{"lang":"bash","code":"}
		{"lang":"bash","code":"a\nb"}
		{"lang":"bash","code":"\\x"}
		{"lang":"bash","code":"\\ud800"}
		{"lang":"bash","code":"\0377"}
		{"lang":"bash","code":"\0300\0200"}
		{"lang":"bash","code":"\0355\0240\0200"}
		{"lang":"bash","code":"",\0000}
		\0357\0273\0277{"lang":"bash","code":""}
		{"lang":"bash","code":"","total_ms":01}
		{"lang":"bash","code":"","total_ms":1e999}
		{"lang":"bash","code":"","total_ms":NaN}
		{"lang":"bash","code":"","total_ms":99999999999999999999}
		{"lang":"bash","code":"","code":"again"}
		{"lang":"bash","code":"","limits":{"cpu_ms":10,"cpu_ms":20}}
		lang=bash&code=
		\0037\0213\0010
	END
	[ "$n" -eq 25 ]
	post ''
	expect 400
	post "$(printf '{"lang":"bash","code":"","cases":%s1' "$(printf '[%.0s' {1..20000})")"
	expect 400
	result .line 1
	post "$(printf '{"lang":"bash","code":"","env":%s1%s' "$(printf '{"a":%.0s' {1..30})" "$(printf '}%.0s' {1..31})")"
	expect 400
}

@test "what is JSON and means nothing is 422 and names the field" {
	local field body
	while read -r field body; do
		post "$body"
		expect 422
		[[ $(header Content-Type) == application/problem+json* ]]
		result '.field // "-"' "$field"
	done <<-'END'
		- []
		- null
		- 1
		- "bash"
		lang {}
		code {"lang":"bash"}
		lang {"code":""}
		lang {"lang":["bash"],"code":""}
		code {"lang":"bash","code":{}}
		input {"lang":"bash","code":"","input":7}
		stdin {"lang":"bash","code":"","stdin":""}
		args {"lang":"bash","code":"","args":"x"}
		args[1] {"lang":"bash","code":"","args":["x",1]}
		env.A {"lang":"bash","code":"","env":{"A":1}}
		limits {"lang":"bash","code":"","limits":7}
		limits.memory {"lang":"bash","code":"","limits":{"memory":1}}
		limits.cpu_ms {"lang":"bash","code":"","limits":{"cpu_ms":1.5}}
		limits.cpu_ms {"lang":"bash","code":"","limits":{"cpu_ms":"10"}}
		limits.cpu_ms {"lang":"bash","code":"","limits":{"cpu_ms":-1}}
		limits.wall_ms {"lang":"bash","code":"","limits":{"wall_ms":0}}
		cases[1].input {"lang":"bash","code":"","cases":[{},{"input":1}]}
		cases[0].output {"lang":"bash","code":"","cases":[{"output":""}]}
		cases {"lang":"bash","code":"","cases":[]}
		input {"lang":"bash","code":"","input":"%","input_encoding":"base64"}
		input_encoding {"lang":"bash","code":"","input":"","input_encoding":"latin-1"}
		files[0].content {"lang":"bash","files":[{"name":"a"}]}
		compare {"lang":"bash","code":"","compare":"about"}
		merge_stderr {"lang":"bash","code":"","merge_stderr":"yes"}
	END
}

@test "a body that is too large, of another type or for another method is refused, and the next one is run" {
	local type
	for type in text/plain application/x-www-form-urlencoded multipart/form-data application/jsonx 'application/json; charset=latin1' ''; do
		request /api/run -H "Content-Type: $type" --data-binary '{"lang":"bash","code":"echo x"}'
		expect 415
		[[ $(header Content-Type) == application/problem+json* ]]
	done
	for type in application/json 'Application/JSON ; charset=UTF-8'; do
		request /api/run -H "Content-Type: $type" --data-binary '{"lang":"bash","code":"echo x"}'
		expect 200
	done
	head -c 9437184 /dev/zero | tr '\0' ' ' >"$D/ask"
	post "@$D/ask"
	expect 413
	request /api/run -H 'Content-Type: application/json' -X PUT --data-binary '{}'
	expect 405
	jq -n -c '{lang: "bash", code: ":", args: [range(9000) | "a"]}' >"$D/ask"
	post "@$D/ask"
	expect 413
	post '{"lang":"bash","code":"echo x"}'
	result .stdout x
}
