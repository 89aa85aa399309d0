//! Which stretches of a spec's text may hold a secret and so are never shown. Goes by names and by what flows where,
//! before anything is evaluated, and errs towards blanking: a misspelt `passwrd` is one, too.

use std::collections::BTreeSet;
use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::Element;
use hcl_edit::visit::{self, Visit};

use super::syntax::Parsed;

/// The attribute that takes a sensitive value.
pub(super) const PASSWORD: &str = "password";

/// Words that name secrets, wherever they stand in a name.
const WORDS: &[&str] = &["passw", "passphrase", "pwd", "secret", "token", "credential"];

/// Whether a name says that its value is a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word)) || strsim::osa_distance(&name, PASSWORD) <= 2
}

/// The stretches to blank in each text.
pub(super) fn stretches(texts: &[(&str, &Parsed)]) -> Vec<Vec<Range<usize>>> {
    let mut flows = Flows::default();
    // What flows into a secret through locals is known only after a round; names only ever come in, so it ends.
    loop {
        let before = flows.names.len();
        for body in texts.iter().flat_map(|(_, parsed)| &parsed.bodies) {
            flows.visit_body(body);
        }
        if flows.names.len() == before {
            break;
        }
    }
    let mut all = Vec::new();
    for (text, parsed) in texts {
        let mut stretches = Stretches { names: &flows.names, duplicates: &parsed.duplicates, found: Vec::new() };
        for body in &parsed.bodies {
            stretches.top(body);
        }
        for region in parsed.damaged.iter().filter(|region| speaks_of_secrets(text, region, &flows.names)) {
            damaged(text, region, &mut stretches.found);
        }
        all.push(stretches.found);
    }
    all
}

/// The environment variables of the sensitive variables in a body.
pub(super) fn environment(body: &Body) -> Vec<String> {
    let mut names = Vec::new();
    for block in body.blocks().filter(|block| block.has_ident("variable") && is_declared_sensitive(block)) {
        names.extend(block.labels.first().map(|label| format!("MIG_VAR_{}", label.as_str())));
        let env = block.body.get_attribute("env").and_then(|env| env.value.as_str());
        names.extend(env.map(str::to_owned));
    }
    names
}

fn is_declared_sensitive(variable: &Block) -> bool {
    variable.body.attributes().any(|a| {
        (a.has_key("sensitive") || strsim::osa_distance(a.key.as_str(), "sensitive") <= 2)
            && a.value.as_bool() != Some(false)
    })
}

/// Every value of a file of variables: such a name may be misspelt, so none of its values is shown.
pub(super) fn all_values(text: &str, parsed: &Parsed) -> Vec<Range<usize>> {
    let attributes = parsed.bodies.iter().flat_map(Body::attributes);
    let mut found: Vec<_> = attributes.filter_map(|a| a.value.span()).collect();
    for region in &parsed.damaged {
        damaged(text, region, &mut found);
    }
    found
}

/// The values in a text that may be a spec's and may be a file of variables.
pub(super) fn values_outside_blocks(text: &str, parsed: &Parsed) -> Vec<Range<usize>> {
    let attributes = parsed.bodies.iter().flat_map(Body::attributes);
    let mut found: Vec<_> = attributes.filter_map(|a| a.value.span()).collect();
    let in_block =
        |region: &Range<usize>| text.get(region.clone()).and_then(|t| t.lines().next()).is_some_and(is_header);
    for region in parsed.damaged.iter().filter(|region| !in_block(region)) {
        damaged(text, region, &mut found);
    }
    found
}

/// Where the keys of a body's attributes and the words of its blocks stand.
pub(super) fn beginnings(body: &Body) -> Vec<Range<usize>> {
    let beginning = |structure: &Structure| match structure {
        Structure::Attribute(attribute) => attribute.key.span(),
        Structure::Block(block) => block.ident.span(),
    };
    body.iter().filter_map(beginning).collect()
}

/// Names (`var.x`, `local.y`) whose value flows into a secret.
#[derive(Default)]
struct Flows {
    names: BTreeSet<String>,
    inside: usize,
}

impl Flows {
    fn within(&mut self, secret: bool, visit: impl FnOnce(&mut Self)) {
        self.inside += usize::from(secret);
        visit(self);
        self.inside -= usize::from(secret);
    }
}

