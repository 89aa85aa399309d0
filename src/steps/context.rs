//! What the steps of one run share: the spec, the servers, connections with their ceilings, what was observed when the
//! run began. Knows no SDK and no state file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::formats::facts::{Flavor, MigrationFacts, ServerFacts, World};
use crate::formats::names::FirstNames;
use crate::formats::plan::{Graph, Node};
use crate::formats::rowhash::JsonNumbers;
use crate::formats::spec::model::{self, Migration, Spec, ZeroDates};
use crate::formats::steps::TableInputs;
use crate::formats::structure::TableEstimate;
use crate::seams::clock::Clock;
use crate::seams::cloud::Cloud;
use crate::seams::files::{Files, Places};
use crate::seams::program::Programs;
use crate::seams::shell::Shells;
use crate::seams::sql::{Connection, Role, Server};
use crate::seams::store::Store;
use crate::steps::transfer::dump::leftovers::Leftovers;
use crate::steps::transfer::ledger::Object;
use crate::steps::transfer::room::Room;
use crate::think::gates::rules;
use crate::think::plan::desired::{source_addr, target_addr, workdir};
use crate::think::ready::TABLES_AT_ONCE;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// A connection is not kept longer than this: public endpoints of TiDB Cloud cut one after 30 minutes.
const RECYCLE_AFTER: Duration = Duration::from_secs(20 * 60);

/// Nor used again after lying idle for this long: a loader's session lets go after 60 seconds (contract, "Sessions").
const IDLE_AT_MOST: Duration = Duration::from_secs(40);

/// Connections that a loader opens where `threads = "auto"` and the target's cores cannot be asked.
const AUTO_LOAD_THREADS: u32 = 4;

/// Shared by every step of a run.
pub struct Context {
    pub spec: Spec,
    /// The spec's folder: what relative paths stand in.
    pub dir: PathBuf,
    /// Where the state is kept; certificates are put beside it.
    pub store: Arc<dyn Store>,
    /// The holder's number of the state's lock, see [`Store::token`].
    pub token: u64,
    pub lineage: String,
    /// Names this run: a reset that it has done is not done again when it resumes.
    pub plan_digest: Digest,
    pub clock: Arc<dyn Clock>,
    /// Programs of others on this machine.
    pub programs: Arc<dyn Programs>,
    /// When this run began: what was read before is not what it has looked at.
    pub began: String,
    pub world: World,
    graph: Arc<Graph>,
    /// Where in the graph each step is.
    places: BTreeMap<StepAddr, usize>,
    migrations: BTreeMap<String, Arc<Lines>>,
    /// Plain look-and-create connections to targets and looks at sources, by address.
    servers: BTreeMap<StepAddr, Arc<dyn Server>>,
    /// `-show-keys`.
    pub show_keys: bool,
    /// Lines to runners.
    pub shells: Arc<dyn Shells>,
    /// The account of `provider "aws"`, or why it is not to be had; `None`: the spec has none.
    pub cloud: Option<Outcome<Arc<dyn Cloud>>>,
    /// Where files of dumps may be.
    pub file_places: Arc<dyn Places>,
    /// Files in folders of dumps that are removed, also of migrations that left the spec.
    pub leftovers: Leftovers,
    /// The names that folders of dumps have.
    pub first_names: FirstNames,
}

/// What [`Context::new`] is made from.
pub struct Parts {
    pub spec: Spec,
    pub dir: PathBuf,
    pub store: Arc<dyn Store>,
    pub token: u64,
    pub lineage: String,
    /// Of the state.
    pub first_names: FirstNames,
    pub plan_digest: Digest,
    pub clock: Arc<dyn Clock>,
    pub programs: Arc<dyn Programs>,
    pub world: World,
    pub servers: BTreeMap<StepAddr, Arc<dyn Server>>,
    pub show_keys: bool,
    pub shells: Arc<dyn Shells>,
    /// The account of `provider "aws"`, or why it is not to be had; `None`: the spec has none.
    pub cloud: Option<Outcome<Arc<dyn Cloud>>>,
    pub places: Arc<dyn Places>,
}

