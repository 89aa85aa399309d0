//! Objects in a cloud account: parts of a runner in EC2 and of a peering. Which of them there are is in [`super::super::aws`];
//! they are decided by what the account says of them ([`super::super::aws_diff`]), not by the rules here.

use super::{PLAIN, Row, Wants, holds, seconds, unsaid};
use crate::formats::cause::{Kept, Removed};
use crate::formats::cloud_inputs::{
    DnsOutputs, InstanceOutputs, KeyPairOutputs, PeeringOutputs, ReadyOutputs, RouteOutputs, SecurityGroupOutputs,
    VolumeOutputs,
};
use crate::formats::steps::Removal;
use crate::think::plan::destroy::{Recorded, Undone};
use crate::words::addr::StepType;
use crate::words::error::Outcome;

pub(super) const ROWS: &[Row] = &[
    Row {
        of: StepType::KeyPair,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let made = of.record.outputs_as::<KeyPairOutputs>(of.addr)?;
            let name = made.as_ref().map(|made| made.name.clone());
            owned(made.is_none_or(|made| made.owned), Removed::KeyPair { name }, of)
        },
        record: holds::<KeyPairOutputs>,
        server: unsaid,
        takes: seconds(0.5, 4.0),
    },
    Row {
        of: StepType::SecurityGroup,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let made = of.record.outputs_as::<SecurityGroupOutputs>(of.addr)?;
            let id = made.as_ref().map(|made| made.group_id.clone());
            let ours = made.is_none_or(|made| made.owned || made.owns_source_rule);
            owned(ours, Removed::SecurityGroup { id }, of)
        },
        record: holds::<SecurityGroupOutputs>,
        server: unsaid,
        takes: seconds(0.5, 4.0),
    },
    Row {
        of: StepType::Instance,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let id = of.record.outputs_as::<InstanceOutputs>(of.addr)?.map(|made| made.instance_id);
            owned(true, Removed::Instance { id }, of)
        },
        record: holds::<InstanceOutputs>,
        server: unsaid,
        takes: seconds(20.0, 120.0),
    },
    Row {
        of: StepType::Volume,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let id = of.record.outputs_as::<VolumeOutputs>(of.addr)?.map(|made| made.volume_id);
            owned(true, Removed::Volume { id }, of)
        },
        record: holds::<VolumeOutputs>,
        server: unsaid,
        takes: seconds(5.0, 40.0),
    },
    Row {
        of: StepType::Ready,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| owned(true, Removed::Worker, of),
        record: holds::<ReadyOutputs>,
        server: unsaid,
        takes: seconds(20.0, 180.0),
    },
    Row {
        of: StepType::Connection,
        wants: Wants::Blocks,
        rules: PLAIN,
        // An accepted connection is the customer's from then on.
        undo: |_| Ok(Undone::kept(Kept::PeeringConnection)),
        record: holds::<PeeringOutputs>,
        server: unsaid,
        takes: seconds(2.0, 20.0),
    },
    Row {
        of: StepType::Route,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let made = of.record.outputs_as::<RouteOutputs>(of.addr)?;
            owned(made.is_none_or(|made| made.owned), Removed::Route, of)
        },
        record: holds::<RouteOutputs>,
        server: unsaid,
        takes: seconds(0.5, 4.0),
    },
    Row {
        of: StepType::Dns,
        wants: Wants::Blocks,
        rules: PLAIN,
        // The VPC's own settings are the customer's from then on.
        undo: |_| Ok(Undone::kept(Kept::VpcSettings)),
        record: holds::<DnsOutputs>,
        server: unsaid,
        takes: seconds(0.5, 4.0),
    },
];

/// What this lineage made is removed, what it found stays. Of a step that never completed, the step itself looks what there is.
fn owned(ours: bool, object: Removed, of: &Recorded) -> Outcome<Undone> {
    if ours { Undone::removed(object, &Removal::noted(of.record)) } else { Ok(Undone::kept(Kept::Found)) }
}
