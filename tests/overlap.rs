//! What must not meet: two migrations in one target table, files of two attempts in one dump. The program itself against
//! real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use support::proxy::Proxy;
use support::{Bed, program};

fn server(word: &str, kind: &str, name: &str, port: u16, more: &str) -> String {
    format!(
        "{word} \"{kind}\" \"{name}\" {{\n  host = \"127.0.0.1\"\n  port = {port}\n  username = \"root\"\n{more}  tls {{\n    mode = \
         \"disabled\"\n  }}\n}}\n"
    )
}

fn migration(name: &str, source: &str, tables: &str, more: &str) -> String {
    format!(
        "migration \"{name}\" {{\n  source = source.mysql.{source}\n  target = target.tidb.to\n  tables = [{tables}]\n  gates {{\n    \
         accept_unproven = [\"writes_stopped\"]\n  }}\n{more}}}\n"
    )
}

#[tokio::test]
async fn two_migrations_into_one_table_are_refused_by_name_before_anything_is_made() {
    let (one, other, target) = (Bed::mysql(), Bed::mariadb(), Bed::tidb());
    let create = "CREATE TABLE t (id INT PRIMARY KEY) COLLATE utf8mb4_bin";
    let schema = one.schema("shards", &[create, "INSERT INTO t VALUES (1), (2)"]).await;
    other.run(&[&format!("DROP DATABASE IF EXISTS {schema}"), &format!("CREATE DATABASE {schema}")]).await;
    let create = create.replace(" t ", &format!(" {schema}.t "));
    other.run(&[&create, &format!("INSERT INTO {schema}.t VALUES (3), (4)")]).await;
    target.drop_schema(&schema).await;
    let dir = tempfile::tempdir().unwrap();
    let ledger = format!("  ledger_schema = \"ml_{schema}\"\n");
    let servers = [
        server("source", "mysql", "s", one.config().port, ""),
        server("source", "mysql", "s2", other.config().port, ""),
        server("target", "tidb", "to", target.config().port, &ledger),
    ];
    let write = |tables: [&str; 2]| {
        let migrations = [migration("m", "s", tables[0], ""), migration("m2", "s2", tables[1], "")];
        std::fs::write(dir.path().join("a.mig.hcl"), format!("{}{}", servers.concat(), migrations.concat())).unwrap();
    };
    let (all, table, pattern) = (format!("\"{schema}.*\""), format!("\"{schema}.t\""), format!("\"/^{schema}$/.*\""));
    for tables in [[&all, &all], [&table, &table], [&all, &table], [&pattern, &table]] {
        write([tables[0], tables[1]]);
        program::run(dir.path(), &["validate"], 1, &["MIG1238", "migration.m and migration.m2 both move"]);
    }
    // The rules leave it open; the tables do not.
    write([&pattern, &all.replace(".*", ".?*")]);
    program::run(dir.path(), &["validate"], 0, &[]);
    let told = format!("migration.m and migration.m2 lead to one target table: {schema}.t");
    program::run(dir.path(), &["plan"], 5, &["MIG1239", &told]);
    program::run(dir.path(), &["apply", "-auto-approve"], 5, &["MIG1239"]);
    let there = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{schema}'");
    assert_eq!(target.rows(&there).await[0][0], "0");
    for bed in [&one, &other, &target] {
        bed.drop_schema(&schema).await;
    }
    target.drop_schema(&format!("ml_{schema}")).await;
}

/// The files of data of a dump.
fn files(dump: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(dump).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.contains(".0000")).collect()
}

#[tokio::test]
async fn a_dump_that_was_read_twice_holds_the_files_that_its_manifest_names_and_no_other() {
    let (source, target) = (Bed::mysql(), Bed::tidb());
    let schema = source
        .schema(
            "leftover",
            &[
                "CREATE TABLE t (id INT, v VARCHAR(400)) COLLATE utf8mb4_bin",
                "INSERT INTO t WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT n, \
                 REPEAT('x', 300) FROM s",
                "INSERT INTO t SELECT * FROM t",
                "INSERT INTO t SELECT * FROM t",
            ],
        )
        .await;
    target.drop_schema(&schema).await;
    for compress in ["none", "gzip"] {
        let proxy = Proxy::to(source.config().port);
        let dir = tempfile::tempdir().unwrap();
        let ledger = format!("  ledger_schema = \"ml_{schema}\"\n");
        let dump = format!(
            "  dump {{\n    file_size = \"64KiB\"\n    rate_limit = \"500KiB\"\n    compress = \"{compress}\"\n  }}\n"
        );
        let spec = [
            server("source", "mysql", "s", proxy.port, ""),
            server("target", "tidb", "to", target.config().port, &ledger),
            migration("m", "s", &format!("\"{schema}.*\""), &dump),
        ];
        std::fs::write(dir.path().join("a.mig.hcl"), spec.concat()).unwrap();
        let mut child = program::command(dir.path(), &["apply", "-auto-approve"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dump = dir.path().join(".mig/work/m/dump");
        while !dump.exists() || files(&dump).len() < 8 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its line was cut");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.down();
        // Not in the binlog: what is judged here are the files.
        let fewer = format!("DELETE FROM {schema}.t LIMIT 3000");
        source.run(&["SET SESSION sql_log_bin = 0", &fewer]).await;
        proxy.up(source.config().port);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{compress}");
        let manifest = std::fs::read_to_string(dump.join("mig-manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let parts = manifest["tables"][0]["parts"].as_array().unwrap();
        let named: BTreeSet<String> = parts.iter().map(|part| part["file"].as_str().unwrap().to_owned()).collect();
        assert_eq!(files(&dump), named, "{compress}");
        let count = format!("SELECT COUNT(*) FROM {schema}.t");
        assert_eq!(source.rows(&count).await, target.rows(&count).await);
        // For the next round.
        let back =
            "INSERT INTO DB.t WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n, \
                    REPEAT('x', 300) FROM s"
                .replace("DB", &schema);
        source.run(&["SET SESSION sql_log_bin = 0", "SET SESSION cte_max_recursion_depth = 10000", &back]).await;
        target.drop_schema(&schema).await;
        target.drop_schema(&format!("ml_{schema}")).await;
    }
    source.drop_schema(&schema).await;
}