/// The pools of one migration.
pub struct Lines {
    /// Reads rows of the source; its ceiling is the smaller of `dump.threads` and the source's `max_threads`.
    pub read: Pool,
    /// Creates tables on the target.
    pub create: Pool,
    /// Loads into the target.
    pub write: Pool,
    /// A turn for each part that is being loaded, and one for the part that is made ready meanwhile.
    pub loading: Semaphore,
    /// Hashes rows on the target.
    pub look: Pool,
    /// The ledger knows that this holder of the lock loads now.
    pub held: OnceCell<()>,
    /// What the ledger says of tables whose step has run.
    pub ready: Ready,
    /// `dump.rate_limit`.
    pub pace: Pace,
    /// `dump.disk_limit`.
    pub room: Arc<Room>,
    /// Files of earlier runs in the folder of the dump.
    pub leftovers: Leftovers,
}

/// Rows of the ledger that a table's step has just written or read: its load need not ask again.
#[derive(Default)]
pub struct Ready(Mutex<BTreeMap<TableName, Object>>);

impl Ready {
    pub fn put(&self, table: TableName, object: Object) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(table, object);
    }

    /// Once: anyone who comes again has met a fault, and asks the ledger.
    pub fn take(&self, table: &TableName) -> Option<Object> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(table)
    }
}

/// Bytes a second over all readers of a migration.
pub struct Pace {
    limit: Option<u64>,
    /// When the bytes let through so far will have had their time.
    free_at: Mutex<Instant>,
}

impl Pace {
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit, free_at: Mutex::new(Instant::now()) }
    }

    /// Holds the calling thread back until `bytes` more may pass; others run meanwhile.
    pub fn hold(&self, bytes: u64) {
        let Some(limit) = self.limit.filter(|limit| *limit > 0) else { return };
        let wait = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            *free_at = (*free_at).max(now) + Duration::from_secs_f64(bytes as f64 / limit as f64);
            free_at.saturating_duration_since(now)
        };
        tokio::task::block_in_place(|| std::thread::sleep(wait));
    }
}

impl Context {
    pub fn new(parts: Parts, graph: Arc<Graph>) -> Self {
        for (addr, server) in &parts.servers {
            if let Some(id) = parts.world.servers.get(&addr.to_string()).and_then(own_name) {
                server.bind_to(id);
            }
        }
        let places = graph.nodes.iter().enumerate().map(|(place, node)| (node.addr.clone(), place)).collect();
        let mut migrations = BTreeMap::new();
        for migration in parts.spec.migrations.values() {
            let (Some(source), Some(target)) =
                (parts.spec.sources.get(&migration.source), parts.spec.targets.get(&migration.target))
            else {
                continue;
            };
            let (at_source, at_target) = (source_addr(source), target_addr(target));
            let (Some(from), Some(to)) = (parts.servers.get(&at_source), parts.servers.get(&at_target)) else {
                continue;
            };
            let seen = parts.world.servers.get(&at_target.to_string());
            let cores = seen.and_then(|facts| facts.cores);
            let load_threads = migration.load.threads.or(cores).unwrap_or(AUTO_LOAD_THREADS).max(1);
            let write = Role::Write {
                keep_zero_dates: migration.gates.zero_dates == ZeroDates::Keep,
                session: migration.load.session.clone(),
            };
            // A TiDB gains by many at once ([`TABLES_AT_ONCE`]); another server may have few connections to give.
            let creates = match seen.map(|facts| facts.flavor) {
                Some(Flavor::Tidb) => TABLES_AT_ONCE as u32,
                _ => load_threads,
            };
            let lines = Lines {
                create: Pool::new(to.clone(), write.clone(), creates),
                read: Pool::new(from.clone(), Role::Read, migration.dump.threads.min(source.max_threads).max(1)),
                write: Pool::new(to.clone(), write, load_threads),
                look: Pool::new(to.clone(), Role::Look, migration.verify_threads.max(1)),
                loading: Semaphore::new(load_threads as usize + 1),
                held: OnceCell::new(),
                ready: Ready::default(),
                pace: Pace::new(migration.dump.rate_limit),
                leftovers: Leftovers::default(),
                room: Room::new(migration.dump.room(), files_of(&parts, migration).ok().as_deref()),
            };
            migrations.insert(migration.name.clone(), Arc::new(lines));
        }
        Self {
            spec: parts.spec,
            dir: parts.dir,
            store: parts.store,
            token: parts.token,
            lineage: parts.lineage,
            plan_digest: parts.plan_digest,
            began: parts.clock.now(),
            clock: parts.clock,
            programs: parts.programs,
            world: parts.world,
            graph,
            places,
            migrations,
            servers: parts.servers,
            show_keys: parts.show_keys,
            shells: parts.shells,
            cloud: parts.cloud,
            file_places: parts.places,
            leftovers: Leftovers::default(),
            first_names: parts.first_names,
        }
    }

