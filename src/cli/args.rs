//! The arguments. `-flag` and `--flag` are the same; flags have environment twins `MIG_…`, but for those that change
//! what is done.

mod authoring;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::authoring::*;
use super::examples;
use crate::screen::markdown;
use crate::screen::view::PlanView;

/// Plan and apply database migrations: from MySQL to TiDB, exactly once, proven equal.
#[derive(Parser, Debug)]
#[command(name = "mig", version, disable_version_flag = true, max_term_width = 100)]
pub struct Cli {
    /// Print the version.
    #[arg(short = 'v', short_alias = 'V', long = "version", action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Debug, Clone)]
pub struct Global {
    /// The spec's folder: run as if started in it.
    #[arg(long, global = true, value_name = "DIR", default_value = ".", env = "MIG_CHDIR")]
    pub chdir: PathBuf,
    /// The workspace: one of several states of the spec. `${workspace}` in the backend stands for it. Default: `default`.
    #[arg(long, global = true, value_name = "NAME", env = "MIG_WORKSPACE")]
    pub workspace: Option<String>,
    /// Print without colours, on any terminal. NO_COLOR has the same effect.
    #[arg(long, global = true, env = "MIG_NO_COLOR")]
    pub no_color: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write a first spec, from flags or from answers on a terminal.
    Init(Init),
    /// Check the spec, and report all its faults at once, with their places.
    Validate(Validate),
    /// Rewrite the spec's files in the canonical layout. Changes blanks and empty lines only.
    Fmt(Fmt),
    /// Observe the servers, compare them with the state, and show what apply would do. Changes nothing.
    Plan(Plan),
    /// Evaluate all gates, without a state: what would stop the migration, and what would arrive changed. Changes nothing.
    Check(Check),
    /// Sign a saved plan with an SSH key: an approval that `mig apply -require-approval` asks for.
    Approve(Approve),
    /// Do what the plan says. If it is interrupted, run it again: it continues.
    Apply(Apply),
    /// Compare source and target as they are now, row by row. Changes nothing.
    Verify(Verify),
    /// Take tables into the state that are on the target already, once they are proven equal. Moves no row.
    Import(Import),
    /// Load a finished dump of Dumpling, mydumper or mig exactly once, and verify it.
    ImportDump(ImportDump),
    /// Remove the scaffolding of the migration. Migrated tables stay.
    Destroy(Destroy),
    /// Show the state, or a plan file.
    Show(Show),
    /// Show what differs between two saved plans.
    Diff(Diff),
    /// Print the values of a migration for scripts: hosts, the position of the source, the certificate.
    Output(Output),
    /// Show how far a run is that another terminal or process has started.
    Status(Status),
    /// Take the lock of the state away from a holder that is gone for good.
    ForceUnlock(ForceUnlock),
    /// Rebuild a lost state from the ledger on the target.
    Recover(Recover),
    /// Print the graph of steps, or the phases, of a plan.
    Graph(Graph),
    /// Show or edit the state.
    State(State),
    /// Print the certificate of a migration.
    Report(Report),
    /// Show what the worker on a runner writes.
    Logs(Logs),
    /// Open a shell on a runner, with the connection that mig uses.
    Ssh(SshTo),
    /// Runs on a runner; mig starts it (internal).
    #[command(hide = true)]
    Worker(Worker),
    /// Evaluate expressions of the spec's language: variables, locals, functions.
    Console(Console),
    /// Explain a code, for example MIG1203.
    Explain(Explain),
    /// Print a script that completes commands and flags in a shell.
    Completion(Completion),
    /// Write the manual pages; for packagers.
    #[command(hide = true)]
    Man(Man),
    /// Print the version.
    Version(Version),
}

#[derive(Args, Debug)]
pub struct Completion {
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct Version {
    /// Print JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
}

#[derive(Args, Debug, Clone, Default)]
pub struct Variables {
    /// Set a variable of the spec. Refused for sensitive variables: every user can see arguments.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
    /// Read variables from a file with lines `name = value`.
    #[arg(long = "var-file", value_name = "FILE", env = "MIG_VAR_FILE")]
    pub var_files: Vec<PathBuf>,
    /// Set variables to outputs of the same name: of the folder in which Terraform has built something, or of a file with what
    /// `terraform output -json` or `pulumi stack output --json` prints.
    #[arg(long = "var-from-terraform", value_name = "DIR|FILE", env = "MIG_VAR_FROM_TERRAFORM")]
    pub var_from_terraform: Vec<PathBuf>,
}

#[derive(Args, Debug, Clone)]
pub struct Locking {
    /// Lock the state while the command runs. A plan writes nothing and takes no lock.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub lock: bool,
    /// How long to wait for a lock that another process holds.
    #[arg(long, value_name = "TIME", default_value = "0s", env = "MIG_LOCK_TIMEOUT")]
    pub lock_timeout: String,
}

#[derive(Args, Debug)]
pub struct Validate {
    #[command(flatten)]
    pub variables: Variables,
    /// Print the diagnostics as JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    pub variables: Variables,
    /// Save the plan for `mig apply FILE`.
    #[arg(long, value_name = "FILE", env = "MIG_OUT")]
    pub out: Option<PathBuf>,
    /// Exit with 2 if there are changes, with 0 if there are none.
    #[arg(long, env = "MIG_DETAILED_EXITCODE")]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub views: Views,
    #[command(flatten)]
    pub warnings: Warnings,
    /// Also try on the target what would be created, in schemas of its own (`mig_probe_…`), and remove them.
    #[arg(long, conflicts_with = "destroy")]
    pub probe: bool,
    /// Also simulate the run, with random numbers from this seed: how long it may take, how much disk, what a failure would leave.
    #[arg(long, value_name = "SEED", num_args = 0..=1, default_missing_value = "1", require_equals = true, conflicts_with = "destroy")]
    pub rehearse: Option<u64>,
    /// Plan the removal of the scaffolding.
    #[arg(long)]
    pub destroy: bool,
    /// Accepted and ignored: a plan writes nothing, so it takes no lock.
    #[command(flatten)]
    pub locking: Locking,
    /// Plan no work: only take out of the state what is gone from the target, and report other differences.
    #[arg(long, conflicts_with_all = ["destroy", "probe", "rehearse"])]
    pub refresh_only: bool,
    /// With -destroy: also plan to drop the tables that this state's lineage created.
    #[arg(long, requires = "destroy")]
    pub drop_target_data: bool,
    /// Run a step again although nothing changed.
    #[arg(long, value_name = "ADDR")]
    pub replace: Vec<String>,
    /// Only this step, or all steps under this address, and what they need.
    #[arg(long, value_name = "ADDR")]
    pub target: Vec<String>,
    /// Steps that run at the same time, as for apply. It counts for -rehearse only.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
    /// Whether mig may ask. A plan never asks.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", env = "MIG_INPUT")]
    pub input: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub views: Views,
    #[command(flatten)]
    pub warnings: Warnings,
}

#[derive(Args, Debug)]
pub struct Approve {
    /// A plan saved by `mig plan -out`. The signature is written beside it.
    #[arg(value_name = "PLANFILE")]
    pub plan: PathBuf,
    /// An OpenSSH key: a private one, or the public half of one that the SSH agent has.
    #[arg(long, value_name = "FILE", env = "MIG_KEY")]
    pub key: PathBuf,
}

#[derive(Args, Debug, Clone, Default)]
pub struct Approval {
    /// Apply only a plan that N different persons have signed by `mig approve`.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", require_equals = true,
          value_parser = clap::value_parser!(u32).range(1..), env = "MIG_REQUIRE_APPROVAL")]
    pub require_approval: Option<u32>,
    /// Whose signatures count: OpenSSH's file of allowed signers.
    #[arg(long, value_name = "FILE", env = "MIG_ALLOWED_SIGNERS")]
    pub allowed_signers: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Apply {
    /// A plan saved by `mig plan -out`. It is applied as it is, without a question.
    #[arg(value_name = "PLANFILE")]
    pub plan: Option<PathBuf>,
    /// The same as `mig destroy`.
    #[arg(long, conflicts_with_all = ["plan", "target", "replace", "continue", "show_keys", "stop_worker"])]
    pub destroy: bool,
    /// With -destroy: also drop the tables that this state's lineage created. Needs -confirm.
    #[arg(long, requires = "destroy")]
    pub drop_target_data: bool,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Do no work: only take out of the state what is gone from the target.
    #[arg(long, conflicts_with_all = ["plan", "destroy", "target", "replace", "continue"])]
    pub refresh_only: bool,
    /// Do not ask.
    #[arg(long)]
    pub auto_approve: bool,
    /// The target's host. Needed where verified rows are dropped.
    #[arg(long, value_name = "HOST")]
    pub confirm: Option<String>,
    /// Print events as JSON, one per line.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Run a step again although nothing changed.
    #[arg(long, value_name = "ADDR")]
    pub replace: Vec<String>,
    /// Only this step, or all steps under this address, and what they need.
    #[arg(long, value_name = "ADDR")]
    pub target: Vec<String>,
    /// Steps that run at the same time; for each, up to four tables are created and four compared as well.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
    /// Whether mig may ask.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", env = "MIG_INPUT")]
    pub input: bool,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long, env = "MIG_SHOW_KEYS")]
    pub show_keys: bool,
    /// Where the tables are known only after a runner is ready: continue at once, without a second review.
    #[arg(long)]
    pub r#continue: bool,
    /// Ctrl-C also stops the worker on a runner. Without this flag it continues, and the next apply attaches again.
    #[arg(long)]
    pub stop_worker: bool,
    #[command(flatten)]
    pub hosts: Hosts,
    #[command(flatten)]
    pub warnings: Warnings,
    #[command(flatten)]
    pub approval: Approval,
}

