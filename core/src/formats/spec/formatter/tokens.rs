//! HCL text -> tokens that are pieces of it: put together with what is between them they are the text again. Strings,
//! templates and heredocs are one token each, whatever is in them; the parser says where they end. Knows no layout.

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{BlockLabel, Body};
use hcl_edit::visit::{self, Visit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Newline,
    /// With its marks; one that ends with its line is without the line's end.
    Comment,
    /// A string, a template or a heredoc.
    Text,
    /// An identifier or a number.
    Word,
    /// Brackets, signs and operators.
    Sign,
}

#[derive(Clone, Copy, Debug)]
pub struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// Something was written between the token before and this one.
    pub spaced: bool,
}

impl Token<'_> {
    pub fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub fn opens(&self) -> bool {
        ["{", "[", "("].iter().any(|sign| self.is(sign))
    }

    pub fn closes(&self) -> bool {
        ["}", "]", ")"].iter().any(|sign| self.is(sign))
    }

    /// Whether it goes on over lines: what follows it is not below what stood before it.
    pub fn has_lines(&self) -> bool {
        self.kind != Kind::Newline && self.text.contains('\n')
    }
}

/// The tokens of a text that the parser has read as `body`.
pub fn tokens<'t>(text: &'t str, body: &Body) -> Vec<Token<'t>> {
    let mut texts = Texts::default();
    texts.visit_body(body);
    let mut found = Vec::new();
    let (mut at, mut spaced) = (0, false);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = if let Some(end) = texts.0.get(&at).filter(|end| **end > at) {
            (Kind::Text, end - at)
        } else {
            let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
            let newline = ["\n", "\r\n"].iter().find(|newline| rest.starts_with(**newline));
            match newline {
                Some(newline) => (Kind::Newline, newline.len()),
                None if blanks > 0 => {
                    (at, spaced) = (at + blanks, true);
                    continue;
                }
                None => next(rest),
            }
        };
        let (kind, length) = length;
        let Some(piece) = rest.get(..length) else { break };
        found.push(Token { kind, text: piece, spaced });
        (at, spaced) = (at + length, false);
    }
    found
}

/// A carriage return that ends no line is one, too: the parser reads it so.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r')
}

/// The kind and the bytes of the token that a text begins with.
fn next(rest: &str) -> (Kind, usize) {
    const LONG: [&str; 9] = ["...", "=>", "==", "!=", "<=", ">=", "&&", "||", "::"];
    let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with('#') || rest.starts_with("//") {
        return (Kind::Comment, line.strip_suffix('\r').unwrap_or(line).len());
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    if first.is_ascii_digit() {
        return (Kind::Word, number(rest));
    }
    if first.is_alphabetic() || first == '_' {
        return (Kind::Word, rest.find(|c: char| !is_in_word(c)).unwrap_or(rest.len()));
    }
    let sign = LONG.iter().find(|sign| rest.starts_with(**sign));
    (Kind::Sign, sign.map_or(first.len_utf8(), |sign| sign.len()))
}

fn is_in_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-')
}

/// `12`, `1.5`, `1e-3`: the bytes of the number that a text begins with.
fn number(rest: &str) -> usize {
    let digits = |from: usize| {
        let rest = rest.get(from..).unwrap_or_default();
        rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let starts = |at: usize, with: &[char]| rest.get(at..).is_some_and(|rest| rest.starts_with(with));
    let mut end = digits(0);
    if starts(end, &['.']) && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if starts(end, &['e', 'E']) {
        let sign = usize::from(starts(end + 1, &['+', '-']));
        let exponent = digits(end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    end
}

/// Where strings, templates and heredocs begin and end; not those inside of others.
#[derive(Default)]
struct Texts(BTreeMap<usize, usize>);

impl Texts {
    fn note(&mut self, span: Option<Range<usize>>) {
        self.0.extend(span.map(|span| (span.start, span.end)));
    }
}

impl Visit for Texts {
    fn visit_block_label(&mut self, node: &BlockLabel) {
        if let BlockLabel::String(label) = node {
            self.note(label.span());
        }
    }

    fn visit_expr(&mut self, node: &Expression) {
        match node {
            Expression::String(text) => self.note(text.span()),
            Expression::StringTemplate(text) => self.note(text.span()),
            Expression::HeredocTemplate(text) => self.note(text.span()),
            _ => visit::visit_expr(self, node),
        }
    }
}
