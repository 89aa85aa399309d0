//! HCL text -> bodies with spans, and all of its syntax errors. The parser stops at the first error, so a text with errors
//! is split at lines that begin with an identifier; each piece is read by itself, and what can be read is read.
//! Knows no block and no attribute by name.

use crate::words::codes::{self, Code};

use std::collections::BTreeSet;
use std::ops::Range;

use hcl_edit::parser::{Error, parse_body};
use hcl_edit::structure::Body;

/// What was read of one text. Spans count in the whole text.
#[derive(Default)]
pub(super) struct Parsed {
    pub bodies: Vec<Body>,
    pub faults: Vec<SyntaxFault>,
    /// Stretches that could not be read: whatever they declare is unknown.
    pub damaged: Vec<Range<usize>>,
    /// Offsets of keys that stand twice; reported already, never read.
    pub duplicates: BTreeSet<usize>,
}

pub(super) struct SyntaxFault {
    pub code: Code,
    pub span: Range<usize>,
    pub summary: String,
    pub detail: String,
    pub help: String,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if let Some(body) = parse_piece(text, 0..text.len(), &mut parsed, false) {
        parsed.bodies.push(body);
        return parsed;
    }
    for piece in pieces(text) {
        if let Some(body) = parse_piece(text, piece.clone(), &mut parsed, true) {
            parsed.bodies.push(body);
        } else {
            parsed.damaged.push(piece);
        }
    }
    if parsed.damaged.is_empty() {
        // Each piece reads well by itself, the whole does not: the fault is between them.
        whole_fault(text, &mut parsed);
    }
    parsed
}

/// Reads one piece, everything before it blank so that offsets count in the whole text.
fn parse_piece(text: &str, piece: Range<usize>, parsed: &mut Parsed, report: bool) -> Option<Body> {
    let mut readable = " ".repeat(piece.start);
    readable.push_str(text.get(piece.clone()).unwrap_or(""));
    let mut renamed = 0;
    loop {
        let error = match parse_body(&readable) {
            Ok(body) => return Some(body),
            Err(error) => error,
        };
        let offset = error.location().offset();
        if error.message().contains("found redefined")
            && let Some(key) = key_at(&readable, offset)
            && renamed < 1000
        {
            renamed += 1;
            let name = text.get(key.clone()).unwrap_or("").to_owned();
            let new = stand_in(key.len(), renamed);
            readable.replace_range(key.clone(), &new);
            if parsed.duplicates.insert(offset) {
                parsed.faults.push(SyntaxFault {
                    code: codes::SET_TWICE,
                    span: key,
                    summary: format!("`{name}` is set twice"),
                    detail: String::new(),
                    help: "Keep one of the two.".into(),
                });
            }
            continue;
        }
        if report {
            parsed.faults.push(fault(text, &piece, &error));
        }
        return None;
    }
}

/// Reports what the parser says of the whole text.
fn whole_fault(text: &str, parsed: &mut Parsed) {
    if let Err(error) = parse_body(text)
        && !error.message().contains("found redefined")
    {
        parsed.faults.push(fault(text, &(0..text.len()), &error));
    }
}

fn fault(text: &str, piece: &Range<usize>, error: &Error) -> SyntaxFault {
    let offset = error.location().offset().min(text.len());
    let whole = text.get(piece.clone()).unwrap_or("");
    let read_to_the_end = offset >= piece.start + whole.trim_end().len().saturating_sub(1);
    let unclosed = whole.matches('{').count() > whole.matches('}').count();
    if read_to_the_end && unclosed {
        let header = whole.lines().next().unwrap_or("").trim_end();
        return SyntaxFault {
            code: codes::NOT_HCL,
            span: piece.start..piece.start + header.len(),
            summary: "this block is never closed".into(),
            detail: "The text, or the next block, begins before the closing brace.".into(),
            help: "Add a `}` on a line of its own where the block ends.".into(),
        };
    }
    let (line_start, line) = line_around(text, offset);
    // The parser gives up at the key, or behind the letter; what is wrong is the quote, or the backslash.
    let escape = error.message().contains("escape sequence").then(|| text.get(..offset)?.rfind('\\')).flatten();
    let offset = escape.or(open_quote(line).map(|quote| line_start + quote)).unwrap_or(offset);
    let next = text.get(offset..).and_then(|rest| rest.chars().next());
    SyntaxFault {
        code: codes::NOT_HCL,
        span: offset..offset + next.map_or(0, char::len_utf8),
        summary: "this cannot be read as HCL".into(),
        detail: format!("The parser says: {}.", error.message()),
        help: help(line),
    }
}

