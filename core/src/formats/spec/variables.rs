//! The variables of a spec and where their values come from: `-var`, `-var-file`, `-var-from-terraform`, `*.auto.mig.hcl`,
//! `MIG_VAR_x`, the variable's own `env`, its default. No message here holds a value that came from outside.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body, Structure};
use indexmap::IndexMap;

use super::expression::{Evaluator, Scope};
use super::faults::{Faulted, Read, suggestion};
use super::fields::Fields;
use super::schema::VARIABLE;
use super::terraform::{self, Output};
use super::texts::At;
use super::value::{Kind, Value};
use super::{Inputs, Secrets, SourceFile};
use crate::words::codes;
use crate::words::diag::Diagnostic;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    Number,
    Bool,
    Strings,
    Map,
}

const TYPES: &str = "string, number, bool, list(string), map(string)";

struct Variable {
    name: String,
    at: At,
    kind: Type,
    sensitive: bool,
    env: Option<String>,
    default: Option<Value>,
}

/// The files of values that have been read.
pub(super) struct Files<'b> {
    /// `*.auto.mig.hcl`.
    pub auto: Vec<(usize, &'b Body)>,
    /// `-var-file`.
    pub named: Vec<(usize, &'b Body)>,
}

/// Values of all variables; `None` for one whose value is at fault.
pub(super) fn values(
    evaluator: &Evaluator,
    blocks: &[(usize, &Block)],
    files: &Files,
    inputs: &Inputs,
) -> BTreeMap<String, Option<Value>> {
    let mut values = BTreeMap::new();
    let mut declared = IndexMap::new();
    for (text, block) in blocks {
        let name = block.labels.first().map_or("", |label| label.as_str()).to_owned();
        values.insert(name.clone(), None);
        if let Ok(variable) = declaration(evaluator, *text, block, &name) {
            declared.insert(name, variable);
        }
    }
    let given = Reading { evaluator, declared: &declared, names: &values }.given(files, inputs);
    for (name, variable) in &declared {
        values.insert(name.clone(), settled(evaluator, variable, given.get(name), inputs).ok());
    }
    values
}

fn declaration(evaluator: &Evaluator, text: usize, block: &Block, name: &str) -> Read<Variable> {
    let fields = Fields::open(evaluator, text, block, &VARIABLE).scope(Scope::Literals);
    let kind = match fields.attribute("type") {
        Some(attribute) => type_of(&attribute.value).ok_or_else(|| {
            let at = fields.at(attribute.value.span());
            let help = format!("The types are {TYPES}, written without quotes.");
            evaluator.faults.error(codes::WORD_NOT_ALLOWED, &at, "this is not a type of a variable", help)
        }),
        None => Ok(Type::String),
    };
    let description = fields.text("description");
    let sensitive = fields.flag("sensitive");
    let env = fields.text("env");
    let default = match fields.attribute("default") {
        Some(attribute) => evaluator.value(text, Scope::Literals, &attribute.value).map(Some),
        None => Ok(None),
    };
    description?;
    let (kind, sensitive, env, default) = (kind?, sensitive?.unwrap_or(false), env?, default?);
    if let Some(value) = &default {
        check_type(value, kind).map_err(|found| mismatch(evaluator, &value.at, name, kind, found))?;
    }
    Ok(Variable { name: name.to_owned(), at: fields.header(), kind, sensitive, env, default })
}

fn type_of(expression: &Expression) -> Option<Type> {
    match expression {
        Expression::Variable(name) => match name.as_str() {
            "string" => Some(Type::String),
            "number" => Some(Type::Number),
            "bool" => Some(Type::Bool),
            _ => None,
        },
        Expression::FuncCall(call) => {
            let of = call.args.get(0).and_then(Expression::as_variable).map(|name| name.as_str());
            match (call.name.name.as_str(), of, call.args.len()) {
                ("list", Some("string"), 1) => Some(Type::Strings),
                ("map", Some("string"), 1) => Some(Type::Map),
                _ => None,
            }
        }
        _ => None,
    }
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Number => "number",
        Type::Bool => "bool",
        Type::Strings => "list(string)",
        Type::Map => "map(string)",
    }
}

