//! The blocks at the top of a spec: which there are, which are known, which stand twice, what each is called.
//! Looks at no attribute.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::structure::{Block, Body, Structure};
use indexmap::IndexMap;

use super::expression::{Evaluator, Local, LocalState};
use super::faults::{Faults, suggestion};
use super::fields::{header_of, not_yet, title_of};
use super::texts::At;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// A kind of block at the top.
struct Top {
    name: &'static str,
    /// What its labels are called.
    labels: &'static [&'static str],
    /// For a block with a kind and a name: the kinds of this version, and those of later ones.
    kinds: &'static [&'static str],
    later: &'static [&'static str],
}

const TOPS: &[Top] = &[
    Top { name: "mig", labels: &[], kinds: &[], later: &[] },
    Top { name: "variable", labels: &["NAME"], kinds: &[], later: &[] },
    Top { name: "locals", labels: &[], kinds: &[], later: &[] },
    Top { name: "source", labels: &["KIND", "NAME"], kinds: &["aurora", "mysql"], later: &[] },
    Top { name: "target", labels: &["KIND", "NAME"], kinds: &["mysql", "tidb"], later: &[] },
    Top { name: "runner", labels: &["KIND", "NAME"], kinds: &["local", "ssh", "ec2"], later: &[] },
    Top { name: "migration", labels: &["NAME"], kinds: &[], later: &[] },
    Top { name: "provider", labels: &["KIND"], kinds: &["aws"], later: &[] },
    Top { name: "peering", labels: &["KIND"], kinds: &["tidb_cloud"], later: &[] },
    Top { name: "moved", labels: &[], kinds: &[], later: &[] },
    Top { name: "removed", labels: &[], kinds: &[], later: &[] },
];

/// Blocks without a name, of which a spec may have any number.
const MANY: [&str; 3] = ["locals", "moved", "removed"];

/// A block and the number of the text it stands in.
pub(super) type Found<'b> = (usize, &'b Block);

#[derive(Default)]
pub(super) struct Blocks<'b> {
    pub settings: Option<Found<'b>>,
    pub variables: Vec<Found<'b>>,
    pub sources: Vec<Found<'b>>,
    pub targets: Vec<Found<'b>>,
    pub runners: Vec<Found<'b>>,
    pub migrations: Vec<Found<'b>>,
    pub providers: Vec<Found<'b>>,
    pub peerings: Vec<Found<'b>>,
    pub moved: Vec<Found<'b>>,
    pub removed: Vec<Found<'b>>,
    locals: Vec<Found<'b>>,
    /// Addresses; `false`: not part of this version.
    addresses: BTreeMap<String, bool>,
    places: BTreeMap<String, At>,
}

