//! Reasoning about a cloud's account: is a peering connection of use, does a rule let the rows through, which image,
//! which subnet, how large a volume, what may the credentials do. Pure, over facts; whatever it finds says what to do.

pub mod choice;
pub mod peering;
pub mod policy;
pub mod reach;
