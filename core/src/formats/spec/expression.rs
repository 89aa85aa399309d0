//! What expressions mean: literals, `var.x`, `local.y`, references to blocks, templates, lists, maps, functions.
//! Anything else is a fault with its reason and a fix. Knows no block's attributes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, Object, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Element, Template};
use indexmap::IndexMap;

use super::faults::{Faulted, Faults, Read, suggestion};
use super::functions;
use super::texts::At;
use super::value::{Kind, Value};
use crate::words::codes;
use crate::words::digest::Digest;

/// Blocks that can be referred to, with the number of words of their address.
pub(super) const ROOTS: &[(&str, usize)] =
    &[("source", 3), ("target", 3), ("runner", 3), ("migration", 2), ("peering", 2), ("provider", 2)];

/// The word that stands for the workspace in a backend.
const WORKSPACE: &str = "workspace";
/// The environment variable that names it.
pub const WORKSPACE_ENV: &str = "MIG_WORKSPACE";
/// The workspace where nobody names one.
pub(super) const DEFAULT_WORKSPACE: &str = "default";

/// What may stand in an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    /// No reference: defaults of variables and files of variables.
    Literals,
    /// Where the state is kept: also `workspace`.
    Backend,
}

/// Names whose declaration could not be read: a use of one is not a fault of its own.
#[derive(Default)]
pub(super) struct Unreadable {
    /// Kinds of blocks (`variable`, `locals`, `source`, …).
    pub kinds: BTreeSet<String>,
    /// Something was unreadable and could have been of any kind.
    pub anything: bool,
}

impl Unreadable {
    fn may_hold(&self, kind: &str) -> bool {
        self.anything || self.kinds.contains(kind)
    }
}

/// A local: its expression, evaluated when it is first asked for.
pub(super) struct Local {
    pub text: usize,
    pub expression: Expression,
    pub state: RefCell<LocalState>,
}

pub(super) enum LocalState {
    Unread,
    Reading,
    Read(Option<Value>),
}

/// A file that was read: its digest, and its text where it is UTF-8.
struct FileRead {
    digest: String,
    text: Option<String>,
    /// Its text is in a credential: no trace of it is kept, not even a digest.
    secret: bool,
}

pub(super) struct Evaluator<'a> {
    pub faults: &'a Faults,
    pub read_file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// `None`: declared, but its value is at fault; reported where that was found.
    pub variables: BTreeMap<String, Option<Value>>,
    pub locals: IndexMap<String, Local>,
    /// Addresses of blocks. `false`: not part of this version, which is reported at the block.
    pub blocks: BTreeMap<String, bool>,
    pub unreadable: Unreadable,
    /// Keys that stand twice, by text and offset.
    pub duplicates: Vec<BTreeSet<usize>>,
    /// The name of the workspace: that of [`WORKSPACE_ENV`], or [`DEFAULT_WORKSPACE`].
    pub workspace: String,
    /// Whether the backend asked for it.
    pub workspace_used: Cell<bool>,
    files: RefCell<BTreeMap<String, FileRead>>,
    /// How many locals are being read, one for another.
    depth: Cell<usize>,
}

/// As many locals may stand on each other: a chain longer than this would exhaust the stack, and no reader follows it.
const DEEPEST: usize = 64;

impl<'a> Evaluator<'a> {
    pub fn new(faults: &'a Faults, read_file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>) -> Self {
        Self {
            faults,
            read_file,
            variables: BTreeMap::new(),
            locals: IndexMap::new(),
            blocks: BTreeMap::new(),
            unreadable: Unreadable::default(),
            duplicates: Vec::new(),
            workspace: DEFAULT_WORKSPACE.to_owned(),
            workspace_used: Cell::new(false),
            files: RefCell::default(),
            depth: Cell::new(0),
        }
    }

