//! The words for why a step is in a plan. The only place that has them: the program decides by the value.

use super::style::{bytes, count};
use crate::formats::cause::{Cause, CloudObject, Drift, Input, Kept, Left, Removed, Upstream};
use crate::formats::plan::Change;

/// Why, as a fragment to stand behind "why: ". Empty where the sign of the change says all.
pub(crate) fn words(change: &Change) -> String {
    let reason = of(&change.cause, change.addr.key().unwrap_or("it"));
    match change.drops_rows {
        Some(rows) => format!("drop {}: {reason}", count(rows, "row", "rows")),
        None => reason,
    }
}

/// The same without the name of the table: what a thousand tables may have in common.
pub(super) fn common_words(change: &Change) -> String {
    of(&change.cause, "…")
}

fn of(cause: &Cause, table: &str) -> String {
    match cause {
        Cause::NotRecorded => "not in the state yet".into(),
        Cause::FilterNowIncludes => format!("filter now includes {table}"),
        Cause::NewAtSource => format!("{table} is new at the source"),
        Cause::Renamed { from } => format!("the server that the state has as {from}: the same by its own id"),
        Cause::Requested => "requested with -replace".into(),
        Cause::RerunPending => "the interrupted run was going to run it again".into(),
        Cause::LeftOut => "a run with -target did what it stands on, and left it out".into(),
        Cause::PositionRetaken => "the position of the source is read again".into(),
        Cause::Unfinished { failed, files } => unfinished(*failed, *files),
        Cause::InputChanged { input } => input_changed(input),
        Cause::Upstream { upstream } => upstream_words(*upstream).into(),
        Cause::Drift { drift } => drift_words(drift),
        Cause::Left { left: Left::Source } => format!("{table} is gone from the source; the target's table stays"),
        Cause::Left { left: Left::Filter } => {
            format!("the filter no longer includes {table}; the target's table stays")
        }
        Cause::Left { left: Left::Unasked } => {
            "neither the spec nor the source asks for it now; what it did stays".into()
        }
        Cause::Left { left: Left::Removed } => "a `removed` block names it; what it made stays".into(),
        Cause::Left { left: Left::Spec } => "it is no longer in the spec; what it made stays".into(),
        Cause::Removed { object, left_spec: true } => format!("it is no longer in the spec: {}", removed(object)),
        Cause::Removed { object, left_spec: false } => removed(object),
        Cause::Words { text } => text.clone(),
        Cause::Kept { object } => format!("removed from the state only; {}", kept(*object)),
    }
}

fn unfinished(failed: bool, files: Option<u64>) -> String {
    let goes_on = match files {
        None if failed => return "failed in the last run".into(),
        None => return "unfinished: the last run was interrupted in it".into(),
        Some(0) => "unfinished: continues from its beginning".into(),
        Some(n) => format!("unfinished: continues after {}", count(n, "durable file", "durable files")),
    };
    if failed { format!("failed in the last run; {goes_on}") } else { goes_on }
}

fn input_changed(input: &Input) -> String {
    let changed = |what: &str, from: &str, to: &str| format!("{what} changed: {from} becomes {to}");
    match input {
        Input::Any => "its inputs changed".into(),
        Input::Structure => "the structure changed".into(),
        Input::View => "the view changed".into(),
        Input::ForeignKeys => "the foreign keys changed".into(),
        Input::Where => "its `where` changed".into(),
        Input::Compress => "its compression changed".into(),
        Input::SourceStructure => "the structure of the source changed".into(),
        Input::SourceOrSetting => "the structure of the source or a setting of the dump changed".into(),
        Input::DumpOrTable => "its dump or its table changed".into(),
        Input::LoadOrMode => "its load or its mode changed".into(),
        Input::TableSet => "the set of tables or views changed".into(),
        Input::Setting => "a setting of it changed".into(),
        Input::IdentityFile => "its identity_file changed".into(),
        Input::KeyName => "another key is named".into(),
        Input::Rules => "its rules change".into(),
        Input::SecurityGroup => "another group is named".into(),
        Input::InstanceType { from, to } | Input::VolumeType { from, to } => changed("its type", from, to),
        Input::Image { from, to } => changed("its image", from, to),
        Input::Subnet { from, to } => changed("its subnet", from, to),
        Input::Vpc { from, to } => changed("its VPC", from, to),
        Input::InstanceProfile { from, to } => {
            let name = |profile: &Option<String>| profile.clone().unwrap_or("none".into());
            changed("its profile", &name(from), &name(to))
        }
        Input::Encryption => "its encryption changed".into(),
        Input::Throughput => "its iops or throughput changed".into(),
        Input::VolumeSize { from, to } => {
            let gib = |size_gib: u32| bytes(u64::from(size_gib) << 30);
            let how = if to < from { "a volume cannot shrink" } else { "grows in place" };
            format!("{how}: {} to {}", gib(*from), gib(*to))
        }
        Input::PreventDestroy { on: true } => "is protected from now on: prevent_destroy".into(),
        Input::PreventDestroy { on: false } => "is no longer protected: prevent_destroy is off".into(),
        Input::Place => "its place changed; what is in the earlier work folder stays until `mig destroy`".into(),
        Input::Network => "its network changed".into(),
    }
}

