//! `mig worker …`: what mig starts on a runner (internal). `ask` answers one question, `attach` ties a line to the worker
//! and starts it where there is none, `run` is the worker: in a session of its own, so that it outlives the line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::args::{Worker, WorkerCommand};
use super::session::{Session, say, spec_of};
use super::{probe, verify};
use crate::drive::recovery;
use crate::drive::run::{EventSink, Run, run as drive};
use crate::drive::worker::{Begun, FromLine, Place, serve};
use crate::formats::plan::{Action, Graph};
use crate::formats::spec::model::RunnerKind;
use crate::formats::state::{OpenRun, State, Status};
use crate::formats::worker::{Ask, AtWork, Looked, SpecTexts, Standing, ToWorker, Work};
use crate::hosts::clock::SystemClock;
use crate::hosts::file::{self, FileStore};
use crate::hosts::places::FilePlaces;
use crate::hosts::ssh::Ssh;
use crate::seams::clock::Clock;
use crate::seams::store::{Companion, Guard, Holder, Locking, Store};
use crate::steps::Steps;
use crate::steps::context::{Context, Parts};
use crate::steps::runner::clean;
use crate::think::plan::desired::{source_addr, target_addr};
use crate::think::ready::Limits;
use crate::think::run::Interrupt;
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

const STATE: &str = "worker.migstate";
const SOCKET: &str = "worker.sock";
const FENCE: &str = "fence";
const PLAN: &str = "plan";
pub const LOG: &str = "worker.log";

/// How long a worker that was started may take to answer.
const START_TIME: Duration = Duration::from_secs(15);
/// How long one whose work has ended may take to leave.
const LEAVING_TIME: Duration = Duration::from_secs(10);
/// Messages that wait for a slow line; above this it is cut.
const WAITING_MESSAGES: usize = 8192;

pub async fn run(args: &Worker) -> Outcome<ExitKind> {
    let done = match &args.command {
        WorkerCommand::Ask => answer().await,
        WorkerCommand::Status { dir } => standing(dir).and_then(|standing| tell(&standing)),
        WorkerCommand::Attach { dir } => return attach(dir).await,
        WorkerCommand::Run { dir } => return work(dir).await,
    };
    // The other side reads failures as values.
    match done {
        Ok(()) => Ok(ExitKind::Success),
        Err(failure) => {
            tell(&failure)?;
            Ok(ExitKind::Error)
        }
    }
}

fn tell(value: &impl Serialize) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)
        .map_err(|error| fault("answer", Path::new("standard output"), &error.into()))?;
    out.flush().map_err(|error| fault("answer", Path::new("standard output"), &error))
}

fn fault(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    let hint = "Look at the runner's work folder, then run `mig apply` again.";
    Failure::new(codes::DUMP_FILE, format!("{doing} {} on the runner", path.display()), error.to_string(), hint)
}

