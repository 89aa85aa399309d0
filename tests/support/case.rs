//! One migration of a few tables, and what has to come of it: moved, named or refused. Judged by SQL on both servers.

use super::{Bed, program};

/// A source with some tables, what the spec sets, and what has to come of it.
pub struct Case {
    pub name: &'static str,
    pub source: fn() -> Bed,
    pub target: fn() -> Bed,
    /// The objects that the spec names, `{}.*` where nothing is said.
    pub tables: &'static [&'static str],
    pub setup: &'static [&'static str],
    pub gates: &'static str,
    /// Exit code of `mig plan`, and what it says. `{}` is the schema.
    pub plan: (i32, &'static [&'static str]),
    /// The same of `mig apply`, where the plan lets it.
    pub apply: (i32, &'static [&'static str]),
    /// What `mig report` says.
    pub report: &'static [&'static str],
    /// Queries with the same answer on both servers.
    pub same: &'static [&'static str],
    /// A write and a query, in a transaction that is rolled back: the same rows on both servers, or the same error.
    pub next: &'static [(&'static str, &'static str)],
    /// Whether the next plan has to find nothing to do.
    pub settled: bool,
}

pub const NOTHING: Case = Case {
    name: "",
    source: Bed::mysql,
    target: Bed::tidb,
    tables: &["{}.*"],
    setup: &[],
    gates: "",
    plan: (0, &[]),
    apply: (0, &[]),
    report: &[],
    same: &[],
    next: &[],
    settled: false,
};

/// What `query` gives after `write`, or the number of the error.
async fn after(bed: &Bed, write: &str, query: &str) -> Result<Vec<Vec<String>>, Option<u16>> {
    let mut conn = bed.server().connect(&super::write_role()).await.unwrap();
    conn.execute("START TRANSACTION").await.unwrap();
    let done = conn.execute(write).await.map_err(|fault| fault.number);
    let rows = match done {
        Ok(_) => Ok(super::texts(&conn.query(query).await.unwrap_or_else(|fault| panic!("{query}: {fault}")))),
        Err(number) => Err(number),
    };
    conn.execute("ROLLBACK").await.unwrap();
    rows
}

/// Lets TiDB have CHECK constraints while a test runs that needs it.
pub async fn checks(on: bool) {
    static RUNNING: std::sync::Mutex<usize> = std::sync::Mutex::new(0);
    let change = {
        let mut running = RUNNING.lock().unwrap();
        *running = if on { *running + 1 } else { *running - 1 };
        *running == usize::from(on)
    };
    if change {
        Bed::tidb().run(&[&format!("SET GLOBAL tidb_enable_check_constraint = {}", u8::from(on))]).await;
    }
}

/// Gives what the plan said.
pub async fn check(case: &Case) -> String {
    let (source, target) = ((case.source)(), (case.target)());
    let schema = source.schema(case.name, &[&["ALTER DATABASE COLLATE utf8mb4_bin"], case.setup].concat()).await;
    let ledger = format!("ml_{schema}");
    let named = |told: &[&str]| told.iter().map(|text| text.replace("{}", &schema)).collect::<Vec<_>>();
    target.drop_schema(&schema).await;
    target.drop_schema(&ledger).await;
    let dir = tempfile::tempdir().unwrap();
    let tables = named(case.tables).iter().map(|rule| format!("{rule:?}")).collect::<Vec<_>>().join(", ");
    let servers = super::server_blocks((source.config().port, target.config().port), &target, "root", &ledger);
    let spec = format!(
        r#"
{servers}migration "m" {{
  source = source.mysql.from
  target = target.{}.to
  tables = [{tables}]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
    {}
  }}
}}
"#,
        target.label(),
        case.gates
    );
    std::fs::write(dir.path().join("a.mig.hcl"), spec).unwrap();
    let run = |arguments: &[&str], (exit, told): (i32, &[&str])| {
        let told = named(told);
        program::run(dir.path(), arguments, exit, &told.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let said = run(&["plan"], case.plan);
    if case.plan.0 == 0 {
        run(&["apply", "-auto-approve"], case.apply);
        if case.apply.0 == 0 {
            run(&["report"], (0, case.report));
            if case.settled {
                run(&["plan", "-detailed-exitcode"], (0, &["No changes"]));
            }
        }
    } else {
        run(&["apply", "-auto-approve"], (case.plan.0, &[]));
        let there = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}'");
        assert_eq!(target.rows(&there).await, [["0"]], "{}: something was moved", case.name);
    }
    for query in case.same {
        let query = query.replace("{}", &schema);
        assert_eq!(source.rows(&query).await, target.rows(&query).await, "{}: {query}", case.name);
    }
    for (write, query) in case.next {
        let (write, query) = (write.replace("{}", &schema), query.replace("{}", &schema));
        let (here, there) = (after(&source, &write, &query).await, after(&target, &write, &query).await);
        assert_eq!(here, there, "{}: {write}; {query}", case.name);
    }
    source.drop_schema(&schema).await;
    target.drop_schema(&schema).await;
    target.drop_schema(&ledger).await;
    said
}

pub async fn all(cases: &[Case]) {
    for case in cases {
        check(case).await;
    }
}
