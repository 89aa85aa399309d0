//! One table of a target that two migrations lead to, by the tables that they selected. The ledger knows tables by
//! lineage and name, so the second one would take the first one's rows for its own.

use std::collections::BTreeMap;

use super::desired::target_addr;
use crate::formats::facts::World;
use crate::formats::spec::model::Spec;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::list::first_of;

/// Tables and views that are named in a message.
const NAMED: usize = 5;

/// A finding for each two migrations that meet; a plan with one is blocked.
pub fn of_migrations(spec: &Spec, world: &World) -> Vec<Diagnostic> {
    // By target server and name: who leads there first.
    let mut taken: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut shared: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for migration in spec.migrations.values() {
        let (Some(facts), Some(target)) = (world.migrations.get(&migration.name), spec.targets.get(&migration.target))
        else {
            continue;
        };
        let address = target_addr(target).to_string();
        let seen = world.servers.get(&address);
        let server = seen.map(|seen| seen.server_id.clone()).filter(|id| !id.is_empty()).unwrap_or(address);
        let cased = seen.is_some_and(|seen| seen.lower_case_table_names == 0);
        let key = |name: &TableName| if cased { name.key() } else { name.key().to_lowercase() };
        let tables = facts.source.tables.iter().map(|table| &table.name);
        for name in tables.chain(facts.source.views.iter().map(|view| &view.name)) {
            match taken.get(&(server.clone(), key(name))) {
                Some(earlier) if *earlier != migration.name => {
                    shared.entry((*earlier, migration.name.as_str())).or_default().push(name.to_string());
                }
                Some(_) => {}
                None => drop(taken.insert((server.clone(), key(name)), migration.name.as_str())),
            }
        }
    }
    shared.into_iter().map(|((one, other), tables)| finding(one, other, &tables)).collect()
}

fn finding(one: &str, other: &str, tables: &[String]) -> Diagnostic {
    let list = first_of(tables, NAMED);
    Diagnostic::error(
        codes::TARGET_TABLE_SHARED,
        format!("migration.{one} and migration.{other} lead to one target table: {list}"),
    )
    .about(format!("migration.{other}"))
    .detail("One target table has one owner: the second migration would empty what the first has moved.")
    .help("Leave the tables out of one of the two filters, or give one of the migrations another target.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::finding;

    #[test]
    fn the_tables_are_named_and_a_long_list_is_cut() {
        let names: Vec<String> = (1..=7).map(|n| format!("s.t{n}")).collect();
        let found = finding("m", "m2", &names);
        assert!(found.summary.contains("migration.m and migration.m2"), "{}", found.summary);
        assert!(found.summary.ends_with("s.t5 and 2 more"), "{}", found.summary);
        assert_eq!(found.subject.as_deref(), Some("migration.m2"));
    }
}
