//! The hosts: what implements the seams. The only files that name an SDK, a driver or a system call.

pub mod clock;
pub mod dump;
pub mod file;
pub mod memory;
pub mod mysql;
pub mod ssh;
