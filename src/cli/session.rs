//! What most commands begin with: the spec, its servers, the state, the world. Reads; changes nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::drive::recovery;
use crate::formats::facts::World;
use crate::formats::plan::{Body, Estimates, Mode, PlanFile};
use crate::formats::plan_seal;
use crate::formats::spec::backend::Backend;
use crate::formats::spec::model::{Migration, RunnerKind, Server, Spec};
use crate::formats::spec::{self, Inputs, Secrets, SourceFile, WORKSPACE_ENV};
use crate::formats::state::State;
use crate::formats::steps::GateOutputs;
use crate::formats::worker::{SpecTexts, identity_path};
use crate::hosts;
use crate::hosts::clock::SystemClock;
use crate::hosts::dump::NoServer;
use crate::hosts::file;
use crate::hosts::mysql;
use crate::hosts::places::FilePlaces;
use crate::hosts::ssh::Ssh;
use crate::hosts::store::Opened;
use crate::hosts::terraform;
pub use crate::screen::out::{print, say};
use crate::seams::clock::Clock;
use crate::seams::cloud::Cloud;
use crate::seams::shell::Shells;
use crate::seams::sql;
use crate::seams::store::Store;
use crate::steps::cloud::login::LoginTokens;
use crate::steps::context::{dump_dir, dump_files as files_of};
use crate::steps::observe::binlog::Since;
use crate::steps::observe::dump_files::{self, Place};
use crate::steps::observe::dump_folder::{self, DumpFolder, Import};
use crate::steps::observe::{self, world::Look};
use crate::steps::proof::writes;
use crate::steps::transfer::import;
use crate::think::moves::moved;
use crate::think::plan::desired::{source_addr, target_addr};
use crate::think::plan::kinds;
use crate::think::plan::{Question, plan};
use crate::words::addr::GateName;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::diag::{Diagnostic, Severity};
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

use super::args::{Global, Variables};
use super::cloud::Account;

/// How the names of a spec's files end.
pub const SPEC_FILE: &str = ".mig.hcl";
/// How the names of those of them end that hold values of variables.
pub const AUTO_VALUES: &str = ".auto.mig.hcl";

/// A spec that is sound, with the state beside it.
#[derive(Clone)]
pub struct Session {
    pub dir: PathBuf,
    pub spec: Spec,
    /// What the spec was read from.
    pub texts: SpecTexts,
    pub warnings: Vec<Diagnostic>,
    /// What files are named after that only this machine needs. Of a state on this machine it is the path.
    pub local: PathBuf,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub shells: Arc<dyn Shells>,
    /// The account of `provider "aws"`, once it was looked up.
    pub account: Option<Account>,
    /// On a runner: the machine's own role, where a log-in needs it.
    pub signer: Option<Outcome<Arc<dyn Cloud>>>,
    /// `mig import-dump`: the migration, and the dump that is taken in.
    pub import: Option<(String, DumpFolder)>,
}

/// Reads the spec with all its faults.
///
/// # Errors
/// A folder or file that cannot be read; no spec in it.
pub fn read_spec(global: &Global, variables: &Variables) -> Outcome<(Option<Spec>, Vec<Diagnostic>)> {
    with_inputs(global, variables, spec::load)
}

/// Reads all that a spec is made of, and does something with it.
///
/// # Errors
/// As for [`read_spec`].
pub fn with_inputs<T>(global: &Global, variables: &Variables, work: impl FnOnce(&Inputs) -> T) -> Outcome<T> {
    read_texts(global, variables, Secrets::StoodInFor, work).map(|(done, _)| done)
}

