//! The attributes and nested blocks of one block, read by name and type. Reports what is unknown, missing, twice, of
//! the wrong type or out of range; knows no block's meaning.

use std::ops::{Range, RangeInclusive};

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Structure};
use indexmap::IndexMap;

use super::expression::{Evaluator, Scope};
use super::faults::{Faulted, Read, nearest, suggestion};
use super::schema::Schema;
use super::texts::At;
use super::units;
use super::value::{Kind, Value};
use crate::words::codes::{self, Code};
use crate::words::diag::{Diagnostic, Place};

/// A key and a value of a map of texts, with their places.
pub(super) struct Entry {
    pub key: String,
    pub text: String,
    pub key_at: At,
    pub at: At,
}

pub(super) struct Fields<'e> {
    evaluator: &'e Evaluator<'e>,
    text: usize,
    /// The block as messages name it: `source "mysql" "shop"`.
    title: String,
    header: At,
    attributes: IndexMap<&'e str, &'e Attribute>,
    blocks: Vec<&'e Block>,
    scope: Scope,
}

/// The first line of a block: its name and labels.
pub(super) fn header_of(block: &Block) -> Range<usize> {
    let start = block.ident.span().unwrap_or(0..0);
    let end = block.labels.last().and_then(Span::span).map_or(start.end, |label| label.end);
    start.start..end
}

/// A block as messages name it.
pub(super) fn title_of(block: &Block) -> String {
    let labels = block.labels.iter().map(|label| format!(" \"{}\"", label.as_str()));
    format!("{}{}", block.ident.as_str(), labels.collect::<String>())
}

impl<'e> Fields<'e> {
    /// Takes a block apart and reports everything in it that its schema does not know.
    pub fn open(evaluator: &'e Evaluator<'e>, text: usize, block: &'e Block, schema: &Schema) -> Self {
        let mut fields = Self {
            evaluator,
            text,
            title: title_of(block),
            header: At::new(text, header_of(block)),
            attributes: IndexMap::new(),
            blocks: Vec::new(),
            scope: Scope::All,
        };
        for structure in &block.body {
            match structure {
                Structure::Attribute(attribute) => fields.take_attribute(attribute, schema),
                Structure::Block(inner) => fields.take_block(inner, schema),
            }
        }
        fields
    }

    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub fn header(&self) -> At {
        self.header.clone()
    }

    pub fn place(&self) -> Place {
        self.evaluator.faults.place(&self.header)
    }

    pub fn at(&self, span: Option<Range<usize>>) -> At {
        span.map_or_else(|| self.header(), |span| At::new(self.text, span))
    }

