//! What is wrong with a migration, and with its ends together.

use super::*;

#[test]
fn a_migration_says_what_is_wrong_with_it() {
    for (lines, code, at, words) in [
        ("  tables = []", "MIG1205", "4:12", "matches no table"),
        ("  tables = \"shop.*\"", "MIG1201", "4:12", "Write it in brackets"),
        ("  tables = [\"a.*\", \" \"]", "MIG1225", "4:20", "is empty"),
        ("  tables = [\"@nested.txt\"]", "MIG1225", "4:13", "in line 2"),
        ("  tables = [\"@none.txt\"]", "MIG1223", "4:13", "no such file"),
        ("  tables = [\"@binary\"]", "MIG1223", "4:13", "is not UTF-8 text"),
        ("  writes = \"lock\"", "MIG1120", "4:12", "writes = \"lock\" is not part of this version"),
        ("  writes = \"clone\"", "MIG1120", "4:12", "This version has: stopped."),
        ("  writes = \"stoped\"", "MIG1202", "4:12", "Did you mean \"stopped\"?"),
        ("  runner = target.tidb.cloud", "MIG1226", "4:12", "must be a runner, not `target.tidb.cloud`"),
        ("  runner = \"here\"", "MIG1226", "4:12", "not a string"),
        ("  after = [migration.shop]", "MIG1226", "4:12", "after itself"),
        ("  after = [\"x\"]", "MIG1226", "4:12", "references"),
        ("  after = source.mysql.shop", "MIG1201", "4:11", "a list of references"),
        ("  gates { compatibility = \"rewrite\" }", "MIG1202", "4:27", "\"stop\", \"warn\""),
        ("  gates { collation = \"convert\" }", "MIG1107", "4:23", "needs a `collation_map`"),
        ("  gates { collation_map = { a = \"b\" } }", "MIG1230", "4:27", "has no effect"),
        ("  gates { collation_map = { a = \"b c\" } }", "MIG1205", "4:33", "not the name of a collation"),
        ("  gates { accept_unproven = [\"writes_stoped\"] }", "MIG1202", "4:30", "Did you mean \"writes_stopped\"?"),
        ("  gates { accept_unproven = \"disk\" }", "MIG1201", "4:29", "a list of strings"),
        ("  gates {\n    rule \"MIG2207\" { action = \"warn\" }\n  }", "MIG1222", "5:10", "not a code of a rule"),
        ("  gates {\n    rule = { MIG2107 = \"warn\" }\n  }", "MIG1105", "5:5", "Write `rule \"MIG2107\" {`"),
        ("  gates {\n    rule \"MIG210\" { action = \"warn\" }\n  }", "MIG1222", "5:10", "MIG21;"),
        ("  gates {\n    rule \"MIG2107\" { action = \"ignore\" }\n  }", "MIG1202", "5:31", "\"rewrite\""),
        ("  gates {\n    rule \"MIG2107\" {\n    }\n  }", "MIG1107", "5:5", "`action` is missing"),
        ("  dump { engine = \"mydumper\" }", "MIG1202", "4:19", "\"native\", \"dumpling\""),
        ("  dump { format = \"csv\" }", "MIG1120", "4:19", "not part of this version"),
        ("  dump { compress = \"snappy\" }", "MIG1202", "4:21", "\"gzip\", \"zstd\""),
        ("  dump { to = \"/mnt/dumps\" }", "MIG1205", "4:15", "not a place in a bucket"),
        ("  dump { to = \"s3://\" }", "MIG1205", "4:15", "does not name a bucket"),
        ("  dump { to = \"s3://b/a//b\" }", "MIG1205", "4:15", "no empty part"),
        ("  dump { to = \"s3://b/../c\" }", "MIG1205", "4:15", "does not name a bucket and a prefix"),
        ("  dump { to = \"s3://b c/d\" }", "MIG1205", "4:15", "does not name a bucket"),
        ("  dump { to = \"s3://b/p?access-key=k\" }", "MIG1205", "4:15", "Credentials come from the environment"),
        ("  dump { to = \"s3://key:word@b/p\" }", "MIG1205", "4:15", "more than a bucket and a prefix"),
        ("  dump {\n    s3 {\n      region = \"eu-central-1\"\n    }\n  }", "MIG1230", "5:5", "go to the work folder"),
        (
            "  dump {\n    to = \"s3://b/p\"\n    s3 {\n      endpoint_url = \"http://u:p@h\"\n    }\n  }",
            "MIG1205",
            "7:22",
            "more than a server's address",
        ),
        (
            "  dump {\n    to = \"s3://b/p\"\n    s3 {\n      access_key = \"k\"\n    }\n  }",
            "MIG1104",
            "7:7",
            "access_key",
        ),
        ("  dump { disk_limit = \"1GiB\" }", "MIG1230", "4:23", "the files are kept"),
        ("  dump { file_size = \"256MB\" }", "MIG1203", "4:22", "\"256MiB\""),
        ("  dump { file_size = 256 }", "MIG1203", "4:22", "\"256MiB\""),
        ("  dump { chunk_bytes = \"big\" }", "MIG1203", "4:24", "not a size"),
        ("  dump { where = { \"shop.*\" = \"1\" } }", "MIG1221", "4:20", "no pattern"),
        ("  dump { where = { \"shop.a\" = \" \" } }", "MIG1205", "4:31", "is empty"),
        ("  dump { where = { \"shop.a\" = \"id<10) or (a=2\" } }", "MIG1240", "4:37", "was not opened"),
        ("  dump { where = { \"shop.a\" = \"id<50 -- note\" } }", "MIG1240", "4:38", "a comment"),
        ("  dump { where = { \"shop.a\" = \"v = 'é' AND (a\" } }", "MIG1240", "4:44", "not closed"),
        ("  dump { where = { \"shop.a\" = \"v = \\\"x\" } }", "MIG1240", "4:31", "never closed"),
        ("  dump { where = { \"a.b\" = \"1\", \"`a`.b\" = \"2\" } }", "MIG1102", "4:33", "a.b is there twice"),
        ("  dump {\n    where { x = 1 }\n  }", "MIG1105", "5:5", "where = { … }"),
        ("  load { engine = \"myloader\" }", "MIG1202", "4:19", "\"native\", \"lightning\""),
        ("  load { engine = \"lightning\" }\n  dump { keep = false }", "MIG1253", "4:3", "keep = true"),
        ("  load { engine = \"lightning\" }\n  verify { mode = \"none\" }", "MIG1253", "4:3", "at least once"),
        ("  load { engine = \"lightning\" }\n  dump { to = \"s3://b/p\" }", "MIG1253", "4:3", "names a bucket"),
        ("  dump {\n    engine = \"dumpling\"\n    to = \"s3://b/p\"\n  }", "MIG1253", "4:3", "names a bucket"),
        ("  load { binary = \"/x\" }", "MIG1230", "4:19", "engine = \"native\""),
        (
            "  dump {\n    engine = \"dumpling\"\n    rate_limit = \"1MiB\"\n  }",
            "MIG1230",
            "6:18",
            "engine = \"dumpling\"",
        ),
        ("  load { threads = \"many\" }", "MIG1201", "4:20", "must be a number"),
        ("  load { session = { SQL_MODE = \"\" } }", "MIG1220", "4:22", "may not set sql_mode"),
        ("  load { session = { character_set_client = \"x\" } }", "MIG1220", "4:22", "may not set"),
        ("  load { session = { \"@@global.x\" = \"1\" } }", "MIG1220", "4:22", "global variables are never set"),
        ("  load { session = { a = [] } }", "MIG1201", "4:26", "is a list"),
        ("  verify { threads = 1000 }", "MIG1205", "4:22", "from 1 to 256"),
    ] {
        check_migration(lines, &[(code, at, words)]);
    }
    // What may be a key is not shown.
    for lines in [
        "  dump { to = \"s3://b/p?access-key=AKIAX\" }",
        "  dump {\n    to = \"s3://b\"\n    s3 {\n      endpoint_url = \"http://AKIAX:p@h\"\n    }\n  }",
    ] {
        let (_, found) = read(&[&migration(lines), SERVERS]);
        assert!(!found.is_empty() && !format!("{found:?}").contains("AKIAX"), "{found:?}");
    }
    check(
        "migration \"x\" {\n  source = target.tidb.cloud\n}\n",
        &[("MIG1107", "1:1", "`target` is missing"), ("MIG1226", "2:12", "must be a source")],
    );
}