async fn answer() -> Outcome<()> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|error| fault("read", Path::new("standard input"), &error))?;
    let question: Ask = serde_json::from_slice(&text).map_err(|error| {
        Failure::new(
            codes::WORKER_UNEXPECTED,
            "read what was asked",
            error.to_string(),
            "Use one version of mig at both ends.",
        )
    })?;
    drop(text);
    match question {
        Ask::Look { spec, migration, workdir, state, replace, former_workdir } => {
            let (mut session, _authorities) = session(&spec, &migration, &workdir)?;
            session.fetch_secrets().await?;
            let mut at_work = BTreeSet::new();
            if let Some(state) = &state {
                for workdir in [Some(&workdir), former_workdir.as_ref()].into_iter().flatten() {
                    at_work.extend(workers_at_work(workdir, &state.lineage).await?);
                }
            }
            // One folder by two names is one.
            at_work.retain(|one| one.workdir == workdir || !is_one_folder(&one.workdir, &workdir));
            let standing = standing(&folder(&workdir, &migration))?;
            let mut state = state.map(|state| *state);
            if let Some(state) = &mut state {
                standing.overlay(state);
            }
            let servers = session.servers()?;
            let world = session.observe(&servers, state.as_ref(), &replace.into_iter().collect()).await?;
            let certificate = session.store.kept(&Companion::certificate(&migration)).ok().flatten();
            tell(&Looked { standing, world, certificate, at_work: at_work.into_iter().collect() })
        }
        Ask::Verify { spec, migration, workdir, arguments } => {
            let (mut session, _authorities) = session(&spec, &migration, &workdir)?;
            session.fetch_secrets().await?;
            tell(&verify::elsewhere(session, arguments).await?)
        }
        Ask::Probe { spec, migration, workdir, mark, nodes } => {
            let (mut session, _authorities) = session(&spec, &migration, &workdir)?;
            session.fetch_secrets().await?;
            tell(&probe::here(&session, &migration, &mark, &nodes, &|| false).await?)
        }
        Ask::AtWork { workdir, lineage } => tell(&workers_at_work(&workdir, &lineage).await?),
        Ask::Clean { workdir, migrations, lineage, rows } => {
            let began = std::time::Instant::now();
            // One that has done its work is about to go.
            let mut there = workers_at_work(&workdir, &lineage).await?;
            while !there.is_empty() && began.elapsed() < LEAVING_TIME {
                tokio::time::sleep(Duration::from_millis(100)).await;
                there = workers_at_work(&workdir, &lineage).await?;
            }
            if let Some(AtWork { migration, .. }) = there.first() {
                let hint = "`mig apply -stop-worker` and Ctrl-C stop it, in a spec that calls the migration by this name; \
                            then destroy again.";
                let cause = format!("the worker of migration.{migration} is at work in {workdir}");
                return Err(Failure::new(codes::WORKER_LEFT_AT_WORK, "remove the work folder", cause, hint));
            }
            clean(&absolute(&workdir), migrations.iter().map(String::as_str), rows);
            tell(&serde_json::Value::Null)
        }
    }
}

/// The workers of a lineage that are at work in a work folder, by the names under which they began: the spec may call
/// their migrations otherwise by now.
async fn workers_at_work(workdir: &str, lineage: &str) -> Outcome<Vec<AtWork>> {
    let root = absolute(workdir);
    let entries = match std::fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault("read", &root, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| fault("read", &root, &error))?;
        let dir = entry.path().join("worker");
        if !answers(&dir).await {
            continue;
        }
        // One without a state has not begun anything yet.
        let state = recovery::look(&FileStore::new(dir.join(STATE)))?.state;
        if state.is_some_and(|state| state.lineage == lineage) {
            let migration = entry.file_name().to_string_lossy().into_owned();
            found.push(AtWork { migration, workdir: workdir.to_owned() });
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a worker listens in its folder. A socket's path is short, a folder's may be long.
async fn answers(dir: &Path) -> bool {
    use std::os::fd::AsRawFd;
    let Ok(folder) = std::fs::File::open(dir) else { return false };
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())).await.is_ok()
}

fn is_one_folder(one: &str, other: &str) -> bool {
    file::is_same(&absolute(one), &absolute(other))
}

fn absolute(workdir: &str) -> PathBuf {
    std::path::absolute(workdir).unwrap_or_else(|_| PathBuf::from(workdir))
}

fn folder(workdir: &str, migration: &str) -> PathBuf {
    absolute(workdir).join(migration).join("worker")
}

