//! Which steps there are: one table of kinds, one of types and one of gates, the words of their addresses, the order of
//! those that could run at the same time, and what others ask of a kind (whether it creates something on the target, takes
//! a slot, is shown with its table). Knows nothing of what a step does for that.

use serde::{Deserialize, Serialize};

use super::table::table;

/// What others ask of a kind: its word, what its steps are of, what they do, and how many of them run at once.
struct KindRow(&'static str, Of, Does, AtOnce);

/// What the steps of a kind are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A block of the spec that is not a migration.
    Block,
    /// A migration, or a schema or view of it.
    Migration,
    /// A table of a migration. Screens show the steps of one table in one line.
    Table,
}

/// What the steps of a kind do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// They read a server or judge, in each run that needs it, and change nothing.
    Evaluates,
    /// They create something on the target, by the statements in their inputs.
    Creates(Creates),
    /// They read the rows of a table.
    Rows(RowWork),
    /// Something else.
    Other,
}

/// What a step creates on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Creates {
    Schema,
    Table,
    ForeignKeys,
    View,
}

/// What a step does with the rows of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowWork {
    /// It writes them to files, counted in bytes.
    Dumps,
    /// It writes them to the target, counted in rows.
    Loads,
    /// It compares them.
    Compares,
}

/// What limits how many steps of a kind run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtOnce {
    /// The slots of the run.
    Slots,
    /// A limit of its own; its steps take no slot.
    Apart,
}

table! {
    // In the order of a plan: among steps that could run at the same time, those of an earlier kind come first, and those of
    // one kind in the order of their addresses. What is documented here is in the schemas of users' files.
    /// The kind of a step: the word of its address that says what it does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum StepKind of KindRow {
        Source("source", Of::Block, Does::Evaluates, AtOnce::Slots)
        Target("target", Of::Block, Does::Evaluates, AtOnce::Slots)
        Runner("runner", Of::Block, Does::Other, AtOnce::Slots)
        Peering("peering", Of::Block, Does::Other, AtOnce::Slots)
        Gate("gate", Of::Migration, Does::Evaluates, AtOnce::Slots)
        Database("database", Of::Migration, Does::Creates(Creates::Schema), AtOnce::Slots)
        Table("table", Of::Table, Does::Creates(Creates::Table), AtOnce::Apart)
        Dump("dump", Of::Table, Does::Rows(RowWork::Dumps), AtOnce::Slots)
        Load("load", Of::Table, Does::Rows(RowWork::Loads), AtOnce::Slots)
        Verify("verify", Of::Table, Does::Rows(RowWork::Compares), AtOnce::Apart)
        ForeignKeys("foreign_keys", Of::Table, Does::Creates(Creates::ForeignKeys), AtOnce::Slots)
        View("view", Of::Migration, Does::Creates(Creates::View), AtOnce::Slots)
        Report("report", Of::Migration, Does::Other, AtOnce::Slots)
    }
}

impl StepKind {
    /// Its word in addresses, the state and the plan.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// The rank of its steps in a plan.
    pub const fn place_in_plan(self) -> usize {
        self as usize
    }

    /// Whether its steps are of a migration, and named after it.
    pub fn in_migration(self) -> bool {
        self.row().1 != Of::Block
    }

    /// Whether screens show its steps as one object, their table.
    pub fn of_table(self) -> bool {
        self.row().1 == Of::Table
    }

    /// Whether a step of this kind reads a server or judges, and changes nothing.
    pub fn is_evaluated(self) -> bool {
        self.row().2 == Does::Evaluates
    }

    /// What its steps create on the target by the statements in their inputs.
    pub const fn creates(self) -> Option<Creates> {
        match self.row().2 {
            Does::Creates(object) => Some(object),
            Does::Evaluates | Does::Rows(_) | Does::Other => None,
        }
    }

    /// Whether its steps create what `mig destroy -drop-target-data` drops: tables and views.
    pub fn is_target_data(self) -> bool {
        match self.creates() {
            Some(Creates::Table | Creates::View) => true,
            Some(Creates::Schema | Creates::ForeignKeys) | None => false,
        }
    }

