//! What a spec means and what is wrong with one, row by row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::model::*;
use super::*;
use crate::words::addr::GateName;
use crate::words::codes::{self, Code};
use crate::words::diag::Severity;

mod aws;
mod backend;
mod migrations;
mod moves;
mod table;
mod values;

const SERVERS: &str = r#"
source "mysql" "shop" {
  host     = "db.example"
  username = "mover"
}
target "tidb" "cloud" {
  host     = "tidb.example"
  username = "loader"
}
"#;

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.into(), text: text.into() }
}

fn no_env(_: &str) -> Option<String> {
    None
}

fn folder(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "rules.txt" => Ok(b"# the shop\nshop.*\n\n  !shop.audit_*  \n".to_vec()),
        "nested.txt" => Ok(b"shop.*\n@rules.txt\n".to_vec()),
        "pw.txt" => Ok(b"hunter2".to_vec()),
        "pw-line.txt" => Ok(b"hunter2\n".to_vec()),
        "binary" => Ok(vec![0xff, 0xfe]),
        _ => Err("no such file".into()),
    }
}

fn read(texts: &[&str]) -> (Option<Spec>, Vec<Diagnostic>) {
    let files = texts.iter().enumerate().map(|(n, text)| file(&format!("{}.mig.hcl", ["a", "b", "c"][n]), text));
    load(&Inputs {
        files: files.collect(),
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    })
}

/// The faults of one text `a.mig.hcl`, with the servers beside it in another file: code, line:column, and words that
/// its summary, detail and help together must hold.
fn check(text: &str, expected: &[(&str, &str, &str)]) {
    let files = vec![file("a.mig.hcl", text), file("servers.mig.hcl", SERVERS)];
    let inputs = Inputs {
        files,
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    };
    let (spec, found) = load(&inputs);
    let seen: Vec<(String, String)> = found
        .iter()
        .map(|d| (d.code.to_string(), d.place.as_ref().map_or("-".into(), |p| format!("{}:{}", p.line, p.column))))
        .collect();
    let wanted: Vec<(String, String)> = expected.iter().map(|(c, p, _)| ((*c).into(), (*p).into())).collect();
    assert_eq!(seen, wanted, "{text}\n{}", crate::screen::diagnostics::render(&found, false, 100));
    for (diagnostic, (_, _, words)) in found.iter().zip(expected) {
        let said = format!("{} {} {}", diagnostic.summary, diagnostic.detail, diagnostic.help);
        assert!(said.contains(words), "{words:?} is not in {said:?}");
        assert!(diagnostic.code.row().is_some(), "{}", diagnostic.code);
    }
    assert_eq!(spec.is_none(), found.iter().any(|d| d.severity == Severity::Error), "{text}");
}

/// A migration with these lines in it.
fn migration(lines: &str) -> String {
    format!("migration \"shop\" {{\n  source = source.mysql.shop\n  target = target.tidb.cloud\n{lines}\n}}\n")
}

fn check_migration(lines: &str, expected: &[(&str, &str, &str)]) {
    check(&migration(lines), expected);
}

fn spec_of(text: &str) -> Spec {
    let (spec, found) = read(&[text, SERVERS]);
    spec.unwrap_or_else(|| panic!("{}", crate::screen::diagnostics::render(&found, false, 100)))
}