/// The spec as this machine uses it: one migration, whose runner is here. The certificates of authorities lie in a
/// folder that goes with the guard; they are public.
fn session(texts: &SpecTexts, migration: &str, workdir: &str) -> Outcome<(Session, tempfile::TempDir)> {
    let Some(mut spec) = spec_of(texts) else {
        let hint = "Use one version of mig at both ends.";
        return Err(Failure::new(codes::WORKER_UNEXPECTED, "read the spec", "it has faults here", hint));
    };
    let authorities = tempfile::tempdir().map_err(|error| fault("make", Path::new("a temporary folder"), &error))?;
    let (mut source, mut target) = (String::new(), String::new());
    spec.migrations.retain(|name, of| {
        if name == migration {
            (source, target) = (of.source.clone(), of.target.clone());
        }
        name == migration
    });
    spec.sources.retain(|name, _| *name == source);
    spec.targets.retain(|name, _| *name == target);
    let runner = spec.migrations.get(migration).and_then(|of| of.runner.clone());
    if let Some(runner) = runner.and_then(|name| spec.runners.get_mut(&name)) {
        runner.kind = RunnerKind::Local;
        runner.workdir = absolute(workdir).display().to_string();
    }
    let sources = spec.sources.values_mut().map(|server| (source_addr(server), server));
    let targets = spec.targets.values_mut().map(|server| (target_addr(server), server));
    for (no, (addr, server)) in sources.chain(targets).enumerate() {
        if let Some((host, port)) = texts.places.get(&addr) {
            (server.host, server.port) = (host.clone(), *port);
        }
        if let Some(bytes) = server.tls.ca_file.as_ref().and_then(|file| texts.authorities.get(file)) {
            let path = authorities.path().join(format!("{no}.pem"));
            std::fs::write(&path, bytes).map_err(|error| fault("write", &path, &error))?;
            server.tls.ca_file = Some(path.display().to_string());
        }
    }
    let access = spec.migrations.get_mut(migration).and_then(|of| of.dump.to.as_mut()).map(|to| &mut to.access);
    if let Some(access) = access
        && let Some(bytes) = access.ca_file.as_ref().and_then(|file| texts.authorities.get(file))
    {
        let path = authorities.path().join("dump.pem");
        std::fs::write(&path, bytes).map_err(|error| fault("write", &path, &error))?;
        access.ca_file = Some(path.display().to_string());
    }
    let dir = folder(workdir, migration);
    let local = dir.join(STATE);
    let session = Session {
        shells: Arc::new(Ssh::new(&dir, &local, false)),
        store: Arc::new(FileStore::new(&local)),
        clock: Arc::new(SystemClock::new()),
        texts: SpecTexts::default(),
        warnings: Vec::new(),
        account: None,
        signer: None,
        import: None,
        dir,
        spec,
        local,
    };
    Ok((session, authorities))
}

/// Changes nothing.
fn standing(dir: &Path) -> Outcome<Standing> {
    let state = recovery::look(&FileStore::new(dir.join(STATE)))?.state;
    let mut standing = Standing { fence: Here::at(dir).fence()?, ..Standing::default() };
    if let Some(state) = state {
        standing.lineage = Some(state.lineage);
        standing.open_run = state.open_run;
        standing.steps = state.steps;
    }
    Ok(standing)
}

/// Ties standard input and output to the worker's socket.
async fn attach(dir: &Path) -> Outcome<ExitKind> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    std::fs::create_dir_all(&dir).map_err(|error| fault("make", &dir, &error))?;
    // A socket's path is short, a folder's may be long: both are used from inside of it.
    std::env::set_current_dir(&dir).map_err(|error| fault("enter", &dir, &error))?;
    let socket = connect(&dir).await?;
    let (mut from, mut to) = socket.into_split();
    let send = async {
        let sent = tokio::io::copy(&mut tokio::io::stdin(), &mut to).await;
        let _ = to.shutdown().await;
        sent
    };
    let receive = async { tokio::io::copy(&mut from, &mut tokio::io::stdout()).await };
    // Either side's end is the line's end.
    tokio::select! {
        _ = send => {}
        _ = receive => {}
    }
    Ok(ExitKind::Success)
}

