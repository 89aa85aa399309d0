//! The spec: HCL text -> [`model::Spec`] with every fault at once. Pure: files, environment and variables come in by
//! [`Inputs`]. The way: `syntax` reads texts into bodies, `credentials` says what of them is never shown, `blocks`
//! sorts them, `expression` evaluates, `servers` and `migrations` make the model.

pub mod access;
mod aws;
pub mod backend;
mod blocks;
mod condition;
mod credentials;
mod expression;
mod faults;
mod fields;
#[cfg(any(test, feature = "fixtures"))]
#[allow(clippy::panic)]
pub mod fixture;
mod formatter;
mod functions;
pub mod migrations;
pub mod model;
mod moves;
mod overlap;
pub mod schema;
mod servers;
pub mod starter;
mod syntax;
mod terraform;
#[cfg(test)]
mod tests;
mod texts;
mod units;
mod value;
mod variables;

use std::ops::Range;

use hcl_edit::structure::Body;
use indexmap::IndexMap;

use self::backend::Backend;
use self::blocks::Blocks;
pub use self::expression::WORKSPACE_ENV;
use self::expression::{Evaluator, Scope};
use self::faults::{Faults, Read};
use self::migrations::Servers;
use self::model::Spec;
use self::servers::Settings;
use self::syntax::Parsed;
use self::texts::{At, Text};
use self::value::Kind;
use crate::words::codes;
use crate::words::diag::{Diagnostic, Severity};
use crate::words::digest::Digest;

/// A file by the name that messages call it.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct SourceFile {
    /// Relative to the spec's folder.
    pub name: String,
    pub text: String,
}

/// Everything a spec is made of.
pub struct Inputs<'a> {
    /// The `*.mig.hcl` files of the folder but the `*.auto.mig.hcl` ones, sorted by name.
    pub files: Vec<SourceFile>,
    /// `-var name=value`, in order; the last one counts.
    pub vars: Vec<(String, String)>,
    /// The `*.auto.mig.hcl` files of the folder, sorted by name: `name = value` in HCL; the last one counts.
    pub auto_files: Vec<SourceFile>,
    /// What `-var-from-terraform` names: JSON of outputs; the last one counts.
    pub outputs: Vec<SourceFile>,
    /// Files given by `-var-file`: `name = value` in HCL; the last one counts.
    pub var_files: Vec<SourceFile>,
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file beside the spec, for `file()` and for `@file` in `tables`.
    pub read_file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    pub secrets: Secrets,
}

/// What becomes of a sensitive variable that nobody gave a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// A fault: a server is to be connected to.
    Needed,
    /// Something stands in for it: the spec is only looked at.
    StoodInFor,
}

/// Reads a spec. It is `None` where there is any error; warnings stand beside it. Faults are sorted by their places.
///
/// No diagnostic holds a sensitive value, neither in its words nor in its source line.
pub fn load(inputs: &Inputs) -> (Option<Spec>, Vec<Diagnostic>) {
    let (spec, faults) = with_evaluator(inputs, None, |evaluator, blocks| model(evaluator, blocks, inputs));
    let spec = spec.filter(|_| !faults.any_error()).and_then(Result::ok);
    (spec, faults.into_sorted())
}

/// Where the state of a spec is kept, whatever is wrong with the rest of it: of one that is not the spec any more.
///
/// # Errors
/// What is wrong with its `mig` block.
pub fn backend_of(inputs: &Inputs) -> Result<Backend, Vec<Diagnostic>> {
    let (read, faults) = with_evaluator(inputs, None, |evaluator, blocks| match blocks.settings {
        // Its version is that of another time.
        Some((text, block)) => servers::former_backend(evaluator, text, block),
        None => Ok(Backend::default()),
    });
    read.and_then(Read::ok).ok_or_else(|| faults.into_sorted())
}

/// What a sensitive value is shown as.
const SENSITIVE: &str = "(sensitive)";
/// What messages call an expression that is in no file.
const EXPRESSION: &str = "expression";

