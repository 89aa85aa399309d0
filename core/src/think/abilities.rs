//! What a MySQL or MariaDB target can hold, by its version; the numbers are those of the two reference manuals. Judges
//! nothing and changes nothing; knows nothing of TiDB, whose rules stand with the gates.

use crate::formats::ddl::expression::functions;
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::structure::{Check, Column, ForeignKey, Table};

/// Of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    flavor: Flavor,
    version: (u32, u32, u32),
    /// CHECK constraints are kept and enforced.
    pub checks: bool,
    /// `NOT ENFORCED` is known.
    pub unenforced_checks: bool,
    /// Names of CHECK constraints are told apart by table; else by schema.
    pub check_names_by_table: bool,
    pub invisible_columns: bool,
    /// Invisible columns that are NOT NULL and have no default.
    pub bare_invisible_columns: bool,
    pub descending_indexes: bool,
    pub expression_defaults: bool,
    /// A text as the default of TEXT and BLOB, without being an expression.
    pub literal_lob_defaults: bool,
    pub expression_indexes: bool,
    /// Generated columns may be NOT NULL.
    pub generated_not_null: bool,
    /// JSON is a type of its own, no text with a CHECK.
    pub json: bool,
    /// A column's SRID is kept.
    pub srid: bool,
    /// Parsers of FULLTEXT indexes other than the server's own.
    pub text_parsers: bool,
    pub system_time_partitions: bool,
}

impl Abilities {
    /// `None`: the target is a TiDB.
    pub fn of(server: &ServerFacts) -> Option<Self> {
        let version = version(&server.version);
        let since = |wanted: (u32, u32, u32)| version >= wanted;
        match server.flavor {
            Flavor::Tidb => None,
            Flavor::Mysql => Some(Self {
                flavor: server.flavor,
                version,
                checks: since((8, 0, 16)),
                unenforced_checks: since((8, 0, 16)),
                check_names_by_table: false,
                invisible_columns: since((8, 0, 23)),
                bare_invisible_columns: true,
                descending_indexes: since((8, 0, 1)),
                expression_defaults: since((8, 0, 13)),
                literal_lob_defaults: false,
                expression_indexes: since((8, 0, 13)),
                generated_not_null: true,
                json: since((5, 7, 8)),
                srid: since((8, 0, 3)),
                text_parsers: since((5, 7, 6)),
                system_time_partitions: false,
            }),
            Flavor::Mariadb => Some(Self {
                flavor: server.flavor,
                version,
                checks: since((10, 2, 1)),
                unenforced_checks: false,
                check_names_by_table: true,
                invisible_columns: since((10, 3, 3)),
                bare_invisible_columns: false,
                descending_indexes: since((10, 8, 1)),
                expression_defaults: since((10, 2, 1)),
                literal_lob_defaults: true,
                expression_indexes: false,
                generated_not_null: false,
                json: false,
                srid: false,
                text_parsers: false,
                system_time_partitions: false,
            }),
        }
    }

    /// Whether the target takes the column as invisible.
    pub fn takes_invisible(&self, column: &Column) -> bool {
        let bare = !column.nullable && column.default.is_none() && !column.auto_increment && column.generated.is_none();
        self.invisible_columns && (self.bare_invisible_columns || !bare)
    }

    /// Whether the target has the kind of value; of those that MySQL, MariaDB and TiDB do not share.
    pub fn has_type(&self, data_type: &str) -> bool {
        match data_type {
            "vector" => self.flavor == Flavor::Mysql && self.version >= (9, 0, 0),
            "inet6" => self.flavor == Flavor::Mariadb && self.version >= (10, 5, 0),
            "uuid" => self.flavor == Flavor::Mariadb && self.version >= (10, 7, 0),
            "inet4" => self.flavor == Flavor::Mariadb && self.version >= (10, 10, 0),
            _ => false,
        }
    }

    /// The functions in an expression that the target does not have. The lists are what either server has alone, of
    /// what stands in defaults, generated columns, constraints and views; others are told by the server itself.
    pub fn missing_functions(&self, expression: &str) -> Vec<String> {
        const MYSQL_ALONE: [&str; 22] = [
            "any_value",
            "bin_to_uuid",
            "is_uuid",
            "json_schema_validation_report",
            "json_storage_free",
            "json_storage_size",
            "regexp_like",
            "st_geohash",
            "st_latfromgeohash",
            "st_latitude",
            "st_longfromgeohash",
            "st_longitude",
            "st_pointfromgeohash",
            "st_swapxy",
            "st_transform",
            "st_validate",
            "statement_digest",
            "statement_digest_text",
            "string_to_vector",
            "uuid_to_bin",
            "vector_dim",
            "vector_to_string",
        ];
        const MARIADB_ALONE: [&str; 31] = [
            "add_months",
            "chr",
            "column_add",
            "column_check",
            "column_create",
            "column_delete",
            "column_exists",
            "column_get",
            "column_json",
            "column_list",
            "crc32c",
            "decode_oracle",
            "json_compact",
            "json_detailed",
            "json_equals",
            "json_exists",
            "json_loose",
            "json_normalize",
            "json_query",
            "kdf",
            "lastval",
            "lengthb",
            "natural_sort_key",
            "nextval",
            "nvl",
            "nvl2",
            "setval",
            "sformat",
            "sys_guid",
            "to_char",
            "trim_oracle",
        ];
        // https://dev.mysql.com/doc/relnotes/mysql/9.6: they went into a component.
        const UNTIL_MYSQL_9_6: [&str; 3] = ["md5", "sha", "sha1"];
        let missing = |name: &String| match self.flavor {
            Flavor::Mariadb => {
                MYSQL_ALONE.contains(&name.as_str()) || (name == "json_schema_valid" && self.version < (11, 1, 0))
            }
            _ => {
                MARIADB_ALONE.contains(&name.as_str())
                    || (UNTIL_MYSQL_9_6.contains(&name.as_str()) && self.version >= (9, 6, 0))
            }
        };
        functions(expression).into_iter().filter(missing).collect()
    }
}