#[test]
fn two_migrations_that_surely_move_one_table_into_one_target_are_refused() {
    let two = |target: &str, one: &str, other: &str| {
        let server = |kind: &str, name: &str| {
            format!("{kind} \"mysql\" \"{name}\" {{\n  host = \"{name}.example\"\n  username = \"u\"\n}}\n")
        };
        let migration = |name: &str, source: &str, target: &str, tables: &str| {
            format!(
                "migration \"{name}\" {{\n  source = source.mysql.{source}\n  target = target.mysql.{target}\n  tables = \
                 [{tables}]\n}}\n"
            )
        };
        let servers = [server("source", "a"), server("source", "b"), server("target", "t"), server("target", "u")];
        format!("{}{}{}", servers.concat(), migration("m", "a", "t", one), migration("n", "b", target, other))
    };
    for (target, one, other, shared) in [
        ("t", "\"s.t\"", "\"s.t\"", Some("s.t")),
        ("t", "\"s.*\"", "\"S.*\"", Some("s.*")),
        ("t", "\"s.*\"", "\"x.y\", \"s.t\"", Some("s.t")),
        ("t", "\"*.*\"", "\"s.t\"", Some("s.t")),
        ("u", "\"s.t\"", "\"s.t\"", None),
        // Each has its own, as far as the rules tell.
        ("t", "\"*.*\"", "\"*.*\"", None),
        ("t", "\"s.*\", \"!s.t\"", "\"s.t\"", None),
        ("t", "\"s.*\", \"!s.a*\"", "\"s.*\", \"!s.b*\"", None),
        ("t", "\"s.a*\"", "\"s.b*\"", None),
    ] {
        let words = format!("migration.m and migration.n both move {} into target.t", shared.unwrap_or_default());
        let fault = ("MIG1238", "25:12", words.as_str());
        check(&two(target, one, other), if shared.is_some() { std::slice::from_ref(&fault) } else { &[] });
    }
}

#[test]
fn source_and_target_on_one_host_and_port_are_refused() {
    for (source, target, same) in [
        ("DB.example", "db.example.", true),
        ("localhost", "127.0.0.1", true),
        ("::1", "localhost", true),
        ("a", "b", false),
    ] {
        let text = format!(
            "source \"mysql\" \"s\" {{\n  host = \"{source}\"\n  username = \"u\"\n}}\ntarget \"tidb\" \"t\" {{\n  host = \
             \"{target}\"\n  port = 3306\n  username = \"u\"\n}}\nmigration \"m\" {{\n  source = source.mysql.s\n  target \
             = target.tidb.t\n}}\n"
        );
        let fault = ("MIG1219", "12:12", "source and target are one server");
        check(&text, if same { std::slice::from_ref(&fault) } else { &[] });
    }
}