    /// The value of an expression that stands in text number `text`.
    pub fn value(&self, text: usize, scope: Scope, expression: &Expression) -> Read<Value> {
        let at = At::new(text, expression.span().unwrap_or(0..0));
        match expression {
            Expression::Null(_) => Ok(Value::new(Kind::Null, at)),
            Expression::Bool(flag) => Ok(Value::new(Kind::Bool(*flag.value()), at)),
            Expression::Number(number) => Ok(Value::new(Kind::Number(*number.value()), at)),
            Expression::String(string) => Ok(Value::new(Kind::String(string.value().clone()), at)),
            Expression::Array(items) => {
                let items: Vec<Read<Value>> = items.iter().map(|item| self.value(text, scope, item)).collect();
                Ok(Value::new(Kind::List(items.into_iter().collect::<Read<_>>()?), at))
            }
            Expression::Object(object) => self.map(text, scope, object, at),
            Expression::StringTemplate(template) => self.template(text, scope, template, at),
            Expression::HeredocTemplate(heredoc) => self.template(text, scope, &heredoc.template, at),
            Expression::Parenthesis(inner) => self.value(text, scope, inner.inner()),
            Expression::Variable(name) if scope == Scope::Backend && name.as_str() == WORKSPACE => {
                self.workspace_used.set(true);
                Ok(Value::new(Kind::String(self.workspace.clone()), at))
            }
            Expression::Variable(name) => Err(self.bare_word(&at, name.as_str())),
            Expression::Traversal(traversal) => self.traversal(scope, traversal, at),
            Expression::FuncCall(call) => self.call(text, scope, call, at),
            Expression::Conditional(_) => Err(self.unsupported(
                &at,
                "a conditional (`a ? b : c`)",
                "Give the value by a variable; or pick the first that is set, with `coalesce(…)`.",
            )),
            Expression::UnaryOp(_) | Expression::BinaryOp(_) => Err(self.unsupported(
                &at,
                "an operator",
                "Write the value out, or join texts by a template: \"${var.a}-${var.b}\".",
            )),
            Expression::ForExpr(_) => {
                Err(self.unsupported(&at, "a `for` expression", "Write the elements out; `concat(…)` joins lists."))
            }
        }
    }

    /// The value of a local; its fault is reported once.
    pub fn local(&self, name: &str, at: &At) -> Read<Value> {
        let Some(local) = self.locals.get(name) else {
            if !self.unreadable.may_hold("locals") {
                let known: Vec<&str> = self.locals.keys().map(String::as_str).collect();
                let shown = self.faults.shown(at, name);
                let help = suggestion(name, "local", &known);
                self.faults.error(codes::UNKNOWN_LOCAL, at, format!("there is no local `{shown}`"), help);
            }
            return Err(Faulted);
        };
        match &*local.state.borrow() {
            LocalState::Read(value) => return value.clone().ok_or(Faulted),
            LocalState::Reading => return Err(self.cycle(name, at)),
            LocalState::Unread => {}
        }
        if self.depth.get() >= DEEPEST {
            let summary = format!("local.{name} is the end of a chain of more than {DEEPEST} locals");
            return Err(self.faults.error(codes::LOCALS_CYCLE, at, summary, "Write one of them as a value."));
        }
        local.state.replace(LocalState::Reading);
        self.depth.set(self.depth.get() + 1);
        let value = self.value(local.text, Scope::All, &local.expression);
        self.depth.set(self.depth.get() - 1);
        local.state.replace(LocalState::Read(value.as_ref().ok().cloned()));
        value
    }

    /// The bytes of a file beside the spec; remembered with its digest.
    pub fn file_text(&self, at: &At, path: &str) -> Read<String> {
        if !self.files.borrow().contains_key(path) {
            let bytes = (self.read_file)(path).map_err(|cause| {
                let shown = self.faults.shown(at, path);
                let cause = if shown == path { format!(": {cause}") } else { String::new() };
                self.faults.error(
                    codes::SPEC_FILE_UNREADABLE,
                    at,
                    format!("the file `{shown}` cannot be read{cause}"),
                    "Paths count from the folder of the spec.",
                )
            })?;
            let digest = Digest::of_bytes(&bytes).to_string();
            let read = FileRead { digest, text: String::from_utf8(bytes).ok(), secret: false };
            self.files.borrow_mut().insert(path.to_owned(), read);
        }
        self.files.borrow().get(path).and_then(|file| file.text.clone()).ok_or_else(|| {
            let shown = self.faults.shown(at, path);
            self.faults.error(
                codes::SPEC_FILE_UNREADABLE,
                at,
                format!("the file `{shown}` is not UTF-8 text"),
                "Give a text file.",
            )
        })
    }

