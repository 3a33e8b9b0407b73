# shellcheck shell=bash disable=SC2034,SC2154
# runs.bash - programs over HTTP: a pool that runs them, requests, and what is looked for in results.

# run_serve [LINE...]: a pool that runs programs, with these lines in [run], behind nginx.
run_serve() {
	{
		printf '[run]\nenabled = on\n'
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | conf
	pool_start
	nginx_start
	eventually runner_answers
}

runner_answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$WEB/api/run/languages")" = 200 ]
}

# post JSON [CURL-ARGUMENT...]: as request.
post() {
	local body=$1
	shift
	request /api/run -H 'Content-Type: application/json' --data-binary "$body" "$@"
}

# result FILTER TEXT: of the last answer.
result() {
	local said
	said=$(jq -r "$1" "$D/body")
	[ "$said" = "$2" ] || {
		echo "$1 is '$said', not '$2':"
		head -c 2000 "$D/body"
		return 1
	}
}

# async JSON: accepted; ID is its id.
async() {
	request '/api/run?async=1' -H 'Content-Type: application/json' --data-binary "$1"
	expect 202
	ID=$(jq -r .id "$D/body")
	[[ $(header Location) == */api/run/$ID ]]
}

status_of() {
	curl -s --max-time 20 "$WEB/api/run/$1" | jq -r '.status // .detail'
}

has_status() {
	[ "$(status_of "$1")" = "$2" ]
}

bash_run() {
	jq -n -c --arg code "$1" '{lang: "bash", code: $code}'
}

# program LANG [JQ-OBJECT] <CODE: a request, with these other fields.
program() {
	jq -Rsc --arg lang "$1" "{lang: \$lang, code: .} + ${2:-{\}}"
}

runner_pids() {
	pool_processes cfn-runner
}
