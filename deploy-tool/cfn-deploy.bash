# cfn-deploy.bash - completion for bash: commands, options and functions, as cfn-deploy itself tells them.
# shellcheck shell=bash

# The arguments that lead to the same registry.
_cfn_deploy_registry() {
	local i
	for ((i = 1; i < ${#COMP_WORDS[@]} - 1; i++)); do
		case ${COMP_WORDS[i]} in
		--registry | --config | -c) printf '%s\n' "${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}" ;;
		esac
	done
}

# The first word that is neither an option nor what belongs to one.
_cfn_deploy_command() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--registry | --config | -c | --key) i=$((i + 1)) ;;
		-*) ;;
		*) echo "${COMP_WORDS[i]}" && return ;;
		esac
	done
}

# Behind token: what it can do, and the names of tokens where one is wanted.
_cfn_deploy_token() {
	local registry
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	token) echo create list revoke ;;
	revoke)
		mapfile -t registry < <(_cfn_deploy_registry)
		"$1" "${registry[@]}" --json token list | grep -oE '"name":"[a-z0-9_-]+"' | cut -d'"' -f4 ;;
	esac
}

# Behind secret: what it can do, then functions.
_cfn_deploy_secret() {
	local registry
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	secret) echo set list remove rotate-sessions ;;
	set | list | remove)
		mapfile -t registry < <(_cfn_deploy_registry)
		"$1" "${registry[@]}" --json list | grep -oE '"function":"[a-z0-9_-]+"' | cut -d'"' -f4 ;;
	esac
}

_cfn_deploy_words() {
	local command registry
	command=$(_cfn_deploy_command)
	case $2 in
	-*) "$1" help ${command:+"$command"} | grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' ;;
	*)
		if [ "$command" = key ]; then
			[ "${COMP_WORDS[COMP_CWORD - 1]}" != key ] || echo new show sign trust revoke list
		elif [ "$command" = token ]; then
			_cfn_deploy_token "$1"
		elif [ "$command" = secret ]; then
			_cfn_deploy_secret "$1"
		elif [ "$command" = webserver ]; then
			"$1" help webserver | sed -n 's/^usage: .* //p' | tr '|' '\n'
		elif [ -z "$command" ] || [ "$command" = help ]; then
			"$1" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
		elif [ "$command" = import ]; then
			: # a file; its functions need not be the registry's
		elif "$1" help "$command" | grep -q '^usage: .*NAME'; then
			mapfile -t registry < <(_cfn_deploy_registry)
			"$1" "${registry[@]}" --json list | grep -oE '"function":"[a-z0-9_-]+"' | cut -d'"' -f4
		fi ;;
	esac
}

_cfn_deploy() {
	mapfile -t COMPREPLY < <(compgen -W "$(_cfn_deploy_words "$1" "$2" 2>/dev/null)" -- "$2")
}

# Files where nothing of ours fits: a deploy's own argument is one.
complete -o bashdefault -o default -F _cfn_deploy cfn-deploy
