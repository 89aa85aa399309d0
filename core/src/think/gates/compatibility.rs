//! Gate `compatibility`: what the target would refuse, drop or change, each by name and by the code of its rule. The
//! tables are looked at as they would be created after conversion of collations; nothing is changed here.

use std::collections::BTreeMap;

use super::{Subject, count, rules, verdict};
use crate::formats::ddl::partitioning;
use crate::formats::facts::Verdict;
use crate::formats::spec::model::{RuleAction, ZeroDates};
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;

pub(crate) mod carried;
mod columns;
mod generated;
mod innodb;
mod keys;
mod names;
mod numbers;
mod rows;
mod values;
pub mod view_values;
pub mod views;

pub(crate) use columns::{default_allowed, index_expression_allowed};
pub(crate) use innodb::default_taken_by_old;
pub(crate) use keys::{check_refused, foreign_key_refused, partition_refused, partitioned_by_converted};

/// Names of the objects that each rule meets, by code, in the order of the inventory.
pub(crate) type Met = BTreeMap<Code, Vec<String>>;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let gates = &subject.migration.gates;
    let met = met(subject);
    let mut findings = Vec::new();
    for rule in rules::RULES {
        let Some(objects) = met.get(&rule.code) else { continue };
        let rule = rule.on(subject.target.flavor);
        let summary = format!("{} ({}): the target {}", rule.noun, objects.len(), rule.fate);
        let finding = match rules::action(&rule, gates) {
            RuleAction::Stop => Diagnostic::error(rule.code, summary).help(how_to_set(&rule)),
            RuleAction::Warn | RuleAction::Rewrite if rule.leaves_out => {
                Diagnostic::warning(rule.code, format!("{summary}; left out, and not moved"))
            }
            RuleAction::Rewrite => {
                let what = rule.rewrite.unwrap_or_default();
                Diagnostic::warning(rule.code, format!("{summary}; rewritten: {what}"))
            }
            RuleAction::Warn if rules::changes(rule.code, gates) && rule.rewrite.is_some() => {
                let what = rule.rewrite.unwrap_or_default();
                Diagnostic::warning(rule.code, format!("{summary}; rewritten: {what}")).help(rule.help)
            }
            RuleAction::Warn => Diagnostic::warning(rule.code, summary).help(how_to_set(&rule)),
        };
        findings.push(finding.detail(objects.join("\n")));
    }
    // What is met and has no row in the table of rules is not to be lost.
    let unknown = met.iter().filter(|(code, _)| rules::find(**code).is_none());
    findings.extend(unknown.map(|(code, objects)| {
        Diagnostic::error(codes::INTERNAL, format!("{code} has no rule"))
            .detail(objects.join("\n"))
            .help("Please report this.")
    }));
    findings.extend(zero_dates(subject));
    findings.extend(impossible_dates(subject));
    findings.extend(rows::stops(subject));
    for (&code, action) in &gates.rules {
        match rules::find(code) {
            None => findings.push(Diagnostic::error(codes::NO_SUCH_RULE, format!("there is no rule {code}")).about(code.to_string()).help(
                format!("The rules of the compatibility gate have codes from {} on; the plan names those that it meets, and \"mig explain CODE\" tells of each.", rules::SPATIAL),
            )),
            Some(rule) if *action == RuleAction::Rewrite && rule.rewrite.is_none() => findings.push(
                Diagnostic::error(codes::NO_REWRITE, format!("rule {} knows no rewrite", rule.code))
                    .about(code.to_string())
                    .help("Set it to \"stop\" or \"warn\"."),
            ),
            Some(_) => {}
        }
    }
    let objects: usize = findings.iter().map(|f| f.detail.lines().count()).sum();
    let looked = count(subject.facts.source.tables.len(), "table");
    let saw = match objects {
        0 => format!("{looked}, nothing that the target would refuse, drop or change"),
        n => {
            let verb = if findings.len() == 1 { "applies" } else { "apply" };
            format!("{looked}; {} {verb} to {}", count(findings.len(), "rule"), count(n, "object"))
        }
    };
    verdict(saw, findings)
}

