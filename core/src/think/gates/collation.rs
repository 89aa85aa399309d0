//! Gate `collation`: every collation of the selected columns, tables, schemas and texts against what this target's
//! SHOW COLLATION has. Knows the conversions worth suggesting; never converts by itself.

pub mod compared;

use std::collections::{BTreeMap, BTreeSet};

use super::{Subject, verdict};
use crate::formats::ddl::expression::{expression_text, named_collations};
use crate::formats::facts::{ServerFacts, Verdict};
use crate::formats::spec::model::{CollationAction, Gates};
use crate::words::addr::key_ident;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// What becomes of a collation on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The target has it, by this name.
    Kept {
        charset: String,
        collation: String,
    },
    /// The map says what it becomes, and the target has that.
    Converted {
        charset: String,
        collation: String,
    },
    /// The map says what it becomes, and the target has no such collation.
    MappedToNothing {
        collation: String,
    },
    Unsupported,
}

/// What becomes of a collation of the source under these settings.
pub fn fate(collation: &str, target: &ServerFacts, gates: &Gates) -> Fate {
    if gates.collation == CollationAction::Convert
        && let Some((_, to)) = gates.collation_map.iter().find(|(from, _)| same_collation(from, collation))
    {
        return match on_target(to, target) {
            Some((collation, charset)) => Fate::Converted { charset, collation },
            None => Fate::MappedToNothing { collation: to.clone() },
        };
    }
    match on_target(collation, target) {
        Some((collation, charset)) => Fate::Kept { charset, collation },
        None => Fate::Unsupported,
    }
}

/// Whether two names mean one collation (`utf8_bin` is `utf8mb3_bin`).
pub fn same_collation(one: &str, other: &str) -> bool {
    plain_name(one) == plain_name(other)
}

/// One name for each collation and charset: lower case, `utf8` for `utf8mb3`.
pub fn plain_name(name: &str) -> String {
    let name = name.to_lowercase();
    match name.strip_prefix("utf8mb3") {
        Some(rest) => format!("utf8{rest}"),
        None => name,
    }
}

/// The target's own spelling of a collation, and its charset.
fn on_target(collation: &str, target: &ServerFacts) -> Option<(String, String)> {
    let entry = target.collations.get_key_value(collation).or_else(|| {
        let plain = plain_name(collation);
        target.collations.iter().find(|(name, _)| plain_name(name) == plain)
    });
    entry.map(|(name, charset)| (name.clone(), charset.clone()))
}

/// The collation worth converting to: the nearest in meaning that the target has.
pub fn suggestion(collation: &str, target: &ServerFacts) -> Option<String> {
    let plain = plain_name(collation);
    let charset = plain.split('_').next().unwrap_or_default();
    let exact = plain.contains("_as_cs") || plain.ends_with("_cs") || plain.contains("_cs_");
    let unicode = matches!(charset, "utf8" | "utf8mb4" | "ucs2" | "utf16" | "utf16le" | "utf32");
    let binary = plain.ends_with("_bin");
    let modern = plain.contains("_0900_") || plain.contains("_uca1400_");
    // 0900 collations pad nothing; MariaDB has the same order by newer weights.
    let unpadded = plain.contains("_0900_") || plain.contains("_nopad_");
    let candidates: &[&str] = if plain.contains("_as_cs") && modern {
        &["utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs", "utf8mb4_0900_bin", "utf8mb4_bin"]
    } else if exact || plain == "utf8mb4_0900_bin" || plain == "utf8mb4_nopad_bin" {
        &["utf8mb4_0900_bin", "utf8mb4_nopad_bin", "utf8mb4_bin"]
    } else if plain.contains("_as_ci") && modern {
        &["utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci", "utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci"]
    } else if modern && unpadded {
        &["utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_unicode_ci", "utf8mb4_general_ci"]
    } else if binary || plain == "binary" {
        &["utf8mb4_bin"]
    } else if modern {
        &["utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci", "utf8mb4_general_ci"]
    } else if unicode && !plain.ends_with("_general_ci") {
        // Language collations and unicode_520_ci: the same algorithm, without the language's tailoring.
        &["utf8mb4_unicode_ci", "utf8mb4_0900_ai_ci", "utf8mb4_general_ci"]
    } else {
        &["utf8mb4_general_ci", "utf8mb4_unicode_ci"]
    };
    candidates
        .iter()
        .chain(&["utf8mb4_bin"])
        .find(|name| target.collations.contains_key(**name))
        .map(|n| (*n).to_owned())
}

/// Bytes a character may take.
pub fn charset_width(charset: &str) -> u64 {
    match charset.to_lowercase().as_str() {
        "utf8mb4" | "gb18030" | "utf16" | "utf16le" | "utf32" => 4,
        "utf8" | "utf8mb3" | "eucjpms" | "ujis" => 3,
        "gbk" | "gb2312" | "big5" | "sjis" | "cp932" | "euckr" | "ucs2" => 2,
        _ => 1,
    }
}

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let gates = &subject.migration.gates;
    let uses = uses(subject);
    let mut findings: Vec<Diagnostic> =
        uses.iter().flat_map(|(collation, places)| findings_of(subject, collation, places)).collect();
    for from in gates.collation_map.keys() {
        // In a text alone nothing is converted.
        let converts = uses.iter().any(|(used, places)| same_collation(used, from) && !places.held.is_empty());
        if gates.collation == CollationAction::Convert && !converts {
            findings.push(
                Diagnostic::warning(
                    codes::COLLATION_MAP_UNUSED,
                    format!("collation_map names {from}, which no selected column, table or schema has"),
                )
                .about(from)
                .help("Remove the entry, or correct its name."),
            );
        }
    }
    let converted = findings.iter().filter(|f| f.code == codes::COLLATION_CONVERTED).count();
    let refused = findings.iter().filter(|f| f.severity == crate::words::diag::Severity::Error).count();
    let saw = match (converted, refused) {
        (0, 0) => format!("{}, all on the target", super::count(uses.len(), "collation")),
        (n, 0) => format!("{}, {n} converted", super::count(uses.len(), "collation")),
        (_, n) => format!("{}, {n} not to be created on the target", super::count(uses.len(), "collation")),
    };
    verdict(saw, findings)
}

