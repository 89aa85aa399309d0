//! What is done to the text of a spec, with the program itself: a first one, its layout, its values; and what is made of the
//! definition of the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use support::Bed;
use support::program::{self, run};

const UNTIDY: &str =
    "source \"mysql\" \"a\" {\nhost = \"h\" # here\n  username=\"u\"\n\n\n  password = \"hunter2\"\n}\n";
const TIDY: &str =
    "source \"mysql\" \"a\" {\n  host     = \"h\" # here\n  username = \"u\"\n\n  password = \"hunter2\"\n}\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn fmt_rewrites_what_it_is_given_and_check_only_names_it() {
    let files = [
        ("a.mig.hcl", UNTIDY),
        ("b.mig.hcl", TIDY),
        ("sub/c.mig.hcl", UNTIDY),
        (".mig/d.mig.hcl", UNTIDY),
        ("notes.hcl", UNTIDY),
    ];
    let dir = folder(&files);
    let path = dir.path();
    std::fs::set_permissions(path.join("a.mig.hcl"), std::fs::Permissions::from_mode(0o664)).unwrap();
    std::os::unix::fs::symlink("sub/c.mig.hcl", path.join("link.mig.hcl")).unwrap();
    let left = |name: &str| read(path, name) == UNTIDY;
    // A check names the files, and writes none.
    let told = run(path, &["fmt", "-check"], 2, &[]);
    assert_eq!(told, "a.mig.hcl\nlink.mig.hcl\n");
    assert!(left("a.mig.hcl") && left("sub/c.mig.hcl"));
    // A file keeps its mode, and a link stays one.
    assert_eq!(run(path, &["fmt"], 0, &[]), "a.mig.hcl\nlink.mig.hcl\n");
    assert_eq!((read(path, "a.mig.hcl"), read(path, "sub/c.mig.hcl")), (TIDY.to_owned(), TIDY.to_owned()));
    assert_eq!(std::fs::metadata(path.join("a.mig.hcl")).unwrap().permissions().mode() & 0o777, 0o664);
    assert!(std::fs::symlink_metadata(path.join("link.mig.hcl")).unwrap().is_symlink());
    assert_eq!(run(path, &["fmt", "-check"], 0, &[]), "");
    // Folders in the folder only when asked for; hidden ones never. A file by its name may be any HCL.
    std::fs::write(path.join("sub/c.mig.hcl"), UNTIDY).unwrap();
    std::fs::remove_file(path.join("link.mig.hcl")).unwrap();
    assert_eq!(run(path, &["fmt", "-check"], 0, &[]), "");
    assert_eq!(run(path, &["fmt", "-recursive"], 0, &[]), "sub/c.mig.hcl\n");
    assert!(left(".mig/d.mig.hcl") && left("notes.hcl"));
    assert_eq!(run(path, &["fmt", "notes.hcl"], 0, &[]), "notes.hcl\n");
    // All are looked for before the first one is changed.
    run(path, &["fmt", "a.mig.hcl", "nothing.mig.hcl"], 1, &["MIG1003", "nothing.mig.hcl", "No file was changed"]);
    std::fs::write(path.join("e.mig.hcl"), UNTIDY).unwrap();
    std::fs::write(path.join("f.mig.hcl"), b"\xff").unwrap();
    run(path, &["fmt", "e.mig.hcl", "nothing.mig.hcl"], 1, &["No file was changed"]);
    assert!(left("e.mig.hcl"));
    run(path, &["fmt", "e.mig.hcl", "f.mig.hcl"], 1, &["MIG1003", "f.mig.hcl", "Files named before this one are done"]);
    assert_eq!(read(path, "e.mig.hcl"), TIDY);
    std::fs::write(path.join("text.txt"), UNTIDY).unwrap();
    run(path, &["fmt", "text.txt"], 1, &["MIG1003", "does not end in .hcl"]);
    assert!(left("text.txt"));
}

