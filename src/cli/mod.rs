//! The command line: one file a command. Reads arguments, calls the floors below, prints through the screen, and ends
//! with the contract's exit codes. Decides nothing about migrations itself.

mod apply;
mod approve;
mod args;
mod check;
mod cloud;
mod console;
mod destroy;
mod diff;
mod examples;
mod explain;
mod fmt;
mod force_unlock;
mod habits;
mod import;
mod import_dump;
mod init;
mod locked;
mod logs;
mod man;
mod migrate;
mod moves;
mod output;
mod page;
mod plan;
mod probe;
mod recover;
mod remote;
mod report;
mod saved;
mod session;
mod show;
mod signals;
mod ssh;
mod state;
mod status;
mod validate;
mod verify;
mod worker;

/// The definition of the arguments: help, manual pages and docs/commands.md are made from it.
pub use args::command as definition;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::hosts::clock::SystemClock;
use crate::hosts::program;
use crate::screen::failure;
use crate::screen::out::{for_program, lost, print, say};
use crate::screen::progress::Reporter;
use crate::screen::style::Style;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};
use args::{Cli, Command, Global};

/// Runs the program; never panics outward: a panic is reported as a fault of mig, exit 1.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    // What is written holds structure and rows: it is its owner's alone, whatever the session's umask lets others do.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Passwords stand in the memory and in the environment: no other process of this user reads them there, and no
    // dump of a crash holds them. A kernel that does not know this is not a reason to stop.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if let [_, command, of, rest @ ..] = arguments.as_slice()
        && [command, of] == program::BECOME
    {
        // Their arguments are another program's: nothing here reads them.
        return ExitCode::from(program::become_it(rest));
    }
    let cli = match args::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if let Some(hint) = habits::hint(&error) {
                say(&format!("\n{hint}\n"));
            }
            // Help and version are asked for; anything else is a usage error: 1, not clap's 2.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    if asks_for_json(&cli.command) != Json::No {
        for_program();
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("MIG_LOG");
    if let Ok(filter) = filter {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("failed to start: {error}\n"));
            return ExitCode::from(ExitKind::Error.code());
        }
    };
    let mut exit = runtime.block_on(dispatch(cli));
    if lost() && matches!(exit, ExitKind::Success | ExitKind::Changes) {
        // Whoever reads the output has not got it.
        exit = ExitKind::Error;
    }
    // Tasks that still wait for a server are not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    ExitCode::from(exit.code())
}

async fn dispatch(mut cli: Cli) -> ExitKind {
    let style = Style::of_stdout(cli.global.no_color);
    let outcome = match enter(&mut cli.global) {
        Ok(()) => tokio::select! {
            biased;
            outcome = command(&cli, style) => outcome,
            () = signals::before_a_run(), if takes_the_lock(&cli.command) => {
                let hint = "Nothing was done. Run the same command again.";
                Err(Failure::new(codes::INTERRUPTED, "run the command", "it was interrupted before its first step", hint))
            }
        },
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            complain(&cli.command, &failure, Style::of_stderr(cli.global.no_color));
            failure.exit
        }
    }
}

/// A lock that it holds is to be given back when it is interrupted.
fn takes_the_lock(command: &Command) -> bool {
    match command {
        Command::Apply(_) | Command::ImportDump(_) | Command::Destroy(_) | Command::State(_) => true,
        Command::Init(init) => init.migrate_state,
        _ => false,
    }
}

/// `-chdir`: every path of the command line is read from there, as if the program had been started there.
fn enter(global: &mut Global) -> Outcome<()> {
    let dir = std::mem::replace(&mut global.chdir, ".".into());
    if dir.as_os_str() == "." {
        return Ok(());
    }
    std::env::set_current_dir(&dir).map_err(|error| {
        let hint = "Name the spec's folder with -chdir=DIR.";
        Failure::new(codes::FILE_UNREADABLE, format!("go to the folder {}", dir.display()), error.to_string(), hint)
    })
}

/// `-compact-warnings`, of the commands that show a plan.
fn compacts(command: &Command) -> bool {
    match command {
        Command::Plan(a) => a.warnings.compact_warnings,
        Command::Apply(a) => a.warnings.compact_warnings,
        Command::Check(a) => a.warnings.compact_warnings,
        Command::Show(a) => a.warnings.compact_warnings,
        _ => false,
    }
}