/// Whether an AUTO_INCREMENT column begins no index: MyISAM takes it, InnoDB does not.
pub fn auto_increment_within(table: &Table) -> Option<&Column> {
    let column = table.columns.iter().find(|column| column.auto_increment)?;
    let begins = table
        .indexes
        .iter()
        .any(|index| index.parts.first().and_then(|part| part.column.as_deref()) == Some(column.name.as_str()));
    (!begins).then_some(column)
}

/// Whether a constraint has the name of a column: MariaDB calls those so that stand at one.
pub fn named_like_a_column(table: &Table, check: &Check) -> bool {
    table.column(&check.name).is_some()
}

/// Whether a key's referenced columns are no unique key of `parent`, all of it: since 8.4 MySQL refuses that while
/// `restrict_fk_on_non_standard_key` is ON.
pub fn references_no_key(key: &ForeignKey, parent: &Table) -> bool {
    !parent.indexes.iter().any(|index| {
        index.unique
            && index.parts.len() == key.referenced_columns.len()
            && index.parts.iter().zip(&key.referenced_columns).all(|(part, name)| {
                part.prefix.is_none() && part.column.as_deref().is_some_and(|column| column.eq_ignore_ascii_case(name))
            })
    })
}

/// A part that is not a number (Aurora's `8.0.mysql_aurora.3.04.1`) stands for the newest.
fn version(text: &str) -> (u32, u32, u32) {
    let mut parts = text.split(['.', '-']).map(|part| part.parse().unwrap_or(u32::MAX));
    let mut next = || parts.next().unwrap_or(u32::MAX);
    (next(), next(), next())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::{column, index, table};
    use crate::words::addr::TableName;

    fn of(flavor: Flavor, version: &str) -> Abilities {
        Abilities::of(&ServerFacts { flavor, version: version.into(), ..Default::default() }).unwrap()
    }

    #[test]
    fn a_version_says_what_the_target_can_hold() {
        use Flavor::{Mariadb, Mysql};
        for (flavor, version, checks, invisible, descending, expressions) in [
            (Mysql, "5.7.44-log", false, false, false, false),
            (Mysql, "8.0.13", false, false, true, true),
            (Mysql, "8.0.mysql_aurora.3.04.1", true, true, true, true),
            (Mysql, "9.7.4-2", true, true, true, true),
            (Mariadb, "10.5.9-MariaDB", true, true, false, true),
            (Mariadb, "10.11.18-MariaDB-0+deb12u1-log", true, true, true, true),
        ] {
            let has = of(flavor, version);
            let seen = (has.checks, has.invisible_columns, has.descending_indexes, has.expression_defaults);
            assert_eq!(seen, (checks, invisible, descending, expressions), "{flavor:?} {version}");
        }
        assert_eq!(Abilities::of(&ServerFacts { flavor: Flavor::Tidb, ..Default::default() }), None);
    }

    #[test]
    fn an_invisible_column_needs_a_default_on_mariadb() {
        let (mysql, mariadb) = (of(Flavor::Mysql, "9.7.4"), of(Flavor::Mariadb, "10.11.18-MariaDB"));
        let mut counted = column("a", "int").not_null();
        counted.auto_increment = true;
        for (column, taken) in [
            (column("a", "int"), true),
            (column("a", "int").not_null(), false),
            (column("a", "int").not_null().defaulting("0"), true),
            (counted, true),
        ] {
            assert_eq!((mysql.takes_invisible(&column), mariadb.takes_invisible(&column)), (true, taken), "{column:?}");
        }
    }

    #[test]
    fn functions_of_the_other_server_are_named() {
        let (mysql, mariadb) = (of(Flavor::Mysql, "9.7.4"), of(Flavor::Mariadb, "10.11.18-MariaDB"));
        for (text, on_mysql, on_mariadb) in [
            ("uuid_to_bin(uuid())", "", "uuid_to_bin"),
            ("regexp_like(`a`,'x')", "", "regexp_like"),
            ("json_exists(`j`,'$.a')", "json_exists", ""),
            ("md5(`a`)", "md5", ""),
            ("concat(`nvl`,'nvl(')", "", ""),
        ] {
            assert_eq!(mysql.missing_functions(text).join(","), on_mysql, "{text}");
            assert_eq!(mariadb.missing_functions(text).join(","), on_mariadb, "{text}");
        }
    }

    #[test]
    fn keys_that_innodb_does_not_take_are_found() {
        let mut counted = column("n", "int").not_null();
        counted.auto_increment = true;
        let grouped = table("s", "t").with(column("g", "int").not_null()).with(counted);
        assert!(auto_increment_within(&grouped.clone().keyed(index("PRIMARY", &["g", "n"]))).is_some());
        assert!(auto_increment_within(&grouped.clone().keyed(index("PRIMARY", &["n", "g"]))).is_none());
        let to = |columns: &[&str]| ForeignKey {
            name: "f".into(),
            columns: vec!["x".into()],
            references: TableName::new("s", "t"),
            referenced_columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            on_update: String::new(),
            on_delete: String::new(),
            not_enforced: false,
        };
        let parent = grouped.keyed(index("PRIMARY", &["g", "n"])).keyed(index("i", &["n"]));
        for (columns, refused) in [(&["g", "n"][..], false), (&["g"], true), (&["n"], true)] {
            assert_eq!(references_no_key(&to(columns), &parent), refused, "{columns:?}");
        }
    }
}
