//! The whole world at one moment: every server, and for every migration both sides of it. All servers are looked at
//! side by side, each within a time. What cannot be looked at is told with its reason and ends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::formats::facts::{
    Flavor, LedgerFacts, MigrationFacts, ProgramFacts, ServerFacts, ViewLack, World, WritesFacts,
};
use crate::formats::filter::{Filter, is_system_schema};
use crate::formats::row_facts::RowFacts;
use crate::formats::spec::model::{self, DUMP, Migration, Spec, ZeroDates};
use crate::formats::steps::ImportInputs;
use crate::formats::structure::{Inventory, Table};
use crate::seams::program::Programs;
use crate::seams::sql::{Connection, Role, Server};
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

use super::binlog::Since;
use super::dump_folder::Import;
use super::more::More;
use super::zero_dates::{Dates, OddDates};
use super::{binlog, expressions, inventory, ledger, rows, server, texts, views};

/// How long one server may take to tell about itself, and how long one side of a migration may take.
const SERVER_TIME: Duration = Duration::from_secs(60);
const MIGRATION_TIME: Duration = Duration::from_secs(600);
/// Tables that one query looks into.
const TABLES: usize = 64;

/// What is looked at, beside the spec.
pub struct Look<'a> {
    pub spec: &'a Spec,
    /// By address: `source.mysql.shop`.
    pub servers: &'a BTreeMap<String, Arc<dyn Server>>,
    pub lineage: Option<&'a str>,
    /// From where on writes to the source count, by the migration's name.
    pub begun: &'a BTreeMap<String, Since>,
    /// Where a migration's files go.
    pub workdir_of: &'a (dyn Fn(&Migration) -> PathBuf + Sync),
    /// What is imported, by the migration's name.
    pub imports: &'a BTreeMap<String, Import>,
    /// Programs of others on this machine.
    pub programs: &'a dyn Programs,
}

/// Looks at everything. Dump manifests are left to anyone who knows the files.
pub async fn world(look: Look<'_>) -> World {
    let sources = look.spec.sources.values().map(|config| (config, "source"));
    let targets = look.spec.targets.values().map(|config| (config, "target"));
    let servers = join_all(sources.chain(targets).map(|(config, side)| {
        let look = &look;
        async move {
            let address = address(side, config);
            let ledger_schema = (side == "target").then_some(config.ledger_schema.as_str());
            if config.is_dump() {
                return (address, dump_facts(look, config));
            }
            let facts = match within(SERVER_TIME, facts(look.servers, &address, ledger_schema)).await {
                Ok(facts) => facts,
                Err(failure) => ServerFacts { fault: Some(failure), ..ServerFacts::default() },
            };
            (address, facts)
        }
    }))
    .await;
    let mut servers: BTreeMap<String, ServerFacts> = servers.into_iter().collect();
    let migrations = join_all(look.spec.migrations.values().map(|of| migration(&look, of, &servers))).await;
    let mut world = World::default();
    for (name, seen) in migrations {
        // What a server would not tell of its tables is as bad as one that cannot be reached.
        for (address, failure) in seen.faults {
            if let Some(facts) = servers.get_mut(&address) {
                facts.fault.get_or_insert(failure);
            }
        }
        world.migrations.insert(name, seen.facts);
    }
    world.servers = servers;
    world
}

fn address(side: &str, config: &model::Server) -> String {
    format!("{side}.{}.{}", config.label, config.name)
}

async fn within<T>(limit: Duration, look: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    timeout(limit, look).await.unwrap_or_else(|_| {
        Err(Failure::new(
            codes::TIMEOUT,
            "look at the server",
            format!("it took longer than {} s", limit.as_secs()),
            "Look whether the server is overloaded or something holds a lock on its tables, then run the command again.",
        )
        .retryable())
    })
}

async fn connect(servers: &BTreeMap<String, Arc<dyn Server>>, address: &str) -> Outcome<Box<dyn Connection>> {
    match servers.get(address) {
        Some(server) => server.connect(&Role::Look).await,
        None => Err(Failure::new(
            codes::LOGIN_CUT_SHORT,
            format!("connect to {address}"),
            "no connection to it was prepared",
            "Look at the block's TLS settings, then run the command again.",
        )),
    }
}