impl Visit for Flows {
    fn visit_block(&mut self, node: &Block) {
        if node.has_ident("locals") {
            for attribute in node.body.attributes() {
                let key = attribute.key.as_str();
                let secret = names_a_secret(key) || self.names.contains(&format!("local.{key}"));
                self.within(secret, |flows| flows.visit_expr(&attribute.value));
            }
        } else {
            visit::visit_block(self, node);
        }
    }

    fn visit_attr(&mut self, node: &hcl_edit::structure::Attribute) {
        self.within(names_a_secret(node.key.as_str()), |flows| flows.visit_expr(&node.value));
    }

    fn visit_expr(&mut self, node: &Expression) {
        if self.inside > 0
            && let Some(name) = reference(node)
        {
            self.names.insert(name);
        }
        visit::visit_expr(self, node);
    }
}

/// `var.x` or `local.y`, where the expression is one.
fn reference(expression: &Expression) -> Option<String> {
    let traversal = expression.as_traversal()?;
    let root = traversal.expr.as_variable()?;
    let TraversalOperator::GetAttr(name) = traversal.operators.first()?.value() else { return None };
    matches!(root.as_str(), "var" | "local").then(|| format!("{root}.{}", name.as_str()))
}

struct Stretches<'a> {
    names: &'a BTreeSet<String>,
    /// Where keys stand that stand twice: they were renamed on the way, so that their names tell nothing.
    duplicates: &'a BTreeSet<usize>,
    found: Vec<Range<usize>>,
}

impl Stretches<'_> {
    fn top(&mut self, body: &Body) {
        for structure in body {
            match structure {
                Structure::Attribute(a) => self.attribute(a.key.as_str(), a.key.span(), &a.value),
                Structure::Block(block) if block.has_ident("variable") => {
                    let name = block.labels.first().map_or("", |label| label.as_str());
                    let secret = is_declared_sensitive(block)
                        || names_a_secret(name)
                        || self.names.contains(&format!("var.{name}"));
                    for attribute in block.body.attributes() {
                        // All but what is known to hold none: the default may stand under a misspelt name.
                        let plain = matches!(attribute.key.as_str(), "type" | "sensitive" | "env" | "description");
                        if secret && !plain {
                            self.blank(&attribute.value);
                        }
                    }
                }
                Structure::Block(block) if block.has_ident("locals") => {
                    for attribute in block.body.attributes() {
                        if self.names.contains(&format!("local.{}", attribute.key.as_str())) {
                            self.blank(&attribute.value);
                        } else {
                            self.attribute(attribute.key.as_str(), attribute.key.span(), &attribute.value);
                        }
                    }
                }
                Structure::Block(block) => self.top(&block.body),
            }
        }
    }

    fn attribute(&mut self, name: &str, key: Option<Range<usize>>, value: &Expression) {
        if names_a_secret(name) || key.is_some_and(|key| self.duplicates.contains(&key.start)) {
            self.blank(value);
        } else {
            self.inner(value);
        }
    }

    /// Secrets by name inside a map, at any depth.
    fn inner(&mut self, value: &Expression) {
        match value {
            Expression::Object(object) => {
                for (key, value) in object {
                    let name = match key {
                        ObjectKey::Ident(name) => name.as_str(),
                        ObjectKey::Expression(Expression::String(name)) => name.as_str(),
                        ObjectKey::Expression(_) => "",
                    };
                    self.attribute(name, key.span(), value.expr());
                }
            }
            Expression::Array(array) => array.iter().for_each(|item| self.inner(item)),
            Expression::FuncCall(call) => call.args.iter().for_each(|item| self.inner(item)),
            Expression::Parenthesis(inner) => self.inner(inner.inner()),
            _ => {}
        }
    }

    fn blank(&mut self, value: &Expression) {
        if !says_only_where(value)
            && let Some(span) = value.span()
        {
            self.found.push(span);
        }
    }
}

