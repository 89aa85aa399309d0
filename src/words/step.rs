//! Which steps there are: the table of all of them, the words of their addresses, and the order of those that could run at
//! the same time. Knows nothing of what a step does.

use serde::{Deserialize, Serialize};

/// The kind of a step: the word of its address that says what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    Source,
    Target,
    Runner,
    Peering,
    Gate,
    Database,
    Table,
    Dump,
    Load,
    Verify,
    ForeignKeys,
    View,
    Report,
}

impl StepKind {
    /// All of them, in the order of a plan: among steps that could run at the same time, those of an earlier kind come
    /// first, and those of one kind in the order of their addresses.
    pub const ALL: [StepKind; 13] = [
        Self::Source,
        Self::Target,
        Self::Runner,
        Self::Peering,
        Self::Gate,
        Self::Database,
        Self::Table,
        Self::Dump,
        Self::Load,
        Self::Verify,
        Self::ForeignKeys,
        Self::View,
        Self::Report,
    ];

    /// Whether a step of this kind reads a server or judges, and changes nothing.
    pub fn is_evaluated(self) -> bool {
        matches!(self, Self::Source | Self::Target | Self::Gate)
    }

    /// The rank of its steps in a plan.
    pub fn place_in_plan(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or(Self::ALL.len())
    }

    /// Whether its steps are of a migration, and named after it.
    pub fn in_migration(self) -> bool {
        self.step_of_migration().is_some()
    }

    fn step_of_migration(self) -> Option<StepType> {
        match self {
            Self::Source | Self::Target | Self::Runner | Self::Peering => None,
            Self::Gate => Some(StepType::Gate),
            Self::Database => Some(StepType::Database),
            Self::Table => Some(StepType::Table),
            Self::Dump => Some(StepType::Dump),
            Self::Load => Some(StepType::Load),
            Self::Verify => Some(StepType::Verify),
            Self::ForeignKeys => Some(StepType::ForeignKeys),
            Self::View => Some(StepType::View),
            Self::Report => Some(StepType::Report),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Runner => "runner",
            Self::Peering => "peering",
            Self::Gate => "gate",
            Self::Database => "database",
            Self::Table => "table",
            Self::Dump => "dump",
            Self::Load => "load",
            Self::Verify => "verify",
            Self::ForeignKeys => "foreign_keys",
            Self::View => "view",
            Self::Report => "report",
        }
    }
}

/// The gates, by the names that users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    Connectivity,
    Privileges,
    Collation,
    Compatibility,
    Disk,
    TargetTables,
    WritesStopped,
    /// Behind what was created, not before: the structure on the target is read back before the first row is moved.
    Structure,
}

impl GateName {
    /// Those that judge before anything is done, in the order in which people see them.
    pub const JUDGED: [Self; 7] = [
        Self::Connectivity,
        Self::Privileges,
        Self::Collation,
        Self::Compatibility,
        Self::Disk,
        Self::TargetTables,
        Self::WritesStopped,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Connectivity => "connectivity",
            Self::Privileges => "privileges",
            Self::Collation => "collation",
            Self::Compatibility => "compatibility",
            Self::Disk => "disk",
            Self::TargetTables => "target_tables",
            Self::WritesStopped => "writes_stopped",
            Self::Structure => "structure",
        }
    }

    /// Reads the name of a gate; `None`: there is no such gate.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::JUDGED.into_iter().chain([Self::Structure]).find(|gate| gate.word() == word)
    }
}

impl std::fmt::Display for GateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a step is, exactly: a runner in EC2 and a peering are several steps. Each has its inputs, its outputs
/// ([`crate::formats::outputs`]), its rule in a plan and its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepType {
    Source,
    AuroraSource,
    Target,
    /// This machine, or one that is reached by SSH.
    Runner,
    KeyPair,
    SecurityGroup,
    Instance,
    Volume,
    /// The instance can be logged in to, its volume is in its place, and mig is installed.
    Ready,
    Connection,
    Route,
    Dns,
    Gate,
    Database,
    Table,
    Dump,
    Load,
    Verify,
    ForeignKeys,
    View,
    Report,
}