/// The value of an expression as it would be in the spec, as JSON; the address of a block as it is; nothing of a sensitive value.
///
/// # Errors
/// What is wrong with it, or with what it refers to.
pub fn evaluate(inputs: &Inputs, expression: &str) -> Result<String, Vec<Diagnostic>> {
    let text = inputs.files.len() + inputs.auto_files.len() + inputs.var_files.len();
    let (shown, faults) = with_evaluator(inputs, Some(expression), |evaluator, _| {
        let parsed = hcl_edit::parser::parse_expr(expression).map_err(|error| {
            let at = At::new(text, error.location().offset()..error.location().offset() + 1);
            let help = "Write one expression, for example var.NAME or upper(\"x\").";
            let summary = format!("this cannot be read as an expression: {}", error.message());
            evaluator.faults.error(codes::NOT_HCL, &at, summary, help)
        })?;
        let value = evaluator.value(text, Scope::All, &parsed)?;
        Ok(match (&value.kind, value.sensitive) {
            (_, true) => SENSITIVE.to_owned(),
            (Kind::Block(address), false) => address.clone(),
            (_, false) => value.as_json().map_or_else(|| value.noun().to_owned(), |json| json.to_string()),
        })
    });
    shown.and_then(Read::ok).ok_or_else(|| faults.into_sorted())
}

/// What is wrong with the files of values: they cannot be read, or hold a value for what nobody declares. While there is any, a
/// variable may have another value than somebody gave it.
pub fn faults_of_values(inputs: &Inputs) -> Vec<Diagnostic> {
    let (_, faults) = with_evaluator(inputs, None, |_, _| Ok(()));
    let files: Vec<&str> = inputs.auto_files.iter().chain(&inputs.var_files).map(|file| file.name.as_str()).collect();
    let of_values = |found: &Diagnostic| match &found.place {
        Some(place) => files.contains(&place.file.as_str()),
        None => [codes::OUTPUTS_UNREADABLE, codes::VALUE_FOR_UNDECLARED_VARIABLE].contains(&found.code),
    };
    faults.into_sorted().into_iter().filter(|found| found.severity == Severity::Error && of_values(found)).collect()
}

/// Reads all files, and does something with what is in them. `expression`: a text behind those of the files, for places in it.
/// `None`: there is no file.
fn with_evaluator<T>(
    inputs: &Inputs,
    expression: Option<&str>,
    work: impl FnOnce(&Evaluator, &Blocks) -> Read<T>,
) -> (Option<Read<T>>, Faults) {
    let specs = inputs.files.len();
    let files = || inputs.files.iter().chain(&inputs.auto_files).chain(&inputs.var_files);
    let mut texts: Vec<Text> = files().map(|file| Text::new(&file.name, &file.text)).collect();
    let mut parsed: Vec<Parsed> = texts.iter().map(|text| syntax::parse(&text.body)).collect();
    blank(&mut texts, &parsed, specs);
    texts.iter().zip(&mut parsed).for_each(|(text, parsed)| drop_blanked(text, parsed));
    texts.extend(expression.map(|text| Text::new(EXPRESSION, text)));

    let faults = Faults::new(texts);
    let duplicates = parsed.iter_mut().map(|p| std::mem::take(&mut p.duplicates)).collect();
    report_syntax(&faults, &parsed);
    if inputs.files.is_empty() {
        let help = "Write the spec into a file that ends in .mig.hcl, or name its folder by -chdir=DIR.";
        faults.push(Diagnostic::error(codes::NO_SPEC, "there is no spec here").help(help));
        return (None, faults);
    }

    let bodies: Vec<(usize, &Body)> =
        parsed.iter().enumerate().flat_map(|(text, p)| p.bodies.iter().map(move |body| (text, body))).collect();
    let done = {
        let mut evaluator = Evaluator::new(&faults, inputs.read_file);
        evaluator.duplicates = duplicates;
        note_unreadable(&mut evaluator, &parsed[..specs.min(parsed.len())]);
        if let Some(workspace) = (inputs.env)(WORKSPACE_ENV).filter(|name| !name.is_empty()) {
            evaluator.workspace = workspace;
        }
        let blocks = Blocks::sort(&evaluator, bodies.iter().copied().filter(|(text, _)| *text < specs));
        let named = specs + inputs.auto_files.len();
        let of_files = |texts: Range<usize>| bodies.iter().copied().filter(|(text, _)| texts.contains(text)).collect();
        let values = variables::Files { auto: of_files(specs..named), named: of_files(named..parsed.len()) };
        evaluator.variables = variables::values(&evaluator, &blocks.variables, &values, inputs);
        evaluator.locals = blocks.locals(&faults, &evaluator.duplicates);
        evaluator.blocks = blocks.addresses();
        work(&evaluator, &blocks)
    };
    (Some(done), faults)
}