#[test]
fn a_minimal_spec_has_the_defaults_of_the_contract() {
    let spec = spec_of(&migration(""));
    assert_eq!((spec.backend.to_string().as_str(), spec.plan_lifetime_seconds), ("mig.migstate", 259_200));
    let (source, target) = (&spec.sources["shop"], &spec.targets["cloud"]);
    assert_eq!((source.port, target.port, source.max_threads), (3306, 4000, 16));
    assert_eq!((source.tls.mode, source.password.is_some()), (TlsMode::VerifyIdentity, false));
    assert_eq!((target.label.as_str(), target.ledger_schema.as_str()), ("tidb", "mig_ledger"));
    let shop = &spec.migrations["shop"];
    assert_eq!((shop.source.as_str(), shop.target.as_str(), &shop.runner), ("shop", "cloud", &None));
    assert_eq!((shop.tables.as_slice(), shop.writes), (["*.*".to_owned()].as_slice(), Writes::Stopped));
    assert_eq!((shop.dump.threads, shop.dump.file_size, shop.dump.statement_size), (8, 256 << 20, 1 << 20));
    assert_eq!((shop.dump.chunk_bytes, shop.dump.rate_limit, shop.dump.keep), (None, None, true));
    assert_eq!((shop.load.threads, shop.load.batch_bytes), (None, None));
    assert_eq!((shop.verify, shop.verify_threads), (VerifyMode::Full, 4));
    assert_eq!(shop.gates.compatibility, RuleAction::Stop);
    assert_eq!((shop.gates.collation, shop.gates.zero_dates), (CollationAction::Stop, ZeroDates::Stop));
    assert_eq!(shop.gates.target_tables, TargetTables::Absent);
    assert_eq!(spec.files.keys().collect::<Vec<_>>(), ["a.mig.hcl", "b.mig.hcl"]);
}

#[test]
fn every_setting_of_the_contract_reads_into_the_model() {
    let spec = spec_of(
        r#"
mig {
  required_version = ">= 0.1, < 2"
  backend "local" {
    path = "state/${local.name}.migstate"
  }
  plan_lifetime = "5m"
}
locals {
  name  = "shop"
  parts = concat(["${local.name}.*"], ["!shop.x_*"])
}
source "mysql" "other" {
  host        = "::1"
  port        = 3307
  username    = upper("mover")
  max_threads = 4
  tls {
    mode    = "verify_ca"
    ca_file = "ca.pem"
  }
}
target "tidb" "near" {
  host          = "127.0.0.1"
  port          = 4001
  username      = "root"
  tier          = "T1.standard"
  region        = "us-west-2"
  ledger_schema = "ledger"
  tls { mode = "disabled" }
}
runner "local" "here" { workdir = "/var/mig" }
runner "ssh" "mover" {
  host          = "10.0.0.7"
  user          = "ec2-user"
  port          = 2222
  identity_file = "key"
  host_key      = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0x8Pz5Y5pT7y0v1mM6T2m5YkqjN8q2y3c0e0mXqH1k"
  workdir       = "/mnt/mig"
}
migration "first" {
  source = source.mysql.other
  target = target.tidb.near
}
migration "second" {
  source = source.mysql.other
  target = target.tidb.near
  runner = runner.local.here
  after  = [migration.first, target.tidb.cloud, migration.first]
  tables = concat(local.parts, ["@rules.txt", "/^db\\.t$/.x"])
  writes = "stopped"
  gates {
    collation       = "convert"
    collation_map   = { "latin1_swedish_ci" = "utf8mb4_general_ci" }
    compatibility   = "warn"
    zero_dates      = "keep"
    target_tables   = "same_and_empty"
    accept_unproven = ["writes_stopped"]
    rule "MIG2107" { action = "rewrite" }
    rule "MIG2101" { action = "stop" }
  }
  dump {
    engine         = "native"
    threads        = 2
    file_size      = "1GiB"
    statement_size = "64KiB"
    chunk_bytes    = "32MiB"
    compress       = "none"
    format         = "sql"
    rate_limit     = "10MiB"
    where          = { "shop.orders" = "a >= '2020'", "`shop`.`a b`" = "1 = 1" }
    keep           = false
    disk_limit     = null
  }
  load {
    engine      = "native"
    threads     = 3
    batch_bytes = "auto"
    session     = { TIDB_mem_quota_query = 1073741824 }
  }
  verify {
    mode    = "count"
    threads = 1
  }
}
"#,
    );
    assert_eq!((spec.backend.to_string().as_str(), spec.plan_lifetime_seconds), ("state/shop.migstate", 300));
    assert_eq!((spec.sources["other"].username.as_str(), spec.sources["other"].max_threads), ("MOVER", 4));
    assert_eq!(spec.sources["other"].tls, Tls { mode: TlsMode::VerifyCa, ca_file: Some("ca.pem".into()) });
    assert_eq!((spec.targets["near"].ledger_schema.as_str(), spec.targets["near"].port), ("ledger", 4001));
    assert_eq!(spec.targets["near"].region.as_deref(), Some("us-west-2"));
    assert_eq!(spec.runners["here"].workdir, "/var/mig");
    let mover = &spec.runners["mover"];
    assert!(mover.is_remote() && !spec.runners["here"].is_remote());
    let RunnerKind::Ssh(endpoint) = &mover.kind else { panic!("{mover:?}") };
    assert_eq!((endpoint.to_string().as_str(), endpoint.workdir.as_str()), ("ec2-user@10.0.0.7:2222", "/mnt/mig"));
    let m = &spec.migrations["second"];
    assert_eq!(
        (m.runner.as_deref(), m.after.as_slice()),
        (Some("here"), &["migration.first".into(), "target.tidb.cloud".to_owned()][..])
    );
    assert_eq!(m.tables, ["shop.*", "!shop.x_*", "shop.*", "!shop.audit_*", "/^db\\.t$/.x"]);
    assert_eq!(m.gates.rules[&codes::FULLTEXT], RuleAction::Rewrite);
    assert_eq!((m.gates.rules.len(), m.gates.accept_unproven.as_slice()), (2, &[GateName::WritesStopped][..]));
    assert_eq!(m.dump.where_.keys().collect::<Vec<_>>(), ["shop.`a b`", "shop.orders"]);
    assert_eq!((m.dump.chunk_bytes, m.dump.rate_limit, m.dump.keep), (Some(32 << 20), Some(10 << 20), false));
    assert_eq!(m.load.session["tidb_mem_quota_query"], "1073741824");
    assert_eq!((m.load.threads, m.verify, m.verify_threads), (Some(3), VerifyMode::Count, 1));
    assert_eq!(spec.files["rules.txt"], Digest::of_bytes(&folder("rules.txt").unwrap()).to_string());
}

