//! Where the program writes and what it says, with the program itself: files of its own are never overwritten, what holds rows
//! is its owner's alone, a reader that is gone or a full disk has the exit code that is documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;
#[path = "teams/mod.rs"]
mod teams;

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::journey::Journey;
use support::{Bed, program};

async fn journey(name: &str) -> Journey {
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
        "INSERT INTO t VALUES (1, 'one'), (2, NULL)",
    ];
    let schema = Bed::mysql().schema(&format!("out_{name}"), &statements).await;
    Journey::new(Bed::mysql(), vec![schema], name, "", "").await
}

#[tokio::test]
async fn a_plan_is_written_where_it_was_asked_for_and_never_over_a_file_of_the_program() {
    let journey = journey("where").await;
    journey.apply();
    let read = |name: &str| std::fs::read(journey.path(name)).unwrap();
    std::fs::create_dir(journey.path("aside")).unwrap();
    std::os::unix::fs::symlink("../mig.migstate", journey.path("aside/link")).unwrap();
    let spec = String::from_utf8(read("journey.mig.hcl")).unwrap();
    let tables = spec.lines().find(|line| line.trim().starts_with("tables")).unwrap().to_owned();
    let names = tables.split('"').nth(1).unwrap().to_owned();
    std::fs::write(journey.path("rules.txt"), format!("{names}\n")).unwrap();
    std::fs::hard_link(journey.path("rules.txt"), journey.path("aside/same")).unwrap();
    std::fs::write(journey.path("ca.pem"), "").unwrap();
    let spec = spec.replacen(&tables, "  tables = [\"@rules.txt\"]", 1);
    let unused = "source \"mysql\" \"unused\" {\n  host = \"127.0.0.1\"\n  port = 1\n  username = \"u\"\n  tls {\n    \
                  mode = \"verify_ca\"\n    ca_file = \"ca.pem\"\n  }\n}\n";
    std::fs::write(journey.path("journey.mig.hcl"), format!("{spec}\n{unused}")).unwrap();
    for (out, what) in [
        ("mig.migstate", "that is the state"),
        ("./mig.migstate", "that is the state"),
        ("aside/link", "that is the state"),
        ("mig.migstate.journal", "that is the state, or a file that mig keeps beside it"),
        ("mig.migstate.lock", "that is the state, or"),
        ("mig.migstate.backup", "that is the state, or"),
        ("mig.migstate.known_hosts", "that is the state, or"),
        ("mig.migstate.m.certificate.json", "that is the state, or"),
        ("mig.migstate.other.certificate.json", "that is the state, or"),
        ("journey.mig.hcl", "that is a file of the spec"),
        // It would be read with the rest of the spec by the next command.
        ("new.mig.hcl", "that is a file of the spec"),
        ("aside/../new.mig.hcl", "that is a file of the spec"),
        ("rules.txt", "that is a file that the spec reads"),
        ("aside/same", "that is a file that the spec reads"),
        ("ca.pem", "that is a file that the spec reads"),
        (".mig/work/m/dump/x", "in the work folder of a migration"),
    ] {
        let all =
            || (read("mig.migstate"), read("journey.mig.hcl"), read("rules.txt"), journey.path("new.mig.hcl").exists());
        let before = all();
        let told = program::flat(&journey.run(&["plan", "-out", out], 1));
        assert!(told.contains("MIG1004") && told.contains(what), "{out}: {told}");
        assert_eq!(all(), before, "{out}");
    }
    std::fs::write(journey.path("journey.mig.hcl"), spec).unwrap();
    // A pipe gets the plan and stays a pipe.
    let pipe = journey.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read(pipe).unwrap())
    };
    journey.run(&["plan", "-out", "pipe"], 0);
    assert!(reader.join().unwrap().starts_with(b"{"));
    assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    // Links are followed, also to what is not there yet.
    for (link, to) in [("old.link", "old.plan"), ("new.link", "aside/new.plan")] {
        if link == "old.link" {
            std::fs::write(journey.path(to), "old").unwrap();
        }
        std::os::unix::fs::symlink(to, journey.path(link)).unwrap();
        journey.run(&["plan", "-out", link], 0);
        assert!(std::fs::symlink_metadata(journey.path(link)).unwrap().is_symlink());
        assert!(read(to).starts_with(b"{"), "{link}");
        assert_eq!(std::fs::metadata(journey.path(to)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    journey.end().await;
}

#[tokio::test]
async fn a_state_behind_a_link_to_nothing_yet_is_made_where_the_link_leads() {
    let journey = journey("link").await;
    std::fs::create_dir(journey.path("shared")).unwrap();
    std::os::unix::fs::symlink("shared/mig.migstate", journey.path("mig.migstate")).unwrap();
    journey.run(&["apply", "-auto-approve"], 0);
    assert!(std::fs::symlink_metadata(journey.path("mig.migstate")).unwrap().is_symlink());
    assert!(journey.path("shared/mig.migstate").is_file());
    journey.run(&["plan", "-detailed-exitcode"], 0);
    journey.end().await;
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(all(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

#[tokio::test]
async fn what_holds_rows_is_its_owners_alone_whatever_the_umask() {
    let journey = journey("umask").await;
    let run = format!("umask 000; exec {} apply -auto-approve", env!("CARGO_BIN_EXE_mig"));
    let output = Command::new("sh").args(["-c", &run]).current_dir(journey.folder()).output().unwrap();
    assert!(output.status.success(), "{}", program::said(&output));
    let files = all(&journey.path(".mig"));
    assert!(files.iter().any(|file| file.extension().is_some_and(|e| e == "sql")), "{files:?}");
    for file in files {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if file.is_dir() { 0o700 } else { 0o600 }, "{file:?}: {mode:o}");
    }
    journey.end().await;
}

#[tokio::test]
async fn a_reader_that_is_gone_or_a_full_disk_has_its_exit_code() {
    let journey = journey("full").await;
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let code = |arguments: &[&str], out: Stdio, err: Stdio| {
        let mut command = program::command(journey.folder(), arguments);
        command.stdout(out).stderr(err).status().unwrap().code()
    };
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for (arguments, out, err, expected) in [
        (&["version"][..], full(), Stdio::null(), 1),
        (&["version"], gone(), Stdio::null(), 0),
        (&["plan", "-json"], full(), Stdio::null(), 1),
        // Whoever asks for JSON reads all of it; a person may have seen enough.
        (&["plan"], gone(), Stdio::null(), 0),
        (&["plan", "-json"], gone(), Stdio::null(), 1),
        (&["validate", "-json"], gone(), Stdio::null(), 1),
        (&["version", "-json"], gone(), Stdio::null(), 1),
        (&["plan"], full(), full(), 1),
        (&["-chdir=/nonexistent", "plan"], Stdio::null(), full(), 1),
        (&["plan", "-target=nosuch"], gone(), gone(), 1),
        // A run goes on without its readers, and says so by its exit code where a program misses what it would have read.
        (&["apply", "-auto-approve", "-json"], full(), Stdio::null(), 1),
        (&["plan", "-detailed-exitcode"], Stdio::null(), Stdio::null(), 0),
        (&["apply", "-auto-approve"], gone(), gone(), 0),
        (&["plan", "-detailed-exitcode"], Stdio::null(), full(), 0),
        (&["state", "pull"], gone(), Stdio::null(), 1),
        (&["destroy", "-auto-approve", "-json"], gone(), Stdio::null(), 1),
        // It was done all the same.
        (&["destroy", "-auto-approve", "-json"], Stdio::null(), Stdio::null(), 0),
    ] {
        assert_eq!(code(arguments, out, err), Some(expected), "{arguments:?}");
    }
    journey.end().await;
}

#[tokio::test]
async fn a_saved_plan_takes_no_further_wishes_and_a_forgotten_migration_gets_no_certificate() {
    let journey = journey("wishes").await;
    journey.run(&["plan", "-out", "p"], 0);
    for wish in ["-target=migration.m", "-replace=migration.m.report"] {
        let told = program::flat(&journey.run(&["apply", "p", wish], 1));
        assert!(told.contains("MIG1002") && told.contains("do not go with a saved plan"), "{told}");
    }
    assert!(!journey.path("mig.migstate").exists());
    assert!(journey.run(&["apply", "p"], 0).contains("Certificate of migration.m"));
    let spec = std::fs::read_to_string(journey.path("journey.mig.hcl")).unwrap();
    let without = spec.split("migration \"m\"").next().unwrap();
    std::fs::write(journey.path("journey.mig.hcl"), without).unwrap();
    let told = journey.run(&["apply", "-auto-approve"], 0);
    assert!(!told.contains("Certificate"), "{told}");
    journey.end().await;
}

#[tokio::test]
async fn another_authority_than_the_reviewed_one_makes_a_plan_stale() {
    let journey = journey("authority").await;
    std::fs::copy(journey.source.dir.join("data/ca.pem"), journey.path("ca.pem")).unwrap();
    let spec = std::fs::read_to_string(journey.path("journey.mig.hcl")).unwrap();
    let verified = spec.replacen("mode = \"disabled\"", "mode = \"verify_ca\"\n    ca_file = \"ca.pem\"", 1);
    std::fs::write(journey.path("journey.mig.hcl"), verified).unwrap();
    journey.run(&["plan", "-out", "p"], 0);
    let reviewed = std::fs::read(journey.path("ca.pem")).unwrap();
    std::fs::write(journey.path("ca.pem"), [&reviewed[..], b"\n"].concat()).unwrap();
    let told = journey.run(&["apply", "p"], 3);
    assert!(!journey.path("mig.migstate").exists(), "{told}");
    std::fs::write(journey.path("ca.pem"), reviewed).unwrap();
    journey.run(&["apply", "p"], 0);
    journey.end().await;
}

/// Types each command of a page's examples in a folder; how many there were.
fn type_all(page: &str, folder: &std::path::Path) -> usize {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut typed = 0;
    for line in blocks.flat_map(str::lines) {
        let line = line.split("  #").next().unwrap().trim();
        let script =
            line.replacen("mig ", &format!("{} ", env!("CARGO_BIN_EXE_mig")), usize::from(line.starts_with("mig ")));
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", program::said(&output));
        typed += 1;
    }
    typed
}

/// The way of a first-time user: every command of the tutorial, in its order, with this test's servers.
#[tokio::test]
async fn the_commands_of_the_tutorial_lead_from_an_empty_folder_to_a_proven_migration() {
    let (source, target) = (Bed::mysql(), Bed::tidb());
    let made =
        ["CREATE TABLE orders (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO orders VALUES (1, 'a'), (2, 'b')"];
    let schema = source.schema("tutorial", &made).await;
    target.drop_schema(&schema).await;
    let dir = tempfile::tempdir().unwrap();
    let page = include_str!("../docs/tutorial.md");
    let init = page.lines().find(|line| line.starts_with("mig init")).unwrap();
    let url = |bed: &Bed, kind: &str| format!("{kind}://root@127.0.0.1:{}", bed.config().port);
    let own = format!(
        "mig init -source={} -target={} -tables='{schema}.*' -name=shop -source-tls=disabled -target-tls=disabled \
         -source-password-env=none -target-password-env=none",
        url(&source, "mysql"),
        url(&target, "tidb")
    );
    let typed = type_all(&page.replace(init, &own), dir.path());
    assert!(typed > 20, "{typed}");
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(read("certificate.md").contains("equal"), "{}", read("certificate.md"));
    assert!(
        read("comment.md").starts_with("<!-- mig plan -->") && read("plan.html").contains("Content-Security-Policy")
    );
    assert_eq!(
        target.rows(&format!("SELECT COUNT(*) FROM {schema}.orders")).await,
        [["2"]],
        "the migrated table stays"
    );
    target.drop_schema(&schema).await;
}

/// Every command of the page for the night is typed as it stands there, with this test's names.
#[tokio::test]
async fn the_commands_of_the_page_for_the_night_work() {
    let journey = journey("night").await;
    journey.apply();
    let schema = format!("{}.t", journey.schema());
    let page =
        include_str!("../docs/on-call.md").replace("shop.orders", &schema).replace("migration.shop", "migration.m");
    let typed = type_all(&page, journey.folder());
    assert!(typed > 10, "{typed}");
    let left = format!("SELECT COUNT(*) FROM {schema}");
    assert_eq!(journey.target.rows(&left).await, [["2"]], "the migrated table stays");
    journey.end().await;
}

/// `mig check`: the same findings as the plan's, in three forms, without a state and without an effect.
#[tokio::test]
async fn a_check_tells_what_the_gates_say_and_creates_nothing() {
    let good = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) COLLATE utf8mb4_bin)";
    let schema = Bed::mysql().schema("check", &[good]).await;
    let journey = Journey::new(Bed::mysql(), vec![schema.clone()], "check", "", "").await;
    let ready = journey.json(&["check", "-json"], 0);
    assert_eq!((&ready["verdict"], &ready["refused_by"]), (&"ready".into(), &serde_json::json!([])), "{ready:#}");
    assert!(journey.run(&["check"], 0).contains("Ready: no gate refuses."));
    assert!(journey.run(&["check", "-markdown"], 0).starts_with("<!-- mig check -->\n### mig check\n\nReady: "));
    // What the target cannot take: each form names it, and the exit code is a gate's.
    journey.source.run(&[&format!("CREATE TABLE {schema}.shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL)")]).await;
    let refused = journey.json(&["check", "-json"], 5);
    let gate = "migration.m.gate[\"compatibility\"]";
    assert_eq!((&refused["verdict"], &refused["refused_by"]), (&"refused".into(), &serde_json::json!([gate])));
    assert_eq!(refused["gates"][gate]["findings"][0]["code"], "MIG2101", "{refused:#}");
    for form in [&["check"][..], &["check", "-markdown"]] {
        let told = journey.run(form, 5);
        assert!(told.contains("MIG2101") && told.contains("shapes.g") && told.contains("Refused: "), "{told}");
        assert!(!told.contains(" to create"), "what would be done is the plan's matter: {told}");
    }
    assert!(!journey.path("mig.migstate").exists() && !journey.path("mig.migstate.lock").exists());
    journey.end().await;
}

/// Names that would colour, hide, overwrite or fake lines of a terminal, a CI log or a review.
#[tokio::test]
async fn names_of_a_server_are_text_wherever_they_are_printed() {
    let names = [
        "a\u{1b}[31mRED",
        "c1\u{9b}31m",
        "bidi\u{202e}gnp.exe",
        "cr\rOVERWRITE",
        "x\n::error file=a,line=1::pwned",
        "x```\n```\n@everyone",
        "##[add-mask]drop",
        "tab\there",
        "back\\slash\"quote",
    ];
    let mut statements = vec!["ALTER DATABASE COLLATE utf8mb4_bin".to_owned()];
    let quoted = |name: &str| name.replace('`', "``");
    for name in names.map(quoted) {
        statements.push(format!("CREATE TABLE `{name}` (id INT PRIMARY KEY, `{name} c` INT NOT NULL)"));
        statements.push(format!("INSERT INTO `{name}` VALUES (1, 2)"));
    }
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let schema = Bed::mysql().schema("out_names", &statements).await;
    let journey = Journey::new(Bed::mysql(), vec![schema], "names", "", "").await;
    let clean = |what: &str, text: &str| {
        let moves = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert_eq!(text.chars().find(|c| moves(*c)), None, "{what}: {text}");
        for line in text.lines() {
            let begins = line.trim_start();
            assert!(!begins.starts_with("::") && !begins.starts_with("```") && !line.contains("##["), "{what}: {line}");
            assert!(!begins.starts_with("@everyone"), "{what}: {line}");
        }
    };
    for arguments in [
        &["plan"][..],
        &["plan", "-json"],
        &["plan", "-markdown", "-out=saved"],
        &["show", "-markdown", "-markdown-budget=1500", "saved"],
        &["show", "-json", "saved"],
        &["graph"],
        &["graph", "-format=mermaid"],
        &["graph", "-format=svg"],
        &["check"],
        &["check", "-json"],
        &["check", "-markdown"],
        &["apply", "-auto-approve"],
        &["plan"],
        &["show"],
        &["show", "-json"],
        &["state", "list"],
        &["state", "list", "migration.m.load"],
        &["report"],
        &["report", "-json"],
        &["verify"],
        &["apply", "-auto-approve", "-json"],
    ] {
        clean(&format!("{arguments:?}"), &journey.run(arguments, 0));
    }
    let listed = journey.run(&["state", "list", "migration.m.load"], 0);
    assert_eq!(listed.lines().count(), names.len(), "{listed}");
    for line in listed.lines() {
        clean(line, &journey.run(&["state", "show", line], 0));
    }
    // A difference, and a failure, name them, too.
    journey.target.run(&[&format!("UPDATE `{}`.`{}` SET `{1} c` = 3", journey.schema(), quoted(names[4]))]).await;
    clean("a difference", &journey.run(&["verify", "-show-keys"], 6));
    journey.end().await;
}

/// Every line of the stream is of a type that the reference names, with the fields that it names.
#[tokio::test]
async fn the_lines_of_the_stream_are_those_of_the_reference() {
    let journey = journey("stream").await;
    let page = include_str!("../docs/reference.md");
    let part = page.split("<!-- generated: messages -->").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut judge = |told: &str| {
        for line in told.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let kind = line["type"].as_str().unwrap();
            let row =
                part.lines().find(|row| row.starts_with(&format!("| `{kind}` |"))).unwrap_or_else(|| panic!("{line}"));
            for (name, value) in
                line.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with('@') && *name != "type")
            {
                // Counts are named by what is counted.
                let inner = value.as_object().filter(|_| name != "changes").into_iter().flat_map(|value| value.keys());
                for field in inner.chain([name]) {
                    assert!(row.contains(&format!("`{field}`")), "{kind}: {field}");
                }
            }
            seen.insert(kind.to_owned());
        }
    };
    judge(&journey.run(&["apply", "-auto-approve", "-json"], 0));
    journey.source.run(&[&format!("CREATE TABLE {}.g (id INT PRIMARY KEY, g GEOMETRY)", journey.schema())]).await;
    let output = program::command(journey.folder(), &["apply", "-auto-approve", "-json"]).output().unwrap();
    judge(&String::from_utf8(output.stdout).unwrap());
    judge(&journey.run(&["destroy", "-auto-approve", "-json"], 0));
    for kind in ["version", "planned_change", "change_summary", "apply_start", "apply_complete", "diagnostic"] {
        assert!(seen.contains(kind), "{kind}: {seen:?}");
    }
    journey.end().await;
}

