//! Views of the values of the other floors: plan, progress, certificate, state, failures, as text, JSON, Markdown,
//! HTML, SVG and DOT. The only floor that formats for people; it decides nothing. Knows no server, no clock and no file.

pub mod approval;
pub mod board;
pub(crate) mod cause;
pub mod certificate;
mod changes;
pub mod check;
mod clean;
mod compact;
pub mod diagnostics;
pub mod diff;
pub mod failure;
pub mod graph;
mod groups;
pub mod html;
mod keys;
mod layout;
pub mod markdown;
pub mod mermaid;
pub mod out;
mod overall;
mod phases;
pub mod plan;
pub mod plan_diff;
pub mod probe;
pub mod progress;
pub mod rehearsal;
pub mod resolved;
mod rewrites;
pub mod safe_json;
pub mod state;
pub mod status;
pub mod stream;
pub mod style;
pub mod svg;
pub mod verification;
pub mod view;
