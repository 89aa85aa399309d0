//! A lost state: what the ledgers on the targets still say of it. They name the lineage and everything that it made or
//! loaded there; a state with this lineage and no step is enough for the next run to continue: it finds its own tables, dumps
//! again, loads only the rows that the ledger does not have, and proves the whole. Looks at nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::facts::{LedgerObject, MigrationFacts, World};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What of one migration the ledger of its target has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    pub migration: String,
    /// Tables of the spec that the ledger has a row of, by key; `None`: created, and nothing is known of rows.
    pub tables: BTreeMap<String, Option<u64>>,
    pub views: BTreeSet<String>,
    /// Tables and views of this lineage that the spec does not name: no later command looks at them.
    pub others: BTreeSet<String>,
}

/// The one lineage to which objects of the spec belong, or the one that is `wanted`.
///
/// # Errors
/// MIG4017: no ledger knows any of them, or none of the lineage that is wanted; MIG4018: several do.
pub fn lineage(world: &World, wanted: Option<&str>) -> Outcome<String> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for facts in world.migrations.values() {
        for object in facts.ledger.objects.iter().filter(|object| is_selected(facts, object)) {
            *found.entry(&object.lineage).or_default() += 1;
        }
    }
    let recover = "recover the state";
    let mut names = found.keys();
    match (wanted, names.next(), names.next()) {
        (Some(wanted), ..) if found.contains_key(wanted) => Ok(wanted.to_owned()),
        (None, Some(one), None) => Ok((*one).to_owned()),
        (None, Some(_), Some(_)) => {
            let list = found.iter().map(|(lineage, objects)| format!("{lineage} ({objects} tables and views)"));
            Err(Failure::new(
                codes::SEVERAL_LINEAGES,
                recover,
                format!("tables of the spec belong to several lineages: {}", list.collect::<Vec<_>>().join(", ")),
                "Name the one whose state is lost: -lineage=ID. Leave the tables of the others out of the spec.",
            ))
        }
        (wanted, ..) => {
            let of = wanted.map_or_else(String::new, |wanted| format!(" of lineage {wanted}"));
            Err(Failure::new(
                codes::NOTHING_TO_RECOVER,
                recover,
                format!(
                    "no ledger that the users of the targets can read knows a table or view{of} that the spec selects"
                ),
                "See that these users have SELECT on the ledger's schema. If the ledger is lost, too, nothing tells which rows on \
                 the target mig has loaded: look at the tables there, drop those that are to be moved again, then run `mig plan`. If nothing was applied yet, there is nothing to \
                 recover.",
            ))
        }
    }
}

/// What the ledgers have of a lineage, for each migration. `world`: as it was observed for that lineage.
pub fn remains(world: &World, lineage: &str) -> Vec<Remains> {
    let of = |(migration, facts): (&String, &MigrationFacts)| {
        let mut remains = Remains { migration: migration.clone(), ..Remains::default() };
        for object in facts.ledger.objects.iter().filter(|object| object.lineage == lineage) {
            let name = object.name.clone();
            match (object.kind.as_str(), is_selected(facts, object)) {
                ("table", true) => {
                    let rows = facts.ledger.loaded.get(&name).map(|loaded| loaded.rows);
                    remains.tables.insert(name, rows);
                }
                ("view", true) => drop(remains.views.insert(name)),
                ("table" | "view", false) => drop(remains.others.insert(name)),
                _ => {}
            }
        }
        remains
    };
    let mut all: Vec<Remains> = world.migrations.iter().map(of).collect();
    // Migrations can share a ledger: what one of them selects is none of the others'.
    let selected: BTreeSet<String> = all.iter().flat_map(|one| one.tables.keys().chain(&one.views).cloned()).collect();
    for one in &mut all {
        one.others.retain(|name| !selected.contains(name));
    }
    all
}

fn is_selected(facts: &MigrationFacts, object: &LedgerObject) -> bool {
    let named = |name: String| name.eq_ignore_ascii_case(&object.name);
    match object.kind.as_str() {
        "table" => facts.source.tables.iter().any(|table| named(table.name.key())),
        "view" => facts.source.views.iter().any(|view| named(view.name.key())),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::table;
    use crate::formats::facts::LoadedFacts;
    use crate::formats::structure::{Inventory, View};
    use crate::words::addr::TableName;

    /// One migration of `shop.a` and `shop.v`, over a ledger with these rows.
    fn world(rows: &[(&str, &str, &str)]) -> World {
        let object = |&(lineage, kind, name): &(&str, &str, &str)| LedgerObject {
            lineage: lineage.into(),
            kind: kind.into(),
            name: name.into(),
            state: "created".into(),
            epoch: 1,
        };
        let source = Inventory {
            tables: vec![table("shop", "a")],
            views: vec![View::named(TableName::new("shop", "v"))],
            ..Inventory::default()
        };
        let mut facts = MigrationFacts { source, ..MigrationFacts::default() };
        facts.ledger.objects = rows.iter().map(object).collect();
        facts.ledger.loaded.insert("shop.a".into(), LoadedFacts { epoch: 1, rows: 7, hash: "0".into() });
        World { migrations: [("m".to_owned(), facts)].into(), ..World::default() }
    }

    #[test]
    fn a_lost_state_has_the_lineage_that_the_ledger_names_for_the_tables_of_the_spec() {
        let check = |rows: &[(&str, &str, &str)], wanted: Option<&str>, expected: Result<&str, &str>| {
            let found = lineage(&world(rows), wanted).map_err(|failure| failure.code.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{rows:?} {wanted:?}");
        };
        let (mine, others) = (("one", "table", "shop.a"), ("two", "view", "shop.v"));
        check(&[mine], None, Ok("one"));
        check(&[mine, ("two", "table", "shop.other")], None, Ok("one"));
        check(&[mine, others], None, Err("MIG4018"));
        check(&[mine, others], Some("two"), Ok("two"));
        check(&[mine], Some("two"), Err("MIG4017"));
        check(&[("one", "schema", "shop"), ("one", "holder", "one")], None, Err("MIG4017"));
        check(&[], None, Err("MIG4017"));
    }

    #[test]
    fn what_remains_is_counted_by_migration_and_what_no_spec_names_is_told() {
        let rows = [
            ("one", "table", "shop.a"),
            ("one", "view", "shop.v"),
            ("one", "table", "shop.old"),
            ("two", "table", "x.y"),
        ];
        let found = remains(&world(&rows), "one");
        let expected = Remains {
            migration: "m".into(),
            tables: [("shop.a".to_owned(), Some(7))].into(),
            views: ["shop.v".to_owned()].into(),
            others: ["shop.old".to_owned()].into(),
        };
        assert_eq!(found, [expected]);
    }
}
