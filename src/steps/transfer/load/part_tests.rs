//! What a load does when a server answers in each of the ways that a real one cannot be made to answer at a wanted moment:
//! against a fake, a scripted server (`seams/scripted.rs`). `tests/kills.rs` does it to real servers, at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::formats::ddl::fixture::{column, table};
use crate::formats::facts::World;
use crate::formats::plan::Graph;
use crate::formats::spec::fixture::spec_of;
use crate::formats::worker::Endpoint;
use crate::seams::scripted::{Answer, CONNECT, Hurried, Said, Scripted, on, rows};
use crate::seams::shell::{Shell, Shells};
use crate::steps::context::Parts;
use crate::steps::step::Wiring;
use crate::steps::transfer::batch::tests::part;
use crate::think::plan::desired::{source_addr, target_addr};
use crate::words::digest::Digest;

const SPEC: &str = r#"
source "mysql" "from" {
  host     = "db.example"
  username = "mover"
}
target "tidb" "to" {
  host     = "tidb.example"
  username = "loader"
}
migration "shop" {
  source = source.mysql.from
  target = target.tidb.to
}
"#;

struct NoShells;

impl Shells for NoShells {
    fn connect<'a>(&'a self, _: &'a Endpoint) -> BoxFuture<'a, Outcome<Arc<dyn Shell>>> {
        panic!("nothing here runs on another machine")
    }
}

fn context(server: &Scripted) -> Context {
    let spec = spec_of(SPEC, &[]);
    let (source, target) = (source_addr(&spec.sources["from"]), target_addr(&spec.targets["to"]));
    let server: Arc<dyn crate::seams::sql::Server> = Arc::new(server.clone());
    let parts = Parts {
        spec,
        dir: "/".into(),
        store: Arc::new(crate::hosts::memory::MemoryStore::new()),
        token: 0,
        lineage: "l".into(),
        first_names: Default::default(),
        plan_digest: Digest::of(&"a plan"),
        clock: Arc::new(Hurried::default()),
        programs: Arc::new(crate::hosts::program::Local),
        world: World::default(),
        servers: BTreeMap::from([(source, server.clone()), (target, server)]),
        show_keys: false,
        shells: Arc::new(NoShells),
        cloud: None,
        places: Arc::new(crate::hosts::places::FilePlaces::default()),
    };
    Context::new(parts, Arc::new(Graph { nodes: Vec::new(), edges: Vec::new() }))
}

/// The load of one part of ten rows, in batches of 3, 4 and 3.
fn job(
    server: &Scripted,
    dir: &Path,
    table: Table,
    target: Flavor,
) -> (Arc<Job>, mpsc::UnboundedReceiver<crate::steps::step::FromStep>) {
    let context = Arc::new(context(server));
    let addr = StepAddr::of_table("shop", StepKind::Load, &table.name);
    let (to_drive, from_step) = mpsc::unbounded_channel();
    let (_, parts) = mpsc::unbounded_channel();
    let (_, signals) = watch::channel(None);
    let state = Arc::new(std::sync::RwLock::new(crate::formats::state::State::new("l".into())));
    let wiring = Wiring { no: 0, to_drive, parts, signals, state, meter: Arc::default() };
    let ctx = StepCtx::new(addr.clone(), crate::formats::state::Progress::default(), None, wiring);
    let job = Job {
        lines: context.lines(&addr).unwrap(),
        context,
        ctx,
        key: table.name.key(),
        table,
        ledger: "mig_ledger".into(),
        epoch: 1,
        files: Arc::new(crate::hosts::folder::Folder::new(dir)),
        work: Arc::new(crate::hosts::folder::Folder::new(dir)),
        tool: None,
        one_by_one: true,
        form: Form::LoadData,
        target,
        statement: "LOAD DATA".into(),
        batch_bytes: usize::try_from(AUTO_BATCH_BYTES).unwrap(),
        keep: true,
        recorded: BTreeMap::new(),
        lost: BTreeSet::new(),
        unrecorded: Default::default(),
    };
    (Arc::new(job), from_step)
}

