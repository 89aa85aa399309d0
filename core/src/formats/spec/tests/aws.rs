//! The blocks of AWS: what they mean and what is wrong with one, row by row.

use super::super::model::aws::FoundBy;
use super::*;
use crate::words::codes::Code;

const ARTICLE: &str = r#"
provider "aws" {
  region       = "us-west-2"
  profile      = "data"
  endpoint_url = "http://127.0.0.1:5000"
  default_tags = { team = "data" }
}
source "aurora" "shop" {
  cluster_identifier = "database-1"
  username           = "admin"
  tls { ca_file = "rds" }
}
target "tidb" "cloud" {
  host     = "tidb.example"
  username = "root"
}
peering "tidb_cloud" {
  connection_id = "pcx-1a2b"
  target_cidr   = "10.250.0.0/16"
}
runner "ec2" "mover" {
  instance_type = "t2.large"
  ami {
    owner = "309956199498"
    name  = "RHEL-8*_HVM-*-x86_64-*"
  }
}
migration "shop" {
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
}
"#;

fn read_article(text: &str) -> (Option<Spec>, Vec<Diagnostic>) {
    load(&Inputs {
        files: vec![file("a.mig.hcl", text)],
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    })
}

fn article(from: &str, to: &str) -> Spec {
    assert!(ARTICLE.contains(from), "{from}");
    let (spec, found) = read_article(&ARTICLE.replacen(from, to, 1));
    spec.unwrap_or_else(|| panic!("{}", crate::screen::diagnostics::render(&found, false, 100)))
}

fn ec2(spec: &Spec) -> &super::super::model::aws::Ec2 {
    match &spec.runners["mover"].kind {
        RunnerKind::Ec2(ec2) => ec2,
        other => panic!("{other:?}"),
    }
}

/// The one fault of the article with a text replaced: its code, the text that its place marks, words that it says.
fn check_article(from: &str, to: &str, code: &str, marked: &str, words: &str) {
    assert!(ARTICLE.contains(from), "{from}");
    let text = ARTICLE.replacen(from, to, 1);
    let (_, found) = read_article(&text);
    let shown = crate::screen::diagnostics::render(&found, false, 100);
    assert_eq!(found.len(), 1, "{to}\n{shown}");
    let place = found[0].place.as_ref().unwrap();
    assert_eq!((found[0].code.to_string().as_str(), &text[place.start..place.end]), (code, marked), "{to}\n{shown}");
    let said = format!("{} {} {}", found[0].summary, found[0].detail, found[0].help);
    assert!(said.contains(words), "{words:?} is not in {said:?}");
    assert!(code.parse::<Code>().unwrap().row().is_some(), "{code}");
}

#[test]
fn the_article_reads_with_the_defaults_of_the_contract() {
    let spec = article("", "");
    let aws = spec.aws.as_ref().unwrap();
    assert_eq!((aws.region.as_str(), aws.profile.as_deref()), ("us-west-2", Some("data")));
    assert_eq!(
        (aws.endpoint_url.as_deref(), aws.default_tags["team"].as_str()),
        (Some("http://127.0.0.1:5000"), "data")
    );
    let shop = &spec.sources["shop"];
    let aurora = shop.aurora.as_ref().unwrap();
    assert_eq!((aurora.cluster_identifier.as_str(), &aurora.host, shop.host.as_str()), ("database-1", &None, ""));
    assert_eq!((shop.port, shop.max_threads, shop.tls.mode), (3306, 16, TlsMode::VerifyIdentity));
    assert_eq!(shop.tls.ca_file.as_deref(), Some("rds-global-bundle.pem"));
    let peering = &spec.peerings["peering.tidb_cloud"];
    assert_eq!((&peering.found_by, peering.accept), (&FoundBy::Id("pcx-1a2b".into()), true));
    assert!(peering.route_tables.is_empty());
    let runner = ec2(&spec);
    assert_eq!((runner.instance_type.as_str(), &runner.subnet_id, &runner.security_group), ("t2.large", &None, &None));
    assert_eq!((&runner.key_pair, runner.identity_file.as_deref()), (&None, Some(".mig/mover.key")));
    assert_eq!((runner.volume.size_gib, runner.volume.kind.as_str(), runner.volume.encrypted), (None, "gp3", true));
    assert_eq!((runner.connection.port, runner.connection.user.as_str()), (22, "ec2-user"));
    assert!(!runner.prevent_destroy && spec.runners["mover"].is_remote());
    assert_eq!(spec.runners["mover"].workdir, "/mnt/mig/work");
    assert_eq!(spec.migrations["shop"].after, ["peering.tidb_cloud"]);
}

