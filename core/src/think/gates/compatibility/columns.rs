//! What columns and their defaults, and rows as a whole, ask of the target.

use super::generated::SAME;
use super::{Met, note};
use crate::formats::ddl::expression::{Token, expression_text, functions, normal_expression, tokens};
use crate::formats::ddl::{clock_function, lob};
use crate::formats::dumpfile::members::{members, set_beyond_numbers};
use crate::formats::facts::Flavor;
use crate::formats::structure::{Column, Table};
use crate::think::abilities::Abilities;
use crate::think::gates::collation::{Fate, charset_width, compared, fate, plain_name};
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

pub(super) const SPATIAL_TYPES: [&str; 9] = [
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
];

/// Types that MySQL, MariaDB and TiDB share.
const SHARED_TYPES: [&str; 29] = [
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "float",
    "double",
    "bit",
    "year",
    "date",
    "time",
    "datetime",
    "timestamp",
    "char",
    "varchar",
    "binary",
    "varbinary",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "enum",
    "set",
    "json",
];

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let tidb = subject.target.flavor == Flavor::Tidb;
    let has = Abilities::of(subject.target);
    for table in &subject.facts.source.tables {
        if table.columns.len() > 1017 {
            note(met, rules::COLUMNS, format!("{}: {} columns", table.name, table.columns.len()));
        }
        for column in &table.columns {
            let place = || format!("{}.{}", table.name, key_ident(&column.name));
            let kind = column.data_type.as_str();
            if SPATIAL_TYPES.contains(&kind) {
                if tidb {
                    note(met, rules::SPATIAL, format!("{} {kind}", place()));
                }
            } else if !SHARED_TYPES.contains(&kind) && !has.is_some_and(|has| has.has_type(kind))
                || tidb && set_beyond_numbers(column)
            {
                let kept = if tidb && kind == "vector" { ": the target keeps it in other bytes" } else { "" };
                note(met, rules::TYPE, format!("{} {}{kept}", place(), column.column_type));
            }
            if let (Some(charset), Some(collation)) = (&column.charset, &column.collation)
                && fate(collation, subject.target, &subject.migration.gates) == Fate::Unsupported
                && !subject.target.collations.values().any(|has| plain_name(has) == plain_name(charset))
            {
                note(met, rules::CHARSET, format!("{} {charset}", place()));
            }
            if subject.target.flavor != Flavor::Mariadb && only_mariadb_has(column) {
                note(met, rules::TYPE, format!("{} {}", place(), column.column_type));
            }
            // Where the collation is converted the target is asked which members are equal.
            let converted = compared::given(column, subject.target, &subject.migration.gates).is_some();
            if tidb && !converted && same_member_twice(column) {
                note(met, rules::DUPLICATE_MEMBER, format!("{} {}", place(), column.column_type));
            }
            if tidb && column.name.eq_ignore_ascii_case("_tidb_rowid") {
                note(met, rules::RESERVED_NAME, place());
            }
            if default_is_no_member(column) {
                let default = column.default.as_deref().unwrap_or_default();
                note(met, rules::UNKNOWN_MEMBER, format!("{} DEFAULT {default}", place()));
            }
            for member in members_of(column).iter().filter(|member| tidb && member.len() > 255) {
                let start: String = member.chars().take(10).collect();
                note(met, rules::MEMBER_TOO_LONG, format!("{} '{start}…': {} bytes", place(), member.len()));
            }
            let invisible_key = table.generated_invisible_key && column.name == "my_row_id";
            if tidb && column.invisible {
                note(met, if invisible_key { rules::INVISIBLE_KEY } else { rules::INVISIBLE }, place());
            }
            if tidb && !default_allowed(column) {
                note(
                    met,
                    rules::DEFAULT_EXPRESSION,
                    format!("{} DEFAULT {}", place(), column.default.as_deref().unwrap_or_default()),
                );
            }
            if tidb && column.column_type.to_lowercase().contains("zerofill") {
                note(met, rules::ZEROFILL, format!("{} {}", place(), column.column_type));
            }
            let chars = declared_characters(column);
            if let (Some(chars), Some(width)) = (chars, created_width(subject, column))
                && chars * width > 65_535
            {
                note(
                    met,
                    rules::INDEX_WIDTH,
                    format!("{} {}: {} bytes once converted", place(), column.column_type, chars * width),
                );
            }
        }
        look_at_rows(subject, table, met);
        if tidb {
            look_at_calls(table, subject.target.check_constraints, met);
        }
    }
}