/// Words of the ledger's row of a batch.
fn ledger_row(from: u64, to: u64) -> String {
    format!("SELECT lineage, name, epoch, 1, {from}, {to}, {}, ", to - from)
}

/// A batch that goes in, up to its COMMIT.
fn sent(from: u64, to: u64) -> Vec<Said> {
    vec![
        on("BEGIN", Answer::Done(0)),
        on(ledger_row(from, to), Answer::Done(1)),
        on(format!("LOAD DATA ({} lines from {from})", to - from), Answer::Done(to - from)),
    ]
}

fn taken(from: u64, to: u64) -> Vec<Said> {
    [sent(from, to), vec![on("COMMIT", Answer::Done(0))]].concat()
}

/// A new connection that asks the ledger, which has these batches.
fn asked(batches: &[[&str; 5]]) -> Vec<Said> {
    let known: Vec<&[&str]> = batches.iter().map(|batch| &batch[..]).collect();
    vec![on(CONNECT, Answer::Done(0)), on("SELECT chunk, from_row, to_row", rows(&known))]
}

fn connected() -> Vec<Said> {
    vec![on(CONNECT, Answer::Done(0))]
}

/// What a part comes to.
#[derive(Clone, Copy)]
enum End {
    Loaded,
    /// The failure's code, and words of its cause.
    Fails(&'static str, &'static str),
}

struct Row {
    name: &'static str,
    /// An earlier run may have sent some of it.
    begun: bool,
    script: Vec<Vec<Said>>,
    end: End,
}

async fn check(dir: &Path, table: &Table, entry: &PartEntry, target: Flavor, row: Row) {
    let Row { name, begun, script, end } = row;
    let server = Scripted::new(name, script.into_iter().flatten());
    let (job, _from_step) = job(&server, dir, table.clone(), target);
    let done = job.part(entry.clone(), begun).await;
    match (done, end) {
        (Ok(loaded), End::Loaded) => assert_eq!(&loaded, entry, "{name}"),
        (Err(failure), End::Fails(code, words)) => {
            assert_eq!(failure.code, code, "{name}: {failure:?}");
            assert!(failure.cause.contains(words), "{name}: {}", failure.cause);
        }
        (Ok(_), End::Fails(code, _)) => panic!("{name}: loaded, and {code} was expected"),
        (Err(failure), End::Loaded) => panic!("{name}: {failure:?}"),
    }
    server.is_through();
}