impl Apply {
    /// `-destroy`.
    pub fn as_destroy(&self) -> Destroy {
        Destroy {
            variables: self.variables.clone(),
            locking: self.locking.clone(),
            auto_approve: self.auto_approve,
            drop_target_data: self.drop_target_data,
            confirm: self.confirm.clone(),
            json: self.json,
            parallelism: self.parallelism,
            input: self.input,
            approval: self.approval.clone(),
        }
    }
}

/// How warnings are printed in a text.
#[derive(Args, Debug, Clone, Default)]
pub struct Warnings {
    /// Print a line for each kind of warning, with their number, instead of each warning.
    #[arg(long, env = "MIG_COMPACT_WARNINGS")]
    pub compact_warnings: bool,
}

/// The form in which a plan is printed: text, unless a flag says otherwise.
#[derive(Args, Debug, Clone)]
pub struct Views {
    /// Print JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Print Markdown for a comment in a review.
    #[arg(long, conflicts_with = "json", env = "MIG_MARKDOWN")]
    pub markdown: bool,
    /// The most bytes that -markdown prints; at least 500.
    #[arg(long, value_name = "BYTES", default_value_t = markdown::BUDGET, value_parser = budget, env = "MIG_MARKDOWN_BUDGET")]
    pub markdown_budget: usize,
    /// Also write a page for a browser: one file that loads nothing. Replaces only a page.
    #[arg(long, value_name = "FILE", env = "MIG_HTML")]
    pub html: Option<PathBuf>,
}

