//! What works on AWS: the parts of a runner in EC2, a peering, an Aurora source, and its log-in.

pub mod aurora;
pub mod ec2;
pub mod login;
pub mod peering;
pub mod session;
