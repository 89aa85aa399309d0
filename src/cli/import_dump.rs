//! `mig import-dump DIR`: the rows come out of a finished dump's files instead of the source. Everything else is an apply:
//! plan, approval, locks, ledger, verification, certificate; run again after a kill, it goes on.

use super::apply;
use super::args::{Apply, Global, ImportDump};
use super::session::Session;
use crate::formats::dumpfile::csv_dialect::CsvSettings;
use crate::screen::style::Style;
use crate::steps::observe::dump_folder;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &ImportDump, style: Style) -> Outcome<ExitKind> {
    super::approve::unplanned(&args.approval)?;
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    let migration = migration(&session, args.migration.as_deref())?;
    let mut folder = dump_folder::look(&args.dir)?;
    folder.prove_csv(settings(args))?;
    folder.prove_sql()?;
    session.import = Some((migration, folder));
    let apply = Apply {
        destroy: false,
        refresh_only: false,
        drop_target_data: false,
        plan: None,
        variables: args.variables.clone(),
        locking: args.locking.clone(),
        auto_approve: args.auto_approve,
        confirm: args.confirm.clone(),
        json: args.json,
        replace: args.replace.clone(),
        target: Vec::new(),
        parallelism: args.parallelism,
        input: args.input,
        warnings: Default::default(),
        show_keys: args.show_keys,
        r#continue: false,
        stop_worker: false,
        hosts: Default::default(),
        approval: args.approval.clone(),
    };
    apply::go(session, &apply, None, None, style).await
}

/// What the flags say of CSV.
fn settings(args: &ImportDump) -> CsvSettings {
    CsvSettings {
        separator: args.csv_separator,
        delimiter: args.csv_delimiter.map(|delimiter| delimiter.0),
        backslash_escapes: args.csv_backslash_escapes,
        null: args.csv_null.clone(),
        header: args.csv_header,
    }
}

/// The one migration of the spec, or the one that is named.
fn migration(session: &Session, named: Option<&str>) -> Outcome<String> {
    let migrations = &session.spec.migrations;
    let list = || migrations.keys().cloned().collect::<Vec<_>>().join(", ");
    let refused =
        |cause: String, hint: String| Err(Failure::new(codes::COMMAND_LINE, "choose the migration", cause, hint));
    match (named, migrations.len()) {
        (Some(name), _) if migrations.contains_key(name) => Ok(name.to_owned()),
        (Some(name), _) => refused(format!("the spec has no migration {name:?}"), format!("It has: {}.", list())),
        (None, 1) => Ok(migrations.keys().next().cloned().unwrap_or_default()),
        (None, 0) => refused("the spec has no migration".into(), "Write a block `migration \"NAME\"`.".into()),
        (None, _) => {
            refused("the spec has several migrations".into(), format!("Name one: -migration=NAME, of {}.", list()))
        }
    }
}
