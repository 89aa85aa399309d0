//! Views: which cannot be made on the target, each with its reasons. What a server says of a view's text was asked
//! before; here it is put together, and followed through views over views.

use std::collections::BTreeMap;

use super::{Met, note, view_values};
use crate::formats::ddl::expression::{Token, tokens};
use crate::formats::ddl::view::forms::without_bare_casts;
use crate::formats::ddl::view::reads;
use crate::formats::facts::{Flavor, MigrationFacts, ServerFacts, ViewLack};
use crate::formats::structure::{View, ViewFault};
use crate::think::gates::{Subject, rules};
use crate::think::rewrite::views::{json_columns, words};
use crate::words::addr::TableName;
use crate::words::codes::Code;

/// Why a view is left out: the rule, and what of the view it meets.
pub type Reasons = Vec<(Code, String)>;

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let left_out = left_out(subject.facts);
    for &(code, ref text) in left_out.values().flatten() {
        note(met, code, text.clone());
    }
    let source = &subject.facts.source;
    for view in source.views.iter().filter(|view| !left_out.contains_key(&view.name)) {
        let words = words(view, source, subject.target, &subject.migration.gates);
        if words.are_edited() {
            note(met, rules::VIEW_COLLATION, format!("{}: {}", view.name, words.added));
        }
        if !words.open.is_empty() {
            note(met, rules::VIEW_WORDS, format!("{}: {}", view.name, words.open));
        }
        if subject.target.flavor == Flavor::Tidb && is_ordered(&view.select) {
            note(met, rules::VIEW_ORDER, view.name.key());
        }
        if subject.target.flavor == Flavor::Tidb {
            let (_, casts) = without_bare_casts(&view.select, &json_columns(view, source));
            if casts > 0 {
                note(met, rules::VIEW_CAST, format!("{}: {casts} CAST without a length", view.name));
            }
        }
        if let Some(why) =
            view_values::risk(view, subject.facts, (subject.source, subject.target), &subject.migration.gates)
        {
            note(met, rules::VIEW_MAY_DIFFER, format!("{}: {why}", view.name));
        }
        if view.loose_groups && subject.target.only_full_group_by && !subject.source.only_full_group_by {
            note(met, rules::VIEW_GROUPS, view.name.key());
        }
        if let Some(option) = check_option_lost(view, subject.target) {
            note(met, rules::VIEW_CHECK_OPTION, format!("{} WITH {option} CHECK OPTION", view.name));
        }
    }
}

/// The views that cannot be made on the target. Whatever the settings say, none of them is created: a rule that stops
/// refuses the plan, any other leaves them out by name.
pub fn left_out(facts: &MigrationFacts) -> BTreeMap<TableName, Reasons> {
    let mut out: BTreeMap<TableName, Reasons> = BTreeMap::new();
    for view in &facts.source.views {
        let reasons = own_reasons(view, facts.view_lacks.get(&view.name.key()).map(Vec::as_slice).unwrap_or_default());
        if !reasons.is_empty() {
            out.insert(view.name.clone(), reasons);
        }
    }
    // Over one that is left out, to any depth.
    loop {
        let same = |one: &TableName, other: &TableName| one.key().to_lowercase() == other.key().to_lowercase();
        let over = |view: &View| {
            let read = reads(&view.select, &view.name.schema);
            out.keys().find(|gone| **gone != view.name && read.iter().any(|name| same(name, gone))).cloned()
        };
        let more: Vec<(TableName, TableName)> = facts
            .source
            .views
            .iter()
            .filter(|view| !out.contains_key(&view.name))
            .filter_map(|view| Some((view.name.clone(), over(view)?)))
            .collect();
        if more.is_empty() {
            return out;
        }
        for (name, gone) in more {
            let text = format!("{name} reads the view {gone}, which cannot be made");
            out.insert(name, vec![(rules::VIEW_OVER_LEFT_OUT, text)]);
        }
    }
}

fn own_reasons(view: &View, lacks: &[ViewLack]) -> Reasons {
    let name = &view.name;
    match &view.fault {
        Some(ViewFault::Broken(answer)) => {
            return vec![(rules::VIEW_BROKEN, format!("{name}: the source cannot read it: {answer}"))];
        }
        Some(ViewFault::Changes) => {
            let why = "to read it changes a sequence (NEXTVAL, SETVAL), and mig changes nothing on the source";
            return vec![(rules::VIEW_UNREAD, format!("{name}: {why}"))];
        }
        Some(ViewFault::NotUnderstood(what)) => return vec![(rules::VIEW_UNREAD, format!("{name}: {what}"))],
        None => {}
    }
    let reason = |lack: &ViewLack| match lack {
        ViewLack::Function(function) => {
            (rules::VIEW_TEXT, format!("{name} calls {}, which the target does not have", function.to_uppercase()))
        }
        ViewLack::StoredFunction(function) => (
            rules::VIEW_STORED_FUNCTION,
            format!("{name} calls the stored function {function}, which is not on the target"),
        ),
        ViewLack::Object(object) => {
            (rules::VIEW_OUTSIDE, format!("{name} reads {object}, which is neither moved nor on the target"))
        }
        ViewLack::Syntax(answer) => (rules::VIEW_TEXT, format!("{name}: the target refuses its text: {answer}")),
    };
    lacks.iter().map(reason).collect()
}

/// Whether the whole of a SELECT has an ORDER BY and no LIMIT: not one of its subqueries or windows.
fn is_ordered(select: &str) -> bool {
    let (mut depth, mut last, mut ordered) = (0usize, String::new(), false);
    for token in tokens(select) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 => {
                let word = word.to_ascii_lowercase();
                ordered = (ordered || (last == "order" && word == "by")) && word != "limit";
                last = word;
                continue;
            }
            _ => {}
        }
        last.clear();
    }
    ordered
}

/// The CHECK OPTION that a target without writable views does not keep.
pub fn check_option_lost<'a>(view: &'a View, target: &ServerFacts) -> Option<&'a str> {
    let option = view.check_option.as_str();
    (target.flavor == Flavor::Tidb && !option.is_empty() && !option.eq_ignore_ascii_case("NONE")).then_some(option)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::is_ordered;

    #[test]
    fn a_view_is_ordered_where_its_whole_select_has_an_order_and_no_limit() {
        for (select, expected) in [
            ("select `a` from `t`", false),
            ("select `a` from `t` order by `a`", true),
            ("select `a` from `t` ORDER  BY `a` desc", true),
            ("select `a` from `t` order by `a` limit 3", false),
            ("select `order` from `t` where `by` = 'order by'", false),
            ("select row_number() OVER (ORDER BY `a` ) AS `n` from `t`", false),
            ("select `a` from (select `a` from `t` order by `a` limit 2) `x`", false),
            ("(select `a` from `t` order by `a` limit 2) union select 1 order by `a`", true),
            ("select group_concat(`a` order by `a` ASC separator ',') from `t`", false),
        ] {
            assert_eq!(is_ordered(select), expected, "{select}");
        }
    }
}
