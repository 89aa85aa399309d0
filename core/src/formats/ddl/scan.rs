//! Words, names and signs of SQL as SHOW CREATE prints it, one behind the other. A version comment (`/*!80023 … */`,
//! `/*T![…] … */`) is read as if its marks were not there. Any other comment is left where it stands, and so becomes a
//! fault: a server that prints one says something by it.

use super::create_reader::CreateFault;

/// What TiDB says in a comment without a mark (pingcap/tidb `pkg/executor/show.go`): read as if it were none.
const SAID_IN_COMMENTS: [&str; 2] = ["/* CACHED ON */", "/* FOREIGN KEY INVALID */"];

pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn fault(&mut self, wanted: &'static str) -> CreateFault {
        CreateFault { wanted, near: self.rest().chars().take(40).collect() }
    }

    /// What is left, behind white space and comments.
    pub(super) fn rest(&mut self) -> &'a str {
        loop {
            let rest = &self.text[self.at..];
            let bare = rest.trim_start();
            self.at += rest.len() - bare.len();
            // MariaDB marks its own with an M.
            let skipped = if let Some(version) = bare.strip_prefix("/*!").or_else(|| bare.strip_prefix("/*M!")) {
                bare.len() - version.trim_start_matches(|c: char| c.is_ascii_digit()).len()
            } else if bare.starts_with("/*T!") {
                bare.find(']').map_or(4, |end| end + 1)
            } else if SAID_IN_COMMENTS.iter().any(|said| bare.starts_with(said)) || bare.starts_with("*/") {
                2
            } else {
                return bare;
            };
            self.at += skipped;
        }
    }

    pub(super) fn ended(&mut self) -> bool {
        matches!(self.rest(), "" | ";")
    }

    pub(super) fn takes(&mut self, sign: char) -> bool {
        let there = self.rest().starts_with(sign);
        if there {
            self.at += sign.len_utf8();
        }
        there
    }

    pub(super) fn sign(&mut self, sign: char) -> Result<(), CreateFault> {
        if self.takes(sign) { Ok(()) } else { Err(self.fault("a bracket or a comma")) }
    }

    /// The next word, as it is written.
    pub(super) fn word(&mut self) -> Option<String> {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| rest[..length].to_owned())
    }

    /// Takes these words where all of them come next.
    pub(super) fn skip_words(&mut self, words: &[&str]) -> bool {
        let from = self.at;
        let all = words.iter().all(|word| self.word().is_some_and(|found| found.eq_ignore_ascii_case(word)));
        if !all {
            self.at = from;
        }
        all
    }

    pub(super) fn words(&mut self, words: &[&str]) -> Result<(), CreateFault> {
        if self.skip_words(words) { Ok(()) } else { Err(self.fault("another word")) }
    }

    /// Whether a name in backticks comes next.
    pub(super) fn at_name(&mut self) -> bool {
        self.rest().starts_with('`')
    }

    pub(super) fn name(&mut self) -> Result<String, CreateFault> {
        let rest = self.rest();
        if !rest.starts_with('`') {
            return Err(self.fault("a name in backticks"));
        }
        let length = quoted_length(rest, '`', false).ok_or_else(|| self.fault("the end of a name"))?;
        self.at += length;
        Ok(rest[1..length - 1].replace("``", "`"))
    }

    /// A string in single quotes, its escapes taken out.
    pub(super) fn string(&mut self) -> Result<String, CreateFault> {
        let rest = self.rest();
        let raw = self.raw_string()?;
        debug_assert!(rest.starts_with(raw));
        let mut out = String::with_capacity(raw.len());
        let mut chars = raw[1..raw.len() - 1].chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    chars.next();
                    out.push('\'');
                }
                '\\' => out.push(match chars.next() {
                    Some('0') => '\0',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('Z') => '\u{1a}',
                    Some(other) => other,
                    None => '\\',
                }),
                other => out.push(other),
            }
        }
        Ok(out)
    }

    /// A string in single quotes, as it is written.
    pub(super) fn raw_string(&mut self) -> Result<&'a str, CreateFault> {
        let rest = self.rest();
        if !rest.starts_with('\'') {
            return Err(self.fault("a string in quotes"));
        }
        let length = quoted_length(rest, '\'', true).ok_or_else(|| self.fault("the end of a string"))?;
        self.at += length;
        Ok(&rest[..length])
    }

    /// What stands between brackets, as it is written.
    pub(super) fn bracketed(&mut self) -> Result<&'a str, CreateFault> {
        self.between_brackets(true)
    }

    /// The same where a backslash in a string is itself.
    pub(super) fn bracketed_without_escapes(&mut self) -> Result<&'a str, CreateFault> {
        self.between_brackets(false)
    }

    fn between_brackets(&mut self, escapes: bool) -> Result<&'a str, CreateFault> {
        let rest = self.rest();
        if !rest.starts_with('(') {
            return Err(self.fault("an opening bracket"));
        }
        let mut depth = 0usize;
        let mut at = 0;
        while let Some(c) = rest[at..].chars().next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\'' | '"' | '`' => {
                    let length = quoted_length(&rest[at..], c, escapes && c != '`');
                    at += length.ok_or_else(|| self.fault("the end of a string"))? - c.len_utf8();
                }
                _ => {}
            }
            at += c.len_utf8();
            if depth == 0 {
                self.at += at;
                return Ok(&rest[1..at - 1]);
            }
        }
        Err(self.fault("a closing bracket"))
    }

    /// Passes over one word, string, name, bracket or sign.
    pub(super) fn pass(&mut self) {
        let rest = self.rest();
        let passed = match rest.chars().next() {
            Some('(') => self.bracketed().is_ok(),
            Some('\'') => self.raw_string().is_ok(),
            Some('`') => self.name().is_ok(),
            _ => self.word().is_some(),
        };
        if !passed {
            self.at += rest.chars().next().map_or(0, char::len_utf8);
        }
    }

    /// Everything that is left, as it is written.
    pub(super) fn all_left(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }
}

/// Bytes of a quoted text with both its quotes; a quote inside is doubled, or escaped.
pub(super) fn quoted_length(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if escapes => at += 2,
            byte if char::from(byte) == quote => {
                if bytes.get(at + 1).copied() != Some(byte) {
                    return Some(at + 1);
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
}