/// Rows against the target's limit: what every row may reach, and what one large value may.
fn look_at_rows(subject: &Subject, table: &Table, met: &mut Met) {
    let limit = subject.target.row_limit;
    if limit == 0 {
        return;
    }
    let mut row = 0u64;
    for column in table.data_columns() {
        let most = largest(subject, column);
        if large(&column.data_type) {
            if most > limit {
                note(
                    met,
                    rules::ROW_MAY_BE_TOO_LONG,
                    format!("{}.{} {}", table.name, key_ident(&column.name), column.data_type),
                );
            }
        } else {
            row = row.saturating_add(most);
        }
    }
    if row > limit {
        note(met, rules::ROW_TOO_LONG, format!("{}: up to {row} bytes a row, the limit is {limit}", table.name));
    }
}

fn large(data_type: &str) -> bool {
    matches!(data_type, "mediumtext" | "longtext" | "mediumblob" | "longblob" | "json")
}

/// DECIMAL with more than 30 digits after the point, and years of two digits.
fn only_mariadb_has(column: &Column) -> bool {
    let scale = || column.column_type.split_once(',')?.1.split_once(')')?.0.trim().parse::<u32>().ok();
    match column.data_type.as_str() {
        "decimal" => scale().is_some_and(|scale| scale > 30),
        "year" => column.column_type.starts_with("year(2)"),
        _ => false,
    }
}

/// Bytes that the column's value may reach on the target.
fn largest(subject: &Subject, column: &Column) -> u64 {
    match column.data_type.as_str() {
        // max_allowed_packet bounds it, at most 1 GiB.
        "json" => 1 << 30,
        "decimal" => 32,
        kind if lob(kind) => column.octet_length.unwrap_or(match kind {
            "tinytext" | "tinyblob" => 255,
            "text" | "blob" => 65_535,
            "mediumtext" | "mediumblob" => 16_777_215,
            _ => u64::from(u32::MAX),
        }),
        _ => match (declared_characters(column), created_width(subject, column)) {
            (Some(chars), Some(width)) => chars * width,
            _ => column.octet_length.unwrap_or(8),
        },
    }
}

/// Bytes a character of the column takes once created on the target; `None` of a column without characters.
pub(super) fn created_width(subject: &Subject, column: &Column) -> Option<u64> {
    let (charset, collation) = (column.charset.as_ref()?, column.collation.as_ref()?);
    Some(match fate(collation, subject.target, &subject.migration.gates) {
        Fate::Converted { charset, .. } | Fate::Kept { charset, .. } => charset_width(&charset),
        Fate::Unsupported | Fate::MappedToNothing { .. } => charset_width(charset),
    })
}

/// The members of an ENUM or SET; none of another column.
pub(super) fn members_of(column: &Column) -> Vec<String> {
    if matches!(column.data_type.as_str(), "enum" | "set") { members(&column.column_type) } else { Vec::new() }
}

/// Whether the default is none of the members that are shown: then one of these is not what it looks like.
fn default_is_no_member(column: &Column) -> bool {
    let members = members_of(column);
    let is_text = !column.default_is_expression && column.charset.as_deref() != Some("binary");
    let Some(default) = column.default.as_deref().filter(|_| is_text && !members.is_empty()) else { return false };
    let known = |text: &str| members.iter().any(|member| member.trim_end() == text.trim_end());
    match column.data_type.as_str() {
        "set" => !default.is_empty() && !default.split(',').all(known),
        _ => !known(default),
    }
}