/// The same, and gives what was read beside what came of it.
fn read_texts<T>(
    global: &Global,
    variables: &Variables,
    secrets: Secrets,
    work: impl FnOnce(&Inputs) -> T,
) -> Outcome<(T, SpecTexts)> {
    let dir = &global.chdir;
    let unreadable = |path: &Path, error: &std::io::Error| {
        Failure::new(
            codes::FILE_UNREADABLE,
            format!("read {}", path.display()),
            error.to_string(),
            "Name the spec's folder with -chdir=DIR.",
        )
    };
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| unreadable(path, &error));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let entry = entry.map_err(|error| unreadable(dir, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(SPEC_FILE) {
            files.push(SourceFile { text: read(&entry.path())?, name });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let (auto_files, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.name.ends_with(AUTO_VALUES));
    if files.is_empty() {
        return Err(Failure::new(
            codes::FILE_UNREADABLE,
            format!("read the spec in {}", dir.display()),
            "no file there ends in .mig.hcl",
            "Name the spec's folder with -chdir=DIR, or write a first spec with `mig init`.",
        ));
    }
    let mut vars = Vec::new();
    for pair in &variables.vars {
        let Some((name, value)) = pair.split_once('=') else {
            // The text is not repeated: it may be a password that lost its name.
            return Err(Failure::new(
                codes::COMMAND_LINE,
                "read -var",
                "it is not of the form NAME=VALUE",
                "Write -var=name=value.",
            ));
        };
        vars.push((name.to_owned(), value.to_owned()));
    }
    let mut var_files = Vec::new();
    for path in &variables.var_files {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let hint = "Name a file of lines `name = value`; -var-file is read from the folder that -chdir names.";
            Failure::new(codes::FILE_UNREADABLE, format!("read -var-file {}", path.display()), error.to_string(), hint)
        })?;
        var_files.push(SourceFile { name: path.display().to_string(), text });
    }
    let outputs = variables.var_from_terraform.iter().map(|path| outputs(path, &files)).collect::<Outcome<Vec<_>>>()?;
    let texts = RefCell::new(SpecTexts {
        files: files.clone(),
        vars: vars.clone(),
        auto_files: auto_files.clone(),
        outputs: outputs.clone(),
        var_files: var_files.clone(),
        ..SpecTexts::default()
    });
    let read_file = |name: &str| {
        let content = std::fs::read(dir.join(name)).map_err(|error| error.to_string());
        texts.borrow_mut().read.insert(name.to_owned(), content.clone());
        content
    };
    let env = |name: &str| {
        // The flag is its twin, and goes before it.
        let value = global.workspace.clone().filter(|_| name == WORKSPACE_ENV).or_else(|| std::env::var(name).ok())?;
        texts.borrow_mut().env.insert(name.to_owned(), value.clone());
        Some(value)
    };
    let read_file: &dyn Fn(&str) -> _ = &read_file;
    let inputs = Inputs { files, vars, auto_files, outputs, var_files, env: &env, read_file, secrets };
    let done = work(&inputs);
    drop(inputs);
    Ok((done, texts.into_inner()))
}

/// The outputs that `-var-from-terraform` names: those of a folder, or a file of them.
fn outputs(path: &Path, files: &[SourceFile]) -> Outcome<SourceFile> {
    let name = path.display().to_string();
    if path.is_dir() {
        // What the spec's secrets are called by is nothing that another program needs.
        let text = terraform::outputs(path, &spec::secret_environment(files))?;
        return Ok(SourceFile { name, text });
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = "Name a folder of Terraform, or a file with what `terraform output -json` prints.";
        Failure::new(codes::FILE_UNREADABLE, format!("read -var-from-terraform {name}"), error.to_string(), hint)
    })?;
    Ok(SourceFile { name, text })
}

/// Reads a spec again from what was read for it.
pub fn spec_of(texts: &SpecTexts) -> Option<Spec> {
    let read_file = |name: &str| match texts.read.get(name) {
        Some(content) => content.clone(),
        None => Err("it was not read before".to_owned()),
    };
    let env = |name: &str| texts.env.get(name).cloned();
    let inputs = Inputs {
        files: texts.files.clone(),
        vars: texts.vars.clone(),
        auto_files: texts.auto_files.clone(),
        outputs: texts.outputs.clone(),
        var_files: texts.var_files.clone(),
        env: &env,
        read_file: &read_file,
        secrets: Secrets::Needed,
    };
    spec::load(&inputs).0
}

impl Session {
    /// # Errors
    /// A spec with faults: all of them in the failure's diagnostics.
    pub fn open(global: &Global, variables: &Variables) -> Outcome<Self> {
        Self::opened(global, variables, Secrets::Needed)
    }

    /// The same for a command that connects to no server: sensitive variables may be without a value.
    ///
    /// # Errors
    /// As for [`Session::open`].
    pub fn open_to_look(global: &Global, variables: &Variables) -> Outcome<Self> {
        Self::opened(global, variables, Secrets::StoodInFor)
    }

