//! A fake of the machine that runs jobs: it takes a job out of the YAML of an example and runs its scripts with bash, each job
//! in a checkout of its own. Actions of the forge (checkout, artefacts) are done by copying folders. Every start of mig and of
//! curl is recorded with its arguments.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use yaml_rust2::{Yaml, YamlLoader};

use super::forge::{Forge, TOKEN};
use crate::support::program;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn yaml(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap().remove(0)
}

/// A file of an example.
pub fn example(path: &str) -> Yaml {
    yaml(&std::fs::read_to_string(root().join("examples").join(path)).unwrap())
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// This machine's programs, and behind them those of the testbed.
fn path_of_programs() -> String {
    let bed = std::env::var("MIG_TEST_BIN").unwrap_or_default();
    format!("{}:{bed}", std::env::var("PATH").unwrap())
}

pub struct Machine {
    pub dir: tempfile::TempDir,
    pub forge: Forge,
    secrets: BTreeMap<String, String>,
    jobs: usize,
    /// All that jobs have printed.
    pub log: String,
}

/// How a job ended.
pub struct Ended {
    pub code: i32,
    pub told: String,
    pub checkout: PathBuf,
}

impl Machine {
    /// `spec`: of the repository's folder migrations/shop.
    pub fn new(spec: &str, secrets: BTreeMap<String, String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Self { dir, forge: Forge::start(), secrets, jobs: 0, log: String::new() };
        let repository = machine.path("repository");
        copy(&root().join("examples/ci"), &repository.join("ci"));
        std::fs::create_dir_all(repository.join("migrations/shop/approvals")).unwrap();
        std::fs::write(repository.join("migrations/shop/shop.mig.hcl"), spec).unwrap();
        std::fs::create_dir_all(machine.path("bin")).unwrap();
        let found = |name: &str| {
            let mut command = Command::new("sh");
            let told =
                command.args(["-c", &format!("command -v {name}")]).env("PATH", path_of_programs()).output().unwrap();
            assert!(told.status.success(), "{name} is not there: run `make test`");
            String::from_utf8(told.stdout).unwrap().trim().to_owned()
        };
        found("jq");
        let curl = found("curl");
        for (name, real) in [("mig", env!("CARGO_BIN_EXE_mig")), ("curl", &curl)] {
            let script = format!(
                "#!/usr/bin/env bash\n# A stand-in: records the arguments, and gives its place to the real program.\n\
                 printf '%s %s\\n' {name} \"$*\" >>'{}'\nexec '{real}' \"$@\"\n",
                machine.path("arguments").display()
            );
            let path = machine.path("bin").join(name);
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    /// Secrets and variables that jobs get.
    pub fn give(&mut self, values: &[(&str, &str)]) {
        self.secrets.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A fresh checkout.
    pub fn checkout(&mut self) -> PathBuf {
        self.jobs += 1;
        let checkout = self.path(&format!("job{}", self.jobs));
        copy(&self.path("repository"), &checkout);
        checkout
    }

    /// A script as a forge starts it, in a group of its own.
    pub fn command(&self, checkout: &Path, script: &str, env: &BTreeMap<String, String>) -> Command {
        use std::os::unix::process::CommandExt;
        let file = checkout.join(".script.sh");
        std::fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(file).current_dir(checkout);
        let path = format!("{}:{}", self.path("bin").display(), path_of_programs());
        command.env_clear().env("PATH", path).env("HOME", self.path("")).env("CI", "true").envs(env);
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    fn run(&mut self, checkout: &Path, script: &str, env: &BTreeMap<String, String>) -> (i32, String) {
        let output = self.command(checkout, script, env).output().unwrap();
        let told = program::said(&output);
        self.log.push_str(&told);
        (output.status.code().unwrap_or(-1), told)
    }

    /// Runs the job of a workflow of GitHub. `commit`: what `GITHUB_SHA` is.
    pub fn github(&mut self, workflow: &str, job: &str, commit: &str) -> Ended {
        let yaml = example(&format!("github-actions/workflows/{workflow}"));
        let job = &yaml["jobs"][job];
        let checkout = self.checkout();
        let (run_id, mut code, mut told) = (1000 + self.jobs, 0, String::new());
        let mut outputs: BTreeMap<String, String> = BTreeMap::new();
        let temp = self.path(&format!("temp{}", self.jobs));
        std::fs::create_dir_all(&temp).unwrap();
        for step in job["steps"].as_vec().unwrap() {
            let value = |text: &str| self.value(text, &outputs, &temp);
            let condition = step["if"].as_str().unwrap_or_default();
            let file = condition.split("hashFiles('").nth(1).and_then(|rest| rest.split('\'').next());
            let runs = match (condition.contains("!cancelled()"), condition.contains("run-id != ''")) {
                (true, _) => file.is_none_or(|file| checkout.join(file).exists()),
                (_, true) => code == 0 && !outputs["steps.earlier.outputs.run-id"].is_empty(),
                _ => code == 0,
            };
            if !runs {
                continue;
            }
            let mut env: BTreeMap<String, String> = [
                ("GITHUB_API_URL", self.forge.url.clone()),
                ("GITHUB_REPOSITORY", "o/r".into()),
                ("GITHUB_SHA", commit.into()),
                ("GITHUB_OUTPUT", temp.join("output").display().to_string()),
                ("GITHUB_STEP_SUMMARY", temp.join("summary").display().to_string()),
                ("RUNNER_TEMP", temp.display().to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
            for (name, given) in [job, step].iter().filter_map(|of| of["env"].as_hash()).flatten() {
                let given = given.as_str().map_or_else(|| given.as_i64().unwrap().to_string(), value);
                env.insert(name.as_str().unwrap().to_owned(), given);
            }
            if let Some(script) = step["run"].as_str() {
                let (ended, said) = self.run(&checkout, script, &env);
                told.push_str(&said);
                code = if code == 0 { ended } else { code };
                let Some(id) = step["id"].as_str() else { continue };
                for line in std::fs::read_to_string(temp.join("output")).unwrap_or_default().lines() {
                    let (name, value) = line.split_once('=').unwrap();
                    outputs.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
                }
                continue;
            }
            let with = |name: &str| value(step["with"][name].as_str().unwrap());
            let stored = |run: &str, name: &str| self.path("artifacts").join(run).join(name);
            match step["uses"].as_str().unwrap().split('@').next().unwrap() {
                "actions/checkout" => {}
                "actions/upload-artifact" => {
                    let name = with("name");
                    copy(&checkout.join(with("path")), &stored(&run_id.to_string(), &name));
                    self.forge.seen().artifacts.push(json!({
                        "name": name, "expired": false, "created_at": format!("2026-01-01T00:00:{run_id}Z"),
                        "workflow_run": {"id": run_id, "repository_id": 1, "head_repository_id": 1},
                    }));
                }
                "actions/download-artifact" => {
                    copy(&stored(&with("run-id"), &with("name")), &checkout.join(with("path")))
                }
                other => panic!("this fake does not know the action {other}"),
            }
        }
        Ended { code, told, checkout }
    }

    /// What an expression in a workflow stands for.
    fn value(&self, text: &str, outputs: &BTreeMap<String, String>, temp: &Path) -> String {
        let Some((before, rest)) = text.split_once("${{ ") else { return text.to_owned() };
        let (name, after) = rest.split_once(" }}").unwrap();
        let value = match name.split_once('.') {
            Some(("secrets" | "vars", name)) => self.secrets[name].clone(),
            Some(("steps", _)) => outputs[name].clone(),
            _ => match name {
                "github.token" => TOKEN.to_owned(),
                "github.event.pull_request.number" => "7".to_owned(),
                "runner.temp" => temp.display().to_string(),
                _ => panic!("this fake does not know {name}"),
            },
        };
        format!("{before}{value}{after}")
    }

    /// Runs a job of the pipeline of GitLab.
    pub fn gitlab(&mut self, name: &str) -> Ended {
        let yaml = example("gitlab-ci/.gitlab-ci.yml");
        let job = &yaml[name];
        let checkout = self.checkout();
        let (cache, artifacts) = (self.path("cache"), self.path("pipeline-artifacts"));
        for needed in job["cache"]["paths"].as_vec().into_iter().flatten().filter(|_| cache.exists()) {
            copy(&cache, &checkout.join(needed.as_str().unwrap()));
        }
        if job["needs"].as_vec().is_some() {
            copy(&artifacts, &checkout.join("out"));
        }
        let mut env: BTreeMap<String, String> = self.secrets.clone();
        env.extend(
            [
                ("MIG_GITLAB_TOKEN", TOKEN),
                ("CI_API_V4_URL", &self.forge.url),
                ("CI_PROJECT_ID", "5"),
                ("CI_MERGE_REQUEST_IID", "7"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        for (name, value) in [&yaml, job].iter().filter_map(|of| of["variables"].as_hash()).flatten() {
            env.insert(name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned());
        }
        let script: Vec<&str> = job["script"].as_vec().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let (code, told) = self.run(&checkout, &script.join("\n"), &env);
        for (from, to) in [("earlier", &cache), ("out", &artifacts)] {
            if checkout.join(from).exists() {
                copy(&checkout.join(from), to);
            }
        }
        Ended { code, told, checkout }
    }

    /// Asserts that a text is nowhere: not in what was printed, in an argument, or in any file but those of the state's owner
    /// (dump files hold rows, never a password).
    pub fn is_nowhere(&self, secret: &str) {
        assert!(!self.log.contains(secret), "printed");
        let bytes = secret.as_bytes();
        let mut folders = vec![self.dir.path().to_owned()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        files += 1;
                        let text = std::fs::read(entry.path()).unwrap();
                        assert!(!text.windows(bytes.len()).any(|window| window == bytes), "{:?}", entry.path());
                    }
                }
            }
        }
        assert!(files > 10, "{files}");
        for comment in &self.forge.seen().comments {
            assert!(!comment.body.contains(secret));
        }
    }
}