/// What stands in the place of a server's facts where the rows come out of a dump.
fn dump_facts(look: &Look<'_>, config: &model::Server) -> ServerFacts {
    let import = look.imports.get(&config.name);
    let nothing = ServerFacts { dump: true, identity: DUMP.into(), server_id: DUMP.into(), ..ServerFacts::default() };
    let Some(folder) = import.and_then(|import| import.folder.as_ref()) else {
        let fault = import.and_then(|import| import.fault.clone()).unwrap_or_else(|| {
            Failure::new(
                codes::NO_SOURCE,
                "look at the source",
                "the migration names none",
                "Fill it by `mig import-dump DIR`, or give the migration a `source`.",
            )
        });
        return ServerFacts { fault: Some(fault), ..nothing };
    };
    ServerFacts { version: format!("the files in {}", folder.dir), user: "nobody".into(), ..nothing }
}

async fn facts(
    servers: &BTreeMap<String, Arc<dyn Server>>,
    address: &str,
    ledger_schema: Option<&str>,
) -> Outcome<ServerFacts> {
    let mut conn = connect(servers, address).await?;
    let mut facts = server::server_facts(conn.as_mut(), ledger_schema).await?;
    // Of a source only: what the end of a verification is compared with.
    if let (None, Some(position), Some(server)) = (ledger_schema, &mut facts.binlog.position, servers.get(address)) {
        position.begun = server.log_begun(position).await.unwrap_or(0);
    }
    Ok(facts)
}

/// What was seen for one migration, and what could not be seen, by the server's address.
struct Seen {
    facts: MigrationFacts,
    faults: Vec<(String, Failure)>,
}

async fn migration(look: &Look<'_>, of: &Migration, servers: &BTreeMap<String, ServerFacts>) -> (String, Seen) {
    let mut seen = Seen { facts: MigrationFacts::default(), faults: Vec::new() };
    let folder = (look.workdir_of)(of);
    (seen.facts.disk_free, seen.facts.workdir_fault) = workdir(&folder);
    let (Some(source), Some(target)) = (look.spec.sources.get(&of.source), look.spec.targets.get(&of.target)) else {
        return (of.name.clone(), seen);
    };
    if !source.is_dump() {
        seen.facts.programs = programs(look.programs, of).await;
    }
    let (source_address, target_address) = (address("source", source), address("target", target));
    let reached = |address: &str| servers.get(address).is_some_and(|facts| facts.fault.is_none());
    let ledger_schema = target.ledger_schema.as_str();
    let source_side = async {
        if !reached(&source_address) {
            return None;
        }
        Some(within(MIGRATION_TIME, source_side(look, of, source, target, servers)).await)
    };
    let ledger_side = async {
        if !reached(&target_address) {
            return None;
        }
        let read = async {
            let mut conn = connect(look.servers, &target_address).await?;
            ledger::ledger_facts(conn.as_mut(), ledger_schema, look.lineage).await
        };
        Some(within(MIGRATION_TIME, read).await)
    };
    let (source_seen, ledger_seen) = futures::join!(source_side, ledger_side);
    match source_seen {
        Some(Ok(side)) => {
            seen.facts.source = side.inventory;
            seen.facts.source_names = side.names;
            seen.facts.source_schemas = side.schemas;
            seen.facts.where_faults = side.where_faults;
            settle_dates(&mut seen.facts, side.odd_dates, of.gates.zero_dates);
            seen.facts.rows = side.rows;
            seen.facts.imports = side.imports;
            seen.facts.import_findings = side.import_findings;
        }
        Some(Err(failure)) => seen.faults.push((source_address.clone(), failure)),
        None => {}
    }
    match ledger_seen {
        Some(Ok(ledger)) => seen.facts.ledger = ledger,
        Some(Err(failure)) => seen.faults.push((target_address.clone(), failure)),
        None => {}
    }
    if reached(&target_address) {
        let kind =
            servers.get(&target_address).map(|facts| (facts.flavor, facts.check_constraints)).unwrap_or_default();
        let read = target_side(look, (&target_address, target), kind, &seen.facts.source, &seen.facts.ledger);
        match within(MIGRATION_TIME, read).await {
            Ok(side) => {
                seen.facts.target = side.inventory;
                seen.facts.target_rows = side.rows;
                seen.facts.view_lacks = side.view_lacks;
                seen.facts.expression_lacks = side.expression_lacks;
            }
            Err(failure) => seen.faults.push((target_address, failure)),
        }
    }
    if let Some(facts) = servers.get(&source_address).filter(|facts| facts.fault.is_none()) {
        seen.facts.writes = writes(look, of, &source_address, facts, &seen.facts.source).await;
    }
    (of.name.clone(), seen)
}