    fn opened(global: &Global, variables: &Variables, secrets: Secrets) -> Outcome<Self> {
        let ((spec, found), texts) = read_texts(global, variables, secrets, spec::load)?;
        let Some(mut spec) = spec else {
            let faults = found.iter().filter(|d| d.severity == Severity::Error).count();
            return Err(Failure::new(
                codes::SPEC_FAULTS,
                "read the spec",
                format!("it has {faults} fault{}", if faults == 1 { "" } else { "s" }),
                "Fix the faults listed above; `mig explain CODE` says more.",
            )
            .with(found));
        };
        let dir = global.chdir.clone();
        // Whom a connection trusts is part of what is reviewed. One that cannot be read is told when it is needed.
        let servers = spec.sources.values().chain(spec.targets.values());
        let of_backend = spec.backend.ca_file().map(str::to_owned);
        let of_dumps =
            spec.migrations.values().filter_map(|migration| migration.dump.to.as_ref()?.access.ca_file.clone());
        let authorities: Vec<String> =
            servers.filter_map(|server| server.tls.ca_file.clone()).chain(of_backend).chain(of_dumps).collect();
        for name in authorities {
            if let Ok(bytes) = std::fs::read(dir.join(&name)) {
                spec.files.insert(name, Digest::of_bytes(&bytes).to_string());
            }
        }
        let Opened { store, local } = hosts::store::open(&spec.backend, &dir)?;
        let clock = Arc::new(SystemClock::new());
        let shells: Arc<dyn Shells> = Arc::new(Ssh::new(&dir, &local, false));
        Ok(Self {
            dir,
            spec,
            texts,
            warnings: found,
            local,
            store,
            clock,
            shells,
            account: None,
            signer: None,
            import: None,
        })
    }

    /// `-accept-host-key`.
    pub fn accept_host_keys(&mut self, accept: bool) {
        self.shells = Arc::new(Ssh::new(&self.dir, &self.local, accept));
    }

    /// The same over other blocks.
    pub fn with_spec(&self, spec: Spec) -> Self {
        Self { spec, warnings: Vec::new(), ..self.clone() }
    }

    /// The state with the journal of an interrupted run played over it and the renames of the spec done; `None` before the first
    /// apply.
    ///
    /// # Errors
    /// What [`recovery::look`] refuses; MIG4002, where a step's outputs cannot be read.
    pub fn state(&self) -> Outcome<Option<State>> {
        let state = self.state_to_mend()?.map(|state| moved(state, &self.spec));
        state.as_ref().map_or(Ok(()), kinds::check_records)?;
        Ok(state)
    }

    /// The state as it is recorded, without a check of the outputs: for commands that show a damaged record, so that people can correct it.
    ///
    /// # Errors
    /// What [`recovery::look`] refuses.
    pub fn state_to_mend(&self) -> Outcome<Option<State>> {
        let state = recovery::look(&*self.store)?.state;
        if state.is_none() {
            self.none_was_left_behind()?;
        }
        Ok(state)
    }

