//! The compatibility rules by code: what each is about, whether it stops by default, and whether a rewrite is known.
//! What an object is and whether a rule meets it stands in [`super::compatibility`]; what a rewrite changes stands in
//! [`crate::think::rewrite`].

use std::collections::BTreeSet;

use crate::formats::facts::Flavor;
use crate::formats::rowhash::JsonNumbers;
use crate::formats::spec::model::{Gates, RuleAction};
use crate::words::codes::Code;
pub use crate::words::codes::{
    AUTO_INCREMENT_WITHIN, BINARY_DEFAULT, CHARSET, CHECK, CHECK_NAME, CHECK_NOT_BOOLEAN, COLLIDING_NAMES, COLUMNS,
    COMMENT, DEFAULT_EXPRESSION, DEFINER, DESCENDING, DUPLICATE_MEMBER, EMPTY_MEMBER, ENGINE, EVENT, FOREIGN_KEY,
    FOREIGN_KEY_OFF, FULLTEXT, FUNCTION, GENERATED_DIFFERS, GENERATED_MAY_DIFFER, GENERATED_NOT_NULL,
    GENERATED_REFUSED, INDEX_EXPRESSION, INDEX_WIDTH, INDEXES, INVISIBLE, INVISIBLE_KEY, JSON_AS_TEXT, JSON_NUMBERS,
    JSON_TYPES, KEY_COMMENT, KEYLESS, LONG_TIME, LOST_PARENTS, LOST_TEXT, MEMBER_TOO_LONG, MERGED_KEYS, NOT_UNDERSTOOD,
    NUMBERED_WITHIN, OTHER_CODE, OUTSIDE_REFERENCE, PARTITION, PARTITION_COLLATION, PERIOD, REFERENCE_TO_NO_KEY,
    RESERVED_NAME, ROUNDED_FLOAT, ROUTINE, ROW_MAY_BE_TOO_LONG, ROW_TOO_LONG, ROWS_ELSEWHERE, SAME_CHECK_NAME,
    SCHEMA_DEFAULT, SEQUENCE_DEFAULT, SPATIAL, SRID, SUBPARTITION, SYSTEM_VERSIONED, TABLE_OPTION, TEXT_PARSER,
    TRIGGER, TYPE, UNENFORCED_CHECK, UNKNOWN_MEMBER, UNLOOKED, VIEW_BROKEN, VIEW_CAST, VIEW_CHECK_OPTION,
    VIEW_COLLATION, VIEW_GROUPS, VIEW_MAY_DIFFER, VIEW_ORDER, VIEW_OUTSIDE, VIEW_OVER_LEFT_OUT, VIEW_STORED_FUNCTION,
    VIEW_TEXT, VIEW_UNREAD, VIEW_WORDS, WHOLE_LOB_KEY, WIDENED_TYPE, ZERO_DATE, ZEROFILL,
};

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub code: Code,
    /// One object of it, as a noun: `FULLTEXT index`.
    pub noun: &'static str,
    /// What the target does with it: completes "the target …".
    pub fate: &'static str,
    /// Whether it stops by default; else it warns.
    pub stops: bool,
    /// What `action = "rewrite"` does; none: it is refused.
    pub rewrite: Option<&'static str>,
    /// The target would take the DDL and lose or change this without an error. Then a rule that only warns makes the
    /// same change itself, by name: never silently.
    pub silent: bool,
    /// The target refuses it, or may do so: to warn would lead into a CREATE or a load that fails.
    pub fails: bool,
    /// What it meets cannot be made at all: where the rule does not stop, it is left out by name.
    pub leaves_out: bool,
    /// What to do now.
    pub help: &'static str,
}

const fn rule(code: Code, noun: &'static str, fate: &'static str, help: &'static str) -> Rule {
    Rule { code, noun, fate, stops: true, rewrite: None, silent: false, fails: false, leaves_out: false, help }
}

impl Rule {
    const fn warns(self) -> Self {
        Self { stops: false, ..self }
    }