impl Views {
    pub fn view(&self) -> PlanView {
        if self.json {
            PlanView::Json
        } else if self.markdown {
            PlanView::Markdown { budget: self.markdown_budget }
        } else {
            PlanView::Text
        }
    }
}

fn budget(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "it is not a number of bytes".to_owned())?;
    let least = markdown::LEAST_BUDGET;
    if number < least { Err(format!("the least is {least}: the sum of a plan needs as much")) } else { Ok(number) }
}

/// The forms of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum GraphForm {
    Dot,
    Mermaid,
    Svg,
}

/// What mig does about hosts that are not known.
#[derive(Args, Debug, Clone, Default)]
pub struct Hosts {
    /// Accept a runner's host key that is not known yet, and write it to a file beside the state.
    #[arg(long)]
    pub accept_host_key: bool,
}

#[derive(Args, Debug)]
pub struct Logs {
    /// The migration. Needed where there are several.
    #[arg(value_name = "MIGRATION")]
    pub migration: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    /// Wait, and show what is written from now on.
    #[arg(long, env = "MIG_FOLLOW")]
    pub follow: bool,
}

#[derive(Args, Debug)]
pub struct SshTo {
    /// The name of the runner. Needed where there are several.
    #[arg(value_name = "RUNNER")]
    pub runner: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub hosts: Hosts,
}