    /// The text of these files is in a credential.
    pub fn mark_secret(&self, files: &BTreeSet<String>) {
        let mut known = self.files.borrow_mut();
        for path in files {
            if let Some(file) = known.get_mut(path) {
                file.secret = true;
            }
        }
    }

    /// The files read, by path, with their digests; without those that hold secrets.
    pub fn files_read(&self) -> BTreeMap<String, String> {
        let files = self.files.borrow();
        files.iter().filter(|(_, f)| !f.secret).map(|(path, f)| (path.clone(), f.digest.clone())).collect()
    }

    fn map(&self, text: usize, scope: Scope, object: &Object, at: At) -> Read<Value> {
        let mut items = IndexMap::new();
        let mut parts = Vec::new();
        let mut faulted = false;
        for (key, value) in object {
            let key_at = At::new(text, key.span().unwrap_or(0..0));
            if self.duplicates.get(text).is_some_and(|d| d.contains(&key_at.span.start)) {
                continue;
            }
            let name = match key {
                ObjectKey::Ident(name) => Ok(name.as_str().to_owned()),
                ObjectKey::Expression(expression) => self.value(text, scope, expression).and_then(|value| {
                    let name = value.as_text().ok_or_else(|| {
                        let help = "Write the key as a string.";
                        self.faults.error(
                            codes::WRONG_TYPE,
                            &key_at,
                            format!("a key is not text but {}", value.noun()),
                            help,
                        )
                    });
                    parts.push(value);
                    name
                }),
            };
            match (name, self.value(text, scope, value.expr())) {
                (Ok(name), Ok(mut value)) => {
                    value.key_at = Some(key_at.clone());
                    if items.insert(name.clone(), value).is_some() {
                        let shown = self.faults.shown(&key_at, &name);
                        let shown = if parts.iter().any(|p| p.sensitive) { "(sensitive)" } else { shown };
                        let summary = format!("the key `{shown}` is there twice in this map");
                        self.faults.error(codes::SET_TWICE, &key_at, summary, "Keep one of the two.");
                        faulted = true;
                    }
                }
                _ => faulted = true,
            }
        }
        if faulted { Err(Faulted) } else { Ok(Value::made_of(Kind::Map(items), at, &parts)) }
    }

    fn template(&self, text: usize, scope: Scope, template: &Template, at: At) -> Read<Value> {
        let elements: Vec<&Element> = template.iter().collect();
        // `"${x}"` alone is x itself, whatever its type.
        if let [Element::Interpolation(only)] = elements.as_slice() {
            return self.value(text, scope, &only.expr);
        }
        let mut joined = String::new();
        let mut parts = Vec::new();
        let mut faulted = false;
        let mut strip_next = false;
        for element in elements {
            match element {
                Element::Literal(literal) => {
                    let piece = literal.value().as_str();
                    joined.push_str(if strip_next { piece.trim_start() } else { piece });
                    strip_next = false;
                }
                Element::Interpolation(inner) => {
                    if inner.strip.strip_start() {
                        joined.truncate(joined.trim_end().len());
                    }
                    strip_next = inner.strip.strip_end();
                    match self.value(text, scope, &inner.expr) {
                        Ok(value) => {
                            match value.as_text() {
                                Some(piece) => joined.push_str(&piece),
                                None => {
                                    let at = At::new(text, inner.expr.span().unwrap_or(at.span.clone()));
                                    let summary = format!("{} cannot be inside a text", value.noun());
                                    let help = "A template takes strings, numbers and bools; \
                                                `join(…)` and `jsonencode(…)` make one of a list.";
                                    self.faults.error(codes::WRONG_TYPE, &at, summary, help);
                                    faulted = true;
                                }
                            }
                            parts.push(value);
                        }
                        Err(Faulted) => faulted = true,
                    }
                }
                Element::Directive(directive) => {
                    let at = At::new(text, directive.span().unwrap_or(at.span.clone()));
                    self.unsupported(
                        &at,
                        "a template directive (`%{ … }`)",
                        "Write the text out; a literal `%{` is written `%%{`.",
                    );
                    faulted = true;
                }
            }
        }
        if faulted { Err(Faulted) } else { Ok(Value::made_of(Kind::String(joined), at, &parts)) }
    }