#[test]
fn every_setting_of_the_blocks_reads_into_the_model() {
    let spec = article(
        "  instance_type = \"t2.large\"\n",
        r#"  instance_type        = "m6i.4xlarge"
  subnet_id            = "subnet-1"
  key_pair             = "team"
  identity_file        = "keys/team.pem"
  iam_instance_profile = "mover"
  security_group       = "sg-1"
  volume {
    size       = "2TiB"
    type       = "gp3"
    iops       = 6000
    throughput = 500
    encrypted  = false
  }
  connection {
    host = "bastion.example"
    port = 2222
    user = "rocky"
  }
  prevent_destroy = true
"#,
    );
    let runner = ec2(&spec);
    assert_eq!((runner.subnet_id.as_deref(), runner.security_group.as_deref()), (Some("subnet-1"), Some("sg-1")));
    assert_eq!((runner.key_pair.as_deref(), runner.identity_file.as_deref()), (Some("team"), Some("keys/team.pem")));
    let volume = &runner.volume;
    assert_eq!((volume.size_gib, volume.iops, volume.throughput), (Some(2048), Some(6000), Some(500)));
    assert!(!volume.encrypted && runner.prevent_destroy);
    assert_eq!((runner.connection.host.as_deref(), runner.connection.port), (Some("bastion.example"), 2222));
    let spec = article("  username           = \"admin\"\n", "  username = \"a\"\n  host = \"h\"\n  port = 13306\n");
    assert_eq!((spec.sources["shop"].host.as_str(), spec.sources["shop"].port), ("h", 13306));
    let spec = article(
        "  connection_id = \"pcx-1a2b\"\n",
        "  accept = false\n  route_tables = [\"rtb-1\"]\n  expect_requester {\n    account_id = \"012345678901\"\n    vpc_id = \"vpc-9\"\n  }\n",
    );
    let peering = &spec.peerings["peering.tidb_cloud"];
    let by = FoundBy::Requester { account_id: "012345678901".into(), vpc_id: Some("vpc-9".into()) };
    assert_eq!(
        (&peering.found_by, peering.accept, peering.route_tables.as_slice()),
        (&by, false, &["rtb-1".into()][..])
    );
}