#[test]
fn null_is_the_default_whatever_the_attribute() {
    let spec = spec_of(&migration(
        "  runner = null\n  tables = null\n  after = null\n  dump {\n    threads = null\n    keep = null\n    \
         chunk_bytes = null\n    where = null\n  }\n  load {\n    threads = null\n    session = null\n  }",
    ));
    let shop = &spec.migrations["shop"];
    assert_eq!((shop.dump.threads, shop.dump.keep, shop.tables.len()), (8, true, 1));
    check(
        "source \"mysql\" \"x\" {\n  host = null\n  username = \"u\"\n}\n",
        &[("MIG1107", "1:1", "`host` is missing")],
    );
}

#[test]
fn ten_faults_are_ten_diagnostics_each_where_it_stands() {
    check(
        include_str!("../../../../examples/invalid/ten-faults.mig.hcl"),
        &[
            ("MIG1204", "3:19", "72h"),
            ("MIG1210", "7:7", "local.a -> local.b -> local.a"),
            ("MIG1206", "8:7", "Did you mean `region`?"),
            ("MIG1103", "13:1", "Did you mean `source`?"),
            ("MIG1107", "15:1", "`host` is missing in source \"mysql\" \"z\""),
            ("MIG1104", "16:3", "Did you mean `host`?"),
            ("MIG1201", "17:14", "Leave the quotes out: port = 3306."),
            ("MIG1208", "22:12", "Did you mean `target.tidb.cloud`?"),
            ("MIG1205", "24:15", "from 1 to 256"),
            ("MIG1202", "27:12", "Did you mean \"full\"? Allowed: \"full\", \"count\", \"none\"."),
        ],
    );
}

#[test]
fn key_value_element_and_block_each_point_where_they_stand() {
    let text = "migration \"é\" {\n  source = source.mysql.shop\n  target = target.tidb.cloud\n  tabels = []\n  \
                tables = [\"ä.*\", 5]\n  dump {\n    threads = true\n  }\n  lode {\n  }\n}\n";
    let (_, found) = read(&[text, SERVERS]);
    let spans: Vec<&str> = found.iter().map(|d| d.place.as_ref().map_or("", |p| &text[p.start..p.end])).collect();
    assert_eq!(spans, ["\"é\""], "a name that cannot be one hides what hangs on it");
    let text = text.replace("\"é\"", "\"e\"");
    let (_, found) = read(&[&text, SERVERS]);
    let spans: Vec<(&str, usize)> =
        found.iter().map(|d| d.place.as_ref().map_or(("", 0), |p| (&text[p.start..p.end], p.column))).collect();
    assert_eq!(spans, [("tabels", 3), ("5", 20), ("true", 15), ("lode", 3)]);
}

