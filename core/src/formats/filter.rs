//! Table filters: the rules that TiDB's tools share (Dumpling, Lightning, BR), which say which tables are meant.
//!
//! Knows rules and names. Does not know which schemas a server keeps for itself beyond their names, reads no file (the
//! caller hands in what an `@file` rule names) and never asks a server.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::words::addr::{TableName, folded};

/// Schemas that a server keeps for itself. Filters of TiDB's tools leave them out unless they are asked for by name;
/// `mig` never moves them.
const SYSTEM_SCHEMAS: [&str; 6] =
    ["mysql", "sys", "information_schema", "performance_schema", "metrics_schema", "inspection_schema"];

/// Whether a schema belongs to the server and not to its users; case does not matter.
pub fn is_system_schema(name: &str) -> bool {
    SYSTEM_SCHEMAS.iter().any(|system| system.eq_ignore_ascii_case(name))
}

/// The rules, ready to be asked. Case of names and rules does not matter, as it does not for TiDB.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Vec<Rule>,
}

/// A rule that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFault {
    /// The place in the list that was handed in, from 0.
    pub rule_index: usize,
    /// What is wrong with it: a fragment.
    pub message: String,
    /// What to write instead: a sentence.
    pub help: String,
}

/// A rule that meets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet<'a> {
    /// Its text.
    pub rule: &'a str,
    /// Whether it takes what it fits; else it leaves that out.
    pub accepts: bool,
    pub missing: Missing,
}

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The schema that the rule names, in lower case.
    Schema(String),
    /// A table or view of the name that the rule gives.
    Name,
    /// Anything that the rule's patterns fit.
    All,
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilterFault {}

impl Filter {
    /// Reads rules in which none names a file.
    pub fn parse(rules: &[String]) -> Result<Self, FilterFault> {
        Self::parse_with_files(rules, &mut |file| Err(format!("no file can be read here, not even {file:?}")))
    }

    /// Reads rules; `read` gives the text of a file that an `@file` rule names, or says why it cannot.
    pub fn parse_with_files(
        rules: &[String],
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, FilterFault> {
        let mut filter = Self::default();
        for (index, text) in rules.iter().enumerate() {
            match trimmed(text).strip_prefix('@') {
                None => filter.add(index, text).map_err(|fault| fault.of_rule(index))?,
                Some(file) => {
                    let lines = read(file).map_err(|cause| {
                        Fault::new(format!("cannot read the filter file {file:?}: {cause}"), HELP_FILE).of_rule(index)
                    })?;
                    for (number, line) in lines.lines().enumerate() {
                        let place = |mut fault: Fault| {
                            fault.message = format!("{file}:{}: {}", number + 1, fault.message);
                            fault.of_rule(index)
                        };
                        if trimmed(line).starts_with('@') {
                            return Err(place(Fault::new("a filter file cannot name another one".into(), HELP_NESTED)));
                        }
                        filter.add(index, line).map_err(place)?;
                    }
                }
            }
        }
        Ok(filter)
    }

    /// Whether the table is meant. The last rule that fits decides; where none fits, the table is not meant.
    pub fn matches(&self, schema: &str, name: &str) -> bool {
        self.deciding(schema, name).is_some_and(|rule| rule.accepts)
    }

    /// Whether a table of this schema can be meant, whatever its name.
    pub fn may_match_in(&self, schema: &str) -> bool {
        let schema = folded(schema);
        let mut rules = self.rules.iter().rev().filter(|rule| rule.schema.matches(&schema));
        rules.find(|rule| rule.accepts || matches!(rule.table, Pattern::Anything)).is_some_and(|rule| rule.accepts)
    }

    /// What both filters surely take, whatever tables there are: a name, or every table that one pattern of one schema
    /// fits. `None`: the rules alone do not tell.
    pub fn shares<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let shared = |rule: &&Rule| match (&rule.schema, &rule.table) {
            (Pattern::Literal(schema), Pattern::Literal(name)) => {
                self.matches(schema, name) && other.matches(schema, name)
            }
            (Pattern::Literal(schema), _) => {
                let same = |found: &Rule| found.accepts && folded(&found.text) == folded(&rule.text);
                let cut = |found: &Rule| !found.accepts && found.schema.matches(schema);
                self.rules.iter().any(same)
                    && other.rules.iter().any(same)
                    && !self.rules.iter().chain(&other.rules).any(cut)
            }
            _ => false,
        };
        let mut rules = self.rules.iter().chain(&other.rules).filter(|rule| rule.accepts);
        rules.find(shared).map(|rule| rule.text.as_str())
    }