/// Whether two members of an ENUM or SET are one under the column's collation, by case and by blanks at the end.
fn same_member_twice(column: &Column) -> bool {
    let by_case = !column.collation.as_deref().is_some_and(|name| name.ends_with("_ci"));
    let mut seen = std::collections::BTreeSet::new();
    members_of(column).into_iter().any(|member| {
        let member = member.trim_end_matches(' ');
        !seen.insert(if by_case { member.to_owned() } else { member.to_lowercase() })
    })
}

/// The 40 of `varchar(40)`.
pub(super) fn declared_characters(column: &Column) -> Option<u64> {
    matches!(column.data_type.as_str(), "char" | "varchar" | "binary" | "varbinary")
        .then(|| column.column_type.split(['(', ')']).nth(1).and_then(|n| n.trim().parse().ok()))
        .flatten()
}

/// Whether TiDB takes the column's default. The list is the one of its documentation ("Default Values"), tried with each type
/// on 8.5.6; a BLOB, TEXT or JSON takes no literal one (error 1101).
pub(crate) fn default_allowed(column: &Column) -> bool {
    let Some(default) = &column.default else { return true };
    let kind = column.data_type.as_str();
    if !column.default_is_expression {
        return !lob(kind);
    }
    let digits = column.column_type.split(['(', ')']).nth(1).filter(|digits| *digits != "0");
    if let Some(clock) = clock_function(kind, default) {
        // Error 1067 where it has another precision than its column.
        return clock.split(['(', ')']).nth(1) == digits;
    }
    let normal = normal_expression(default);
    match kind {
        // Anywhere else the day of the CREATE becomes a literal, or error 1067.
        _ if normal == "current_date" => return kind == "date" || kind == "datetime" && digits.is_none(),
        // It keeps the value of the moment.
        "timestamp" => return false,
        // It fills the text of the expression with zeros, up to the length of the column, and cannot read that (error 1064).
        "binary" if declared_characters(column).is_none_or(|length| length > normal.len() as u64) => return false,
        _ => {}
    }
    const WHOLE: [&str; 10] = [
        "rand()",
        "uuid()",
        "uuid_to_bin(uuid())",
        "uuid_to_bin(uuid(),1)",
        "uuid_to_bin(uuid(),0)",
        "uuid_to_bin(uuid(),true)",
        "uuid_to_bin(uuid(),false)",
        "upper(substring_index(user(),'@',1))",
        "replace(upper(uuid()),'-','')",
        "str_to_date('1980-01-01','%Y-%m-%d')",
    ];
    const FORMATS: [&str; 4] = ["%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H.%i.%s", "%Y-%m-%d %H:%i:%s"];
    const STARTS: [&str; 5] = ["json_object(", "json_array(", "json_quote(", "nextval(", "vec_from_text("];
    // TiDB keeps such a default whatever it calls, and refuses each INSERT that would use it.
    const WITHIN: [&str; 7] = ["current_timestamp", "json_quote", "nextval", "now", "rand", "uuid", "vec_from_text"];
    let works = || {
        let calls = functions(default);
        let names_no_column = !tokens(&expression_text(default)).iter().any(|token| matches!(token, Token::Ident(_)));
        let known = |name: &String| SAME.contains(&name.as_str()) || WITHIN.contains(&name.as_str());
        normal.starts_with("nextval(") || names_no_column && calls.iter().all(known)
    };
    WHOLE.contains(&normal.as_str())
        || FORMATS.iter().any(|format| normal == format!("date_format(current_timestamp,'{format}')"))
        || STARTS.iter().any(|start| normal.starts_with(start)) && works()
}

