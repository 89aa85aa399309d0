//! The hosts: what implements the seams. The only files that name an SDK, a driver or a system call.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(not(feature = "aws"))]
#[path = "no_aws.rs"]
pub mod aws;
pub mod clock;
pub mod dump;
pub mod file;
pub mod folder;
pub mod memory;
pub mod mysql;
pub mod places;
pub mod program;
#[cfg(feature = "aws")]
pub mod s3;
pub mod ssh;
pub mod ssh_agent;
pub mod store;
pub mod terraform;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod store_tests;
