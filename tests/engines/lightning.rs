//! TiDB Lightning as the engine of a load: what it moves, what is refused, and what it says without having done it.

use std::os::unix::fs::PermissionsExt;

use super::{APPLY, TABLES, Trial, tool};

#[tokio::test]
async fn lightning_loads_every_kind_of_value_from_either_dump() {
    let trial = Trial::new("light", TABLES).await;
    let before = trial.target.rows("SHOW DATABASES LIKE 'lightning%'").await;
    trial.spec_of("", "LIGHTNING");
    trial.check(&["plan"], 0, &["lightning"]);
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(5);
    trial.assert_clean();
    trial.assert_same("SELECT id, HEX(v), HEX(CONVERT(l USING utf8mb4)), HEX(b), bi + 0, ts, dt, e, HEX(bb), t, de, y, s FROM DB.kinds").await;
    trial.assert_same("SELECT COUNT(*), SUM(`c,\"1`), COUNT(`b``x`) FROM DB.`odd%.na,me \"x`").await;
    let certificate = trial.certificate();
    assert!(certificate["named"].to_string().contains("each row at least once"), "{certificate:#}");
    trial.check(&["report"], 0, &["TiDB Lightning loaded 5 tables"]);
    // Files of Dumpling, packed; and back to mig's own.
    let again = ["apply", "-auto-approve", "-confirm=127.0.0.1"];
    trial.spec_of("DUMPLING\n    compress = \"zstd\"\n    file_size = \"64KiB\"", "LIGHTNING");
    trial.check(&again, 0, &[]);
    trial.assert_equal(5);
    trial.assert_clean();
    trial.spec("");
    trial.check(&again, 0, &[]);
    trial.assert_equal(5);
    assert_eq!(trial.target.rows("SHOW DATABASES LIKE 'lightning%'").await, before);
    trial.check(&["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0, &[]);
    trial.end().await;
}

#[tokio::test]
async fn lightning_is_refused_where_nothing_would_prove_its_load_and_a_row_twice_is_found() {
    let statements = [
        "CREATE TABLE t (n INT, p VARCHAR(20)) COLLATE utf8mb4_bin",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)",
    ];
    let trial = Trial::new("twice", &statements).await;
    trial.spec_of("keep = false", "LIGHTNING");
    trial.check(&["plan"], 1, &["MIG1253", "keep = true"]);
    trial.spec_of("}\n  verify {\n    mode = \"none\"", "LIGHTNING");
    trial.check(&["plan"], 1, &["MIG1253", "at least once"]);
    // As a program that loads its files and is started again.
    let real = tool("tidb-lightning");
    let path = trial.path("twice.sh");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -V ]; then exec {0} -V; fi\ncat > {1}/toml\n{0} -config /dev/stdin < {1}/toml > {1}/first 2>&1\n\
         rm -f {1}/.mig/work/m/dump/lightning.*/lightning.pb\nexec {0} -config /dev/stdin < {1}/toml\n",
        real.display(),
        trial.dir.path().display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    trial.spec_of("", &format!("engine = \"lightning\"\n    binary = {path:?}"));
    trial.check(APPLY, 6, &["MIG5174", "its files have 3 rows, and the table has 6"]);
    let count = format!("SELECT COUNT(*) FROM {}.t", trial.schema);
    assert_eq!(trial.target.rows(&count).await, [["6"]]);
    // One that ends well and has done nothing, as after SIGTERM or where its port is taken.
    for (says, told) in [
        ("tidb lightning canceled", "tidb lightning canceled"),
        ("failed to start HTTP server: in use", "failed to start HTTP server"),
        ("tidb lightning exit successfully", "it names no error"),
        (
            "tidb lightning encountered error: [Lightning:Restore:ErrRestoreTable]: Error 1264 (22003): 'Jane'",
            "error 1264",
        ),
    ] {
        let version = format!("if [ \"$1\" = -V ]; then exec {} -V; fi", real.display());
        std::fs::write(&path, format!("#!/bin/sh\n{version}\necho \"{says}\"\n")).unwrap();
        let said = trial.check(APPLY, 1, &["MIG5172", told]);
        assert!(!said.contains("Jane"), "{said}");
        assert_eq!(trial.target.rows(&count).await, [["0"]]);
    }
    // The way out: the next run empties the table and loads it.
    trial.spec_of("", "LIGHTNING");
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(1);
    trial.assert_clean();
    trial.end().await;
}
