//! The changes of a plan as values: grouped by block, and within it by what they have in common. All views of a plan that
//! show objects, not single steps, are made of them. Knows the plan's values only.

use std::collections::BTreeMap;

use super::cause;
use super::changes::symbol;
use crate::formats::cause::Cause;
use crate::formats::plan::{Action, Change, PlanFile, TableEstimates};
use crate::words::addr::{RowWork, StepAddr, StepKind};

/// The changes of one block of the spec.
pub(super) struct Group<'a> {
    /// `migration.shop`, `runner.ec2.mover`.
    pub(super) name: String,
    /// What has action, steps and the need of a confirmation in common, in the order of the plan; by key within.
    pub(super) sorts: Vec<Vec<Entry<'a>>>,
}

/// The groups of a plan, in its order. Steps without a change are in none.
pub(super) fn groups(plan: &PlanFile) -> Vec<Group<'_>> {
    let mut groups: Vec<(String, Vec<&Change>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for change in plan.body.changes.iter().filter(|change| change.action.is_change()) {
        let name = group_of(&change.addr);
        let place = *places.entry(name.clone()).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(change);
    }
    groups.into_iter().map(|(name, changes)| Group { name, sorts: sorted(entries(&changes)) }).collect()
}

fn sorted(entries: Vec<Entry<'_>>) -> Vec<Vec<Entry<'_>>> {
    let mut sorts: Vec<(Sort, Vec<Entry>)> = Vec::new();
    for entry in entries {
        let sort = (entry.action, entry.kinds(), entry.needs_confirm());
        match sorts.iter_mut().find(|(of, _)| *of == sort) {
            Some((_, bucket)) => bucket.push(entry),
            None => sorts.push((sort, vec![entry])),
        }
    }
    let mut sorts: Vec<Vec<Entry>> = sorts.into_iter().map(|(_, bucket)| bucket).collect();
    for bucket in &mut sorts {
        bucket.sort_by(|a, b| a.key().cmp(&b.key()));
    }
    sorts
}

/// One more of an action. The order is that in which the actions come.
pub(super) fn count_action(counts: &mut Vec<(Action, u64)>, action: Action) {
    match counts.iter_mut().find(|(counted, _)| *counted == action) {
        Some((_, number)) => *number += 1,
        None => counts.push((action, 1)),
    }
}

/// What entries have in quantity together.
pub(super) fn sum(entries: &[Entry], plan: &PlanFile) -> TableEstimates {
    entries.iter().filter_map(|entry| entry.estimates(plan)).fold(TableEstimates::default(), |sum, table| {
        TableEstimates { rows: sum.rows + table.rows, bytes: sum.bytes + table.bytes, files: sum.files + table.files }
    })
}

/// Steps that are shown in one line: those of a table that have action and cause in common, or a single step.
pub(super) struct Entry<'a> {
    pub(super) action: Action,
    pub(super) steps: Vec<&'a Change>,
}

/// What entries must have in common to stand in one block: action, steps, and whether a confirmation is needed.
type Sort = (Action, Vec<StepKind>, bool);

impl Entry<'_> {
    pub(super) fn kinds(&self) -> Vec<StepKind> {
        self.steps.iter().filter_map(|step| step.addr.kind()).collect()
    }

    pub(super) fn needs_confirm(&self) -> bool {
        self.steps.iter().any(|step| step.needs_confirm)
    }

    pub(super) fn reason(&self) -> String {
        self.steps.first().map_or_else(String::new, |step| cause::words(step))
    }

    pub(super) fn cause(&self) -> Option<(&Cause, Option<u64>)> {
        self.steps.first().map(|step| (&step.cause, step.drops_rows))
    }

    pub(super) fn is_new(&self) -> bool {
        self.steps.first().is_some_and(|step| step.cause == Cause::NotRecorded)
    }

    /// What an object in a cloud is made from.
    pub(super) fn what(&self) -> Option<&str> {
        self.steps.first().and_then(|step| step.what.as_deref())
    }

    /// The reason without the name of the table: what a thousand tables may have in common.
    pub(super) fn common_reason(&self) -> String {
        self.steps.first().map_or_else(String::new, |step| cause::common_words(step))
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.steps.first().and_then(|step| step.addr.key())
    }

    /// The table's key for folded steps, the address for a single one.
    pub(super) fn name(&self) -> String {
        match (self.steps.as_slice(), self.key()) {
            ([_, _, ..], Some(key)) => key.to_owned(),
            ([step, ..], _) => step.addr.to_string(),
            ([], _) => String::new(),
        }
    }

    pub(super) fn estimates(&self, plan: &PlanFile) -> Option<TableEstimates> {
        let kinds = self.kinds();
        let writes = |kind: &StepKind| matches!(kind.rows(), Some(RowWork::Dumps | RowWork::Loads));
        let shown = match self.action {
            // What is dropped is said with its rows.
            Action::Destroy => kinds.contains(&StepKind::Table),
            Action::Forget => false,
            _ => kinds.iter().any(writes),
        };
        plan.estimates.by_table.get(self.key()?).copied().filter(|_| shown)
    }
}

/// A migration is a group, and so is any other block.
pub(super) fn group_of(addr: &StepAddr) -> String {
    match addr.migration() {
        Some(name) => format!("migration.{name}"),
        // Of a peering there is one of a kind: what follows names its part.
        None if addr.kind() == Some(StepKind::Peering) => addr.words()[..addr.words().len().min(2)].join("."),
        None => addr.words().iter().take(3).map(String::as_str).collect::<Vec<_>>().join("."),
    }
}

fn entries<'a>(changes: &[&'a Change]) -> Vec<Entry<'a>> {
    let mut out: Vec<Entry<'a>> = Vec::new();
    let mut places: BTreeMap<(&str, &'static str, (&Cause, Option<u64>)), usize> = BTreeMap::new();
    for &change in changes {
        let key = change.addr.key().filter(|_| change.addr.kind().is_some_and(StepKind::of_table));
        let place = key.map(|key| (key, symbol(change.action).1, (&change.cause, change.drops_rows)));
        match place.and_then(|place| places.get(&place).copied()) {
            Some(at) => out[at].steps.push(change),
            None => {
                if let Some(place) = place {
                    places.insert(place, out.len());
                }
                out.push(Entry { action: change.action, steps: vec![change] });
            }
        }
    }
    out
}

pub(super) fn by_reason(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut out: Vec<Vec<Entry>> = Vec::new();
    let mut places: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for entry in entries {
        let alike = (entry.reason(), entry.what().map(str::to_owned));
        let at = *places.entry(alike).or_insert_with(|| {
            out.push(Vec::new());
            out.len() - 1
        });
        out[at].push(entry);
    }
    out
}