    const fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    const fn fails(self) -> Self {
        Self { fails: true, ..self }
    }

    const fn leaves_out(self) -> Self {
        Self { silent: true, leaves_out: true, rewrite: Some("left out"), ..self }
    }

    const fn rewrites(self, what: &'static str) -> Self {
        Self { rewrite: Some(what), ..self }
    }

    /// The rule as it is for a target of this kind: those below are written for TiDB where the two differ.
    pub fn on(self, flavor: Flavor) -> Self {
        const LATER: &str = "Create it on the target by hand after the cutover, then set this rule to \"warn\".";
        if flavor == Flavor::Tidb {
            return self;
        }
        let (fate, help) = match self.code {
            TRIGGER => ("gets no triggers: mig moves tables and views", LATER),
            ROUTINE => ("gets no stored routines: mig moves tables and views", LATER),
            EVENT => ("gets no events: mig moves tables and views", LATER),
            CHECK => (
                self.fate,
                "Set this rule to \"rewrite\" to create the tables without them, or move to a newer server.",
            ),
            INVISIBLE if flavor == Flavor::Mariadb => {
                ("takes no invisible column that is NOT NULL and has no default", self.help)
            }
            COLUMNS => ("takes 1,017 columns a table", "Split the table on the source, or leave it out of the filter."),
            INDEXES => (
                "takes 64 indexes a table and 16 columns an index",
                "Drop indexes on the source, or set this rule to \"warn\" where the target's limits are others.",
            ),
            DEFAULT_EXPRESSION => ("takes no expression as a default", self.help),
            INDEX_EXPRESSION => (
                "has no indexes over expressions",
                "Set this rule to \"rewrite\" to create the table without the index.",
            ),
            PARTITION => (self.fate, "Set this rule to \"rewrite\" to create it as one table."),
            ENGINE => ("gets it as InnoDB: a batch and its ledger row commit together", self.help),
            _ => (self.fate, self.help),
        };
        let rewrite = if self.code == PARTITION { Some("created as one table") } else { self.rewrite };
        Self { fate, help, rewrite, stops: self.stops || self.code == INDEX_EXPRESSION, ..self }
    }
}

