//! Codes for the program and its files (10xx), for the state, the journal and the lock (40xx), for plan files (41xx) and
//! for steps (50xx). One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    INTERNAL = 1001, Error,
        "an error in the program itself",
        "The program met something that it considers impossible, or it panicked. Nothing recorded is lost: what was \
         durable before is in the state and the journal, and the same command continues from there. Please report it \
         with the text of the message and the version that `mig version` prints.";
    COMMAND_LINE = 1002, Error,
        "the command line cannot be understood",
        "A command, a flag or a value of a flag is unknown, appears twice or contradicts another one. Nothing was \
         done. `mig COMMAND -help` lists what a command accepts.";
    FILE_UNREADABLE = 1003, Error,
        "a file cannot be read",
        "A file that the command needs is missing, is a folder, or cannot be read by this user. Nothing was done. \
         Check the path (it is relative to the folder given with `-chdir`) and its permissions.";
    FILE_UNWRITABLE = 1004, Error,
        "a file cannot be written",
        "The command could not write a file: the folder is missing or read-only, the disk is full, or the file system \
         failed. An older file of that name is unchanged, because files are replaced as a whole. Make the folder \
         writable or free some space, then run the command again.";
    NO_ANSWER_POSSIBLE = 1005, Error,
        "an answer is needed and cannot be given",
        "The command asks before it changes something, but there is no terminal, or `-input=false` was given. It never \
         waits for an answer that cannot come. Review the plan and give `-auto-approve`. Or save the plan with `mig \
         plan -out=FILE` and apply that file.";
    NOT_APPROVED = 1006, Error,
        "the answer was not yes",
        "The plan was shown and was not approved with the word `yes`. Nothing was changed. To apply the plan, run the command again.";
    INTERRUPTED = 1007, Interrupted,
        "interrupted",
        "A signal told the command to stop. After the first signal, running steps stop at their next chunk. After the \
         second one, they stop at once. In both cases everything durable is kept. Run the same command again: it \
         continues from there.";
    REVIEW_POINT = 1008, Changes,
        "stopped for a review",
        "Every step of the plan that was shown is done. The rest depends on a runner that is ready only now, so it can be planned only now. Run `mig plan` and `mig apply` again to review \
         and do the rest, or give `-continue -auto-approve` to continue without a review.";
    DUMP_ELSEWHERE = 1021, Error,
        "a dump is here, and its migration runs on another machine",
        "`mig import-dump` reads files of this machine, and the migration's runner is another machine. Nothing was \
         done. Give the migration a local runner for this, or run mig where the files are.";
    NO_SUCH_OUTPUT = 1022, Error,
        "the output does not exist",
        "`mig output NAME` prints one value. Its name is the path of the value in `mig output -json`, below `migrations`: \
         `shop.position.file`. `mig output` without a name lists all of them.";
    OUTPUT_NOT_KNOWN = 1023, Error,
        "the value of an output is not known",
        "The name is right, and nothing has recorded a value for it. Most values come with the apply: servers first, then the \
         position of the source, at the end the certificate. The certificate of an earlier run does not count once \
         something was started again. Some values exist only for some migrations: a local runner has no host, a source \
         without GTIDs has no set of them.";
    OUTPUTS_NOT_GOT = 1024, Error,
        "the outputs of Terraform cannot be read",
        "-var-from-terraform=DIR runs `terraform output -json` in that folder. The program is not in the PATH, or it failed. \
         Run the command there by hand. Where mig runs without Terraform, write the outputs to a file before, and name that \
         file. Nothing was done.";
    INIT_NEEDS_MORE = 1025, Error,
        "a first spec needs more answers",
        "`mig init` takes what a first spec says from flags, and asks for the rest on a terminal. There is none, or \
         `-input=false` or MIG_IN_AUTOMATION says that no user answers. Give -source and -target; the other flags have \
         defaults. Nothing was written.";
    SPEC_EXISTS = 1026, Error,
        "a spec is there already",
        "`mig init` writes a first spec into a folder that has none. All files of a folder that end in .mig.hcl are one spec, \
         so it neither replaces one nor adds one. Nothing was written.";
    CANNOT_IMPORT = 1027, Error,
        "the table cannot be imported",
        "`mig import` takes a table into the state that is on the target already, that this state does not know, and that no other lineage has. \
         It compares the content of all rows with the source first. It works where mig itself reaches both servers.";
    STATE_NEWER = 4001, Error,
        "the state has a newer format",
        "A newer version of mig wrote the state, and this version does not know everything in it. The state is not \
         read and not changed, because writing it back would lose what is not known. Install the version named in the \
         message, or a newer one.";
    STATE_DAMAGED = 4002, Error,
        "the state is damaged",
        "The state is empty, incomplete, not JSON, holds a key twice or lacks something. mig replaces a state only as \
         a whole. So a crash is not the cause, but something else: an editor, a copy, a full disk, a merge. Nothing \
         was changed. Restore the state from a backup or from version control: the ledger on the target tells the next \
         apply which rows are there. Where there is no backup, `mig recover` rebuilds the state from the ledger.";
    JOURNAL_DAMAGED = 4003, Error,
        "the journal is damaged",
        "The journal of an unfinished run has a bad line that is not its last one, or lines out of order. A crash can \
         only leave the last line incomplete. So the file was changed, or the disk lost something that it had promised \
         to keep. Nothing was changed. Restore the state and the journal together from a backup of the same moment.";
    JOURNAL_OF_OTHER_STATE = 4004, Error,
        "the journal does not belong to the state",
        "A journal names the lineage, the serial and the content of the state that it continues. The state beside it \
         is another one: restored from an older copy, edited by hand, copied from another folder, or gone. Nothing was \
         changed. Put back the state that belongs to the journal. If the run that wrote the journal no longer matters, \
         move the journal away.";
    STATE_UNREADABLE = 4005, Error,
        "the state or its journal cannot be read",
        "The file is there, but the system refused to read it. Often the cause is its permissions (only their owner \
         can read the state and the journal), or a file system that is gone. Nothing was changed. Check the path and \
         its permissions.";
    STATE_UNWRITABLE = 4006, Error,
        "the state or its journal cannot be written",
        "Writing or syncing failed. A failed sync is never tried again: the system may have dropped the data in \
         between, and would answer \"done\". The run ends, and what was durable before remains. Check the disk and the \
         permissions of the folder, or with a state in S3 the bucket and its policy. Then run the same command again: \
         it continues from there.";
    STATE_DISK_FULL = 4007, Error,
        "the disk of the state is full",
        "There was no space for the next line of the journal or for the new state. The run ended at once. What was \
         durable before remains, and the next run drops an incomplete last line. Free some space, or move the dump to \
         another disk (`workdir` of the runner). Then run the same command again.";
    STATE_CHANGED = 4008, Stale,
        "the state changed in the meantime",
        "Another program wrote the state between the time when it was read and the first change. Nothing was done on \
         the basis of the older state. Plan again. Do not use `-lock=false` while other runs are active.";
    LOCKED = 4010, Locked,
        "the state is locked by a running process",
        "Another mig works on this state, and only one may. The message says who, where and since when. Wait until it \
         ends, or give `-lock-timeout=5m` to wait that long. A lock on a file whose holder has died is taken over \
         without a question: the system releases it with the process. A lock in S3 is taken over when its holder has \
         been silent for the `lease` of the backend; `mig status` shows the holder's last sign of life.";
    LOCK_UNAVAILABLE = 4011, Error,
        "the lock cannot be taken",
        "The lock file beside the state could not be created or locked: the folder is read-only, or its file system \
         does not support locks. With a state in S3, the object KEY.lock could not be written. Nothing was done. Put \
         the state into a folder on a local disk that this user can write to. In S3, allow s3:GetObject, s3:PutObject and \
         s3:DeleteObject for the key and all names that begin with it, and s3:ListBucket for the bucket.";
    STATE_EDITED = 4012, Error,
        "the state was changed after mig wrote it",
        "The last field of the state is a checksum of everything before it, and it does not match: a disk, a merge or \
         an editor changed the file. mig refuses it and changes nothing, because every plan depends on the state. \
         Restore it from a backup or from version control. To edit the state on purpose: `mig state pull >FILE`, edit \
         FILE, `mig state push FILE`. If the state itself can no longer be read: `mig state push -force FILE`. Without \
         any good copy, `mig recover` rebuilds the state from the ledger on the target.";
    PUSH_DOES_NOT_CONTINUE = 4013, Error,
        "the pushed state does not continue the one on record",
        "`mig state push` accepts an edited copy of the state that `mig state pull` printed. Its lineage is another \
         one, or an apply ran in the meantime, or the state on record cannot be read. Nothing was changed. Pull again \
         and repeat the edit. -force puts the file in place of any state, and keeps a copy of that state beside it.";
    LOCK_NOT_BROKEN = 4014, Error,
        "the lock was not taken away",
        "`mig force-unlock ID` takes the lock away from the holder with this ID only. No process has the lock, or another \
         process has it now, or it is a lock on a file and its holder still runs on this machine. Nothing was changed. \
         `mig status` names the holder and its ID. A process that runs releases its lock when it ends.";
    LEASE_LOST = 4015, Locked,
        "the lock was lost while the run was active",
        "The lock of a state on S3 is a lease: its holder renews it, and a holder that is silent for longer than the \
         lease loses it. This process was suspended, or had no connection to S3 for so long, or somebody ran `mig \
         force-unlock`. It started nothing more. What it recorded before remains; another run may have gone on from \
         there. Look at `mig status`, then run the same command again.";
    BACKEND_UNAVAILABLE = 4016, Error,
        "the backend of the state cannot be opened",
        "The spec keeps the state on S3. This build of mig has no S3, or a file that the backend is set up with (`ca_file`) \
         cannot be read. Nothing was done.";
    NOTHING_TO_RECOVER = 4017, Error,
        "no ledger knows the lost state",
        "`mig recover` asks the ledger on each target for the lineage of the tables that the spec selects, and found none. \
         Nothing was changed. If nothing was applied yet, there is nothing to recover. If the ledger schema is gone as well, \
         nothing tells which rows on the target mig has loaded: drop the tables that are to be moved again, then plan.";
    SEVERAL_LINEAGES = 4018, Error,
        "tables of the spec belong to several lineages",
        "A state has one lineage. `mig recover` found tables or views of the spec that belong to different ones: two \
         specs, or two copies of one state, have worked on this target. Nothing was changed. Name the lineage whose state \
         is lost with -lineage=ID, and leave the tables of the others out of the spec.";
    STATE_NOT_LOST = 4019, Error,
        "there is a state",
        "`mig recover` rebuilds a state where there is none, or where the one on record is damaged. The state of this spec \
         can be read, so nothing was changed. `mig plan` shows what it records.";
    MOVE_CONFLICT = 4030, Error,
        "a rename would lose records",
        "A block is to be recorded under another address (`moved`, `mig state mv`), and the state has records at both addresses. \
         The records of one of them would be lost, so nothing is renamed. Give the block another name, or forget the records \
         that are not needed: `mig state rm ADDR`.";
    MOVE_WHILE_OPEN = 4031, Error,
        "a rename has to wait for a run",
        "A run on another machine was interrupted. Its worker began under the former name of the block and may be at work. Give \
         the block its former name, finish the run with `mig apply`, then rename it.";
    NAME_KEPT_BY_ANOTHER = 4032, Error,
        "another migration had this name before",
        "A migration that was renamed keeps the folder of its dump under its first name, because a rename moves no file. A new \
         migration of that name would work in the same folder. Give the new migration another name.";
    STATE_MOVED_AWAY = 4033, Error,
        "the state was moved to another place",
        "`mig init -migrate-state` has moved this state to another backend and closed it here, so that no job goes on with an old \
         copy. Take the spec that names the new place. To move it back, write the former backend into the spec again and run `mig \
         init -migrate-state -from=FILE`. If the new place is lost: `mig state push -force` with a copy, for example the one \
         beside the closed state.";
    STATE_LEFT_BEHIND = 4036, Error,
        "the state is still in its former place",
        "The `mig` block names a place for the state in which there is none, and ./mig.migstate, where a spec without that block has \
         it, records steps. Going on would forget them. Move it: `mig init -migrate-state -from=mig.migstate`. If it is of something \
         else, give that file another name.";
    NO_STATE_TO_MOVE = 4034, Error,
        "there is no state to move",
        "`mig init -migrate-state` reads the state from its former place: the file mig.migstate, or what -from names. There is none. \
         Nothing was changed.";
    STATE_IN_THE_WAY = 4035, Error,
        "the new place has a state already",
        "The backend that the spec names has a state of its own, which would be replaced. Nothing was changed. Name another key or \
         path. -force replaces that state and keeps a copy of it beside it.";
    NOT_A_PLAN = 4101, Stale,
        "not a plan file",
        "The file given to apply is not a plan that mig wrote: the file cannot be read, or the parts of a plan are missing. \
         Nothing was done. Make a plan with `mig plan -out=FILE`.";
    PLAN_TRUNCATED = 4102, Stale,
        "the plan file is incomplete",
        "The file is not whole JSON. Usually it ends in the middle: the disk was full, or a copy was interrupted. Nothing was done. Plan again.";
    PLAN_ALTERED = 4103, Stale,
        "the plan file was changed",
        "The digest in the plan does not match its content: something was changed after the plan was written. Nothing \
         was done. Plan again and review the new plan. The digest finds accidents and edits. It is not a signature.";
    PLAN_OF_OTHER_VERSION = 4104, Stale,
        "the plan file is of another format or version",
        "A plan is applied by the version of mig that made it, because another version might carry it out in another \
         way. Nothing was done. Plan again with this version, or apply with the one named in the message.";
    PLAN_EXPIRED = 4105, Stale,
        "the plan has expired",
        "A plan is valid for `plan_lifetime` of the spec (72 hours unless set). No step was started. Plan again. This \
         does not concern a run that has begun: its own plan file resumes it after that time, too.";
    SPEC_CHANGED_SINCE_PLAN = 4106, Stale,
        "the spec changed after the plan was made",
        "The spec, or a file that it reads, is not what the plan was made from. No step was started. Plan again, or put \
         the spec back.";
    STATE_CHANGED_SINCE_PLAN = 4107, Stale,
        "the state changed after the plan was made",
        "The lineage, the serial or the content of the state is not what the plan was made from: another apply ran, or \
         the file was edited. No step was started. Plan again.";
    SOURCE_CHANGED_SINCE_PLAN = 4108, Stale,
        "the source's structure changed after the plan was made",
        "A table or view that the plan is bound to was altered, dropped or added. No step was started on the basis of the \
         older structure. Plan again and review what is different.";
    OTHER_SERVER_THAN_PLANNED = 4109, Stale,
        "a server is not the one that the plan was made for",
        "The identity of a server (its own id and the user) differs from the one that the plan observed: another \
         address, a restored or replaced server, another user. No step was started. If the new server is the right one, \
         plan again.";
    PLAN_BLOCKED = 4110, Gate,
        "the plan is blocked by a gate",
        "A gate failed when the plan was made, and the plan says so. No step was started. Remove the cause, or change the \
         gate's setting in the spec where that is right. Then plan again.";
    RUN_OPEN = 4111, Stale,
        "another run is open",
        "The state has a run that has begun and not ended, and it belongs to another plan. No step was started. Resume it \
         with its own plan file. Or run `mig apply` without a file: it makes a new plan and keeps every chunk that is \
         still valid.";
    PLAN_GRAPH_INVALID = 4112, Stale,
        "the plan has a graph that cannot be run",
        "An edge names a step that does not exist, a step appears twice, or steps wait for each other in a circle. mig \
         does not write such a plan. No step was started. Plan again.";
    PLAN_NOT_APPROVED = 4113, Stale,
        "the plan is not approved",
        "-require-approval asks for signatures by different persons whose keys are in the file of allowed signers. Too few \
         are beside the plan, or those that are there do not count: another plan's, a key that is not listed, or one that is \
         not valid at this time. The message names each of them. No step was started. `mig approve PLANFILE -key KEY` signs.";
    ALLOWED_SIGNERS_UNREADABLE = 4114, Error,
        "the file of allowed signers cannot be used",
        "It cannot be read, or a line of it is not understood. Such a line could allow or forbid somebody, so none is passed \
         over. Each line has a person, options and a key, as in ssh-keygen's manual under ALLOWED SIGNERS. A pattern for a \
         person, and a certificate authority, are not supported: mig says who approved. No step was started.";
    APPROVAL_NOT_SIGNED = 4115, Error,
        "the plan could not be signed",
        "The key cannot be read, or its agent does not sign with it. Name a private key without a passphrase, or a key that \
         the SSH agent has: its public half, or its encrypted file. Nothing was written.";
    OTHER_SERVER_ANSWERED = 4130, Stale,
        "another server answered",
        "Every session asks the server for its identity. One session reached another server than those before it. \
         Either the address leads to several servers (a reader endpoint, a load balancer, a proxy), or it was moved to \
         another server in the meantime. What was observed on one server proves nothing about another, and a second \
         one may lag behind. The session was not used. Name one server, the writer, and run the command again. What is \
         recorded is kept, and the run continues where the server is the recorded one.";
    PLAN_NARROWED = 4120, Success,
        "the plan is not of the whole spec",
        "-target names some steps. The plan contains these steps and what they need. Everything else stays as it is \
         recorded. The certificate comes with a plan of the whole spec.";
    STEP_PANICKED = 5001, Error,
        "a step panicked",
        "An error of the program inside a step. The step counts as failed and keeps its durable chunks. Other branches \
         continued. Run the same command again. If it happens again, please report it with the lines above the \
         message.";
    STEP_INTERRUPTED = 5002, Interrupted,
        "a step was interrupted",
        "The run was told to stop, and the step stopped with it. Its durable chunks are kept. The next apply continues \
         after them.";
    EARLIER_STEP_FAILED = 5003, Error,
        "a step before this one failed",
        "This step was not started, or was stopped, because a step that it needs has failed. Only the first cause is \
         reported as a failure. Remove that cause and run the same command again.";
    CHUNK_PROTOCOL = 5004, Error,
        "a step broke the rules for chunks",
        "A step recorded a chunk without its bound, used the number of a bound twice, or ended before the step that it \
         gets its chunks from. This is an error of the program. What was durable before remains. Please report it.";
    BAD_ADDRESS = 1010, Error,
        "an address is wrong",
        "-replace or -target names no step of the spec, or its value is not an address. `mig state list` and `mig graph` show the addresses. Quote them for the shell.";
    NO_SUCH_CODE = 1011, Error,
        "there is no such code",
        "`mig explain` without a code lists all of them.";
    DROP_NOT_CONFIRMED = 1014, Error,
        "dropping rows is not confirmed",
        "The plan drops rows of the target that were verified. To confirm this, give -confirm=HOST with the target's host.";
    WHICH_MIGRATION = 1015, Error,
        "the command does not say which migration",
        "The spec has several migrations. Name one.";
    NO_SOUND_CERTIFICATE = 1016, Error,
        "there is no valid certificate",
        "The certificate is missing, cannot be read or was changed. It is written at the end of `mig apply`.";
    NOT_IN_STATE = 1017, Error,
        "the address is not in the state",
        "The state has no step at this address. `mig state list` shows the addresses that are in the state.";
    NOTHING_TO_VERIFY = 1018, Error,
        "there is nothing to verify by that name",
        "`mig verify` found no table to compare: -migration or -target names none, or the filter of the spec selects \
         none that the user of the source can see. A verification of nothing would prove nothing.";
    NO_SOURCE = 1019, Error,
        "the migration names no source",
        "A migration without `source` is filled from a dump: `mig import-dump DIR`. Afterwards `mig plan` reads the structure from that folder again. If the folder is gone, nothing can be compared. To move rows from a server, name the server as `source`.";
    UNFINISHED_DUMP = 1020, Error,
        "the folder is not a finished dump",
        "`mig import-dump` reads the folder that Dumpling, mydumper or mig wrote. These tools write the file `metadata` last. So a dump without it was interrupted, and an unknown number of rows is missing. Make the dump again and let it finish.";
}