/// A value given on the command line or in a file.
enum Given {
    Text(String),
    Value(Value),
    /// From the outputs of this name.
    Output(Output, String),
    /// Given, and at fault; reported.
    Faulty,
}

/// What is read of the values that somebody gives.
struct Reading<'a, 'f> {
    evaluator: &'a Evaluator<'f>,
    declared: &'a IndexMap<String, Variable>,
    /// All that are declared, also those at fault.
    names: &'a BTreeMap<String, Option<Value>>,
}

impl Reading<'_, '_> {
    /// By name, of each the last one.
    fn given(&self, files: &Files, inputs: &Inputs) -> BTreeMap<String, Given> {
        let mut given = BTreeMap::new();
        files.auto.iter().for_each(|(text, body)| self.file(*text, body, &mut given));
        inputs.outputs.iter().for_each(|outputs| self.outputs(outputs, &mut given));
        files.named.iter().for_each(|(text, body)| self.file(*text, body, &mut given));
        inputs.vars.iter().for_each(|(name, text)| self.argument(name, text, &mut given));
        given
    }

    fn undeclared(&self, name: &str) -> Option<Diagnostic> {
        let known: Vec<&str> = self.names.keys().map(String::as_str).collect();
        let unreadable = self.evaluator.unreadable.anything || self.evaluator.unreadable.kinds.contains("variable");
        let summary = format!("no variable `{name}` is declared");
        let help = suggestion(name, "variable", &known);
        (!unreadable).then(|| Diagnostic::error(codes::VALUE_FOR_UNDECLARED_VARIABLE, summary).help(help))
    }

    /// A file with `name = value`.
    fn file(&self, text: usize, body: &Body, given: &mut BTreeMap<String, Given>) {
        let faults = self.evaluator.faults;
        for structure in body.iter() {
            let attribute = match structure {
                Structure::Attribute(attribute) => attribute,
                Structure::Block(block) => {
                    let at = At::new(text, block.ident.span().unwrap_or(0..0));
                    let help = "A file of variables holds `name = value`, a line each.";
                    faults.error(codes::WRONG_SHAPE, &at, "a block is in a file of variables", help);
                    continue;
                }
            };
            let name = attribute.key.as_str();
            let at = At::new(text, attribute.key.span().unwrap_or(0..0));
            if self.evaluator.duplicates.get(text).is_some_and(|d| d.contains(&at.span.start)) {
                continue;
            }
            if !self.names.contains_key(name) {
                if let Some(fault) = self.undeclared(name) {
                    faults.push(fault.at(faults.place(&at)));
                }
                continue;
            }
            let value = self.evaluator.value(text, Scope::Literals, &attribute.value);
            given.insert(name.to_owned(), value.map_or(Given::Faulty, Given::Value));
        }
    }

    /// Outputs of another tool: those that are called like a variable; it may have many others.
    fn outputs(&self, source: &SourceFile, given: &mut BTreeMap<String, Given>) {
        let faults = self.evaluator.faults;
        let outputs = match terraform::outputs(&source.text) {
            Ok(outputs) => outputs,
            Err(why) => {
                let summary = format!("the outputs in {} cannot be read", source.name);
                let help = "Give what `terraform output -json` or `pulumi stack output --json` prints.";
                faults.push(Diagnostic::error(codes::OUTPUTS_UNREADABLE, summary).detail(format!("{why}.")).help(help));
                return;
            }
        };
        for (name, output) in outputs {
            let Some(variable) = self.declared.get(&name) else { continue };
            if output.is_withheld() {
                let summary = format!("the variable `{name}` has no value: the outputs in {} withhold it", source.name);
                let help = "`pulumi stack output --json --show-secrets` writes it. Or set the variable in another way.";
                let place = faults.place(&variable.at);
                faults.push(Diagnostic::error(codes::VARIABLE_WITHOUT_VALUE, summary).at(place).help(help));
                given.insert(name, Given::Faulty);
                continue;
            }
            given.insert(name, Given::Output(output, source.name.clone()));
        }
    }