#[test]
fn fmt_shows_a_diff_without_secrets() {
    let dir = folder(&[("a.mig.hcl", UNTIDY), ("x.auto.mig.hcl", "zone=\"hunter2\"\n")]);
    let told =
        run(dir.path(), &["fmt", "-check", "-diff"], 2, &["--- a/a.mig.hcl +++ b/a.mig.hcl", "+zone = (sensitive)"]);
    assert!(told.contains("-host = \"h\" # here\n") && told.contains("+  host     = \"h\" # here\n"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(read(dir.path(), "a.mig.hcl"), UNTIDY);
}

#[test]
fn fmt_leaves_a_file_with_a_fault_and_does_the_others() {
    let broken = "source \"mysql\" \"a\" {\nhost = = \"h\"\n}\n";
    let dir = folder(&[("a.mig.hcl", broken), ("b.mig.hcl", UNTIDY)]);
    let told = run(dir.path(), &["fmt"], 1, &["MIG1101", "a.mig.hcl:2:8", "^", "MIG1200"]);
    assert!(told.starts_with("b.mig.hcl\n"), "{told}");
    assert_eq!((read(dir.path(), "a.mig.hcl"), read(dir.path(), "b.mig.hcl")), (broken.to_owned(), TIDY.to_owned()));
}

#[test]
fn fmt_reads_standard_input_for_an_editor() {
    let dir = folder(&[]);
    for (arguments, text, exit, out) in [
        (&["fmt", "-"][..], UNTIDY, 0, TIDY),
        (&["fmt", "-"], TIDY, 0, TIDY),
        (&["fmt", "-check", "-"], UNTIDY, 2, ""),
        (&["fmt", "-"], "a = ", 1, ""),
    ] {
        let mut command = program::command(dir.path(), arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?} {text}: {}", program::said(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), out);
    }
}

#[test]
fn fmt_gives_every_letter_of_standard_input_back_as_it_is() {
    let dir = folder(&[]);
    for text in [
        "a = 1\r\nb = 2\r\n",
        "\u{feff}a = 1\n",
        "a = \"\u{202e}x\u{1b}[31m\"\n",
        "a = <<E\n::error::b\n```\n##vso[task.complete]\nE\n",
    ] {
        assert_eq!(with(dir.path(), &["fmt", "-"], &[], text), (Some(0), text.to_owned(), String::new()), "{text:?}");
    }
}

#[test]
fn a_syntax_fault_shows_nothing_of_a_secret_that_nobody_closed() {
    let head = "source \"mysql\" \"a\" {\n";
    for text in [
        format!("{head}  password = <<E\nBRKSEC\n"),
        format!("{head}  password = \"abc\nBRKSEC\n"),
        format!("{head}  password = <<E\nBRKSEC\n}}\ntarget \"tidb\" \"b\" {{\n  host = = \"b\"\n}}\n"),
        format!("{head}  password = <<E\nBRKSEC = 1\nBRKSEC {{\n}}\nBRKSEC=\n"),
        format!("{head}  password = <<E\n  BRKSEC==\n  BRKSEC {{\n"),
        format!("{head}  password = \"abc\nBRKSEC = BRKSEC\n}}\n"),
        "variable \"x\" {\nsensitive = true\ndefault = \"abc\nBRKSEC\n}\n".to_owned(),
        "variable \"x\" {\ndefault = \"BRKSEC\nsensitive = true\n}\n".to_owned(),
    ] {
        let dir = folder(&[("a.mig.hcl", &text)]);
        for arguments in [&["validate"][..], &["validate", "-json"], &["fmt"], &["fmt", "-"]] {
            let (code, out, err) = with(dir.path(), arguments, &[], &text);
            assert!(code == Some(1) && format!("{out}{err}").contains("MIG1101"), "{arguments:?} {text}\n{out}{err}");
            assert!(!format!("{out}{err}").contains("BRKSEC"), "{arguments:?} {text}\n{out}{err}");
        }
    }
    // What comes behind the secret is shown again.
    let text = format!("{head}  password = \"abc\n}}\ntarget \"tidb\" \"b\" {{\n  host = = \"here\"\n}}\n");
    let dir = folder(&[("a.mig.hcl", &text)]);
    run(dir.path(), &["validate"], 1, &["MIG1101", "host = = \"here\""]);
    // A file of values shows none of them, nor what may go on with one.
    let dir = folder(&[("a.mig.hcl", SERVERS), ("x.auto.mig.hcl", "host = <<E\nBRKSEC = 1\nBRKSEC\n")]);
    let (code, out, err) = with(dir.path(), &["validate"], &[], "");
    assert!(code == Some(1) && err.contains("MIG1101") && !format!("{out}{err}").contains("BRKSEC"), "{out}{err}");
}

#[test]
fn fmt_takes_what_is_outside_of_blocks_on_standard_input_for_values() {
    let dir = folder(&[]);
    let (code, out, err) = with(dir.path(), &["fmt", "-diff", "-"], &[], "p=\"MARKG\"\n");
    assert!(code == Some(0) && out.contains("+p = (sensitive)") && !out.contains("MARKG"), "{out}{err}");
    let (code, out, err) = with(dir.path(), &["fmt", "-"], &[], "p = \"MARKG\n");
    assert!(code == Some(1) && err.contains("MIG1101") && !format!("{out}{err}").contains("MARKG"), "{out}{err}");
    let (code, out, _) = with(dir.path(), &["fmt", "-diff", "-"], &[], UNTIDY);
    assert!(code == Some(0) && out.contains("+  host     = \"h\" # here") && !out.contains("hunter2"), "{out}");
}

#[test]
fn the_examples_are_in_the_canonical_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(run(root, &["fmt", "-check", "-recursive", "examples"], 0, &[]), "");
    let there = std::fs::read_dir(root.join("examples")).unwrap().count();
    assert!(there >= 4, "{there}");
    // And so are the pieces of specs in the documents.
    let of = |folder: &str| std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let documents = of("docs").chain(of("docs/how-to")).filter(|path| path.is_file());
    let mut pieces = 0;
    for path in documents.chain([root.join("README.md")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for piece in text.split("```hcl\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let (code, _, said) = with(root, &["fmt", "-check", "-"], &[], piece);
            assert_eq!(code, Some(0), "{}: {said}\n{piece}", path.display());
            pieces += 1;
        }
    }
    assert!(pieces > 5, "{pieces}");
}

/// Runs the program with an environment and an input; its exit code and what it said.
fn with(dir: &Path, arguments: &[&str], env: &[(&str, &str)], input: &str) -> (Option<i32>, String, String) {
    let mut command = program::command(dir, arguments);
    command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const SERVERS: &str = r#"variable "host" {
  default = "from the default"
}
variable "secret" {
  sensitive = true
  env       = "MY_SECRET"
}
source "mysql" "a" {
  host     = var.host
  username = "u"
  password = var.secret
}
target "tidb" "b" {
  host     = "b"
  username = "u"
}
migration "m" {
  source = source.mysql.a
  target = target.tidb.b
}
"#;

#[test]
fn files_of_values_are_read_by_themselves_in_the_order_of_their_names() {
    let dir = folder(&[
        ("a.mig.hcl", SERVERS),
        ("2.auto.mig.hcl", "host = \"two\"\n"),
        ("1.auto.mig.hcl", "host = \"one\"\n"),
    ]);
    let host = |arguments: &[&str]| {
        let all = [&["console", "var.host"][..], arguments].concat();
        let (code, out, err) = with(dir.path(), &all, &[("MIG_VAR_host", "env")], "");
        assert_eq!(code, Some(0), "{err}");
        out
    };
    assert_eq!(host(&[]), "\"two\"\n");
    std::fs::write(dir.path().join("named"), "host = \"named\"\n").unwrap();
    assert_eq!(host(&["-var-file=named"]), "\"named\"\n");
    assert_eq!(host(&["-var-file=named", "-var=host=argument"]), "\"argument\"\n");
    std::fs::write(dir.path().join("built.json"), "{\"host\": \"built\"}").unwrap();
    assert_eq!(host(&["-var-from-terraform=built.json"]), "\"built\"\n");
    assert_eq!(host(&["-var-from-terraform=built.json", "-var-file=named"]), "\"named\"\n");
    std::fs::remove_file(dir.path().join("2.auto.mig.hcl")).unwrap();
    std::fs::remove_file(dir.path().join("1.auto.mig.hcl")).unwrap();
    assert_eq!(host(&[]), "\"env\"\n");
    // A plan is not written over the file of outputs.
    let told =
        with(dir.path(), &["plan", "-var-from-terraform=built.json", "-out=built.json"], &[("MY_SECRET", "x")], "");
    assert!(told.0 == Some(1) && told.2.contains("MIG1004"), "{told:?}");
}

/// A program of this name that answers as Terraform does, and notes how it was called.
fn terraform(dir: &Path, body: &str) -> String {
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let script = format!("#!/bin/sh\necho \"$PWD $*\" >>{0}/calls\nenv >{0}/environment\n{body}\n", dir.display());
    std::fs::write(bin.join("terraform"), script).unwrap();
    std::fs::set_permissions(bin.join("terraform"), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn the_outputs_of_a_folder_are_those_that_terraform_prints() {
    let dir = folder(&[("spec/a.mig.hcl", SERVERS), ("infra/main.tf", "")]);
    let spec = dir.path().join("spec");
    let json = "{\"host\": {\"sensitive\": false, \"type\": \"string\", \"value\": \"built.internal\"}, \
                \"secret\": {\"sensitive\": true, \"type\": \"string\", \"value\": \"hunter2\"}}";
    let path = terraform(dir.path(), &format!("echo '{json}'"));
    let env = [("PATH", path.as_str()), ("MY_SECRET", "marker-1"), ("MIG_VAR_secret", "marker-2")];
    let run = |expression: &str| with(&spec, &["console", "-var-from-terraform=../infra", expression], &env, "");
    assert_eq!(run("var.host"), (Some(0), "\"built.internal\"\n".to_owned(), String::new()));
    assert_eq!(run("var.secret"), (Some(0), "(sensitive)\n".to_owned(), String::new()));
    let calls = read(dir.path(), "calls");
    let infra = std::fs::canonicalize(dir.path().join("infra")).unwrap();
    assert!(calls.lines().all(|line| line == format!("{} output -json", infra.display())), "{calls}");
    // Once for a command, however many expressions it is given.
    std::fs::remove_file(dir.path().join("calls")).unwrap();
    let (_, out, _) = with(&spec, &["console", "-var-from-terraform=../infra"], &env, "var.host\nvar.secret\n");
    assert_eq!(out, "\"built.internal\"\n(sensitive)\n");
    assert_eq!(read(dir.path(), "calls").lines().count(), 1);
    // The spec's secrets are none of its business.
    let environment = read(dir.path(), "environment");
    assert!(environment.contains("PATH=") && !environment.contains("marker-"), "{environment}");

    let path = terraform(
        dir.path(),
        "printf '\\033[31mError: \\033[0m\\033[1mBackend initialization required\\033[0m\\n' >&2; exit 1",
    );
    let arguments = ["console", "-var-from-terraform=../infra", "var.host"];
    let (code, _, said) = with(&spec, &arguments, &[("PATH", &path)], "");
    let said = program::flat(&said);
    assert!(
        code == Some(1) && said.contains("MIG1024") && said.contains("it says: Backend initialization required"),
        "{said}"
    );
    let (code, _, said) = with(&spec, &arguments, &[("PATH", "/nowhere")], "");
    let said = program::flat(&said);
    assert!(code == Some(1) && said.contains("MIG1024") && said.contains("there is no program `terraform`"), "{said}");
    let (code, _, said) = with(&spec, &["validate", "-var-from-terraform=../none"], &[], "");
    assert!(code == Some(1) && said.contains("MIG1003"), "{said}");
}

#[test]
fn init_writes_a_sound_spec_from_flags_and_never_over_a_file() {
    let dir = folder(&[]);
    let flags = [
        "init",
        "-source=mysql://mig_reader@127.0.0.1:3306",
        "-target=tidb://mig_writer@tidb.example.com",
        "-tables=shop.*,!shop.audit_*",
        "-target-tls=verify_ca",
        "-target-password-env=none",
    ];
    run(dir.path(), &flags, 0, &["Wrote main.mig.hcl", "SHOP_SOURCE_PASSWORD", "mig plan"]);
    let text = read(dir.path(), "main.mig.hcl");
    for line in [
        "env         = \"SHOP_SOURCE_PASSWORD\"",
        "tables = [\"shop.*\", \"!shop.audit_*\"]",
        "mode = \"verify_ca\"",
        "port     = 3306",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    run(dir.path(), &["validate"], 0, &["The spec is valid."]);
    run(dir.path(), &["fmt", "-check"], 0, &[]);
    run(dir.path(), &flags, 1, &["MIG1026", "main.mig.hcl is there"]);
    assert_eq!(read(dir.path(), "main.mig.hcl"), text);
    std::fs::rename(dir.path().join("main.mig.hcl"), dir.path().join("other.mig.hcl")).unwrap();
    run(dir.path(), &flags, 1, &["MIG1026", "other.mig.hcl is there"]);
    // A file of values is no spec. Commas in quotes and in a regular expression are a part of a rule.
    let dir = folder(&[("x.auto.mig.hcl", "zone = 1\n")]);
    let rules = "-tables=`a,b`.*, /^c{1,2}$/.*";
    run(dir.path(), &["init", "-source=mysql://a%20b@h", flags[2], rules, "-tables=d.*"], 0, &["Wrote main.mig.hcl"]);
    let text = read(dir.path(), "main.mig.hcl");
    for line in ["tables = [\"`a,b`.*\", \"/^c{1,2}$/.*\", \"d.*\"]", "username = \"a b\""] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_first_spec_plans_against_real_servers() {
    let (source, target) = (Bed::mysql(), Bed::tidb());
    let schema = source.schema("init", &["CREATE TABLE t (id INT PRIMARY KEY) COLLATE utf8mb4_bin"]).await;
    target.drop_schema(&schema).await;
    let dir = folder(&[]);
    let url = |bed: &Bed, kind: &str| format!("{kind}://root@127.0.0.1:{}", bed.config().port);
    let flags = [
        format!("-source={}", url(&source, "mysql")),
        format!("-target={}", url(&target, "tidb")),
        format!("-tables={schema}.*"),
    ];
    let rest =
        ["-source-tls=required", "-target-tls=required", "-source-password-env=none", "-target-password-env=none"];
    let arguments: Vec<&str> = std::iter::once("init").chain(flags.iter().map(String::as_str)).chain(rest).collect();
    run(dir.path(), &arguments, 0, &["Wrote main.mig.hcl"]);
    run(dir.path(), &["plan", "-detailed-exitcode"], 2, &[&format!("migration.{schema}"), &format!("{schema}.t")]);
    source.drop_schema(&schema).await;
}

#[test]
fn init_without_a_terminal_asks_nothing_and_says_what_is_missing() {
    let (source, target) = ("-source=mysql://u@h", "-target=tidb://u@h");
    for (arguments, told) in [
        (&["init"][..], &["MIG1025", "it needs -source and -target, and mig cannot ask"][..]),
        (&["init", source], &["MIG1025", "it needs -target, and", "-target=tidb://USER@HOST:PORT"]),
        (&["init", "-source=mysql://u:hunter2@h", target], &["MIG1002", "read -source", "a password is in it"]),
        (&["init", "-source=mysql://u%3Ahunter2@h", target], &["MIG1002", "read -source", "a password is in it"]),
        (
            &["init", source, target, "-target-password-env=hunter2-x"],
            &["MIG1002", "read -target-password-env", "not the name of an environment variable"],
        ),
        (&["init", source, "-target=postgres://u@h"], &["MIG1002", "read -target", "mysql://USER@HOST:PORT"]),
        (&["init", source, target, "-source-tls=none"], &["MIG1002", "verify_identity, verify_ca, required, disabled"]),
        (&["init", source, target, "-name=a.b"], &["MIG1111", "MIG1200", "No file was written"]),
        (&["init", source, target, "-tables=@none.txt"], &["MIG1223", "main.mig.hcl", "No file was written"]),
    ] {
        let dir = folder(&[]);
        let said = run(dir.path(), arguments, 1, told);
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

/// The program on a terminal of its own, which `script` makes.
fn on_a_terminal(dir: &Path, arguments: &str, env: &[(&str, &str)], input: &str) -> (Option<i32>, String) {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_mig"));
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(dir).env("NO_COLOR", "1").envs(env.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn init_asks_on_a_terminal_until_an_answer_is_one() {
    let dir = folder(&[]);
    let answers = "db\nmysql://reader@db\n\ntidb://writer@tidb:4001\nrequired\nshop.*\n\n\nnone\n";
    let (code, said) = on_a_terminal(dir.path(), "init", &[], answers);
    assert_eq!(code, Some(0), "{said}");
    for piece in [
        "Not understood: it is not of the form",
        "[verify_identity]",
        "[*.*]",
        "[shop]",
        "[SHOP_SOURCE_PASSWORD]",
        "Wrote main.mig.hcl",
    ] {
        assert!(said.contains(piece), "{piece}\n{said}");
    }
    let text = read(dir.path(), "main.mig.hcl");
    assert!(
        text.contains("SHOP_SOURCE_PASSWORD") && !text.contains("TARGET_PASSWORD") && text.contains("4001"),
        "{text}"
    );
    run(dir.path(), &["validate"], 0, &[]);
    // What says that nobody answers.
    for (arguments, env) in [("init -input=false", &[][..]), ("init", &[("MIG_IN_AUTOMATION", "1")])] {
        let dir = folder(&[]);
        let (code, said) = on_a_terminal(dir.path(), arguments, env, "");
        assert!(code == Some(1) && said.contains("MIG1025") && !said.contains("A first spec:"), "{said}");
    }
}

#[test]
fn the_console_evaluates_an_argument_or_lines() {
    let dir = folder(&[("a.mig.hcl", SERVERS)]);
    let lines = "upper(var.host)\n\nvar.nothing\n[1, \"${var.host}\"]\n";
    let (code, out, err) = with(dir.path(), &["console"], &[], lines);
    assert_eq!((code, out.as_str()), (Some(1), "\"FROM THE DEFAULT\"\n[1,\"from the default\"]\n"));
    assert!(err.contains("MIG1206") && err.contains("expression:1:1") && !err.contains("Ctrl-D"), "{err}");
    let (code, out, _) = with(dir.path(), &["console", "source.mysql.a"], &[], "");
    assert_eq!((code, out.as_str()), (Some(0), "source.mysql.a\n"));
}

#[test]
fn the_console_gives_no_value_while_a_file_of_values_has_a_fault() {
    for (name, text, argument, code) in [
        ("garbage.json", "garbage", Some("-var-from-terraform=garbage.json"), "MIG1228"),
        ("x.auto.mig.hcl", "host = \"two", None, "MIG1101"),
        ("x.auto.mig.hcl", "hots = \"two\"\n", None, "MIG1213"),
        ("named", "hots = \"two\"\n", Some("-var-file=named"), "MIG1213"),
        ("named", "", Some("-var=hots=two"), "MIG1213"),
    ] {
        let dir = folder(&[("a.mig.hcl", SERVERS), (name, text)]);
        for (expression, input) in [(Some("var.host"), ""), (None, "var.host\n")] {
            let arguments: Vec<&str> = ["console"].into_iter().chain(argument).chain(expression).collect();
            let (exit, out, err) = with(dir.path(), &arguments, &[], input);
            assert_eq!((exit, out.as_str()), (Some(1), ""), "{arguments:?} {text}: {err}");
            assert!(err.contains(code) && err.contains("MIG1200"), "{arguments:?} {text}: {err}");
        }
    }
    // A fault of the spec is none of an expression that does not need it.
    let dir = folder(&[("a.mig.hcl", SERVERS), ("b.mig.hcl", "source = \n")]);
    assert_eq!(with(dir.path(), &["console", "1"], &[], "").0, Some(0));
}

#[test]
fn there_is_a_manual_page_for_each_command_of_the_help() {
    let dir = folder(&[]);
    run(dir.path(), &["man", "-out=pages/man1"], 0, &["pages/man1"]);
    let help = run(dir.path(), &["-help"], 0, &[]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What a command is for goes on in lines that are further in.
    let commands: Vec<&str> = lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 20 && commands.contains(&"plan"), "{commands:?}");
    for name in commands {
        // A command with commands of its own has its pages by theirs, too.
        let page = read(dir.path(), &format!("pages/man1/mig-{name}.1"));
        assert!(page.contains(".TH") && (name == "state" || page.contains("Examples:")), "{name}: {page}");
    }
    assert!(read(dir.path(), "pages/man1/mig-state-list.1").contains("mig state list"));
    assert!(!dir.path().join("pages/man1/mig-worker.1").exists());
}
