//! The arguments of commands that ask no server: what is done to a spec's text, and what scripts and packagers take.

use std::path::PathBuf;

use clap::Args;

use super::{Locking, Variables};

#[derive(Args, Debug)]
pub struct Fmt {
    /// Files, and folders whose files that end in `.mig.hcl` are formatted. `-` formats standard input to standard output.
    /// Without it, the spec's folder.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write nothing: print the names of the files that would change, and exit with 2 if there are any.
    #[arg(long)]
    pub check: bool,
    /// Print what changes as a unified diff. What may be a secret is left out of it.
    #[arg(long, env = "MIG_DIFF")]
    pub diff: bool,
    /// Also format the folders inside. Those whose names begin with a dot are left out.
    #[arg(long, env = "MIG_RECURSIVE")]
    pub recursive: bool,
}

#[derive(Args, Debug)]
pub struct Init {
    /// The server that the rows come from, without a password: mysql://USER@HOST:PORT (also of a MariaDB).
    #[arg(long, value_name = "URL")]
    pub source: Option<String>,
    /// The server that the rows go to: tidb://USER@HOST:PORT, or mysql://USER@HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Rules of the table filter, with commas between them. Default: all tables.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// The name of the migration. Default: the name of the only schema in -tables, otherwise `main`.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The environment variable that will have the password of the source; `none`: no password. Default: NAME_SOURCE_PASSWORD.
    #[arg(long, value_name = "VARIABLE")]
    pub source_password_env: Option<String>,
    /// The same for the target. Default: NAME_TARGET_PASSWORD.
    #[arg(long, value_name = "VARIABLE")]
    pub target_password_env: Option<String>,
    /// How the connection to the source is protected: verify_identity (the default), verify_ca, required or disabled.
    #[arg(long, value_name = "MODE")]
    pub source_tls: Option<String>,
    /// The same for the target.
    #[arg(long, value_name = "MODE")]
    pub target_tls: Option<String>,
    /// Move the state to the backend that the spec names now, with its journal and its certificates. The former place is closed.
    #[arg(long, conflicts_with_all = ["source", "target", "tables", "name"])]
    pub migrate_state: bool,
    /// With -migrate-state: a file with the `mig` block that the spec had before, or the file of a state. Default: mig.migstate.
    #[arg(long, value_name = "FILE", requires = "migrate_state")]
    pub from: Option<PathBuf>,
    /// With -migrate-state: replace a state that is in the new place.
    #[arg(long, requires = "migrate_state")]
    pub force: bool,
    /// With -migrate-state: only say what would be done.
    #[arg(long, requires = "migrate_state")]
    pub dry_run: bool,
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Whether mig may ask for what no flag says. MIG_IN_AUTOMATION=1 has the same effect as `false`.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", env = "MIG_INPUT")]
    pub input: bool,
}

#[derive(Args, Debug)]
pub struct Output {
    /// The name of one value, which is printed as it is. Without it, all are listed.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    /// Print JSON.
    #[arg(long, env = "MIG_JSON")]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Console {
    /// One expression. Without it, standard input is read, one expression per line.
    #[arg(value_name = "EXPRESSION")]
    pub expression: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
}

#[derive(Args, Debug)]
pub struct Man {
    /// The folder that the pages are written to; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