#[test]
fn each_block_says_what_is_wrong_with_it_where_it_stands() {
    for (from, to, code, marked, words) in [
        ("\"us-west-2\"", "\"us-west-2b\"", "MIG1205", "\"us-west-2b\"", "Write the region: \"us-west-2\""),
        ("\"us-west-2\"", "\"Oregon\"", "MIG1205", "\"Oregon\"", "us-west-2"),
        ("  region       = \"us-west-2\"\n", "", "MIG1107", "provider \"aws\"", "`region` is missing"),
        ("\"http://127.0.0.1:5000\"", "\"127.0.0.1:5000\"", "MIG1205", "\"127.0.0.1:5000\"", "scheme"),
        ("{ team = \"data\" }", "{ Name = \"x\" }", "MIG1205", "Name", "set by mig"),
        (
            "\"database-1\"",
            "\"database-1.cluster-x.rds.amazonaws.com\"",
            "MIG1205",
            "\"database-1.cluster-x.rds.amazonaws.com\"",
            "identifier alone",
        ),
        (
            "  cluster_identifier = \"database-1\"\n",
            "",
            "MIG1107",
            "source \"aurora\" \"shop\"",
            "`cluster_identifier` is missing",
        ),
        (
            "  tls { ca_file = \"rds\" }\n",
            "  iam_auth = true\n  tls { mode = \"required\" }\n",
            "MIG1237",
            "true",
            "verify_identity",
        ),
        ("\"pcx-1a2b\"", "\"1a2b\"", "MIG1205", "\"1a2b\"", "\"pcx-…\""),
        ("\"10.250.0.0/16\"", "\"10.250.1.0/16\"", "MIG1205", "\"10.250.1.0/16\"", "write \"10.250.0.0/16\""),
        ("  connection_id = \"pcx-1a2b\"\n", "", "MIG1107", "peering \"tidb_cloud\"", "expect_requester"),
        (
            "  connection_id = \"pcx-1a2b\"\n",
            "  connection_id = \"pcx-1\"\n  expect_requester {\n    account_id = \"012345678901\"\n  }\n",
            "MIG1235",
            "\"pcx-1\"",
            "Keep one",
        ),
        (
            "  connection_id = \"pcx-1a2b\"\n",
            "  expect_requester {\n    account_id = \"1234\"\n  }\n",
            "MIG1205",
            "\"1234\"",
            "12 digits",
        ),
        (
            "  connection_id = \"pcx-1a2b\"\n",
            "  connection_id = \"pcx-1\"\n  route_tables = [\"main\"]\n",
            "MIG1205",
            "\"main\"",
            "rtb-",
        ),
        ("\"t2.large\"", "\"t4g.large\"", "MIG1234", "\"t4g.large\"", "Graviton"),
        ("\"t2.large\"", "\"m7gd.xlarge\"", "MIG1234", "\"m7gd.xlarge\"", "Graviton"),
        ("\"t2.large\"", "\"is4gen.large\"", "MIG1234", "\"is4gen.large\"", "Graviton"),
        ("\"t2.large\"", "\"a1.large\"", "MIG1234", "\"a1.large\"", "Graviton"),
        ("\"t2.large\"", "\"mac2.metal\"", "MIG1234", "\"mac2.metal\"", "macOS"),
        ("\"t2.large\"", "\"large\"", "MIG1205", "\"large\"", "\"t2.large\""),
        ("    owner = \"309956199498\"\n", "", "MIG1107", "ami", "`owner` is missing"),
        ("\"t2.large\"\n", "\"t2.large\"\n  security_group = \"default\"\n", "MIG1205", "\"default\"", "\"sg-…\""),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  subnet_id = \"10.0.0.0/24\"\n",
            "MIG1205",
            "\"10.0.0.0/24\"",
            "\"subnet-…\"",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  iam_instance_profile = \"arn:aws:iam::1:x\"\n",
            "MIG1205",
            "\"arn:aws:iam::1:x\"",
            "last part",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  volume {\n    size = \"100GB\"\n  }\n",
            "MIG1203",
            "\"100GB\"",
            "\"100GiB\"",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  volume {\n    size = \"1536MiB\"\n  }\n",
            "MIG1203",
            "\"1536MiB\"",
            "whole GiB",
        ),
        ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    size = 100\n  }\n", "MIG1203", "100", "binary unit"),
        ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    type = \"gp4\"\n  }\n", "MIG1202", "\"gp4\"", "gp3"),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  volume {\n    type = \"gp2\"\n    iops = 3000\n  }\n",
            "MIG1235",
            "3000",
            "gp2 has no `iops`",
        ),
        ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    type = \"io2\"\n  }\n", "MIG1235", "\"io2\"", "needs `iops`"),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  volume {\n    type = \"st1\"\n    throughput = 125\n  }\n",
            "MIG1235",
            "125",
            "no `throughput`",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  connection {\n    allow_from = [\"203.0.113.7\"]\n  }\n",
            "MIG1205",
            "\"203.0.113.7\"",
            "203.0.113.7/32",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  connection {\n    user = \"-oProxyCommand=x\"\n  }\n",
            "MIG1231",
            "\"-oProxyCommand=x\"",
            "user",
        ),
        (
            "\"t2.large\"\n",
            "\"t2.large\"\n  security_group = \"sg-1\"\n  connection {\n    allow_from = [\"10.0.0.0/8\"]\n  }\n",
            "MIG1230",
            "[\"10.0.0.0/8\"]",
            "an existing one",
        ),
    ] {
        check_article(from, to, code, marked, words);
    }
}

#[test]
fn blocks_that_need_each_other_say_so() {
    let provider = &ARTICLE[..ARTICLE.find("source").unwrap()];
    let (spec, found) = read_article(&ARTICLE.replace(provider, ""));
    assert!(spec.is_none());
    let seen: Vec<(String, usize)> =
        found.iter().map(|d| (d.code.to_string(), d.place.as_ref().map_or(0, |p| p.line))).collect();
    assert_eq!(seen, [1, 10, 14].map(|line| ("MIG1232".to_owned(), line)), "{found:?}");
    // What stands in an attribute named after a secret is blanked: its place is its first character.
    for (from, to, code, marked, words) in [
        ("  after  = [peering.tidb_cloud]\n", "", "MIG1233", "peering \"tidb_cloud\"", "after = [peering.tidb_cloud]"),
        (
            "  username           = \"admin\"\n",
            "  username = \"a\"\n  password_secret = \"arn:aws:secretsmanager:us-west-2:1:secret:s\"\n",
            "MIG1236",
            "\"",
            "iam_instance_profile",
        ),
        (
            "  username           = \"admin\"\n",
            "  username = \"a\"\n  password = file(\"pw.txt\")\n  password_secret = \"s\"\n",
            "MIG1235",
            "\"",
            "Keep one of them",
        ),
        (
            "  username           = \"admin\"\n",
            "  username = \"a\"\n  password = file(\"pw.txt\")\n  iam_auth = true\n",
            "MIG1235",
            "true",
            "Keep one of them",
        ),
        (
            "  username           = \"admin\"\n",
            "  username = \"a\"\n  iam_auth = true\n",
            "MIG1236",
            "true",
            "iam_instance_profile",
        ),
    ] {
        check_article(from, to, code, marked, words);
    }
    let other = "source \"mysql\" \"shop\" {\n  host = \"h\"\n";
    let text = ARTICLE
        .replace("source \"aurora\" \"shop\" {\n  cluster_identifier = \"database-1\"\n", other)
        .replace("source.aurora.shop", "source.mysql.shop");
    let (_, found) = read_article(&text);
    let said: Vec<String> = found.iter().map(|d| format!("{} {}", d.code, d.summary)).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().all(|s| s.starts_with("MIG1233") && s.contains("VPC of a source that is looked up")),
        "{said:?}"
    );
    let second = "source \"aurora\" \"two\" {\n  cluster_identifier = \"database-2\"\n  username = \"a\"\n}\nmigration \
                  \"two\" {\n  source = source.aurora.two\n  target = target.tidb.cloud\n  runner = runner.ec2.mover\n}\n";
    let (_, found) = read_article(&format!("{ARTICLE}{second}"));
    assert!(found.len() == 1 && found[0].summary.contains("the VPCs of two sources"), "{found:?}");
}