fn upstream_words(upstream: Upstream) -> &'static str {
    match upstream {
        Upstream::TableCreated => "its table is created from scratch",
        Upstream::DumpRuns => "its dump runs again",
        Upstream::LoadRuns => "its load runs again",
        Upstream::AnyRuns => "a step that it covers runs",
        Upstream::KeyPairReplaced => "its key pair is replaced",
        Upstream::SecurityGroupReplaced => "its security group is replaced",
        Upstream::InstanceReplaced => "its instance is replaced",
        Upstream::VolumeReplaced => "its volume is replaced",
        Upstream::InstanceChanged => "its instance is changed in place",
        Upstream::VolumeChanged => "its volume is changed in place",
    }
}

fn drift_words(drift: &Drift) -> String {
    match drift {
        Drift::GoneFromTarget => "gone from the target".into(),
        Drift::ViewInItsPlace => "gone from the target, and a view has its name there".into(),
        Drift::TableInItsPlace => "gone from the target, and a table has its name there".into(),
        Drift::PartGoneFromTarget { part } => format!("gone from the target: {part}"),
        Drift::ChangedOnTarget { part } => format!("changed on the target: {part}"),
        Drift::ViewTextChanged => "changed on the target: its text".into(),
        Drift::NotAsAtSource { table, part } => format!("{table}: {part} is not as on the source"),
        Drift::LedgerDiffers { difference } => {
            format!("the ledger on the target is not what was recorded ({difference}): restored from a backup?")
        }
        Drift::CertificateLost => "the recorded certificate is not there".into(),
        Drift::FilesIncomplete => "the load needs its dump files, and some are missing".into(),
        Drift::Gone { object, id } => format!("{} {id} is gone", object_words(*object)),
        Drift::Ended { object: CloudObject::Instance, id } => format!("the instance {id} was terminated"),
        Drift::Ended { object, id } => format!("{} {id} was deleted", object_words(*object)),
        Drift::KeyPairDiffers { name } => format!("the key pair {name} is another one now"),
        Drift::SshRuleLost { group, cidr } => format!("{group} has lost its rule for SSH from {cidr}"),
        Drift::SourceRuleLost { source_group, port, group } => {
            format!("{source_group} has lost its rule for {port} from {group}")
        }
        Drift::InstanceStopped { id } => format!("the instance {id} is stopped"),
        Drift::InstanceChanged { id, from, to } => format!("the instance {id} was changed by hand: {from} is {to}"),
        Drift::VolumeBroken { id } => format!("the volume {id} is broken"),
        Drift::VolumeDetached { id } => format!("the volume {id} is not attached to the instance"),
        Drift::OtherConnection { id } => format!("another connection takes its place: {id}"),
        Drift::ConnectionStatus { id, status } => format!("{id} is {status}"),
        Drift::RouteLost { table } => format!("{table} has lost its route"),
        Drift::RouteBlackhole { table } => format!("the route of {table} leads nowhere"),
        Drift::RouteLeadsTo { table, to } => format!("{table} leads to {to} now"),
        Drift::VpcWithoutDns => "the VPC no longer resolves names".into(),
        Drift::PrivateNamesUnresolved => "private names are no longer resolved across the connection".into(),
    }
}

fn object_words(object: CloudObject) -> &'static str {
    match object {
        CloudObject::KeyPair => "the key pair",
        CloudObject::SecurityGroup => "the security group",
        CloudObject::Instance => "the instance",
        CloudObject::Volume => "the volume",
    }
}

fn removed(object: &Removed) -> String {
    let named = |what: &str, id: &Option<String>| match id {
        Some(id) => format!("{what} {id}"),
        None => format!("{what}, as far as it was made"),
    };
    match object {
        Removed::LedgerRows => "this lineage's rows in the ledger".into(),
        Removed::DumpFiles => "its files".into(),
        Removed::WorkFolder => "its work folder".into(),
        Removed::Table { rows: Some(rows) } => format!("the target's table with its {}", count(*rows, "row", "rows")),
        Removed::Table { rows: None } => "the target's table".into(),
        Removed::View => "the target's view".into(),
        Removed::KeyPair { name } => named("the key pair", name) + ", and its private half here where mig made it",
        Removed::SecurityGroup { id } => named("the security group", id) + ", and its rule on the source's",
        Removed::Instance { id } => named("the instance", id),
        Removed::Volume { id } => named("the volume", id) + " with the dump on it",
        Removed::Worker => "the worker there".into(),
        Removed::Route => "the route that was made".into(),
    }
}

fn kept(object: Kept) -> &'static str {
    match object {
        Kept::Made => "what it made stays",
        Kept::PeeringConnection => "the peering connection stays",
        Kept::VpcSettings => "the VPC's settings stay",
        Kept::Found => "it was there before and stays",
    }
}