/// Whether an expression tells where a secret is and nothing of the secret: showing it helps and hurts nobody.
fn says_only_where(value: &Expression) -> bool {
    match value {
        Expression::Null(_) => true,
        Expression::Traversal(_) => reference(value).is_some(),
        Expression::FuncCall(call) => call.name.name.as_str() == "file" && !call.name.is_namespaced(),
        Expression::StringTemplate(template) => template.iter().all(|element| match element {
            Element::Interpolation(inner) => says_only_where(&inner.expr),
            Element::Literal(_) | Element::Directive(_) => false,
        }),
        Expression::Parenthesis(inner) => says_only_where(inner.inner()),
        _ => false,
    }
}

/// Whether a region that could not be parsed speaks of secrets, it or the block that it stands in.
fn speaks_of_secrets(text: &str, region: &Range<usize>, names: &BTreeSet<String>) -> bool {
    let block = text.get(block_around(text, region)).unwrap_or("");
    let mut words = block.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    words.any(|word| {
        names_a_secret(word)
            || strsim::osa_distance(word, "sensitive") <= 2
            || names.contains(&format!("var.{word}"))
            || names.contains(&format!("local.{word}"))
    })
}

/// A region, and the rest of the block where it is a part of one: a text is cut at every word that is not indented.
fn block_around(text: &str, region: &Range<usize>) -> Range<usize> {
    let is_open = |range: Range<usize>| {
        let text = text.get(range).unwrap_or("");
        text.matches('{').count() > text.matches('}').count()
    };
    let headers: Vec<usize> = lines(text, 0).filter(|(_, line)| is_header(line)).map(|(at, _)| at).collect();
    let opened = headers.iter().rev().find(|at| **at <= region.start && is_open(**at..region.start));
    let start = opened.map_or(region.start, |at| *at);
    let next = headers.iter().find(|at| **at >= region.end).map_or(text.len(), |at| *at);
    start..if is_open(start..region.end) { next } else { region.end }
}

/// The lines from an offset on, which is the start of one, with their offsets.
fn lines(text: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    text.get(from..).unwrap_or("").split_inclusive('\n').scan(from, |next, line| {
        let at = *next;
        *next += line.len();
        Some((at, line))
    })
}

/// Whether a line begins a block that is in no other one.
fn is_header(line: &str) -> bool {
    let words = line.trim_end().strip_suffix('{').unwrap_or("");
    let first = words.split([' ', '"']).next().unwrap_or("");
    is_name(first) && words.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-\".".contains(&b))
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a line is sure to be `name = value`, and not the end of a text in Base64.
fn is_attribute(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, value)| {
        let has_value = !value.trim().is_empty() && !value.starts_with('=');
        is_name(name.trim()) && (has_value || value.trim().is_empty() && name.ends_with(' '))
    })
}

/// The word that ends the heredoc which a line begins.
fn heredoc(line: &str) -> Option<&str> {
    let word = line.split_once("<<")?.1.trim_start_matches('-').trim();
    is_name(word).then_some(word)
}

/// Whether a quote of a line is left open.
fn leaves_a_quote_open(line: &str) -> bool {
    let (mut open, mut escaped) = (false, false);
    for letter in line.chars() {
        open ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    open
}

/// Blanks a region that could not be parsed, and what follows while it may go on with a secret of the region: a heredoc or a
/// string that nothing closed is cut into regions of its own.
fn damaged(text: &str, region: &Range<usize>, found: &mut Vec<Range<usize>>) {
    let (mut ends, mut quoted) = (None, false);
    let mut blank = |at: usize, line: &str, shown: usize| {
        let content = line.trim_end();
        if shown < content.len() {
            found.push(at + shown..at + content.len());
        }
    };
    for (at, line) in lines(text, region.start) {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        if let Some(end) = ends {
            if content.trim() == end {
                (ends, quoted) = (None, false);
            } else {
                blank(at, line, indent);
            }
            continue;
        }
        if at >= region.end {
            if is_header(line) || !quoted && is_attribute(line) {
                return;
            }
            blank(at, line, indent);
            if quoted && leaves_a_quote_open(line) {
                return;
            }
            continue;
        }
        let shown = match content.split_once('=') {
            Some((name, _)) if is_attribute(line) => name.len() + 1,
            None if content.ends_with('{') || content.trim() == "}" => content.len(),
            _ => indent,
        };
        blank(at, line, shown);
        ends = heredoc(line);
        quoted |= leaves_a_quote_open(line);
    }
}