/// Functions that TiDB takes neither in a generated column (error 3102) nor in a CHECK constraint (error 3815).
const IN_NEITHER: [&str; 34] = [
    "connection_id",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "curtime",
    "found_rows",
    "get_lock",
    "is_free_lock",
    "is_used_lock",
    "last_insert_id",
    "load_file",
    "localtime",
    "localtimestamp",
    "now",
    // It takes this one, and writes it as `password_func`, which no server knows.
    "password",
    "rand",
    "release_all_locks",
    "release_lock",
    "row_count",
    "session_user",
    "sleep",
    "sysdate",
    "system_user",
    "unix_timestamp",
    "user",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_short",
    "value",
    "version",
];

/// Further functions that TiDB has and takes in no generated column (error 3102). All that SHOW BUILTINS of a TiDB 8.5.6 names
/// were tried; those that later versions refuse, too, are those of its source ("IllegalFunctions4GeneratedColumns").
const NOT_GENERATED: [&str; 14] = [
    "benchmark",
    "current_resource_group",
    "current_role",
    "database",
    "encrypt",
    "json_merge",
    "master_pos_wait",
    "name_const",
    "random_bytes",
    "row",
    "schema",
    "uuid_v4",
    "uuid_v7",
    "values",
];

/// Further functions that TiDB takes in no CHECK constraint (error 3815): "unsupportedNodeForCheckConstraint" of its source.
const NOT_CHECKED: [&str; 1] = ["default"];

/// What of generated columns and, where they are created, of CHECK constraints calls a function that TiDB has and does
/// not take there.
fn look_at_calls(table: &Table, checks: bool, met: &mut Met) {
    let mut named = |name: &str, expression: &str, refused: &[&str], where_: &str| {
        let is_refused = |call: &String| [&IN_NEITHER[..], refused].concat().contains(&call.as_str());
        let calls = functions(expression).into_iter().find(is_refused);
        if let Some(call) = calls {
            let place = format!("{}.{}", table.name, key_ident(name));
            note(met, rules::FUNCTION, format!("{place}: {}() in {where_}", call.to_uppercase()));
        }
    };
    for column in &table.columns {
        if let Some(generated) = &column.generated {
            named(&column.name, &generated.expression, &NOT_GENERATED, "a generated column");
        }
    }
    for check in table.checks.iter().filter(|_| checks) {
        named(&check.name, &check.clause, &NOT_CHECKED, "a CHECK constraint");
    }
}

/// Whether TiDB takes the expression in an index: `tidb_allow_function_for_expression_index` as 8.5 lists it.
pub(crate) fn index_expression_allowed(expression: &str) -> bool {
    const ALLOWED: [&str; 30] = [
        "json_array",
        "json_array_append",
        "json_array_insert",
        "json_contains",
        "json_contains_path",
        "json_depth",
        "json_extract",
        "json_insert",
        "json_keys",
        "json_length",
        "json_merge_patch",
        "json_merge_preserve",
        "json_object",
        "json_pretty",
        "json_quote",
        "json_remove",
        "json_replace",
        "json_schema_valid",
        "json_search",
        "json_set",
        "json_storage_size",
        "json_type",
        "json_unquote",
        "json_valid",
        "lower",
        "md5",
        "reverse",
        "tidb_shard",
        "upper",
        "vitess_hash",
    ];
    let all = tokens(&expression_text(expression));
    let says =
        |at: usize, word: &str| matches!(all.get(at), Some(Token::Word(said)) if said.eq_ignore_ascii_case(word));
    // Date arithmetic, a change of the charset and MEMBER OF are functions there, too (error 8200); a JSON array holds no
    // DECIMAL (error 1235).
    let array_of_decimals = (0..all.len()).any(|at| says(at, "array"))
        && (1..all.len()).any(|at| says(at - 1, "as") && says(at, "decimal"));
    let refused = |at: usize| says(at, "interval") || says(at, "convert") || says(at, "member") && says(at + 1, "of");
    !array_of_decimals
        && !(0..all.len()).any(refused)
        && functions(expression).iter().all(|name| ALLOWED.contains(&name.as_str()))
}