#[derive(Args, Debug)]
pub struct Worker {
    #[command(subcommand)]
    pub command: WorkerCommand,
}

#[derive(Subcommand, Debug)]
pub enum WorkerCommand {
    /// Answers one question from standard input.
    Ask,
    /// Reports the status of the worker of a folder.
    Status { dir: PathBuf },
    /// Connects standard input and output to the worker of a folder. Starts it if there is none.
    Attach { dir: PathBuf },
    /// Runs as the worker of a folder.
    Run { dir: PathBuf },
}

#[derive(Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    pub variables: Variables,
    /// Only this migration. Can be given several times.
    #[arg(long, value_name = "NAME", env = "MIG_MIGRATION")]
    pub migration: Vec<String>,
    /// Only the table of this step. Can be given several times.
    #[arg(long, value_name = "ADDR")]
    pub target: Vec<String>,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long, env = "MIG_SHOW_KEYS")]
    pub show_keys: bool,
    /// Print the result as JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Tables that are compared at the same time.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
}

#[derive(Args, Debug)]
pub struct Import {
    /// The table, by the address of any of its steps; or a migration, for all of its tables that the state does not know.
    #[arg(value_name = "ADDR", required = true)]
    pub addrs: Vec<String>,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long, env = "MIG_SHOW_KEYS")]
    pub show_keys: bool,
    /// Tables that are compared at the same time.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Args, Debug)]
pub struct ImportDump {
    /// The folder of the dump.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The migration that the dump belongs to. Needed where the spec has several.
    #[arg(long, value_name = "NAME", env = "MIG_MIGRATION")]
    pub migration: Option<String>,
    /// Whether a backslash is an escape in the dump's CSV. Default: what its files prove.
    #[arg(long, value_name = "BOOL", env = "MIG_CSV_BACKSLASH_ESCAPES")]
    pub csv_backslash_escapes: Option<bool>,
    /// The byte between two fields of the dump's CSV. Default: a comma.
    #[arg(long, value_name = "BYTE", value_parser = csv_byte, env = "MIG_CSV_SEPARATOR")]
    pub csv_separator: Option<u8>,
    /// The byte around text in the dump's CSV, or `none`. Default: a double quote.
    #[arg(long, value_name = "BYTE", value_parser = csv_delimiter, env = "MIG_CSV_DELIMITER")]
    pub csv_delimiter: Option<CsvDelimiter>,
    /// The text for NULL in the dump's CSV. Default: \N.
    #[arg(long, value_name = "TEXT", env = "MIG_CSV_NULL")]
    pub csv_null: Option<String>,
    /// Whether the first line of the dump's CSV names the columns. Default: true.
    #[arg(long, value_name = "BOOL", env = "MIG_CSV_HEADER")]
    pub csv_header: Option<bool>,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Do not ask.
    #[arg(long)]
    pub auto_approve: bool,
    /// The target's host. Needed where verified rows are dropped.
    #[arg(long, value_name = "HOST")]
    pub confirm: Option<String>,
    /// Print events as JSON, one per line.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Run a step again although nothing changed.
    #[arg(long, value_name = "ADDR")]
    pub replace: Vec<String>,
    /// Steps that run at the same time; for each, up to four tables are created and four compared as well.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
    /// Whether mig may ask.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", env = "MIG_INPUT")]
    pub input: bool,
    /// Show the keys of rows that differ. Keys are data.
    #[arg(long, env = "MIG_SHOW_KEYS")]
    pub show_keys: bool,
    #[command(flatten)]
    pub approval: Approval,
}

#[derive(Args, Debug)]
pub struct Destroy {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Do not ask.
    #[arg(long)]
    pub auto_approve: bool,
    /// Also drop the tables that this state's lineage created. Needs -confirm.
    #[arg(long)]
    pub drop_target_data: bool,
    /// The target's host, as a confirmation that its tables are dropped.
    #[arg(long, value_name = "HOST")]
    pub confirm: Option<String>,
    /// Print events as JSON, one per line.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Steps that run at the same time.
    #[arg(long, value_name = "N", default_value_t = 10, env = "MIG_PARALLELISM")]
    pub parallelism: usize,
    /// Whether mig may ask.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", env = "MIG_INPUT")]
    pub input: bool,
    #[command(flatten)]
    pub approval: Approval,
}

