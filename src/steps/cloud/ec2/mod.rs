//! `runner.ec2.…`: a machine in the source's VPC, in five steps. Each looks at what an earlier run may have left before
//! it asks for anything, writes down what it asks for, and asks in a way that has its effect once.

pub mod instance;
pub mod key_pair;
pub mod ready;
pub mod security_group;
pub mod volume;
