//! `mig output`: hands what a migration came to know to scripts. Reads the spec, the state and the certificates; asks no server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::{Global, Output};
use super::report;
use super::session::{Session, print};
use crate::screen;
use crate::screen::style::Style;
use crate::seams::store::Companion;
use crate::think::resolved::{Filed, resolve};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Output, style: Style) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let state = session.state()?;
    let mut filed = BTreeMap::new();
    for name in session.spec.migrations.keys() {
        let filed_as = report::filed_as(state.as_ref(), name);
        let place = session.store.place_of(&Companion::certificate(filed_as));
        if let Some((certificate, _)) = report::read(&*session.store, filed_as)? {
            filed.insert(
                name.clone(),
                Filed { file: place.strip_prefix("./").unwrap_or(&place).to_owned(), certificate },
            );
        }
    }
    let resolved = resolve(&session.spec, state.as_ref(), &filed)?;
    match &args.name {
        Some(name) => {
            let values = screen::resolved::values(&resolved);
            let value = one(&values, name)?;
            let text = if args.json { value.to_string() } else { screen::resolved::raw(value) };
            print(&format!("{text}\n"));
        }
        None if args.json => {
            let value = screen::resolved::json(&resolved);
            print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()));
        }
        None => print(&screen::resolved::text(&resolved, style)),
    }
    Ok(ExitKind::Success)
}

/// The value of a name.
fn one<'v>(values: &'v [(String, Value)], name: &str) -> Outcome<&'v Value> {
    let doing = || format!("print the output {name}");
    let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
        let below = format!("{name}.");
        let (cause, listed): (&str, Vec<&str>) = {
            let names = || values.iter().map(|(known, _)| known.as_str());
            match names().filter(|known| known.starts_with(&below)).collect::<Vec<_>>() {
                none if none.is_empty() => ("there is no output of this name", names().collect()),
                group => ("it is the beginning of several names", group),
            }
        };
        return Err(Failure::new(
            codes::NO_SUCH_OUTPUT,
            doing(),
            cause,
            format!("Name one of: {}.", listed.join(", ")),
        ));
    };
    if value.is_null() {
        let hint = "`mig apply` records it, if this migration has it; `mig output` shows what is known by now.";
        return Err(Failure::new(codes::OUTPUT_NOT_KNOWN, doing(), "its value is not known", hint));
    }
    Ok(value)
}