#[test]
fn a_syntax_fault_hides_no_fault_of_other_blocks_and_files() {
    let broken = "source \"mysql\" \"s\" {\n  host = = \"x\"\n}\nmigration \"m\" {\n  source = source.mysql.s\n  target = target.tidb.none\n  tablse = []\n}\n";
    let (spec, found) = read(&[broken, "target \"tidb\" \"t\" {\n  host = \"h\"\n  username = 5\n}\n"]);
    assert!(spec.is_none());
    let seen: Vec<(String, String)> = found
        .iter()
        .map(|d| {
            (
                d.code.to_string(),
                d.place.as_ref().map_or(String::new(), |p| format!("{}:{}:{}", p.file, p.line, p.column)),
            )
        })
        .collect();
    // `source.mysql.s` may stand in what could not be read, so nothing is said of it.
    assert_eq!(
        seen,
        [
            ("MIG1101".to_owned(), "a.mig.hcl:2:10".to_owned()),
            ("MIG1208".to_owned(), "a.mig.hcl:6:12".to_owned()),
            ("MIG1104".to_owned(), "a.mig.hcl:7:3".to_owned()),
            ("MIG1201".to_owned(), "b.mig.hcl:3:14".to_owned()),
        ]
    );
}

#[test]
fn a_syntax_fault_says_what_most_likely_went_wrong() {
    for (text, code, at, words) in [
        ("locals {\n  a = 1\n\nvariable \"x\" {\n  default = 1\n}\n", "MIG1101", "1:1", "never closed"),
        ("variable \"x\" {\n  default = 1\n", "MIG1101", "1:1", "never closed"),
        ("locals {\n  a = \"x\n}\n", "MIG1101", "2:7", "A quote is opened"),
        ("locals {\n  a = 'x'\n}\n", "MIG1101", "2:7", "only double quotes"),
        ("locals {\n  a = \"x\\.y\"\n}\n", "MIG1101", "2:9", "backslash"),
        ("variable \"x\" { type = string sensitive = true }\n", "MIG1101", "1:30", "a line of its own"),
        ("locals {\n  a = 1\n  a = 2\n}\n", "MIG1102", "3:3", "`a` is set twice"),
        ("locals {\n  m = { \"k\" = 1, \"k\" = 2 }\n}\n", "MIG1102", "2:19", "`k` is set twice"),
    ] {
        let (_, found) = read(&[text, SERVERS]);
        let seen: Vec<String> = found
            .iter()
            .filter(|d| d.code.to_string().starts_with("MIG110"))
            .map(|d| d.place.as_ref().map_or(String::new(), |p| format!("{} {}:{}", d.code, p.line, p.column)))
            .collect();
        assert_eq!(seen, [format!("{code} {at}")], "{text}\n{found:?}");
        let said = format!("{:?}", found);
        assert!(said.contains(words), "{words} is not in {said}");
    }
}

#[test]
fn duplicates_are_told_and_the_rest_is_read_on() {
    check(
        "locals {\n  a = 1\n  a = 2\n  b = var.none\n}\nlocals {\n  b = 3\n}\nvariable \"v\" {\n  default = \"\"\n}\nvariable \"v\" {\n}\nsource \"mysql\" \"other\" {\n}\n",
        &[
            ("MIG1102", "3:3", "`a` is set twice"),
            ("MIG1206", "4:7", "Known here: v."),
            ("MIG1102", "7:3", "the local `b` is set twice"),
            ("MIG1106", "12:1", "The first is at a.mig.hcl:9:1."),
            ("MIG1107", "14:1", "`host` is missing"),
            ("MIG1107", "14:1", "`username` is missing"),
        ],
    );
}

