//! Codes for what is given to mig: sources that cannot be read, names and conditions that have no meaning there, the
//! format of a dump. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    WHERE_NOT_ONE_EXPRESSION = 1240, Error,
        "a condition of `where` is not a single expression",
        "mig puts a condition of `dump.where` in brackets, after its own conditions. An unclosed bracket or quote, a bracket that closes mig's own, a comment or a semicolon would change which rows are read, or make the statement wrong. Write one expression, as after WHERE in a SELECT.";
    FILTER_NAMES_UNKNOWN = 2065, Gate,
        "the filter names something that the source does not have",
        "A rule of `tables` names a schema, table or view exactly, and the source has nothing of that name. Or a selected schema has no table. Nothing is moved for it. Correct the name, or leave the rule out. A rule that excludes is named, too: what it should keep out may be moved under its correct name.";
    WHERE_NAMES_UNKNOWN = 2066, Gate,
        "a key of `where` is not a table of the migration",
        "Every key of `dump.where` is the name of one selected table. A condition that applies to no table limits nothing: all rows would be moved. Correct the name, widen the filter, or leave the line out.";
    WHERE_REFUSED = 2067, Gate,
        "the source refuses a condition of `where`",
        "The plan runs SELECT 1 FROM the table WHERE (the condition) LIMIT 0 on the source. The source answered with an error: an unknown column, a function that it does not have, or wrong syntax. Correct the condition, and try it on the source with that statement.";
    ROWS_LEFT_OUT = 2069, Success,
        "a condition of `where` leaves rows out",
        "A warning. `dump.where` has a condition for this table. Rows for which it is false or NULL are not read, not loaded and not compared; the certificate names the table under what is not moved. The numbers of rows in the plan are of the whole table. Remove the line if all rows are to arrive.";
    SOURCE_TOO_OLD = 2063, Gate,
        "the source is too old to be read",
        "mig reads all rows of a table as they were at one moment, in a transaction that cannot write: START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY. MySQL has this since 5.6.5, MariaDB since 10.0. Upgrade the source. Or load a mysqldump of it into a newer server and name that server.";
    SOURCE_IS_TIDB = 2064, Gate,
        "the source is a TiDB",
        "mig reads from MySQL and MariaDB. A TiDB has no binlog that could prove that nothing was written. It does not have the transaction that mig reads with. It shows members of ENUM and SET without their escapes. Dump it with Dumpling and load the files with mig import-dump.";
    CSV_AMBIGUOUS = 2075, Gate,
        "a CSV dump can be read in two ways",
        "In CSV, Dumpling writes a backslash as two or, with --escape-backslash=false, as it is. The files do not say which. mig reads them both ways. If only one way fits (a doubled quote, the end of a line inside a value, a backslash before another character), mig takes that one. These files fit both ways and give different values. Set -csv-backslash-escapes=true or =false.";
    CSV_DIALECT_DIFFERS = 2076, Gate,
        "a CSV dump is written in another way",
        "The files are not CSV with the given separator, delimiter and text for NULL, neither with backslash escapes nor without. The defaults are Dumpling's: a comma, a double quote, \\N, a first line with the names of the columns. Say how the dump is written: -csv-separator, -csv-delimiter, -csv-null, -csv-header. Numbers have no delimiters, so any other value without delimiters is the text for NULL.";
    SQL_WITHOUT_ESCAPES = 2077, Gate,
        "an SQL dump is written without backslash escapes",
        "With --escape-backslash=false, Dumpling leaves backslashes and line breaks as they are and doubles quotes. A server in NO_BACKSLASH_ESCAPES makes other tools do the same. mig reads a backslash in an SQL file as an escape, so C:\\new would become two lines. mig checks the beginning of the files before anything is planned, and the rest while it reads the rows. Dump again without that flag, or as CSV.";
    ROWS_OUTSIDE_RANGE = 5160, Error,
        "the source returns rows outside of what was requested",
        "mig reads a table in the order of its key, chunk by chunk. Each chunk begins after the last key of the one before. The source returned a row that is not after that key, or that is after the end of the chunk. So the dump would never end, or it would hold rows twice. mig stops reading. One cause is a key whose text has no character in Unicode: its bound cannot be written down. Leave the table out, or correct the values of the key on the source.";
}
