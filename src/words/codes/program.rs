//! Codes of: the program and its files (10xx), state, journal and lock (40xx), plan files (41xx), steps (50xx). One row
//! each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    INTERNAL = 1001, Error,
        "a fault of the program itself",
        "The program met something it takes for impossible, or it panicked. Nothing recorded is lost: what was durable \
         before stands in state and journal, and the same command goes on from there. Please report it with the text \
         of the message and the version that `mig version` prints.";
    COMMAND_LINE = 1002, Error,
        "the command line cannot be understood",
        "A command, a flag or a value of a flag is unknown, stands twice or contradicts another one. Nothing was done. \
         `mig COMMAND -help` lists what a command takes.";
    FILE_UNREADABLE = 1003, Error,
        "a file cannot be read",
        "A file that the command needs is missing, is a folder, or may not be read by this user. Nothing was done. \
         Check the path (it is relative to the folder given with `-chdir`) and its permissions.";
    FILE_UNWRITABLE = 1004, Error,
        "a file cannot be written",
        "A file that the command was to write could not be written: the folder is missing or read-only, the disk is \
         full, or the file system failed. An older file of that name is unchanged, because files are replaced whole. \
         Make the folder writable or free some space, then run the command again.";
    NO_ANSWER_POSSIBLE = 1005, Error,
        "an answer is needed and nobody can give it",
        "The command asks before it changes something, but there is no terminal, or `-input=false` was given. It \
         never waits for an answer that cannot come. Review the plan and give `-auto-approve`, or save it with \
         `mig plan -out=FILE` and apply that file.";
    NOT_APPROVED = 1006, Error,
        "the answer was not yes",
        "The plan was shown and was not approved with the word `yes`. Nothing was changed.";
    INTERRUPTED = 1007, Interrupted,
        "interrupted",
        "The command was told to stop by a signal. The first one lets running steps end at their next part, the second \
         one ends them at once. Either way everything durable is kept: run the same command again and it goes on from \
         there.";
    REVIEW_POINT = 1008, Changes,
        "stopped at a point of review",
        "What can be known was done; the rest can only be planned now. Run `mig plan` and `mig apply` again to review \
         and do the rest, or give `-continue` to go on without a review.";
    DUMP_ELSEWHERE = 1021, Error,
        "a dump lies here for a migration that runs elsewhere",
        "`mig import-dump` reads files of this machine, and the migration's runner is another one. Nothing was done. Give \
         the migration a local runner for this, or run mig where the files are.";
    STATE_NEWER = 4001, Error,
        "the state is of a newer format",
        "The state was written by a newer version of mig, and this version does not know all that stands in it. It is \
         not read and not changed, because writing it back would lose what is not known. Install the version named in \
         the message, or a newer one.";
    STATE_DAMAGED = 4002, Error,
        "the state is damaged",
        "The state is empty, cut short, not JSON, holds a key twice or lacks something. mig replaces a state only as a \
         whole, so this is not the trace of a crash but of something else: an editor, a copy, a full disk, a merge. \
         Nothing was touched. Restore the state from a backup or from version control; the ledger on the target tells \
         the next apply which rows are there. Moving the file away starts over: then the target's tables belong to \
         nobody.";
    JOURNAL_DAMAGED = 4003, Error,
        "the journal is damaged",
        "The journal of an unfinished run holds a bad line that is not its last one, or lines out of order. A crash \
         can only leave the last line unfinished, so the file was changed or the disk lost something that it had \
         promised to keep. Nothing was touched. Restore state and journal together from a backup of the same moment.";
    JOURNAL_OF_OTHER_STATE = 4004, Error,
        "the journal does not belong to the state",
        "A journal names the lineage, the serial and the content of the state that it continues, and the state beside \
         it is another one: restored from an older copy, edited by hand, copied from another folder, or gone. Nothing \
         was touched. Put the state back that belongs to the journal; if the run that wrote the journal does not \
         matter any more, move the journal away.";
    STATE_UNREADABLE = 4005, Error,
        "the state or its journal cannot be read",
        "The file is there, but the system refused to read it: often a matter of permissions (state and journal are \
         readable by their owner only) or of a file system that is gone. Nothing was touched.";
    STATE_UNWRITABLE = 4006, Error,
        "the state or its journal cannot be written",
        "Writing or syncing failed. A failed sync is never tried again, because the system may have dropped the data \
         in between and would answer \"done\": the run ends, and what was durable before remains. Look at the disk \
         and its folder's permissions, then run the same command again; it goes on from there.";
    STATE_DISK_FULL = 4007, Error,
        "the disk is full under the state",
        "There was no room for the next line of the journal or for the new state. The run ended at once; what was \
         durable before remains, and an unfinished last line is dropped by the next run. Free some space, or move the \
         dump to another disk (`workdir` of the runner), then run the same command again.";
    STATE_CHANGED = 4008, Stale,
        "the state changed meanwhile",
        "Between reading the state and the first change, another program wrote it. Nothing was done on the ground of \
         the older one. Plan again; do not use `-lock=false` beside other runs.";
    LOCKED = 4010, Locked,
        "the state is locked by a living holder",
        "Another mig works on this state, and only one may. The message names who, where and since when. Wait for it, \
         or give `-lock-timeout=5m` to wait that long. A lock whose holder has died is taken over without asking: the \
         system releases it with the process.";
    LOCK_UNAVAILABLE = 4011, Error,
        "the lock cannot be taken",
        "The lock file beside the state could not be made or locked: the folder is read-only, or its file system does \
         not know locks. Nothing was done. Put the state into a folder on a local disk that this user may write to.";
    STATE_EDITED = 4012, Error,
        "the state was changed after mig wrote it",
        "The last line of the state is a checksum of all that stands before it, and it does not fit: a disk, a merge or an \
         editor changed the file. Nothing was touched, since every plan rests on the state. Restore it from a backup or \
         from version control. An edit that is meant goes this way: `mig state pull >FILE`, edit FILE, `mig state push \
         FILE`; where the state itself cannot be read any more, `mig state push -force FILE`.";
    PUSH_DOES_NOT_CONTINUE = 4013, Error,
        "the state that is pushed does not continue the one on record",
        "`mig state push` takes a copy of the state that `mig state pull` gave, edited. Its lineage is another one, or \
         somebody applied in the meantime, or the state on record cannot be read. Nothing was changed. Pull again and \
         repeat the edit; -force puts the file in its place whatever stands there, and keeps a copy of that beside it.";
    NOT_A_PLAN = 4101, Stale,
        "not a plan file",
        "The file given to apply is no plan that mig wrote: not JSON, or without the parts of a plan. Nothing was \
         done. Make one with `mig plan -out=FILE`.";
    PLAN_TRUNCATED = 4102, Stale,
        "the plan file is cut short",
        "The plan ends in the middle: the disk was full or a copy was broken off. Nothing was done. Plan again.";
    PLAN_ALTERED = 4103, Stale,
        "the plan file was altered",
        "The digest in the plan is not that of its content: something was changed after it was written. Nothing was \
         done. Plan again and review the new plan. The digest finds accidents and edits; it is no signature.";
    PLAN_OF_OTHER_VERSION = 4104, Stale,
        "the plan file is of another format or version",
        "A plan is applied by the version of mig that made it, because another one might carry it out in another way. \
         Nothing was done. Plan again with this version, or apply with the one named in the message.";
    PLAN_EXPIRED = 4105, Stale,
        "the plan has expired",
        "A plan is valid for `plan_lifetime` of the spec (72 hours unless set). Nothing was done. Plan again. A run \
         that has begun is not asked again: its own plan file resumes it after that time, too.";
    SPEC_CHANGED_SINCE_PLAN = 4106, Stale,
        "the spec changed after the plan was made",
        "The spec, or a file that it reads, is not what the plan was made from. Nothing was done. Plan again, or put \
         the spec back.";
    STATE_CHANGED_SINCE_PLAN = 4107, Stale,
        "the state changed after the plan was made",
        "The lineage, the serial or the content of the state is not what the plan was made over: another apply ran, \
         or the file was edited. Nothing was done. Plan again.";
    SOURCE_CHANGED_SINCE_PLAN = 4108, Stale,
        "the source's structure changed after the plan was made",
        "A table or view that the plan is bound to was altered, dropped or added. Nothing was done on the ground of \
         the older structure. Plan again and review what is different.";
    OTHER_SERVER_THAN_PLANNED = 4109, Stale,
        "a server is not the one that the plan was made for",
        "The identity of a server (its own id and the user) differs from what the plan saw: another address, a \
         restored or replaced server, another user. Nothing was done. Plan again if the new server is meant.";
    PLAN_BLOCKED = 4110, Gate,
        "the plan is blocked by a gate",
        "A gate refused when the plan was made, and the plan says so. Nothing was done. Remove the cause, or change \
         the gate's setting in the spec where that is right, and plan again.";
    RUN_OPEN = 4111, Stale,
        "another run is open",
        "The state holds a run that has begun and not ended, of another plan than this one. Nothing was done. Resume \
         it with its own plan file, or run `mig apply` without a file: it plans anew and keeps every part that is \
         still valid.";
    PLAN_GRAPH_INVALID = 4112, Stale,
        "the plan holds a graph that cannot be run",
        "An edge names a step that is not there, a step stands twice, or steps wait for each other in a circle. mig \
         does not write such a plan. Nothing was done. Plan again.";
    OTHER_SERVER_ANSWERED = 4130, Stale,
        "another server answered",
        "Every session asks the server who it is, and one of them reached another server than those before it: the \
         address leads to several (a reader endpoint, a load balancer, a proxy), or it was moved to another server in \
         the meantime. What was seen of one server proves nothing of another; a second one may lag behind. The session \
         was not used. Name one server, the writer, and run the command again: what is recorded is kept, and goes on \
         where the server is the recorded one.";
    PLAN_NARROWED = 4120, Success,
        "the plan is not of the whole spec",
        "-target names some steps: the plan is of these and of what they need, everything else stays as it is \
         recorded. The certificate comes with a plan of the whole spec.";
    STEP_PANICKED = 5001, Error,
        "a step panicked",
        "A fault of the program inside a step. The step counts as failed and keeps its durable parts, other branches \
         went on. Run the same command again; if it comes back, please report it with what stands above the message.";
    STEP_INTERRUPTED = 5002, Interrupted,
        "a step was interrupted",
        "The run was told to stop and the step stopped with it. Its durable parts are kept; the next apply goes on \
         after them.";
    EARLIER_STEP_FAILED = 5003, Error,
        "a step before this one failed",
        "This step was not started, or was ended, because a step that it needs has failed. Only the first cause is \
         reported as a failure: remove that one and run the same command again.";
    CHUNK_PROTOCOL = 5004, Error,
        "a step broke the rules of parts",
        "A step recorded a part without its border, gave a border's number away twice, or ended before the step that \
         it takes its parts from. That is a fault of the program; what was durable before remains. Please report it.";
    BAD_ADDRESS = 1010, Error,
        "an address is wrong",
        "-replace or -target names no step of the spec, or no address at all. `mig state list` and `mig graph` show the addresses; quote them for the shell.";
    NO_SUCH_CODE = 1011, Error,
        "no such code",
        "`mig explain` without a code lists all of them.";
    DROP_NOT_CONFIRMED = 1014, Error,
        "dropping rows is not confirmed",
        "The plan drops rows of the target that were verified. -confirm=HOST with the target's host says that this is meant.";
    WHICH_MIGRATION = 1015, Error,
        "which migration is not said",
        "The spec has several migrations; name one.";
    NO_SOUND_CERTIFICATE = 1016, Error,
        "there is no sound certificate",
        "The certificate is missing, cannot be read or was altered. It is written at the end of `mig apply`.";
    NOT_IN_STATE = 1017, Error,
        "not in the state",
        "The address is not in the state. `mig state list` shows what is.";
    NOTHING_TO_VERIFY = 1018, Error,
        "nothing to verify by that name",
        "`mig verify` found no table to compare: -migration or -target names none, or the filter of the spec selects \
         none that the user of the source may see. A verification over nothing would prove nothing.";
    NO_SOURCE = 1019, Error,
        "the migration names no source",
        "A migration without `source` is filled from a dump: `mig import-dump DIR`. Afterwards `mig plan` reads the structure from that folder again; where it is gone, nothing can be compared. To move from a server, name it as `source`.";
    UNFINISHED_DUMP = 1020, Error,
        "the folder is no finished dump",
        "`mig import-dump` takes the folder that Dumpling, mydumper or mig wrote. The tools write the file `metadata` last, so a dump without it was broken off and lacks rows, nobody knows how many. Make it again and let it end.";
}