    pub fn node(&self, addr: &StepAddr) -> Outcome<&Node> {
        self.places.get(addr).and_then(|place| self.graph.nodes.get(*place)).ok_or_else(|| missing(addr))
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.places.values().filter_map(|place| self.graph.nodes.get(*place))
    }

    pub fn migration(&self, addr: &StepAddr) -> Outcome<&Migration> {
        addr.migration().and_then(|name| self.spec.migrations.get(name)).ok_or_else(|| missing(addr))
    }

    pub fn facts(&self, addr: &StepAddr) -> Outcome<&MigrationFacts> {
        addr.migration().and_then(|name| self.world.migrations.get(name)).ok_or_else(|| missing(addr))
    }

    /// A server as it was seen when the run began.
    pub fn seen(&self, addr: &StepAddr) -> Option<&ServerFacts> {
        self.world.servers.get(&addr.to_string())
    }

    /// The source's own guess of a table, for the screen and the size of chunks.
    pub fn estimate(&self, addr: &StepAddr) -> Outcome<TableEstimate> {
        let table = addr.table().ok_or_else(|| missing(addr))?;
        Ok(self.facts(addr)?.source.table(&table).map(|t| t.estimate).unwrap_or_default())
    }

    pub fn lines(&self, addr: &StepAddr) -> Outcome<Arc<Lines>> {
        addr.migration().and_then(|name| self.migrations.get(name)).cloned().ok_or_else(|| missing(addr))
    }

    pub fn server(&self, addr: &StepAddr) -> Outcome<Arc<dyn Server>> {
        self.servers.get(addr).cloned().ok_or_else(|| missing(addr))
    }

    pub fn source_of(&self, migration: &Migration) -> Outcome<StepAddr> {
        self.spec.sources.get(&migration.source).map(source_addr).ok_or_else(|| unknown(&migration.source))
    }

    pub fn target_of(&self, migration: &Migration) -> Outcome<StepAddr> {
        self.spec.targets.get(&migration.target).map(target_addr).ok_or_else(|| unknown(&migration.target))
    }

    /// What becomes of numbers inside of JSON documents that no DOUBLE holds.
    pub fn json_numbers(&self, migration: &Migration) -> Outcome<JsonNumbers> {
        let flavor = self.seen(&self.target_of(migration)?).map(|facts| facts.flavor).unwrap_or_default();
        Ok(rules::json_numbers(&migration.gates, flavor))
    }

    /// The ledger schema of a migration's target.
    pub fn ledger_schema(&self, migration: &Migration) -> Outcome<&str> {
        Ok(&self.target_block(migration)?.ledger_schema)
    }

    /// The spec's block of a migration's target.
    pub fn target_block(&self, migration: &Migration) -> Outcome<&model::Server> {
        self.spec.targets.get(&migration.target).ok_or_else(|| unknown(&migration.target))
    }

    /// The structure of a table, from its `table` step.
    pub fn table(&self, addr: &StepAddr) -> Outcome<(TableName, TableInputs)> {
        let name = addr.table().ok_or_else(|| missing(addr))?;
        let step = StepAddr::of_table(addr.migration().unwrap_or_default(), StepKind::Table, &name);
        let inputs = read_inputs(self.node(&step)?)?;
        Ok((name, inputs))
    }

    /// Where the files of a migration's dump are.
    ///
    /// # Errors
    /// MIG5113: the bucket cannot be opened.
    pub fn files(&self, migration: &Migration) -> Outcome<Arc<dyn Files>> {
        dump_files(&*self.file_places, &self.spec, &self.dir, migration, &self.first_names)
    }

