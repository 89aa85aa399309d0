#!/usr/bin/env bash
# Keeps one comment on a pull request or merge request: comment.sh github|gitlab FILE
#
# The first line of FILE is a hidden mark, by which the comment is found again. There is one comment for each mark. It is
# written once, then updated in place, and only if its text changed.
#
# github: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, PULL_REQUEST (its number)
# gitlab: MIG_GITLAB_TOKEN, CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID
# MIG_COMMENT_AUTHOR: the user that the comment belongs to; comments of other users are left alone.
set -euo pipefail
# shellcheck source=forge.sh
source "$(dirname "${BASH_SOURCE[0]}")/forge.sh"

forge=${1:?github or gitlab}
file=${2:?name the file with the text}

case $forge in
  github)
    as_github
    comments=${GITHUB_API_URL:?}/repos/${GITHUB_REPOSITORY:?}/issues/${PULL_REQUEST:?}/comments
    one=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/comments
    update=PATCH
    author=${MIG_COMMENT_AUTHOR:-github-actions[bot]}
    ;;
  gitlab)
    as_gitlab
    comments=${CI_API_V4_URL:?}/projects/${CI_PROJECT_ID:?}/merge_requests/${CI_MERGE_REQUEST_IID:?}/notes
    one=$comments
    update=PUT
    author=${MIG_COMMENT_AUTHOR:-$(api GET "$CI_API_V4_URL/user" | jq -r .username)}
    ;;
  *)
    echo "comment.sh: $forge is neither github nor gitlab" >&2
    exit 1
    ;;
esac

mark=$(head -n 1 -- "$file")
body=$(jq -Rs '{body: .}' -- "$file")

# The comment with the mark that the author wrote, as {id, body}; nothing if there is none.
find_comment() {
  local page=1 list found
  while :; do
    list=$(api GET "$comments?per_page=100&page=$page")
    found=$(jq -c --arg mark "$mark" --arg author "$author" '
      map(select((.user // .author | .login // .username) == $author and (.body | startswith($mark))))
      | first // empty | {id, body}' <<<"$list")
    if [ -n "$found" ]; then
      printf '%s' "$found"
      return
    fi
    [ "$(jq length <<<"$list")" = 100 ] || return 0
    page=$((page + 1))
  done
}

found=$(find_comment)
# Whether both texts are the same. Forges change the ends of lines and remove blanks at the end of a text. The texts go
# through pipes: an argument of a program has a largest size.
same() {
  # shellcheck disable=SC2016 # The variables are jq's.
  jq -e -n --slurpfile one <(printf '%s' "$1") --slurpfile other <(printf '%s' "$2") '
    def plain: .[0].body | gsub("\r"; "") | sub("\\s+$"; "");
    ($one | plain) == ($other | plain)' >/dev/null
}

if [ -z "$found" ]; then
  api POST "$comments" --data-binary @- >/dev/null <<<"$body"
  echo "The comment is written."
elif same "$found" "$body"; then
  echo "The comment is up to date."
else
  api "$update" "$one/$(jq -r .id <<<"$found")" --data-binary @- >/dev/null <<<"$body"
  echo "The comment is updated."
fi