    /// # Errors
    /// MIG4036: a backend was written into the spec, and the state that runs before it wrote was not moved there.
    fn none_was_left_behind(&self) -> Outcome<()> {
        let Opened { store, local } = hosts::store::open(&Backend::default(), &self.dir)?;
        if local == self.local || !local.is_file() {
            return Ok(());
        }
        // One that was moved away says so itself; one that cannot be read says nothing of this spec.
        let Ok(Some(state)) = recovery::look(store.as_ref()).map(|found| found.state) else { return Ok(()) };
        if state.steps.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            codes::STATE_LEFT_BEHIND,
            format!("open the state {}", self.store.place()),
            format!(
                "there is none, and {} records {} steps of lineage {}",
                store.place(),
                state.steps.len(),
                state.lineage
            ),
            "Move it: `mig init -migrate-state -from=mig.migstate`. If it is of something else, give that file another name. \
             Nothing was done.",
        ))
    }

    /// What of the spec or of its runs a path leads to: it is never written to as an output.
    pub fn own_file(&self, path: &Path) -> Option<String> {
        let (folder, name) = file::place_of(path)?;
        let in_folder = |other: &Path| file::place_of(&other.join("x")).is_some_and(|(place, _)| place == folder);
        // Also a name that is free: the spec is every such file of its folder.
        if name.ends_with(".mig.hcl") && in_folder(&self.dir) {
            return Some("a file of the spec: every name there that ends in .mig.hcl is".to_owned());
        }
        // The journal, the lock, certificates, copies, keys of hosts: all of them are named after the state.
        let of_state = file::place_of(&self.local).is_some_and(|(place, state)| {
            place == folder && name.strip_prefix(&state).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if of_state {
            return Some("the state, or a file that mig keeps beside it under its name".to_owned());
        }
        let read = self
            .texts
            .files
            .iter()
            .chain(&self.texts.outputs)
            .chain(&self.texts.var_files)
            .map(|file| file.name.clone());
        let read = read.chain(self.texts.read.keys().cloned()).chain(self.spec.files.keys().cloned());
        // Those of a `ca_file` that cannot be read now, and keys.
        let servers = self.spec.sources.values().chain(self.spec.targets.values());
        let authorities = servers.filter_map(|server| server.tls.ca_file.clone());
        let keys = self.spec.runners.values().filter_map(|runner| match &runner.kind {
            RunnerKind::Local => None,
            RunnerKind::Ssh(endpoint) => endpoint.identity_file.clone(),
            RunnerKind::Ec2(ec2) => ec2.identity_file.clone(),
        });
        let keys = keys.map(|key| identity_path(&self.dir, &key, std::env::var_os("HOME")));
        let mut read = read.chain(authorities).map(|name| self.dir.join(name)).chain(keys);
        if read.any(|read| file::is_same(&read, path)) {
            return Some("a file that the spec reads".to_owned());
        }
        let names = self.state_to_mend().ok().flatten().map(|state| state.first_names).unwrap_or_default();
        let migrations = self.spec.migrations.values();
        let workdirs = migrations.map(|migration| dump_dir(&self.spec, &self.dir, migration, &names));
        let mut workdirs = workdirs.filter_map(|dump| dump.parent().and_then(|dir| std::fs::canonicalize(dir).ok()));
        workdirs.any(|dir| folder.starts_with(dir)).then(|| "in the work folder of a migration".to_owned())
    }

    /// Every server of the spec, by address. Connects to none.
    pub fn servers(&self) -> Outcome<BTreeMap<StepAddr, Arc<dyn sql::Server>>> {
        let sources = self.spec.sources.values().map(|s| (source_addr(s), s));
        let targets = self.spec.targets.values().map(|s| (target_addr(s), s));
        let open = |(addr, config): (StepAddr, &Server)| -> Outcome<(StepAddr, Arc<dyn sql::Server>)> {
            if config.is_dump() {
                return Ok((addr, Arc::new(NoServer)));
            }
            Ok((addr, mysql::server(config, &self.dir, LoginTokens::of(config, self.signer()))?))
        };
        sources.chain(targets).map(open).collect()
    }

    /// Looks at everything a plan needs.
    ///
    /// # Errors
    /// MIG4002: a record of an earlier run cannot be read.
    pub async fn observe(
        &self,
        servers: &BTreeMap<StepAddr, Arc<dyn sql::Server>>,
        state: Option<&State>,
        replace: &std::collections::BTreeSet<StepAddr>,
    ) -> Outcome<World> {
        let by_text = servers.iter().map(|(addr, server)| (addr.to_string(), server.clone())).collect();
        let names = state.map(|state| state.first_names.clone()).unwrap_or_default();
        let workdir = |migration: &Migration| dump_dir(&self.spec, &self.dir, migration, &names);
        let firsts = first_positions(state, &self.spec, replace)?;
        let mut world = observe::world::world(Look {
            spec: &self.spec,
            servers: &by_text,
            lineage: state.map(|s| s.lineage.as_str()),
            begun: &firsts,
            workdir_of: &workdir,
            imports: &self.imports(state)?,
            programs: &hosts::program::Local,
        })
        .await;
        world.only = self.import.as_ref().map(|(migration, _)| migration.clone());
        let places = FilePlaces::default();
        for (name, facts) in &mut world.migrations {
            if let Some(migration) = self.spec.migrations.get(name) {
                let files = match files_of(&places, &self.spec, &self.dir, migration, &names) {
                    Ok(files) => files,
                    Err(failure) => {
                        facts.workdir_fault = failure.cause;
                        continue;
                    }
                };
                let place = Place { files, places: &places, in_bucket: migration.dump.to.is_some() };
                dump_files::look(facts, &place, state, name).await?;
            }
        }
        Ok(world)
    }

    /// What each migration takes out of dumps: now, and by the records of earlier runs.
    fn imports(&self, state: Option<&State>) -> Outcome<BTreeMap<String, Import>> {
        let mut imports: BTreeMap<String, Import> = BTreeMap::new();
        for (addr, record) in state.into_iter().flat_map(|s| &s.steps) {
            let (Some(migration), Some(table)) = (addr.migration(), addr.table()) else { continue };
            let import = imports.entry(migration.to_owned()).or_default();
            if record.kind == StepKind::Dump
                && let Some(files) = import::recorded(addr, record)?
            {
                import.recorded.insert(table.clone(), files);
            }
            import.known.insert(table);
        }
        for migration in self.spec.migrations.values() {
            if self.spec.sources.get(&migration.source).is_some_and(Server::is_dump) {
                let import = imports.entry(migration.name.clone()).or_default();
                match recorded_folder(import) {
                    Some(Ok(folder)) => import.folder = Some(folder),
                    Some(Err(failure)) => import.fault = Some(failure),
                    None => {}
                }
            }
        }
        // A run that was interrupted goes on with the dump that it was given, also for tables that it had not come to. Where
        // that folder is gone, what is recorded counts, and the step that needs the files says so.
        for import in imports.values_mut().filter(|_| state.is_some_and(|s| s.open_run.is_some())) {
            import.folder = recorded_folder(import).and_then(Result::ok);
        }
        if let Some((migration, folder)) = &self.import {
            let import = imports.entry(migration.clone()).or_default();
            (import.folder, import.fault) = (Some(folder.clone()), None);
        }
        Ok(imports)
    }

    /// Plans over the state and the world as they are.
    pub fn plan(
        &self,
        state: Option<&State>,
        world: &World,
        mode: Mode,
        replace: &std::collections::BTreeSet<StepAddr>,
        drop_target_data: bool,
        targets: &[String],
    ) -> Outcome<PlanFile> {
        let question = Question { spec: &self.spec, state, world, mode, replace, drop_target_data, targets };
        let (body, estimates) = self.body(&question)?;
        let header = plan_seal::header(&self.clock.now(), self.spec.plan_lifetime_seconds);
        Ok(plan_seal::seal(header, body, estimates))
    }

    /// What a plan says, without its seal: to compare it with.
    pub fn body(&self, question: &Question) -> Outcome<(Body, Estimates)> {
        let (mut body, estimates) = plan(question)?;
        body.diagnostics.extend(self.warnings.iter().cloned());
        Ok((body, estimates))
    }
}

/// From where on writes count, by migration: for each table that an earlier run read, and is not to be read again, from its
/// own dump; for names that are no table's from the begin of a run that was interrupted.
fn first_positions(
    state: Option<&State>,
    spec: &Spec,
    replace: &std::collections::BTreeSet<StepAddr>,
) -> Outcome<BTreeMap<String, Since>> {
    let Some(state) = state else { return Ok(BTreeMap::new()) };
    let of = |migration: &String| {
        let gate = StepAddr::gate(migration, GateName::WritesStopped);
        if replace.contains(&gate) {
            return Ok(None);
        }
        let recorded = state.outputs_of::<GateOutputs>(&gate)?.filter(|_| state.open_run.is_some());
        let run = recorded.and_then(|gate| gate.run);
        let since = writes::of_records(&state.steps, migration, run, &|addr, _| replace.contains(addr))?;
        Ok((!since.is_empty()).then(|| (migration.clone(), since)))
    };
    let found: Vec<_> = spec.migrations.keys().map(of).collect::<Outcome<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The folder that earlier runs took a dump out of, read as they read it.
fn recorded_folder(import: &Import) -> Option<Outcome<dump_folder::DumpFolder>> {
    let files = import.recorded.values().next()?;
    Some(dump_folder::look(Path::new(&files.dir)).map(|mut folder| {
        folder.set_csv(files.csv.clone());
        folder
    }))
}

/// Reads a plan file and checks that it is whole and of this version.
pub fn read_plan(path: &Path) -> Outcome<PlanFile> {
    let place = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            codes::NOT_A_PLAN,
            format!("open the plan {place}"),
            error.to_string(),
            "Name a file that `mig plan -out=FILE` wrote. Nothing was touched.",
        )
    })?;
    plan_seal::open(&bytes, &place)
}

