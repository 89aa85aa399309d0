//! The structure of a plan under other schemas' names, for a probe on the target. Knows no server.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::ddl::{self, view};
use crate::formats::probe::PREFIX;
use crate::formats::structure::{Table, View};
use crate::words::addr::TableName;

/// Which schema stands for which, and what is created in it. Whatever else a statement names stays where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// The schema of the plan and that of the probe.
    schemas: BTreeMap<String, String>,
    made: BTreeSet<TableName>,
}

impl Scratch {
    /// `mark`: tells this probe from every other, in letters and digits.
    pub fn new(mark: &str, made: BTreeSet<TableName>) -> Self {
        let names: BTreeSet<&String> = made.iter().map(|name| &name.schema).collect();
        let scratch = |(at, schema): (usize, &String)| (schema.clone(), format!("{PREFIX}{mark}_{}", at + 1));
        Self { schemas: names.into_iter().enumerate().map(scratch).collect(), made }
    }

    /// The schema of the plan, and the probe's.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, &str)> {
        self.schemas.iter().map(|(plan, probe)| (plan.as_str(), probe.as_str()))
    }

    /// Where the probe has it: itself, where it is not created by the probe.
    pub fn name(&self, name: &TableName) -> TableName {
        match self.schemas.get(&name.schema).filter(|_| self.made.contains(name)) {
            Some(schema) => TableName::new(schema, &name.name),
            None => name.clone(),
        }
    }

    /// The plan's name of what the probe has made.
    fn back(&self, name: &TableName) -> TableName {
        let plan = self.schemas.iter().find(|(_, probe)| **probe == name.schema);
        plan.map_or_else(|| name.clone(), |(plan, _)| TableName::new(plan, &name.name))
    }

    /// The table with its foreign keys as the probe creates them.
    pub fn table(&self, table: &Table) -> Table {
        renamed(table, &|name| self.name(name))
    }

    /// What the probe has made, as if it stood where the plan has it.
    pub fn table_back(&self, table: &Table) -> Table {
        renamed(table, &|name| self.back(name))
    }

    /// The statement of the plan that creates the table.
    pub fn create_table(&self, name: &TableName, statement: &str) -> String {
        let head = format!("CREATE TABLE {}", name.sql());
        match statement.strip_prefix(&head) {
            Some(rest) => format!("CREATE TABLE {}{rest}", self.name(name).sql()),
            None => statement.to_owned(),
        }
    }

    /// The view, and the statement that creates it.
    ///
    /// # Errors
    /// A text that is not understood.
    pub fn create_view(&self, view: &View) -> Result<String, view::ViewFault> {
        let schema_of = |name: &TableName| self.name(name).schema;
        let select = view::moved(&view.select, &view.name.schema, &schema_of)?;
        Ok(ddl::create_view(&View { name: self.name(&view.name), select, ..view.clone() }))
    }
}

fn renamed(table: &Table, to: &dyn Fn(&TableName) -> TableName) -> Table {
    let mut table = Table { name: to(&table.name), ..table.clone() };
    for key in &mut table.foreign_keys {
        key.references = to(&key.references);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture;

    fn scratch() -> Scratch {
        Scratch::new("m", [TableName::new("b", "t"), TableName::new("a", "t"), TableName::new("a", "v")].into())
    }

    #[test]
    fn what_is_created_has_another_schema_and_what_is_not_stays() {
        let scratch = scratch();
        assert_eq!(scratch.schemas().collect::<Vec<_>>(), [("a", "mig_probe_m_1"), ("b", "mig_probe_m_2")]);
        assert_eq!(scratch.name(&TableName::new("b", "t")).to_string(), "mig_probe_m_2.t");
        assert_eq!(scratch.name(&TableName::new("b", "other")).to_string(), "b.other");
        let table = fixture::table("a", "t");
        assert_eq!(scratch.table_back(&scratch.table(&table)), table);
    }

    #[test]
    fn statements_name_the_schemas_of_the_probe() {
        let scratch = scratch();
        let create =
            scratch.create_table(&TableName::new("b", "t"), "CREATE TABLE `b`.`t` (\n  `b` INT COMMENT '`b`.`t`'\n)");
        assert_eq!(create, "CREATE TABLE `mig_probe_m_2`.`t` (\n  `b` INT COMMENT '`b`.`t`'\n)");
        let view =
            View { select: "select `t`.`x` from `b`.`t` join `b`.`o`".into(), ..View::named(TableName::new("a", "v")) };
        let create = scratch.create_view(&view).unwrap_or_default();
        assert_eq!(
            create,
            "CREATE SQL SECURITY DEFINER VIEW `mig_probe_m_1`.`v` AS select `t`.`x` from `mig_probe_m_2`.`t` join `b`.`o`"
        );
    }
}