    /// The folder of a migration's dump on this machine, whether or not its files are there.
    pub fn dump_dir(&self, migration: &Migration) -> PathBuf {
        dump_dir(&self.spec, &self.dir, migration, &self.first_names)
    }
}

/// The name by which a server knows itself, and by which each session is asked. It is not what a `source "aurora"` is
/// recorded by: the cluster's name is the cloud's, and no session can give it. The writer of an Aurora may be another one
/// by now, so there the first answer counts.
fn own_name(facts: &ServerFacts) -> Option<&str> {
    let own = !facts.aurora && !facts.own_id.is_empty();
    own.then_some(facts.own_id.as_str())
}

/// Where a migration's dump lies: `WORKDIR/MIGRATION/dump`, by the first name of the migration.
pub fn dump_dir(spec: &Spec, dir: &Path, migration: &Migration, names: &FirstNames) -> PathBuf {
    dump_folder(&dir.join(workdir(spec, migration)), names.of(&migration.name))
}

fn files_of(parts: &Parts, migration: &Migration) -> Outcome<Arc<dyn Files>> {
    dump_files(&*parts.places, &parts.spec, &parts.dir, migration, &parts.first_names)
}

/// Where the files of a migration's dump are: in the bucket that the spec names, else in the folder.
///
/// # Errors
/// MIG5113: the bucket cannot be opened.
pub fn dump_files(
    places: &dyn Places,
    spec: &Spec,
    dir: &Path,
    migration: &Migration,
    names: &FirstNames,
) -> Outcome<Arc<dyn Files>> {
    match &migration.dump.to {
        Some(bucket) => places.bucket(bucket, names.of(&migration.name), dir),
        None => Ok(places.folder(&dump_dir(spec, dir, migration, names))),
    }
}

/// The same in a work folder, for a first name.
pub fn dump_folder(workdir: &Path, migration: &str) -> PathBuf {
    workdir.join(migration).join("dump")
}

/// A node's inputs in their kind's shape.
///
/// # Errors
/// `MIG5102`: the plan was made by another version, or by hand.
pub fn read_inputs<T: serde::de::DeserializeOwned>(node: &Node) -> Outcome<T> {
    node.inputs.read().map_err(|error| {
        Failure::new(
            codes::PLAN_DOES_NOT_FIT_SPEC,
            "read what the step needs from the plan",
            error.to_string(),
            "Make the plan again with this version of mig.",
        )
        .at(&node.addr)
    })
}

fn missing(addr: &StepAddr) -> Failure {
    Failure::new(
        codes::PLAN_DOES_NOT_FIT_SPEC,
        "find what the step works with",
        "the plan or the spec lacks it",
        "Make the plan again.",
    )
    .at(addr)
}

fn unknown(name: &str) -> Failure {
    Failure::new(
        codes::PLAN_DOES_NOT_FIT_SPEC,
        "find a server",
        format!("the spec has no block named {name}"),
        "Make the plan again.",
    )
}

/// Connections that wait for work: when each was made, and when it was given back.
type Idle = Arc<Mutex<Vec<(Box<dyn Connection>, Instant, Instant)>>>;

/// Connections of one role to one server, under a ceiling. A connection is taken for a piece of work and given back.
pub struct Pool {
    server: Arc<dyn Server>,
    role: Role,
    permits: Arc<Semaphore>,
    idle: Idle,
    pub ceiling: u32,
}

impl Pool {
    pub fn new(server: Arc<dyn Server>, role: Role, ceiling: u32) -> Self {
        let permits = Arc::new(Semaphore::new(ceiling as usize));
        Self { server, role, permits, idle: Arc::default(), ceiling }
    }

