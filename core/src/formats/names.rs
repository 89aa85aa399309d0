//! Names of blocks that were renamed: which rename a plan has, and what a migration was called when its first step was
//! recorded. Knows no folder and no digest that has such a name in it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::addr::{StepAddr, StepType};

/// A block that is recorded under another address than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    pub from: StepAddr,
    pub to: StepAddr,
}

/// Why a block cannot get this other address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveFault {
    /// One of the two is not the address of a block.
    NotABlock,
    /// Its objects in a cloud have the name of the block in theirs.
    InCloud,
    OtherKind,
    Same,
}

impl Move {
    /// # Errors
    /// What cannot be renamed: a step has the name of a table or of a gate, and these are not names of a spec.
    pub fn new(from: StepAddr, to: StepAddr) -> Result<Self, MoveFault> {
        for addr in [&from, &to] {
            if addr.block().as_ref() != Some(addr) {
                return Err(MoveFault::NotABlock);
            }
            if is_in_cloud(addr) {
                return Err(MoveFault::InCloud);
            }
        }
        let kind = |addr: &StepAddr| addr.words().split_last().map(|(_, kind)| kind.to_vec());
        match (kind(&from) == kind(&to), from == to) {
            (false, _) => Err(MoveFault::OtherKind),
            (true, true) => Err(MoveFault::Same),
            (true, false) => Ok(Self { from, to }),
        }
    }
}

/// Whether the block's steps make objects in a cloud account.
fn is_in_cloud(block: &StepAddr) -> bool {
    StepType::ALL.iter().any(|part| block.part(*part).in_cloud())
}

impl MoveFault {
    /// Completes "it cannot be renamed: …".
    pub fn words(self) -> &'static str {
        match self {
            Self::NotABlock => "an address of the two is not that of a block",
            Self::InCloud => "the objects of this block in the account have its name in their tags",
            Self::OtherKind => "the two blocks are not of one kind",
            Self::Same => "the two addresses are one",
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            Self::NotABlock => {
                "Write the addresses of blocks, such as migration.NAME or source.mysql.NAME. The name of a step's table is that of \
                 the source."
            }
            Self::InCloud => "Keep the name of this block. A runner of another kind can be renamed.",
            Self::OtherKind => {
                "A block of another kind is another object: write both blocks, and let mig create what is new."
            }
            Self::Same => "Leave it out.",
        }
    }
}

/// What migrations were called when their first step was recorded, by the name that they have now; only of those that were
/// renamed. The folder of their dump and the digest of their report keep that first name: a rename moves no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FirstNames(BTreeMap<String, String>);

impl FirstNames {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first name of a migration.
    pub fn of<'a>(&'a self, migration: &'a str) -> &'a str {
        self.0.get(migration).map_or(migration, String::as_str)
    }

    /// The migration that keeps this name, although it is called otherwise now.
    pub fn keeper(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(_, first)| *first == name).map(|(now, _)| now.as_str())
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        let first = self.0.remove(from).unwrap_or_else(|| from.to_owned());
        // One that has its first name again needs no entry.
        if first != to {
            self.0.insert(to.to_owned(), first);
        }
    }

    /// Forgets the names of migrations of which nothing is recorded any more.
    pub fn keep(&mut self, is_recorded: impl Fn(&str) -> bool) {
        self.0.retain(|now, _| is_recorded(now));
    }

    /// All first names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_keeps_its_first_name_through_any_number_of_renames() {
        let check = |renames: &[(&str, &str)], expected: &[(&str, &str)]| {
            let mut names = FirstNames::default();
            renames.iter().for_each(|(from, to)| names.rename(from, to));
            let expected = expected.iter().map(|(now, first)| ((*now).to_owned(), (*first).to_owned())).collect();
            assert_eq!(names, FirstNames(expected), "{renames:?}");
        };
        check(&[], &[]);
        check(&[("a", "b")], &[("b", "a")]);
        check(&[("a", "b"), ("b", "c")], &[("c", "a")]);
        check(&[("a", "b"), ("b", "a")], &[]);
        check(&[("a", "b"), ("x", "a")], &[("b", "a"), ("a", "x")]);
    }
    #[test]
    fn only_blocks_of_one_kind_whose_objects_have_not_their_name_can_be_renamed() {
        let check = |from: &str, to: &str, expected: Option<MoveFault>| {
            let [from, to] = [from, to].map(|text| StepAddr::parse(text).unwrap());
            assert_eq!(Move::new(from.clone(), to.clone()).err(), expected, "{from} {to}");
        };
        check("migration.a", "migration.b", None);
        check("source.mysql.a", "source.mysql.b", None);
        check("source.aurora.a", "source.aurora.b", None);
        check("target.tidb.a", "target.tidb.b", None);
        check("runner.local.a", "runner.local.b", None);
        check("runner.ssh.a", "runner.ssh.b", None);
        check("migration.a", "migration.a", Some(MoveFault::Same));
        check("migration.a", "source.mysql.a", Some(MoveFault::OtherKind));
        check("source.mysql.a", "source.aurora.a", Some(MoveFault::OtherKind));
        check("runner.ec2.a", "runner.ec2.b", Some(MoveFault::InCloud));
        check("runner.ssh.a", "runner.ec2.b", Some(MoveFault::InCloud));
        check("peering.tidb_cloud", "peering.other", Some(MoveFault::InCloud));
        check("migration.a", "migration.b.report", Some(MoveFault::NotABlock));
        check(r#"migration.a.table["s.t"]"#, r#"migration.b.table["s.t"]"#, Some(MoveFault::NotABlock));
        check("provider.aws", "provider.b", Some(MoveFault::NotABlock));
        check("source.mysql", "source.tidb", Some(MoveFault::NotABlock));
    }
}
