//! The variables of a spec and where their values come from: `-var`, `-var-file`, `MIG_VAR_x`, the variable's own
//! `env`, its default. No message here holds a value that came from outside.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body, Structure};
use indexmap::IndexMap;

use super::expression::{Evaluator, Scope};
use super::faults::{Faulted, Read, suggestion};
use super::fields::{Fields, Schema};
use super::texts::At;
use super::value::{Kind, Value};
use super::{Inputs, Secrets};
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

const SCHEMA: Schema =
    Schema { attributes: &["type", "description", "default", "sensitive", "env"], blocks: &[], later: &[] };

struct Variable {
    name: String,
    at: At,
    kind: Type,
    sensitive: bool,
    env: Option<String>,
    default: Option<Value>,
}

/// Values of all variables; `None` for one whose value is at fault.
pub(super) fn values(
    evaluator: &Evaluator,
    blocks: &[(usize, &Block)],
    var_files: &[(usize, &Body)],
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
    let given = given(evaluator, &declared, &values, var_files, inputs);
    for (name, variable) in &declared {
        values.insert(name.clone(), settled(evaluator, variable, given.get(name), inputs).ok());
    }
    values
}

fn declaration(evaluator: &Evaluator, text: usize, block: &Block, name: &str) -> Read<Variable> {
    let fields = Fields::open(evaluator, text, block, &SCHEMA).scope(Scope::Literals);
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
    /// Given, and at fault; reported.
    Faulty,
}

fn given(
    evaluator: &Evaluator,
    declared: &IndexMap<String, Variable>,
    names: &BTreeMap<String, Option<Value>>,
    var_files: &[(usize, &Body)],
    inputs: &Inputs,
) -> BTreeMap<String, Given> {
    let faults = evaluator.faults;
    let known: Vec<&str> = names.keys().map(String::as_str).collect();
    let unreadable = evaluator.unreadable.anything || evaluator.unreadable.kinds.contains("variable");
    let mut given = BTreeMap::new();
    for (text, body) in var_files {
        for structure in body.iter() {
            let attribute = match structure {
                Structure::Attribute(attribute) => attribute,
                Structure::Block(block) => {
                    let at = At::new(*text, block.ident.span().unwrap_or(0..0));
                    let help = "A file of variables holds `name = value`, a line each.";
                    faults.error(codes::WRONG_SHAPE, &at, "a block is in a file of variables", help);
                    continue;
                }
            };
            let name = attribute.key.as_str();
            let at = At::new(*text, attribute.key.span().unwrap_or(0..0));
            if evaluator.duplicates.get(*text).is_some_and(|d| d.contains(&at.span.start)) {
                continue;
            }
            if !names.contains_key(name) {
                if !unreadable {
                    let help = suggestion(name, "variable", &known);
                    faults.error(
                        codes::VALUE_FOR_UNDECLARED_VARIABLE,
                        &at,
                        format!("no variable `{name}` is declared"),
                        help,
                    );
                }
                continue;
            }
            let value = evaluator.value(*text, Scope::Literals, &attribute.value);
            given.insert(name.to_owned(), value.map_or(Given::Faulty, Given::Value));
        }
    }
    for (name, text) in &inputs.vars {
        let subject = format!("-var {name}");
        match declared.get(name) {
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
                given.insert(name.clone(), Given::Faulty);
            }
            Some(_) => {
                given.insert(name.clone(), Given::Text(text.clone()));
            }
            None if names.contains_key(name) || unreadable => {}
            None => {
                let help = suggestion(name, "variable", &known);
                let summary = format!("no variable `{name}` is declared");
                faults.push(Diagnostic::error(codes::VALUE_FOR_UNDECLARED_VARIABLE, summary).about(subject).help(help));
            }
        }
    }
    given
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
