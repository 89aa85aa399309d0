//! The command line: one file a command. Reads arguments, calls the floors below, prints through the screen, and ends
//! with the contract's exit codes. Decides nothing about migrations itself.

mod apply;
mod args;
mod cloud;
mod destroy;
mod explain;
mod import_dump;
mod logs;
mod plan;
mod probe;
mod remote;
mod report;
mod saved;
mod session;
mod show;
mod signals;
mod ssh;
mod state;
mod validate;
mod verify;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::screen::failure;
use crate::screen::out::{lost, print, say};
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Failure};
use args::{Cli, Command};

/// Runs the program; never panics outward: a panic is reported as a fault of mig, exit 1.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    // What is written holds structure and rows: it is its owner's alone, whatever the session's umask lets others do.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let cli = match Cli::try_parse_from(args::rewritten(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are asked for; anything else is a usage error: 1, not clap's 2.
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
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

async fn dispatch(cli: Cli) -> ExitKind {
    let style = Style::of_stdout(cli.global.no_color);
    let outcome = match &cli.command {
        Command::Validate(a) => validate::run(&cli.global, a, style),
        Command::Plan(a) => plan::run(&cli.global, a, style).await,
        Command::Apply(a) => apply::run(&cli.global, a, style).await,
        Command::Verify(a) => verify::run(&cli.global, a, style).await,
        Command::ImportDump(a) => import_dump::run(&cli.global, a, style).await,
        Command::Destroy(a) => destroy::run(&cli.global, a, style).await,
        Command::Show(a) => show::run(&cli.global, a, style),
        Command::Graph(a) => show::graph(&cli.global, a).await,
        Command::State(a) => state::run(&cli.global, a, style).await,
        Command::Report(a) => report::run(&cli.global, a, style),
        Command::Logs(a) => logs::run(&cli.global, a).await,
        Command::Ssh(a) => ssh::run(&cli.global, a).await,
        Command::Worker(a) => worker::run(a).await,
        Command::Explain(a) => explain::run(&cli.global, a),
        Command::Version => {
            print(&format!("mig {}\n", env!("CARGO_PKG_VERSION")));
            Ok(ExitKind::Success)
        }
    };
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            complain(&failure, style);
            failure.exit
        }
    }
}

/// A failure to stderr.
fn complain(failure: &Failure, style: Style) {
    say(&failure::text(failure, style));
}