#[test]
fn blocks_of_the_wrong_shape_or_of_later_versions_are_told_apart_from_unknown_ones() {
    for (text, code, at, words) in [
        ("provider \"gcp\" {\n}\n", "MIG1103", "1:10", "Known here: aws."),
        ("target \"mysqld\" \"a\" {\n}\n", "MIG1103", "1:8", "Did you mean `mysql`?"),
        ("runner \"ssh\" \"a\" {\n  user = \"u\"\n}\n", "MIG1107", "1:1", "`host` is missing"),
        ("runner \"ssh\" \"a\" {\n  host = \"-oX\"\n  user = \"u\"\n}\n", "MIG1231", "2:10", "`host` cannot be"),
        (
            "runner \"ssh\" \"a\" {\n  host = \"h\"\n  user = \"u\"\n  host_key = \"ssh-rsa x\"\n}\n",
            "MIG1231",
            "4:14",
            "not a public host key",
        ),
        ("peering \"tidbcloud\" {\n}\n", "MIG1103", "1:9", "Did you mean `tidb_cloud`?"),
        ("mig {\n  backend \"gcs\" {\n  }\n}\n", "MIG1103", "2:11", "unknown block"),
        ("mig {\n  backend \"local\" {\n  }\n  backend \"local\" {\n  }\n}\n", "MIG1106", "4:3", "is there twice"),
        ("mig {\n}\nmig {\n}\n", "MIG1106", "3:1", "a.mig.hcl:1:1"),
        ("source \"mysqll\" \"a\" {\n}\n", "MIG1103", "1:8", "Did you mean `mysql`?"),
        ("source \"mysql\" {\n}\n", "MIG1105", "1:1", "Write `source \"KIND\" \"NAME\" {`."),
        ("migration {\n}\n", "MIG1105", "1:1", "takes 1 labels, not 0"),
        ("locals \"x\" {\n}\n", "MIG1105", "1:1", "takes 0 labels, not 1"),
        ("runner \"local\" \"a b\" {\n}\n", "MIG1111", "1:16", "cannot be a name"),
        ("runner \"local\" \"1a\" {\n}\n", "MIG1111", "1:16", "begins with a letter"),
        ("migrations \"x\" {\n}\n", "MIG1103", "1:1", "Did you mean `migration`?"),
        ("host = \"x\"\n", "MIG1105", "1:1", "outside of any block"),
        ("locals {\n  a {\n  }\n}\n", "MIG1105", "2:3", "Write `a = { … }`."),
        ("runner \"local\" \"r\" {\n  workdir {\n  }\n}\n", "MIG1105", "2:3", "is an attribute, not a block"),
        ("runner \"local\" \"r\" {\n  workdir = 5\n}\n", "MIG1201", "2:13", "must be a string, not a number"),
        ("runner \"local\" \"r\" {\n  workdir = \"\"\n}\n", "MIG1205", "2:13", "`workdir` is empty"),
        ("mig {\n  required_version = \">= 9\"\n}\n", "MIG1217", "2:22", "asks for mig >= 9"),
        ("mig {\n  required_version = \"^1\"\n}\n", "MIG1218", "2:22", "\"^1\" is not a constraint"),
        ("mig {\n  plan_lifetime = \"0s\"\n}\n", "MIG1204", "2:19", "not a duration"),
        ("mig {\n  plan_lifetime = 72\n}\n", "MIG1201", "2:19", "a duration like"),
    ] {
        check(text, &[(code, at, words)]);
    }
}