#[derive(Args, Debug)]
pub struct Show {
    /// A plan file or a state file. Without it, the spec's state is shown.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub views: Views,
    #[command(flatten)]
    pub warnings: Warnings,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// The earlier plan.
    #[arg(value_name = "PLANFILE")]
    pub before: PathBuf,
    /// The later plan.
    #[arg(value_name = "PLANFILE")]
    pub after: PathBuf,
    /// Exit with 2 if the plans would not do the same.
    #[arg(long, env = "MIG_DETAILED_EXITCODE")]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub views: Views,
}

#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    pub variables: Variables,
    /// Print JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ForceUnlock {
    /// The ID of the lock, as `mig status` and the message of a refused lock name it.
    pub id: String,
    #[command(flatten)]
    pub variables: Variables,
}

#[derive(Args, Debug)]
pub struct Recover {
    /// The lineage to recover. Needed if tables of the spec belong to several.
    #[arg(long, value_name = "ID")]
    pub lineage: Option<String>,
    /// Record the state. Without this, only say what is known.
    #[arg(long)]
    pub confirm: bool,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
}

#[derive(Args, Debug)]
pub struct Graph {
    /// The form: every step as DOT, or the phases as Mermaid or as SVG.
    #[arg(long, value_name = "FORM", default_value = "dot", env = "MIG_FORMAT")]
    pub format: GraphForm,
    /// A plan file. Without it, mig makes a plan and prints its graph.
    #[arg(value_name = "PLANFILE")]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
}

#[derive(Args, Debug)]
pub struct State {
    #[command(subcommand)]
    pub command: StateCommand,
}

#[derive(Subcommand, Debug)]
pub enum StateCommand {
    /// List the addresses in the state.
    List {
        /// Only steps under these addresses.
        #[arg(value_name = "ADDR")]
        addrs: Vec<String>,
        #[command(flatten)]
        variables: Variables,
    },
    /// Show the record of one step.
    Show {
        /// The address of the step.
        addr: String,
        #[command(flatten)]
        variables: Variables,
        /// Print JSON.
        #[arg(long, env = "MIG_JSON")]
        json: bool,
    },
    /// Print the state as it is recorded, for a backup or an edit. It can contain keys of rows.
    Pull {
        #[command(flatten)]
        variables: Variables,
    },
    /// Put an edited copy in place of the state.
    Push(Push),
    /// Record a block under another name: the name that the spec has now. Nothing of it runs again.
    Mv(Mv),
    /// Forget steps. What they created stays where it is.
    Rm(Rm),
}

/// What the edits of a state share.
#[derive(Args, Debug)]
pub struct Edit {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct Push {
    /// An edited copy of what `mig state pull` printed. `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub edit: Edit,
    /// Replace any state: one of another lineage, a later one, one that cannot be read.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct Mv {
    /// The block as it is recorded, for example migration.shop.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Its name in the spec.
    #[arg(value_name = "TO")]
    pub to: String,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Args, Debug)]
pub struct Rm {
    /// A step, or a block with all its steps.
    #[arg(value_name = "ADDR", required = true)]
    pub addrs: Vec<String>,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Args, Debug)]
pub struct Report {
    /// The migration. Needed where there are several.
    #[arg(value_name = "MIGRATION")]
    pub migration: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    /// Print the certificate as JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
    /// Print the certificate as Markdown. That is the default.
    #[arg(long, conflicts_with = "json", env = "MIG_MARKDOWN")]
    pub markdown: bool,
    /// Also write a page for a browser: one file that loads nothing. Replaces only a page.
    #[arg(long, value_name = "FILE", env = "MIG_HTML")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Explain {
    /// The code. Without it, all codes are listed. `iam-policy`: the smallest AWS policy for the spec, as JSON.
    pub code: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
}

/// Reads the arguments.
///
/// # Errors
/// What clap says about them. Help and version, which the user asked for, are also returned this way.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let command = command();
    let matches = command.clone().try_get_matches_from(rewritten(arguments, &command))?;
    Cli::from_arg_matches(&matches)
}

