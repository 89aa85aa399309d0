//! `moved` and `removed`: blocks -> model. What they name need not be a block of the spec, so it is read as an address. Knows
//! no state.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::structure::Block;

use super::blocks::Blocks;
use super::expression::Evaluator;
use super::faults::Read;
use super::fields::Fields;
use super::model::{Moved, Removed, Spec};
use super::schema::{MOVED, REMOVED};
use super::texts::At;
use crate::formats::names::Move;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::diag::{Diagnostic, Place};

/// All of them. Faults between them are found by [`together`].
pub(super) fn read(evaluator: &Evaluator, blocks: &Blocks) -> (Vec<Moved>, Vec<Removed>) {
    let moved = blocks.moved.iter().filter_map(|(text, block)| moved(evaluator, *text, block).ok()).collect();
    let removed = blocks.removed.iter().filter_map(|(text, block)| removed(evaluator, *text, block).ok()).collect();
    (moved, removed)
}

fn moved(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Moved> {
    let fields = Fields::open(evaluator, text, block, &MOVED);
    let (from, to) = (address(evaluator, &fields, "from"), address(evaluator, &fields, "to"));
    let (from, to) = (from?, to?);
    let summary = format!("{from} cannot become {to}");
    let of = Move::new(from, to).map_err(|fault| {
        fields.wrong("to", codes::MOVE_IMPOSSIBLE, format!("{summary}: {}", fault.words()), fault.help())
    })?;
    Ok(Moved { of, place: fields.place() })
}

fn removed(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Removed> {
    let fields = Fields::open(evaluator, text, block, &REMOVED);
    let addr = address(evaluator, &fields, "from")?;
    match addr.block() {
        Some(block) if block == addr => Ok(Removed { block, place: fields.place() }),
        _ => {
            let help =
                "Write removed { from = migration.NAME }. A table that is not to be moved is left out by `tables`.";
            Err(fields.wrong("from", codes::MOVE_IMPOSSIBLE, format!("{addr} is not the address of a block"), help))
        }
    }
}

/// An address as a reference is written: `migration.NAME`, `source.mysql.NAME`.
fn address(evaluator: &Evaluator, fields: &Fields, name: &str) -> Read<StepAddr> {
    let Some(attribute) = fields.attribute(name) else { return Err(fields.missing(name)) };
    let words = match &attribute.value {
        Expression::Traversal(traversal) => words(traversal),
        _ => None,
    };
    let text = words.map(|words| words.join("."));
    text.as_deref().and_then(StepAddr::parse).ok_or_else(|| {
        let help = format!("Write the address of a block without quotes: {name} = migration.NAME.");
        let at: At = fields.value_at(name);
        evaluator.faults.error(codes::WRONG_REFERENCE, &at, format!("`{name}` is not the address of a block"), help)
    })
}

fn words(traversal: &Traversal) -> Option<Vec<&str>> {
    let root = traversal.expr.as_variable()?.as_str();
    let words = traversal.operators.iter().map(|operator| match operator.value() {
        TraversalOperator::GetAttr(name) => Some(name.as_str()),
        _ => None,
    });
    std::iter::once(Some(root)).chain(words).collect()
}

/// What these blocks ask of each other and of the blocks of the spec.
pub(super) fn together(evaluator: &Evaluator, blocks: &Blocks, spec: &Spec) {
    let declared = blocks.addresses();
    let is_declared = |addr: &StepAddr| declared.contains_key(&addr.to_string());
    let fault = |place: &Place, summary: String, help: String| {
        let found = Diagnostic::error(codes::MOVE_NOT_AS_IN_SPEC, summary);
        evaluator.faults.push(found.at(place.clone()).help(help));
    };
    let mut next: BTreeMap<&StepAddr, &Moved> = BTreeMap::new();
    let mut before: BTreeMap<&StepAddr, &Moved> = BTreeMap::new();
    for one in &spec.moved {
        let Move { from, to } = &one.of;
        if is_declared(from) {
            let help = format!("Rename the block to {to}, or remove this `moved`.");
            fault(&one.place, format!("{from} is moved, and is still a block of the spec"), help);
        }
        if next.insert(from, one).is_some() {
            fault(&one.place, format!("{from} is moved twice"), "Keep one of the two.".into());
        }
        if before.insert(to, one).is_some() {
            fault(&one.place, format!("two blocks are moved to {to}"), "Keep one of the two.".into());
        }
    }
    let gone = |addr: &StepAddr| spec.removed.iter().any(|one| one.block == *addr);
    for one in &spec.moved {
        let to = &one.of.to;
        if !is_declared(&one.of.from) && !is_declared(to) && !next.contains_key(to) && !gone(to) {
            let help = format!("Name the block as it is called now, or declare {to}.");
            fault(&one.place, format!("{} is moved to {to}, which is not a block of the spec", one.of.from), help);
        }
        let mut at = to;
        // A chain has at most as many links as there are blocks; one that leads into the circle of others never ends.
        for _ in &spec.moved {
            match next.get(at).filter(|_| *at != one.of.from) {
                Some(link) => at = &link.of.to,
                None => break,
            }
        }
        if *at == one.of.from {
            let help = "Remove the `moved` that is not true any more.".into();
            fault(&one.place, format!("{at} is moved in a circle"), help);
        }
    }
    for one in &spec.removed {
        if is_declared(&one.block) {
            let help = format!("Remove the block {}, or this `removed`.", one.block);
            fault(&one.place, format!("{} is removed, and is still a block of the spec", one.block), help);
        }
    }
}