    /// `-var name=text`.
    fn argument(&self, name: &str, text: &str, given: &mut BTreeMap<String, Given>) {
        let faults = self.evaluator.faults;
        let subject = format!("-var {name}");
        match self.declared.get(name) {
            Some(variable) if variable.sensitive => {
                let help = format!(
                    "Set the environment variable MIG_VAR_{name}, or give it in a file by -var-file; and change the \
                     secret if others may have seen it."
                );
                faults.push(
                    Diagnostic::error(
                        codes::SENSITIVE_ON_COMMAND_LINE,
                        format!("`{name}` is sensitive and cannot be given by -var"),
                    )
                    .about(subject)
                    .detail("The arguments of a program are seen by every user of the machine.")
                    .help(help),
                );
                given.insert(name.to_owned(), Given::Faulty);
            }
            Some(_) => {
                given.insert(name.to_owned(), Given::Text(text.to_owned()));
            }
            None if self.names.contains_key(name) => {}
            None => {
                if let Some(fault) = self.undeclared(name) {
                    faults.push(fault.about(subject));
                }
            }
        }
    }
}

/// The value of one variable, by the order of where it may come from.
fn settled(evaluator: &Evaluator, variable: &Variable, given: Option<&Given>, inputs: &Inputs) -> Read<Value> {
    let own = format!("MIG_VAR_{}", variable.name);
    let mut value = match given {
        Some(Given::Faulty) => return Err(Faulted),
        Some(Given::Value(value)) => {
            check_type(value, variable.kind)
                .map_err(|found| mismatch(evaluator, &value.at, &variable.name, variable.kind, found))?;
            value.clone()
        }
        Some(Given::Text(text)) => from_text(evaluator, variable, "-var", text)?,
        Some(Given::Output(output, origin)) => from_output(evaluator, variable, output, origin)?,
        None => {
            let found = std::iter::once(own.as_str())
                .chain(variable.env.as_deref())
                .find_map(|name| (inputs.env)(name).map(|text| (name, text)));
            match (found, &variable.default) {
                (Some((name, text)), _) => {
                    from_text(evaluator, variable, &format!("the environment variable {name}"), &text)?
                }
                (None, Some(default)) => default.clone(),
                (None, None) if variable.sensitive && inputs.secrets == Secrets::StoodInFor => {
                    Value::new(stand_in(variable.kind), variable.at.clone())
                }
                (None, None) => return Err(missing(evaluator, variable, &own)),
            }
        }
    };
    if variable.sensitive {
        evaluator.mark_secret(&value.files);
        value.mark_sensitive();
    }
    Ok(value)
}

/// A value of a type that says nothing.
fn stand_in(kind: Type) -> Kind {
    match kind {
        Type::String => Kind::String("not given".into()),
        Type::Number => Kind::Number(1.into()),
        Type::Bool => Kind::Bool(false),
        Type::Strings => Kind::List(Vec::new()),
        Type::Map => Kind::Map(IndexMap::new()),
    }
}

fn missing(evaluator: &Evaluator, variable: &Variable, own: &str) -> Faulted {
    let name = &variable.name;
    let mut ways = vec![format!("the environment variable {own}")];
    ways.extend(variable.env.iter().map(|env| format!("the environment variable {env}")));
    ways.push("a file with -var-file".into());
    ways.push("a file *.auto.mig.hcl".into());
    if !variable.sensitive {
        ways.push(format!("-var {name}=…"));
    }
    let summary = format!("the variable `{name}` has no value");
    evaluator.faults.error(
        codes::VARIABLE_WITHOUT_VALUE,
        &variable.at,
        summary,
        format!("Give it by {}.", ways.join(", or by ")),
    )
}

fn mismatch(evaluator: &Evaluator, at: &At, name: &str, kind: Type, found: &str) -> Faulted {
    evaluator.faults.error(
        codes::VARIABLE_OF_OTHER_TYPE,
        at,
        format!("the variable `{name}` is a {}, its value is {found}", type_name(kind)),
        format!("Give a {}, or change its `type`.", type_name(kind)),
    )
}