async fn connect(dir: &Path) -> Outcome<UnixStream> {
    if let Ok(socket) = UnixStream::connect(SOCKET).await {
        return Ok(socket);
    }
    let log = open_log(dir)?;
    let errors = log.try_clone().map_err(|error| fault("open", &dir.join(LOG), &error))?;
    let program = std::env::current_exe().map_err(|error| fault("find", Path::new("mig"), &error))?;
    std::process::Command::new(&program)
        .args(["worker", "run"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| fault("start", &program, &error))?;
    let began = std::time::Instant::now();
    loop {
        match UnixStream::connect(SOCKET).await {
            Ok(socket) => return Ok(socket),
            Err(error) if began.elapsed() > START_TIME => {
                return Err(fault("reach the worker at", &dir.join(SOCKET), &error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn open_log(dir: &Path) -> Outcome<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.join(LOG);
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| fault("open", &path, &error))
}

/// The worker itself.
async fn work(dir: &Path) -> Outcome<ExitKind> {
    // A group leader cannot make a session; then it has one that no terminal holds, or was started by hand.
    let _ = rustix::process::setsid();
    std::env::set_current_dir(dir).map_err(|error| fault("enter", dir, &error))?;
    let clock = SystemClock::new();
    let Some(_lock) = lock(dir, &clock).await? else { return Ok(ExitKind::Success) };
    // Whoever has the lock is the only one: what lies here is a dead one's.
    let _ = std::fs::remove_file(SOCKET);
    let listener = UnixListener::bind(SOCKET).map_err(|error| fault("listen at", &dir.join(SOCKET), &error))?;
    let _ = std::fs::set_permissions(SOCKET, std::os::unix::fs::PermissionsExt::from_mode(0o600));
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(accept(listener, tell));
    let place = Here::at(dir);
    tokio::spawn(heed_signals(place.signals.clone()));
    let log = move |text: &str| say(&format!("{} {text}\n", clock.now()));
    log(&format!("mig {} is here, process {}", env!("CARGO_PKG_VERSION"), std::process::id()));
    serve(&place, told, &log).await;
    log("nothing is left to do");
    let _ = std::fs::remove_file(SOCKET);
    Ok(ExitKind::Success)
}

/// The lock of the worker's state; `None`: another worker has it.
async fn lock(dir: &Path, clock: &dyn Clock) -> Outcome<Option<Box<dyn Guard>>> {
    let store = FileStore::new(dir.join(STATE));
    let holder = Holder {
        id: String::new(),
        holder: "worker".into(),
        host: "runner".into(),
        pid: std::process::id(),
        since: clock.now(),
        command: "mig worker run".into(),
    };
    match store.try_lock(&holder)? {
        Locking::Got { guard, .. } => Ok(Some(guard)),
        Locking::Held(_) => Ok(None),
    }
}

async fn accept(listener: UnixListener, tell: mpsc::UnboundedSender<FromLine>) {
    let mut id = 0;
    while let Ok((socket, _)) = listener.accept().await {
        id += 1;
        let (from, mut to) = socket.into_split();
        let (answers, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING_MESSAGES);
        if tell.send(FromLine::Opened(id, answers)).is_err() {
            return;
        }
        tokio::spawn(async move {
            while let Some(text) = waiting.recv().await {
                if to.write_all(&text).await.is_err() {
                    return;
                }
            }
        });
        let tell = tell.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(said) = serde_json::from_str::<ToWorker>(&line) else { break };
                if tell.send(FromLine::Said(id, Box::new(said))).is_err() {
                    return;
                }
            }
            let _ = tell.send(FromLine::Closed(id));
        });
    }
}

type Signals = Arc<Mutex<Option<watch::Sender<Option<Interrupt>>>>>;

/// A shutdown of the machine ends the run at its next part. A hang-up is none of the worker's business.
async fn heed_signals(signals: Signals) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds.map(signal) else { return };
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => continue,
        }
        let run = signals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match run {
            Some(run) => {
                let again = run.borrow().is_some();
                run.send_replace(Some(if again { Interrupt::Hard } else { Interrupt::Graceful }));
            }
            None => std::process::exit(i32::from(ExitKind::Interrupted.code())),
        }
    }
}

/// This machine, with the folder of one migration's worker.
struct Here {
    dir: PathBuf,
    signals: Signals,
}

impl Here {
    fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), signals: Signals::default() }
    }

    /// The plan whose work was begun last.
    fn last_plan(&self) -> Outcome<Option<String>> {
        let path = self.dir.join(PLAN);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("read", &path, &error)),
        }
    }

    fn set_last_plan(&self, digest: &Digest) -> Outcome<()> {
        let path = self.dir.join(PLAN);
        file::replace(&path, format!("{digest}\n").as_bytes()).map_err(|error| fault("write", &path, &error))
    }
}