#[test]
fn servers_say_what_is_wrong_with_them() {
    let server =
        |lines: &str| format!("source \"mysql\" \"s\" {{\n  host = \"h\"\n  username = \"u\"\n  {lines}\n}}\n");
    for (lines, code, at, words) in [
        ("port = 0", "MIG1205", "4:10", "from 1 to 65535"),
        ("port = 65536", "MIG1205", "4:10", "out of range: 65536"),
        ("port = 3306.5", "MIG1205", "4:10", "whole number"),
        ("port = -1", "MIG1205", "4:10", "from 1"),
        ("max_threads = 0", "MIG1205", "4:17", "from 1 to 1024"),
        ("ledger_schema = \"x\"", "MIG1104", "4:3", "has no attribute `ledger_schema`"),
        ("iam_auth = true", "MIG1120", "4:3", "`iam_auth` in source \"mysql\" \"s\" is not part of this version"),
        ("password_secret = \"arn\"", "MIG1120", "4:3", "not part of this version"),
        ("tls = { mode = \"required\" }", "MIG1105", "4:3", "is a block, not an attribute"),
        ("tls { mode = \"verify\" }", "MIG1202", "4:16", "\"verify_identity\""),
        ("tls { mode = \"verify_caa\" }", "MIG1202", "4:16", "Did you mean \"verify_ca\"?"),
        ("tls \"x\" { mode = \"required\" }", "MIG1105", "4:3", "takes 0 labels, not 1"),
        ("tls { mode = \"required\" }\n  tls { mode = \"required\" }", "MIG1106", "5:3", "is there twice"),
        ("timeout { x = 1 }", "MIG1103", "4:3", "has no block `timeout`"),
        ("password = 5", "MIG1201", "4:14", "must be a string, not a number"),
        ("password = source.mysql.shop", "MIG1201", "4:14", "a reference to a block"),
    ] {
        check(&server(lines), &[(code, at, words)]);
    }
    check(
        "source \"mysql\" \"s\" {\n  host = \"h\\n\"\n  username = \"\"\n}\n",
        &[("MIG1205", "2:10", "line breaks"), ("MIG1205", "3:14", "is empty")],
    );
    check(
        &server("tls {\n    mode = \"disabled\"\n    ca_file = \"x\"\n  }"),
        &[("MIG1230", "6:15", "verifies no certificate")],
    );
}

