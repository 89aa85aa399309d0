//! Codes for the steps: MIG51xx. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    STEPS_CYCLE = 5101, Error,
        "steps wait for each other in a circle",
        "The graph has a cycle. The message names its path. Take one of the references out of `after`.";
    PLAN_DOES_NOT_FIT_SPEC = 5102, Error,
        "the plan and the spec do not fit together",
        "A step does not find what it needs in the plan or in the spec: the plan was made by another version or by hand. Plan again.";
    NO_CONNECTION = 5103, Error,
        "no connection was available",
        "The run is ending, so it opens no further connection. Run `mig apply` again.";
    STOPPED = 5104, Interrupted,
        "a step was stopped on request",
        "What is durable stays. Run the same command again: it continues from the last durable chunk.";
    TARGET_NOT_IN_SPEC = 5105, Error,
        "what is to be removed is on a server that the spec does not name",
        "The state knows what was made on a target, and the spec has no block any more that leads there. So nothing can be removed there, and the state keeps its record. Put the block back and destroy again. If what is there is to stay, `mig state rm` with the address makes mig forget it.";
    DUMP_FILE = 5110, Error,
        "a file could not be written or read",
        "A file or folder of the dump cannot be used: a full disk, missing rights, a folder that is gone. Fix it and run `mig apply` again: it continues.";
    DUMP_OBJECT = 5111, Error,
        "a dump file in a bucket could not be written or read",
        "The spec has `to = \"s3://…\"` in a dump block. The server did not answer for a minute, or it refuses the request: \
         missing rights, a bucket that is not there, expired credentials. What is recorded is in the bucket. Fix the cause \
         and run `mig apply` again: it continues.";
    DUMP_OBJECTS_OF_OTHER = 5112, Error,
        "the place in the bucket belongs to another state",
        "Two states must not mix their dump files. The object `mig-owner.json` beside the files names the lineage of the state \
         that they belong to, and it is not the lineage of this state. Nothing was written or removed there. Name another \
         prefix in `to`, or destroy the other migration first. If its state is lost, remove the objects by hand.";
    DUMP_BUCKET_UNAVAILABLE = 5113, Error,
        "the bucket of the dump cannot be opened",
        "The spec has `to = \"s3://…\"` in a dump block. This build of mig has no S3, or the file of `ca_file` cannot be read. \
         Nothing was done.";
    LEDGER = 5120, Error,
        "the ledger could not be used",
        "A statement on the ledger schema failed. The user needs CREATE, DROP, ALTER, INDEX, SELECT, INSERT, UPDATE and DELETE on it.";
    CREATE_SCHEMA = 5121, Error,
        "a schema could not be created",
        "The target refused CREATE DATABASE. The message has its answer.";
    CREATE_TABLE = 5122, Error,
        "a table could not be created",
        "The target refused CREATE TABLE. The message has its answer and the statement. The structure comes before the first row: nothing was loaded, what this run had created is removed, and the exit code is 5. Where the connection failed, the exit code is 1, and another apply continues.";
    PROBE_TABLE = 5123, Error,
        "a table could not be checked",
        "The target refused a query on a table that an earlier run may have created.";
    ADD_FOREIGN_KEYS = 5124, Error,
        "foreign keys could not be added",
        "The target refused ALTER TABLE. The message has its answer and the statement. The structure comes before the first row: nothing was loaded, and what this run had created is removed.";
    CREATE_VIEW = 5125, Error,
        "a view could not be created",
        "The target refused CREATE VIEW: the filter may not select a table or column that the view names.";
    DROP_OBJECT = 5126, Error,
        "an object could not be dropped",
        "The target refused to drop a table or view of this lineage.";
    STRUCTURE_CAME_OUT_DIFFERENT = 5127, Gate,
        "the created structure differs",
        "What was created is read back before the first row moves, from information_schema and from SHOW CREATE TABLE, and is compared with the source. It differs in something that no change of the plan names. Nothing was loaded, and what this run had created is removed. The finding lists each difference.";
    SET_AUTO_INCREMENT = 5128, Error,
        "an AUTO_INCREMENT counter could not be set",
        "The target would give out numbers again that the source has given out before, and it refused ALTER TABLE … AUTO_INCREMENT. Grant ALTER on the table, or set the counter by hand. Another apply then continues.";
    PROBE_SCHEMA = 5129, Error,
        "a schema of a probe could not be created",
        "`mig plan -probe` creates what the plan will create in schemas of its own, called mig_probe_ and a number drawn for this probe. It reads it back and drops the schemas. The target refused such a schema. Grant the user of the target all rights on schemas called `mig_probe_%`, or plan without -probe.";
    READ_SOURCE = 5130, Error,
        "rows could not be read from the source",
        "The SELECT of a chunk failed, also after several tries where the fault seemed temporary. What is durable stays.";
    DUMP_BROKE_OFF = 5131, Error,
        "the dump ended with an internal error",
        "An error of the program inside the dump. Run `mig apply` again. If it happens again, please report it.";
    LEDGER_UNKNOWN_TABLE = 5140, Error,
        "the ledger does not know the table",
        "The load finds no row of the table in the ledger: the table was not created by this lineage, or the ledger is gone. `mig plan` shows what is missing.";
    ROW_WOULD_CHANGE = 5141, Error,
        "the target would change or drop a row",
        "LOAD DATA LOCAL turns errors into warnings. So after anything but a clean answer, mig tries the rows with strict INSERTs, in smaller and smaller batches. The message names the file and the row that is still refused, and with -show-keys its key. What came before it is loaded.";
    LEDGER_GAP = 5142, Mismatch,
        "the ledger has a gap",
        "The batches in the ledger do not follow one another: another program wrote to it, or it was restored. Load the table from scratch with -replace.";
    BATCH_REFUSED = 5143, Error,
        "the target refused a batch",
        "The message has its answer. Nothing of the batch was kept. `mig apply` continues after the last committed one.";
    LOAD_BROKE_OFF = 5144, Error,
        "the load ended with an internal error",
        "An error of the program inside the load. Run `mig apply` again. If it happens again, please report it.";
    ROW_TOO_LARGE_FOR_TARGET = 5145, Error,
        "one row is too large for the target",
        "Batches were halved down to this row, and the target's limit of one entry or one transaction is below it. The message names the file and the row. What came before it is loaded.";
    TABLE_TAKEN_OVER = 5146, Error,
        "the table no longer belongs to this load",
        "Each batch checks, in its own transaction, whether the ledger on the target still has the table at the load that the batch belongs to. It does not: another process with a copy of this state has emptied and loaded the table in the meantime, or the target was restored to an earlier time. Nothing of the batch was kept. Let only one process work with a state.";
    UNREAD_CHARSET = 5152, Error,
        "text in a charset that mig does not read",
        "mydumper writes text in the charset of its column. mig reads latin1, gbk, gb18030 and the Unicode ones. Make the dump with Dumpling, or move the table with `mig apply`.";
    ENGINE_DOOR = 5170, Error,
        "a program could not be given a way to a server",
        "An external engine reaches a server through mig: over a port of the loopback, with a user and a password that are good for this one run of it, because its arguments can be read by every user of the machine. mig logs in on the other side, with the block's TLS and credentials. No port could be opened, or the server asks for a log-in that this way does not know. Give the user the plugin caching_sha2_password or mysql_native_password, or use mig's own engine.";
    ENGINE_NOT_STARTED = 5171, Error,
        "a program could not be started",
        "An external engine is a program on the machine where the migration runs. The operating system refused to start it, or its files could not be made in the work folder. The message has the reason.";
    ENGINE_FAILED = 5172, Error,
        "a program did not finish its work",
        "An external engine ended without saying that its work is done. Its own exit code does not count: mig looks for its sentence, its files and its numbers. What it left is thrown away, and `mig apply` starts this table again from the beginning. The message has its last words and names its log. `engine = \"native\"` does the same work without it.";
    ENGINE_FILES_DIFFER = 5173, Mismatch,
        "the files of a program are not what it says",
        "The program said that it is done, but its files are missing, are of another table, or have another number of rows than it counted. Nothing of them was loaded. Run `mig apply` again: the table is dumped again from the beginning. If it happens again, use `engine = \"native\"`.";
    ENGINE_ROWS_DIFFER = 5174, Mismatch,
        "a program loaded another number of rows",
        "TiDB Lightning says that it is done, and the table on the target has more or fewer rows than the files of the dump. It loads a row at least once: a row that is there twice has been sent again after an interruption. Nothing of it is recorded as loaded. Run `mig apply` again: the table is emptied and loaded from the beginning. `engine = \"native\"` loads each row exactly once.";
}