    /// What its steps do with the rows of their table. Such steps are counted and estimated on screens.
    pub const fn rows(self) -> Option<RowWork> {
        match self.row().2 {
            Does::Rows(work) => Some(work),
            Does::Evaluates | Does::Creates(_) | Does::Other => None,
        }
    }

    /// Whether its steps take no slot of the run, and have a limit of their own.
    pub fn is_apart(self) -> bool {
        self.row().3 == AtOnce::Apart
    }
}

/// The word of a gate, and when it judges.
struct GateRow(&'static str, Judges);

/// When a gate judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judges {
    /// Before anything is done, on what was observed.
    Before,
    /// Behind what was created, on what is read back.
    Behind,
}

table! {
    // In the order in which users see them.
    /// The gates, by the names that users see.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum GateName of GateRow {
        Connectivity("connectivity", Judges::Before)
        Privileges("privileges", Judges::Before)
        Collation("collation", Judges::Before)
        Compatibility("compatibility", Judges::Before)
        Disk("disk", Judges::Before)
        TargetTables("target_tables", Judges::Before)
        WritesStopped("writes_stopped", Judges::Before)
        /// Behind what was created, not before: the structure on the target is read back before the first row is moved.
        Structure("structure", Judges::Behind)
    }
}

impl GateName {
    /// Those that judge before anything is done, in the order in which people see them.
    pub const JUDGED: [Self; Self::judged().1] = {
        let (all, mut judged, mut at) = (Self::judged().0, [Self::ALL[0]; Self::judged().1], 0);
        while at < judged.len() {
            judged[at] = all[at];
            at += 1;
        }
        judged
    };

    /// The rows of the table that judge before anything is done come first, then the number of them.
    const fn judged() -> ([Self; Self::ALL.len()], usize) {
        let (mut judged, mut many, mut at) = (Self::ALL, 0, 0);
        while at < Self::ALL.len() {
            if matches!(Self::ALL[at].row().1, Judges::Before) {
                judged[many] = Self::ALL[at];
                many += 1;
            }
            at += 1;
        }
        (judged, many)
    }

    /// Its word in addresses, the state and the plan.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// Reads the name of a gate; `None`: there is no such gate.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.word() == word)
    }
}

impl std::fmt::Display for GateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The kind of a type, its word, whether it is about an object in a cloud, and what a failed step leaves.
struct TypeRow(StepKind, &'static str, Cloud, Remains);

/// Whether a step is about an object in a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cloud {
    No,
    Object,
    /// One that the spec can protect: `prevent_destroy`.
    Protected,
}

/// What a step that fails leaves of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// It only reads.
    Nothing,
    /// The object is there whole or not at all; the next run looks.
    WholeOrNone,
    /// Files that are whole; the next run continues behind them.
    Files,
    /// Rows of whole batches, each once, as the ledger on the target says; the next run continues behind them.
    Batches,
    /// The object can be there although the step failed; the next run finds it by its tag.
    Tagged,
}

