//! The bottom floor: the words every other file uses. No I/O, no clock, no SDK.

pub mod addr;
pub mod codes;
pub mod diag;
pub mod digest;
pub mod error;
pub mod list;
pub mod secret;
pub mod sorted_json;
pub mod step;
pub(crate) mod table;
