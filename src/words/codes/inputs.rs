//! Codes of what is handed in: sources that cannot be read, names and conditions that mean nothing there, the dialect of
//! a dump. One row each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    WHERE_NOT_ONE_EXPRESSION = 1240, Error,
        "a condition of `where` that is no single expression",
        "A condition of `dump.where` stands in brackets behind what mig itself asks for. A bracket or quote that is not closed, one that closes mig's own, a comment or a semicolon would change which rows are read, or make the statement wrong. Write one expression, as behind WHERE in a SELECT.";
    FILTER_NAMES_UNKNOWN = 2065, Gate,
        "the filter names something that the source does not have",
        "A rule of `tables` names a schema, table or view exactly, and the source has none of that name, or a selected schema holds no table. Nothing is moved for it. Correct the name, or leave the rule out. A rule that excludes is named, too: what it was to keep out may be moved under its right name.";
    WHERE_NAMES_UNKNOWN = 2066, Gate,
        "a key of `where` that is no table of the migration",
        "Every key of `dump.where` is the name of one selected table. A condition that meets no table limits nothing: all rows would be moved. Correct the name, widen the filter, or leave the line out.";
    WHERE_REFUSED = 2067, Gate,
        "the source refuses a condition of `where`",
        "The plan runs SELECT 1 FROM the table WHERE (the condition) LIMIT 0 on the source, and it answered with an error: an unknown column, a function that it does not have, or wrong syntax. Correct the condition; try it on the source with that statement.";
    SOURCE_TOO_OLD = 2063, Gate,
        "the source is too old to be read",
        "mig reads all rows of a table as they were at one moment, in a transaction that cannot write: START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY. MySQL knows it since 5.6.5, MariaDB since 10.0. Upgrade the source, or load a mysqldump of it into a newer server and name that one.";
    SOURCE_IS_TIDB = 2064, Gate,
        "the source is a TiDB",
        "mig reads from MySQL and MariaDB. A TiDB has no binlog to prove that nothing was written, does not know the transaction that mig reads with, and shows members of ENUM and SET without their escapes. Dump it with Dumpling and load the files with mig import-dump.";
    CSV_AMBIGUOUS = 2075, Gate,
        "a CSV dump can be read in two ways",
        "Dumpling writes a backslash in CSV as two, or, with --escape-backslash=false, as it is, and says nowhere which. The files are read both ways: where only one fits (a doubled quote, the end of a line inside a value, a backslash before another sign), that one is taken. These fit both ways and give other values. Say -csv-backslash-escapes=true or =false.";
    CSV_DIALECT_DIFFERS = 2076, Gate,
        "a CSV dump is written in another way",
        "The files are no CSV with the given separator, delimiter and word for NULL, neither with backslash escapes nor without. By default they are Dumpling's: a comma, a double quote, \\N, a first line with the names of the columns. Say what it was made with: -csv-separator, -csv-delimiter, -csv-null, -csv-header. Numbers stand without delimiters, so any other bare value is the word for NULL.";
    SQL_WITHOUT_ESCAPES = 2077, Gate,
        "an SQL dump is written without backslash escapes",
        "With --escape-backslash=false Dumpling leaves backslashes and line breaks as they are and doubles quotes; a server in NO_BACKSLASH_ESCAPES makes other tools do the same. mig reads a backslash in an SQL file as an escape, so C:\\new would become two lines. The beginning of the files is looked into before anything is planned, the rest while its rows are taken. Dump again without that flag, or as CSV.";
    ROWS_OUTSIDE_RANGE = 5160, Error,
        "the source gives rows outside of what was asked for",
        "A table is read in the order of its key, part by part: each part begins behind the last key of the one before. The source gave a row that does not lie behind it, or lies behind the end, so that the dump would never end or hold rows twice. Nothing more is read. Keys whose text has no character in Unicode are one cause: their border cannot be written down. Leave the table out, or mend the key's values on the source.";
}
