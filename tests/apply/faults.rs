//! What goes wrong on the way: disks, files, servers and states that are not what they were.

use super::*;

#[tokio::test]
async fn a_full_disk_ends_the_run_with_the_file_and_the_next_apply_goes_on() {
    let trial = Trial::new("full").await;
    // A limit on the size of files stands for the disk: the write fails in the same place, with EFBIG.
    for blocks in [8, 40] {
        let limited =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {} apply -auto-approve", env!("CARGO_BIN_EXE_mig"));
        let output = Command::new("bash")
            .args(["-c", &limited])
            .current_dir(trial.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = program::said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("File too large"), "{told}");
    }
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn a_row_that_the_target_refuses_is_named_and_nothing_of_its_batch_stays() {
    let trial = Trial::new("refused").await;
    trial
        .source
        .run(&[
            &format!("CREATE TABLE {}.large (id INT PRIMARY KEY, v LONGTEXT) COLLATE utf8mb4_bin", trial.schema),
            &format!("INSERT INTO {}.large VALUES (1, 'small'), (2, REPEAT('x', 8 * 1024 * 1024))", trial.schema),
        ])
        .await;
    trial.run(&["apply", "-auto-approve"], 1, "large");
    assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*) FROM DB.large WHERE id = 2").await, "0");
    assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*) FROM DB.keyed").await, "3000");
    trial.spec(&format!(r#", "!{}.large""#, trial.schema));
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn one_server_at_both_ends_an_unknown_authority_and_a_missing_folder_are_refused() {
    let trial = Trial::new("ends").await;
    trial.edit(
        &format!("port          = {}", trial.target.config().port),
        &format!("port          = {}", trial.source.config().port),
    );
    trial.run(&["plan"], 1, "same");
    trial.spec("");
    trial.edit("mode = \"required\"", "mode = \"verify_identity\"");
    trial.run(&["plan"], 5, "certificate");
    trial.spec("");
    let text = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
    let backend = "mig {\n  backend \"local\" {\n    path = \"no/such/folder/mig.migstate\"\n  }\n}\n";
    std::fs::write(trial.path("trial.mig.hcl"), format!("{backend}{text}")).unwrap();
    trial.run(&["apply", "-auto-approve"], 1, "folder");
    trial.end().await;
}

#[tokio::test]
async fn a_flipped_byte_in_a_dump_file_is_found_before_anything_of_it_is_loaded() {
    let trial = Trial::new("flipped").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    let file =
        walk(&trial.path(".mig")).into_iter().find(|p| p.to_string_lossy().contains(".keyed.000000002")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let replace = format!("-replace=migration.m.load[\"{}.keyed\"]", trial.schema);
    trial.run(&["apply", "-auto-approve", &replace, "-confirm=127.0.0.1"], 6, "its digest is not the manifest's");
    let again = format!("-replace=migration.m.dump[\"{}.keyed\"]", trial.schema);
    trial.run(&["apply", "-auto-approve", &again, "-confirm=127.0.0.1"], 0, "");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn a_target_that_takes_no_file_no_write_or_goes_away_is_told_and_lived_with() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::into("gone", Bed::private("tidb", folder.path().join("tidb"))).await;
    trial.target.run(&["SET GLOBAL tidb_restricted_read_only = ON"]).await;
    trial.run(&["plan"], 5, "read");
    trial.target.run(&["SET GLOBAL tidb_restricted_read_only = OFF", "SET GLOBAL tidb_super_read_only = OFF"]).await;

    // Without LOAD DATA the rows go in by INSERT.
    trial.target.run(&["SET GLOBAL local_infile = 0"]).await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.run(&["state", "show", &format!("migration.m.load[\"{}.keyed\"]", trial.schema)], 0, "form insert");
    trial.anew().await;
    trial.target.run(&["SET GLOBAL local_infile = 1"]).await;

    // The server dies in the middle, and comes back.
    let child =
        trial.command(&["apply", "-auto-approve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let journal = std::fs::read_to_string(trial.path("mig.migstate.journal")).unwrap_or_default();
        if journal.contains("migration.m.load") {
            break;
        }
    }
    // In the middle of the run, and not of a COMMIT: embedded storage keeps no half of one (see tests/kills.rs).
    program::signal(&child, "-STOP");
    tokio::time::sleep(Duration::from_millis(300)).await;
    trial.target.server_script("kill");
    program::signal(&child, "-CONT");
    let output = child.wait_with_output().unwrap();
    let told = program::said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("hint"), "{told}");
    trial.target.server_script("restart");
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.target.server_script("kill");
    trial.source.drop_schema(&trial.schema).await;
}

#[tokio::test]
async fn a_state_copied_to_another_folder_moves_no_row_twice() {
    let trial = Trial::new("copied").await;
    let mut child =
        trial.command(&["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if std::fs::metadata(trial.path("mig.migstate.journal")).is_ok_and(|m| m.len() > 9_000) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["trial.mig.hcl", "mig.migstate", "mig.migstate.journal"] {
        if trial.path(name).exists() {
            std::fs::copy(trial.path(name), copy.path().join(name)).unwrap();
        }
    }
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    // The copy knows nothing of what the other did since; the ledger does.
    let output = trial.command(&["apply", "-auto-approve"]).current_dir(copy.path()).output().unwrap();
    let told = program::said(&output);
    assert!(matches!(output.status.code(), Some(0 | 1 | 5 | 6)), "{told}");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn a_state_from_before_the_load_meets_the_ledgers_rows_and_sends_none_again() {
    let trial = Trial::new("before").await;
    let dumps = ["keyed", "keyless", "texts"].map(|t| format!("-target=migration.m.dump[\"{}.{t}\"]", trial.schema));
    trial.run(&["apply", "-auto-approve", &dumps[0], &dumps[1], &dumps[2]], 0, "");
    let before = std::fs::read(trial.path("mig.migstate")).unwrap();
    trial.run(&["apply", "-auto-approve"], 0, "");
    let batches = trial.ledger_batches().await;
    std::fs::write(trial.path("mig.migstate"), before).unwrap();
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    assert_eq!(trial.ledger_batches().await, batches);
    trial.end().await;
}