#[test]
fn nobody_is_led_to_a_destroy_by_a_slip_of_the_fingers() {
    let dir = tempfile::tempdir().unwrap();
    for typed in [&["test"][..], &["workspace"], &["taint"], &["destroy", "-target=x"], &["destory"]] {
        let told = program::run(dir.path(), typed, 1, &[]);
        let told = told.replace(typed[0], "");
        assert!(!told.contains("similar"), "{typed:?}: {told}");
    }
}

#[test]
fn a_shell_gets_a_script_that_completes_every_command() {
    for shell in ["bash", "fish", "zsh"] {
        let output = Command::new(env!("CARGO_BIN_EXE_mig")).args(["completion", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shell}");
        for command in ["plan", "apply", "verify", "import-dump", "destroy", "state"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[tokio::test]
async fn what_a_migration_came_to_know_is_printed_by_names_that_stay() {
    let journey = journey("known").await;
    let value = |name: &str| journey.run(&["output", name], 0).trim_end().to_owned();
    let names = |told: &str| -> Vec<String> {
        told.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    // Before the first run: all names, and no value that nobody has observed.
    let before = journey.run(&["output"], 0);
    assert_eq!(value("m.source.port"), journey.source.config().port.to_string());
    let told = program::flat(&journey.run(&["output", "m.certificate.digest"], 1));
    assert!(told.contains("MIG1023") && told.contains("is not known"), "{told}");
    assert_eq!(journey.json(&["output", "-json"], 0)["lineage"], serde_json::Value::Null);
    let certificate = journey.apply();
    let after = journey.run(&["output"], 0);
    assert_eq!(names(&before), names(&after), "{after}");
    assert_eq!(value("m.certificate.digest"), certificate["digest"].as_str().unwrap());
    assert_eq!(value("m.certificate.verdict"), certificate["verdict"].as_str().unwrap());
    assert_eq!(value("m.certificate.file"), "mig.migstate.m.certificate.json");
    assert_eq!(value("m.target.address"), "target.tidb.to");
    assert_eq!(value("m.ledger.schema"), journey.ledger());
    assert_eq!((value("m.loaded.tables"), value("m.loaded.rows")), ("1".into(), "2".into()));
    assert!(certificate["source"]["identity"].as_str().unwrap().contains(&value("m.source.server_id")));
    // A TiDB has its id by the ledger that this very run made.
    assert!(certificate["target"]["identity"].as_str().unwrap().ends_with(&value("m.target.server_id")));
    let file = value("m.position.file");
    assert!(value("m.position.offset").parse::<u64>().unwrap() > 0 && file.contains('.'), "{file}");
    let logs = journey.source.rows("SHOW BINARY LOGS").await;
    assert!(logs.iter().any(|row| row[0] == file), "{file}: {logs:?}");
    let json = journey.json(&["output", "-json"], 0);
    assert_eq!(json["migrations"]["m"]["position"]["file"], file.as_str(), "{json:#}");
    assert_eq!((&json["format_version"], &json["run_open"]), (&1.into(), &false.into()));
    assert_eq!(journey.run(&["output", "-json", "m.position.file"], 0), format!("\"{file}\"\n"));
    // A name that is none, and one that is the beginning of several.
    let told = program::flat(&journey.run(&["output", "m.position.line"], 1));
    assert!(told.contains("MIG1022") && told.contains("m.position.file") && told.contains("m.source.host"), "{told}");
    let told = program::flat(&journey.run(&["output", "m.position"], 1));
    assert!(told.contains("MIG1022") && told.contains("m.position.file") && !told.contains("m.source"), "{told}");
    // A certificate that was edited is none.
    let path = journey.path("mig.migstate.m.certificate.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"rows\": 2", "\"rows\": 3")).unwrap();
    assert!(journey.run(&["output", "m.source.host"], 1).contains("MIG1016"));
    const LOST: &str = "the recorded certificate is not there";
    let planned = |what: &str| {
        let told = program::flat(&journey.run(&["plan"], 0));
        assert!(told.contains(what), "{told}");
    };
    planned(LOST);
    // One that is gone proves nothing; the next run writes it again.
    std::fs::remove_file(&path).unwrap();
    planned(LOST);
    assert!(journey.run(&["output", "m.certificate.verdict"], 1).contains("MIG1023"));
    assert!(program::flat(&journey.run(&["report"], 1)).contains("`mig apply` writes it at its end"));
    assert_eq!(journey.apply()["verdict"], "equal");
    assert_eq!(value("m.certificate.verdict"), "equal");
    planned("No changes.");
    let text = std::fs::read_to_string(&path).unwrap();
    // Another begins with the next run: the one before is not this one's.
    std::fs::write(&path, &text).unwrap();
    journey.run(&["state", "rm", "migration.m.report"], 0);
    assert!(journey.run(&["output", "m.certificate.file"], 1).contains("MIG1023"));
    journey.end().await;
}
