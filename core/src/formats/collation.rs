//! Names that servers spell differently for one thing: collations, charsets, types of columns. Knows names only.

/// `utf8mb3_general_ci` is `utf8_general_ci`: every MySQL, MariaDB and TiDB takes the short form, TiDB lists no other.
/// MariaDB's `uca1400` names that go with any charset stay as they are.
pub fn normal_collation(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("utf8mb3_") {
        Some(rest) => format!("utf8_{rest}"),
        None => name,
    }
}

/// `utf8mb3` is `utf8`.
pub fn normal_charset(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if name == "utf8mb3" { "utf8".into() } else { name }
}

/// The charset of a normal collation: the part before the first `_`.
pub fn charset_of(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}

/// A COLUMN_TYPE without what says nothing: display widths of integers and years, which some servers print and others
/// do not. They stay with `zerofill`, where they show in the values, and in `tinyint(1)`, which drivers read as a
/// boolean and every server prints.
pub fn normal_column_type(column_type: &str) -> String {
    if column_type.eq_ignore_ascii_case("geomcollection") {
        // MySQL's own name of what every server takes as this.
        return "geometrycollection".to_owned();
    }
    // MariaDB: varchar(20) /*M!100301 COMPRESSED*/; that is an option of the column.
    let members = column_type.starts_with("enum") || column_type.starts_with("set");
    if let Some((plain, _)) = column_type.split_once("/*").filter(|_| !members) {
        return normal_column_type(plain.trim_end());
    }
    let Some((name, rest)) = column_type.split_once('(') else { return column_type.to_owned() };
    let Some((width, rest)) = rest.split_once(')') else { return column_type.to_owned() };
    let integer = ["tinyint", "smallint", "mediumint", "int", "bigint", "year"].contains(&name);
    let says = rest.contains("zerofill")
        || (name == "tinyint" && width == "1" && rest.is_empty())
        // Years of two digits: 70 is 1970.
        || (name == "year" && width == "2");
    if integer && !says { format!("{name}{rest}") } else { column_type.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn one_collation_has_one_name() {
        for (name, normal, charset) in [
            ("utf8mb3_general_ci", "utf8_general_ci", "utf8"),
            ("utf8_bin", "utf8_bin", "utf8"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci", "utf8mb4"),
            ("binary", "binary", "binary"),
        ] {
            assert_eq!(normal_collation(name), normal);
            assert_eq!(charset_of(normal), charset);
        }
        assert_eq!(normal_charset("utf8mb3"), "utf8");
    }

    #[test]
    fn one_type_has_one_text() {
        for (text, normal) in [
            ("int(11)", "int"),
            ("bigint(20) unsigned", "bigint unsigned"),
            ("tinyint(4)", "tinyint"),
            ("tinyint(1)", "tinyint(1)"),
            ("tinyint(1) unsigned", "tinyint unsigned"),
            ("smallint(5) unsigned zerofill", "smallint(5) unsigned zerofill"),
            ("year(4)", "year"),
            ("year(2)", "year(2)"),
            ("decimal(10,2)", "decimal(10,2)"),
            ("enum('int(1)','b')", "enum('int(1)','b')"),
            ("bit(8)", "bit(8)"),
            ("varchar(40)", "varchar(40)"),
            ("json", "json"),
            ("geomcollection", "geometrycollection"),
        ] {
            assert_eq!(normal_column_type(text), normal);
        }
    }
}