#[test]
fn expressions_give_what_they_say_or_a_reason() {
    for (expression, expected) in [
        (r#""plain""#, "plain"),
        (r#""$${x} %%{y}""#, "${x} %{y}"),
        (r#""a\\.b\t\"\u00e9\"""#, "a\\.b\t\"é\""),
        (r#""${local.word}-${7}-${true}""#, "Word-7-true"),
        (r#""${local.word}""#, "Word"),
        (r#"" a ${~ local.word ~} b ""#, " aWordb "),
        (r#"(local.word)"#, "Word"),
        (r#"lower(local.word)"#, "word"),
        (r#"upper("é")"#, "É"),
        (r#"join(", ", ["a", "b"], ["c"])"#, "a, b, c"),
        (r#"join("-", concat(["a"], [1, true]))"#, "a-1-true"),
        (r#"coalesce(null, "", "x", "y")"#, "x"),
        (r#"format("%s|%d|%v|%q|%%", "s", 3, true, "q")"#, "s|3|true|\"q\"|%"),
        (r#"jsonencode({ b = [1, null, "x"], a = 1.5 })"#, "{\"a\":1.5,\"b\":[1,null,\"x\"]}"),
        (r#"file("pw.txt")"#, "hunter2"),
        ("<<-END\n    one\n      two ${local.word}\n    END", "one\n  two Word\n"),
        ("<<END\n  $${x}\nEND", "  ${x}\n"),
    ] {
        let text = format!(
            "locals {{\n  word = \"Word\"\n}}\n{}",
            migration(&format!("  dump {{\n    where = {{\n      \"a.b\" = {expression}\n    }}\n  }}"))
        );
        let sorted =
            |text: &str| serde_json::from_str::<serde_json::Value>(text).map_or(text.to_owned(), |v| v.to_string());
        assert_eq!(sorted(&spec_of(&text).migrations["shop"].dump.where_["a.b"]), sorted(expected), "{expression}");
    }
}

#[test]
fn what_is_not_in_the_language_has_its_place_its_reason_and_a_fix() {
    for (expression, code, words) in [
        ("true ? \"a\" : \"b\"", "MIG1108", "a conditional"),
        ("1 + 2", "MIG1108", "an operator"),
        ("!true", "MIG1108", "an operator"),
        ("[for x in [1] : x]", "MIG1108", "a `for` expression"),
        ("{ for k, v in {} : k => v }", "MIG1108", "a `for` expression"),
        ("local.list[0]", "MIG1108", "an index"),
        ("local.list[*]", "MIG1108", "a splat"),
        ("local.map.key", "MIG1108", "looking into a value"),
        ("concat([[1]]...)", "MIG1108", "`...`"),
        ("source.mysql.shop.host", "MIG1209", "Refer to the block as `source.mysql.shop`"),
        ("source.mysql", "MIG1208", "`source.KIND.NAME`"),
        ("source.mysql.ship", "MIG1208", "Did you mean `source.mysql.shop`?"),
        ("vra.x", "MIG1208", "Did you mean `var.…`?"),
        ("shop", "MIG1208", "A text is written in quotes: \"shop\""),
        ("var.x", "MIG1206", "There is no variable here."),
        ("local.lisst", "MIG1207", "Did you mean `list`?"),
        ("lowr(\"X\")", "MIG1109", "Did you mean `lower`?"),
        ("aws::region(\"X\")", "MIG1109", "The functions"),
        ("lower(1)", "MIG1224", "one string"),
        ("lower(\"a\", \"b\")", "MIG1224", "one string"),
        ("file(\"none\")", "MIG1223", "no such file"),
        ("file()", "MIG1224", "the path"),
        ("join([\"a\"])", "MIG1224", "a separator and a list"),
        ("join(\",\", [[]])", "MIG1224", "lists of strings"),
        ("concat([1], 2)", "MIG1224", "lists only"),
        ("coalesce(null, \"\")", "MIG1224", "neither null nor empty"),
        ("format(\"%d\", \"x\")", "MIG1224", "a whole number for %d"),
        ("format(\"%s\")", "MIG1224", "a value for every %"),
        ("format(\"x\", 1)", "MIG1224", "no more values"),
        ("format(\"%05d\", 1)", "MIG1224", "only %s, %v, %d, %q and %%"),
        ("jsonencode(source.mysql.shop)", "MIG1224", "not a reference"),
        ("{ (local.list) = 1 }", "MIG1201", "a key is not text but a list"),
    ] {
        let text = format!("locals {{\n  list = [1]\n  map = {{ key = 1 }}\n  x = {expression}\n}}\n");
        let (_, found) = read(&[&text, SERVERS]);
        assert_eq!(found.len(), 1, "{expression}: {found:?}");
        assert_eq!(found[0].code, code, "{expression}: {found:?}");
        let said = format!("{} {} {}", found[0].summary, found[0].detail, found[0].help);
        let row = code.parse::<Code>().unwrap().row().unwrap();
        assert!(said.contains(words) || row.text.contains(words), "{words:?} is not in {said:?}");
        let place = found[0].place.as_ref().unwrap();
        assert!(place.line == 4 && place.column >= 7, "{expression}: {place:?}");
        assert!(!found[0].help.is_empty(), "{expression}");
    }
    for (value, words) in [("\"a ${[1]} b\"", "cannot be inside a text"), ("\"%{ if true }x%{ endif }\"", "directive")]
    {
        let (_, found) = read(&[&format!("locals {{\n  x = {value}\n}}\n"), SERVERS]);
        assert!(found.len() == 1 && found[0].summary.contains(words), "{found:?}");
    }
}

#[test]
fn any_text_is_read_or_refused_and_every_place_lies_in_it() {
    // Every prefix of a spec, and every spec with one byte replaced: no panic, and places that exist.
    let whole =
        format!("{SERVERS}{}{}", values::SENSITIVE, migration("  tables = [\"é.*\"]\n  dump { file_size = \"1GiB\" }"));
    let check = |text: &str| {
        let (_, found) = read(&[text]);
        for place in found.iter().filter_map(|d| d.place.as_ref()) {
            assert!(text.get(place.start..place.end).is_some(), "{place:?} in {text:?}");
        }
        crate::screen::diagnostics::render(&found, false, 80);
    };
    for (at, _) in whole.char_indices() {
        check(&whole[..at]);
        for with in ["\"", "{", "é", "\n", "$"] {
            let mut text = whole.clone();
            text.replace_range(at..at + text[at..].chars().next().map_or(1, char::len_utf8), with);
            check(&text);
        }
    }
    for text in ["", "\u{feff}", "}", "{", "\"", "a", "a =", "<<E", "/*", "\r\n", "\u{feff}locals {\n}\n"] {
        check(text);
    }
}

#[test]
fn no_file_is_no_spec() {
    let inputs = Inputs {
        files: vec![],
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    };
    let (spec, found) = load(&inputs);
    assert!(spec.is_none() && found.len() == 1 && found[0].code == "MIG1112");
}

#[test]
fn the_digest_form_changes_with_what_is_meant_and_not_with_how_it_is_written() {
    let form = |text: &str| spec_of(text).digest_form();
    let one = form(&migration("  tables = [\"a.*\"]"));
    assert_eq!(one, form(&format!("# a comment\nlocals {{\n  t = \"a.*\"\n}}\n{}", migration("  tables = [local.t]"))));
    assert_ne!(one, form(&migration("  tables = [\"b.*\"]")));
    assert_ne!(
        form(&migration("  tables = [\"shop.*\", \"!shop.audit_*\"]")),
        form(&migration("  tables = [\"@rules.txt\"]"))
    );
}

#[test]
fn a_mysql_target_has_its_own_port_and_no_place_in_a_cloud() {
    let text = include_str!("../../../../examples/mysql-to-mysql/shop.mig.hcl");
    let files = vec![file("shop.mig.hcl", &text.replace("  port          = 3306\n", ""))];
    let env = |name: &str| (name != WORKSPACE_ENV).then(|| format!("secret of {name}"));
    let (spec, found) = load(&Inputs {
        files,
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    });
    assert!(found.is_empty(), "{found:?}");
    let spec = spec.unwrap();
    let target = &spec.targets["new"];
    assert_eq!((target.label.as_str(), target.port, target.ledger_schema.as_str()), ("mysql", 3306, "mig_ledger"));
    let block = |line: &str| format!("target \"mysql\" \"t\" {{\n  host = \"h\"\n  username = \"u\"\n  {line}\n}}\n");
    for line in ["tier = \"T1\"", "region = \"r\""] {
        check(&block(line), &[("MIG1104", "4:3", "has no attribute")]);
    }
}

#[test]
fn ten_faults_are_readable_at_eighty_columns_without_colour() {
    let text = include_str!("../../../../examples/invalid/ten-faults.mig.hcl");
    let files = vec![file("ten-faults.mig.hcl", text), file("servers.mig.hcl", SERVERS)];
    let (_, found) = load(&Inputs {
        files,
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    });
    let shown = crate::screen::diagnostics::render(&found, false, 80);
    for place in found.iter().filter_map(|d| d.place.as_ref()) {
        assert!(shown.contains(&format!("{}:{}:{}", place.file, place.line, place.column)), "{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80 && !line.contains('\u{1b}')), "{shown}");
    assert_eq!(shown.lines().last(), Some("10 errors"), "{shown}");
}

#[test]
fn a_circle_of_locals_is_named_by_its_path_and_told_once() {
    for (locals, at, path) in [
        ("  a = local.a", "2:7", "local.a -> local.a"),
        (
            "  a = \"x${local.b}\"\n  b = [local.c]\n  c = lower(local.a)",
            "4:13",
            "local.a -> local.b -> local.c -> local.a",
        ),
        ("  x = local.a\n  a = local.b\n  b = local.a", "4:7", "local.a -> local.b -> local.a"),
    ] {
        check(&format!("locals {{\n{locals}\n}}\n"), &[("MIG1210", at, path)]);
    }
    let chain: String = (0..5000).map(|n| format!("  l{n} = local.l{}\n", n + 1)).collect();
    let (_, found) = read(&[&format!("locals {{\n{chain}  l5000 = 1\n}}\n"), SERVERS]);
    assert!(
        !found.is_empty() && found.iter().all(|d| d.code == "MIG1210"),
        "a chain too long for any stack is refused"
    );
}

#[test]
fn a_runner_called_default_is_the_one_of_migrations_that_name_none() {
    let runner = "runner \"local\" \"default\" {\n  workdir = \"w\"\n}\n";
    let spec = spec_of(&format!("{runner}{}", migration("")));
    assert_eq!(spec.migrations["shop"].runner.as_deref(), Some("default"));
}