/// The environment variables that sensitive variables of these files take their value from. Faults of the files are no matter
/// here: [`load`] reports them.
pub fn secret_environment(files: &[SourceFile]) -> Vec<String> {
    let texts: Vec<Text> = files.iter().map(|file| Text::new(&file.name, &file.text)).collect();
    let parsed: Vec<Parsed> = texts.iter().map(|text| syntax::parse(&text.body)).collect();
    parsed.iter().flat_map(|parsed| &parsed.bodies).flat_map(credentials::environment).collect()
}

/// What a file of a spec's folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Blocks.
    Blocks,
    /// Values of variables, none of which is ever shown.
    Values,
    /// Either of the two: a text without a name. What stands outside of blocks is taken for a value.
    Unknown,
}

/// A file in its canonical layout: what `mig fmt` writes. It says the same as before, and every comment is in it.
///
/// # Errors
/// All that keeps it from being read as HCL, with places. MIG1001: the layout would say something else.
pub fn format(file: &SourceFile, contents: Contents) -> Result<String, Vec<Diagnostic>> {
    formatter::formatted(&file.text).map_err(|why| {
        let (faults, parsed) = read_alone(file, &[], contents);
        match why {
            formatter::Unformatted::NotHcl => report_syntax(&faults, &parsed),
            formatter::Unformatted::WouldChange => {}
        }
        if !faults.any_error() {
            let summary = format!("the layout of {} would change what it says", file.name);
            let help = "The file is left as it is. Please report it, with the file if it may be shown.";
            faults.push(Diagnostic::error(codes::INTERNAL, summary).help(help));
        }
        faults.into_sorted()
    })
}

/// The text of a file without what may be a secret, for a view of it. `others`: the files of its spec, which may say that it is.
pub fn shown(file: &SourceFile, others: &[SourceFile], contents: Contents) -> String {
    let (faults, _) = read_alone(file, others, contents);
    faults.texts.first().map(Text::shown_whole).unwrap_or_default()
}

fn read_alone(file: &SourceFile, others: &[SourceFile], contents: Contents) -> (Faults, Vec<Parsed>) {
    let files = || std::iter::once(file).chain(others);
    let mut texts: Vec<Text> = files().map(|file| Text::new(&file.name, &file.text)).collect();
    let parsed: Vec<Parsed> = texts.iter().map(|text| syntax::parse(&text.body)).collect();
    let specs = if contents == Contents::Values { 0 } else { texts.len() };
    blank(&mut texts, &parsed, specs);
    if let (Contents::Unknown, Some(text), Some(parsed)) = (contents, texts.first_mut(), parsed.first()) {
        let values = credentials::values_outside_blocks(&text.body, parsed);
        values.into_iter().for_each(|stretch| text.blank(stretch));
    }
    (Faults::new(texts), parsed)
}

/// Reports the faults of syntax of all texts, in the order of the texts.
fn report_syntax(faults: &Faults, parsed: &[Parsed]) {
    for (text, parsed) in parsed.iter().enumerate() {
        for fault in &parsed.faults {
            let diagnostic = Diagnostic::error(fault.code, fault.summary.clone())
                .at(faults.place(&At::new(text, fault.span.clone())))
                .detail(fault.detail.clone())
                .help(fault.help.clone());
            faults.push(diagnostic);
        }
    }
}

/// Blanks what may be a secret in all texts; the first `specs` are spec files, the others files of variables.
fn blank(texts: &mut [Text], parsed: &[Parsed], specs: usize) {
    let pairs: Vec<(&str, &Parsed)> = texts.iter().map(|t| t.body.as_str()).zip(parsed).collect();
    let (spec_files, var_files) = pairs.split_at(specs.min(pairs.len()));
    let mut stretches = credentials::stretches(spec_files);
    stretches.extend(var_files.iter().map(|(text, parsed)| credentials::all_values(text, parsed)));
    for (text, stretches) in texts.iter_mut().zip(stretches) {
        stretches.into_iter().for_each(|stretch| text.blank(stretch));
    }
}

/// Takes away what was read where a secret may go on that nothing closed: the names in it would be in messages.
fn drop_blanked(text: &Text, parsed: &mut Parsed) {
    let Parsed { bodies, damaged, .. } = parsed;
    bodies.retain(|body| {
        let beginnings = credentials::beginnings(body);
        let is_read = !beginnings.iter().any(|beginning| text.is_blanked(beginning));
        damaged.extend(beginnings.into_iter().filter(|_| !is_read));
        is_read
    });
}