/// Every rule whose action may be set, by code.
pub const RULES: &[Rule] = &[
    rule(SPATIAL, "spatial column or index", "has no spatial types", "Leave the table out of the filter, or set this rule to \"rewrite\": the bytes of each shape are kept as LONGBLOB, without spatial indexes.")
        .silent()
        .rewrites("the bytes of each shape are kept as LONGBLOB, without spatial indexes"),
    rule(CHARSET, "column in a charset that the target does not have", "does not have the charset", "Convert it: collation = \"convert\" and an entry in collation_map for its collation.")
        .fails(),
    rule(TRIGGER, "trigger", "has no triggers: what it does would stop happening", "Move its work into the application, then set this rule to \"warn\"."),
    rule(ROUTINE, "routine", "has no stored routines", "Move its work into the application, then set this rule to \"warn\"."),
    rule(EVENT, "event", "has no events", "Move it to a scheduler of your own, then set this rule to \"warn\"."),
    rule(CHECK, "CHECK constraint", "does not enforce CHECK constraints and drops them without an error", "Let the target's administrator set tidb_enable_check_constraint to ON, or set this rule to \"rewrite\" to create the tables without them.")
        .silent()
        .rewrites("created without it"),
    rule(CHECK_NOT_BOOLEAN, "CHECK constraint that is not a condition", "accepts only a condition there (error 3812)", "Write it as a comparison on the source, or set this rule to \"rewrite\" to create the table without it.")
        .silent()
        .rewrites("created without it"),
    rule(FULLTEXT, "FULLTEXT index", "takes FULLTEXT indexes and drops them without an error", "Set this rule to \"rewrite\" to create the tables without them; searches with MATCH … AGAINST will fail.")
        .silent()
        .rewrites("created without it"),
    rule(INVISIBLE, "invisible column", "has no invisible columns", "Set this rule to \"rewrite\" to create them visible: SELECT * then returns them.")
        .silent()
        .rewrites("created visible"),
    rule(INVISIBLE_KEY, "generated invisible key", "has no generated invisible keys", "Set this rule to \"rewrite\" to create my_row_id as an ordinary column: SELECT * then returns it.")
        .silent()
        .rewrites("created as an ordinary, visible key"),
    rule(COLLIDING_NAMES, "name that differs from another in case only", "does not tell names apart by case", "Rename one of them on the source, or leave it out of the filter.")
        .fails(),
    rule(ROW_TOO_LONG, "table whose rows may exceed the target's limit", "refuses rows above its limit", "Let the target's administrator raise tidb_txn_entry_size_limit (up to 120 MiB)."),
    rule(ROW_MAY_BE_TOO_LONG, "large column whose values may exceed the target's limit", "refuses rows above its limit", "Look for the longest value on the source; where it is too long, let the target's administrator raise tidb_txn_entry_size_limit (up to 120 MiB).")
        .warns(),
    rule(COLUMNS, "table with too many columns", "takes 1,017 columns a table unless configured otherwise", "Split the table, or let the target's administrator raise table-column-count-limit, then set this rule to \"warn\"."),
    rule(INDEXES, "table with too many indexes", "takes 64 indexes a table and 16 columns an index unless configured otherwise", "Drop indexes on the source, or let the target's administrator raise index-limit, then set this rule to \"warn\"."),
    rule(INDEX_WIDTH, "index or column too wide once converted", "takes 3,072 bytes an index and 65,535 a column", "Shorten the column or give the index a prefix on the source, or map the collation to one of a narrower charset."),
    rule(FOREIGN_KEY, "foreign key", "takes no foreign keys on partitioned tables, on BLOB, TEXT and virtual columns, or between columns of different types", "Set this rule to \"rewrite\" to create the table without it.")
        .silent()
        .rewrites("created without it"),
    rule(FOREIGN_KEY_OFF, "foreign key while the target enforces none", "takes it, marks it as invalid and never checks it", "Let the target's administrator set tidb_enable_foreign_key to ON, or set this rule to \"rewrite\" to create the tables without their foreign keys.")
        .silent()
        .rewrites("created without it"),
    rule(RESERVED_NAME, "column whose name the target keeps for itself", "refuses it", "Rename it on the source, or leave the table out of the filter.")
        .fails(),
    rule(MEMBER_TOO_LONG, "member of ENUM or SET that is too long", "takes 255 bytes a member", "Shorten the member on the source, or leave the table out of the filter.")
        .fails(),
    rule(UNKNOWN_MEMBER, "member of ENUM or SET whose letters the source does not show", "would get a member with a question mark", "Change the member on the source, or leave the table out of the filter.")
        .fails(),
    rule(EMPTY_MEMBER, "ENUM with a member '' and the value 0", "compares the two as one value, where the source tells them apart", "Give these rows a member on the source (UPDATE … SET c = '' WHERE c + 0 = 0), or look at what the queries over the column give.")
        .warns(),
    rule(SUBPARTITION, "subpartitioned table", "ignores SUBPARTITION without an error", "Set this rule to \"rewrite\" to create it with its partitions alone.")
        .silent()
        .rewrites("created with its partitions alone"),
    rule(PARTITION, "partitioning", "does not take this partitioning", "Set this rule to \"rewrite\": LINEAR is left out, any other kind is created as one table.")
        .silent()
        .rewrites("created without LINEAR, or as one table"),
    rule(PARTITION_COLLATION, "table partitioned by a column whose collation is converted", "compares the values of the partitions by the new collation: it may refuse their order, refuse a row that no partition takes, or keep rows in other partitions", "Set this rule to \"rewrite\" to create it as one table, or map the collation to one with the same weights (utf8mb4_general_ci for utf8mb3_general_ci, utf8mb4_bin for utf8mb3_bin).")
        .fails()
        .rewrites("created as one table"),
    rule(DESCENDING, "descending index", "takes DESC in an index and ignores it", "Nothing needs to be done: it is created ascending, and read backwards where that helps.")
        .warns()
        .silent()
        .rewrites("created ascending"),
    rule(DEFAULT_EXPRESSION, "default that is an expression", "takes only a few expressions as a default", "Set this rule to \"rewrite\" to create the column without its default; the application then has to give the value.")
        .silent()
        .rewrites("created without its default"),
    rule(INDEX_EXPRESSION, "index over an expression", "takes only a few functions in an index unless configured otherwise", "Set this rule to \"rewrite\" to create the table without the index, or change the index on the source.")
        .silent()
        .rewrites("created without it"),
    rule(ZEROFILL, "ZEROFILL column", "gives the numbers without their padding: 42, where the source gives 00000042", "The numbers are equal. Where the application reads them as text (CONCAT, a driver), pad them there: LPAD(…).")
        .warns(),
    rule(ENGINE, "table with another engine than InnoDB", "has one engine", "Nothing needs to be done, unless the application counts on the engine (no transactions, no foreign keys, rows in memory).")
        .warns()
        .silent(),
    rule(TYPE, "column of a type that mig cannot carry", "does not have the type, or keeps its values in another form", "Leave the table out of the filter, or change the type on the source.")
        .fails(),
    rule(OUTSIDE_REFERENCE, "foreign key to a table outside of the migration", "would hold a reference to a table that is not there", "Widen the filter, create the other table first, or set this rule to \"warn\": the key is then created and its checks fail until the table is there."),
    rule(JSON_AS_TEXT, "JSON column", "keeps JSON as LONGTEXT with a CHECK", "Nothing needs to be done: the documents are equal by value, and JSON functions read them.")
        .warns()
        .silent()
        .rewrites("created as LONGTEXT with CHECK (json_valid(…))"),
    rule(GENERATED_NOT_NULL, "generated column that is NOT NULL", "takes no NOT NULL on generated columns", "Nothing needs to be done: the expression gives the same values.")
        .warns()
        .silent()
        .rewrites("created without NOT NULL"),
    rule(UNENFORCED_CHECK, "CHECK constraint that is not enforced", "enforces every CHECK constraint", "Set this rule to \"rewrite\" to create the table without it.")
        .silent()
        .rewrites("created without it"),
    rule(CHECK_NAME, "CHECK constraint that is called like its column", "tells names of CHECK constraints apart by schema, not by table", "Nothing needs to be done: the constraint takes its table's name along.")
        .warns()
        .silent()
        .rewrites("renamed to TABLE_chk_COLUMN"),
    rule(SAME_CHECK_NAME, "name of a CHECK constraint that is there twice in a schema", "tells names of CHECK constraints apart by schema, not by table", "Rename one of the two on the source.")
        .fails(),
    rule(AUTO_INCREMENT_WITHIN, "AUTO_INCREMENT column that begins no index", "wants one that begins with it (InnoDB)", "Set this rule to \"rewrite\" to create the table with one more index; the application then counts on over the whole table, no longer within each group.")
        .rewrites("created with an index over the column"),
    rule(KEYLESS, "table without a primary key", "refuses such tables, or adds a key of its own", "Give the table a primary key on the source, or let the target's administrator switch off the variable that the list names."),
    rule(FUNCTION, "expression with a function or a clause that the target does not know", "would refuse it", "Change the expression on the source, or leave the table or view out of the filter.")
        .fails(),
    rule(REFERENCE_TO_NO_KEY, "foreign key to columns that are not a unique key", "takes no such keys while restrict_fk_on_non_standard_key is ON", "Make the referenced columns a unique key on the source, or let the target's administrator switch the variable off."),
    rule(SRID, "column bound to one spatial reference system", "does not keep the SRID of a column", "Nothing needs to be done: every value keeps its own SRID; it is not checked on the target.")
        .warns()
        .silent()
        .rewrites("created without SRID"),
    rule(TEXT_PARSER, "FULLTEXT index with a parser of its own", "does not have the parser", "Set this rule to \"rewrite\" to create the index with the target's own parser: it finds other words.")
        .rewrites("created with the target's own parser"),
    rule(TABLE_OPTION, "table or schema with options of its own", "creates it with its defaults", "Nothing needs to be done, unless the application counts on them (compression, encryption); they can be set afterwards with ALTER TABLE.")
        .warns()
        .silent(),
    rule(NOT_UNDERSTOOD, "table whose structure is not known for certain", "is given what mig understands of it", "Report the quoted text. Set this rule to \"warn\" to go on with what information_schema tells, where that is enough for you."),
    rule(BINARY_DEFAULT, "default of bytes that are not text", "keeps another character in the place of such bytes in a default", "Set this rule to \"rewrite\" to create the column without its default; the application then has to give the value.")
        .silent()
        .rewrites("created without its default"),
    rule(COMMENT, "comment that is too long", "takes 1,024 bytes in the comment of a column or an index and 2,048 in that of a table", "Shorten it on the source, or set this rule to \"rewrite\" to leave the comment out.")
        .silent()
        .rewrites("created without the comment"),
    rule(PERIOD, "period of an application", "has no periods: nothing refuses overlaps any more", "Set this rule to \"rewrite\" to create the table without the period and without the keys that refuse overlaps.")
        .silent()
        .rewrites("created without the period and its keys"),
    rule(SEQUENCE_DEFAULT, "default that reads a sequence", "gets no sequences: mig moves tables and views", "Set this rule to \"rewrite\" to create the column without its default; create the sequence and the default by hand after the cutover.")
        .silent()
        .rewrites("created without its default"),
    rule(ROWS_ELSEWHERE, "table that keeps no rows of its own", "keeps the rows that the table shows", "Leave the table out of the filter, or set this rule to \"warn\" to move the rows that it shows into an ordinary table."),
    rule(WHOLE_LOB_KEY, "key over a whole BLOB or TEXT", "takes such a column in a key with a prefix only", "Set this rule to \"rewrite\" to create the table without the key: the target then does not refuse duplicates.")
        .silent()
        .rewrites("created without it"),
    rule(DUPLICATE_MEMBER, "ENUM or SET with the same member twice", "refuses a member that is there twice", "Change the type on the source, or leave the table out of the filter. Where two members become one by a conversion, map the collation to one that tells them apart (utf8mb4_bin does).")
        .fails(),
    rule(KEY_COMMENT, "comment of a primary key over one integer", "does not keep it", "Nothing needs to be done: the table's own comment is kept.")
        .warns()
        .silent()
        .rewrites("created without it"),
    rule(SCHEMA_DEFAULT, "schema that is on the target with another default collation", "keeps the schema's own default: tables that are created there later without a collation get it", "Nothing needs to be done for what is moved: every table names its own. ALTER DATABASE on the target makes the default that of the source.")
        .warns(),
    rule(SYSTEM_VERSIONED, "system-versioned table", "gets the current rows: mig moves no history", "Set this rule to \"warn\" to move the current rows into an ordinary table, or leave the table out of the filter."),
    rule(VIEW_BROKEN, "view that the source itself cannot read", "would refuse it, too", "Fix or drop it on the source, or set this rule to \"rewrite\": it and the views over it are then left out.")
        .leaves_out(),
    rule(VIEW_STORED_FUNCTION, "view that calls a stored function", "does not have the function, and mig moves none", "Write the function's work into the view, create the function on the target first, or set this rule to \"rewrite\": the view and the views over it are then left out.")
        .leaves_out(),
    rule(VIEW_TEXT, "view with a function or a clause that the target does not know", "would refuse it", "Change the view on the source, or set this rule to \"rewrite\": it and the views over it are then left out.")
        .leaves_out(),
    rule(VIEW_OUTSIDE, "view over a table outside of the migration", "would refuse it while the table is not there", "Widen the filter, create the table on the target first, or set this rule to \"rewrite\": the view and the views over it are then left out.")
        .leaves_out(),
    rule(VIEW_OVER_LEFT_OUT, "view over a view that cannot be made", "would refuse it", "Fix the view that it reads, or set this rule to \"rewrite\": it is then left out, too.")
        .leaves_out(),
    rule(VIEW_UNREAD, "view that mig cannot read", "would get a text that mig cannot vouch for", "Please report a text that is not understood; set this rule to \"rewrite\" to leave the view and the views over it out.")
        .leaves_out(),
    rule(VIEW_COLLATION, "view whose own words compare by the collation of its author's connection", "keeps no collation with a view, and compares them by its default", "Nothing needs to be done: the collation is written into the text.")
        .warns()
        .silent()
        .rewrites("COLLATE is added to its words"),
    rule(VIEW_WORDS, "view whose words may compare by another collation", "may compare words in the view's text by another collation than the source", "Write COLLATE into the view on the source, or look at what it gives on the target: the certificate compares its rows.")
        .warns(),
    rule(VIEW_GROUPS, "view with columns that do not follow from its groups", "refuses to read it for sessions with ONLY_FULL_GROUP_BY, which its sql_mode has and the source's has not", "Take ONLY_FULL_GROUP_BY out of the target's sql_mode, or write ANY_VALUE(), MIN() or MAX() around these columns on the source. Set this rule to \"warn\" where every reader sets its own sql_mode: the view is created as it is."),
    rule(VIEW_ORDER, "view with an ORDER BY", "gives the rows of a view in any order", "Nothing needs to be done, unless the application counts on the order: then write the ORDER BY into the query that reads the view.")
        .warns(),
    rule(VIEW_CHECK_OPTION, "view with a CHECK OPTION", "takes no writes through views, and keeps no CHECK OPTION", "Nothing needs to be done, unless the application writes through the view: let it write to the table.")
        .warns()
        .silent()
        .rewrites("created without it"),
    rule(VIEW_CAST, "view with a CAST without a length", "fills such bytes up with zeros in a view, and cannot read such a text of JSON", "Nothing needs to be done: CONVERT(… USING …) gives the same bytes and texts.")
        .warns()
        .silent()
        .rewrites("CONVERT(… USING …) is created instead"),
    rule(VIEW_MAY_DIFFER, "view that may give other values", "may compute a value in another way, or write it in another way as text", "Look at what it gives on the target: the certificate compares its rows, and a difference ends with exit code 6. Set this rule to \"warn\" yourself to have a difference named in the certificate instead.")
        .warns(),
    rule(UNLOOKED, "check of rows that did not reach the last row", "may refuse or change rows that mig did not check", "The dump reads every row and stops at what would be lost; set this rule to \"stop\" where it has to be known beforehand.")
        .warns(),
    rule(GENERATED_DIFFERS, "generated column with other values", "computes it again, in another way", "Set this rule to \"warn\" to move the table all the same: verify compares the values, and a difference is named in the certificate. Or change the expression on the source.")
        .silent(),
    rule(GENERATED_REFUSED, "generated column whose rows may be refused", "computes it with fewer digits, and may refuse a row", "Write COALESCE in place of IFNULL, or CAST(column AS UNSIGNED) in place of the column, in the expression on the source. Or leave the table out of the filter.")
        .fails(),
    rule(GENERATED_MAY_DIFFER, "generated column that may get other values", "computes it again, and may do so in another way", "Nothing needs to be done: verify compares the values, and a difference ends with exit code 6. Set this rule to \"warn\" yourself to have a difference named in the certificate instead.")
        .warns()
        .silent(),
    rule(JSON_NUMBERS, "JSON column with numbers of more digits than a DOUBLE holds", "rounds numbers in JSON to the next DOUBLE", "Set this rule to \"warn\" to take the rounded numbers: the certificate counts them. Or keep such numbers as strings on the source.")
        .silent(),
    rule(JSON_TYPES, "JSON column with dates, times, bytes or bits", "keeps them as strings in JSON: JSON_TYPE, comparisons and the order change", "Set this rule to \"warn\" to take the strings: their text is the same.")
        .silent(),
    rule(OTHER_CODE, "text column with codes whose Unicode character another code stands for, too", "keeps the character, not the code", "Nothing needs to be done, unless the application reads the bytes: two such codes become one.")
        .warns(),
    rule(LOST_PARENTS, "foreign key that holds by the source's collation alone", "compares the two by another collation, or by other weights, and takes the texts of parent and child for different, so the rows would have no parent", "Give the children the exact text of their parents on the source, or set this rule to \"warn\" to move them as they are.")
        .silent(),
    rule(ROUNDED_FLOAT, "FLOAT or DOUBLE column with digits after the point", "keeps the last bit of such a value in another way: both are compared as they are shown", "Nothing needs to be done: the values are equal to the digits that the column declares.")
        .warns(),
    rule(NUMBERED_WITHIN, "AUTO_INCREMENT column behind another in its key", "counts on over the whole table, no longer within each group", "Let the application give the numbers, or set this rule to \"stop\".")
        .warns()
        .silent(),
];

