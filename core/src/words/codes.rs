//! The table of codes: every diagnostic and failure has one, with its exit code and what `mig explain` tells.
//!
//! Ranges: 10xx the program and its files, 11xx spec syntax, 12xx spec meaning, 20xx gates, 21xx compatibility rules,
//! 30xx servers, 31xx runners, 32xx the cloud, 40xx state, journal and lock, 41xx plan files, 50xx runs, 51xx steps,
//! 60xx proof.
//!
//! A code is a constant of this module, made by the row that describes it. The number is public and never changes; the
//! constant's name is for this program only.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ExitKind;

/// A stable code, for example `MIG3001`. The constants of this module are the only ones that this program raises; one
/// that is read from a file may be of another version, and then has no row here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// One row of the table.
pub struct CodeRow {
    pub code: Code,
    pub exit: ExitKind,
    /// One line: what it is.
    pub title: &'static str,
    /// What it means, why it matters, what to do: for `mig explain` and the docs.
    pub text: &'static str,
}

/// Makes one constant of each row, and the table of all of them: `NAME = NUMBER, EXIT, TITLE, TEXT;`.
macro_rules! codes {
    ($($name:ident = $number:literal, $exit:ident, $title:literal, $text:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($number);)*

        pub(super) const ROWS: &[CodeRow] =
            &[$(CodeRow { code: $name, exit: ExitKind::$exit, title: $title, text: $text }),*];
    };
}

mod account;
mod cloud;
mod gates;
mod inputs;
mod program;
mod proof;
mod rows;
mod runners;
mod servers;
mod spec;
mod steps;
mod views;

pub use self::{
    account::*, cloud::*, gates::*, inputs::*, program::*, proof::*, rows::*, runners::*, servers::*, spec::*,
    steps::*, views::*,
};

fn rows() -> impl Iterator<Item = &'static CodeRow> {
    [
        program::ROWS,
        spec::ROWS,
        gates::ROWS,
        inputs::ROWS,
        rows::ROWS,
        views::ROWS,
        servers::ROWS,
        runners::ROWS,
        account::ROWS,
        cloud::ROWS,
        steps::ROWS,
        proof::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// All rows, in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static CodeRow> {
    let mut rows: Vec<_> = rows().collect();
    rows.sort_by_key(|row| row.code);
    rows.into_iter()
}

impl Code {
    /// What the table says of it; nothing for a code that only another version knows.
    pub fn row(self) -> Option<&'static CodeRow> {
        rows().find(|row| row.code == self)
    }

    /// Whether the code is of the range of the compatibility rules, which a spec sets one by one.
    pub fn is_compatibility_rule(self) -> bool {
        (2101..2200).contains(&self.0)
    }

    /// The exit code of a failure with this code. One that is not in the table ends as an error of the program.
    pub fn exit(self) -> ExitKind {
        self.row().map_or(ExitKind::Error, |row| row.exit)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("MIG{:04}", self.0))
    }
}

/// A text that is not `MIG` and four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl FromStr for Code {
    type Err = NotACode;

    /// In small letters as well: people type codes.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let upper = text.to_ascii_uppercase();
        let digits = upper.strip_prefix("MIG").filter(|digits| digits.len() == 4).ok_or(NotACode)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotACode);
        }
        digits.parse().map(Self).map_err(|_| NotACode)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom(format!("\"{text}\" is not a code")))
    }
}

impl JsonSchema for Code {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^MIG[0-9]{4}$" })
    }
}

/// For tests, which name codes by their number as users do: a constant that gets another number is found.
impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        other.parse() == Ok(*self)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        other.parse() == Ok(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_mig_and_four_digits() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(text.parse::<Code>().ok().map(|code| code.to_string()).as_deref(), expected, "{text}");
        };
        check("MIG3001", Some("MIG3001"));
        check("mig0001", Some("MIG0001"));
        check("MIG9999", Some("MIG9999"));
        check("MIG300", None);
        check("MIG30011", None);
        check("MIG+300", None);
        check("GIM3001", None);
        check("", None);
    }

    #[test]
    fn no_two_rows_have_one_code() {
        let codes: Vec<Code> = all().map(|row| row.code).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
