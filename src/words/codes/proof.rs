//! Codes of the proof: MIG60xx. One row each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    TARGET_DIFFERS_FROM_DUMP = 6001, Mismatch,
        "the target differs from what was dumped",
        "The rows on the target are not those that were dumped: somebody wrote to the target, or rows were lost or changed on the way. The message has the counts; `-show-keys` names the keys. Load the table anew with `mig apply -replace=ADDR` of its load step.";
    SOURCE_WRITTEN_SINCE_DUMP = 6002, Mismatch,
        "the source was written to since it was dumped",
        "The rows on the source at verify time are not those that were dumped. Stop the writes, then dump the table anew with `mig apply -replace=ADDR` of its dump step.";
    WRITES_AT_REPORT = 6003, Mismatch,
        "writes were detected",
        "The source's binlog has events on a moved table between the first look of the run and its end: what was moved is not one moment of the source. Stop the writes, then `mig apply -replace=ADDR` of the gate writes_stopped moves the tables anew.";
    NOT_EQUAL = 6004, Mismatch,
        "the migration is not equal",
        "The certificate found a difference in structure or rows. `mig report` names each.";
    VIEW_NOT_EQUAL = 6050, Mismatch,
        "a view is not equal",
        "All tables are equal, and a view on the target gives other rows than on the source, or has another text than the one that was created. `mig report` names each. Somebody may have replaced it on the target: `mig plan` then says so, and `mig apply` makes it anew. Else the two servers give another meaning to its text: look at the functions in it and at the collation by which its words compare.";
    CERTIFICATE_UNWRITABLE = 6005, Error,
        "the certificate could not be written",
        "Gathering or writing the certificate failed. What was moved and proven stays; run `mig apply` again.";
    IMPORT_FILE_DAMAGED = 6011, Mismatch,
        "a file of an imported dump is damaged",
        "A file of the dump that `mig import-dump` takes in is torn, was changed, does not unpack, or does not fit its table. Each file is read to its end before anything of it is sent, so nothing of it is on the target. Get it again from where the dump was made, or make the dump again.";
    IMPORT_DIFFERS_FROM_SOURCE = 6012, Mismatch,
        "an imported dump is not what the source holds",
        "The rows of the dump are all on the target, and the source holds others. The source may have been written to since; Dumpling and mydumper write 6 digits of a FLOAT, so that finer values change; Dumpling writes TIMESTAMP values in its session's time zone, and they are read as UTC. The message names the columns. `mig apply` moves every value exactly.";
    DUMP_FILE_CHANGED = 6010, Mismatch,
        "a dump file is not what was dumped",
        "A file of the dump is torn, was changed, or has other bytes than its manifest says. Nothing of it was committed. `mig apply -replace=ADDR` of the table's dump step makes it anew.";
    ROWS_OF_OTHER_DUMP = 6013, Mismatch,
        "the target holds rows of another dump",
        "A part of the table is on the target in part, and what stands there is not what the file of that number holds: it was \
         loaded out of a dump whose record is lost with the runner's disk, or by a newer copy of this state. `mig apply \
         -replace=ADDR` of the table's dump step empties the table and loads it anew.";
    LOADED_CHUNKS_GONE = 6030, Mismatch,
        "loaded parts are gone from the target, and so are their files",
        "What was recorded as loaded is not in the ledger on the target, as after a restore or a failover to a copy that was behind. Such parts are loaded again, but their files were removed after their load (keep = false). `mig apply -replace=ADDR` of the table's dump step makes them anew.";
    LEDGER_LACKS_CHUNKS = 6031, Mismatch,
        "the ledger on the target does not have what was loaded",
        "When a load ends, and once more before the certificate is written, the sums in the ledger on the target are compared with what was loaded. They differ: the target was restored meanwhile, or another process loads the same table. Load the table anew with `mig apply -replace=ADDR` of its load step.";
    TARGET_LACKS_ROWS = 6032, Mismatch,
        "the target no longer has what was loaded",
        "A certificate says equal only of rows that its own run has read. So what an earlier run verified, and what the ledger on the target no longer has, is read on the target again before it is written. It differs from what was dumped: somebody wrote to the target meanwhile, or it was restored. Load the named tables anew with `mig apply -replace=ADDR` of their load steps.";
    SERVER_HASH = 6020, Error,
        "rows could not be hashed on a server",
        "A query that hashes rows failed. What was verified stays; look at the server and run `mig apply` again.";
    ROW_HASH = 6021, Error,
        "a row could not be hashed",
        "A value has no canonical form, so nothing can be proven of its row. Please report it with the type of the column.";
    VERIFY_BROKE_OFF = 6022, Error,
        "verification broke off",
        "A fault inside the verification. Run `mig apply` again; if it stays, please report it.";
    GENERATED_COLUMN_DIFFERS = 6040, Mismatch,
        "a generated column differs",
        "Generated columns are not moved: the target computes them anew from data that arrived equal, and for this column it came to other values. The text of FLOAT, DOUBLE and numbers in JSON, time zones and some functions differ between servers. Change the expression on the source, or set rule MIG2173 to \"warn\": then the certificate names the column, and its verdict is \"accepted\".";
    TEXT_WOULD_CHANGE = 6041, Mismatch,
        "a text cannot be moved without loss",
        "A value holds a code that stands for no Unicode character (many are in gbk, big5, sjis and others), or bytes that are no text of its charset. Every way to the target leads through Unicode, where it would become a question mark, and two values might become one. Nothing of the row was sent. The plan counts such values where its look reaches them. Correct them on the source, or make the column VARBINARY there.";
    JSON_NUMBER_WOULD_CHANGE = 6042, Mismatch,
        "a number in JSON cannot be moved without loss",
        "A JSON document holds a number with more digits than a DOUBLE holds, and the target rounds such numbers. Nothing of the row was sent. Keep such numbers as strings on the source, or set rule MIG2174 to \"warn\": then the rounded numbers are taken, compared as such, and counted in the certificate.";
}
