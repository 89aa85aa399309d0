//! The state, the ledger on the target, or what was moved is lost, in every combination: the plan says what to do, and
//! anyone who does just that ends with every row there, proven equal. And whatever is taken out of the spec after a run is
//! planned and applied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::journey::Journey;
use support::{Bed, program};

async fn journey(name: &str) -> Journey {
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))",
        "INSERT INTO a VALUES (1, 'one'), (2, NULL)",
        "CREATE TABLE b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES a (id))",
        "INSERT INTO b VALUES (1, 1)",
        "CREATE VIEW w AS SELECT id FROM a",
    ];
    let schema = Bed::mysql().schema(&format!("lost_{name}"), &statements).await;
    Journey::new(Bed::mysql(), vec![schema], name, "", "").await
}

/// What may be lost.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    State,
    Ledger,
    Moved,
}

/// `told`: what the plan says; `way`: what somebody does who reads it.
async fn check(name: &str, lost: &[Lost], told: &[&str], way: &[&str]) {
    let journey = journey(name).await;
    journey.apply();
    let ledger = journey.ledger().to_owned();
    let schema = journey.schema().to_owned();
    let lineage = serde_json::from_slice::<serde_json::Value>(&std::fs::read(journey.path("mig.migstate")).unwrap())
        .unwrap()["lineage"]
        .as_str()
        .unwrap()
        .to_owned();
    for one in lost {
        match one {
            Lost::State => {
                std::fs::remove_file(journey.path("mig.migstate")).unwrap();
            }
            Lost::Ledger => journey.target.run(&[&format!("DROP DATABASE {ledger}")]).await,
            Lost::Moved => journey.target.run(&[&format!("DROP DATABASE {schema}")]).await,
        }
    }
    if lost == [Lost::Ledger] || lost.is_empty() {
        // The rows are equal; whether they are those that the runs of this state moved, the server does not tell any more.
        let (code, said) = journey.said(&["verify"]);
        let elsewhere = program::flat(&said).contains("sees no ledger of mig on target.tidb.to");
        assert_eq!((code, elsewhere), (0, !lost.is_empty()), "{said}");
    }
    let (code, said) = journey.said(&["plan"]);
    assert_eq!(code, if told.is_empty() { 0 } else { 5 }, "{name}: {said}");
    for piece in told {
        let piece = piece.replace("LEDGER", &ledger);
        assert!(program::flat(&said).contains(&piece), "{name} does not say {piece:?}: {said}");
    }
    for step in way {
        let step = step.replace("LEDGER", &ledger).replace("SCHEMA", &schema).replace("LINEAGE", &lineage);
        match step.strip_prefix("mig ") {
            Some(arguments) => drop(journey.run(&arguments.split(' ').collect::<Vec<_>>(), 0)),
            None => journey.target.run(&[&step]).await,
        }
    }
    journey.apply();
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.a JOIN {schema}.w USING (id)")).await;
    assert_eq!(rows, [["2"]], "{name}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_the_plan_names_a_way_that_ends_with_every_row() {
    use Lost::{Ledger, Moved, State};
    let dropped = "DROP DATABASE SCHEMA";
    let rows_out = [
        "DELETE FROM LEDGER.objects WHERE lineage = 'LINEAGE'",
        "DELETE FROM LEDGER.batches WHERE lineage = 'LINEAGE'",
    ];
    let forgotten = ["mig state rm target.tidb.to", "mig state rm migration.m"];
    check("nothing", &[], &[], &[]).await;
    check("moved", &[Moved], &[], &[]).await;
    check("state", &[State], &["MIG2047", "DELETE FROM `LEDGER`.objects"], &[dropped, rows_out[0], rows_out[1]]).await;
    check("recovered", &[State], &["MIG2047", "`mig recover` makes it anew"], &["mig recover", "mig recover -confirm"])
        .await;
    check("recovered_moved", &[State, Moved], &["MIG2048"], &["mig recover -confirm"]).await;
    check("ledger", &[Ledger], &["MIG3040", "mig state rm target.tidb.to"], &[forgotten[0], forgotten[1], dropped])
        .await;
    check("state_moved", &[State, Moved], &["MIG2048", "DELETE FROM `LEDGER`.objects"], &rows_out).await;
    check("state_ledger", &[State, Ledger], &["MIG2043", "Drop or rename"], &[dropped]).await;
    check("ledger_moved", &[Ledger, Moved], &["MIG3040", "mig state rm target.tidb.to"], &forgotten).await;
    check("all", &[State, Ledger, Moved], &[], &[]).await;
}

/// What every command says where something is lost, and that none of them takes a row away.
async fn refused(name: &str, lost: &[&str], commands: &[(&str, i32, &str)]) {
    let journey = journey(name).await;
    journey.apply();
    let (schema, ledger) = (journey.schema().to_owned(), journey.ledger().to_owned());
    for one in lost {
        match *one {
            "state" => std::fs::remove_file(journey.path("mig.migstate")).unwrap(),
            "damaged" => std::fs::write(journey.path("mig.migstate"), "{").unwrap(),
            sql => journey.target.run(&[&sql.replace("LEDGER", &ledger)]).await,
        }
    }
    for (command, expected, piece) in commands {
        let (code, said) = journey.said(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(code, *expected, "{name}: mig {command}: {said}");
        assert!(program::flat(&said).contains(piece), "{name}: mig {command} does not say {piece:?}: {said}");
        let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.a JOIN {schema}.w USING (id)")).await;
        assert_eq!(rows, [["2"]], "{name}: mig {command}");
    }
    journey.end().await;
}

/// The table of docs/shared-state.md.
#[tokio::test(flavor = "multi_thread")]
async fn where_state_or_ledger_are_lost_no_command_drops_a_row_without_confirm() {
    const DROP: &str = "destroy -auto-approve -drop-target-data";
    let nothing = "Nothing to destroy";
    refused(
        "no_state",
        &["state"],
        &[
            ("plan", 5, "MIG2047"),
            ("apply -auto-approve", 5, "MIG2047"),
            (DROP, 0, nothing),
            ("recover", 0, "Nothing was recorded"),
            ("recover -confirm", 0, "2 tables, 1 view, 3 rows loaded"),
            ("recover -confirm", 1, "MIG4019"),
            ("apply -auto-approve", 0, "Certificate of migration.m: equal"),
            ("plan -detailed-exitcode", 0, "No changes"),
            (DROP, 1, "MIG1014"),
        ],
    )
    .await;
    refused(
        "damaged_state",
        &["damaged"],
        &[
            ("plan", 1, "MIG4002"),
            (DROP, 1, "MIG4002"),
            ("recover -confirm", 0, "What was there before is in"),
            ("apply -auto-approve", 0, "Certificate of migration.m: equal"),
        ],
    )
    .await;
    refused(
        "no_ledger",
        &["DROP DATABASE LEDGER"],
        &[
            ("plan", 5, "MIG3040"),
            ("apply -auto-approve", 3, "MIG3040"),
            (DROP, 3, "MIG3040"),
            ("recover -confirm", 1, "MIG4019"),
        ],
    )
    .await;
    refused(
        "no_batches",
        &["DELETE FROM LEDGER.batches"],
        &[
            ("plan", 0, "verified rows are dropped: needs -confirm=TARGET_HOST"),
            ("apply -auto-approve", 1, "MIG1014"),
            (DROP, 1, "MIG1014"),
        ],
    )
    .await;
    refused(
        "no_objects",
        &["DELETE FROM LEDGER.objects WHERE kind IN ('table', 'view')"],
        &[
            ("plan", 5, "MIG2049"),
            ("apply -auto-approve", 5, "MIG2049"),
            (DROP, 1, "MIG1014"),
            ("destroy -auto-approve -drop-target-data -confirm=127.0.0.1", 5, "MIG2062"),
            ("recover -confirm", 1, "MIG4019"),
        ],
    )
    .await;
    refused(
        "neither",
        &["state", "DROP DATABASE LEDGER"],
        &[
            ("plan", 5, "MIG2043"),
            ("apply -auto-approve", 5, "MIG2043"),
            (DROP, 0, nothing),
            ("recover -confirm", 1, "MIG4017"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_the_ledger_has_lost_are_put_back_by_the_statement_of_the_plan() {
    let journey = journey("objects").await;
    journey.apply();
    let lost = format!("DELETE FROM {}.objects WHERE kind = 'view' OR name LIKE '%.b'", journey.ledger());
    journey.target.run(&[&lost]).await;
    let said = program::flat(&journey.run(&["plan"], 5));
    let statement = said.split("INSERT INTO").nth(1).and_then(|rest| rest.split("; then plan again").next());
    journey.target.run(&[&format!("INSERT INTO {}", statement.expect(&said))]).await;
    says(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    // One of them was never dropped, and these are not now.
    says(&journey, &DROP, 5, &["MIG2062"]);
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {}.b", journey.schema())).await;
    assert_eq!(rows, [["1"]]);
    journey.end().await;
}

/// After a recover the ledger alone knows what was made, and the target may be in use: what stood there before a run is not
/// taken back, and what only the ledger knows is dropped with -confirm alone.
#[tokio::test(flavor = "multi_thread")]
async fn what_stood_on_the_target_before_a_run_is_never_taken_back() {
    let journey = journey("in_use").await;
    let schema = journey.schema().to_owned();
    journey.source.run(&[&format!("CREATE TABLE {schema}.queue (id INT PRIMARY KEY)")]).await;
    journey.apply();
    journey.target.run(&[&format!("CREATE INDEX theirs ON {schema}.a (v)")]).await;
    std::fs::remove_file(journey.path("mig.migstate")).unwrap();
    journey.run(&["recover", "-confirm"], 0);
    says(&journey, &["apply", "-auto-approve"], 5, &["MIG5127"]);
    let names = format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}' ORDER BY 1");
    let all = [["a"], ["b"], ["queue"], ["w"]];
    assert_eq!(journey.target.rows(&names).await, all);
    says(&journey, &["apply", "-auto-approve"], 1, &["MIG1014"]);
    assert_eq!(journey.target.rows(&names).await, all);
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.a")).await;
    assert_eq!(rows, [["2"]]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_rows_of_others_is_not_emptied_to_be_loaded_again() {
    let journey = journey("others").await;
    journey.apply();
    let schema = journey.schema().to_owned();
    journey.target.run(&[&format!("INSERT INTO {schema}.a VALUES (100, 'theirs')")]).await;
    let replace = format!("-replace=migration.m.load[\"{schema}.a\"]");
    let again = ["apply", "-auto-approve", &replace, "-confirm=127.0.0.1"];
    says(&journey, &again, 5, &["MIG2062", "it has 3 rows, and the ledger knows of 2"]);
    assert_eq!(journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.a")).await, [["3"]]);
    journey.target.run(&[&format!("DELETE FROM {schema}.a WHERE id = 100")]).await;
    says(&journey, &again, 0, &["Certificate of migration.m: equal"]);
    journey.end().await;
}

/// The ledger counts the rows of each part by its number: where the parts are cut at other borders, another dump's first part
/// has rows that the ledger has in its second.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovered_load_goes_on_only_with_the_parts_that_the_ledger_knows() {
    let numbers = "(SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n AS n FROM digits a, digits b, digits c, digits d) q";
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE digits (n INT PRIMARY KEY)",
        "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(100))",
        &format!("INSERT INTO keyed SELECT n, REPEAT('x', 90) FROM {numbers}"),
        "CREATE TABLE keyless (id INT, v VARCHAR(100))",
        &format!("INSERT INTO keyless SELECT n, REPEAT('x', 90) FROM {numbers}"),
    ];
    let schema = Bed::mysql().schema("lost_cut", &statements).await;
    let small = "dump {\n  chunk_bytes = \"64KiB\"\n  file_size = \"64KiB\"\n}";
    let journey = Journey::new(Bed::mysql(), vec![schema.clone()], "cut", "", small).await;
    journey.apply();
    let path = journey.path("journey.mig.hcl");
    let spec = std::fs::read_to_string(&path).unwrap();
    let sums = |table: &str| format!("SELECT COUNT(*), COUNT(DISTINCT id), SUM(id) FROM {schema}.{table}");
    let before = (journey.target.rows(&sums("keyed")).await, journey.target.rows(&sums("keyless")).await);
    let recover = || {
        std::fs::remove_file(journey.path("mig.migstate")).unwrap();
        std::fs::remove_dir_all(journey.path(".mig")).unwrap();
        journey.run(&["recover", "-confirm"], 0);
    };
    recover();
    std::fs::write(&path, spec.replace("64KiB", "300KiB")).unwrap();
    says(&journey, &["apply", "-auto-approve"], 6, &["MIG6013", "the table was not changed"]);
    assert_eq!((journey.target.rows(&sums("keyed")).await, journey.target.rows(&sums("keyless")).await), before);
    // Where the parts are as before, nothing is left to load. Those of a table with a key follow the server's statistics.
    std::fs::write(&path, &spec).unwrap();
    recover();
    let (code, said) = journey.said(&["apply", "-auto-approve"]);
    assert!(code == 0 || code == 6 && said.contains("MIG6013") && !said.contains("keyless)"), "{code} {said}");
    for table in ["keyed", "keyless"] {
        assert_eq!(journey.target.rows(&sums(table)).await, [["10000", "10000", "49995000"]], "{table}");
    }
    journey.end().await;
}

/// Takes something out of the spec after a run: `from` becomes `to`. What is left is planned, applied and destroyed.
async fn taken_out(name: &str, change: impl Fn(&str, &str) -> String) {
    let journey = journey(name).await;
    journey.apply();
    let path = journey.path("journey.mig.hcl");
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(&before, journey.schema());
    assert_ne!(before, after, "{name}");
    std::fs::write(&path, after).unwrap();
    for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["plan", "-detailed-exitcode"]] {
        let (code, said) = journey.said(arguments);
        assert_eq!(code, 0, "{name} {arguments:?}: {said}");
        assert!(!said.contains("Please report"), "{name} {arguments:?}: {said}");
    }
    // What was moved stays.
    let rows =
        journey.target.rows(&format!("SELECT COUNT(*) FROM {0}.a JOIN {0}.w USING (id)", journey.schema())).await;
    assert_eq!(rows, [["2"]], "{name}");
    journey.run(&["destroy", "-auto-approve"], 0);
    let ledger = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{}'", journey.ledger());
    assert_eq!(journey.target.rows(&ledger).await, [["0"]], "{name}: the ledger stays");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_spec_is_forgotten_and_the_rest_goes_on() {
    let without = |object: &'static str| {
        move |text: &str, schema: &str| text.replace(".*\"]", &format!(".*\", \"!{schema}.{object}\"]"))
    };
    taken_out("view", without("w")).await;
    taken_out("child", without("b")).await;
    taken_out("migration", |text, _| text[..text.find("migration \"m\"").unwrap()].to_owned()).await;
    taken_out("renamed", |text, _| text.replace("migration \"m\"", "migration \"n\"")).await;
    // A server is the same one under another name of its block.
    taken_out("target", |text, _| target_renamed(text)).await;
    taken_out("source", |text, _| text.replace("\"from\"", "\"of\"").replace("mysql.from", "mysql.of")).await;
}

fn target_renamed(text: &str) -> String {
    text.replace("\"to\"", "\"into\"").replace("tidb.to", "tidb.into")
}

impl Spec<'_> {
    fn change(&self, change: impl Fn(&str) -> String) {
        let before = self.text();
        let after = change(&before);
        assert_ne!(before, after);
        std::fs::write(self.0.path("journey.mig.hcl"), after).unwrap();
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.path("journey.mig.hcl")).unwrap()
    }

    fn restore(&self, text: &str) {
        std::fs::write(self.0.path("journey.mig.hcl"), text).unwrap();
    }
}

/// The spec of a journey.
struct Spec<'a>(&'a Journey);

const DROP: [&str; 4] = ["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"];

/// Runs it and asserts what it says.
fn says(journey: &Journey, arguments: &[&str], expected: i32, pieces: &[&str]) {
    let said = program::flat(&journey.run(arguments, expected));
    for piece in pieces {
        assert!(said.contains(piece), "{arguments:?} does not say {piece:?}: {said}");
    }
}

async fn there(journey: &Journey) -> String {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{}' ORDER BY table_name",
        journey.schema()
    );
    journey.target.rows(&sql).await.concat().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_is_known_by_its_server_and_not_by_the_name_of_a_block() {
    let journey = journey("places").await;
    journey.apply();
    let spec = Spec(&journey);
    let before = spec.text();
    // Another server under the name that the migration has now.
    let other = format!(
        "target \"mysql\" \"other\" {{\n  host = \"127.0.0.1\"\n  port = {}\n  username = \"root\"\n  tls {{\n mode = \"disabled\"\n }}\n}}\n",
        Bed::mariadb().config().port
    );
    spec.change(|text| text.replace("target.tidb.to", "target.mysql.other") + &other);
    says(
        &journey,
        &["plan"],
        5,
        &["MIG3040", "migration.m was carried out with another target than target.mysql.other"],
    );
    says(&journey, &DROP, 3, &["MIG3040", "migration.m was carried out with another target"]);
    assert_eq!(there(&journey).await, "a b w");
    // The same server under another name: also where no apply came between.
    spec.restore(&target_renamed(&before));
    says(&journey, &["plan"], 0, &["+ target.tidb.into", "the server that the state has as target.tidb.to"]);
    journey.run(&DROP, 0);
    assert_eq!(there(&journey).await, "");
    let ledger = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{}'", journey.ledger());
    assert_eq!(journey.target.rows(&ledger).await, [["0"]]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_drops_nothing_that_others_put_in_the_place_of_what_was_moved() {
    let journey = journey("strangers").await;
    journey.apply();
    let schema = journey.schema().to_owned();
    let (no_view, table) = (format!("DROP VIEW {schema}.w"), format!("CREATE TABLE {schema}.w (id INT)"));
    journey.target.run(&[&no_view, &table]).await;
    says(&journey, &["plan"], 5, &["MIG2043", "gone from the target, and a table has its name there"]);
    let view = format!("CREATE VIEW {schema}.w AS SELECT 7 AS seven");
    journey.target.run(&[&format!("DROP TABLE {schema}.w"), &view]).await;
    says(&journey, &["plan", "-destroy", "-drop-target-data"], 0, &["3 changes drop tables or views of the target"]);
    says(&journey, &DROP, 5, &["MIG2062", "its text is not the one that this lineage created"]);
    assert_eq!(there(&journey).await, "a w");
    let child =
        format!("CREATE TABLE {schema}.s (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES {schema}.a (id))");
    journey.target.run(&[&no_view, &table, &child]).await;
    let left = format!("a table of the name {schema}.w, which this lineage did not create");
    says(&journey, &DROP, 5, &["Left in place:", &left, "MIG2068", &format!("foreign keys to it: {schema}.s")]);
    assert_eq!(there(&journey).await, "a s w");
    journey.target.run(&[&format!("DROP TABLE {schema}.s")]).await;
    journey.run(&DROP, 0);
    assert_eq!(there(&journey).await, "w");
    says(&journey, &["destroy", "-auto-approve"], 0, &["Nothing to destroy"]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_written_into_the_spec_does_not_hide_the_state_that_is_there() {
    let journey = journey("beside").await;
    journey.apply();
    let spec = Spec(&journey);
    let before = spec.text();
    spec.change(|text| format!("mig {{\n  backend \"local\" {{\n    path = \"other.migstate\"\n  }}\n}}\n{text}"));
    for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["state", "list"]] {
        says(&journey, arguments, 1, &["MIG4036", "mig init -migrate-state"]);
    }
    journey.run(&["init", "-migrate-state", "-from=mig.migstate"], 0);
    says(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    spec.restore(&before);
    says(&journey, &["plan"], 1, &["MIG4033"]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_half_done_destroy_dropped_is_loaded_again_with_every_row() {
    let journey = journey("half").await;
    journey.apply();
    let schema = journey.schema().to_owned();
    let child =
        format!("CREATE TABLE {schema}.s (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES {schema}.a (id))");
    journey.target.run(&[&child]).await;
    says(&journey, &DROP, 5, &["MIG2068"]);
    assert_eq!(there(&journey).await, "a s");
    journey.target.run(&[&format!("DROP TABLE {schema}.s")]).await;
    journey.apply();
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.b")).await;
    assert_eq!(rows, [["1"]], "the ledger's batches of the table that was dropped stood for rows");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_with_a_target_leaves_out_is_done_by_the_next_one() {
    let journey = journey("left_out").await;
    journey.apply();
    let schema = journey.schema().to_owned();
    journey.source.run(&[&format!("INSERT INTO {schema}.a VALUES (3, 'three')")]).await;
    let step = |kind: &str| format!("migration.m.{kind}[\"{schema}.a\"]");
    let (dump, load) = (format!("-replace={}", step("dump")), format!("-target={}", step("load")));
    says(
        &journey,
        &["plan", "-target=migration.m.dump", &format!("-replace={}", step("load"))],
        1,
        &["-target leaves it out"],
    );
    let narrow = ["apply", "-auto-approve", "-confirm=127.0.0.1", &dump, &load];
    says(&journey, &narrow, 0, &["what is recorded of other steps does not hold", &step("verify")]);
    says(&journey, &["show"], 0, &["1 stale", &step("verify")]);
    says(&journey, &["report"], 0, &["the state does not record it any more"]);
    let why = "a run with -target did what it stands on, and left it out";
    says(&journey, &["plan", "-detailed-exitcode"], 2, &[&step("verify"), why]);
    let certificate = journey.apply();
    let rows = |key: &str| {
        certificate["tables"].as_array().unwrap().iter().find(|t| t["table"] == key).unwrap()["rows"]["target"].clone()
    };
    assert_eq!(rows(&format!("{schema}.a")), 3);
    says(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_says_what_it_leaves_and_never_that_it_removed_what_is_there() {
    let journey = journey("leaves").await;
    let spec = Spec(&journey);
    // Runs worked in another folder before.
    let runner = |folder: &str| format!("runner \"local\" \"here\" {{\n  workdir = \"{folder}\"\n}}\n");
    spec.change(|text| text.replace("  gates {", "  runner = runner.local.here\n  gates {") + &runner("one"));
    journey.apply();
    spec.change(|text| text.replace("\"one\"", "\"two\""));
    says(&journey, &["plan"], 0, &["what is in the earlier work folder stays until `mig destroy`"]);
    journey.apply();
    // A table that is only no longer verified is not gone.
    let whole = spec.text();
    spec.change(|text| text.replace("  gates {", "  verify {\n    mode = \"none\"\n  }\n  gates {"));
    says(&journey, &["plan"], 0, &["neither the spec nor the source asks for it now; what it did stays"]);
    spec.restore(&whole);
    // What the filter includes no longer is forgotten and stays.
    let schema = journey.schema().to_owned();
    spec.change(|text| text.replace(".*\"]", &format!(".*\", \"!{schema}.b\"]")));
    journey.apply();
    let whole = spec.text();
    // Neither the migration nor its target is in the spec: nothing can be done there, and the record stays.
    let target = whole.find("target \"tidb\"").unwrap();
    let (migration, runner) = (whole.find("migration \"m\"").unwrap(), whole.find("runner \"local\"").unwrap());
    spec.restore(&format!("{}{}", &whole[..target.min(migration)], &whole[runner..]));
    std::fs::create_dir_all(journey.path("two/strange")).unwrap();
    std::fs::write(journey.path("two/strange/file"), "x").unwrap();
    says(&journey, &["plan", "-destroy"], 0, &["MIG5105", "the spec has no block target.tidb.to"]);
    says(&journey, &DROP, 1, &["MIG5105", "migration.m"]);
    let left = ["MIG5105", "target.tidb.to", "Left in place:", "strange/file"];
    says(&journey, &["destroy", "-auto-approve"], 1, &left);
    for folder in ["one", "two"] {
        let rows = std::fs::read_dir(journey.path(folder).join("m/dump")).map_or(0, Iterator::count);
        assert_eq!(rows, 0, "{folder}");
    }
    says(&journey, &["state", "list"], 0, &["target.tidb.to"]);
    spec.restore(&whole);
    std::fs::create_dir_all(journey.path("two/strange")).unwrap();
    std::fs::write(journey.path("two/strange/file"), "x").unwrap();
    let left = format!(
        "not looked at, as the state no longer knows them; this lineage once created them: {schema}.a, {schema}.b, {schema}.w"
    );
    says(&journey, &["destroy", "-auto-approve"], 0, &["Left in place:", &left]);
    assert!(!journey.path("one").exists() && journey.path("two/strange/file").exists());
    journey.end().await;
}
