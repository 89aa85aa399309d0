//! Options of tables, columns and indexes in SHOW CREATE TABLE: a closed list by the manuals of MySQL 9.7 ("CREATE TABLE
//! Statement"), MariaDB 10.11 and TiDB 8.5. What is not in it is a fault. An option says how one server keeps a table, so it
//! is named and not created elsewhere; hints for an optimizer's statistics are not even named.

use super::{Read, default_collation};
use crate::formats::collation::{charset_of, normal_charset, normal_collation};
use crate::formats::ddl::partitioning;
use crate::formats::ddl::scan::Scan;
use crate::formats::facts::Flavor;
use crate::formats::structure::Table;

/// Options with a value that are named: they decide how rows are kept.
const KEPT: [&str; 28] = [
    "AFFINITY",
    "AUTOEXTEND_SIZE",
    "AUTO_ID_CACHE",
    "AUTO_RANDOM_BASE",
    "CHECKSUM",
    "COMPRESSION",
    "CONNECTION",
    "ENCRYPTED",
    "ENCRYPTION",
    "ENCRYPTION_KEY_ID",
    "ENGINE_ATTRIBUTE",
    "IETF_QUOTES",
    "INSERT_METHOD",
    "KEY_BLOCK_SIZE",
    "PAGE_CHECKSUM",
    "PAGE_COMPRESSED",
    "PAGE_COMPRESSION_LEVEL",
    "PASSWORD",
    "PRE_SPLIT_REGIONS",
    "ROW_FORMAT",
    "SECONDARY_ENGINE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "SEQUENCE",
    "SHARD_ROW_ID_BITS",
    "TABLESPACE",
    "TRANSACTIONAL",
    "TTL_ENABLE",
    "TTL_JOB_INTERVAL",
];

/// Hints for statistics and for the space that is reserved: nothing of a row depends on them.
const SILENT: [&str; 8] = [
    "AVG_ROW_LENGTH",
    "DELAY_KEY_WRITE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PACK_KEYS",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
];

/// Everything behind the closing bracket: options, then the clause of partitions.
pub(super) fn read(scan: &mut Scan<'_>, table: &mut Table, writer: Flavor) -> Read<()> {
    let (mut charset, mut collation) = (None, None);
    let mut kept: Vec<String> = Vec::new();
    while !scan.ended() {
        if scan.rest().get(..12).is_some_and(|head| head.eq_ignore_ascii_case("PARTITION BY")) {
            let clause = scan.all_left().trim_end_matches(';');
            table.partitioning = partitioning::opened_of(clause, writer);
            break;
        }
        scan.skip_words(&["DEFAULT"]);
        if scan.skip_words(&["CHARSET"]) || scan.skip_words(&["CHARACTER", "SET"]) {
            scan.takes('=');
            charset = scan.word().map(|word| normal_charset(&word));
        } else if scan.skip_words(&["COLLATE"]) {
            scan.takes('=');
            collation = scan.word().map(|word| normal_collation(&word));
        } else if scan.skip_words(&["COMMENT"]) {
            scan.takes('=');
            table.comment = scan.string()?;
        } else if scan.skip_words(&["WITH", "SYSTEM", "VERSIONING"]) {
            table.system_versioned = true;
        } else {
            kept.extend(option(scan, table)?);
        }
        scan.takes(',');
    }
    table.options = kept.join(" ");
    let collation = collation.or_else(|| charset.as_deref().map(default_collation));
    table.collation = collation.unwrap_or_else(|| default_collation("utf8mb4"));
    table.charset = charset_of(&table.collation).to_owned();
    Ok(())
}