    pub fn attribute(&self, name: &str) -> Option<&'e Attribute> {
        self.attributes.get(name).copied()
    }

    /// Where the value of an attribute stands; the block's header where it has none.
    pub fn value_at(&self, name: &str) -> At {
        self.at(self.attribute(name).and_then(|a| a.value.span()))
    }

    pub fn block(&self, name: &str) -> Option<&'e Block> {
        self.blocks(name).next()
    }

    pub fn blocks(&self, name: &str) -> impl Iterator<Item = &'e Block> {
        self.blocks.iter().copied().filter(move |b| b.has_ident(name))
    }

    /// A value that may be shown; `None` where the attribute is not set or null.
    pub fn value(&self, name: &str) -> Read<Option<Value>> {
        match self.credential(name)? {
            Some(value) if value.sensitive => Err(self.evaluator.faults.error(
                codes::SENSITIVE_EXPOSED,
                &self.value_at(name),
                format!("a sensitive value cannot be the `{name}` of {}", self.title),
                "Sensitive values go into `password` alone: everything else is shown in plans, states and logs.",
            )),
            value => Ok(value),
        }
    }

    /// A value that may be a secret.
    pub fn credential(&self, name: &str) -> Read<Option<Value>> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        let value = self.evaluator.value(self.text, self.scope, &attribute.value)?;
        Ok((!value.is_null()).then_some(value))
    }

    pub fn text(&self, name: &str) -> Read<Option<String>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        match value.kind {
            Kind::String(text) => Ok(Some(text)),
            _ => Err(self.wrong_type(name, "a string", &value)),
        }
    }

    /// A text that holds something, on one line.
    pub fn word(&self, name: &str) -> Read<Option<String>> {
        let text = self.text(name)?;
        match &text {
            Some(word) if word.trim().is_empty() => {
                let help = "Write a value, or leave the line out.";
                Err(self.wrong(name, codes::OUT_OF_RANGE, format!("`{name}` is empty"), help))
            }
            Some(word) if word.contains(|c: char| c.is_control()) || word.trim() != word => {
                let help = "`file(…)` keeps the line break at the end of a file.";
                Err(self.wrong(
                    name,
                    codes::OUT_OF_RANGE,
                    format!("`{name}` has blanks or line breaks around or in it"),
                    help,
                ))
            }
            _ => Ok(text),
        }
    }

    pub fn required_word(&self, name: &str) -> Read<String> {
        let word = self.word(name)?;
        word.ok_or_else(|| self.missing(name))
    }

    pub fn flag(&self, name: &str) -> Read<Option<bool>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        match value.kind {
            Kind::Bool(flag) => Ok(Some(flag)),
            _ => Err(self.wrong_type(name, "true or false", &value)),
        }
    }

    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Read<Option<u64>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let Kind::Number(number) = &value.kind else { return Err(self.wrong_type(name, "a number", &value)) };
        match number.as_u64().filter(|n| range.contains(n)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(
                name,
                codes::OUT_OF_RANGE,
                format!("`{name}` is out of range: {number}"),
                format!("Give a whole number from {} to {}.", range.start(), range.end()),
            )),
        }
    }

    pub fn threads(&self, name: &str, most: u32) -> Read<Option<u32>> {
        let number = self.number(name, 1..=u64::from(most))?;
        Ok(number.and_then(|n| u32::try_from(n).ok()))
    }

    pub fn size(&self, name: &str) -> Read<Option<u64>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        match &value.kind {
            Kind::String(text) => units::size(text)
                .map(Some)
                .map_err(|help| self.wrong(name, codes::BAD_SIZE, format!("`{name}` is not a size: \"{text}\""), help)),
            Kind::Number(number) => {
                let help = format!("A size is a text with a binary unit: \"{number}MiB\".");
                Err(self.wrong(name, codes::BAD_SIZE, format!("`{name}` is not a size: {number}"), help))
            }
            _ => Err(self.wrong_type(name, "a size like \"256MiB\"", &value)),
        }
    }

    pub fn duration(&self, name: &str) -> Read<Option<u64>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        match &value.kind {
            Kind::String(text) => units::duration(text).map(Some).map_err(|help| {
                self.wrong(name, codes::BAD_DURATION, format!("`{name}` is not a duration: \"{text}\""), help)
            }),
            _ => Err(self.wrong_type(name, "a duration like \"30s\"", &value)),
        }
    }

    /// Whether an attribute says `"auto"`; then its own type is not asked for.
    pub fn is_auto(&self, name: &str) -> Read<bool> {
        Ok(matches!(self.value(name)?, Some(Value { kind: Kind::String(text), .. }) if text == "auto"))
    }

    /// One of a few words; those of `later` are not part of this version.
    pub fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)], later: &[&str]) -> Read<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if let Some((_, chosen)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*chosen));
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let at = self.value_at(name);
        if later.contains(&text.as_str()) {
            return Err(not_yet(self.evaluator, &at, &format!("{name} = \"{text}\""), &known));
        }
        let shown = self.evaluator.faults.shown(&at, &text);
        let allowed = known.iter().map(|k| format!("\"{k}\"")).collect::<Vec<_>>().join(", ");
        let help = match nearest(&text, known.iter().copied()) {
            Some(near) => format!("Did you mean \"{near}\"? Allowed: {allowed}."),
            None => format!("Allowed: {allowed}."),
        };
        Err(self.wrong(name, codes::WORD_NOT_ALLOWED, format!("`{name}` cannot be \"{shown}\""), help))
    }

    /// A list of texts, each with its place.
    pub fn texts(&self, name: &str) -> Read<Option<Vec<(String, At)>>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let Kind::List(items) = value.kind else {
            return Err(self.wrong_type(name, "a list of strings", &value));
        };
        let texts: Vec<Read<(String, At)>> = items
            .into_iter()
            .map(|item| match item.kind {
                Kind::String(text) => Ok((text, item.at)),
                _ => {
                    let summary = format!("an element of `{name}` is {}, not a string", item.noun());
                    Err(self.evaluator.faults.error(
                        codes::WRONG_TYPE,
                        &item.at,
                        summary,
                        "Write each element in quotes.",
                    ))
                }
            })
            .collect();
        texts.into_iter().collect::<Read<_>>().map(Some)
    }

    /// A map of texts. Numbers and bools count as their text.
    pub fn text_map(&self, name: &str) -> Read<Option<Vec<Entry>>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let Kind::Map(items) = value.kind else {
            return Err(self.wrong_type(name, "a map of strings", &value));
        };
        let texts: Vec<Read<Entry>> = items
            .into_iter()
            .map(|(key, item)| match item.as_text() {
                Some(text) => Ok(Entry { key, text, key_at: item.key_at.unwrap_or(item.at.clone()), at: item.at }),
                None => {
                    let summary = format!("the value of `{key}` in `{name}` is {}, not a string", item.noun());
                    Err(self.evaluator.faults.error(codes::WRONG_TYPE, &item.at, summary, "Write the value in quotes."))
                }
            })
            .collect();
        texts.into_iter().collect::<Read<_>>().map(Some)
    }

    /// The address of a block of the kind `root`.
    pub fn reference(&self, name: &str, root: &str) -> Read<Option<String>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let help = format!("Write a reference without quotes: {name} = {root}.KIND.NAME.");
        match value.kind {
            Kind::Block(address) if address.split('.').next() == Some(root) => Ok(Some(address)),
            Kind::Block(address) => {
                let summary = format!("`{name}` must be a {root}, not `{address}`");
                Err(self.wrong(name, codes::WRONG_REFERENCE, summary, help))
            }
            _ => Err(self.wrong(
                name,
                codes::WRONG_REFERENCE,
                format!("`{name}` must be a reference to a {root} block, not {}", value.noun()),
                help,
            )),
        }
    }

    pub fn missing(&self, name: &str) -> Faulted {
        self.evaluator.faults.error(
            codes::MISSING,
            &self.header,
            format!("`{name}` is missing in {}", self.title),
            format!("Add a line `{name} = …` to the block."),
        )
    }

    /// Reports a fault at the value of an attribute.
    pub fn wrong(&self, name: &str, code: Code, summary: impl Into<String>, help: impl Into<String>) -> Faulted {
        self.evaluator.faults.error(code, &self.value_at(name), summary, help)
    }

    pub fn wrong_type(&self, name: &str, wanted: &str, found: &Value) -> Faulted {
        let help = match (&found.kind, self.attribute(name).map(|a| &a.value)) {
            (Kind::String(_), Some(Expression::String(text))) if wanted == "a number" || wanted == "true or false" => {
                let shown = self.evaluator.faults.shown(&found.at, text.as_str());
                format!("Leave the quotes out: {name} = {shown}.")
            }
            (Kind::Number(_) | Kind::Bool(_), _) if wanted == "a string" => "Write the value in quotes.".into(),
            (Kind::String(_), _) if wanted.starts_with("a list") => format!("Write it in brackets: {name} = [\"…\"]."),
            _ => format!("Give {wanted}."),
        };
        self.wrong(name, codes::WRONG_TYPE, format!("`{name}` must be {wanted}, not {}", found.noun()), help)
    }

    fn take_attribute(&mut self, attribute: &'e Attribute, schema: &Schema) {
        let name = attribute.key.as_str();
        let at = self.at(attribute.key.span());
        if self.evaluator.duplicates.get(self.text).is_some_and(|d| d.contains(&at.span.start)) {
            return;
        }
        let faults = self.evaluator.faults;
        if schema.attribute_names().any(|known| known == name) {
            self.attributes.insert(name, attribute);
        } else if schema.blocks.iter().any(|b| b.name == name) {
            let labels = schema.blocks.iter().find(|block| block.name == name).map_or(0, |block| block.labels);
            let example = if name == "rule" { codes::FULLTEXT.to_string() } else { "NAME".to_owned() };
            let label = format!(" \"{example}\"");
            let form = format!("{name}{}", label.repeat(labels));
            let help = format!("Write `{form} {{`, a line for each of its attributes, and `}}`.");
            faults.error(codes::WRONG_SHAPE, &at, format!("`{name}` is a block, not an attribute"), help);
        } else if schema.later.contains(&name) {
            // Setting it to its default is not a use of it.
            if !attribute.value.is_null() {
                not_yet(self.evaluator, &at, &format!("`{name}` in {}", self.title), &[]);
            }
        } else {
            let known: Vec<&str> = schema.attribute_names().chain(schema.block_names()).collect();
            let help = suggestion(name, "attribute", &known);
            faults.error(codes::UNKNOWN_ATTRIBUTE, &at, format!("{} has no attribute `{name}`", self.title), help);
        }
    }

    fn take_block(&mut self, block: &'e Block, schema: &Schema) {
        let name = block.ident.as_str();
        let at = self.at(block.ident.span());
        let faults = self.evaluator.faults;
        let Some(nested) = schema.blocks.iter().find(|b| b.name == name) else {
            if schema.attribute_names().any(|known| known == name) {
                let help = format!("Write `{name} = …`, for a map `{name} = {{ … }}`.");
                faults.error(codes::WRONG_SHAPE, &at, format!("`{name}` is an attribute, not a block"), help);
            } else if schema.later.contains(&name) {
                not_yet(self.evaluator, &at, &format!("`{name}` in {}", self.title), &[]);
            } else {
                let known: Vec<&str> = schema.block_names().chain(schema.attribute_names()).collect();
                let help = suggestion(name, "block", &known);
                faults.error(codes::UNKNOWN_BLOCK, &at, format!("{} has no block `{name}`", self.title), help);
            }
            return;
        };
        if block.labels.len() != nested.labels {
            let form = format!("{name}{}", " \"…\"".repeat(nested.labels));
            let summary = format!("`{name}` takes {} labels, not {}", nested.labels, block.labels.len());
            faults.error(codes::WRONG_SHAPE, &at, summary, format!("Write `{form} {{`."));
            return;
        }
        let twin = self.blocks.iter().find(|b| {
            b.has_ident(name)
                && (!nested.many || b.labels.iter().map(|l| l.as_str()).eq(block.labels.iter().map(|l| l.as_str())))
        });
        if twin.is_some() {
            let summary = format!("`{}` is there twice in {}", title_of(block), self.title);
            faults.error(codes::DUPLICATE_BLOCK, &at, summary, "Put everything into one of the two.");
            return;
        }
        self.blocks.push(block);
    }
}

/// Reports something of the language that this version does not have.
pub(super) fn not_yet(evaluator: &Evaluator, at: &At, what: &str, instead: &[&str]) -> Faulted {
    let help = if instead.is_empty() {
        "Leave it out, or use a version of mig that has it.".to_owned()
    } else {
        format!("This version has: {}.", instead.join(", "))
    };
    let diagnostic = Diagnostic::error(codes::NOT_IN_THIS_VERSION, format!("{what} is not part of this version"))
        .at(evaluator.faults.place(at))
        .detail(format!("This is mig {}. What you wrote is right, but not built yet.", env!("CARGO_PKG_VERSION")))
        .help(help);
    evaluator.faults.push(diagnostic);
    Faulted
}
