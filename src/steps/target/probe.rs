//! `mig plan -probe`: creates what a plan will create in schemas of the probe's own, reads it back, and drops these schemas.
//! Touches nothing else of the target, and moves no row.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::ddl;
use crate::formats::facts::ServerFacts;
use crate::formats::plan::Node;
use crate::formats::probe::{PREFIX, Probed};
use crate::formats::steps::{DatabaseInputs, ForeignKeysInputs, TableInputs, ViewInputs};
use crate::formats::structure::{ForeignKey, Inventory, Schema, Table};
use crate::seams::sql::{Connection, Fault, Role, Server};
use crate::steps::context::read_inputs;
use crate::steps::observe::inventory::inventory;
use crate::steps::observe::more::More;
use crate::steps::observe::server::server_facts;
use crate::steps::observe::texts;
use crate::steps::target::view;
use crate::steps::transfer::ledger::literal;
use crate::think::compare;
use crate::think::probe::Scratch;
use crate::words::addr::{Creates, TableName, sql_ident};
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

/// A foreign key that the target refuses.
const KEY_REFUSED: Code = codes::ADD_FOREIGN_KEYS;

/// What is tried, in the plan's order.
#[derive(Default)]
struct Wanted {
    schemas: BTreeMap<String, Schema>,
    tables: Vec<TableInputs>,
    views: Vec<ViewInputs>,
}

impl Wanted {
    fn of(nodes: &[Node]) -> Outcome<Self> {
        let mut wanted = Self::default();
        let mut keys: BTreeSet<TableName> = BTreeSet::new();
        for node in nodes.iter().filter(|node| node.action.makes()) {
            match node.kind.creates() {
                Some(Creates::Schema) => {
                    let inputs: DatabaseInputs = read_inputs(node)?;
                    wanted.schemas.insert(inputs.schema.name.clone(), inputs.schema);
                }
                Some(Creates::Table) => wanted.tables.push(read_inputs(node)?),
                Some(Creates::View) => wanted.views.push(read_inputs(node)?),
                Some(Creates::ForeignKeys) => {
                    let inputs: ForeignKeysInputs = read_inputs(node)?;
                    keys.insert(inputs.table);
                }
                None => {}
            }
        }
        // A plan that was narrowed to less than the whole table leaves its keys out.
        for table in wanted.tables.iter_mut().filter(|table| !keys.contains(&table.source.name)) {
            table.target.foreign_keys.clear();
        }
        Ok(wanted)
    }

    fn names(&self) -> BTreeSet<TableName> {
        let tables = self.tables.iter().map(|table| table.source.name.clone());
        tables.chain(self.views.iter().map(|view| view.view.name.clone())).collect()
    }
}

/// Tries what `nodes` create. `mark`: of this probe alone. `stop` is asked before each object.
///
/// # Errors
/// The target cannot be reached, or refuses a schema of the probe (`MIG5129`).
pub async fn probe(
    server: &dyn Server,
    (migration, mark): (&str, &str),
    nodes: &[Node],
    stop: &(dyn Fn() -> bool + Sync),
) -> Outcome<Probed> {
    let wanted = Wanted::of(nodes)?;
    let names = wanted.names();
    let mut probed = Probed { migration: migration.to_owned(), place: server.place(), ..Probed::default() };
    if names.is_empty() {
        return Ok(probed);
    }
    let mut look = server.connect(&Role::Look).await?;
    let facts = server_facts(&mut *look, None).await?;
    probed.left = schemas_left(&mut *look).await?;
    let role = Role::Write { keep_zero_dates: true, session: BTreeMap::new() };
    let line = server.connect(&role).await?;
    let scratch = Scratch::new(mark, names);
    let (made, refused, keyless) = Default::default();
    let mut trial = Trial { server, line, scratch, facts, probed, made, refused, keyless };
    let tried = trial.run(&wanted, stop).await;
    let cleaned = trial.clean().await;
    tried?;
    cleaned?;
    Ok(trial.probed)
}

