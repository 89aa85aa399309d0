//! `mig`: plan and apply for database migrations from MySQL to TiDB.
//!
//! The floors, bottom first. A file imports from its own floor or below.
//!
//! - [`words`]: addresses, diagnostics, errors, digests, secrets
//! - [`formats`]: spec, filter, state, journal, plan file, dump files: pure
//! - [`think`]: graph, plan, gates, run machine: pure and synchronous; clock and ids come from outside
//! - [`seams`]: traits for SQL servers, files and the clock, in mig's own plain types
//! - [`steps`]: what each kind of step does, one file a kind; [`hosts`]: the only files that name an SDK
//! - [`drive`]: the async loop: effect, persist, start, event
//! - [`screen`]: views of the same values; [`cli`]: one file a command

pub mod cli;
pub mod drive;
pub mod hosts;
pub mod screen;
pub mod seams;
pub mod steps;

pub use mig_core::{formats, think, words};
