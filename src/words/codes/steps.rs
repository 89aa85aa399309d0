//! Codes of the steps: MIG51xx. One row each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    STEPS_CYCLE = 5101, Error,
        "steps wait for each other in a circle",
        "The graph has a cycle, which the message names by its path. Take one of the references out of `after`.";
    PLAN_DOES_NOT_FIT_SPEC = 5102, Error,
        "the plan and the spec do not fit together",
        "A step does not find what it needs in the plan or the spec: the plan was made by another version or by hand. Make it again.";
    NO_CONNECTION = 5103, Error,
        "no connection was to be had",
        "The run is ending, so no further connection is opened. Run `mig apply` again.";
    STOPPED = 5104, Interrupted,
        "a step was stopped on request",
        "What is durable stays. Run the same command again: it goes on from the last durable part.";
    DUMP_FILE = 5110, Error,
        "a file could not be written or read",
        "A file or folder of the dump cannot be used: full disk, missing rights, a folder that is gone. Mend it and run `mig apply` again: it goes on.";
    LEDGER = 5120, Error,
        "the ledger could not be used",
        "A statement on the ledger schema failed. The user needs CREATE, SELECT, INSERT, UPDATE and DELETE on it.";
    CREATE_SCHEMA = 5121, Error,
        "a schema could not be created",
        "The target refused CREATE DATABASE. The message has its answer.";
    CREATE_TABLE = 5122, Error,
        "a table could not be created",
        "The target refused CREATE TABLE. The message has its answer and the statement. The structure comes before the first row: nothing was loaded, what this run had created is removed, and the exit code is 5. Where the connection failed, the exit code is 1, and another apply goes on.";
    PROBE_TABLE = 5123, Error,
        "a table could not be looked at",
        "The target refused a look into a table that an earlier run may have made.";
    ADD_FOREIGN_KEYS = 5124, Error,
        "foreign keys could not be added",
        "The target refused ALTER TABLE. The message has its answer and the statement. The structure comes before the first row: nothing was loaded, and what this run had created is removed.";
    CREATE_VIEW = 5125, Error,
        "a view could not be created",
        "The target refused CREATE VIEW: a table or column it names may not be selected by the filter.";
    DROP_OBJECT = 5126, Error,
        "an object could not be dropped",
        "The target refused to drop a table or view of this lineage.";
    STRUCTURE_CAME_OUT_DIFFERENT = 5127, Gate,
        "the structure came out otherwise",
        "What was created is read back before the first row moves, from information_schema and from SHOW CREATE TABLE, and compared with the source. It differs in something that no change of the plan names. Nothing was loaded, and what this run had created is removed. The finding lists each difference.";
    SET_AUTO_INCREMENT = 5128, Error,
        "an AUTO_INCREMENT counter could not be set",
        "The target would give out numbers again that the source has given before, and it refused ALTER TABLE … AUTO_INCREMENT. Grant ALTER on the table, or set the counter by hand; another apply then goes on.";
    PROBE_SCHEMA = 5129, Error,
        "a schema of a probe could not be created",
        "`mig plan -probe` creates what the plan will create in schemas of its own, called mig_probe_ and a number drawn for this probe, reads it back and drops them. The target refused such a schema. Grant the user of the target all rights on schemas called `mig_probe_%`, or plan without -probe.";
    READ_SOURCE = 5130, Error,
        "rows could not be read from the source",
        "The SELECT of a chunk failed, also after several tries where the fault looked passing. What is durable stays.";
    DUMP_BROKE_OFF = 5131, Error,
        "the dump broke off",
        "A fault inside the dump. Run `mig apply` again; if it stays, please report it.";
    LEDGER_UNKNOWN_TABLE = 5140, Error,
        "the ledger does not know the table",
        "The load finds no row of the table in the ledger: it was not created by this lineage, or the ledger is gone. `mig plan` shows what is missing.";
    ROW_WOULD_CHANGE = 5141, Error,
        "the target would change or drop a row",
        "LOAD DATA LOCAL turns errors into warnings, so after anything but a clean answer the rows are tried by strict INSERTs, in ever smaller batches. The message names the file and the row that is still refused, and with -show-keys its key; what came before it is loaded.";
    LEDGER_GAP = 5142, Mismatch,
        "the ledger has a gap",
        "The batches in the ledger do not follow one another: another program wrote to it, or it was restored. Load the table anew with -replace.";
    BATCH_REFUSED = 5143, Error,
        "the target refused a batch",
        "The message has its answer. Nothing of the batch was kept; `mig apply` goes on after the last committed one.";
    LOAD_BROKE_OFF = 5144, Error,
        "the load broke off",
        "A fault inside the load. Run `mig apply` again; if it stays, please report it.";
    ROW_TOO_LARGE_FOR_TARGET = 5145, Error,
        "one row is too large for the target",
        "Batches were halved down to this row, and the target's limit of one entry or one transaction is below it. The message names the file and the row; what came before it is loaded.";
    TABLE_TAKEN_OVER = 5146, Error,
        "the table is not this load's any more",
        "Each batch looks, in its own transaction, whether the ledger on the target still has the table at the load that the batch is of. It has not: another process with a copy of this state has emptied and loaded the table meanwhile, or the target was restored to an earlier time. Nothing of the batch was kept. Let one process alone work with a state.";
    UNREAD_CHARSET = 5152, Error,
        "text in a charset that is not read",
        "mydumper writes text in the charset of its column; latin1, gbk, gb18030 and the unicode ones are read. Make the dump with Dumpling, or move the table with `mig apply`.";
}
