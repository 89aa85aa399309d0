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
        ("  gates { collation_map = { a = \"b c\" } }", "MIG1205", "4:33", "no name of a collation"),
        ("  gates { accept_unproven = [\"writes_stoped\"] }", "MIG1202", "4:30", "Did you mean \"writes_stopped\"?"),
        ("  gates { accept_unproven = \"disk\" }", "MIG1201", "4:29", "a list of strings"),
        ("  gates {\n    rule \"MIG2207\" { action = \"warn\" }\n  }", "MIG1222", "5:10", "no code of a rule"),
        ("  gates {\n    rule \"MIG210\" { action = \"warn\" }\n  }", "MIG1222", "5:10", "MIG2199"),
        ("  gates {\n    rule \"MIG2107\" { action = \"ignore\" }\n  }", "MIG1202", "5:31", "\"rewrite\""),
        ("  gates {\n    rule \"MIG2107\" {\n    }\n  }", "MIG1107", "5:5", "`action` is missing"),
        ("  dump { engine = \"dumpling\" }", "MIG1120", "4:19", "This version has: native."),
        ("  dump { format = \"csv\" }", "MIG1120", "4:19", "not part of this version"),
        ("  dump { compress = \"snappy\" }", "MIG1202", "4:21", "\"gzip\", \"zstd\""),
        ("  dump { disk_limit = \"1GiB\" }", "MIG1230", "4:23", "the files are kept"),
        ("  dump { file_size = \"256MB\" }", "MIG1203", "4:22", "\"256MiB\""),
        ("  dump { file_size = 256 }", "MIG1203", "4:22", "\"256MiB\""),
        ("  dump { chunk_bytes = \"big\" }", "MIG1203", "4:24", "no size"),
        ("  dump { where = { \"shop.*\" = \"1\" } }", "MIG1221", "4:20", "no pattern"),
        ("  dump { where = { \"shop.a\" = \" \" } }", "MIG1205", "4:31", "is empty"),
        ("  dump { where = { \"a.b\" = \"1\", \"`a`.b\" = \"2\" } }", "MIG1102", "4:33", "a.b stands twice"),
        ("  dump {\n    where { x = 1 }\n  }", "MIG1105", "5:5", "where = { … }"),
        ("  load { engine = \"lightning\" }", "MIG1120", "4:19", "lightning"),
        ("  load { threads = \"many\" }", "MIG1201", "4:20", "must be a number"),
        ("  load { session = { SQL_MODE = \"\" } }", "MIG1220", "4:22", "may not set sql_mode"),
        ("  load { session = { character_set_client = \"x\" } }", "MIG1220", "4:22", "may not set"),
        ("  load { session = { \"@@global.x\" = \"1\" } }", "MIG1220", "4:22", "global variables are never set"),
        ("  load { session = { a = [] } }", "MIG1201", "4:26", "is a list"),
        ("  verify { threads = 1000 }", "MIG1205", "4:22", "from 1 to 256"),
    ] {
        check_migration(lines, &[(code, at, words)]);
    }
    check(
        "migration \"x\" {\n  source = target.tidb.cloud\n}\n",
        &[("MIG1107", "1:1", "`target` is missing"), ("MIG1226", "2:12", "must be a source")],
    );
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