    /// The place of the rule that decides, in the list that was handed in, and whether it accepts; `None`: no rule fits.
    pub fn deciding_rule(&self, schema: &str, name: &str) -> Option<(usize, bool)> {
        self.deciding(schema, name).map(|rule| (rule.index, rule.accepts))
    }

    /// The text of the rule that decides: its own line, where it stands in a file.
    pub fn deciding_text(&self, schema: &str, name: &str) -> Option<&str> {
        self.deciding(schema, name).map(|rule| rule.text.as_str())
    }

    /// Rules that say something of nothing: what they name exactly is not there, or they would take what no name fits.
    pub fn unmet(&self, schemas: &[&str], names: &[TableName]) -> Vec<Unmet<'_>> {
        let schemas: Vec<String> = schemas.iter().map(|name| folded(name)).collect();
        let names: Vec<(String, String)> = names.iter().map(|n| (folded(&n.schema), folded(&n.name))).collect();
        let missing = |rule: &Rule| {
            let met = names.iter().any(|(schema, name)| rule.schema.matches(schema) && rule.table.matches(name));
            match (&rule.schema, &rule.table) {
                (Pattern::Literal(schema), _) if !schemas.contains(schema) => Some(Missing::Schema(schema.clone())),
                (_, Pattern::Literal(_)) if !met => Some(Missing::Name),
                _ if rule.accepts && !met => Some(Missing::All),
                _ => None,
            }
        };
        self.rules
            .iter()
            .filter_map(|rule| Some(Unmet { rule: &rule.text, accepts: rule.accepts, missing: missing(rule)? }))
            .collect()
    }

    /// Whether a table of any name in the schema would be meant.
    pub fn takes_whole(&self, schema: &str) -> bool {
        let schema = folded(schema);
        let of_schema = self.rules.iter().rev().filter(|rule| rule.schema.matches(&schema));
        of_schema.into_iter().find(|rule| matches!(rule.table, Pattern::Anything)).is_some_and(|rule| rule.accepts)
    }

    fn deciding(&self, schema: &str, name: &str) -> Option<&Rule> {
        let (schema, name) = (folded(schema), folded(name));
        self.rules.iter().rev().find(|rule| rule.schema.matches(&schema) && rule.table.matches(&name))
    }

    fn add(&mut self, index: usize, text: &str) -> Result<(), Fault> {
        let text = trimmed(text);
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (accepts, patterns) = match text.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        let (schema, rest) = Pattern::take(patterns)?;
        let rest = match rest.strip_prefix('.') {
            Some(rest) => rest,
            None if rest.is_empty() => {
                return Err(Fault::new(format!("the rule {text:?} has no table after its schema"), HELP_TWO_PARTS));
            }
            None => return Err(Fault::new(format!("no dot before {rest:?}"), HELP_WHOLE_PART)),
        };
        let (table, rest) = Pattern::take(rest)?;
        if !rest.is_empty() {
            return Err(Fault::new(format!("{rest:?} is behind the table"), HELP_WHOLE_PART));
        }
        self.rules.push(Rule { index, text: text.to_owned(), accepts, schema, table });
        Ok(())
    }
}

const HELP_TWO_PARTS: &str = "Write a schema and a table with a dot between them, for example `shop.*`.";
const HELP_WHOLE_PART: &str = "Write schema.table; a quoted name or a /regular expression/ is always the whole of its part, as in `\"a.b\".\"c d\"`.";
const HELP_SPECIAL: &str =
    "Put a backslash before it, or quote the whole name, as in `\"a-b\".t`; in HCL a backslash is written twice.";
const HELP_ESCAPE: &str = "A backslash may be in front of punctuation only; in HCL it is written twice.";
const HELP_QUOTE: &str = "Close the quotes; a quote inside a quoted name is doubled, and a quoted name is not empty.";
const HELP_CLASS: &str = "Write a set as `[a-z]` or `[!a-z]`, with a backslash before `]` and other punctuation in it.";
const HELP_REGEX: &str =
    "Write it between two slashes, as in `/^a\\d+$/.*`; a slash inside it has a backslash before it.";
const HELP_FILE: &str = "Correct the file's name, or write its rules here.";
const HELP_NESTED: &str = "Name every filter file in the list of rules itself.";

/// A fault before it is known in which rule it stands.
struct Fault {
    message: String,
    help: &'static str,
}

