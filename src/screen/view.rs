//! The forms in which a plan is shown: one list for every command that shows one. To add a form: its file, an entry here, and
//! its flag in the arguments.

use super::style::Style;
use super::{check, markdown, plan, probe};
use crate::formats::plan::PlanFile;
use crate::formats::probe::Probed;

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
    /// The plan, and what a probe of it came to where there was one.
    pub fn show(self, of: &PlanFile, probed: Option<&[Probed]>, style: Style) -> String {
        match self {
            Self::Text => {
                let probed = probed.map(|probed| format!("\n{}", probe::text(probed, style)));
                plan::text(of, style) + &probed.unwrap_or_default()
            }
            Self::Json => {
                let mut value = plan::json(of);
                if let (Some(probed), Some(object)) = (probed, value.as_object_mut()) {
                    object.insert("probe".into(), serde_json::to_value(probed).unwrap_or_default());
                }
                format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
            }
            Self::Markdown { budget } => markdown::plan(of, probed.unwrap_or_default(), budget),
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