/// The addresses that stand at a flag.
pub fn addresses(flag: &str, texts: &[String]) -> Outcome<std::collections::BTreeSet<StepAddr>> {
    texts
        .iter()
        .map(|text| {
            StepAddr::parse(text).ok_or_else(|| {
                Failure::new(
                    codes::BAD_ADDRESS,
                    format!("read {flag}"),
                    format!("{text:?} is not an address"),
                    "An address looks like migration.shop.load[\"shop.orders\"]; quote it for the shell.",
                )
            })
        })
        .collect()
}

/// A span as Go writes it, which people know from Terraform: `30s`, `500ms`, `1h30m`, `1.5h`, `0`.
pub fn duration(text: &str) -> Outcome<std::time::Duration> {
    span(text).ok_or_else(|| {
        let hint = "Write it as 30s, 5m, 1h30m or 500ms.";
        Failure::new(codes::COMMAND_LINE, "read a span of time", format!("{text:?} is none"), hint)
    })
}

fn span(text: &str) -> Option<std::time::Duration> {
    if text == "0" {
        return Some(std::time::Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = behind;
    }
    std::time::Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_read_as_go_writes_them() {
        for (text, millis) in [
            ("30s", Some(30_000)),
            ("500ms", Some(500)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(span(text).map(|span| span.as_millis()), millis, "{text}");
        }
    }
}