/// What most likely went wrong in the line of a fault.
fn help(line: &str) -> String {
    if line.matches('=').count() > 1 && line.contains('{') && !line.contains('[') {
        "A block on one line holds one attribute: give each attribute a line of its own.".into()
    } else if open_quote(line).is_some() {
        "A quote is opened in this line and never closed.".into()
    } else if line.contains('\'') && !line.contains('"') {
        "HCL knows only double quotes.".into()
    } else if line.contains('\\') {
        "A backslash in a string is written twice: \"…\\\\.…\".".into()
    } else {
        "Write `name = value`, or a block `name \"label\" { … }`, each on lines of its own.".into()
    }
}

/// The line of an offset, and where it begins.
fn line_around(text: &str, offset: usize) -> (usize, &str) {
    let start = text.get(..offset).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    (start, text.get(start..).and_then(|t| t.lines().next()).unwrap_or(""))
}

/// Where in a line a quote is opened that nothing in the line closes.
fn open_quote(line: &str) -> Option<usize> {
    let mut open = None;
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        if letter == '"' && !escaped {
            open = if open.is_some() { None } else { Some(at) };
        }
        escaped = letter == '\\' && !escaped;
    }
    open
}

/// Cuts a text at the lines that begin, unindented, with a word; not inside comments and heredocs.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![0];
    let mut offset = 0;
    let mut heredoc: Option<&str> = None;
    let mut comment = false;
    for line in text.split_inclusive('\n') {
        let inside = heredoc.is_some() || comment;
        if let Some(end) = heredoc {
            if line.trim() == end {
                heredoc = None;
            }
        } else if comment {
            comment = !line.contains("*/");
        } else {
            if line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !inside && offset > 0 {
                starts.push(offset);
            }
            heredoc = line
                .split_once("<<")
                .map(|(_, rest)| rest.trim_start_matches('-').trim())
                .filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            comment = line.rsplit_once("/*").is_some_and(|(_, rest)| !rest.contains("*/"));
        }
        offset += line.len();
    }
    // A heredoc that never ends would swallow the rest of the text: then the cut is made without regard to them.
    if heredoc.is_some() || comment {
        starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .filter(|&at| {
                at == 0 || text.get(at..).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            })
            .collect();
    }
    starts.push(text.len());
    starts.windows(2).filter_map(|pair| Some(*pair.first()?..*pair.get(1)?)).filter(|r| !r.is_empty()).collect()
}

/// The stretch of the key that begins at `offset`: a word, or the inside of a quoted string.
fn key_at(text: &str, offset: usize) -> Option<Range<usize>> {
    let rest = text.get(offset..)?;
    if let Some(inside) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = inside.find(|c: char| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })?;
        return (end > 0).then_some(offset + 1..offset + 1 + end);
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    (end > 0).then_some(offset..offset + end)
}

/// A word of so many bytes that no spec holds: the duplicate takes it, so that reading can go on.
fn stand_in(bytes: usize, number: usize) -> String {
    let digits: String = number.to_string().bytes().map(|b| char::from(b'g' + (b - b'0'))).collect();
    if digits.len() >= bytes { digits.chars().take(bytes).collect() } else { format!("{digits:_<bytes$}") }
}