async fn command(cli: &Cli, style: Style) -> Outcome<ExitKind> {
    let style = style.compact(compacts(&cli.command));
    match &cli.command {
        Command::Init(a) if a.migrate_state => migrate::run(&cli.global, a).await,
        Command::Init(a) => init::run(&cli.global, a),
        Command::Validate(a) => validate::run(&cli.global, a, style),
        Command::Fmt(a) => fmt::run(a, style),
        Command::Plan(a) => plan::run(&cli.global, a, style).await,
        Command::Apply(a) => apply::run(&cli.global, a, style).await,
        Command::Check(a) => check::run(&cli.global, a, style).await,
        Command::Approve(a) => approve::run(a),
        Command::Verify(a) => verify::run(&cli.global, a, style).await,
        Command::ImportDump(a) => import_dump::run(&cli.global, a, style).await,
        Command::Destroy(a) => destroy::run(&cli.global, a, style).await,
        Command::Show(a) => show::run(&cli.global, a, style),
        Command::Output(a) => output::run(&cli.global, a, style),
        Command::Graph(a) => show::graph(&cli.global, a).await,
        Command::Diff(a) => diff::run(a, style),
        Command::Status(a) => status::run(&cli.global, a, style),
        Command::ForceUnlock(a) => force_unlock::run(&cli.global, a),
        Command::Recover(a) => recover::run(&cli.global, a, style).await,
        Command::Import(a) => import::run(&cli.global, a, style).await,
        Command::State(a) => state::run(&cli.global, a, style).await,
        Command::Report(a) => report::run(&cli.global, a, style),
        Command::Logs(a) => logs::run(&cli.global, a).await,
        Command::Ssh(a) => ssh::run(&cli.global, a).await,
        Command::Worker(a) => worker::run(a).await,
        Command::Console(a) => console::run(&cli.global, a),
        Command::Man(a) => man::run(a),
        Command::Explain(a) => explain::run(&cli.global, a),
        Command::Completion(a) => {
            let mut script = Vec::new();
            clap_complete::generate(a.shell, &mut args::command(), "mig", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(ExitKind::Success)
        }
        Command::Version(a) => {
            let version = env!("CARGO_PKG_VERSION");
            match a.json {
                true => print(&format!("{}\n", serde_json::json!({ "version": version }))),
                false => print(&format!("mig {version}\n")),
            }
            Ok(ExitKind::Success)
        }
    }
}

/// In which form a command was asked for JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Json {
    No,
    /// One object a line, while it works.
    Stream,
    /// One value at the end, which has a form for failures too.
    Document,
    /// One value at the end; a failure is told by the exit code alone.
    Value,
}

fn asks_for_json(command: &Command) -> Json {
    use args::StateCommand;
    let (asked, form) = match command {
        Command::Apply(a) => (a.json, Json::Stream),
        Command::ImportDump(a) => (a.json, Json::Stream),
        Command::Destroy(a) => (a.json, Json::Stream),
        Command::Validate(a) => (a.json, Json::Document),
        Command::Plan(a) => (a.views.json, Json::Document),
        Command::Verify(a) => (a.json, Json::Document),
        Command::Check(a) => (a.views.json, Json::Document),
        Command::Show(a) => (a.views.json, Json::Document),
        Command::Report(a) => (a.json, Json::Document),
        Command::Diff(a) => (a.views.json, Json::Document),
        Command::Status(a) => (a.json, Json::Document),
        Command::Output(a) => (a.json, Json::Document),
        Command::Version(a) => (a.json, Json::Value),
        Command::State(a) => match &a.command {
            StateCommand::Show { json, .. } => (*json, Json::Value),
            // The state's own bytes.
            StateCommand::Pull { .. } => (true, Json::Value),
            StateCommand::List { .. } | StateCommand::Push(_) | StateCommand::Mv(_) | StateCommand::Rm(_) => {
                (false, Json::No)
            }
        },
        Command::Approve(_)
        | Command::Explain(_)
        | Command::Fmt(_)
        | Command::ForceUnlock(_)
        | Command::Recover(_)
        | Command::Import(_)
        | Command::Init(_)
        | Command::Console(_)
        | Command::Man(_)
        | Command::Graph(_)
        | Command::Logs(_)
        | Command::Ssh(_)
        | Command::Worker(_)
        | Command::Completion(_) => (false, Json::No),
    };
    if asked { form } else { Json::No }
}

/// A failure to stderr; where JSON is asked for, as JSON to stdout as well, in the form that the command has there.
fn complain(command: &Command, failure: &Failure, style: Style) {
    let json = asks_for_json(command);
    if json == Json::Stream {
        let now = apply::now_of(std::sync::Arc::new(SystemClock::new()));
        Reporter::choose(true, style, now).failure(failure);
    } else if json == Json::Document {
        let value = serde_json::json!({ "exit_code": failure.exit.code(), "failure": failure });
        print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()));
    }
    say(&failure::text(failure, style));
}