/// The table, its part, and the decimal hash of the first three rows.
fn ten_rows(dir: &Path) -> (Table, PartEntry, String) {
    let columns = vec![column("id", "int"), column("v", "varchar(99)")];
    let table = Table { columns, ..table("shop", "t") };
    let entry = part(dir, &table);
    let first = entry.marks[0].sum.to_string();
    (table, entry, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_goes_in_once_whatever_is_lost_on_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let (table, entry, first) = ten_rows(dir.path());
    let rest = || [taken(3, 7), taken(7, 10)].concat();
    let all = || [taken(0, 3), rest()].concat();
    let three = || asked(&[["1", "0", "3", "3", &first]]);
    let cut = |line: &str| vec![on(line, Answer::Lost)];
    for row in [
        Row { name: "nothing is wrong", begun: false, script: vec![connected(), all()], end: End::Loaded },
        Row {
            name: "the answer to a COMMIT is lost, and it took effect",
            begun: false,
            script: vec![connected(), sent(0, 3), cut("COMMIT"), three(), rest()],
            end: End::Loaded,
        },
        Row {
            name: "the answer to a COMMIT is lost, and it had no effect",
            begun: false,
            script: vec![connected(), sent(0, 3), cut("COMMIT"), asked(&[]), all()],
            end: End::Loaded,
        },
        Row {
            name: "the connection is lost in the middle of the rows",
            begun: false,
            script: vec![connected(), sent(0, 3)[..2].to_vec(), cut("LOAD DATA"), asked(&[]), all()],
            end: End::Loaded,
        },
        Row {
            name: "an earlier run's COMMIT arrives while this one asks",
            begun: true,
            script: vec![
                asked(&[]),
                vec![on("BEGIN", Answer::Done(0)), on(ledger_row(0, 3), Answer::Refused(1062, "Duplicate entry 'x'"))],
                three(),
                rest(),
            ],
            end: End::Loaded,
        },
        Row {
            name: "an earlier connection still holds the batch's row",
            begun: true,
            script: vec![
                asked(&[]),
                vec![on("BEGIN", Answer::Done(0)), on(ledger_row(0, 3), Answer::Refused(1205, "Lock wait timeout"))],
                asked(&[]),
                all(),
            ],
            end: End::Loaded,
        },
        Row {
            name: "a server that compares keys at COMMIT meets the batch's own row",
            begun: false,
            script: vec![
                connected(),
                sent(0, 3),
                vec![on("COMMIT", Answer::Refused(1062, "Duplicate entry 'x' for key 'PRIMARY'"))],
                three(),
                rest(),
            ],
            end: End::Loaded,
        },
        Row {
            name: "all of it is in",
            begun: true,
            script: vec![asked(&[["1", "0", "10", "10", &entry.hash.sum.to_string()]])],
            end: End::Loaded,
        },
        Row {
            name: "no new connection for a while",
            begun: false,
            script: vec![vec![on(CONNECT, Answer::Lost), on(CONNECT, Answer::Lost)], asked(&[]), all()],
            end: End::Loaded,
        },
    ] {
        check(dir.path(), &table, &entry, Flavor::Mysql, row).await;
    }
    let tidb = |said: Vec<Said>| {
        let start = |(words, answer): Said| on(words.replace("BEGIN", "SET autocommit = 0"), answer);
        said.into_iter().map(start).collect::<Vec<_>>()
    };
    let script = vec![connected(), tidb(all()), vec![on("SET autocommit = 1", Answer::Done(0))]];
    let row =
        Row { name: "a TiDB's transactions begin with their first statement", begun: false, script, end: End::Loaded };
    check(dir.path(), &table, &entry, Flavor::Tidb, row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_ends_where_the_ledger_is_not_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (table, entry, first) = ten_rows(dir.path());
    let overtaken = |object: Answer| {
        vec![
            on("BEGIN", Answer::Done(0)),
            on(ledger_row(0, 3), Answer::Done(0)),
            on("ROLLBACK", Answer::Done(0)),
            on("SELECT state, epoch", object),
        ]
    };
    for row in [
        Row {
            name: "another process loads the table anew",
            begun: false,
            script: vec![connected(), overtaken(rows(&[&["created", "2"]]))],
            end: End::Fails("MIG5146", "load number 2"),
        },
        Row {
            name: "the ledger no longer has the table",
            begun: false,
            script: vec![connected(), overtaken(rows(&[]))],
            end: End::Fails("MIG5146", "no longer has the table"),
        },
        Row {
            name: "an epoch that is no number",
            begun: false,
            script: vec![connected(), overtaken(rows(&[&["created", "two"]]))],
            end: End::Fails("MIG5120", "is not a number"),
        },
        Row {
            name: "a gap",
            begun: true,
            script: vec![asked(&[["1", "3", "7", "4", "1"]])],
            end: End::Fails("MIG5142", "gap"),
        },
        Row {
            name: "a batch that cannot be read is not one that is not there",
            begun: true,
            script: vec![asked(&[["1", "0", "three", "3", &first]])],
            end: End::Fails("MIG5143", "is not a number"),
        },
        Row {
            name: "batches of another dump",
            begun: true,
            script: vec![asked(&[["1", "0", "10", "10", "5"]])],
            end: End::Fails("MIG6013", "1 batch of a part of this number"),
        },
    ] {
        check(dir.path(), &table, &entry, Flavor::Mysql, row).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_halved_to_the_row_and_the_row_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (table, entry, _) = ten_rows(dir.path());
    let unclean = |warned: Answer| {
        let [begin, row, _] = sent(0, 3).try_into().unwrap_or_else(|_| panic!("three lines"));
        let text = "Data truncated for column 'v' at row 2";
        vec![
            begin,
            row,
            on("LOAD DATA (3 lines from 0)", warned),
            on("SHOW WARNINGS", rows(&[&["Warning", "1265", text]])),
            on("ROLLBACK", Answer::Done(0)),
        ]
    };
    // Strict INSERTs of the first rows, as far as one that is refused.
    let inserted = |from: u64, to: u64, answer: Answer| {
        vec![
            on("BEGIN", Answer::Done(0)),
            on(ledger_row(from, to), Answer::Done(1)),
            on("USE `shop`", Answer::Done(0)),
            on("INSERT INTO `t`", answer),
        ]
    };
    let refused = || Answer::Refused(1265, "Data truncated for column 'v' at row 1");
    let halving = || {
        [
            asked(&[]),
            inserted(0, 3, refused()),
            asked(&[]),
            inserted(0, 1, Answer::Done(1)),
            vec![on("COMMIT", Answer::Done(0))],
            inserted(1, 2, refused()),
        ]
        .concat()
    };
    let said = || Answer::Warned(3, 1, "Records: 3  Deleted: 0  Skipped: 0  Warnings: 1");
    let fewer = || Answer::Warned(2, 1, "Records: 3  Deleted: 0  Skipped: 1  Warnings: 1");
    for (name, warned) in [
        ("a warning of LOAD DATA", &said as &dyn Fn() -> Answer),
        ("a row that LOAD DATA skipped", &fewer),
        ("fewer rows, and no word of it", &|| Answer::Done(2)),
    ] {
        // Once more before it counts: where keys are compared at COMMIT, rows that are in already look like this.
        let script = vec![connected(), unclean(warned()), asked(&[]), unclean(warned()), halving()];
        let row = Row { name, begun: false, script, end: End::Fails("MIG5141", "t.sql, row 2") };
        check(dir.path(), &table, &entry, Flavor::Mysql, row).await;
    }
    let large = |from: u64, to: u64| {
        let mut lines = sent(from, to);
        lines[2].1 = Answer::Refused(8025, "entry too large");
        lines
    };
    let script = vec![connected(), large(0, 3), asked(&[]), large(0, 1)];
    let row = Row { name: "one row is too large", begun: false, script, end: End::Fails("MIG5145", "t.sql, row 1") };
    check(dir.path(), &table, &entry, Flavor::Mysql, row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_borne_with_until_they_are_too_many_without_progress() {
    let dir = tempfile::tempdir().unwrap();
    let (table, entry, first) = ten_rows(dir.path());
    let deadlock = || vec![on("BEGIN", Answer::Refused(1213, "Deadlock found"))];
    let again = |times: usize| (0..times).flat_map(|_| [asked(&[]), deadlock()].concat()).collect::<Vec<Said>>();
    let tries = crate::steps::again::TRIES as usize;
    let script = vec![connected(), deadlock(), again(tries)];
    let row = Row { name: "a deadlock each time", begun: false, script, end: End::Fails("MIG5143", "Deadlock") };
    check(dir.path(), &table, &entry, Flavor::Mysql, row).await;

    // A batch that gets through begins the count again.
    let three = || asked(&[["1", "0", "3", "3", &first]]);
    let behind = (0..tries - 1).flat_map(|_| [three(), deadlock()].concat()).collect::<Vec<Said>>();
    let script = vec![
        connected(),
        deadlock(),
        again(tries - 1),
        asked(&[]),
        taken(0, 3),
        deadlock(),
        behind,
        three(),
        taken(3, 7),
        taken(7, 10),
    ];
    let row = Row { name: "deadlocks with progress between them", begun: false, script, end: End::Loaded };
    check(dir.path(), &table, &entry, Flavor::Mysql, row).await;
}
