//! Codes for the proof: MIG60xx. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    TARGET_DIFFERS_FROM_DUMP = 6001, Mismatch,
        "the target differs from what was dumped",
        "The rows on the target are not those that were dumped: the target was written to, or rows were lost or changed on the way. The message has the counts; `-show-keys` names the keys. Load the table from scratch with `mig apply -replace=ADDR` and the address of its load step.";
    SOURCE_WRITTEN_SINCE_DUMP = 6002, Mismatch,
        "the source was written to since it was dumped",
        "The rows on the source at verify time are not those that were dumped. Stop the writes, then dump the table from scratch with `mig apply -replace=ADDR` and the address of its dump step.";
    WRITES_AT_REPORT = 6003, Mismatch,
        "writes were detected",
        "The source's binlog has events on a moved table between the first observation of the run and its end. So what was moved is not one moment of the source. Stop the writes. Then `mig apply -replace=ADDR` with the address of the gate writes_stopped moves the tables from scratch.";
    NOT_EQUAL = 6004, Mismatch,
        "the migration is not equal",
        "The certificate found a difference in structure or rows. `mig report` names each difference.";
    VIEW_NOT_EQUAL = 6050, Mismatch,
        "a view is not equal",
        "All tables are equal, but a view on the target returns other rows than on the source, or has another text than the one that was created. `mig report` names each view. The view may have been replaced on the target: `mig plan` then says so, and `mig apply` creates it again. Otherwise the two servers give its text another meaning. Check the functions in it, and the collation by which its string literals compare.";
    CERTIFICATE_UNWRITABLE = 6005, Error,
        "the certificate could not be written",
        "The certificate's data could not be gathered, or the certificate could not be written. What was moved and proven stays. Run `mig apply` again.";
    IMPORT_FILE_DAMAGED = 6011, Mismatch,
        "a file of an imported dump is damaged",
        "A file of the dump that `mig import-dump` reads is incomplete, was changed, does not unpack, or does not fit its table. mig reads each file to its end before it sends anything of it. A file can also be missing: then the other files are on the target, and the table is not complete. Get it again from where the dump was made, or make the dump again.";
    IMPORT_DIFFERS_FROM_SOURCE = 6012, Mismatch,
        "an imported dump is not what the source has",
        "The rows of the dump are all on the target, and the source has others. The source may have been written to since. Dumpling and mydumper write 6 digits of a FLOAT, so finer values change. Dumpling writes TIMESTAMP values in the time zone of its session, and they are read as UTC. The message names the columns. `mig apply` moves every value exactly.";
    DUMP_FILE_CHANGED = 6010, Mismatch,
        "a dump file is not what was dumped",
        "A file of the dump is incomplete, was changed, or has other bytes than its manifest says. Batches of it that were committed before are in the ledger, so no row is loaded twice. `mig apply -replace=ADDR` with the address of the table's dump step makes it again.";
    ROWS_OF_OTHER_DUMP = 6013, Mismatch,
        "the target has rows of another dump",
        "A chunk of the table is partly on the target, and the rows there are not those of the file with that number. \
         They were loaded from a dump whose record is lost with the runner's disk, or by a newer copy of this state. \
         `mig apply -replace=ADDR` with the address of the table's dump step empties the table and loads it from \
         scratch.";
    LOADED_CHUNKS_GONE = 6030, Mismatch,
        "loaded chunks are gone from the target, and so are their files",
        "What was recorded as loaded is not in the ledger on the target, as after a restore or a failover to a copy that was behind. Such chunks are loaded again, but their files were removed after their load (keep = false). `mig apply -replace=ADDR` with the address of the table's dump step makes them again.";
    LEDGER_LACKS_CHUNKS = 6031, Mismatch,
        "the ledger on the target does not have what was loaded",
        "At the end of a load, and again before the certificate is written, mig compares the sums in the ledger on the target with what was loaded. They differ: the target was restored in the meantime, or another process loads the same table. Load the table from scratch with `mig apply -replace=ADDR` and the address of its load step.";
    TARGET_LACKS_ROWS = 6032, Mismatch,
        "the target no longer has what was loaded",
        "A certificate says equal only about rows that its own run has read. So before the certificate is written, mig reads two things on the target again: what an earlier run verified, and what the ledger on the target no longer has. It differs from what was dumped: the target was written to in the meantime, or it was restored. Load the named tables from scratch with `mig apply -replace=ADDR` and the addresses of their load steps.";
    SERVER_HASH = 6020, Error,
        "rows could not be hashed on a server",
        "A query that hashes rows failed. What was verified stays. Check the server and run `mig apply` again.";
    ROW_HASH = 6021, Error,
        "a row could not be hashed",
        "A value has no canonical form, so nothing can be proven about its row. Please report it with the type of the column.";
    VERIFY_BROKE_OFF = 6022, Error,
        "the verification ended with an internal error",
        "An error of the program inside the verification. Run `mig apply` again. If it happens again, please report it.";
    GENERATED_COLUMN_DIFFERS = 6040, Mismatch,
        "a generated column differs",
        "Generated columns are not moved: the target computes them again from data that arrived equal. For this column the result is different. The text of FLOAT, DOUBLE and numbers in JSON, time zones and some functions differ between servers. Change the expression on the source, or set rule MIG2173 to \"warn\": then the certificate names the column, and its verdict is \"accepted\".";
    TEXT_WOULD_CHANGE = 6041, Mismatch,
        "a text cannot be moved without loss",
        "A value has a code that stands for no Unicode character (many are in gbk, big5, sjis and others), or bytes that are not text of its charset. Every way to the target leads through Unicode. There the code would become a question mark, and two values might become one. Nothing of the row was sent. The plan counts such values as far as its check of the rows reaches. Correct them on the source, or make the column VARBINARY there.";
    JSON_NUMBER_WOULD_CHANGE = 6042, Mismatch,
        "a number in JSON cannot be moved without loss",
        "A JSON document has a number with more digits than a DOUBLE holds, and the target rounds such numbers. Nothing of the row was sent. Keep such numbers as strings on the source, or set rule MIG2174 to \"warn\": then the rounded numbers are accepted, compared as such, and counted in the certificate.";
}