/// Notes which kinds of blocks may have been declared where the text could not be read.
fn note_unreadable(evaluator: &mut Evaluator, parsed: &[Parsed]) {
    for (text, parsed) in parsed.iter().enumerate() {
        for region in &parsed.damaged {
            let body = evaluator.faults.texts.get(text).and_then(|t| t.body.get(region.clone())).unwrap_or("");
            let word: String = body.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if word.is_empty() {
                evaluator.unreadable.anything = true;
            } else {
                evaluator.unreadable.kinds.insert(word);
            }
        }
    }
}

/// Reads every block, so that all faults are found, and then puts the model together.
fn model(evaluator: &Evaluator, blocks: &Blocks, inputs: &Inputs) -> Read<Spec> {
    for name in evaluator.locals.keys() {
        // Unused ones are read too: a fault waits for nobody. What is wrong has been reported.
        let _ = evaluator.local(name, &At::new(0, 0..0));
    }
    let settings = match blocks.settings {
        Some((text, block)) => servers::settings(evaluator, text, block),
        None => Ok(Settings::default()),
    };
    if settings.is_ok() {
        backend::check_workspace(evaluator);
    }
    let mut spec = Spec::default();
    for (text, block) in &blocks.sources {
        if let Ok(server) = servers::source(evaluator, *text, block) {
            if spec.sources.contains_key(&server.name) {
                one_name(evaluator, *text, block);
            }
            spec.sources.insert(server.name.clone(), server);
        }
    }
    for (text, block) in &blocks.targets {
        if let Ok(server) = servers::target(evaluator, *text, block) {
            if spec.targets.contains_key(&server.name) {
                one_name(evaluator, *text, block);
            }
            spec.targets.insert(server.name.clone(), server);
        }
    }
    for (text, block) in &blocks.runners {
        if let Ok(runner) = servers::runner(evaluator, *text, block) {
            if spec.runners.contains_key(&runner.name) {
                one_name(evaluator, *text, block);
            }
            spec.runners.insert(runner.name.clone(), runner);
        }
    }
    for (text, block) in &blocks.providers {
        if let Ok(provider) = aws::provider(evaluator, *text, block) {
            spec.aws = Some(provider);
        }
    }
    for (text, block) in &blocks.peerings {
        if let Ok(peering) = aws::peering(evaluator, *text, block) {
            spec.peerings.insert(format!("peering.{}", peering.label), peering);
        }
    }
    let mut all = IndexMap::new();
    let servers = Servers { sources: &spec.sources, targets: &spec.targets };
    for (text, block) in &blocks.migrations {
        if let Ok(mut migration) = migrations::migration(evaluator, *text, block, &servers) {
            // The runner of a migration that names none has the address of one called "default": they are one.
            if migration.runner.is_none() && spec.runners.contains_key("default") {
                migration.runner = Some("default".into());
            }
            all.insert(migration.name.clone(), migration);
        }
    }
    for migration in all.values().filter(|m: &&model::Migration| m.source == migrations::dump_key(&m.name)) {
        spec.sources.insert(migration.source.clone(), model::Server::dump(&migration.name, migration.place.clone()));
    }
    spec.migrations = all;
    (spec.moved, spec.removed) = moves::read(evaluator, blocks);
    // What blocks ask of each other can be said only where all of them were read.
    if !evaluator.faults.any_error() {
        aws::together(evaluator, &spec);
        overlap::together(evaluator, &spec);
        moves::together(evaluator, blocks, &spec);
    }
    let settings = settings?;
    spec.backend = settings.backend;
    spec.plan_lifetime_seconds = settings.plan_lifetime_seconds;
    spec.files = evaluator.files_read();
    for file in &inputs.files {
        spec.files.insert(file.name.clone(), Digest::of_bytes(file.text.as_bytes()).to_string());
    }
    Ok(spec)
}

/// Two blocks of two kinds that bear one name: settings and messages call them by it.
fn one_name(evaluator: &Evaluator, text: usize, block: &hcl_edit::structure::Block) {
    let summary = format!("{} bears the name of another {}", fields::title_of(block), block.ident.as_str());
    let at = At::new(text, fields::header_of(block));
    evaluator.faults.error(codes::DUPLICATE_BLOCK, &at, summary, "Rename one of the two.");
}