table! {
    /// What a step is, exactly: a runner in EC2 and a peering are several steps. Each has its inputs and outputs
    /// ([`crate::formats::steps`]), its row in a plan and its work. The word is the last one of the address, or of a block the
    /// first one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum StepType of TypeRow {
        Source(StepKind::Source, "source", Cloud::No, Remains::Nothing)
        AuroraSource(StepKind::Source, "source", Cloud::No, Remains::Nothing)
        Target(StepKind::Target, "target", Cloud::No, Remains::Nothing)
        /// This machine, or one that is reached by SSH.
        Runner(StepKind::Runner, "runner", Cloud::No, Remains::WholeOrNone)
        KeyPair(StepKind::Runner, "key_pair", Cloud::Object, Remains::Tagged)
        SecurityGroup(StepKind::Runner, "security_group", Cloud::Object, Remains::Tagged)
        Instance(StepKind::Runner, "instance", Cloud::Protected, Remains::Tagged)
        Volume(StepKind::Runner, "volume", Cloud::Protected, Remains::Tagged)
        /// The instance can be logged in to, its volume is in its place, and mig is installed.
        Ready(StepKind::Runner, "ready", Cloud::Object, Remains::Tagged)
        Connection(StepKind::Peering, "connection", Cloud::Object, Remains::Tagged)
        Route(StepKind::Peering, "route", Cloud::Object, Remains::Tagged)
        Dns(StepKind::Peering, "dns", Cloud::Object, Remains::Tagged)
        Gate(StepKind::Gate, "gate", Cloud::No, Remains::Nothing)
        Database(StepKind::Database, "database", Cloud::No, Remains::WholeOrNone)
        Table(StepKind::Table, "table", Cloud::No, Remains::WholeOrNone)
        Dump(StepKind::Dump, "dump", Cloud::No, Remains::Files)
        Load(StepKind::Load, "load", Cloud::No, Remains::Batches)
        Verify(StepKind::Verify, "verify", Cloud::No, Remains::Nothing)
        ForeignKeys(StepKind::ForeignKeys, "foreign_keys", Cloud::No, Remains::WholeOrNone)
        View(StepKind::View, "view", Cloud::No, Remains::WholeOrNone)
        Report(StepKind::Report, "report", Cloud::No, Remains::Nothing)
    }
}

impl StepType {
    /// Reads the words of an address. `None` for a part of one, and for what this version does not know.
    pub(super) fn of_words(words: &[String]) -> Option<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let find =
            |word: &str, among: fn(Self) -> bool| Self::ALL.into_iter().find(|of| among(*of) && of.word() == word);
        match words.as_slice() {
            ["source", "aurora", _] => Some(Self::AuroraSource),
            ["source", _, _] => Some(Self::Source),
            ["target", _, _] => Some(Self::Target),
            ["runner", "ec2", _, word] => find(word, |of| of.kind() == StepKind::Runner && of.in_cloud()),
            ["runner", "ec2", ..] => None,
            ["runner", _, _] => Some(Self::Runner),
            ["peering", _, word] => find(word, |of| of.kind() == StepKind::Peering),
            ["migration", _, word] => find(word, |of| of.kind().in_migration()),
            _ => None,
        }
    }

    /// The word of its kind in the state and in the plan.
    pub const fn kind(self) -> StepKind {
        self.row().0
    }

    /// The word that tells it from others of its block: the last one of its address.
    pub const fn word(self) -> &'static str {
        self.row().1
    }

    /// Whether the spec can protect its object: `prevent_destroy`.
    pub fn can_be_protected(self) -> bool {
        self.row().2 == Cloud::Protected
    }

    /// Whether the step is about an object in a cloud.
    pub fn in_cloud(self) -> bool {
        self.row().2 != Cloud::No
    }

    /// What a step that fails leaves of itself.
    pub fn remains(self) -> Remains {
        self.row().3
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
    fn a_step_is_read_from_its_word_and_stored_under_the_same_word() {
        for kind in StepKind::ALL {
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.word().into()));
            assert!(StepType::ALL.iter().any(|step| step.kind() == kind), "no type is of the kind {}", kind.word());
        }
        for step in StepType::ALL.into_iter().filter(|step| step.kind().in_migration()) {
            let addr = StepAddr::in_migration("shop", step.kind(), None);
            assert_eq!((addr.step_type(), step.word()), (Some(step), step.kind().word()));
        }
        for gate in GateName::ALL {
            assert_eq!(serde_json::to_value(gate).ok(), Some(gate.word().into()));
            assert_eq!(GateName::of_word(gate.word()), Some(gate));
        }
    }

    #[test]
    fn all_gates_but_that_of_the_structure_judge_before_anything_is_done() {
        let expected: Vec<GateName> = GateName::ALL.into_iter().filter(|gate| *gate != GateName::Structure).collect();
        assert_eq!(GateName::JUDGED.to_vec(), expected);
    }
}
