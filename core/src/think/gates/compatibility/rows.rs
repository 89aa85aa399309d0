//! What the looks at rows found, as objects of rules; and what no setting lets pass, because the load could only fail.

use super::{Met, note};
use crate::formats::row_facts::{RowFinding, RowRisk, Unfinished};
use crate::think::gates::{Subject, count, rules};
use crate::words::diag::Diagnostic;

pub(super) fn look(subject: &Subject, met: &mut Met) {
    for finding in &subject.facts.rows.found {
        let code = match finding.risk {
            RowRisk::OtherCode => rules::OTHER_CODE,
            RowRisk::JsonNumbers => rules::JSON_NUMBERS,
            RowRisk::JsonTypes => rules::JSON_TYPES,
            RowRisk::LostParents => rules::LOST_PARENTS,
            RowRisk::UnknownMember => rules::UNKNOWN_MEMBER,
            RowRisk::EmptyMember => rules::EMPTY_MEMBER,
            RowRisk::MergedMembers => rules::DUPLICATE_MEMBER,
            RowRisk::LostText | RowRisk::MergedKeys | RowRisk::UntoldKeys | RowRisk::LongTime => continue,
        };
        note(met, code, named(finding));
    }
    for look in &subject.facts.rows.unfinished {
        note(met, rules::UNLOOKED, unfinished(look));
    }
}

/// Findings that stop whatever the settings are.
pub(super) fn stops(subject: &Subject) -> Vec<Diagnostic> {
    let of = |risk| subject.facts.rows.of(risk).map(named).collect::<Vec<_>>();
    let (lost, merged) = (of(RowRisk::LostText), of(RowRisk::MergedKeys));
    let mut stops = Vec::new();
    if !lost.is_empty() {
        let summary = format!(
            "{} text that stands for no Unicode character: it would be lost on the way, as a question mark",
            if lost.len() == 1 { "1 column holds".to_owned() } else { format!("{} columns hold", lost.len()) }
        );
        stops.push(Diagnostic::error(rules::LOST_TEXT, summary).detail(lost.join("\n")).help(
            format!("Correct the values on the source, or make the column VARBINARY there: then its bytes are moved as they are. `mig explain {}` has a query that finds the rows.", rules::LOST_TEXT),
        ));
    }
    if !merged.is_empty() {
        let summary = format!(
            "{}: values that differ on the source are equal under the target's collation, so the rows cannot all arrive",
            count(merged.len(), "unique key")
        );
        stops.push(Diagnostic::error(rules::MERGED_KEYS, summary).detail(merged.join("\n")).help(
            "Map the collation to one that tells the values apart (utf8mb4_bin does), or change the values on the source.",
        ));
    }
    let untold = of(RowRisk::UntoldKeys);
    if !untold.is_empty() {
        let summary = format!(
            "{} over what is computed of converted texts: the source cannot tell whether values that differ there are equal on the target",
            count(untold.len(), "unique key")
        );
        stops.push(Diagnostic::error(rules::MERGED_KEYS, summary).detail(untold.join("\n")).help(
            "Map the collation to one that the source has, too, or drop the key on the source and create it on the target after the cutover. Or leave the table out of the filter.",
        ));
    }
    let long = of(RowRisk::LongTime);
    if !long.is_empty() {
        let summary = format!(
            "{} times beyond 838:59:59, which only MariaDB keeps: the target refuses them",
            if long.len() == 1 { "1 column holds".to_owned() } else { format!("{} columns hold", long.len()) }
        );
        stops.push(
            Diagnostic::error(rules::LONG_TIME, summary)
                .detail(long.join("\n"))
                .help("Correct the values on the source: 838:59:59 is the longest time that every server keeps."),
        );
    }
    stops
}

/// `shop.orders.note (gbk): 3 rows`.
fn named(finding: &RowFinding) -> String {
    let place = format!("{}.{}", finding.table, finding.object);
    let rows = count(usize::try_from(finding.rows).unwrap_or(usize::MAX), "row");
    match finding.risk {
        RowRisk::LostText | RowRisk::OtherCode => format!("{place} ({}): {rows}", finding.what),
        RowRisk::JsonNumbers => format!("{place}: {rows} with such JSON numbers"),
        RowRisk::JsonTypes => format!("{place}: {rows} with such JSON values: {}", finding.what),
        RowRisk::MergedKeys => format!(
            "{place} (unique over {}): {} that would be the same",
            finding.what,
            count(usize::try_from(finding.rows).unwrap_or(usize::MAX), "group")
        ),
        RowRisk::UntoldKeys => format!("{place} (unique over {})", finding.what),
        RowRisk::MergedMembers => format!("{place}: {}", finding.what),
        RowRisk::UnknownMember => {
            format!("{place} '{}': {rows} with other letters in the place of the question mark", finding.what)
        }
        RowRisk::EmptyMember => format!("{place}: {rows} with the value 0, beside a member ''"),
        RowRisk::LongTime => format!("{place} ({}): {rows}", finding.what),
        RowRisk::LostParents => {
            format!("{place} ({}): {rows} would be without their parent", finding.what)
        }
    }
}

fn unfinished(look: &Unfinished) -> String {
    let what = match look.risk {
        RowRisk::LostText | RowRisk::OtherCode => "text without a Unicode character",
        RowRisk::JsonNumbers | RowRisk::JsonTypes => "values in JSON that are more than their text",
        RowRisk::MergedMembers => "members that become equal",
        RowRisk::MergedKeys | RowRisk::UntoldKeys => "values of the unique key that become equal",
        RowRisk::UnknownMember => "a member whose letters the source does not show",
        RowRisk::EmptyMember => "the value 0 beside a member ''",
        RowRisk::LostParents => "rows that lose their parent",
        RowRisk::LongTime => "times beyond 838:59:59",
    };
    format!("{}.{} ({what}): {}", look.table, look.object, look.why)
}
