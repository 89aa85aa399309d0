//! Dumpling and TiDB Lightning on the machine of the runner.

use std::path::PathBuf;

use super::{Journey, PASSWORD, files, holds};

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_other_engines_run_on_the_other_machine() {
    let journey = Journey::new("engines", "null").await;
    let spec = journey.here().join("trial.mig.hcl");
    let tools = PathBuf::from(std::env::var_os("MIG_TEST_BIN").expect("run `make test`"));
    let text = std::fs::read_to_string(&spec).unwrap();
    let engine = |name: &str, tool: &str| format!("engine = \"{name}\"\n    binary = {:?}\n", tools.join(tool));
    let dump = format!("  dump {{\n    {}", engine("dumpling", "dumpling"));
    let load = format!("  load {{\n    {}", engine("lightning", "tidb-lightning"));
    let text = text.replace("  dump {\n", &dump).replace("  load {\n", &load);
    std::fs::write(&spec, text.replace("    chunk_bytes = \"64KiB\"\n", "")).unwrap();
    journey.prepare();
    journey.run(&["plan"], 0, &["lightning 8.5.6", "passed disk"]);
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    let all = [files(&journey.there()), files(&journey.here())].concat();
    for file in all.iter().filter(|file| !file.parent().is_some_and(|dir| dir.ends_with("bin"))) {
        assert!(!holds(file, PASSWORD), "the password lies in {}", file.display());
    }
    journey.end().await;
}
