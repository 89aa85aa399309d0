//! The filter's selection and the conditions on it: a filter that matches nothing is an error, with the names it nearly
//! met; a rule that meets nothing is named, and so is a condition that limits nothing or that the source does not take.
//! Looks at names only; how a rule matches is the filter's business.

use crate::formats::facts::MigrationFacts;
use crate::formats::filter::{Filter, Missing, is_system_schema};
use crate::formats::spec::model::Migration;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::diag::{Diagnostic, Severity};

/// All that is to be said of what the spec selects.
pub fn judge(migration: &Migration, facts: &MigrationFacts) -> Vec<Diagnostic> {
    // Where a structure cannot be read, it is this that keeps the table out, not the filter.
    let unread = facts.import_findings.iter().any(|finding| finding.severity == Severity::Error);
    if let Some(nothing) = empty_match(migration, facts) {
        return if unread { Vec::new() } else { vec![nothing] };
    }
    let mut found: Vec<Diagnostic> = unmet(migration, facts)
        .into_iter()
        .map(|Unmet { kind, name, why, near }| {
            let name = if kind == "rule" { format!("the rule {name:?}") } else { format!("{kind} {name}") };
            let mut finding =
                Diagnostic::warning(codes::FILTER_NAMES_UNKNOWN, format!("{name} selects nothing: {why}"));
            if let Some(place) = &migration.tables_place {
                finding = finding.at(place.clone());
            }
            finding.help(match near.is_empty() {
                true => "Correct the filter, or leave that out of it. All else is moved.".to_owned(),
                false => format!(
                    "Did you mean {}? Correct the filter, or leave that out of it. All else is moved.",
                    near.join(", ")
                ),
            })
        })
        .collect();
    found.extend(migration.dump.where_.keys().filter_map(|key| condition(migration, facts, key)));
    found
}

/// Something that the filter names and that is not there.
pub struct Unmet {
    /// `rule`, `schema`.
    pub kind: &'static str,
    pub name: String,
    /// A fragment.
    pub why: String,
    near: Vec<String>,
}

/// Rules that meet nothing, and selected schemas that hold nothing.
pub fn unmet(migration: &Migration, facts: &MigrationFacts) -> Vec<Unmet> {
    let Ok(filter) = Filter::parse(&migration.tables) else { return Vec::new() };
    let names = &facts.source_names;
    let with_tables = names.iter().map(|name| name.schema.as_str());
    let schemas: Vec<&str> = facts.source_schemas.iter().map(String::as_str).chain(with_tables).collect();
    let near = |rule: &str| near_misses(&[rule.trim_start_matches('!')], facts);
    let mut found: Vec<Unmet> = filter
        .unmet(&schemas, names)
        .into_iter()
        .map(|unmet| {
            let why = match unmet.missing {
                Missing::Schema(name) if is_system_schema(&name) => {
                    format!("mig moves no table of the system schema {name}")
                }
                Missing::Schema(name) => format!("the source shows no schema {name}"),
                Missing::Name => "the source shows no table or view of that name".to_owned(),
                Missing::All => "the source shows no table or view that it fits".to_owned(),
            };
            let left_out = if unmet.accepts { "" } else { ", so that nothing is left out by it" };
            Unmet { kind: "rule", name: unmet.rule.to_owned(), why: format!("{why}{left_out}"), near: near(unmet.rule) }
        })
        .collect();
    let bare = |schema: &&String| {
        filter.takes_whole(schema) && !names.iter().any(|name| name.schema.eq_ignore_ascii_case(schema))
    };
    found.extend(facts.source_schemas.iter().filter(bare).map(|schema| Unmet {
        kind: "schema",
        name: schema.clone(),
        why: "it holds no table and no view".into(),
        near: Vec::new(),
    }));
    found
}