/// What was found instead, where a value is not of a type. `null` is of every type.
fn check_type(value: &Value, kind: Type) -> Result<(), &'static str> {
    let strings = |mut items: Box<dyn Iterator<Item = &Value> + '_>| {
        if items.all(|item| matches!(item.kind, Kind::String(_))) { Ok(()) } else { Err("one of other things") }
    };
    match (&value.kind, kind) {
        (Kind::Null, _)
        | (Kind::String(_), Type::String)
        | (Kind::Number(_), Type::Number)
        | (Kind::Bool(_), Type::Bool) => Ok(()),
        (Kind::List(items), Type::Strings) => strings(Box::new(items.iter())),
        (Kind::Map(items), Type::Map) => strings(Box::new(items.values())),
        _ => Err(value.noun()),
    }
}

/// A value out of plain text, by its variable's type. Lists and maps are written as in HCL or JSON.
fn from_text(evaluator: &Evaluator, variable: &Variable, origin: &str, text: &str) -> Read<Value> {
    let at = || variable.at.clone();
    let kind = match variable.kind {
        Type::String => Some(Kind::String(text.to_owned())),
        Type::Bool => text.trim().parse().ok().map(Kind::Bool),
        Type::Number | Type::Strings | Type::Map => {
            hcl_edit::parser::parse_expr(text.trim()).ok().and_then(|expression| literal(&expression, &variable.at))
        }
    };
    let value = kind.map(|kind| Value::new(kind, at())).filter(|v| check_type(v, variable.kind).is_ok());
    value.ok_or_else(|| {
        let example = match variable.kind {
            Type::Number => "3306",
            Type::Bool => "true",
            Type::Map => "{ key = \"value\" }",
            Type::String | Type::Strings => "[\"a\", \"b\"]",
        };
        let wanted = type_name(variable.kind);
        let name = &variable.name;
        evaluator.faults.push(
            Diagnostic::error(
                codes::VARIABLE_OF_OTHER_TYPE,
                format!("the variable `{name}` is a {wanted}; what {origin} holds is not"),
            )
            .at(evaluator.faults.place(&variable.at))
            .help(format!("A {wanted} is written like {example}.")),
        );
        Faulted
    })
}

/// A value out of the outputs of another tool. Texts are not read as numbers, nor numbers as texts: the tool has types, too.
fn from_output(evaluator: &Evaluator, variable: &Variable, output: &Output, origin: &str) -> Read<Value> {
    let (name, wanted) = (&variable.name, type_name(variable.kind));
    let found = match output.value(&variable.at) {
        Some(value) => match check_type(&value, variable.kind) {
            Ok(()) => return Ok(value),
            Err(found) => found,
        },
        None => "a number that HCL does not have",
    };
    let summary = format!("the variable `{name}` is a {wanted}, the output `{name}` in {origin} is {found}");
    let help = format!("Give a {wanted}, or change its `type`.");
    Err(evaluator.faults.error(codes::VARIABLE_OF_OTHER_TYPE, &variable.at, summary, help))
}

/// An expression of plain literals; `None` for anything else.
fn literal(expression: &Expression, at: &At) -> Option<Kind> {
    Some(match expression {
        Expression::Null(_) => Kind::Null,
        Expression::Bool(flag) => Kind::Bool(*flag.value()),
        Expression::Number(number) => Kind::Number(*number.value()),
        Expression::String(text) => Kind::String(text.value().clone()),
        Expression::Array(items) => {
            Kind::List(items.iter().map(|i| literal(i, at).map(|k| Value::new(k, at.clone()))).collect::<Option<_>>()?)
        }
        Expression::Object(items) => {
            let mut map = IndexMap::new();
            for (key, value) in items {
                let key = match key {
                    hcl_edit::expr::ObjectKey::Ident(name) => name.as_str().to_owned(),
                    hcl_edit::expr::ObjectKey::Expression(inner) => inner.as_str()?.to_owned(),
                };
                map.insert(key, Value::new(literal(value.expr(), at)?, at.clone()));
            }
            Kind::Map(map)
        }
        _ => return None,
    })
}
