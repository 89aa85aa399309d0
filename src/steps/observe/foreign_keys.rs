//! The tables above the selected ones: those whose rows, deleted or changed, carry a foreign key's action down to a selected
//! one, at any depth. Most of them stand outside of the inventory and are asked for by name.

use std::collections::{BTreeMap, BTreeSet};

use super::{literal, texts};
use crate::formats::structure::Inventory;
use crate::seams::sql::{Role, Server};
use crate::words::addr::TableName;

/// By table: those that its foreign keys with an action refer to.
pub type Parents = BTreeMap<TableName, BTreeSet<TableName>>;

const DOING: &str = "look at the foreign keys of the source";
/// Tables that one query asks about.
const TABLES: usize = 64;

/// Of every table of the inventory, and of those above them.
///
/// # Errors
/// Why it is not known; a table above that this user may not see is one reason.
pub async fn parents(server: &dyn Server, inventory: &Inventory) -> Result<Parents, String> {
    let mut parents = Parents::new();
    let known: BTreeSet<&TableName> = inventory.tables.iter().map(|table| &table.name).collect();
    let mut ask = BTreeSet::new();
    for table in &inventory.tables {
        for key in table.foreign_keys.iter().filter(|key| acts(&key.on_delete) || acts(&key.on_update)) {
            parents.entry(table.name.clone()).or_default().insert(key.references.clone());
            if !known.contains(&key.references) {
                ask.insert(key.references.clone());
            }
        }
    }
    if ask.is_empty() {
        return Ok(parents);
    }
    let mut conn = server.connect(&Role::Look).await.map_err(|failure| failure.to_string())?;
    let mut asked = BTreeSet::new();
    while !ask.is_empty() {
        let these: Vec<TableName> = ask.iter().take(TABLES).cloned().collect();
        let all = |schema: &str, table: &str| {
            let one = |name: &TableName| {
                format!("({schema} = {} AND {table} = {})", literal(&name.schema), literal(&name.name))
            };
            these.iter().map(one).collect::<Vec<_>>().join(" OR ")
        };
        let seen = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE {}",
            all("TABLE_SCHEMA", "TABLE_NAME")
        );
        let seen = texts(&mut *conn, DOING, &seen).await.map_err(|failure| failure.to_string())?;
        let sees = |name: &TableName| {
            seen.iter().any(|row| {
                matches!(row.as_slice(), [s, t] if s.eq_ignore_ascii_case(&name.schema) && t.eq_ignore_ascii_case(&name.name))
            })
        };
        if let Some(hidden) = these.iter().find(|name| !sees(name)) {
            return Err(format!(
                "a foreign key leads to {}, which {} does not show: what leads on from there is not known",
                hidden.key(),
                server.place()
            ));
        }
        let keys = format!(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, DELETE_RULE, \
             UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {}",
            all("CONSTRAINT_SCHEMA", "TABLE_NAME")
        );
        let keys = texts(&mut *conn, DOING, &keys).await.map_err(|failure| failure.to_string())?;
        for name in these {
            ask.remove(&name);
            asked.insert(name);
        }
        for row in keys {
            let [schema, table, to_schema, to_table, on_delete, on_update] = row.as_slice() else { continue };
            if acts(on_delete) || acts(on_update) {
                let to = TableName::new(to_schema, to_table);
                parents.entry(TableName::new(schema, table)).or_default().insert(to.clone());
                if !known.contains(&to) && !asked.contains(&to) {
                    ask.insert(to);
                }
            }
        }
    }
    Ok(parents)
}

/// What stands above these tables at any depth, without them.
pub fn above(parents: &Parents, tables: &BTreeSet<TableName>) -> BTreeSet<TableName> {
    let mut found = BTreeSet::new();
    let mut below: Vec<&TableName> = tables.iter().collect();
    while let Some(table) = below.pop() {
        for parent in parents.get(table).into_iter().flatten() {
            if !tables.contains(parent) && found.insert(parent.clone()) {
                below.push(parent);
            }
        }
    }
    found
}

fn acts(rule: &str) -> bool {
    !matches!(rule, "NO ACTION" | "RESTRICT" | "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn tables_above_are_found_at_any_depth_and_in_circles() {
        let name = |text: &&str| TableName::new("s", *text);
        let parents: Parents = [("c", "p"), ("p", "g"), ("g", "p"), ("p", "p"), ("x", "y")]
            .iter()
            .map(|(child, parent)| (name(child), BTreeSet::from([name(parent)])))
            .fold(Parents::new(), |mut all, (child, of)| {
                all.entry(child).or_default().extend(of);
                all
            });
        for (tables, expected) in
            [(&["c"][..], &["g", "p"][..]), (&["c", "p"], &["g"]), (&["x"], &["y"]), (&["y"], &[])]
        {
            let tables = tables.iter().map(name).collect();
            let expected: BTreeSet<TableName> = expected.iter().map(name).collect();
            assert_eq!(above(&parents, &tables), expected, "{tables:?}");
        }
    }
}
