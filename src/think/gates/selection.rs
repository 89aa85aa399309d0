//! The filter's selection: a filter that matches nothing is an error, with the names it nearly met. Looks at names
//! only; how a rule matches is the filter's business.

use crate::formats::facts::MigrationFacts;
use crate::formats::spec::model::Migration;
use crate::words::diag::Diagnostic;

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
    let mut found = Diagnostic::error("MIG2060", summary).detail(detail).help(help);
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