/// The programs of the migration's engines, asked for their versions.
async fn programs(all: &dyn Programs, of: &Migration) -> BTreeMap<String, ProgramFacts> {
    let mut programs = BTreeMap::new();
    let dump = of.dump.program().map(|program| (of.dump.engine.word(), program));
    let load = of.load.program().map(|program| (of.load.engine.word(), program));
    for (engine, program) in dump.into_iter().chain(load) {
        let said = all.said(program, &["-V"]).await;
        let (version, fault) = match said {
            Ok(said) => (released(&said), String::new()),
            Err(fault) => (String::new(), fault),
        };
        let facts = ProgramFacts { program: program.to_owned(), version, fault };
        programs.insert(engine.to_owned(), facts);
    }
    programs
}

/// `Release Version: v8.5.6`.
fn released(said: &str) -> String {
    let line = said.lines().find(|line| line.to_ascii_lowercase().starts_with("release version"));
    let version = line.and_then(|line| line.split_once(':')).map(|(_, version)| version.trim());
    // What was built without one says so.
    version.filter(|version| *version != "Unknown").unwrap_or_default().trim_start_matches('v').to_owned()
}

/// Dates that are kept stop nothing; what is computed of them may differ.
fn settle_dates(facts: &mut MigrationFacts, seen: OddDates, action: ZeroDates) {
    let OddDates { zero, impossible } = seen;
    match action {
        ZeroDates::Stop => (facts.zero_dates, facts.impossible_dates) = (zero, impossible),
        ZeroDates::Keep => {
            let both: BTreeSet<String> = zero.into_iter().chain(impossible).collect();
            facts.kept_dates = both.into_iter().collect();
        }
    }
}

#[derive(Default)]
struct SourceSide {
    inventory: Inventory,
    names: Vec<TableName>,
    schemas: Vec<String>,
    where_faults: BTreeMap<String, String>,
    odd_dates: OddDates,
    rows: RowFacts,
    imports: BTreeMap<String, ImportInputs>,
    import_findings: Vec<Diagnostic>,
}

