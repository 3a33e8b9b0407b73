#!/usr/bin/env bats
# browser.bats - the guestbook as a visitor sees it: chromium, nginx, the pool.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper
load browser

setup() {
	place_make
}

teardown() {
	[ -z "${DRIVER:-}" ] || browser_stop
	place_remove
}

# write_entry NAME TEXT
write_entry() {
	[ -z "$1" ] || browser_type '[name=name]' "$1"
	browser_type '[name=text]' "$2"
	browser_click button
	eventually is_shown "$2"
}

is_shown() {
	browser_eval 'return [...document.querySelectorAll("li")].map(e => e.textContent).join("\n")' | grep -qF -- "$1"
}

@test "a browser writes into the guestbook: form, token, cookie, redirect, a deploy between, and markup stays text" {
	[ -z "${CFN_QUICK:-}" ] || skip "no browser in the quick run"
	local evil='<script>document.title="stolen"</script><img src=/x onerror=document.title="stolen">' cookie
	conf <<<"shared_dir = $D/shared"
	pool_start
	cp "$tree/examples/functions/guestbook/guestbook.c" "$D/src/"
	deploy deploy --shared guestbook "$D/src/guestbook.c"
	nginx_start
	browser_start
	browser_open /guestbook
	write_entry 'Ada "><b>' "$evil"

	# It is the page of a redirect, which asks for nothing when it is loaded again.
	[ "$(browser_eval 'return performance.getEntriesByType("navigation")[0].redirectCount')" = 1 ]
	[ "$(browser_eval 'return location.pathname')" = /guestbook ]
	browser_reload
	[ "$(browser_eval 'return document.querySelectorAll("li").length')" = 1 ]

	# The texts are there as they were written, and nothing of them has run or become an element.
	[ "$(browser_eval 'return document.querySelector("li b").textContent')" = 'Ada "><b>' ]
	is_shown "$evil"
	[ "$(browser_eval 'return document.title')" = Guestbook ]
	[ "$(browser_eval 'return document.querySelectorAll("script, img, li b b").length')" = 0 ]

	# The cookie is the site's alone, and no script's.
	cookie=$(browser_cookies)
	jq -e 'length == 1 and all(.[]; .httpOnly and .sameSite == "Lax")' <<<"$cookie"
	[ "$(browser_eval 'return document.cookie')" = '' ]

	# Another version, the same session: the name is in the form.
	sed -i 's|<h1>Guestbook|<h1>Visitors|' "$D/src/guestbook.c"
	deploy "$D/src/guestbook.c"
	browser_reload
	[ "$(browser_eval 'return document.querySelector("h1").textContent')" = Visitors ]
	[ "$(browser_eval 'return document.querySelector("[name=name]").value')" = 'Ada "><b>' ]
	write_entry '' 'after the deploy'
	[ "$(browser_eval 'return document.querySelector("li b").textContent')" = 'Ada "><b>' ]
	[ "$(browser_cookies | jq length)" = 1 ]

	# A form that does not have the page's token is refused, and so is one of another site that posts here.
	browser_eval 'document.querySelector("[name=csrf]").value = "forged"'
	browser_type '[name=text]' 'a forged entry'
	browser_click button
	eventually is_refused
	browser_open /guestbook
	not is_shown 'a forged entry'
	[ "$(browser_eval 'return document.querySelectorAll("li").length')" = 2 ]
}

is_refused() {
	browser_eval 'return document.body.textContent' | grep -q '403 Forbidden'
}