/// One option; `None` where it need not be named.
fn option(scan: &mut Scan<'_>, table: &mut Table) -> Read<Option<String>> {
    for words in [&["DATA", "DIRECTORY"][..], &["INDEX", "DIRECTORY"], &["PLACEMENT", "POLICY"]] {
        if scan.skip_words(words) {
            scan.takes('=');
            return Ok(Some(format!("{}={}", words.join(" "), value(scan)?)));
        }
    }
    for words in [&["START", "TRANSACTION"][..], &["CACHED", "ON"]] {
        if scan.skip_words(words) {
            return Ok(Some(words.join(" ")));
        }
    }
    if scan.skip_words(&["STORAGE"]) {
        return Ok(Some(format!("STORAGE {}", value(scan)?)));
    }
    let before = scan.fault("an option of a table that is known");
    // MariaDB prints the options of engines as names.
    let name = if scan.at_name() { Some(scan.name()?) } else { scan.word() };
    let name = name.ok_or_else(|| before.clone())?.to_ascii_uppercase();
    scan.takes('=');
    if name == "UNION" {
        return Ok(Some(format!("UNION=({})", scan.bracketed()?)));
    }
    match name.as_str() {
        "ENGINE" => table.engine = value(scan)?,
        "AUTO_INCREMENT" => {
            let number = value(scan)?.parse();
            table.next_id = Some(number.map_err(|_| before)?);
        }
        "ROW_FORMAT" => {
            let value = value(scan)?;
            return Ok((!value.eq_ignore_ascii_case("DYNAMIC")).then(|| format!("row_format={value}")));
        }
        "TTL" => {
            table.ttl = value(scan)?;
            return Ok(Some(format!("TTL={}", table.ttl)));
        }
        known if KEPT.contains(&known) => return Ok(Some(format!("{known}={}", value(scan)?))),
        known if SILENT.contains(&known) => {
            value(scan)?;
        }
        _ => return Err(before),
    }
    Ok(None)
}

/// What stands behind the sign: a word, a number, a name or a string, as it is written.
fn value(scan: &mut Scan<'_>) -> Read<String> {
    if scan.rest().starts_with('\'') {
        return Ok(scan.raw_string()?.to_owned());
    }
    if scan.at_name() {
        let name = scan.name()?;
        // TiDB: TTL=`created` + INTERVAL 3 MONTH
        if scan.takes('+') {
            let rest: Vec<String> = (0..3).filter_map(|_| value(scan).ok()).collect();
            return Ok(format!("{name} + {}", rest.join(" ")));
        }
        return Ok(name);
    }
    scan.word().ok_or_else(|| scan.fault("the value of an option"))
}

/// An option of a column; `None`: something else comes next.
pub(super) fn of_column(scan: &mut Scan<'_>) -> Read<Option<String>> {
    for words in [&["WITHOUT", "SYSTEM", "VERSIONING"][..], &["WITH", "SYSTEM", "VERSIONING"]] {
        if scan.skip_words(words) {
            return Ok(Some(words.join(" ")));
        }
    }
    if scan.skip_words(&["COMPRESSED"]) {
        // MariaDB: COMPRESSED=zlib
        return Ok(Some(if scan.takes('=') { format!("COMPRESSED={}", value(scan)?) } else { "COMPRESSED".into() }));
    }
    if scan.skip_words(&["AUTO_RANDOM"]) {
        let bits = if scan.rest().starts_with('(') { scan.bracketed()? } else { "" };
        return Ok(Some(format!("AUTO_RANDOM({bits})")));
    }
    if scan.skip_words(&["NOT", "SECONDARY"]) {
        return Ok(Some("NOT SECONDARY".into()));
    }
    named(scan, &["COLUMN_FORMAT", "STORAGE", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"])
}

/// An option of an index; `None`: something else comes next.
pub(super) fn of_index(scan: &mut Scan<'_>) -> Read<Option<String>> {
    if scan.skip_words(&["GLOBAL"]) {
        return Ok(Some("GLOBAL".into()));
    }
    named(scan, &["KEY_BLOCK_SIZE", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"])
}

fn named(scan: &mut Scan<'_>, names: &[&str]) -> Read<Option<String>> {
    for name in names {
        if scan.skip_words(&[name]) {
            let sign = if scan.takes('=') { "=" } else { " " };
            return Ok(Some(format!("{name}{sign}{}", value(scan)?)));
        }
    }
    Ok(None)
}