/// What sets a rule, in the gates block of a migration.
pub fn setting(code: Code, action: &str) -> String {
    format!("rule \"{code}\" {{ action = \"{action}\" }}")
}

/// The rule of a code.
pub fn find(code: Code) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// What is done about a rule under these settings. A rewrite that is not known stays a stop.
pub fn action(rule: &Rule, gates: &Gates) -> RuleAction {
    let set = gates.rules.get(&rule.code).copied();
    match set {
        Some(RuleAction::Rewrite) if rule.rewrite.is_none() => RuleAction::Stop,
        Some(RuleAction::Warn) if rule.fails => RuleAction::Stop,
        Some(action) => action,
        None if rule.stops && (rule.fails || gates.compatibility != RuleAction::Warn) => RuleAction::Stop,
        None => RuleAction::Warn,
    }
}

/// What becomes of numbers inside of JSON documents that no DOUBLE holds.
pub fn json_numbers(gates: &Gates, target: Flavor) -> JsonNumbers {
    match find(JSON_NUMBERS).map(|rule| action(rule, gates)) {
        _ if target != Flavor::Tidb => JsonNumbers::Exact,
        Some(RuleAction::Warn) => JsonNumbers::Doubles,
        _ => JsonNumbers::Refused,
    }
}

/// How the certificate tells of a rule that let something pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something is not as it was, and the spec agreed.
    Accepted,
    /// Something may be so.
    Named,
}

