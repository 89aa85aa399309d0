//! Amazon S3, and servers that speak its protocol: what the state's store and the files of a dump have in common.

pub(super) mod bridge;
pub mod files;
pub(super) mod objects;
mod uploads;
