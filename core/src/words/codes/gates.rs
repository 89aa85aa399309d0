//! Codes for gates (MIG20xx) and compatibility rules (MIG21xx). One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    GATE_CANNOT_LOOK = 2000, Gate,
        "a gate could not be evaluated",
        "A server that this gate needs did not answer. A gate that cannot be evaluated is not a gate that passed: the plan is blocked. The finding says what failed. Correct that and plan again. If the gate cannot be evaluated on purpose, name it in accept_unproven: the certificate then says that it was not proven.";
    SERVER_UNREACHABLE = 2001, Gate,
        "a server cannot be reached",
        "One of the two servers refused the session or did not answer. Everything else depends on it, so accept_unproven does not help here. Check host, port, user, password and the tls block, from the machine on which mig runs.";
    SAME_SERVER = 2002, Gate,
        "source and target are the same server",
        "Both blocks lead to one server: the same host and port, or the same identity behind two names. The migration would read what it writes. Correct one of the two blocks.";
    TARGET_READ_ONLY = 2003, Gate,
        "the target is read-only",
        "A variable such as read_only, super_read_only or tidb_restricted_read_only is ON, so every write would fail. Often the block names the endpoint of a reader. mig never sets a global variable: name the writer, or let the server's administrator switch the variable off.";
    TARGET_IS_REPLICA = 2004, Gate,
        "the target is a replica",
        "The target applies the writes of another server. Tables created here would mix with those, and a later statement of the primary may break the replication. Name the primary, or end the replication first.";
    TARGET_KIND_DIFFERS = 2005, Gate,
        "the target is another kind of server than its block says",
        "A TiDB answers behind a target \"mysql\", or another server behind a target \"tidb\". The migration continues by the rules of the server that answers. Check host and port, or name the right kind in the block.";
    LOCAL_INFILE_OFF = 2006, Gate,
        "local_infile is off on the target",
        "This target refuses LOAD DATA LOCAL, so rows are loaded with INSERT statements: the same rows with the same guarantees, but more slowly. With local_infile on, the load is faster.";
    SERVER_TOO_OLD = 2007, Gate,
        "a server is older than those tested",
        "The tests of mig run with MySQL 5.6 and 9.7 and MariaDB 10.11 as sources, and with TiDB 8.5, MySQL 9.7 and MariaDB 10.11 as targets. An older server may work. Expect differences that no gate knows; verify compares the rows in any case.";
    SOURCE_PRIVILEGES = 2010, Gate,
        "the source's user lacks privileges",
        "The user needs SELECT on every selected table, and SHOW VIEW on every selected view. The help has GRANT lines that you can paste; they name only what is missing. Roles count only while they are active.";
    TARGET_PRIVILEGES = 2011, Gate,
        "the target's user lacks privileges",
        "The user creates, loads and checks tables in the selected schemas, and keeps the ledger in a schema of its own. It needs CREATE, SELECT, INSERT, UPDATE, DELETE, DROP (for TRUNCATE), ALTER and INDEX there, REFERENCES for foreign keys, CREATE VIEW and SHOW VIEW for views. The help has GRANT lines that you can paste.";
    BINLOG_PRIVILEGE = 2012, Gate,
        "the source's user may not read the binlog",
        "Without REPLICATION CLIENT (MariaDB: BINLOG MONITOR) and REPLICATION SLAVE, the position and the events of the binlog cannot be read. On a MySQL without GTIDs, PROCESS is needed too: it shows which transactions are still open. Without these rights, the gate writes_stopped cannot prove that nothing was written. Grant them, or accept that by name with accept_unproven = [\"writes_stopped\"].";
    LEFT_BEHIND_UNSEEN = 2013, Gate,
        "the source's user may not see everything that stays behind",
        "information_schema hides triggers, events and routines from users without rights on them. The compatibility gate then names only those that it sees, and others would stay behind without a message. Grant the lines in the help, or ask the source's owner for a list.";
    COLLATION_MISSING = 2020, Gate,
        "the target does not have a collation",
        "A selected column, table or schema has a collation that SHOW COLLATION on this target does not list. Creating it would fail with error 1273. Convert it with collation = \"convert\" and an entry in collation_map: the help suggests the nearest one. Comparisons and unique keys follow the new collation, so run the queries in the help first.";
    COLLATION_CONVERTED = 2021, Gate,
        "a collation is converted",
        "collation_map gives these columns another collation, and its charset with it. Values keep their characters. Which values are equal, and how they sort, may change. Unique keys may then collide: each query in the help must return nothing. TEXT types are widened where the same characters take more bytes.";
    COLLATION_MAP_MISSING = 2022, Gate,
        "collation_map names a collation that the target does not have",
        "The right side of an entry must be one that SHOW COLLATION on the target lists. Correct the entry.";
    COLLATION_IN_TEXT_MISSING = 2023, Gate,
        "a text names a collation that the target does not have",
        "A view or an expression has a COLLATE clause. Columns, tables and schemas are converted, the texts of other objects are not. Change the text on the source, or leave the object out of the filter.";
    COLLATION_MAP_UNUSED = 2024, Gate,
        "an entry of collation_map is not used",
        "No column, table or schema that the filter selects has this collation; a text that names it (COLLATE in a view) is not converted. Perhaps its name is misspelled, or the filter has become narrower. The entry does nothing.";
    NO_SUCH_RULE = 2030, Gate,
        "there is no such rule",
        "A rule block in the gates names a code that is not a rule of the compatibility gate. Correct the code: if a wrong rule is set, the right one stays at its default.";
    NO_REWRITE = 2031, Gate,
        "a rule has no rewrite",
        "The action \"rewrite\" is for rules where mig knows what to create instead. This rule has none, because something would be lost that only you can replace. Use \"stop\" or \"warn\".";
    DISK_TOO_SMALL = 2040, Gate,
        "there is not enough room for the dump",
        "While the dump is kept, the work folder needs 1.1 times the space of the source's data. With keep = false it needs room for the tables without a usable key, which are dumped whole before their load, and for the files that wait for their load. The estimates come from the source. Use a folder with more space, set keep = false, or lower disk_limit.";
    WORK_FOLDER_UNUSABLE = 2041, Gate,
        "the work folder cannot be used",
        "The folder of the runner cannot be created or written to. Nothing can be dumped. Correct workdir in the runner block, or the rights on the folder.";
    FREE_SPACE_UNKNOWN = 2042, Gate,
        "the free space is not known",
        "mig could not find out how much space is free where the dump goes. Check it yourself, and compare it with what the finding says is needed. Then accept it by name: accept_unproven = [\"disk\"].";
    DUMP_BUCKET_UNUSABLE = 2079, Gate,
        "the bucket of the dump cannot be used",
        "The spec has `to = \"s3://…\"` in a dump block, and the bucket cannot be listed from the machine that the rows go through, or the place belongs to another state. Check that the bucket exists, the credentials of that machine, their rights (list, read, write and delete objects, abort multipart uploads), and `region` and `endpoint_url` of the block `s3`.";
    NAME_TAKEN = 2043, Gate,
        "a name is already taken on the target",
        "There is a table or view with a selected name, and this state's lineage did not create it. mig never takes over, empties or drops what is not its own. Drop or rename it, change the filter, or allow empty tables of the same structure with target_tables = \"same_and_empty\".";
    TARGET_TABLE_HAS_ROWS = 2044, Gate,
        "a table on the target has rows",
        "With target_tables = \"same_and_empty\", an existing table is used only while it is empty. This one has rows, and a load would mix the two. It is not touched: empty it yourself, or leave it out.";
    TARGET_TABLE_DIFFERS = 2045, Gate,
        "a table on the target has another structure",
        "The existing table differs from what would be created; the finding lists how. Loading into it might change values without an error. It is not touched: change or drop it yourself, or leave it out.";
    EMPTINESS_UNKNOWN = 2046, Gate,
        "it is not known whether a table is empty",
        "The existing table has the right structure, but mig could not find out whether it has rows. Give the target's user SELECT on it. accept_unproven = [\"target_tables\"] continues without the proof.";
    TARGET_TABLE_OF_OTHER_SPEC = 2047, Gate,
        "two specs lead to one target table",
        "The ledger on the target says that another state's lineage created this table, or is about to. Two migrations into one table would each undo the other's proof. Leave it out of one of them, or run `mig destroy -drop-target-data` with the other state. If that state is lost, `mig recover` rebuilds it from the ledger.";
    OTHER_LINEAGE_OBJECT_GONE = 2048, Gate,
        "what another lineage created is gone",
        "The ledger has rows of another lineage for these names, but nothing is there: it was dropped by hand, perhaps together with a state that was lost. A new migration would find the names taken. Run `mig destroy` with the other state. If that state is lost, `mig recover` rebuilds it from the ledger. Otherwise delete its rows from the ledger's tables batches and objects with the statements in the help: nothing else depends on them.";
    OBJECT_NOT_IN_LEDGER = 2049, Gate,
        "the ledger has no record of objects that the state records as created",
        "The state records tables or views as complete, and they are on the target, but the ledger has no row of this lineage for them: rows of `objects` were deleted, or the ledger was restored. mig asks the ledger before it loads, empties or drops a table. Put the rows back from a backup, or with the statement in the finding.";
    BINLOG_OFF = 2050, Gate,
        "the binlog is off",
        "Positions in the binlog are the evidence that nothing was written while the rows were read. Without a binlog there is none. Accept it by name: then the source is hashed again after the last chunk.";
    BINLOG_UNREADABLE = 2051, Gate,
        "the binlog cannot be read",
        "The binlog is on, but its position or its files could not be read. Grant REPLICATION CLIENT (MariaDB: BINLOG MONITOR) and REPLICATION SLAVE. Until then it is unproven that writes stopped. This counts as failed unless accept_unproven names the gate.";
    WRITES_DETECTED = 2052, Gate,
        "writes detected",
        "The binlog between the run's first position and now has events on selected tables. Rows already read are older than the source. Stop the writes, then replace the dumps of the named tables.";
    WRITES_UNKNOWN = 2053, Gate,
        "it is not known which tables were written to",
        "Something was written on the source, and the events do not show everything: another format than ROW, a filter, a file that is gone, or a statement without a table. It is unproven that the selected tables were not written to. Stop all writes and start from scratch, or accept it by name.";
    BINLOG_NOT_PER_TABLE = 2054, Gate,
        "the binlog cannot tell tables apart",
        "The position can be compared, so it can be proven that there was no write at all. Once anything writes, even elsewhere, this binlog cannot show that it was elsewhere: it needs the format ROW.";
    REPLICA_WITHOUT_BINLOG = 2055, Gate,
        "the source is a replica that does not log what it applies",
        "With log_replica_updates (log_slave_updates) OFF, the default of MariaDB and of MySQL 5.7 and older, a replica changes rows by its primary's writes and records none of this in its own binlog. So its binlog proves nothing. Name the primary as the source, set the variable ON, stop the replication and reset its settings, or accept it by name: accept_unproven = [\"writes_stopped\"].";
    SOURCE_IS_REPLICA = 2056, Success,
        "the source is a replica",
        "What is moved is what the replica has applied. A write that its primary has and it does not have is missing. With log_replica_updates ON, what it applies in the meantime is detected like any other write. Let it catch up, and stop the writes on its primary.";
    COMMITS_IN_FLIGHT = 2057, Gate,
        "commits may be on their way",
        "A transaction is in the binlog a moment before its rows can be read (as long as a semi-synchronous replica takes to answer). A position that is taken in that moment comes after the transaction in the binlog, and its rows would be missing without a trace. mig asks performance_schema.log_status (BACKUP_ADMIN), the position of a snapshot in MariaDB, the list of transactions (PROCESS) or gtid_owned (gtid_mode ON), and waits up to 20 s. None of these could be asked, or a transaction stayed open. Grant PROCESS, let the transaction end, or accept it by name: accept_unproven = [\"writes_stopped\"].";
    BINLOG_FILTERED = 2058, Gate,
        "the binlog is filtered by schema",
        "With binlog-do-db or binlog-ignore-db, writes to some schemas are in no binlog, so its position says nothing. Remove the filter, or accept it by name: accept_unproven = [\"writes_stopped\"].";
    FILTER_MATCHES_NOTHING = 2060, Error,
        "the filter matches nothing",
        "The rules select no table and no view of the source. An empty migration would succeed and prove nothing, so it is an error. The help names tables that nearly match. System schemas and the ledger are never selected.";
    ENGINE_MISSING = 2080, Gate,
        "the program of an engine is not there",
        "`engine` names a program that mig does not bring along. It has to be on the machine where the migration runs: in the PATH, or where `binary` says. mig asks it for its version and got no answer. Install it there, correct `binary`, or use `engine = \"native\"`.";
    ENGINE_UNTESTED = 2081, Gate,
        "a version of a program that was not tested",
        "The tests of mig run with Dumpling 8.5 and TiDB Lightning 8.5. Another version may write other files or other words; mig then stops, because it does not find the sentence and the files that it looks for. The rows are compared in any case.";
    FLOAT_DIGITS = 2082, Gate,
        "Dumpling writes 6 digits of a FLOAT",
        "MySQL's text of a FLOAT has 6 digits, and Dumpling takes that text: 16777216 becomes 16777200. If a column has finer values, these change, and the verification finds that the target is not equal to the source (exit code 6). mig's own dump is exact: use `engine = \"native\"` for this migration.";
    SPATIAL = 2101, Gate,
        "spatial types",
        "TiDB has no spatial types and no spatial indexes: CREATE TABLE fails. Set the rule to \"rewrite\" to keep the bytes of the values as LONGBLOB, without the spatial index. Or leave the table out of the filter, or change the column on the source.";
    CHARSET = 2102, Gate,
        "a charset that the target does not have",
        "The column's charset is not among those that SHOW COLLATION lists on the target, so CREATE TABLE fails. Characters arrive whole in utf8mb4: convert the column's collation with collation = \"convert\" and collation_map.";
    TRIGGER = 2103, Gate,
        "triggers",
        "TiDB has no triggers, and mig moves none to other targets. The rows arrive, but what the trigger did on each change would stop without a message. Move its work into the application, then set the rule to \"warn\": the plan still names each of them.";
    ROUTINE = 2104, Gate,
        "stored routines",
        "TiDB has no stored procedures and functions, and mig moves none to other targets. Calls would fail after the cutover. Move their work into the application, then set the rule to \"warn\".";
    EVENT = 2105, Gate,
        "events",
        "TiDB has no event scheduler, and mig moves no events to other targets. What the event does would stop. Move it to a scheduler of your own, then set the rule to \"warn\".";
    CHECK = 2106, Gate,
        "CHECK constraints",
        "While tidb_enable_check_constraint is OFF, TiDB reads CHECK constraints and drops them without an error. \"rewrite\" and \"warn\" create the tables without them, and the plan and the certificate name each. Where the variable is ON, they are created, and this rule finds nothing.";
    CHECK_NOT_BOOLEAN = 2130, Gate,
        "CHECK constraints that are not a condition",
        "TiDB and MySQL accept a CHECK constraint only if its outermost operator gives true or false (error 3812): a comparison, a predicate such as IN or IS NULL, AND, OR, NOT, and a few functions. MariaDB accepts every expression. MySQL also counts JSON_CONTAINS, JSON_CONTAINS_PATH, JSON_OVERLAPS, MEMBER OF and IS_UUID, and TiDB does not. Write it as a comparison on the source, for example `CHECK (json_contains(a, '1') = 1)`. \"rewrite\" and \"warn\" create the table without the constraint, and the plan and the certificate name it.";
    FULLTEXT = 2107, Gate,
        "FULLTEXT indexes",
        "TiDB reads FULLTEXT indexes and drops them with a warning that no user sees. \"rewrite\" and \"warn\" create the tables without them, and name each. Searches with MATCH … AGAINST fail on the target.";
    INVISIBLE = 2108, Gate,
        "invisible columns",
        "TiDB does not know INVISIBLE columns: CREATE TABLE fails. \"rewrite\" creates them visible. Then SELECT * returns them, and an INSERT without a list of columns must give them a value.";
    INVISIBLE_KEY = 2109, Gate,
        "generated invisible keys",
        "MySQL adds an invisible column my_row_id as the key of tables without one (sql_generate_invisible_primary_key). TiDB has none. \"rewrite\" creates it as an ordinary column and key with the same values.";
    COLLIDING_NAMES = 2110, Gate,
        "names that differ in case only",
        "TiDB does not tell names of schemas and tables apart by case. The two would become one. The second CREATE would fail or find the rows of the first. Rename one on the source, or leave it out.";
    ROW_TOO_LONG = 2111, Gate,
        "rows above the target's limit",
        "The table's types allow rows that are longer than the target accepts (6 MiB unless configured otherwise), even without large columns. The load of such a row would fail. Let the administrator raise tidb_txn_entry_size_limit; the maximum is 120 MiB.";
    ROW_MAY_BE_TOO_LONG = 2112, Gate,
        "values that may exceed the target's limit",
        "The type allows values above the target's row limit; only the data shows whether there are any. The load stops at such a row and names it; nothing is truncated. Find the longest value first, and let the administrator raise tidb_txn_entry_size_limit where needed.";
    COLUMNS = 2113, Gate,
        "too many columns",
        "TiDB accepts 1,017 columns in a table; its configuration allows up to 4,096. Split the table, or let the administrator raise the limit and set this rule to \"warn\".";
    INDEXES = 2114, Gate,
        "too many indexes",
        "TiDB accepts 64 indexes in a table and 16 columns in an index; its configuration allows up to 512 indexes. Drop some, or let the administrator raise the limit and set this rule to \"warn\".";
    INDEX_WIDTH = 2115, Gate,
        "an index or a column becomes too wide",
        "An index entry may take 3,072 bytes and a column 65,535. Converting to a charset with wider characters may exceed that: 1,000 characters are 1,000 bytes in latin1 and 4,000 in utf8mb4. Shorten the column, give the index a prefix, or map to a narrower charset.";
    FOREIGN_KEY = 2116, Gate,
        "foreign keys that TiDB does not accept",
        "TiDB refuses foreign keys on partitioned tables, on BLOB and TEXT, on virtual columns, and between columns of two types (CHAR and VARCHAR). \"rewrite\" leaves them out, and names each. The rows are moved as they are; nothing checks the reference afterwards.";
    FOREIGN_KEY_OFF = 2185, Gate,
        "foreign keys that the target does not enforce",
        "While tidb_enable_foreign_key is OFF, TiDB takes a foreign key, marks it as invalid and never checks it, also when the variable is ON again later. Let the administrator of the target set the variable to ON, or leave the keys out: \"rewrite\" creates the tables without them, and names each.";
    RESERVED_NAME = 2186, Gate,
        "names that the target keeps for itself",
        "TiDB gives tables a hidden column _tidb_rowid, and refuses a table with a column of that name. Rename the column on the source, or leave the table out.";
    MEMBER_TOO_LONG = 2187, Gate,
        "members of ENUM or SET that are too long",
        "A member of ENUM or SET may have 255 characters on MySQL, and 255 bytes on TiDB, which counts those of UTF-8 for latin1, too: a map to latin1_bin does not help. Shorten it on the source, or leave the table out.";
    UNKNOWN_MEMBER = 2188, Gate,
        "members of ENUM or SET that the source does not show",
        "MySQL shows `?` for a character of four bytes in a member of an ENUM or SET, in SHOW CREATE TABLE and in information_schema. Where such a column has a `?` in a member, its rows show what the member is: where one of them has letters in its place, the target would get another member, and the rows would not go in. Change the member on the source, or leave the table out.";
    SUBPARTITION = 2117, Gate,
        "subpartitions",
        "TiDB reads SUBPARTITION and ignores it with a warning that no user sees. \"rewrite\" and \"warn\" create the table with its partitions alone. Rows are not affected.";
    PARTITION = 2118, Gate,
        "partitioning that TiDB does not accept",
        "TiDB has RANGE, LIST, HASH and KEY, with COLUMNS. LINEAR is turned into the plain kind, SYSTEM_TIME is refused, and so is a VARBINARY value without bytes (CREATE fails with error 1105). \"rewrite\" leaves LINEAR out, and creates a table of any other kind unpartitioned. Rows are not affected.";
    PARTITION_COLLATION = 2129, Gate,
        "partitions by a column whose collation is converted",
        "RANGE COLUMNS and LIST COLUMNS compare texts by the collation of their column. Under another collation the bounds may no longer be in order, two values of a list may be one (errors 1493 and 1495), a row may have no partition, or rows may be in other partitions than on the source. Only the target's own CREATE TABLE and the load show which, so \"warn\" does not let it pass. With \"rewrite\" the table is created as one table. A map between collations with the same weights, from utf8mb3_general_ci to utf8mb4_general_ci, does not meet this rule.";
    DESCENDING = 2119, Gate,
        "descending indexes",
        "TiDB reads DESC in an index and stores it ascending. It reads backwards where a query needs that. An ORDER BY over mixed directions may need a sort. The index is created ascending, and named.";
    DEFAULT_EXPRESSION = 2120, Gate,
        "defaults that TiDB does not accept",
        "TiDB accepts a short list of expressions as defaults: the clock, RAND(), UUID(), some forms of DATE_FORMAT, JSON_OBJECT() and a few more, each for some types only: the clock for DATETIME and TIMESTAMP of the same precision, CURRENT_DATE for DATE and DATETIME. Others fail at CREATE TABLE, or become the value of that moment. \"rewrite\" creates the column without its default: rows arrive whole, and later the application must give the value.";
    INDEX_EXPRESSION = 2121, Gate,
        "indexes over expressions",
        "TiDB accepts only the functions of tidb_allow_function_for_expression_index in an index. CREATE TABLE fails with others unless allow-expression-index is on in its configuration. \"rewrite\" creates the table without the index, and names it.";
    ZEROFILL = 2122, Gate,
        "ZEROFILL",
        "ZEROFILL is deprecated. TiDB gives the numbers without their padding. The numbers are equal. Test clients that depend on the padding.";
    ENGINE = 2123, Gate,
        "another engine than InnoDB",
        "The target has one engine, or gets the table as InnoDB, because a batch and its row in the ledger have to commit together. The rows arrive. What else the engine did (rows in memory, no transactions, compressed rows) does not. Tables of engines without snapshots (MyISAM) can change while they are read: stop the writes.";
    TYPE = 2124, Gate,
        "types that mig cannot carry",
        "The column's type (uuid, inet6, vector and others) is not one that MySQL, MariaDB and TiDB share. CREATE TABLE would fail, or the values would not arrive as they are: TiDB has VECTOR, and keeps it in other bytes than MySQL. Change the type on the source, or leave the table out.";
    ZERO_DATE = 2125, Gate,
        "zero dates",
        "mig writes in strict mode, which refuses dates such as 0000-00-00 or 2020-00-10, in rows or as a default. zero_dates = \"keep\" writes these tables without NO_ZERO_DATE and NO_ZERO_IN_DATE, so that the values arrive as they are. The application's own sessions must allow them, too.";
    OUTSIDE_REFERENCE = 2126, Gate,
        "foreign keys to tables outside of the migration",
        "The referenced table is neither selected nor on the target. Its values would refer to nothing, and inserts would fail afterwards. Widen the filter, create the table first, or set the rule to \"warn\".";
    WIDENED_TYPE = 2127, Gate,
        "a type was widened",
        "After conversion the same characters take more bytes, so a TEXT type might not hold its longest value. The next larger type is created, as MySQL itself does on CONVERT TO CHARACTER SET. The plan shows the change.";
    DEFINER = 2128, Gate,
        "a view's definer was left out",
        "The definer of a view is a user of the source and may not exist on the target. The view is created without it and belongs to the user that creates it; SQL SECURITY is kept. Give the view's owner the rights that it needs.";
    JSON_AS_TEXT = 2140, Gate,
        "JSON that becomes a text",
        "MariaDB has no JSON type of its own: JSON is LONGTEXT in utf8mb4_bin with CHECK (json_valid(…)). The column is created in this form, and named. The documents arrive as the source writes them and are compared by value.";
    GENERATED_NOT_NULL = 2141, Gate,
        "generated columns that are NOT NULL",
        "MariaDB does not accept NOT NULL on a generated column. The column is created without it; the expression gives the same values.";
    UNENFORCED_CHECK = 2142, Gate,
        "CHECK constraints that are not enforced",
        "MariaDB does not know NOT ENFORCED: it would enforce the constraint and refuse rows that break it. \"rewrite\" creates the table without it, and names it.";
    CHECK_NAME = 2143, Gate,
        "CHECK constraints that have the name of their column",
        "MariaDB gives a constraint that is written at a column the name of the column, so several tables have the same names. MySQL tells them apart by schema. Such a constraint is created as TABLE_chk_COLUMN.";
    SAME_CHECK_NAME = 2144, Gate,
        "one name of a CHECK constraint in two tables",
        "MariaDB tells names of constraints apart by table, MySQL by schema: the second CREATE TABLE would fail. Rename one of the two on the source.";
    AUTO_INCREMENT_WITHIN = 2145, Gate,
        "AUTO_INCREMENT within an index",
        "MyISAM and Aria count within each group of an index's first columns. InnoDB needs an index that begins with the counted column. \"rewrite\" adds one: the rows arrive as they are, and new ones are counted over the whole table.";
    KEYLESS = 2146, Gate,
        "tables without a primary key on a target that requires one",
        "sql_require_primary_key or innodb_force_primary_key refuses the CREATE TABLE; sql_generate_invisible_primary_key adds a column that the source does not have. mig sets no global variable: give the table a key, or let the administrator switch the variable off while the table is created.";
    FUNCTION = 2147, Gate,
        "functions that the target does not have",
        "An expression of a column, index, constraint or view calls a function that only MySQL or only MariaDB has (uuid_to_bin, json_exists, md5 since MySQL 9.6 …). CREATE would fail. Change the expression on the source, or leave the object out of the filter.";
    REFERENCE_TO_NO_KEY = 2148, Gate,
        "foreign keys to columns that are not a unique key",
        "MySQL 8.4 and later refuse them while restrict_fk_on_non_standard_key is ON. Make the referenced columns a unique key, or let the administrator switch the variable off.";
    SRID = 2149, Gate,
        "columns bound to one spatial reference system",
        "The target keeps no SRID at the column: values of other systems could be written to it afterwards. The values that are moved keep their own SRID, byte for byte.";
    TEXT_PARSER = 2150, Gate,
        "parsers of FULLTEXT indexes",
        "MySQL splits texts by ngram or mecab where an index says so. MariaDB has no such parsers. \"rewrite\" creates the index with the target's own parser, which finds other words.";
    TABLE_OPTION = 2151, Gate,
        "options of tables",
        "Row format, compression, encryption and the like, also of single partitions, and the comment of a schema, are left to the target's defaults; the plan names them. Set them afterwards with ALTER TABLE where they matter.";
    SYSTEM_VERSIONED = 2152, Gate,
        "system-versioned tables",
        "MariaDB keeps former rows of such a table and shows them to FOR SYSTEM_TIME. mig reads and moves the current rows, into an ordinary table: the history is not moved, and no more history is written. Set the rule to \"warn\" where that is what you want.";
    STRANGERS_TABLE = 2061, Gate,
        "a table on the target does not belong to this lineage",
        "There is a table or view of this name, and this lineage did not create it, or another lineage owns it in the ledger. Move it away, exclude it, or set target_tables to same_and_empty.";
    TABLE_CONTENT_DIFFERS = 2062, Gate,
        "a table or view is not what this lineage put there",
        "A drop was refused: the table's rows are not those that this lineage loaded, the view has another text than the one that was created, the table was adopted and not created, or the ledger does not know it. Check it. Drop it by hand, or let mig forget it with `mig state rm` and its address: then it stays.";
    TABLE_REFERENCED = 2068, Gate,
        "another table refers to the table that is to be dropped",
        "A drop was refused: a table that this lineage did not create has a foreign key to the table. Without the table, each write to the other one would fail. Drop the foreign key or the other table, then destroy again. Or let mig forget the table with `mig state rm` and its address: then it stays.";
    DUMP_SELECTS_NOTHING = 2070, Error,
        "no table of the dump is selected",
        "The folder given to `mig import-dump` has no table that the migration's filter selects. Check `tables` and the folder.";
    DUMP_HAS_MORE = 2071, Error,
        "the dump has tables that the source no longer has",
        "A table of the dump matches the filter and is not on the source, so there is nothing to compare it with. Exclude it by the filter, or leave `source` out of the migration.";
    DUMP_LACKS = 2072, Error,
        "the dump lacks what the filter selects",
        "A table or view of the source matches the filter and is not in the dump: `mig import-dump` leaves it out and says so. `mig apply` moves it from the source.";
    DUMP_FILES_IGNORED = 2073, Error,
        "files of the dump are not used",
        "Triggers, routines and events are never moved, and files that do not belong to a dump are left alone. They are named so that nothing is lost silently.";
    DUMP_STRUCTURE_UNREADABLE = 2074, Error,
        "a table's structure cannot be read from the dump",
        "Without a source, the structure comes from the dump's own -schema.sql files, in the form of SHOW CREATE TABLE. A clause that is not known is an error, because it would be lost. Exclude the table, or name the source.";
    NOT_UNDERSTOOD = 2190, Gate,
        "a table's structure is not known for certain",
        "mig reads every table twice: from information_schema and from SHOW CREATE TABLE. A clause that mig does not know, or an attribute on which the two disagree, may be lost or changed on the target. The finding quotes the text. Please report it. With \"warn\" the table is created from what information_schema says.";
    BINARY_DEFAULT = 2191, Gate,
        "a default has bytes that are not text",
        "TiDB keeps the default of a column as UTF-8. Bytes that are not UTF-8 become U+FFFD, and an INSERT that uses the default fails. With \"rewrite\" or \"warn\" the column is created without its default.";
    COMMENT = 2192, Gate,
        "a comment is too long for the target",
        "MySQL counts the characters of a comment, TiDB its bytes: 1,024 for a column or an index, 2,048 for a table (error 1629). With \"rewrite\" or \"warn\" the comment is left out; everything else of the table arrives.";
    PERIOD = 2193, Gate,
        "a table has a period",
        "PERIOD FOR an application's time, and keys WITHOUT OVERLAPS, exist in MariaDB only. The target has neither: it refuses no overlap, and FOR PORTION OF is not SQL there. With \"rewrite\" or \"warn\" the table is created without the period and without such keys.";
    SEQUENCE_DEFAULT = 2194, Gate,
        "a default reads a sequence",
        "The column takes its value from a sequence, and sequences stay behind. A default that fails at every INSERT is not created: with \"rewrite\" or \"warn\" the column has none. TiDB has sequences: after the cutover, create one that starts above the source's next value, and give the column its default.";
    ROWS_ELSEWHERE = 2195, Gate,
        "a table keeps no rows of its own",
        "The engine shows rows that are stored elsewhere (MERGE: in other tables; FEDERATED, CONNECT, SPIDER: on another server) or keeps none (BLACKHOLE). On the target it would be an ordinary table with a copy of them, and nothing keeps the copy up to date. With \"warn\" it is moved like this.";
    WHOLE_LOB_KEY = 2196, Gate,
        "a key covers a whole BLOB or TEXT",
        "MariaDB accepts a UNIQUE key over a whole BLOB or TEXT and keeps it by a hash. The target requires a prefix (error 1170), which would refuse other rows. With \"rewrite\" or \"warn\" the table is created without the key, and nothing refuses duplicates.";
    DUPLICATE_MEMBER = 2197, Gate,
        "an ENUM or SET has the same member twice",
        "Without strict mode, MySQL accepts a type in which one member appears twice under its collation. The target refuses it (error 1291). It also refuses members that become equal because collation_map gives their column another collation: map it to one that tells them apart (utf8mb4_bin does). Otherwise change the type on the source, or leave the table out of the filter.";
    KEY_COMMENT = 2198, Gate,
        "a primary key has a comment that the target does not keep",
        "Where a primary key is one integer column, TiDB clusters the rows by it and has no index that could have a comment: it accepts the statement and drops the comment. mig creates the key without it and says so.";
    SCHEMA_DEFAULT = 2199, Gate,
        "a schema on the target has another default collation",
        "An existing schema is used as it is and never altered. What is moved names its own charsets and collations. A table that is created there later without a collation gets the default of the schema, which is not the source's.";
}