    /// A place under the ceiling; waits for one.
    pub async fn permit(&self) -> Outcome<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.map_err(|_| {
            Failure::new(codes::NO_CONNECTION, "wait for a connection", "the run is ending", "Run `mig apply` again.")
        })
    }

    /// Several places at once; at most as many as there are.
    pub async fn permits(&self, count: u32) -> Outcome<OwnedSemaphorePermit> {
        self.permits.clone().acquire_many_owned(count.clamp(1, self.ceiling)).await.map_err(|_| {
            Failure::new(codes::NO_CONNECTION, "wait for connections", "the run is ending", "Run `mig apply` again.")
        })
    }

    /// A connection, one given back before or a new one.
    pub async fn take(&self) -> Outcome<Line> {
        let permit = self.permit().await?;
        self.take_with(permit).await
    }

    pub async fn take_with(&self, permit: OwnedSemaphorePermit) -> Outcome<Line> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some((connection, born, idle)) if born.elapsed() < RECYCLE_AFTER && idle.elapsed() < IDLE_AT_MOST => {
                    return Ok(Line { connection, born, home: self.idle.clone(), _permit: permit });
                }
                Some(_) => {}
                None => break,
            }
        }
        let connection = self.server.connect(&self.role).await?;
        Ok(Line { connection, born: Instant::now(), home: self.idle.clone(), _permit: permit })
    }

    /// Whether a connection could be taken at once.
    pub fn is_idle(&self) -> bool {
        self.permits.available_permits() > 0
    }

    pub fn place(&self) -> String {
        self.server.place()
    }
}

/// A connection taken from a pool. Dropped, it is closed; [`Line::give_back`] keeps it for the next piece of work.
pub struct Line {
    pub connection: Box<dyn Connection>,
    born: Instant,
    home: Idle,
    _permit: OwnedSemaphorePermit,
}

impl Line {
    /// Whether it has been open so long that another should go on with the work.
    pub fn is_old(&self) -> bool {
        self.born.elapsed() >= RECYCLE_AFTER
    }

    /// Only after work that ended well: no open transaction, no half-read result.
    pub fn give_back(self) {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push((self.connection, self.born, Instant::now()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::cloud_facts::{CloudFacts, ClusterFacts};
    use crate::think::plan::aws_source::name_sources;

    /// What a session is asked for is what it can answer, whatever the server is recorded by.
    #[test]
    fn a_session_is_bound_by_the_servers_own_name_also_where_the_cloud_has_another() {
        let mut spec = Spec::default();
        let place = crate::words::diag::Place {
            file: String::new(),
            start: 0,
            end: 0,
            line: 1,
            column: 1,
            source_line: String::new(),
        };
        let aurora = model::aws::Aurora {
            cluster_identifier: "database-1".into(),
            host: None,
            port: None,
            password_secret: None,
            iam_auth: false,
            secret_place: None,
        };
        let server = model::Server::dump("shop", place);
        let server = model::Server { label: "aurora".into(), aurora: Some(aurora), ..server };
        spec.sources.insert("shop".into(), server);
        let cluster = crate::formats::cloud::Cluster { resource_id: "cluster-ABC".into(), ..Default::default() };
        let mut cloud = CloudFacts::default();
        cloud.clusters.insert("shop".into(), ClusterFacts { cluster: Some(cluster), ..Default::default() });
        let facts = |own: &str, flavor, aurora| ServerFacts {
            server_id: if own.is_empty() { "minted".into() } else { own.into() },
            own_id: own.into(),
            flavor,
            aurora,
            ..ServerFacts::default()
        };
        for (facts, of_cloud, of_session) in [
            (facts("uuid", Flavor::Mysql, false), false, Some("uuid")),
            (facts("db:3306:/data", Flavor::Mariadb, false), false, Some("db:3306:/data")),
            (facts("", Flavor::Tidb, false), false, None),
            // A plain server that the cloud calls a cluster: a tunnel's end, an emulator's.
            (facts("uuid", Flavor::Mysql, false), true, Some("uuid")),
            // A real one: its writer may be another one by now.
            (facts("uuid", Flavor::Mysql, true), true, None),
        ] {
            let mut world = World { cloud: of_cloud.then(|| cloud.clone()), ..World::default() };
            world.servers.insert("source.aurora.shop".into(), facts);
            name_sources(&spec, &mut world);
            let named = &world.servers["source.aurora.shop"];
            assert_eq!(named.server_id == "cluster-ABC", of_cloud, "{named:?}");
            assert_eq!(own_name(named), of_session, "{named:?}");
        }
    }
}
