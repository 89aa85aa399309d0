#!/usr/bin/env bash
# Finds the newest saved plan of a pull request on GitHub: find-plan.sh pull NUMBER | find-plan.sh commit SHA
#
# `commit` takes the commit that a merged pull request has on the main branch. Prints two lines for $GITHUB_OUTPUT: `name`,
# the name of the artefact, and `run-id`, the run that has it; `run-id` is empty if there is none.
# GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY have to be set.
set -euo pipefail
# shellcheck source=forge.sh
source "$(dirname "${BASH_SOURCE[0]}")/forge.sh"
as_github
repository=${GITHUB_API_URL:?}/repos/${GITHUB_REPOSITORY:?}

case ${1:?pull or commit} in
  pull) number=${2:?name the number} ;;
  commit)
    number=$(api GET "$repository/commits/${2:?name the commit}/pulls" |
      jq -r 'map(select(.merged_at != null)) | first // empty | .number')
    if [ -z "$number" ]; then
      echo "find-plan.sh: no pull request was merged as commit $2" >&2
      exit 1
    fi
    ;;
  *)
    echo "find-plan.sh: $1 is neither pull nor commit" >&2
    exit 1
    ;;
esac

name=mig-plan-$number
# A fork can have an artefact of the same name. Only those of branches of this repository are taken.
run=$(api GET "$repository/actions/artifacts?name=$name&per_page=100" | jq -r '
  .artifacts
  | map(select((.expired | not) and .workflow_run.head_repository_id == .workflow_run.repository_id))
  | sort_by(.created_at) | last // empty | .workflow_run.id')
printf 'name=%s\nrun-id=%s\n' "$name" "$run"
