//! The seams: traits behind which the world stands, in mig's own plain types. Hosts implement them; steps use them;
//! tests replace them. No SDK is named here.

pub mod clock;
pub mod cloud;
pub mod files;
pub mod program;
pub mod shell;
pub mod sql;
pub mod store;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod scripted;
