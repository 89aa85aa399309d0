//! Where a state is: it is moved from a file to a bucket, to another one, and back, and workspaces are states of their own. With
//! the program itself, MinIO and real servers. The judges are SQL on both servers, the objects in the bucket and the files of
//! the folder.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::bucket::{self, Bucket, CREDENTIALS};
use support::journey::Journey;
use support::{Bed, program};

async fn journey(name: &str) -> Journey {
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))",
        "INSERT INTO a VALUES (1, 'one'), (2, NULL)",
    ];
    let schema = Bed::mysql().schema(&format!("places_{name}"), &statements).await;
    Journey::new(Bed::mysql(), vec![schema], name, "", "").await
}

/// Runs the program with the credentials of the bucket.
fn run(journey: &Journey, arguments: &[&str], expected: i32, told: &[&str]) -> String {
    let output = bucket::command(journey.folder(), arguments).output().unwrap();
    program::judge(&output, arguments, expected, told)
}

/// Writes the `mig` block: where the state is from now on. The file of before is kept as `former.txt`.
fn keep_in(journey: &Journey, block: &str) {
    let path = journey.path("place.mig.hcl");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(journey.path("former.txt"), before).unwrap();
    std::fs::write(path, block).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_moved_to_a_bucket_to_another_one_and_back() {
    let journey = journey("moved").await;
    run(&journey, &["apply", "-auto-approve"], 0, &["equal"]);
    let (one, two) = (Bucket::new("one"), Bucket::new("two"));
    let settled = |what: &str| {
        run(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes."]);
        run(&journey, &["report"], 0, &["equal"]);
        run(&journey, &["state", "list"], 0, &["migration.m.report"]);
        println!("{what} is settled");
    };

    std::fs::write(journey.path("mig.migstate.known_hosts"), "a key").unwrap();
    // From the file. Before it is moved, the new place has nothing: all would be new.
    keep_in(&journey, &one.settings(one.port, "5s"));
    run(&journey, &["init", "-migrate-state", "-dry-run"], 0, &["Would move the state", "Nothing was changed"]);
    assert!(!one.objects().iter().any(|name| name == "team/shop.migstate"), "{:?}", one.objects());
    run(&journey, &["init", "-migrate-state"], 0, &["Moved the state", "1 certificate", "mig.migstate to s3://"]);
    settled("the first bucket");
    assert_eq!(std::fs::read_to_string(journey.path("shop.migstate.known_hosts")).unwrap(), "a key");
    // A second time there is nothing to move: the former place is closed.
    run(&journey, &["init", "-migrate-state"], 1, &["MIG4033", "it was moved to s3://"]);
    // Who goes on with the former spec is refused, whatever the command.
    keep_in(&journey, "");
    for arguments in [
        &["plan"] as &[&str],
        &["apply", "-auto-approve"],
        &["destroy", "-auto-approve"],
        &["status"],
        &["state", "list"],
        &["state", "pull"],
        &["state", "rm", "migration.m"],
        &["verify"],
    ] {
        run(&journey, arguments, 1, &["MIG4033"]);
    }

    // To another bucket: the spec of before says where it was.
    keep_in(&journey, &one.settings(one.port, "5s"));
    keep_in(&journey, &two.settings(two.port, "5s"));
    run(&journey, &["init", "-migrate-state", "-from=former.txt"], 0, &["Moved the state"]);
    settled("the second bucket");

    // Back to the file that was closed before; a row of a new table goes where the old ones are.
    keep_in(&journey, "");
    run(&journey, &["init", "-migrate-state", "-from=former.txt"], 0, &["Moved the state"]);
    settled("the file");
    let schema = journey.schema();
    journey
        .source
        .run(&[
            &format!("CREATE TABLE {schema}.b (id INT PRIMARY KEY)"),
            &format!("INSERT INTO {schema}.b VALUES (1), (2)"),
        ])
        .await;
    run(&journey, &["apply", "-auto-approve"], 0, &["equal"]);
    // And to the bucket again, with another table: each place of the lock is told from the earlier ones.
    keep_in(&journey, &two.settings(two.port, "5s"));
    run(&journey, &["init", "-migrate-state"], 0, &["Moved the state"]);
    journey
        .source
        .run(&[&format!("CREATE TABLE {schema}.c (id INT PRIMARY KEY)"), &format!("INSERT INTO {schema}.c VALUES (1)")])
        .await;
    run(&journey, &["apply", "-auto-approve"], 0, &["equal"]);
    settled("the second bucket again");
    for (table, rows) in [("a", "2"), ("b", "2"), ("c", "1")] {
        assert_eq!(journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.{table}")).await, [[rows]]);
    }
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_replaces_no_other_state_and_one_that_was_interrupted_ends() {
    let journey = journey("in_the_way").await;
    run(&journey, &["apply", "-auto-approve"], 0, &["equal"]);
    let bucket = Bucket::new("way");
    let state = std::fs::read(journey.path("mig.migstate")).unwrap();
    keep_in(&journey, &bucket.settings(bucket.port, "5s"));
    run(&journey, &["init", "-migrate-state"], 0, &["Moved the state"]);
    // Interrupted before the former place was closed.
    std::fs::write(journey.path("mig.migstate"), &state).unwrap();
    run(&journey, &["init", "-migrate-state"], 0, &["Moved the state"]);
    run(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes."]);
    keep_in(&journey, "");
    run(&journey, &["plan"], 1, &["MIG4033"]);

    // A state of another lineage is in the new place.
    let text = String::from_utf8(state.clone()).unwrap();
    let lineage = serde_json::from_str::<serde_json::Value>(&text).unwrap()["lineage"].as_str().unwrap().to_owned();
    let other = text.replace(&lineage, "another");
    std::fs::write(journey.path("other"), &other).unwrap();
    run(&journey, &["state", "push", "-force", "other"], 0, &["Pushed"]);
    keep_in(&journey, &bucket.settings(bucket.port, "5s"));
    run(&journey, &["init", "-migrate-state"], 1, &["MIG4035", "the one to be moved is of lineage"]);
    run(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes."]);
    run(&journey, &["init", "-migrate-state", "-force"], 0, &["Moved the state"]);
    assert!(bucket.objects().contains(&"team/shop.migstate.backup".to_owned()), "{:?}", bucket.objects());

    // Nothing to move, nowhere to move it.
    keep_in(&journey, "mig {\n  backend \"local\" {\n    path = \"elsewhere.migstate\"\n  }\n}\n");
    std::fs::remove_file(journey.path("mig.migstate")).unwrap();
    run(&journey, &["init", "-migrate-state"], 1, &["MIG4034"]);
    run(&journey, &["init", "-migrate-state", "-from=place.mig.hcl"], 1, &["that is where it is to come from"]);
    run(&journey, &["init", "-migrate-state", "-from=none"], 1, &["MIG1003"]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_a_state_of_its_own() {
    let journey = journey("workspace").await;
    let bucket = Bucket::new("workspace");
    let block = bucket.settings(bucket.port, "5s").replace("team/shop", "team/${workspace}/shop");
    keep_in(&journey, &block);
    run(&journey, &["apply", "-auto-approve", "-workspace=blue"], 0, &["equal"]);
    let mut named = program::command(journey.folder(), &["plan", "-detailed-exitcode"]);
    named.envs(CREDENTIALS).env("AWS_EC2_METADATA_DISABLED", "true").env("MIG_WORKSPACE", "blue");
    program::judge(&named.output().unwrap(), &["plan"], 0, &["No changes."]);
    // Of the default one nothing is known: the tables there are not its own.
    run(&journey, &["state", "list"], 0, &[]);
    run(&journey, &["plan"], 5, &["target_tables"]);
    run(&journey, &["plan", "-out=plan", "-workspace=blue"], 0, &[]);
    run(&journey, &["apply", "plan"], 3, &["MIG4106"]);
    let objects = bucket.objects();
    assert!(objects.contains(&"team/blue/shop.migstate".to_owned()), "{objects:?}");
    assert!(!objects.contains(&"team/default/shop.migstate".to_owned()), "{objects:?}");
    // A backend without a place for it.
    keep_in(&journey, "");
    run(&journey, &["plan", "-workspace=blue"], 1, &["MIG1252", "does not tell the workspace"]);
    run(&journey, &["plan", "-workspace=a/b"], 1, &["MIG1252", "is not the name of a workspace"]);
    // Between workspaces a state is moved as between any places.
    journey.end().await;
}

/// Asks the S3 server itself, as root; gives the headers and the text of the answer.
fn asked(bucket: &Bucket, method: &str, what: &str, body: &str) -> String {
    let url = format!("http://127.0.0.1:{}/{}{what}", bucket.port, bucket.name);
    let programs = std::env::var_os("MIG_TEST_BIN").map(std::path::PathBuf::from).unwrap_or_default();
    let mut curl = std::process::Command::new(programs.join("curl"));
    curl.args(["--silent", "--show-error", "--fail", "--include", "--aws-sigv4", "aws:amz:us-east-1:s3"]);
    curl.args(["--user", "testing:testing-testing", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
    match method {
        "HEAD" => curl.arg("--head"),
        "PUT" => curl.args(["--request", "PUT", "--data", body]),
        _ => &mut curl,
    };
    let output = curl.arg(&url).output().unwrap();
    assert!(output.status.success(), "{method} {url}: {}", program::said(&output));
    String::from_utf8_lossy(&output.stdout).to_lowercase()
}

/// A whole life of a state in a bucket that keeps versions, with this way to encrypt in the backend's block.
async fn kept_encrypted(name: &str, setting: &str, header: &str) {
    let journey = journey(name).await;
    let bucket = Bucket::new(name);
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    asked(&bucket, "PUT", "?versioning=", versions);
    let block =
        bucket.settings(bucket.port, "5s").replace("    use_path_style", &format!("    {setting}\n    use_path_style"));
    keep_in(&journey, &block);
    run(&journey, &["apply", "-auto-approve"], 0, &["equal"]);
    run(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes."]);
    let copy = program::command(journey.folder(), &["state", "pull"]).envs(CREDENTIALS).output().unwrap().stdout;
    std::fs::write(journey.path("copy"), copy).unwrap();
    run(&journey, &["state", "rm", &format!("migration.m.dump[\"{}.a\"]", journey.schema())], 0, &["Forgot 1 step"]);
    run(&journey, &["state", "push", "-force", "copy"], 0, &["Pushed"]);
    run(&journey, &["plan", "-detailed-exitcode"], 0, &["No changes."]);
    run(&journey, &["verify"], 0, &["equal"]);
    run(&journey, &["report"], 0, &["equal"]);
    for object in ["shop.migstate", "shop.migstate.backup", "shop.migstate.m.certificate.json"] {
        let said = asked(&bucket, "HEAD", &format!("/team/{object}"), "");
        assert!(said.contains(header), "{object}: {said}");
        assert!(said.contains("x-amz-version-id:"), "{object}: {said}");
    }
    let listed = asked(&bucket, "GET", "?prefix=team%2Fshop.migstate&versions=", "");
    let kept = listed.matches("<key>team/shop.migstate</key>").count();
    assert!(kept >= 3, "{kept} versions of the state: {listed}");
    run(&journey, &["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0, &[]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_kept_with_versions_and_encrypted_by_the_server() {
    kept_encrypted("sse", "encrypt = true", "x-amz-server-side-encryption: aes256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_kept_with_versions_and_encrypted_with_a_key() {
    kept_encrypted("kms", "kms_key_id = \"mig-key\"", "x-amz-server-side-encryption: aws:kms").await;
}
