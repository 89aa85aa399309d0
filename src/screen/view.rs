//! The forms in which a plan is shown: one list for every command that shows one. To add a form: its file, an entry here, and
//! its flag in the arguments. A page for a browser is beside them: it is written to a file ([`super::html`]).

use super::style::Style;
use super::{check, markdown, plan, probe, rehearsal};
use crate::formats::plan::PlanFile;
use crate::formats::probe::Probed;
use crate::formats::rehearsal::Rehearsal;

/// What was tried of a plan, where it was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried<'a> {
    /// On the target, in schemas of its own.
    pub probed: Option<&'a [Probed]>,
    /// By simulation.
    pub rehearsed: Option<&'a Rehearsal>,
}

/// What is shown of a plan: all of it, or what its gates say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Plan,
    Check,
}

/// A form of a whole plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanView {
    /// For a terminal.
    Text,
    /// For a program: `schemas/plan.schema.json`.
    Json,
    /// For a review; at most so many bytes.
    Markdown { budget: usize },
}

impl PlanView {
    /// The plan, and what was tried of it.
    pub fn show(self, of: &PlanFile, tried: Tried, style: Style) -> String {
        match self {
            Self::Text => {
                let probed = tried.probed.map(|probed| format!("\n{}", probe::text(probed, style)));
                let rehearsed = tried.rehearsed.map(|rehearsed| format!("\n{}", rehearsal::text(rehearsed, style)));
                plan::text(of, style) + &probed.unwrap_or_default() + &rehearsed.unwrap_or_default()
            }
            Self::Json => {
                let mut value = plan::json(of);
                let mut add = |name: &str, tried: Option<serde_json::Value>| {
                    if let (Some(tried), Some(object)) = (tried, value.as_object_mut()) {
                        object.insert(name.into(), tried);
                    }
                };
                add("probe", tried.probed.and_then(|probed| serde_json::to_value(probed).ok()));
                add("rehearsal", tried.rehearsed.and_then(|rehearsed| serde_json::to_value(rehearsed).ok()));
                format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
            }
            Self::Markdown { budget } => markdown::plan(of, tried, budget),
        }
    }

    /// What the gates alone say.
    pub fn show_check(self, of: &PlanFile, style: Style) -> String {
        match self {
            Self::Text => check::text(of, style),
            Self::Json => format!("{}\n", serde_json::to_string_pretty(&check::json(of)).unwrap_or_default()),
            Self::Markdown { budget } => markdown::check(of, budget),
        }
    }
}
