//! `runner.ec2.…`: a machine in the source's VPC, in five steps. Each looks at what an earlier run may have left before
//! it asks for anything, writes down what it asks for, and asks in a way that has its effect once.

mod instance;
mod key_pair;
mod ready;
mod security_group;
mod volume;

use serde_json::Value;

use super::context::Context;
use super::step::StepCtx;
use crate::formats::plan::{Action, Node};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Whether an address is a part of such a runner.
pub fn has(addr: &StepAddr) -> bool {
    addr.words().iter().take(2).eq(["runner", "ec2"])
}

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let gone = node.action == Action::Destroy;
    match (node.addr.words().last().map_or("", String::as_str), gone) {
        ("key_pair", false) => key_pair::run(context, node, ctx).await,
        ("key_pair", true) => key_pair::destroy(context, node, ctx).await,
        ("security_group", false) => security_group::run(context, node, ctx).await,
        ("security_group", true) => security_group::destroy(context, node, ctx).await,
        ("instance", false) => instance::run(context, node, ctx).await,
        ("instance", true) => instance::destroy(context, node, ctx).await,
        ("volume", false) => volume::run(context, node, ctx).await,
        ("volume", true) => volume::destroy(context, node, ctx).await,
        ("ready", false) => ready::run(context, node, ctx).await,
        // What ran there ends with the instance.
        ("ready", true) => Ok(Value::Null),
        (part, _) => Err(Failure::new(
            codes::PLAN_DOES_NOT_FIT_SPEC,
            "run the step",
            format!("a runner has no part {part}"),
            "Make the plan again with this version of mig.",
        )),
    }
}