/// Schemas that a probe made and did not remove.
async fn schemas_left(look: &mut dyn Connection) -> Outcome<Vec<String>> {
    let sql = format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, {}) = {} ORDER BY 1",
        PREFIX.len(),
        literal(PREFIX)
    );
    Ok(texts(look, "look for schemas of earlier probes", &sql).await?.into_iter().flatten().collect())
}

struct Trial<'a> {
    server: &'a dyn Server,
    line: Box<dyn Connection>,
    scratch: Scratch,
    facts: ServerFacts,
    probed: Probed,
    /// Schemas that this probe has made.
    made: Vec<String>,
    /// Objects of which the target said no: what stands on them is not tried.
    refused: BTreeSet<TableName>,
    /// Tables without a key that they should have: refused, or to a parent that is not there.
    keyless: BTreeSet<TableName>,
}

impl Trial<'_> {
    async fn run(&mut self, wanted: &Wanted, stop: &(dyn Fn() -> bool + Sync)) -> Outcome<()> {
        for (plan, name) in self.scratch.clone().schemas() {
            let sql = match wanted.schemas.get(plan) {
                Some(schema) => ddl::create_database(&Schema { name: name.to_owned(), ..schema.clone() }),
                None => format!("CREATE DATABASE {}", sql_ident(name)),
            };
            self.made.push(name.to_owned());
            if let Err(fault) = self.line.execute(&sql).await {
                if !fault.lost {
                    self.made.pop();
                }
                return Err(schema_fault(plan, name, fault));
            }
        }
        for inputs in &wanted.tables {
            if stop() {
                self.probed.stopped = true;
                return Ok(());
            }
            self.table(inputs).await?;
        }
        for inputs in &wanted.tables {
            self.foreign_keys(inputs).await?;
        }
        for inputs in &wanted.views {
            if stop() {
                self.probed.stopped = true;
                return Ok(());
            }
            self.view(inputs).await?;
        }
        self.compare(wanted).await
    }

    /// Takes up the target's answer; a connection that is gone ends the probe.
    fn refuse(&mut self, code: Code, name: &TableName, what: &str, sql: &str, fault: Fault) -> Outcome<()> {
        if fault.lost || fault.transient() {
            return Err(fault.told(format!("try {what} on the target")));
        }
        match code {
            KEY_REFUSED => self.keyless.insert(name.clone()),
            _ => self.refused.insert(name.clone()),
        };
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let finding = Diagnostic::error(code, format!("the target refuses {what}"))
            .about(name.key())
            .detail(format!("It answered {fault}; the statement: {sql}"))
            .help("Change the object on the source, leave it out of the filter, or change on the target what the server names.");
        self.probed.refused.push(finding);
        Ok(())
    }

    async fn table(&mut self, inputs: &TableInputs) -> Outcome<()> {
        let name = &inputs.source.name;
        let enter = format!("USE {}", sql_ident(&self.scratch.name(name).schema));
        let create = self.scratch.create_table(name, &inputs.ddl);
        for sql in [enter, create] {
            if let Err(fault) = self.line.execute(&sql).await {
                return self.refuse(codes::CREATE_TABLE, name, &format!("the table {name}"), &sql, fault);
            }
        }
        Ok(())
    }

    async fn foreign_keys(&mut self, inputs: &TableInputs) -> Outcome<()> {
        let name = &inputs.source.name;
        let table = self.scratch.table(&inputs.target);
        let stands = |parent: &TableName| !self.refused.contains(parent);
        if !stands(name) {
            return Ok(());
        }
        let alone = |key: &ForeignKey| Table { foreign_keys: vec![key.clone()], ..table.clone() };
        let pairs = table.foreign_keys.iter().zip(&inputs.target.foreign_keys);
        let (tried, left): (Vec<_>, Vec<_>) = pairs.partition(|(_, of)| stands(&of.references));
        let keys: Vec<String> = tried.into_iter().flat_map(|(key, _)| ddl::foreign_keys(&alone(key))).collect();
        if !left.is_empty() {
            self.keyless.insert(name.clone());
        }
        for sql in keys {
            match self.line.execute(&sql).await {
                Ok(_) => self.probed.foreign_keys += 1,
                Err(fault) => self.refuse(KEY_REFUSED, name, &format!("a foreign key of {name}"), &sql, fault)?,
            }
        }
        Ok(())
    }

    async fn view(&mut self, inputs: &ViewInputs) -> Outcome<()> {
        let name = &inputs.view.name;
        let reads = ddl::view::reads(&inputs.view.select, &name.schema);
        if reads.iter().any(|read| self.refused.contains(read)) {
            self.refused.insert(name.clone());
            return Ok(());
        }
        // Its text was read when the plan was made; one that is not understood is refused there.
        let Ok(create) = self.scratch.create_view(&inputs.view) else { return Ok(()) };
        let mut statements = view::session(&inputs.view, &self.scratch.name(name).schema, &self.facts);
        statements.push(create);
        let reads = format!("SELECT * FROM {} LIMIT 0", self.scratch.name(name).sql());
        statements.extend(["SET NAMES utf8mb4".to_owned(), reads]);
        for sql in statements {
            let answered = match sql.starts_with("SELECT") {
                true => self.line.query(&sql).await.map(drop),
                false => self.line.execute(&sql).await.map(drop),
            };
            if let Err(fault) = answered {
                return self.refuse(codes::CREATE_VIEW, name, &format!("the view {name}"), &sql, fault);
            }
        }
        self.probed.views += 1;
        Ok(())
    }

    /// Reads back what was created.
    async fn compare(&mut self, wanted: &Wanted) -> Outcome<()> {
        let schemas: Vec<String> = self.scratch.schemas().map(|(_, probe)| probe.to_owned()).collect();
        let mut look = self.server.connect(&Role::Look).await?;
        let more = More { server: self.server, most: 4 };
        let (there, _): (Inventory, _) = inventory(&mut *look, Some(more), Some(&schemas), &|_, _| true).await?;
        for inputs in &wanted.tables {
            let name = &inputs.source.name;
            if self.refused.contains(name) {
                continue;
            }
            let mut expected = inputs.target.clone();
            let differences: Vec<String> = match there.table(&self.scratch.name(name)) {
                Some(actual) => {
                    let mut actual = self.scratch.table_back(actual);
                    if self.keyless.contains(name) {
                        (expected.foreign_keys, actual.foreign_keys) = Default::default();
                    }
                    compare::structure_differences(&expected, &actual).iter().map(ToString::to_string).collect()
                }
                None => vec!["it is not on the target".to_owned()],
            };
            if differences.is_empty() {
                self.probed.tables += 1;
                continue;
            }
            let finding = Diagnostic::error(
                codes::STRUCTURE_CAME_OUT_DIFFERENT,
                format!("{name} comes out different from the source"),
            )
            .about(name.key())
            .detail(differences.join("\n"))
            .help("Leave the table out of the filter, or change it on the source; and please report this.");
            self.probed.refused.push(finding);
        }
        Ok(())
    }

    /// Drops the schemas that this probe has made: nobody else knows their names.
    async fn clean(&mut self) -> Outcome<()> {
        let role = Role::Write { keep_zero_dates: true, session: BTreeMap::new() };
        // The one at hand may be what was lost.
        let mut line = self.server.connect(&role).await?;
        for name in &self.made {
            let sql = format!("DROP DATABASE IF EXISTS {}", sql_ident(name));
            if line.execute(&sql).await.is_err() {
                self.probed.left.push(name.clone());
            }
        }
        Ok(())
    }
}

fn schema_fault(plan: &str, name: &str, fault: Fault) -> Failure {
    let doing = format!("create the schema {name}, in which the probe tries what belongs to {plan}");
    fault.failure(
        codes::PROBE_SCHEMA,
        doing,
        "Grant the user all rights on schemas called `mig_probe_%`, or plan without -probe.",
    )
}
