//! `source.aurora.…`: records the cluster that the look-up found, beside the server that answered at its endpoint. A
//! cluster is seen from inside of its VPC only, so before its runner is ready the look-up is all there is.

use serde_json::{Value, json};

use super::context::Context;
use super::servers;
use crate::formats::plan::Node;
use crate::words::addr::StepAddr;
use crate::words::error::Outcome;

/// Whether an address is such a source.
pub fn has(addr: &StepAddr) -> bool {
    addr.words().iter().take(2).eq(["source", "aurora"])
}

pub async fn run(context: &Context, node: &Node) -> Outcome<Value> {
    let name = node.addr.words().get(2).map_or("", String::as_str);
    let seen = context.world.cloud.as_ref().and_then(|cloud| cloud.clusters.get(name));
    let cluster = seen.and_then(|seen| seen.cluster.as_ref());
    let mut outputs = match (context.seen(&node.addr), cluster) {
        (None, Some(cluster)) => json!({ "server_id": cluster.resource_id, "version": cluster.engine_version }),
        _ => servers::run(context, node).await?,
    };
    if let Some(cluster) = cluster {
        outputs["cluster"] = json!(cluster);
    }
    if let Some(bytes) = seen.and_then(|seen| seen.volume_bytes) {
        outputs["volume_bytes"] = json!(bytes);
    }
    Ok(outputs)
}