/// What there is to say of one collation.
fn findings_of(subject: &Subject, collation: &str, places: &Places) -> Vec<Diagnostic> {
    let held = || places.held.iter().cloned().collect::<Vec<_>>().join("\n");
    let is_held = !places.held.is_empty();
    let mut findings = Vec::new();
    match fate(collation, subject.target, &subject.migration.gates) {
        Fate::Kept { .. } => {}
        Fate::Converted { collation: to, .. } if is_held => findings.push(
            Diagnostic::warning(codes::COLLATION_CONVERTED, format!("{collation} is converted to {to}"))
                .about(collation)
                .detail(held())
                .help(conversion_checks(subject, collation, &to)),
        ),
        Fate::MappedToNothing { collation: to } if is_held => findings.push(
            Diagnostic::error(
                codes::COLLATION_MAP_MISSING,
                format!("collation_map turns {collation} into {to}, which the target does not have"),
            )
            .about(collation)
            .detail(held())
            .help(match suggestion(collation, subject.target) {
                Some(better) => format!("Map it to one that it has: {}.", map_entry(collation, &better)),
                None => "Map it to one that SHOW COLLATION on the target lists.".to_owned(),
            }),
        ),
        Fate::Unsupported if is_held => findings.push(
            Diagnostic::error(codes::COLLATION_MISSING, format!("the target does not have the collation {collation}"))
                .about(collation)
                .detail(held())
                .help(match suggestion(collation, subject.target) {
                    Some(to) => format!(
                        "Convert it in the gates block: collation = \"convert\" and collation_map = {{ {} }}. {}",
                        map_entry(collation, &to),
                        conversion_checks(subject, collation, &to)
                    ),
                    None => "Change it on the source to one that SHOW COLLATION on the target lists.".to_owned(),
                }),
        ),
        Fate::Converted { .. } | Fate::MappedToNothing { .. } | Fate::Unsupported => {}
    }
    // A text (a view, an expression) is not converted: its author has to change the name in it.
    if !places.texts.is_empty() && on_target(collation, subject.target).is_none() {
        findings.push(
            Diagnostic::error(
                codes::COLLATION_IN_TEXT_MISSING,
                format!("texts name {collation}, which the target does not have"),
            )
            .about(collation)
            .detail(places.texts.iter().map(|place| format!("{place} (named in its text)")).collect::<Vec<_>>().join("\n"))
            .help("Only columns, tables and schemas are converted. Change the text on the source, or leave the object out of the filter."),
        );
    }
    findings
}

/// The places that use a collation.
#[derive(Default)]
struct Places {
    /// Columns, tables and schemas, which can be converted.
    held: BTreeSet<String>,
    /// Texts that name it, which are carried as they are.
    texts: BTreeSet<String>,
}

/// Every collation in use, with the places that use it.
fn uses(subject: &Subject) -> BTreeMap<String, Places> {
    let inventory = &subject.facts.source;
    let mut uses: BTreeMap<String, Places> = BTreeMap::new();
    let mut add = |collation: &str, place: String, in_text: bool| {
        let places = uses.entry(collation.to_owned()).or_default();
        if in_text { &mut places.texts } else { &mut places.held }.insert(place);
    };
    for schema in &inventory.schemas {
        let exists = subject.facts.target.schemas.iter().any(|s| s.name.eq_ignore_ascii_case(&schema.name));
        // An existing schema of the target is used as it is.
        if !exists && !schema.collation.is_empty() {
            add(&schema.collation, format!("{} (default of the schema)", key_ident(&schema.name)), false);
        }
    }
    for table in &inventory.tables {
        if !table.collation.is_empty() {
            add(&table.collation, format!("{} (default of the table)", table.name), false);
        }
        for column in &table.columns {
            let place = format!("{}.{}", table.name, key_ident(&column.name));
            if let Some(collation) = &column.collation {
                add(collation, place.clone(), false);
            }
            let texts = column
                .generated
                .iter()
                .map(|g| &g.expression)
                .chain(column.default.iter().filter(|_| column.default_is_expression));
            for text in texts {
                for collation in named_collations(&expression_text(text)) {
                    add(&collation, place.clone(), true);
                }
            }
        }
    }
    for view in &inventory.views {
        for collation in named_collations(&expression_text(&view.select)) {
            add(&collation, view.name.to_string(), true);
        }
    }
    uses
}

fn map_entry(from: &str, to: &str) -> String {
    format!("{from:?} = {to:?}")
}

/// The two checks that a conversion needs: values that become equal, and keys that become too long.
fn conversion_checks(subject: &Subject, from: &str, to: &str) -> String {
    let gates = &subject.migration.gates;
    let queries = compared::collision_queries(&subject.facts.source.tables, (from, to), subject.target, gates);
    let widths = format!("Rule {} checks that no index grows over the limit.", super::rules::INDEX_WIDTH);
    if queries.is_empty() {
        return format!("No unique key holds such a column. {widths}");
    }
    format!(
        "Look on the source for values that become equal, each query must return nothing:\n{}\n{widths}",
        queries.join("\n")
    )
}
