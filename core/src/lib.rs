//! The pure floors of `mig`: words, formats and thinking. Everything here is synchronous. Clock, randomness and ids come from
//! outside, and no server, file or terminal is known. The floors above are in the crate `mig`, which shows these three as its own.
//!
//! - [`words`]: addresses, diagnostics, errors, digests, secrets
//! - [`formats`]: spec, filter, state, journal, plan file, dump files
//! - [`think`]: graph, plan, gates, run machine

pub mod formats;
pub mod think;
pub mod words;

/// What people are shown of faults and causes, for tests here that look at it: the very files of the floor above.
#[cfg(test)]
#[allow(dead_code)]
#[path = "../../src/screen"]
mod screen {
    #[path = "cause.rs"]
    pub(crate) mod cause;
    #[path = "clean.rs"]
    mod clean;
    #[path = "diagnostics.rs"]
    pub(crate) mod diagnostics;
    #[path = "style.rs"]
    mod style;
}