#[test]
fn a_secret_is_read_on_a_runner_whose_profile_may() {
    let secret = "  username = \"a\"\n  password_secret = \"s\"\n";
    let text = ARTICLE
        .replace("  username           = \"admin\"\n", secret)
        .replace("\"t2.large\"\n", "\"t2.large\"\n  iam_instance_profile = \"mover\"\n");
    let (spec, found) = read_article(&text);
    let spec = spec.unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(spec.sources["shop"].aurora.as_ref().unwrap().password_secret.as_deref(), Some("s"));
}

#[test]
fn the_digest_form_holds_what_the_blocks_mean_and_not_what_was_looked_up() {
    let form = |from: &str, to: &str| article(from, to).digest_form();
    let one = form("", "");
    for (from, to) in [
        ("database-1", "database-2"),
        ("us-west-2", "us-west-1"),
        ("pcx-1a2b", "pcx-1a2c"),
        ("t2.large", "t2.xlarge"),
        ("{ team = \"data\" }", "{ team = \"shop\" }"),
    ] {
        assert_ne!(one, form(from, to), "{to}");
    }
    assert_eq!(one, form("  profile      = \"data\"\n", ""), "whose credentials they are is not the spec's matter");
    let mut looked_up = article("", "");
    looked_up.sources["shop"].host = "database-1.cluster-x".into();
    assert_eq!(one, looked_up.digest_form());
}

#[test]
fn two_blocks_of_one_name_and_two_kinds_are_told() {
    let (_, found) =
        read_article(&format!("{ARTICLE}source \"mysql\" \"shop\" {{\n  host = \"h\"\n  username = \"u\"\n}}\n"));
    assert!(found.len() == 1 && found[0].code == "MIG1106", "{found:?}");
    assert!(found[0].summary.contains("source \"mysql\" \"shop\""), "{found:?}");
}
