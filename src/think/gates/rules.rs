//! The compatibility rules by code: what each is about, whether it stops by default, and whether a rewrite is known.
//! What an object is and whether a rule meets it stands in [`super::compatibility`]; what a rewrite changes stands in
//! [`crate::think::rewrite`].

use crate::formats::facts::Flavor;
use crate::formats::spec::model::{Gates, RuleAction};

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub code: &'static str,
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
    /// What to do now.
    pub help: &'static str,
}

const fn rule(code: &'static str, noun: &'static str, fate: &'static str, help: &'static str) -> Rule {
    Rule { code, noun, fate, stops: true, rewrite: None, silent: false, help }
}

impl Rule {
    const fn warns(self) -> Self {
        Self { stops: false, ..self }
    }

    const fn silent(self) -> Self {
        Self { silent: true, ..self }
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

pub const SPATIAL: &str = "MIG2101";
pub const CHARSET: &str = "MIG2102";
pub const TRIGGER: &str = "MIG2103";
pub const ROUTINE: &str = "MIG2104";
pub const EVENT: &str = "MIG2105";
pub const CHECK: &str = "MIG2106";
pub const FULLTEXT: &str = "MIG2107";
pub const INVISIBLE: &str = "MIG2108";
pub const INVISIBLE_KEY: &str = "MIG2109";
pub const COLLIDING_NAMES: &str = "MIG2110";
pub const ROW_TOO_LONG: &str = "MIG2111";
pub const ROW_MAY_BE_TOO_LONG: &str = "MIG2112";
pub const COLUMNS: &str = "MIG2113";
pub const INDEXES: &str = "MIG2114";
pub const INDEX_WIDTH: &str = "MIG2115";
pub const FOREIGN_KEY: &str = "MIG2116";
pub const SUBPARTITION: &str = "MIG2117";
pub const PARTITION: &str = "MIG2118";
pub const DESCENDING: &str = "MIG2119";
pub const DEFAULT_EXPRESSION: &str = "MIG2120";
pub const INDEX_EXPRESSION: &str = "MIG2121";
pub const ZEROFILL: &str = "MIG2122";
pub const ENGINE: &str = "MIG2123";
pub const TYPE: &str = "MIG2124";
pub const ZERO_DATE: &str = "MIG2125";
pub const OUTSIDE_REFERENCE: &str = "MIG2126";
pub const WIDENED_TYPE: &str = "MIG2127";
pub const DEFINER: &str = "MIG2128";
pub const JSON_AS_TEXT: &str = "MIG2140";
pub const GENERATED_NOT_NULL: &str = "MIG2141";
pub const UNENFORCED_CHECK: &str = "MIG2142";
pub const CHECK_NAME: &str = "MIG2143";
pub const SAME_CHECK_NAME: &str = "MIG2144";
pub const AUTO_INCREMENT_WITHIN: &str = "MIG2145";
pub const KEYLESS: &str = "MIG2146";
pub const FUNCTION: &str = "MIG2147";
pub const REFERENCE_TO_NO_KEY: &str = "MIG2148";
pub const SRID: &str = "MIG2149";
pub const TEXT_PARSER: &str = "MIG2150";
pub const TABLE_OPTION: &str = "MIG2151";
pub const SYSTEM_VERSIONED: &str = "MIG2152";

/// Every rule whose action may be set, by code.
pub const RULES: &[Rule] = &[
    rule(SPATIAL, "spatial column or index", "has no spatial types", "Leave the table out of the filter, or drop the column on the source."),
    rule(CHARSET, "column in a charset that the target does not have", "does not have the charset", "Convert it: collation = \"convert\" and an entry in collation_map for its collation."),
    rule(TRIGGER, "trigger", "has no triggers: what it does would stop happening", "Move its work into the application, then set this rule to \"warn\"."),
    rule(ROUTINE, "routine", "has no stored routines", "Move its work into the application, then set this rule to \"warn\"."),
    rule(EVENT, "event", "has no events", "Move it to a scheduler of your own, then set this rule to \"warn\"."),
    rule(CHECK, "CHECK constraint", "does not enforce CHECK constraints and drops them without an error", "Let the target's administrator set tidb_enable_check_constraint to ON, or set this rule to \"rewrite\" to create the tables without them.")
        .silent()
        .rewrites("created without it"),
    rule(FULLTEXT, "FULLTEXT index", "takes FULLTEXT indexes and drops them without an error", "Set this rule to \"rewrite\" to create the tables without them; searches with MATCH … AGAINST will fail.")
        .silent()
        .rewrites("created without it"),
    rule(INVISIBLE, "invisible column", "has no invisible columns", "Set this rule to \"rewrite\" to create them visible: SELECT * then returns them.")
        .rewrites("created visible"),
    rule(INVISIBLE_KEY, "generated invisible key", "has no generated invisible keys", "Set this rule to \"rewrite\" to create my_row_id as an ordinary column: SELECT * then returns it.")
        .rewrites("created as an ordinary, visible key"),
    rule(COLLIDING_NAMES, "name that differs from another in case only", "does not tell names apart by case", "Rename one of them on the source, or leave it out of the filter."),
    rule(ROW_TOO_LONG, "table whose rows may exceed the target's limit", "refuses rows above its limit", "Let the target's administrator raise tidb_txn_entry_size_limit (up to 120 MiB)."),
    rule(ROW_MAY_BE_TOO_LONG, "large column whose values may exceed the target's limit", "refuses rows above its limit", "Look for the longest value on the source; where it is too long, let the target's administrator raise tidb_txn_entry_size_limit (up to 120 MiB).")
        .warns(),
    rule(COLUMNS, "table with too many columns", "takes 1,017 columns a table unless configured otherwise", "Split the table, or let the target's administrator raise table-column-count-limit, then set this rule to \"warn\"."),
    rule(INDEXES, "table with too many indexes", "takes 64 indexes a table and 16 columns an index unless configured otherwise", "Drop indexes on the source, or let the target's administrator raise index-limit, then set this rule to \"warn\"."),
    rule(INDEX_WIDTH, "index or column too wide once converted", "takes 3,072 bytes an index and 65,535 a column", "Shorten the column or give the index a prefix on the source, or map the collation to one of a narrower charset."),
    rule(FOREIGN_KEY, "foreign key", "takes no foreign keys on partitioned tables, BLOB, TEXT and virtual columns", "Set this rule to \"rewrite\" to create the table without it.")
        .rewrites("created without it"),
    rule(SUBPARTITION, "subpartitioned table", "ignores SUBPARTITION without an error", "Set this rule to \"rewrite\" to create it with its partitions alone.")
        .silent()
        .rewrites("created with its partitions alone"),
    rule(PARTITION, "partitioning", "does not know this kind of partitioning", "Set this rule to \"rewrite\": LINEAR is left out, any other kind is created as one table.")
        .rewrites("created without LINEAR, or as one table"),
    rule(DESCENDING, "descending index", "takes DESC in an index and ignores it", "Nothing needs to be done: it is created ascending, and read backwards where that helps.")
        .warns()
        .silent()
        .rewrites("created ascending"),
    rule(DEFAULT_EXPRESSION, "default that is an expression", "takes only a few expressions as a default", "Set this rule to \"rewrite\" to create the column without its default; the application then has to give the value.")
        .rewrites("created without its default"),
    rule(INDEX_EXPRESSION, "index over an expression", "takes only a few functions in an index unless configured otherwise", "Set this rule to \"rewrite\" to create the table without the index, or to \"stop\".")
        .warns()
        .rewrites("created without it"),
    rule(ZEROFILL, "ZEROFILL column", "keeps ZEROFILL, deprecated, and does not show it in information_schema", "Nothing needs to be done: the numbers are equal, only their padding may differ.")
        .warns(),
    rule(ENGINE, "table with another engine than InnoDB", "has one engine", "Nothing needs to be done, unless the application counts on the engine (no transactions, no foreign keys, rows in memory).")
        .warns()
        .silent(),
    rule(TYPE, "column of a type that the target does not have", "does not have the type", "Leave the table out of the filter, or change the type on the source."),
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
        .rewrites("created without it"),
    rule(CHECK_NAME, "CHECK constraint that is called like its column", "tells names of CHECK constraints apart by schema, not by table", "Nothing needs to be done: the constraint takes its table's name along.")
        .warns()
        .silent()
        .rewrites("renamed to TABLE_chk_COLUMN"),
    rule(SAME_CHECK_NAME, "name of a CHECK constraint that stands twice in a schema", "tells names of CHECK constraints apart by schema, not by table", "Rename one of the two on the source."),
    rule(AUTO_INCREMENT_WITHIN, "AUTO_INCREMENT column that begins no index", "wants one that begins with it (InnoDB)", "Set this rule to \"rewrite\" to create the table with one more index; the application then counts on over the whole table, no more within each group.")
        .rewrites("created with an index over the column"),
    rule(KEYLESS, "table without a primary key", "refuses such tables, or adds a key of its own", "Give the table a primary key on the source, or let the target's administrator switch the variable off that the list names."),
    rule(FUNCTION, "expression with a function that the target does not have", "does not have the function", "Change the expression on the source, or leave the table or view out of the filter."),
    rule(REFERENCE_TO_NO_KEY, "foreign key to columns that are no unique key", "takes no such keys while restrict_fk_on_non_standard_key is ON", "Make the referenced columns a unique key on the source, or let the target's administrator switch the variable off."),
    rule(SRID, "column bound to one spatial reference system", "does not keep the SRID of a column", "Nothing needs to be done: every value keeps its own SRID; it is not checked on the target.")
        .warns()
        .silent()
        .rewrites("created without SRID"),
    rule(TEXT_PARSER, "FULLTEXT index with a parser of its own", "does not have the parser", "Set this rule to \"rewrite\" to create the index with the target's own parser: it finds other words.")
        .rewrites("created with the target's own parser"),
    rule(TABLE_OPTION, "table with options of its own", "creates it with its defaults", "Nothing needs to be done, unless the application counts on them (compression, encryption); they can be set afterwards with ALTER TABLE.")
        .warns()
        .silent(),
    rule(SYSTEM_VERSIONED, "system-versioned table", "gets the rows of now: mig moves no history", "Set this rule to \"warn\" to move the rows of now into an ordinary table, or leave the table out of the filter."),
];

/// The rule of a code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code.eq_ignore_ascii_case(code))
}

/// What is done about a rule under these settings. A rewrite that is not known stays a stop.
pub fn action(rule: &Rule, gates: &Gates) -> RuleAction {
    let set = gates.rules.iter().find(|(code, _)| code.eq_ignore_ascii_case(rule.code)).map(|(_, action)| *action);
    match set {
        Some(RuleAction::Rewrite) if rule.rewrite.is_none() => RuleAction::Stop,
        Some(action) => action,
        None if rule.stops && gates.compatibility != RuleAction::Warn => RuleAction::Stop,
        None => RuleAction::Warn,
    }
}

/// Whether what the rule is about is changed in what is created.
pub fn changes(code: &str, gates: &Gates) -> bool {
    find(code).is_some_and(|rule| match action(rule, gates) {
        RuleAction::Rewrite => true,
        RuleAction::Warn => rule.silent,
        RuleAction::Stop => false,
    })
}

/// Whether the settings ask for the rule's rewrite itself.
pub fn action_is_rewrite(code: &str, gates: &Gates) -> bool {
    find(code).is_some_and(|rule| action(rule, gates) == RuleAction::Rewrite)
}
