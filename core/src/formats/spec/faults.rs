//! The faults found so far, and the texts they stand in. One is shared by everything that reads a spec, so that all
//! faults come at once.

use std::cell::RefCell;

use super::texts::{At, Text};
use crate::words::codes::Code;
use crate::words::diag::{Diagnostic, Place, Severity};

/// Says that a fault has been reported already: anyone who needed the value goes without, and is silent.
pub(super) struct Faulted;

pub(super) type Read<T> = Result<T, Faulted>;

pub(super) struct Faults {
    pub texts: Vec<Text>,
    found: RefCell<Vec<Diagnostic>>,
}

impl Faults {
    pub fn new(texts: Vec<Text>) -> Self {
        Self { texts, found: RefCell::new(Vec::new()) }
    }

    pub fn push(&self, diagnostic: Diagnostic) {
        let mut found = self.found.borrow_mut();
        // A value used twice is judged twice; its fault is one.
        if !found.contains(&diagnostic) {
            found.push(diagnostic);
        }
    }

    /// Reports an error at a place and gives the mark that says so.
    pub fn error(&self, code: Code, at: &At, summary: impl Into<String>, help: impl Into<String>) -> Faulted {
        self.push(Diagnostic::error(code, summary).at(self.place(at)).help(help));
        Faulted
    }

    pub fn place(&self, at: &At) -> Place {
        match self.texts.get(at.text) {
            Some(text) => text.place(&at.span),
            None => Place { file: String::new(), start: 0, end: 0, line: 1, column: 1, source_line: String::new() },
        }
    }

    /// A word of the spec as a message may show it: not at all where it stands inside a secret.
    pub fn shown<'w>(&self, at: &At, word: &'w str) -> &'w str {
        if self.texts.get(at.text).is_some_and(|text| text.is_blanked(&at.span)) { "(sensitive)" } else { word }
    }

    pub fn any_error(&self) -> bool {
        self.found.borrow().iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them: those without a place first, then by file, line and column.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|d| {
            (d.place.as_ref().map(|p| (p.file.clone(), p.start)), d.severity, d.code, d.summary.clone())
        });
        found
    }
}

/// The candidate that a misspelt word most likely means; `None` where none is near.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let allowed = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `Did you mean "x"? ` where something is near, then the whole list.
pub(super) fn suggestion(word: &str, what: &str, candidates: &[&str]) -> String {
    let known = if candidates.is_empty() {
        format!("There is no {what} here.")
    } else {
        format!("Known here: {}.", candidates.join(", "))
    };
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`? {known}"),
        None => known,
    }
}