impl Fault {
    fn new(message: String, help: &'static str) -> Self {
        Self { message, help }
    }

    fn of_rule(self, rule_index: usize) -> FilterFault {
        FilterFault { rule_index, message: self.message, help: self.help.to_owned() }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    index: usize,
    text: String,
    accepts: bool,
    schema: Pattern,
    table: Pattern,
}

/// One half of a rule. Literals and expressions are held in lower case and asked with names in lower case.
#[derive(Clone, Debug)]
enum Pattern {
    Anything,
    Literal(String),
    Expression(Regex),
}

impl Pattern {
    fn matches(&self, lowered_name: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Literal(name) => name == lowered_name,
            Self::Expression(expression) => expression.is_match(lowered_name),
        }
    }

    /// Takes one pattern off the front of a rule; what is left begins at a dot, or is the fault of the caller's rule.
    fn take(text: &str) -> Result<(Self, &str), Fault> {
        match text.chars().next() {
            None => Err(Fault::new("a name is missing".into(), HELP_TWO_PARTS)),
            Some('/') => Self::take_expression(&text[1..]),
            Some(quote @ ('"' | '`')) => Self::take_quoted(&text[1..], quote),
            Some(_) => Self::take_wildcard(text),
        }
    }

    fn take_quoted(text: &str, quote: char) -> Result<(Self, &str), Fault> {
        let mut name = String::new();
        let mut rest = text;
        while let Some(end) = rest.find(quote) {
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix(quote) {
                Some(more) => {
                    name.push(quote);
                    rest = more;
                }
                None if name.is_empty() => break,
                None => return Ok((Self::Literal(folded(&name)), rest)),
            }
        }
        Err(Fault::new(format!("the quoted name {quote}{text} is empty or has no end"), HELP_QUOTE))
    }

    fn take_expression(text: &str) -> Result<(Self, &str), Fault> {
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '/' if at > 0 => {
                    let expression = compile(&go_syntax(&text[..at]), false)?;
                    return Ok((Self::Expression(expression), &text[at + 1..]));
                }
                '/' => break,
                _ => {}
            }
        }
        Err(Fault::new(format!("the regular expression /{text} is empty or has no end"), HELP_REGEX))
    }

    fn take_wildcard(text: &str) -> Result<(Self, &str), Fault> {
        let mut literal = Some(String::new());
        let mut expression = String::from("^");
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            let (piece, next) = match c {
                '.' => break,
                '*' => (Piece::Wild(".*".into()), after),
                '?' => (Piece::Wild(".".into()), after),
                '[' => {
                    let (class, next) = take_class(after)?;
                    (Piece::Wild(class), next)
                }
                '\\' => {
                    let (c, next) = take_escaped(after)?;
                    (Piece::Plain(c), next)
                }
                c if is_name_char(c) => (Piece::Plain(c), after),
                c => return Err(Fault::new(format!("{c:?} cannot be in a name unquoted"), HELP_SPECIAL)),
            };
            match piece {
                Piece::Plain(c) => {
                    push_escaped(&mut expression, c);
                    if let Some(literal) = &mut literal {
                        literal.push(c);
                    }
                }
                Piece::Wild(text) => {
                    expression.push_str(&text);
                    literal = None;
                }
            }
            rest = next;
        }
        let pattern = match literal {
            // TiDB takes an empty half and lets it fit nothing: surely a slip of the pen.
            Some(name) if name.is_empty() => return Err(Fault::new("a name is missing".into(), HELP_TWO_PARTS)),
            Some(name) => Self::Literal(folded(&name)),
            None if expression == "^.*" => Self::Anything,
            None => {
                expression.push('$');
                Self::Expression(compile(&expression, true)?)
            }
        };
        Ok((pattern, rest))
    }
}

/// A piece of a wildcard pattern: a character that stands for itself, or regular expression text.
enum Piece {
    Plain(char),
    Wild(String),
}

