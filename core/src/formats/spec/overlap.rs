//! Two migrations whose filters surely lead to one table of one target: said before any server is asked. Where the filters
//! leave it open, the plan tells, which knows the tables.

use super::expression::Evaluator;
use super::model::{Migration, Server, Spec};
use crate::formats::filter::Filter;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// Reports each pair once, at the later one's `tables`.
pub(super) fn together(evaluator: &Evaluator, spec: &Spec) {
    let migrations: Vec<&Migration> = spec.migrations.values().collect();
    for (at, later) in migrations.iter().enumerate() {
        for earlier in &migrations[..at] {
            if !one_target(spec, earlier, later) {
                continue;
            }
            let (Ok(one), Ok(other)) = (Filter::parse(&earlier.tables), Filter::parse(&later.tables)) else { continue };
            let Some(shared) = one.shares(&other) else { continue };
            let place = later.tables_place.clone().unwrap_or_else(|| later.place.clone());
            let summary = format!(
                "migration.{} and migration.{} both move {shared} into target.{}",
                earlier.name, later.name, later.target
            );
            evaluator.faults.push(
                Diagnostic::error(codes::TABLE_MOVED_TWICE, summary)
                    .at(place)
                    .detail(
                        "One target table has one owner: the second migration would empty what the first has moved.",
                    )
                    .help("Leave the table out of one of the two filters, or give one of them another target."),
            );
        }
    }
}

fn one_target(spec: &Spec, one: &Migration, other: &Migration) -> bool {
    let place = |server: &Server| (server.host.trim_end_matches('.').to_lowercase(), server.port);
    let target = |migration: &Migration| spec.targets.get(&migration.target).map(place);
    one.target == other.target || (target(one).is_some() && target(one) == target(other))
}