async fn source_side(
    look: &Look<'_>,
    of: &Migration,
    source: &model::Server,
    target: &model::Server,
    servers: &BTreeMap<String, ServerFacts>,
) -> Outcome<SourceSide> {
    let (address, target_address) = (&address("source", source), address("target", target));
    let ledger_schema = target.ledger_schema.as_str();
    // The spec was validated: a filter that cannot be read selects nothing.
    let filter = Filter::parse(&of.tables).unwrap_or_default();
    let movable = |schema: &str| !is_system_schema(schema) && !schema.eq_ignore_ascii_case(ledger_schema);
    let meets = |schema: &str, name: &str| movable(schema) && filter.matches(schema, name);
    let import = look.imports.get(&of.name);
    let met = |name: &TableName| meets(&name.schema, &name.name);
    if let Some(folder) = import.filter(|_| source.is_dump()).and_then(|import| import.folder.as_ref()) {
        let (inventory, mut import_findings) = folder.inventory(&met);
        let names: BTreeSet<TableName> = folder.tables.keys().chain(folder.views.keys()).cloned().collect();
        let (imports, settled) = import.map(|import| import.settle(&met, &names)).unwrap_or_default();
        import_findings.extend(settled);
        let names = names.into_iter().collect();
        let side = SourceSide { inventory, names, imports, import_findings, ..SourceSide::default() };
        return Ok(side);
    }
    let mut conn = connect(look.servers, address).await?;
    let takes = |schema: &str, name: &str| import.is_none_or(|import| import.takes(&TableName::new(schema, name)));
    let select = |schema: &str, name: &str| meets(schema, name) && takes(schema, name);
    let (more, dates) = (more(look, address, source), Dates::default());
    // Dates that are kept matter to what the target's own sessions compute of them.
    let taken = servers.get(&target_address).is_none_or(|facts| !facts.no_zero_dates);
    let (inventory, mut names) = match of.gates.zero_dates {
        ZeroDates::Keep if taken => inventory::inventory(conn.as_mut(), more, None, &select).await?,
        ZeroDates::Stop | ZeroDates::Keep => {
            inventory::inventory_and(conn.as_mut(), more, None, &select, &dates).await?
        }
    };
    names.retain(|name| movable(&name.schema));
    let selected = names.iter().filter(|name| meets(&name.schema, &name.name)).cloned().collect();
    let (imports, import_findings) = import.map(|import| import.settle(&met, &selected)).unwrap_or_default();
    let mut schemas =
        texts(conn.as_mut(), "list the schemas", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await?;
    schemas.retain(|row| row.first().is_some_and(|name| movable(name)));
    let schemas = schemas.into_iter().flatten().collect();
    let where_faults = where_faults(conn.as_mut(), of, &inventory).await?;
    let mut side = SourceSide {
        inventory,
        names,
        schemas,
        where_faults,
        odd_dates: dates.found(),
        rows: RowFacts::default(),
        imports,
        import_findings,
    };
    if let (Some(here), Some(there)) = (servers.get(address), servers.get(&target_address)) {
        let rows = rows::Look {
            source: here,
            target: there,
            target_server: look.servers.get(&target_address).filter(|_| there.fault.is_none()).map(AsRef::as_ref),
            migration: of,
            tables: &side.inventory.tables,
        };
        side.rows = rows::row_facts(conn.as_mut(), &rows).await?;
    }
    Ok(side)
}

/// One statement of the plan runs already; a spec that allows few has its reason.
fn more<'a>(look: &'a Look<'_>, address: &str, server: &model::Server) -> Option<More<'a>> {
    let most = (server.max_threads as usize).saturating_sub(1).min(8);
    look.servers.get(address).map(|server| More { server: server.as_ref(), most })
}

/// Asks the source about each condition, by a statement that reads no row: the answers of those that it does not take.
async fn where_faults(
    conn: &mut dyn Connection,
    of: &Migration,
    inventory: &Inventory,
) -> Outcome<BTreeMap<String, String>> {
    let mut faults = BTreeMap::new();
    for (key, condition) in &of.dump.where_ {
        let Some(table) = inventory.tables.iter().find(|table| table.name.key() == *key) else { continue };
        let sql = format!("SELECT 1 FROM {} WHERE ({condition}) LIMIT 0", table.name.sql());
        match conn.query(&sql).await {
            Ok(_) => {}
            Err(fault) if fault.lost => return Err(fault.told("ask the source about a condition of `where`")),
            Err(fault) => {
                faults.insert(key.clone(), fault.to_string());
            }
        }
    }
    Ok(faults)
}

struct TargetSide {
    inventory: Inventory,
    rows: BTreeMap<String, Option<u64>>,
    view_lacks: BTreeMap<String, Vec<ViewLack>>,
    expression_lacks: BTreeMap<String, String>,
}

/// What stands on the target under a selected name, or under one that the ledger lists: what a run has created stays in
/// sight when the source cannot be reached or the filter narrows.
async fn target_side(
    look: &Look<'_>,
    (address, target): (&str, &model::Server),
    (flavor, checks): (Flavor, bool),
    source: &Inventory,
    ledger: &LedgerFacts,
) -> Outcome<TargetSide> {
    let owned = ledger.objects.iter().filter_map(|object| TableName::parse_key(&object.name));
    let tables = source.tables.iter().map(|table| table.name.clone());
    let views = source.views.iter().map(|view| view.name.clone());
    let meant: BTreeSet<TableName> = tables.chain(views).chain(owned).map(|name| name.folded()).collect();
    let mut schemas: Vec<String> = source.schemas.iter().map(|schema| schema.name.clone()).collect();
    schemas.extend(ledger.objects.iter().filter_map(|o| TableName::parse_key(&o.name)).map(|name| name.schema));
    schemas.sort();
    schemas.dedup();
    let mut conn = connect(look.servers, address).await?;
    // The target may not tell names apart by case: what meets a name in lower case meets it.
    let select = |schema: &str, name: &str| meant.contains(&TableName::new(schema, name).folded());
    let (inventory, _) =
        inventory::inventory(conn.as_mut(), more(look, address, target), Some(&schemas), &select).await?;
    let rows = has_rows(conn.as_mut(), &inventory.tables).await?;
    let view_lacks = views::lacks(conn.as_mut(), flavor, source).await?;
    let expression_lacks = match flavor {
        Flavor::Tidb => expressions::lacks(conn.as_mut(), source, checks).await?,
        _ => BTreeMap::new(),
    };
    Ok(TargetSide { inventory, rows, view_lacks, expression_lacks })
}

/// For each table whether it holds a row; `None` where that cannot be seen.
async fn has_rows(conn: &mut dyn Connection, tables: &[Table]) -> Outcome<BTreeMap<String, Option<u64>>> {
    let mut seen = BTreeMap::new();
    for some in tables.chunks(TABLES) {
        let query = |tables: &[Table]| {
            let looks = tables.iter().map(|table| format!("EXISTS (SELECT * FROM {} LIMIT 1)", table.name.sql()));
            format!("SELECT {}", looks.collect::<Vec<_>>().join(", "))
        };
        match conn.query(&query(some)).await {
            Ok(rows) => {
                let cells = rows.rows.into_iter().next().unwrap_or_default();
                for (table, cell) in some.iter().zip(cells) {
                    seen.insert(table.name.key(), Some(u64::from(cell.as_deref() == Some(b"1"))));
                }
            }
            Err(fault) if fault.lost => return Err(fault.told("look whether the target's tables are empty")),
            // One of them cannot be read: each is asked alone.
            Err(_) => {
                for table in some {
                    let rows = texts(conn, "look whether a table is empty", &query(std::slice::from_ref(table))).await;
                    let has = rows.ok().and_then(|rows| Some(rows.first()?.first()? == "1"));
                    seen.insert(table.name.key(), has.map(u64::from));
                }
            }
        }
    }
    Ok(seen)
}

async fn writes(
    look: &Look<'_>,
    of: &Migration,
    address: &str,
    facts: &ServerFacts,
    source: &Inventory,
) -> Option<WritesFacts> {
    let since = look.begun.get(&of.name)?;
    // Where all is done, nothing that the plan could begin depends on it.
    if since.run.is_none() && source.tables.iter().all(|table| since.done.contains(&table.name)) {
        return None;
    }
    let server = look.servers.get(address)?;
    Some(binlog::writes_since(server.as_ref(), &facts.binlog, since, &of.tables, source).await)
}

/// Free bytes where a folder is or would be made, and why it cannot be used. Nothing is written to find out.
fn workdir(folder: &Path) -> (Option<u64>, String) {
    use rustix::fs::{Access, access, statvfs};
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(nearest) = absolute.ancestors().find(|path| path.symlink_metadata().is_ok()) else {
        return (None, "no folder above it is there".into());
    };
    let shown = nearest.display();
    if !nearest.is_dir() {
        return (None, format!("{shown} is not a folder"));
    }
    let free = statvfs(nearest).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => (free, String::new()),
        Err(error) => (free, format!("{shown} cannot be written: {}", std::io::Error::from(error))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_work_folder_is_judged_by_the_nearest_one_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (free, fault) = workdir(&dir.path().join("a/b/c"));
        assert!(free.unwrap() > 0);
        assert_eq!(fault, "");
        assert!(!dir.path().join("a").exists(), "looking made a folder");
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(workdir(&dir.path().join("file/b")).1.ends_with("is not a folder"));
    }
}
