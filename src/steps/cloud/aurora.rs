//! `source.aurora.…`: records the cluster that the look-up found, beside the server that answered at its endpoint. A
//! cluster is seen from inside of its VPC only, so before its runner is ready the look-up is all there is.

use crate::formats::plan::Node;
use crate::formats::steps::ServerOutputs;
use crate::steps::context::Context;
use crate::steps::servers;
use crate::words::error::Outcome;

pub async fn run(context: &Context, node: &Node) -> Outcome<ServerOutputs> {
    let name = node.addr.block_name().unwrap_or_default();
    let seen = context.world.cloud.as_ref().and_then(|cloud| cloud.clusters.get(name));
    let cluster = seen.and_then(|seen| seen.cluster.as_ref());
    let server = match (context.seen(&node.addr), cluster) {
        (None, Some(cluster)) => ServerOutputs {
            server_id: cluster.resource_id.clone(),
            version: cluster.engine_version.clone(),
            flavor: None,
            load_data: None,
            ledger_schema: None,
            cluster: None,
            volume_bytes: None,
        },
        _ => servers::run(context, node).await?,
    };
    let volume_bytes = seen.and_then(|seen| seen.volume_bytes);
    Ok(ServerOutputs { cluster: cluster.cloned(), volume_bytes, ..server })
}