    fn traversal(&self, scope: Scope, traversal: &Traversal, at: At) -> Read<Value> {
        let Some(root) = traversal.expr.as_variable().map(|root| root.as_str()) else {
            return Err(self.unsupported(&at, "looking into a value", "Put the part into a local of its own."));
        };
        let mut words = Vec::new();
        for operator in &traversal.operators {
            match operator.value() {
                TraversalOperator::GetAttr(name) => words.push(name.as_str()),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                    return Err(self.unsupported(&at, "a splat (`*`)", "Write the elements out."));
                }
                TraversalOperator::Index(_) | TraversalOperator::LegacyIndex(_) => {
                    return Err(self.unsupported(
                        &at,
                        "an index (`[…]`)",
                        "Give the element a variable or a local of its own.",
                    ));
                }
            }
        }
        if scope == Scope::Literals {
            return Err(self.no_reference(&at));
        }
        match (root, words.as_slice()) {
            ("var" | "local", [_, _, ..]) => {
                Err(self.unsupported(&at, "looking into a value", "Give the part a variable or a local of its own."))
            }
            ("var", [name]) => self.variable(name, at),
            ("local", [name]) => self.local(name, &at).map(|value| Value { at, ..value }),
            (_, words) => self.block(root, words, at),
        }
    }

    fn variable(&self, name: &str, at: At) -> Read<Value> {
        match self.variables.get(name) {
            Some(Some(value)) => Ok(Value { at, ..value.clone() }),
            Some(None) => Err(Faulted),
            None if self.unreadable.may_hold("variable") => Err(Faulted),
            None => {
                let known: Vec<&str> = self.variables.keys().map(String::as_str).collect();
                let shown = self.faults.shown(&at, name);
                let help = suggestion(name, "variable", &known);
                Err(self.faults.error(codes::UNDECLARED_VARIABLE, &at, format!("there is no variable `{shown}`"), help))
            }
        }
    }

    fn block(&self, root: &str, words: &[&str], at: At) -> Read<Value> {
        let Some((_, length)) = ROOTS.iter().find(|(name, _)| *name == root) else {
            return Err(self.bare_word(&at, root));
        };
        let address = format!("{root}.{}", words.join("."));
        if words.len() + 1 < *length {
            let form = if *length == 3 { format!("{root}.KIND.NAME") } else { format!("{root}.NAME") };
            let summary = format!("`{address}` is not a whole reference");
            return Err(self.faults.error(
                codes::UNKNOWN_REFERENCE,
                &at,
                summary,
                format!("A reference to this block is `{form}`."),
            ));
        }
        if words.len() + 1 > *length {
            let whole = words.get(..length - 1).unwrap_or(words).join(".");
            return Err(self.faults.error(
                codes::UNREADABLE_ATTRIBUTE,
                &at,
                format!("no attribute of a block can be read: `{address}`"),
                format!("Refer to the block as `{root}.{whole}`; put a value that two blocks share into a local."),
            ));
        }
        match self.blocks.get(&address) {
            Some(true) => Ok(Value::new(Kind::Block(address), at)),
            Some(false) => Err(Faulted),
            None if self.unreadable.may_hold(root) => Err(Faulted),
            None => {
                let known: Vec<&str> =
                    self.blocks.keys().filter(|k| k.starts_with(&format!("{root}."))).map(String::as_str).collect();
                let help = suggestion(&address, root, &known);
                Err(self.faults.error(codes::UNKNOWN_REFERENCE, &at, format!("there is no block `{address}`"), help))
            }
        }
    }

    fn call(&self, text: usize, scope: Scope, call: &FuncCall, at: At) -> Read<Value> {
        let name = call.name.name.as_str();
        let name_at = At::new(text, call.name.name.span().unwrap_or(at.span.clone()));
        let known = !call.name.is_namespaced() && functions::NAMES.contains(&name);
        if !known {
            let shown = self.faults.shown(&name_at, name);
            let help = suggestion(name, "function", functions::NAMES);
            self.faults.error(codes::UNKNOWN_FUNCTION, &name_at, format!("there is no function `{shown}`"), help);
        }
        if call.args.expand_final() {
            self.unsupported(&at, "`...` behind an argument", "Write the arguments out.");
        }
        let arguments: Vec<Read<Value>> = call.args.iter().map(|a| self.value(text, scope, a)).collect();
        let arguments = arguments.into_iter().collect::<Read<Vec<Value>>>()?;
        if !known || call.args.expand_final() {
            return Err(Faulted);
        }
        if name != "file" {
            let kind = functions::call(self.faults, name, &arguments, &at)?;
            return Ok(Value::made_of(kind, at, &arguments));
        }
        let path = functions::file_path(self.faults, &arguments, &at)?;
        let content = self.file_text(&at, path)?;
        let mut value = Value::made_of(Kind::String(content), at, &arguments);
        value.files.insert(path.to_owned());
        Ok(value)
    }

    fn cycle(&self, name: &str, at: &At) -> Faulted {
        // Those being read form the path; the order of their reading is found by following their references.
        let mut path = vec![name.to_owned()];
        let mut current = name;
        while let Some(next) = self.locals.get(current).and_then(|local| {
            let used = locals_in(&local.expression);
            self.locals.iter().find(|(other, local)| {
                used.contains(other.as_str()) && matches!(*local.state.borrow(), LocalState::Reading)
            })
        }) {
            current = next.0;
            let seen = path.iter().any(|p| p == current);
            path.push(current.to_owned());
            if seen {
                break;
            }
        }
        let path: Vec<String> = path.iter().map(|p| format!("local.{p}")).collect();
        self.faults.error(
            codes::LOCALS_CYCLE,
            at,
            format!("locals go in a circle: {}", path.join(" -> ")),
            "Write one of them as a value.",
        )
    }

    fn bare_word(&self, at: &At, word: &str) -> Faulted {
        let shown = self.faults.shown(at, word);
        if word == WORKSPACE {
            let help = "Only `backend` blocks know it: their `key` or `path`.";
            return self.faults.error(codes::UNKNOWN_REFERENCE, at, "`workspace` means nothing here", help);
        }
        let mut known = vec!["var", "local"];
        known.extend(ROOTS.iter().map(|(root, _)| *root));
        let help = match super::faults::nearest(word, known.iter().copied()) {
            Some(near) => format!("Did you mean `{near}.…`? A text is written in quotes."),
            None if shown == word => format!("A text is written in quotes: \"{word}\". A variable is `var.{word}`."),
            None => "A text is written in quotes. A variable is `var.NAME`.".into(),
        };
        self.faults.error(codes::UNKNOWN_REFERENCE, at, format!("`{shown}` means nothing here"), help)
    }

    fn no_reference(&self, at: &At) -> Faulted {
        self.faults.error(
            codes::UNSUPPORTED_EXPRESSION,
            at,
            "no reference can be here",
            "The value of a variable is written out; what is made of variables is a local.",
        )
    }

    fn unsupported(&self, at: &At, what: &str, fix: &str) -> Faulted {
        self.faults.push(
            crate::words::diag::Diagnostic::error(
                codes::UNSUPPORTED_EXPRESSION,
                format!("{what} is not part of the language of specs"),
            )
            .at(self.faults.place(at))
            .detail(
                "A spec is read by people before it moves their data: its values are written out, or put together \
                     from variables, locals, templates and a few functions.",
            )
            .help(fix),
        );
        Faulted
    }
}

/// The locals that an expression names.
fn locals_in(expression: &Expression) -> BTreeSet<String> {
    use hcl_edit::visit::{Visit, visit_traversal};
    struct Names(BTreeSet<String>);
    impl Visit for Names {
        fn visit_traversal(&mut self, node: &Traversal) {
            if node.expr.as_variable().is_some_and(|root| root.as_str() == "local")
                && let Some(TraversalOperator::GetAttr(name)) = node.operators.first().map(|o| o.value())
            {
                self.0.insert(name.as_str().to_owned());
            }
            visit_traversal(self, node);
        }
    }
    let mut names = Names(BTreeSet::new());
    names.visit_expr(expression);
    names.0
}
