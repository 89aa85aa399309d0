//! The data of a page, as its script reads it: typed here, JSON there. The names of the fields are the script's.
//!
//! Texts of several lines are lists of places in `lines`, which holds each line once: tables of one schema are much alike, and
//! the same line is in a definition and in both sides of a difference.

use std::collections::HashMap;

use serde::Serialize;

use crate::formats::plan::Action;
use crate::words::codes::Code;
use crate::words::diag::Severity;

/// A text as places in [`Data::lines`].
pub(super) type Lines = Vec<usize>;

#[derive(Debug, Default, Serialize)]
pub(super) struct Data {
    pub(super) lines: Vec<String>,
    pub(super) actions: Vec<Sign>,
    /// Blocks of the spec that the objects are of.
    pub(super) groups: Vec<String>,
    /// Words of kinds of steps.
    pub(super) kinds: Vec<&'static str>,
    pub(super) steps: Steps,
    pub(super) objects: Vec<Object>,
    pub(super) findings: Vec<Finding>,
    pub(super) changed: Vec<Changed>,
    pub(super) phases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<History>,
}

/// An action, as all views show it.
#[derive(Debug, Serialize)]
pub(super) struct Sign {
    pub(super) action: Action,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
}

/// The steps of the graph, a column for each of their properties.
#[derive(Debug, Default, Serialize)]
pub(super) struct Steps {
    pub(super) addr: Vec<String>,
    /// Places in [`Data::actions`].
    pub(super) action: Vec<usize>,
    /// Places in [`Data::kinds`].
    pub(super) kind: Vec<usize>,
    /// Places in [`Data::phases`].
    pub(super) phase: Vec<usize>,
    /// The steps that each one waits for.
    pub(super) after: Vec<Vec<usize>>,
}

/// What the plan does with one table, or with another object: one row.
#[derive(Debug, Serialize)]
pub(super) struct Object {
    pub(super) group: usize,
    pub(super) action: usize,
    pub(super) name: String,
    pub(super) steps: Vec<usize>,
    pub(super) why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) confirm: bool,
    /// Statements that create it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ddl: Vec<Lines>,
    /// A place in [`Data::changed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed: Option<usize>,
    /// Places in [`Data::findings`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) code: Code,
    pub(super) summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) detail: Lines,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) help: String,
}

/// An object that arrives changed: source beside target.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    pub(super) name: String,
    /// Places in [`Data::kinds`]; `None`: a kind that this version does not know.
    pub(super) kind: Option<usize>,
    pub(super) action: usize,
    /// Code, summary and detail of each change.
    pub(super) notes: Vec<(Code, String, String)>,
    /// A line that both have is one number; a line that is changed is a pair of the source's and the target's.
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Row {
    Same(usize),
    Changed(Option<usize>, Option<usize>),
}

/// What ran when, of a state.
#[derive(Debug, Serialize)]
pub(super) struct History {
    pub(super) periods: Vec<Period>,
    pub(super) moved: Vec<Moved>,
}

/// What was done with one table. Times are milliseconds, of steps that are complete.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    /// A place in [`Data::groups`].
    pub(super) group: usize,
    pub(super) name: String,
    /// Places in [`Data::steps`].
    pub(super) steps: Vec<usize>,
    /// Every recorded step of it is complete.
    pub(super) complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dump: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verify: Option<u64>,
}

/// A time in which steps ran, without a long break. Times are milliseconds from its begin.
#[derive(Debug, Serialize)]
pub(super) struct Period {
    /// For people.
    pub(super) begin: String,
    pub(super) length: u64,
    pub(super) runs: Vec<Run>,
    /// What the whole waited for, in the order of time.
    pub(super) critical: Vec<Critical>,
}

/// One step that ran.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    /// A place in [`Data::steps`].
    pub(super) step: usize,
    pub(super) start: u64,
    /// `None`: it was not finished.
    pub(super) end: Option<u64>,
    pub(super) status: &'static str,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Critical {
    pub(super) step: usize,
    /// From here to `to` nothing else was waited for.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Before it, between the end of what it waits for and its own start.
    pub(super) waited: u64,
}

/// Lines, each once, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Book {
    places: HashMap<String, usize>,
    lines: Vec<String>,
}

impl Book {
    pub(super) fn line(&mut self, line: &str) -> usize {
        if let Some(place) = self.places.get(line) {
            return *place;
        }
        let place = self.lines.len();
        self.places.insert(line.to_owned(), place);
        self.lines.push(line.to_owned());
        place
    }

    pub(super) fn text(&mut self, text: &str) -> Lines {
        text.lines().map(|line| self.line(line)).collect()
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// Words that are in a list once, by their place.
#[derive(Debug, Default)]
pub(super) struct Words<T>(pub(super) Vec<T>);

impl<T: PartialEq> Words<T> {
    pub(super) fn place(&mut self, word: T) -> usize {
        self.0.iter().position(|known| *known == word).unwrap_or_else(|| {
            self.0.push(word);
            self.0.len() - 1
        })
    }
}
