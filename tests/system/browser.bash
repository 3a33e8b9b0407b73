# shellcheck shell=bash disable=SC2034,SC2154
# browser.bash - a browser to look at pages with: Debian's chromium, without a window, asked over WebDriver (W3C), which
# is JSON over HTTP.

# browser_start: DRIVER is the address of its session.
browser_start() {
	local port answer
	port=$(port_free)
	mkdir -p "$D/browser"
	# What chromium writes goes below the test's folder; and the way out of its own sandbox is for root, who has to
	# take it, and for machines where users have no namespaces: the pages are ours.
	HOME=$D/browser XDG_CONFIG_HOME=$D/browser XDG_CACHE_HOME=$D/browser TMPDIR=$D/browser DBUS_SESSION_BUS_ADDRESS=/dev/null \
		chromedriver --port="$port" >"$D/browser.out" 2>&1 3>&- &
	started $!
	DRIVER_PID=$!
	eventually driver_is_up "http://127.0.0.1:$port" || return 1
	answer=$(driver "http://127.0.0.1:$port/session" "$(jq -nc --arg dir "$D/browser/profile" '{ capabilities: { alwaysMatch: {
		browserName: "chrome", "goog:chromeOptions": { args: ["--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--user-data-dir=" + $dir] } } } }')") ||
		return 1
	DRIVER=http://127.0.0.1:$port/session/$(jq -r .sessionId <<<"$answer")
	remember_below "$DRIVER_PID"
}

browser_stop() {
	remember_below "$DRIVER_PID"
	curl -s --max-time 30 -X DELETE "$DRIVER" >/dev/null
}

driver_is_up() {
	curl -s --max-time 5 "$1/status" | jq -e .value.ready >/dev/null 2>&1
}

# driver URL [JSON]: POST with JSON, else GET; the value of the answer.
driver() {
	local answer arguments=()
	[ $# -eq 1 ] || arguments=(-H 'Content-Type: application/json' --data-binary "$2")
	answer=$(curl -s --max-time 60 "${arguments[@]}" "$1") || { echo "no answer: $1"; return 1; }
	if jq -e '.value | objects | has("error")' <<<"$answer" >/dev/null; then
		jq -r '.value | "\(.error): \(.message)"' <<<"$answer" >&2
		return 1
	fi
	jq -c .value <<<"$answer"
}

# browser_open PATH: and waits until it is there, as all of these do.
browser_open() {
	driver "$DRIVER/url" "$(jq -nc --arg url "$WEB$1" '{ url: $url }')" >/dev/null
}

browser_reload() {
	driver "$DRIVER/refresh" '{}' >/dev/null
}

# browser_eval SCRIPT: what the script returns, as text.
browser_eval() {
	driver "$DRIVER/execute/sync" "$(jq -nc --arg script "$1" '{ script: $script, args: [] }')" | jq -r .
}

browser_find() {
	driver "$DRIVER/element" "$(jq -nc --arg css "$1" '{ using: "css selector", value: $css }')" | jq -r '.[]'
}

# browser_type CSS TEXT: in the place of what is there.
browser_type() {
	local element
	element=$(browser_find "$1") && driver "$DRIVER/element/$element/clear" '{}' >/dev/null &&
		driver "$DRIVER/element/$element/value" "$(jq -nc --arg text "$2" '{ text: $text }')" >/dev/null
}

browser_click() {
	local element
	element=$(browser_find "$1") && driver "$DRIVER/element/$element/click" '{}' >/dev/null
}

# browser_cookies: as the browser keeps them, those that scripts do not see too.
browser_cookies() {
	driver "$DRIVER/cookie"
}