impl<'b> Blocks<'b> {
    /// Sorts the blocks of all texts and reports those that cannot be.
    pub fn sort(evaluator: &Evaluator, bodies: impl Iterator<Item = (usize, &'b Body)>) -> Self {
        let mut blocks = Self::default();
        for (text, body) in bodies {
            for structure in body {
                match structure {
                    Structure::Block(block) => blocks.take(evaluator, text, block),
                    Structure::Attribute(attribute) => {
                        let name = attribute.key.as_str();
                        let at = At::new(text, attribute.key.span().unwrap_or(0..0));
                        let duplicates = evaluator.duplicates.get(text);
                        if !duplicates.is_some_and(|d| d.contains(&at.span.start)) {
                            let help = "A value of your own is a local: locals { … }. Values of variables are in \
                                        files given by -var-file.";
                            let summary = format!("the attribute `{name}` is outside of any block");
                            evaluator.faults.error(codes::WRONG_SHAPE, &at, summary, help);
                        }
                    }
                }
            }
        }
        blocks
    }

    pub fn addresses(&self) -> BTreeMap<String, bool> {
        self.addresses.clone()
    }

    /// The locals of all `locals` blocks; one that is there twice is reported.
    pub fn locals(&self, faults: &Faults, duplicates: &[std::collections::BTreeSet<usize>]) -> IndexMap<String, Local> {
        let mut locals: IndexMap<String, Local> = IndexMap::new();
        for (text, block) in &self.locals {
            for structure in &block.body {
                let attribute = match structure {
                    Structure::Attribute(attribute) => attribute,
                    Structure::Block(inner) => {
                        let at = At::new(*text, inner.ident.span().unwrap_or(0..0));
                        let help = format!("Write `{} = {{ … }}`.", inner.ident.as_str());
                        faults.error(codes::WRONG_SHAPE, &at, "a block is in `locals`", help);
                        continue;
                    }
                };
                let name = attribute.key.as_str();
                let at = At::new(*text, attribute.key.span().unwrap_or(0..0));
                if duplicates.get(*text).is_some_and(|d| d.contains(&at.span.start)) {
                    continue;
                }
                if locals.contains_key(name) {
                    faults.error(
                        codes::SET_TWICE,
                        &at,
                        format!("the local `{name}` is set twice"),
                        "Keep one of the two.",
                    );
                    continue;
                }
                let local = Local {
                    text: *text,
                    expression: attribute.value.clone(),
                    state: std::cell::RefCell::new(LocalState::Unread),
                };
                locals.insert(name.to_owned(), local);
            }
        }
        locals
    }

    fn take(&mut self, evaluator: &Evaluator, text: usize, block: &'b Block) {
        let Some(address) = self.sound_address(evaluator, text, block) else { return };
        let name = block.ident.as_str();
        if !MANY.contains(&name) {
            let faults = evaluator.faults;
            let here = At::new(text, header_of(block));
            if let Some(first) = self.places.get(&address) {
                let first = faults.place(first);
                let diagnostic =
                    Diagnostic::error(codes::DUPLICATE_BLOCK, format!("{} is declared twice", title_of(block)))
                        .at(faults.place(&here))
                        .detail(format!("The first is at {}:{}:{}.", first.file, first.line, first.column))
                        .help("Rename one of the two, or put everything into one.");
                faults.push(diagnostic);
                return;
            }
            self.places.insert(address.clone(), here);
        }
        let found = (text, block);
        match name {
            "mig" => self.settings = Some(found),
            "locals" => self.locals.push(found),
            "variable" => self.variables.push(found),
            "source" => self.sources.push(found),
            "target" => self.targets.push(found),
            "runner" => self.runners.push(found),
            "provider" => self.providers.push(found),
            "peering" => self.peerings.push(found),
            "moved" => self.moved.push(found),
            "removed" => self.removed.push(found),
            _ => self.migrations.push(found),
        }
        if !matches!(name, "mig" | "variable") && !MANY.contains(&name) {
            self.addresses.insert(address, true);
        }
    }

    /// The block's address, where its labels are what the language knows; else the fault is reported.
    fn sound_address(&mut self, evaluator: &Evaluator, text: usize, block: &Block) -> Option<String> {
        let faults = evaluator.faults;
        let name = block.ident.as_str();
        let at = At::new(text, block.ident.span().unwrap_or(0..0));
        let Some(top) = TOPS.iter().find(|top| top.name == name) else {
            let known: Vec<&str> =
                TOPS.iter().filter(|t| t.later.is_empty() || !t.kinds.is_empty()).map(|t| t.name).collect();
            faults.error(
                codes::UNKNOWN_BLOCK,
                &at,
                format!("unknown block `{name}`"),
                suggestion(name, "block", &known),
            );
            return None;
        };
        if block.labels.len() != top.labels.len() {
            let form = top.labels.iter().map(|l| format!(" \"{l}\"")).collect::<String>();
            let summary = format!("`{name}` takes {} labels, not {}", top.labels.len(), block.labels.len());
            faults.error(
                codes::WRONG_SHAPE,
                &At::new(text, header_of(block)),
                summary,
                format!("Write `{name}{form} {{`."),
            );
            return None;
        }
        let label_at = |n: usize| At::new(text, block.labels.get(n).and_then(Span::span).unwrap_or(at.span.clone()));
        let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
        let address = std::iter::once(name).chain(labels.iter().copied()).collect::<Vec<_>>().join(".");
        let has_kinds = top.labels.first() == Some(&"KIND");
        if has_kinds {
            let kind = labels.first().copied().unwrap_or("");
            if top.later.contains(&kind) {
                let instead: Vec<String> = top.kinds.iter().map(|k| format!("{name} \"{k}\"")).collect();
                let instead: Vec<&str> = instead.iter().map(String::as_str).collect();
                not_yet(evaluator, &At::new(text, header_of(block)), &format!("{name} \"{kind}\""), &instead);
                self.addresses.insert(address, false);
                return None;
            }
            if !top.kinds.contains(&kind) {
                let known: Vec<&str> = top.kinds.iter().chain(top.later).copied().collect();
                let summary = format!("unknown block `{name} \"{kind}\"`");
                faults.error(codes::UNKNOWN_BLOCK, &label_at(0), summary, suggestion(kind, name, &known));
                self.addresses.insert(address, false);
                return None;
            }
        }
        if let Some(last) = labels.last()
            && !is_name(last)
        {
            let help = "A name begins with a letter or `_` and goes on with letters, digits, `_` and `-` (ASCII).";
            faults.error(codes::BAD_NAME, &label_at(labels.len() - 1), format!("\"{last}\" cannot be a name"), help);
            self.addresses.insert(address, false);
            return None;
        }
        Some(address)
    }
}

/// Whether a text can name a block: what an address takes as a word and an expression as a name.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
