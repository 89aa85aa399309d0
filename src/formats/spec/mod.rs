//! The spec: HCL text -> [`model::Spec`] with every fault at once.

pub mod model;
