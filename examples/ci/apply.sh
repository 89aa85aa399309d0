#!/usr/bin/env bash
# Applies a saved plan, and nothing else: apply.sh SPEC_FOLDER PLAN_FOLDER
#
# PLAN_FOLDER has mig.plan, as plan.sh wrote it. SPEC_FOLDER/approvals has the signatures. MIG_ALLOWED_SIGNERS names the
# file of allowed signers; MIG_REQUIRE_APPROVAL is how many persons have to sign (default 1).
#
# The script ends with exec: mig gets the place of the shell. So a signal that a forge sends to the job reaches mig, which
# finishes the running chunks, gives the lock back and exits with 130. The next run of the job continues.
set -euo pipefail

spec=${1:?name the folder of the spec}
plans=$(cd "${2:?name the folder of the plan}" && pwd)

if [ ! -f "$plans/mig.plan" ]; then
  echo "apply.sh: there is no plan in $plans. Run the plan job again: a saved plan is kept for some days only." >&2
  exit 1
fi
signers=${MIG_ALLOWED_SIGNERS:?name the file of allowed signers}
MIG_ALLOWED_SIGNERS=$(cd "$(dirname "$signers")" && pwd)/$(basename "$signers")
export MIG_ALLOWED_SIGNERS
export MIG_REQUIRE_APPROVAL=${MIG_REQUIRE_APPROVAL:-1}
export MIG_LOCK_TIMEOUT=${MIG_LOCK_TIMEOUT:-15m}

# A signature counts only for the plan that was signed: those of earlier plans do no harm.
shopt -s nullglob
for signature in "$spec"/approvals/*.sig; do
  cp -- "$signature" "$plans/"
done

exec mig -chdir="$spec" apply -input=false "$plans/mig.plan"