impl Place for Here {
    fn fence(&self) -> Outcome<u64> {
        let path = self.dir.join(FENCE);
        match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| {
                let hint = "Remove the file when no other apply is at work.";
                Failure::new(
                    codes::DUMP_FILE,
                    format!("read {} on the runner", path.display()),
                    "it holds no number",
                    hint,
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(fault("read", &path, &error)),
        }
    }

    fn set_fence(&self, fence: u64) -> Outcome<()> {
        let path = self.dir.join(FENCE);
        file::replace(&path, format!("{fence}\n").as_bytes()).map_err(|error| fault("write", &path, &error))
    }

    fn begin(&self, work: Box<Work>) -> Outcome<Begun> {
        let work = *work;
        let (mut session, authorities) = session(&work.spec, &work.migration, &work.workdir)?;
        // Once a run, before anything of it begins.
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(session.fetch_secrets()))?;
        let mut graph = work.graph.clone();
        let same = self.last_plan()?.as_deref() == Some(work.plan_digest.as_str());
        let (state, finished) = own_state(&*session.store, &work, &mut graph, same)?;
        self.set_last_plan(&work.plan_digest)?;
        let servers = session.servers()?;
        let graph = Arc::new(graph);
        let parts = Parts {
            spec: session.spec,
            dir: session.dir,
            store: session.store.clone(),
            token: work.token,
            lineage: state.lineage.clone(),
            first_names: work.first_names,
            plan_digest: work.plan_digest.clone(),
            clock: session.clock.clone(),
            programs: Arc::new(crate::hosts::program::Local),
            world: work.world,
            servers,
            show_keys: work.show_keys,
            shells: session.shells,
            cloud: session.account.map(|account| account.cloud),
            places: Arc::new(FilePlaces::default()),
        };
        let (tap, records) = mpsc::unbounded_channel();
        let (tell, events) = mpsc::unbounded_channel();
        let (signals, listened) = watch::channel(None);
        *self.signals.lock().unwrap_or_else(PoisonError::into_inner) = Some(signals.clone());
        let (store, migration) = (session.store.clone(), work.migration.clone());
        let certificate = Box::new(move || store.kept(&Companion::certificate(&migration)).ok().flatten());
        let run = Run {
            graph: graph.clone(),
            state: state.clone(),
            open_run: OpenRun::new(work.plan_digest, work.base_state_digest),
            store: session.store,
            clock: session.clock,
            steps: Arc::new(Steps(Arc::new(Context::new(parts, Arc::clone(&graph))))),
            limits: Limits::of_run(work.parallelism),
            events: EventSink::new(tell),
            signals: listened,
            tap: Some(tap),
        };
        let end = Box::pin(async move {
            let end = drive(run).await;
            drop(authorities);
            end
        });
        Ok(Begun { state, graph: work.graph, finished, records, events, signals, end, certificate })
    }
}

/// The worker's own state, with what the other side has recorded and this one has not. What was unfinished over there
/// and is done here is not done again; `true`: nothing is left to do. `same`: this worker's last work was of this plan.
fn own_state(store: &dyn Store, work: &Work, graph: &mut Graph, same: bool) -> Outcome<(State, bool)> {
    let found = recovery::look(store)?.state;
    if let Some(state) = found.as_ref().filter(|state| state.lineage != work.lineage) {
        let cause = format!("it works for lineage {}, this is {}", state.lineage, work.lineage);
        let hint = "Name another `workdir`, or destroy what the other state has there first.";
        return Err(Failure::new(codes::WORKER_OF_OTHER_STATE, "begin the work", cause, hint));
    }
    // A run that ended well leaves no open run: what it was asked for is done, whatever the other side had heard of it.
    if let Some(state) = found.as_ref().filter(|state| same && state.open_run.is_none()) {
        graph.nodes.iter_mut().for_each(|node| node.action = Action::NoOp);
        return Ok((state.clone(), true));
    }
    let resumes = found.as_ref().and_then(|s| s.open_run.as_ref()).is_some_and(|o| o.plan_digest == work.plan_digest);
    let mut state = found.clone().unwrap_or_else(|| State::new(work.lineage.clone()));
    for node in graph.nodes.iter_mut().filter(|_| !resumes) {
        let there = work.steps.get(&node.addr);
        let done = state.steps.get(&node.addr).filter(|r| r.status == Status::Complete);
        match (node.action, done, there) {
            (Action::Create, Some(_), None) => {
                state.steps.remove(&node.addr);
            }
            (Action::Create | Action::Rerun, Some(done), Some(there))
                if matches!(there.status, Status::Running | Status::Failed)
                    && done.inputs_digest == node.inputs_digest =>
            {
                node.action = Action::NoOp;
            }
            _ => {}
        }
    }
    let known: BTreeMap<_, _> = work
        .steps
        .iter()
        .filter(|(addr, _)| !state.steps.contains_key(*addr))
        .map(|(a, r)| (a.clone(), r.clone()))
        .collect();
    state.steps.extend(known);
    if found.as_ref() == Some(&state) || (found.is_none() && state.steps.is_empty()) {
        return Ok((state, false));
    }
    Ok((recovery::absorb(store, state)?, false))
}