/// The definition of the command line, with the examples of each command.
pub fn command() -> clap::Command {
    examples::attached(lenient(Cli::command()))
}

/// Flags accept 1 and 0, yes and no from their environment variables.
fn lenient(command: clap::Command) -> clap::Command {
    let flag = |arg: clap::Arg| match arg.get_action() {
        clap::ArgAction::SetTrue => arg.value_parser(clap::builder::BoolishValueParser::new()),
        _ => arg,
    };
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(flag);
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, lenient))
}

/// The long names of the flags without a value, of a command and of its subcommands.
fn flags(command: &clap::Command, into: &mut BTreeSet<String>) {
    let set = command.get_arguments().filter(|arg| matches!(arg.get_action(), clap::ArgAction::SetTrue));
    into.extend(set.filter_map(|arg| arg.get_long().map(str::to_owned)));
    command.get_subcommands().for_each(|sub| flags(sub, into));
}

/// `-flag` and `-flag=true` become `--flag`, `-flag=false` is removed. Other values after `=`, and what follows `--`,
/// stay as they are.
fn rewritten(arguments: Vec<OsString>, command: &clap::Command) -> Vec<OsString> {
    let mut known = BTreeSet::new();
    flags(command, &mut known);
    let mut verbatim = false;
    let rewrite = |argument: OsString| {
        let Some(text) = argument.to_str() else { return Some(argument) };
        verbatim |= text == "--";
        let named = text
            .strip_prefix("--")
            .or_else(|| text.strip_prefix('-'))
            .filter(|rest| rest.len() > 1 && rest.starts_with(|c: char| c.is_ascii_alphabetic()));
        let Some(named) = named.filter(|_| !verbatim) else { return Some(argument) };
        match named.split_once('=') {
            Some((name, "true")) if known.contains(name) => Some(format!("--{name}").into()),
            Some((name, "false")) if known.contains(name) => None,
            _ => Some(format!("--{named}").into()),
        }
    };
    arguments.into_iter().filter_map(rewrite).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_and_two_are_the_same_and_values_are_left_alone() {
        let check = |given: &str, expected: &str| {
            let given = given.split(' ').map(OsString::from).collect();
            let got: Vec<String> =
                rewritten(given, &Cli::command()).into_iter().map(|a| a.into_string().unwrap()).collect();
            assert_eq!(got.join(" "), expected);
        };
        check("mig plan -out=x -json", "mig plan --out=x --json");
        check("mig -chdir=a plan --out x", "mig --chdir=a plan --out x");
        check("mig -h", "mig -h");
        check("mig plan -var=a=-b -parallelism 3", "mig plan --var=a=-b --parallelism 3");
        check("mig apply -- -odd", "mig apply -- -odd");
        check("mig x -1", "mig x -1");
        check("mig apply -auto-approve=true -json=false -lock=false", "mig apply --auto-approve --lock=false");
        check("mig apply --auto-approve=yes", "mig apply --auto-approve=yes");
    }

    #[test]
    fn a_flag_that_would_say_nothing_is_refused() {
        for (typed, fine) in [
            ("mig plan -drop-target-data", false),
            ("mig plan -destroy -drop-target-data", true),
            ("mig apply -drop-target-data", false),
            ("mig destroy -drop-target-data", true),
        ] {
            assert_eq!(parse(typed.split(' ').map(Into::into).collect()).is_ok(), fine, "{typed}");
        }
    }

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        command().debug_assert();
    }
}

/// A delimiter of CSV, or none. It is a type of its own because clap reads an `Option<Option<…>>` in its own way.
#[derive(Clone, Copy, Debug)]
pub struct CsvDelimiter(pub Option<u8>);

/// One byte, as itself or as `\\t`.
fn csv_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [b'\r' | b'\n' | b'\\'] => Err("a line break or a backslash is neither a separator nor a delimiter".into()),
        [byte] => Ok(*byte),
        _ => Err("give one byte, as itself or as \\t".into()),
    }
}

fn csv_delimiter(text: &str) -> Result<CsvDelimiter, String> {
    if text == "none" { Ok(CsvDelimiter(None)) } else { csv_byte(text).map(|byte| CsvDelimiter(Some(byte))) }
}
