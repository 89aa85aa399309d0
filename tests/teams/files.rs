//! The files of the examples that only a forge, Docker or Terraform can run: read strictly, their scripts checked by bash, their
//! commands run where that is possible here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use yaml_rust2::Yaml;

use super::jobs::{example, root, yaml};
use super::{PASSWORD, Team, replaced};
use crate::support::program;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), into),
            false => into.push(entry.path()),
        }
    }
}

fn bash_reads(what: &str, script: &str) {
    let checked = Command::new("bash").args(["-n", "-c", script]).output().unwrap();
    assert!(checked.status.success() && checked.stderr.is_empty(), "{what}: {}", program::said(&checked));
    // Each script that is called is beside the others.
    for called in Regex::new(r"\bci/([\w-]+\.sh)").unwrap().captures_iter(script) {
        assert!(root().join("examples/ci").join(&called[1]).is_file(), "{what}: {}", &called[1]);
    }
}

#[test]
fn the_scripts_for_jobs_are_sound() {
    let mut all = Vec::new();
    files(&root().join("examples/ci"), &mut all);
    let scripts: Vec<&PathBuf> = all.iter().filter(|file| file.extension().is_some_and(|end| end == "sh")).collect();
    assert!(scripts.len() >= 5);
    for script in &scripts {
        let text = std::fs::read_to_string(script).unwrap();
        bash_reads(&script.display().to_string(), &text);
        // What is sourced has the settings of who sources it.
        assert!(script.ends_with("forge.sh") || text.contains("\nset -euo pipefail\n"), "{script:?}");
    }
    if let Ok(checked) = Command::new("shellcheck").args(["-x", "-P", "SCRIPTDIR"]).args(&scripts).output() {
        assert!(checked.status.success(), "{}", program::said(&checked));
    }
}

#[test]
fn the_workflows_of_github_have_few_rights_and_take_nothing_from_a_stranger_into_a_script() {
    let pinned = Regex::new(r"^actions/[a-z-]+@(v\d+|[0-9a-f]{40})$").unwrap();
    for (file, job, rights) in [
        ("mig-plan.yml", "plan", &[("actions", "read"), ("contents", "read"), ("pull-requests", "write")]),
        ("mig-apply.yml", "apply", &[("actions", "read"), ("contents", "read"), ("pull-requests", "read")]),
    ] {
        let workflow = example(&format!("github-actions/workflows/{file}"));
        assert!(workflow["permissions"].as_hash().unwrap().is_empty(), "{file}");
        assert_eq!(workflow["concurrency"]["cancel-in-progress"].as_bool(), Some(job == "plan"));
        let job = &workflow["jobs"][job];
        let given = job["permissions"].as_hash().unwrap().iter();
        let given: Vec<(&str, &str)> = given.map(|(of, may)| (of.as_str().unwrap(), may.as_str().unwrap())).collect();
        assert_eq!(given, rights, "{file}");
        assert!(job["environment"].as_str().is_some() && job["timeout-minutes"].as_i64().is_some(), "{file}");
        for step in job["steps"].as_vec().unwrap() {
            if let Some(uses) = step["uses"].as_str() {
                assert!(pinned.is_match(uses), "{uses}");
            }
            // An expression is pasted into the script before the shell reads it: values go through the environment.
            let Some(script) = step["run"].as_str() else { continue };
            assert!(!script.contains("${{"), "{script}");
            bash_reads(file, script);
            let secret = format!("{:?}", step["env"]).contains("secrets.");
            assert_eq!(secret, ["Plan", "Apply"].contains(&step["name"].as_str().unwrap()), "{step:?}");
        }
        let checkout = &job["steps"][0];
        assert_eq!(checkout["with"]["persist-credentials"].as_bool(), Some(false));
    }
}

#[test]
fn the_pipeline_of_gitlab_applies_by_hand_one_at_a_time() {
    let pipeline = example("gitlab-ci/.gitlab-ci.yml");
    let (plan, apply) = (&pipeline["mig-plan"], &pipeline["mig-apply"]);
    assert_eq!(apply["rules"][0]["when"].as_str(), Some("manual"));
    assert_eq!(apply["needs"][0]["job"].as_str(), Some("mig-plan"));
    assert!(apply["resource_group"].as_str().is_some() && apply["environment"]["name"].as_str().is_some());
    assert_eq!((plan["interruptible"].as_bool(), apply["interruptible"].as_bool()), (Some(true), Some(false)));
    for line in [plan, apply].iter().flat_map(|job| job["script"].as_vec().unwrap()) {
        let line = line.as_str().unwrap();
        bash_reads("gitlab", line);
        // Some executors add lines of their own behind the script.
        assert!(!line.contains("exec "), "{line}");
    }
}