/// The rule's help; where it says that the rule is to be set, with what to write.
fn how_to_set(rule: &rules::Rule) -> String {
    let wanted =
        ["rewrite", "warn", "stop"].into_iter().find(|action| rule.help.contains(&format!("rule to \"{action}\"")));
    match wanted {
        Some(action) => format!("{} In the gates block: {}.", rule.help, rules::setting(rule.code, action)),
        None => rule.help.to_owned(),
    }
}

/// Every object that a rule meets, by code.
pub(crate) fn met(subject: &Subject) -> Met {
    let mut met = Met::new();
    carried::look(subject, &mut met);
    columns::look(subject, &mut met);
    keys::look(subject, &mut met);
    names::look(subject, &mut met);
    innodb::look(subject, &mut met);
    views::look(subject, &mut met);
    generated::look(subject, &mut met);
    numbers::look(subject, &mut met);
    rows::look(subject, &mut met);
    met
}

fn note(met: &mut Met, code: Code, object: String) {
    met.entry(code).or_default().push(object);
}

/// Values seen by the bounded look, and defaults, which fail as early as CREATE TABLE.
fn zero_dates(subject: &Subject) -> Option<Diagnostic> {
    let defaults = subject.facts.source.tables.iter().flat_map(|table| {
        table.columns.iter().filter_map(move |column| {
            let temporal = matches!(column.data_type.as_str(), "date" | "datetime" | "timestamp");
            let zero = column.default.as_deref().is_some_and(zero_date);
            (temporal && zero)
                .then(|| format!("{}.{} (its default)", table.name, crate::words::addr::key_ident(&column.name)))
        })
    });
    let partitioned = subject.facts.source.tables.iter().filter(|table| {
        let mut values = partitioning::values::temporal_values(table).into_iter();
        values.any(|(column, text)| column.data_type != "time" && zero_date(&text))
    });
    let partitioned = partitioned.map(|table| format!("{} (a value of its partitions)", table.name));
    let places: Vec<String> = subject.facts.zero_dates.iter().cloned().chain(defaults).chain(partitioned).collect();
    if places.is_empty() {
        return None;
    }
    let summary = format!(
        "{} zero dates: the target's strict mode refuses them",
        match places.len() {
            1 => "1 column has".to_owned(),
            n => format!("{n} columns have"),
        }
    );
    let found = match subject.migration.gates.zero_dates {
        ZeroDates::Stop => Diagnostic::error(rules::ZERO_DATE, summary).help(
            "Correct them on the source, or set zero_dates = \"keep\": those tables are then written without NO_ZERO_DATE and NO_ZERO_IN_DATE.",
        ),
        ZeroDates::Keep => Diagnostic::warning(
            rules::ZERO_DATE,
            format!("{summary}; kept: those tables are written without NO_ZERO_DATE and NO_ZERO_IN_DATE"),
        ),
    };
    Some(found.detail(places.join("\n")))
}

/// Days that no month has, as far as the bounded look saw them.
fn impossible_dates(subject: &Subject) -> Option<Diagnostic> {
    let places = &subject.facts.impossible_dates;
    if places.is_empty() {
        return None;
    }
    let summary = format!(
        "{} days that no month has (31 February): the target's strict mode refuses them",
        if places.len() == 1 { "1 column has".to_owned() } else { format!("{} columns have", places.len()) }
    );
    let found = match subject.migration.gates.zero_dates {
        ZeroDates::Stop => Diagnostic::error(rules::ZERO_DATE, summary).help(
            "Correct them on the source, or set zero_dates = \"keep\": those tables are then written under ALLOW_INVALID_DATES, and the dates arrive as they are.",
        ),
        ZeroDates::Keep => Diagnostic::warning(
            rules::ZERO_DATE,
            format!("{summary}; kept: those tables are written under ALLOW_INVALID_DATES"),
        ),
    };
    Some(found.detail(places.join("\n")))
}

/// `0000-00-00`, `2020-00-10`, `2020-01-00`, with a time or without.
pub(crate) fn zero_date(text: &str) -> bool {
    let mut parts = text.split([' ', 'T']).next().unwrap_or_default().split('-');
    let parts: [Option<&str>; 3] = [parts.next(), parts.next(), parts.next()];
    matches!(parts, [Some(_), Some(month), Some(day)] if month == "00" || day == "00")
}
