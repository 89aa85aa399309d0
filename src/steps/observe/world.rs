//! The whole world at one moment: every server, and for every migration both sides of it. All servers are looked at
//! side by side, each within a time. What cannot be looked at is told with its reason and ends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::formats::facts::{LedgerFacts, MigrationFacts, Position, ServerFacts, World, WritesFacts};
use crate::formats::filter::{Filter, is_system_schema};
use crate::formats::inputs::ImportInputs;
use crate::formats::spec::model::{self, DUMP, Migration, Spec, ZeroDates};
use crate::formats::structure::{Inventory, Table};
use crate::seams::sql::{Connection, Role, Server};
use crate::words::addr::TableName;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

use super::dump_folder::Import;
use super::{binlog, inventory, ledger, server, texts, zero_dates};

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
    /// Position of the source's binlog when an open run began, by the migration's name.
    pub begun: &'a BTreeMap<String, Position>,
    /// Where a migration's files go.
    pub workdir_of: &'a (dyn Fn(&Migration) -> PathBuf + Sync),
    /// What is imported, by the migration's name.
    pub imports: &'a BTreeMap<String, Import>,
}

/// Looks at everything. Dump manifests are left to whoever knows the files.
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
            "MIG3003",
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
            "MIG3005",
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
                "MIG1019",
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
    server::server_facts(conn.as_mut(), ledger_schema).await
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
    let (source_address, target_address) = (address("source", source), address("target", target));
    let reached = |address: &str| servers.get(address).is_some_and(|facts| facts.fault.is_none());
    let ledger_schema = target.ledger_schema.as_str();
    let source_side = async {
        if !reached(&source_address) {
            return None;
        }
        Some(within(MIGRATION_TIME, source_side(look, of, source, ledger_schema)).await)
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
            seen.facts.zero_dates = side.zero_dates;
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
        let read = target_side(look, &target_address, &seen.facts.source, &seen.facts.ledger);
        match within(MIGRATION_TIME, read).await {
            Ok((inventory, rows)) => (seen.facts.target, seen.facts.target_rows) = (inventory, rows),
            Err(failure) => seen.faults.push((target_address, failure)),
        }
    }
    if let Some(facts) = servers.get(&source_address).filter(|facts| facts.fault.is_none()) {
        seen.facts.writes = writes(look, of, &source_address, facts, &seen.facts.source).await;
    }
    (of.name.clone(), seen)
}

struct SourceSide {
    inventory: Inventory,
    names: Vec<TableName>,
    zero_dates: Vec<String>,
    imports: BTreeMap<String, ImportInputs>,
    import_findings: Vec<Diagnostic>,
}

async fn source_side(
    look: &Look<'_>,
    of: &Migration,
    source: &model::Server,
    ledger_schema: &str,
) -> Outcome<SourceSide> {
    let address = &address("source", source);
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
        return Ok(SourceSide { inventory, names, zero_dates: Vec::new(), imports, import_findings });
    }
    let mut conn = connect(look.servers, address).await?;
    let takes = |schema: &str, name: &str| import.is_none_or(|import| import.takes(&TableName::new(schema, name)));
    let select = |schema: &str, name: &str| meets(schema, name) && takes(schema, name);
    let (inventory, mut names) = inventory::inventory(conn.as_mut(), None, &select).await?;
    names.retain(|name| movable(&name.schema));
    let selected = names.iter().filter(|name| meets(&name.schema, &name.name)).cloned().collect();
    let (imports, import_findings) = import.map(|import| import.settle(&met, &selected)).unwrap_or_default();
    let zero_dates = match of.gates.zero_dates {
        ZeroDates::Stop => zero_dates::zero_dates(conn.as_mut(), &inventory.tables).await?,
        ZeroDates::Keep => Vec::new(),
    };
    Ok(SourceSide { inventory, names, zero_dates, imports, import_findings })
}

/// What stands on the target under a selected name, or under one that the ledger lists: what a run has created stays in
/// sight when the source cannot be reached or the filter narrows.
async fn target_side(
    look: &Look<'_>,
    address: &str,
    source: &Inventory,
    ledger: &LedgerFacts,
) -> Outcome<(Inventory, BTreeMap<String, Option<u64>>)> {
    let owned = ledger.objects.iter().filter_map(|object| TableName::parse_key(&object.name));
    let tables = source.tables.iter().map(|table| table.name.clone());
    let views = source.views.iter().map(|view| view.name.clone());
    let meant: BTreeSet<(String, String)> =
        tables.chain(views).chain(owned).map(|name| (name.schema.to_lowercase(), name.name.to_lowercase())).collect();
    let mut schemas: Vec<String> = source.schemas.iter().map(|schema| schema.name.clone()).collect();
    schemas.extend(ledger.objects.iter().filter_map(|o| TableName::parse_key(&o.name)).map(|name| name.schema));
    schemas.sort();
    schemas.dedup();
    let mut conn = connect(look.servers, address).await?;
    // The target may not tell names apart by case: what meets a name in lower case meets it.
    let select = |schema: &str, name: &str| meant.contains(&(schema.to_lowercase(), name.to_lowercase()));
    let (inventory, _) = inventory::inventory(conn.as_mut(), Some(&schemas), &select).await?;
    let rows = has_rows(conn.as_mut(), &inventory.tables).await?;
    Ok((inventory, rows))
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
    let from = look.begun.get(&of.name)?;
    let server = look.servers.get(address)?;
    Some(binlog::writes_since(server.as_ref(), &facts.binlog, from, &of.tables, source).await)
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
        return (None, format!("{shown} is no folder"));
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
        assert!(workdir(&dir.path().join("file/b")).1.ends_with("is no folder"));
    }
}