/// A file for Atlantis, and the commands of a stage.
fn atlantis(stage: &str) -> Vec<String> {
    let server = example("atlantis/repos.yaml");
    let steps = server["workflows"]["mig"][stage]["steps"].as_vec().unwrap().clone();
    steps.iter().map(|step| step["run"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_commands_of_atlantis_plan_and_apply() {
    let repository = example("atlantis/atlantis.yaml");
    assert_eq!(repository["version"].as_i64(), Some(3));
    assert_eq!(repository["projects"][0]["workflow"].as_str(), Some("mig"));
    let mut team = Team::new("atlantis", &super::TABLES, "").await;
    let checkout = team.machine.checkout();
    let dir = checkout.join(repository["projects"][0]["dir"].as_str().unwrap());
    let env: BTreeMap<String, String> = [
        ("PLANFILE", dir.join("shop-default.tfplan").to_str().unwrap()),
        ("SHOP_SOURCE_PASSWORD", PASSWORD),
        ("SHOP_TARGET_PASSWORD", PASSWORD),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    // Atlantis runs each step by `sh -c` in the project's folder, and takes any other exit code than 0 for a failure.
    let run = |team: &mut Team, stage: &str| {
        let mut all = String::new();
        for step in atlantis(stage) {
            bash_reads("atlantis", &step);
            let script = format!("exec sh -c '{step}'");
            let output = team.machine.command(&dir, &script, &env).output().unwrap();
            all.push_str(&program::said(&output));
            assert!(output.status.success(), "{step}: {all}");
        }
        all
    };
    let told = run(&mut team, "plan");
    assert!(told.contains("orders") && dir.join("shop-default.tfplan").is_file(), "{told}");
    assert_eq!(team.arrived("orders").await, None);
    run(&mut team, "apply");
    assert_eq!(team.arrived("orders").await, Some("3".into()));
    team.machine.log.push_str(&told);
    team.end().await;
}

#[test]
fn the_hooks_of_pre_commit_run_what_the_program_has() {
    let hooks = yaml(&read(".pre-commit-hooks.yaml"));
    let hooks: BTreeMap<&str, &Yaml> =
        hooks.as_vec().unwrap().iter().map(|hook| (hook["id"].as_str().unwrap(), hook)).collect();
    assert_eq!(hooks.keys().copied().collect::<Vec<_>>(), ["mig-fmt", "mig-validate"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("shop")).unwrap();
    let file = dir.path().join("shop/shop.mig.hcl");
    let run = |id: &str, arguments: &[&str], expected: i32| {
        let mut entry = hooks[id]["entry"].as_str().unwrap().split(' ');
        assert_eq!(entry.next(), Some("mig"));
        assert!(Regex::new(hooks[id]["files"].as_str().unwrap()).unwrap().is_match("shop/shop.mig.hcl"));
        let arguments: Vec<&str> = entry.chain(arguments.iter().copied()).collect();
        program::run(dir.path(), &arguments, expected, &[])
    };
    // A hook that changes a file stops the commit; the next run changes nothing.
    std::fs::write(&file, "locals {\n a=1\n}\n").unwrap();
    run("mig-fmt", &["shop/shop.mig.hcl"], 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "locals {\n  a = 1\n}\n");
    run("mig-validate", &["-chdir=shop"], 0);
    std::fs::write(&file, "locals {\n  a = var.nothing\n}\n").unwrap();
    assert!(run("mig-validate", &["-chdir=shop"], 1).contains("var.nothing"));
    // The page for teams shows how they are named.
    let page = read("docs/teams.md");
    for id in hooks.keys() {
        assert!(page.contains(&format!("- id: {id}\n")), "{id}");
    }
}

#[test]
fn the_image_is_built_from_files_that_exist_by_commands_of_the_makefile_for_an_ordinary_user() {
    let text = read("examples/docker/Dockerfile").replace("\\\n", "");
    let words = |name: &str| -> Vec<Vec<&str>> {
        let lines = text.lines().filter(|line| line.split(' ').next() == Some(name));
        lines.map(|line| line.split_whitespace().skip(1).collect()).collect()
    };
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    assert_eq!(words("FROM")[0], [&format!("rust:{channel}-bookworm"), "AS", "build"]);
    let ignored = read("examples/docker/Dockerfile.dockerignore");
    let kept: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut copied = BTreeSet::new();
    for line in words("COPY") {
        let (_, sources) = line.split_last().unwrap();
        if sources[0] == "--from=build" {
            assert_eq!(line[1..], ["/build/release/mig", "/usr/local/bin/mig"]);
            continue;
        }
        copied.extend(sources.iter().copied());
    }
    assert_eq!(copied, kept, "what is copied is what the build may see");
    assert!(ignored.lines().any(|line| line == "*"));
    for source in &copied {
        assert!(root().join(source).exists(), "{source}");
    }
    // What Cargo.toml and the Makefile name is there.
    for needed in ["Cargo.toml", "Cargo.lock", "Makefile", "rust-toolchain.toml", "core", "src", "benches"] {
        assert!(copied.contains(needed), "{needed}");
    }
    let target = words("RUN").iter().find_map(|line| line.strip_prefix(&["make"][..]).map(|rest| rest[0].to_owned()));
    let target = target.unwrap();
    assert!(read("Makefile").contains(&format!("\n{target}: ")), "{target}");
    assert_eq!(words("ENV"), [["CARGO_TARGET_DIR=/build"]]);
    assert!(words("ARG").is_empty(), "an argument of the build is in the history of the image");
    assert_ne!(words("USER"), [["0"]]);
    assert!(text.find("USER 10001").unwrap() < text.find("ENTRYPOINT").unwrap() && text.contains("ca-certificates"));
    assert!(text.contains("ENTRYPOINT [\"/usr/local/bin/mig\"]"), "no shell is between");
}

#[tokio::test]
async fn the_outputs_of_terraform_become_the_variables_of_the_spec() {
    let example = root().join("examples/terraform");
    let outputs: serde_json::Value = serde_json::from_str(&read("examples/terraform/outputs.json")).unwrap();
    // What outputs.tf declares is what the file has.
    let block = Regex::new(r#"(?ms)^output "(\w+)" \{\n(.*?)^\}"#).unwrap();
    let declared: Vec<(String, bool)> = block
        .captures_iter(&read("examples/terraform/outputs.tf"))
        .map(|found| (found[1].to_owned(), found[2].contains("sensitive = true")))
        .collect();
    let mut named: Vec<(String, bool)> = outputs
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, output)| (name.clone(), output["sensitive"].as_bool().unwrap()))
        .collect();
    let mut sorted = declared;
    sorted.sort();
    named.sort();
    assert_eq!(sorted, named);
    if let Ok(checked) = Command::new("terraform").args(["fmt", "-check"]).current_dir(&example).output() {
        assert!(checked.status.success(), "{}", program::said(&checked));
    }

    let given = "-var-from-terraform=outputs.json";
    program::run(&example, &["validate", given], 0, &[]);
    program::run(&example, &["fmt", "-check"], 0, &[]);
    for (expression, value) in
        [("var.runner_host", "\"10.0.3.17\""), ("var.source_port", "3306"), ("var.source_password", "(sensitive)")]
    {
        let mut command = program::command(&example, &["console", given, expression]);
        let output = command.env("SHOP_TARGET_PASSWORD", PASSWORD).stdin(Stdio::null()).output().unwrap();
        assert_eq!(program::judge(&output, &[expression], 0, &[]).trim(), value);
    }

    // The same with servers that are there. The runner is not: the rows go through this machine.
    let mut team = Team::new("terraform", &super::TABLES, "").await;
    let dir = team.machine.path("terraform");
    std::fs::create_dir(&dir).unwrap();
    let spec = replaced(&read("examples/terraform/shop.mig.hcl"), "  runner = runner.ssh.mover\n", "");
    let spec = replaced(&spec, "shop.*", &format!("{}.*", team.schema));
    let tls = |variable: &str| format!("  password = var.{variable}_password\n");
    let spec = ["source", "target"].iter().fold(spec, |spec, server| {
        let more = format!("{}  tls {{\n    mode = \"required\"\n  }}\n", tls(server));
        replaced(&spec, &tls(server), &more)
    });
    let spec = replaced(&spec, "\"mig_reader\"", &format!("\"{}\"", team.user));
    let spec = replaced(&spec, "\"mig_writer\"", &format!("\"{}\"", team.user));
    std::fs::write(dir.join("shop.mig.hcl"), spec).unwrap();
    let mut here = outputs.clone();
    for (name, value) in [
        ("source_host", "127.0.0.1".into()),
        ("target_host", "127.0.0.1".into()),
        ("source_port", team.source.config().port.into()),
        ("source_password", PASSWORD.into()),
    ] {
        here[name]["value"] = value;
    }
    // The outputs go in through a pipe: with the password, they are no file of this test.
    let script = format!(
        "exec '{}' plan -input=false -out=shop.plan -var=target_port={} -var-from-terraform=<(printf '%s' \"$OUTPUTS\")",
        env!("CARGO_BIN_EXE_mig"),
        team.target.config().port
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(&dir).stdin(Stdio::null());
    let planned = command.env("OUTPUTS", here.to_string()).env("SHOP_TARGET_PASSWORD", PASSWORD).output().unwrap();
    let told = program::judge(&planned, &["plan"], 0, &["orders"]);
    team.machine.log.push_str(&told);
    assert!(dir.join("shop.plan").is_file());
    team.end().await;
}

#[test]
fn every_link_between_the_documents_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    let mut all = Vec::new();
    for folder in ["docs", "examples", "schemas"] {
        files(&root().join(folder), &mut all);
    }
    all.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    let mut seen = 0;
    for file in all.iter().filter(|file| file.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(file).unwrap();
        for found in link.captures_iter(&text) {
            assert!(file.parent().unwrap().join(&found[1]).exists(), "{}: {}", file.display(), &found[1]);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}
