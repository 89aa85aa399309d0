//! Codes of the proof: MIG60xx. One row each; see the parent for the ranges.

use super::{CodeRow, row};
use crate::words::error::ExitKind::{Error, Mismatch};

pub(super) const ROWS: &[CodeRow] = &[
    row(
        "MIG6001",
        Mismatch,
        "the target differs from what was dumped",
        "The rows on the target are not those that were dumped: somebody wrote to the target, or rows were lost or changed on the way. The message has the counts; `-show-keys` names the keys. Load the table anew with `mig apply -replace=ADDR` of its load step.",
    ),
    row(
        "MIG6002",
        Mismatch,
        "the source was written to since it was dumped",
        "The rows on the source at verify time are not those that were dumped. Stop the writes, then dump the table anew with `mig apply -replace=ADDR` of its dump step.",
    ),
    row(
        "MIG6003",
        Mismatch,
        "writes were detected",
        "The source's binlog has events on a moved table between the first look of the run and its end: what was moved is not one moment of the source. Stop the writes, then `mig apply -replace=ADDR` of the gate writes_stopped moves the tables anew.",
    ),
    row(
        "MIG6004",
        Mismatch,
        "the migration is not equal",
        "The certificate found a difference in structure or rows. `mig report` names each.",
    ),
    row(
        "MIG6005",
        Error,
        "the certificate could not be written",
        "Gathering or writing the certificate failed. What was moved and proven stays; run `mig apply` again.",
    ),
    row(
        "MIG6011",
        Mismatch,
        "a file of an imported dump is damaged",
        "A file of the dump that `mig import-dump` takes in is torn, was changed, does not unpack, or does not fit its table. Each file is read to its end before anything of it is sent, so nothing of it is on the target. Get it again from where the dump was made, or make the dump again.",
    ),
    row(
        "MIG6012",
        Mismatch,
        "an imported dump is not what the source holds",
        "The rows of the dump are all on the target, and the source holds others. The source may have been written to since; Dumpling and mydumper write 6 digits of a FLOAT, so that finer values change; Dumpling writes TIMESTAMP values in its session's time zone, and they are read as UTC. The message names the columns. `mig apply` moves every value exactly.",
    ),
    row(
        "MIG6010",
        Mismatch,
        "a dump file is not what was dumped",
        "A file of the dump is torn, was changed, or has other bytes than its manifest says. Nothing of it was committed. `mig apply -replace=ADDR` of the table's dump step makes it anew.",
    ),
    row(
        "MIG6020",
        Error,
        "rows could not be hashed on a server",
        "A query that hashes rows failed. What was verified stays; look at the server and run `mig apply` again.",
    ),
    row(
        "MIG6021",
        Error,
        "a row could not be hashed",
        "A value has no canonical form, so nothing can be proven of its row. Please report it with the type of the column.",
    ),
    row(
        "MIG6022",
        Error,
        "verification broke off",
        "A fault inside the verification. Run `mig apply` again; if it stays, please report it.",
    ),
];
