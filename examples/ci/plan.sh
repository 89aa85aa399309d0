#!/usr/bin/env bash
# Plans, and writes what a review needs: plan.sh SPEC_FOLDER OUT_FOLDER [EARLIER_PLAN]
#
# OUT_FOLDER gets mig.plan (the saved plan), plan.html (a page for a browser) and comment.md (the text of the comment).
# If EARLIER_PLAN would do the same as the new plan, it is kept in its place: then its signatures still count, and the
# comment stays as it is.
#
# Exit code: 0 if there is a plan, with or without changes. Otherwise the exit code of `mig plan`, for example 5: a gate
# failed. comment.md is written in each of these cases, so that no comment shows an older plan as the current one.
set -euo pipefail

spec=${1:?name the folder of the spec}
mkdir -p "${2:?name the folder for the results}"
out=$(cd "$2" && pwd)
earlier=${3:-}
plan=$out/mig.plan

# With this name for a comment, several specs of one repository have a comment each.
mark="<!-- mig ci: $spec -->"

fresh=$out/new.plan
rm -f "$fresh" "$plan" "$out/plan.html" "$out/comment.md"

code=0
mig -chdir="$spec" plan -input=false -detailed-exitcode -out="$fresh" >/dev/null || code=$?

field() { mig show -json "$1" | jq -r "$2"; }

# Whether the earlier plan is still good: it can be read, it has not expired, and it would do what the new one would do.
still_good() {
  [ -n "$earlier" ] && [ -f "$earlier" ] || return 1
  [[ $(field "$earlier" .header.expires) > $(date -u +%Y-%m-%dT%H:%M:%SZ) ]] || return 1
  mig diff -detailed-exitcode "$earlier" "$fresh" >/dev/null
}

case $code in
  0 | 2 | 5) ;;
  *)
    {
      printf '%s\n' "$mark"
      # shellcheck disable=SC2016 # The backticks are Markdown.
      printf '### mig plan\n\nThere is no plan: `mig plan` ended with exit code %s. The log of the job says why.\n' "$code"
    } >"$out/comment.md"
    exit "$code"
    ;;
esac

if still_good 2>/dev/null; then
  cp -- "$earlier" "$plan"
  rm -f "$fresh"
  echo "The earlier plan would do the same: it is kept, with its signatures."
else
  mv -- "$fresh" "$plan"
fi
mig show -html="$out/plan.html" "$plan"

{
  printf '%s\n' "$mark"
  mig show -markdown "$plan"
  # shellcheck disable=SC2016 # The backticks are Markdown.
  printf '\n---\nPlan `%s`, valid until %s.\n' "$(field "$plan" .digest)" "$(field "$plan" .header.expires)"
} >"$out/comment.md"

[ "$code" != 2 ] || code=0
exit "$code"