/// What is wrong with the condition of a key of `where`.
fn condition(migration: &Migration, facts: &MigrationFacts, key: &str) -> Option<Diagnostic> {
    let name = TableName::parse_key(key)?;
    let found = if facts.source.tables.iter().any(|table| table.name == name) {
        let answer = facts.where_faults.get(key)?;
        Diagnostic::error(
            codes::WHERE_REFUSED,
            format!("the source refuses the condition of {key} in `where`: {answer}"),
        )
        .help(format!("Correct it; it is asked as SELECT 1 FROM {} WHERE (the condition) LIMIT 0.", name.sql()))
    } else {
        let why = match facts.source.views.iter().any(|view| view.name == name) {
            true => "it is a view, whose rows are not moved",
            false => "the filter selects no table of that name",
        };
        let near = near_misses(&[key], facts);
        let near = if near.is_empty() { String::new() } else { format!("Did you mean {}? ", near.join(", ")) };
        Diagnostic::error(
            codes::WHERE_NAMES_UNKNOWN,
            format!("the condition of {key} in `where` limits nothing: {why}"),
        )
        .help(format!("{near}Correct the name, as the source writes it, or leave the line out."))
    };
    let found = found.about(key);
    Some(match &migration.dump.where_place {
        Some(place) => found.at(place.clone()),
        None => found,
    })
}

/// The error of a filter that selects neither table nor view; `None` where it selects one.
pub fn empty_match(migration: &Migration, facts: &MigrationFacts) -> Option<Diagnostic> {
    if !facts.source.tables.is_empty() || !facts.source.views.is_empty() {
        return None;
    }
    let rules: Vec<&str> = migration.tables.iter().map(String::as_str).collect();
    let summary = format!("the filter of migration {:?} matches no table and no view", migration.name);
    let detail = match facts.source_names.len() {
        0 => "The user sees no table on the source but those of the system.".to_owned(),
        1 => format!("The source has 1 table or view; the rules are {}.", quoted(&rules)),
        n => format!("The source has {n} tables and views; the rules are {}.", quoted(&rules)),
    };
    let near = near_misses(&rules, facts);
    let help = match (near.is_empty(), facts.source_names.is_empty()) {
        (false, _) => format!("Did you mean {}?", near.join(", ")),
        (true, true) => {
            "Check that this is the right server, and that the user may SELECT from the tables to be moved.".to_owned()
        }
        (true, false) => "A rule is schema.table with * and ?; the last rule that matches decides.".to_owned(),
    };
    let mut found = Diagnostic::error(codes::FILTER_MATCHES_NOTHING, summary).detail(detail).help(help);
    if let Some(place) = &migration.tables_place {
        found = found.at(place.clone());
    }
    Some(found)
}

/// Up to three names that resemble what a rule says, best first.
fn near_misses(rules: &[&str], facts: &MigrationFacts) -> Vec<String> {
    let mut near: Vec<(f64, String)> = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.starts_with('!')) {
        let plain: String = rule.chars().filter(|c| !"\"`\\".contains(*c)).collect::<String>().to_lowercase();
        let (schema, name) = plain.split_once('.').unwrap_or((plain.as_str(), "*"));
        for candidate in &facts.source_names {
            let by_name = likeness(name, &candidate.name.to_lowercase());
            let by_schema = likeness(schema, &candidate.schema.to_lowercase());
            let score = by_name.min(by_schema);
            if score >= 0.75 {
                near.push((score, candidate.key()));
            }
        }
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut names: Vec<String> = Vec::new();
    for (_, name) in near {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(3);
    names
}

/// How alike a piece of a rule and a name are: a wildcard stands for what it covers of a name's end.
fn likeness(rule: &str, name: &str) -> f64 {
    match rule.split_once(['*', '?', '[']) {
        None => strsim::jaro_winkler(rule, name),
        Some(("", _)) => 1.0,
        Some((stem, _)) => {
            let head: String = name.chars().take(stem.chars().count()).collect();
            strsim::jaro_winkler(stem, &head)
        }
    }
}

fn quoted(rules: &[&str]) -> String {
    rules.iter().map(|rule| format!("{rule:?}")).collect::<Vec<_>>().join(", ")
}