fn is_name_char(c: char) -> bool {
    c == '$' || c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Takes the character behind a backslash.
fn take_escaped(text: &str) -> Result<(char, &str), Fault> {
    match text.chars().next() {
        None => Err(Fault::new("a backslash at the end is in front of nothing".into(), HELP_ESCAPE)),
        Some(c) if c.is_ascii_alphanumeric() => {
            Err(Fault::new(format!("`\\{c}` has no meaning: letters and digits need no backslash"), HELP_ESCAPE))
        }
        Some(c) => Ok((c, &text[c.len_utf8()..])),
    }
}

/// Takes the rest of a set, behind its `[`, and gives it as a set of a regular expression.
fn take_class(text: &str) -> Result<(String, &str), Fault> {
    let fault = |what: &str| Fault::new(format!("the set `[{text}` {what}"), HELP_CLASS);
    let (mut class, mut rest) = match text.strip_prefix('!') {
        Some(rest) => (String::from("[^"), rest),
        None => (String::from("["), text),
    };
    let mut members = Vec::new();
    loop {
        let c = rest.chars().next().ok_or_else(|| fault("has no end"))?;
        let after = &rest[c.len_utf8()..];
        match c {
            ']' => {
                rest = after;
                break;
            }
            '\\' => {
                let (c, next) = take_escaped(after)?;
                members.push((c, true));
                rest = next;
            }
            c => {
                members.push((c, false));
                rest = after;
            }
        }
    }
    if members.is_empty() {
        return Err(fault("is empty"));
    }
    let mut members = members.as_slice();
    loop {
        members = match members {
            [] => break,
            [(first, _), ('-', false), (last, _), others @ ..] => {
                if first > last {
                    return Err(fault("has a range from high to low"));
                }
                push_class_char(&mut class, *first);
                class.push('-');
                push_class_char(&mut class, *last);
                others
            }
            [(c, _), others @ ..] => {
                push_class_char(&mut class, *c);
                others
            }
        };
    }
    class.push(']');
    Ok((class, rest))
}

fn push_class_char(class: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        class.push('\\');
    }
    class.push(c);
}

fn push_escaped(expression: &mut String, c: char) {
    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

fn compile(expression: &str, dot_fits_newline: bool) -> Result<Regex, Fault> {
    RegexBuilder::new(expression).case_insensitive(true).dot_matches_new_line(dot_fits_newline).build().map_err(
        |error| {
            // The crate draws a picture over several lines; its last line says what is wrong.
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Fault::new(format!("the regular expression /{expression}/ cannot be read: {cause}"), HELP_REGEX)
        },
    )
}

/// Rewrites a regular expression in Go's syntax, which the rules are defined by, where Rust's reads it differently:
/// `\d \w \s \b` are ASCII there, `\Q…\E` quotes, `\<` is a plain `<`, and in a set `[`, `&&`, `--` and `~~` are plain.
fn go_syntax(go: &str) -> String {
    let mut rust = String::with_capacity(go.len() + 8);
    let mut rest = go;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else {
                    rust.push('\\');
                    break;
                };
                rest = &rest[escaped.len_utf8()..];
                match escaped {
                    'Q' if !in_class => {
                        let (quoted, next) = rest.split_once("\\E").unwrap_or((rest, ""));
                        rust.push_str(&regex::escape(quoted));
                        rest = next;
                    }
                    'd' => rust.push_str("[0-9]"),
                    'D' => rust.push_str("[^0-9]"),
                    'w' => rust.push_str("[0-9A-Za-z_]"),
                    'W' => rust.push_str("[^0-9A-Za-z_]"),
                    's' => rust.push_str(r"[\t\n\f\r ]"),
                    'S' => rust.push_str(r"[^\t\n\f\r ]"),
                    'b' if !in_class => rust.push_str(r"(?-u:\b)"),
                    '<' | '>' => rust.push(escaped),
                    other => rust.extend(['\\', other]),
                }
            }
            '[' if !in_class => {
                in_class = true;
                rust.push('[');
                if let Some(next) = rest.strip_prefix('^') {
                    rust.push('^');
                    rest = next;
                }
                // A bracket that comes first is a member of the set.
                if let Some(next) = rest.strip_prefix(']') {
                    rust.push_str(r"\]");
                    rest = next;
                }
            }
            '[' => match rest.split_once(":]").filter(|(name, _)| rest.starts_with(':') && !name.contains(']')) {
                Some((name, next)) => {
                    rust.extend(["[", name, ":]"]);
                    rest = next;
                }
                None => rust.push_str(r"\["),
            },
            ']' if in_class => {
                in_class = false;
                rust.push(']');
            }
            '&' | '~' if in_class => rust.extend(['\\', c]),
            // Of `--`, the second begins nothing when it has a backslash.
            '-' if in_class && rest.starts_with('-') => {
                rust.push_str(r"\--");
                rest = &rest[1..];
            }
            c => rust.push(c),
        }
    }
    rust
}

/// Spaces and tabs only, as the rules are defined.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