impl StepType {
    /// The parts of a runner in EC2.
    const EC2: [Self; 5] = [Self::KeyPair, Self::SecurityGroup, Self::Instance, Self::Volume, Self::Ready];
    const PEERING: [Self; 3] = [Self::Connection, Self::Route, Self::Dns];

    /// Reads the words of an address. `None` for a part of one, and for what this version does not know.
    pub(super) fn of_words(words: &[String]) -> Option<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let part = |parts: &[Self], word: &str| parts.iter().copied().find(|part| part.word() == word);
        match words.as_slice() {
            ["source", "aurora", _] => Some(Self::AuroraSource),
            ["source", _, _] => Some(Self::Source),
            ["target", _, _] => Some(Self::Target),
            ["runner", "ec2", _, word] => part(&Self::EC2, word),
            ["runner", "ec2", ..] => None,
            ["runner", _, _] => Some(Self::Runner),
            ["peering", _, word] => part(&Self::PEERING, word),
            ["migration", _, word] => StepKind::ALL.into_iter().find(|kind| kind.word() == *word)?.step_of_migration(),
            _ => None,
        }
    }

    /// The word of its kind in the state and in the plan.
    pub fn kind(self) -> StepKind {
        match self {
            Self::Source | Self::AuroraSource => StepKind::Source,
            Self::Target => StepKind::Target,
            Self::Runner | Self::KeyPair | Self::SecurityGroup | Self::Instance | Self::Volume | Self::Ready => {
                StepKind::Runner
            }
            Self::Connection | Self::Route | Self::Dns => StepKind::Peering,
            Self::Gate => StepKind::Gate,
            Self::Database => StepKind::Database,
            Self::Table => StepKind::Table,
            Self::Dump => StepKind::Dump,
            Self::Load => StepKind::Load,
            Self::Verify => StepKind::Verify,
            Self::ForeignKeys => StepKind::ForeignKeys,
            Self::View => StepKind::View,
            Self::Report => StepKind::Report,
        }
    }

    /// The word that tells it from others of its block: the last one of its address.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyPair => "key_pair",
            Self::SecurityGroup => "security_group",
            Self::Instance => "instance",
            Self::Volume => "volume",
            Self::Ready => "ready",
            Self::Connection => "connection",
            Self::Route => "route",
            Self::Dns => "dns",
            other => other.kind().word(),
        }
    }

    /// Whether the spec can protect its object: `prevent_destroy`.
    pub fn can_be_protected(self) -> bool {
        matches!(self, Self::Instance | Self::Volume)
    }

    /// Whether the step is about an object in a cloud.
    pub fn in_cloud(self) -> bool {
        Self::EC2.contains(&self) || Self::PEERING.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::addr::StepAddr;

    #[test]
    fn the_words_of_an_address_name_its_step() {
        let check = |text: &str, expected: Option<StepType>| {
            assert_eq!(StepAddr::parse(text).and_then(|addr| addr.step_type()), expected, "{text}");
        };
        check("source.mysql.shop", Some(StepType::Source));
        check("source.aurora.shop", Some(StepType::AuroraSource));
        check("target.tidb.cloud", Some(StepType::Target));
        check("runner.local.here", Some(StepType::Runner));
        check("runner.ssh.there", Some(StepType::Runner));
        check("runner.ec2.mover.key_pair", Some(StepType::KeyPair));
        check("runner.ec2.volume.instance", Some(StepType::Instance));
        check("runner.ec2.mover", None);
        check("runner.ec2.mover.disk", None);
        check("peering.tidb_cloud.route[\"rtb-1\"]", Some(StepType::Route));
        check("peering.tidb_cloud", None);
        check("migration.volume.foreign_keys[\"a.b\"]", Some(StepType::ForeignKeys));
        check("migration.shop.report", Some(StepType::Report));
        check("migration.shop", None);
        check("migration.shop.source", None);
        check("migration.shop.tables", None);
        check("provider.aws", None);
    }

    #[test]
    fn the_order_of_a_plan_has_every_kind_once() {
        let places: Vec<usize> = StepKind::ALL.iter().map(|kind| kind.place_in_plan()).collect();
        assert_eq!(places, (0..StepKind::ALL.len()).collect::<Vec<_>>());
    }
}