/// What a rule warns of stands in the certificate. `None`: it is told there in another way, among what arrived changed
/// (`changed` has its code) or what was not moved.
pub fn in_certificate(code: Code, changed: &BTreeSet<Code>) -> Option<Told> {
    match code {
        JSON_TYPES | LOST_PARENTS => Some(Told::Accepted),
        UNLOOKED | GENERATED_DIFFERS | GENERATED_MAY_DIFFER | JSON_NUMBERS | OTHER_CODE | ROUNDED_FLOAT
        | NUMBERED_WITHIN => Some(Told::Named),
        TRIGGER | ROUTINE | EVENT => None,
        other => (find(other).is_some() && !changed.contains(&other)).then_some(Told::Named),
    }
}

/// Whether the spec says itself that generated columns may have other values on the target.
pub fn accepts_generated(gates: &Gates) -> bool {
    let says = |code| gates.rules.get(&code) == Some(&RuleAction::Warn);
    gates.compatibility == RuleAction::Warn || says(GENERATED_DIFFERS) || says(GENERATED_MAY_DIFFER)
}

/// Whether the spec says itself that views may give other values on the target.
pub fn accepts_views(gates: &Gates) -> bool {
    gates.rules.get(&VIEW_MAY_DIFFER) == Some(&RuleAction::Warn)
}

/// Whether what the rule is about is changed in what is created.
pub fn changes(code: Code, gates: &Gates) -> bool {
    find(code).is_some_and(|rule| match action(rule, gates) {
        RuleAction::Rewrite => true,
        RuleAction::Warn => rule.silent,
        RuleAction::Stop => false,
    })
}
