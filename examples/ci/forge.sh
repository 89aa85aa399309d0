# shellcheck shell=bash
# The API of the forge, for the other scripts. Sourced; needs curl and jq.

# api METHOD URL [arguments of curl]. The token goes to curl through a pipe: arguments of a program can be seen by
# every user of the machine.
api() {
  local method=$1 url=$2
  shift 2
  # A GET can be repeated. A POST that is repeated could write a second comment.
  local again=()
  [ "$method" != GET ] || again=(--retry 3)
  curl --config <(printf 'header = "%s: %s"\n' "$token_header" "$token_value") --silent --show-error --fail \
    --max-time 60 "${again[@]}" --request "$method" --header 'Content-Type: application/json' "$@" "$url"
}

as_github() {
  token_header=Authorization
  token_value="Bearer ${GITHUB_TOKEN:?is not set}"
}

as_gitlab() {
  token_header=PRIVATE-TOKEN
  token_value=${MIG_GITLAB_TOKEN:?is not set}
}
