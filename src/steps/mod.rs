//! What each kind of step does, one file a kind, and the table that names them all. Steps reach the world through the
//! seams and the drive through [`step::StepCtx`].

pub mod again;
pub mod aurora;
pub mod batch;
pub mod cloud;
pub mod context;
pub mod differences;
pub mod dump;
pub mod ec2;
pub mod foreign;
pub mod gate;
mod generated;
pub mod import;
pub mod ledger;
pub mod load;
pub mod login;
mod losses;
pub mod objects;
pub mod observe;
pub mod pair;
pub mod part_file;
pub mod part_reader;
pub mod peering;
pub mod probe;
pub mod proof;
pub mod refusal;
pub mod remote;
pub mod report;
mod reread;
pub mod room;
pub mod runner;
pub mod servers;
pub mod step;
pub mod structure;
pub mod verification;
pub mod verify;
pub mod view;
pub mod view_proof;
pub mod walk;
pub mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::formats::plan::{Action, Graph, Node};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::error::{Failure, Outcome};
use again::again;
use context::Context;
use step::{StepCtx, StepSet};

/// Every kind of step over one run's context.
pub struct Steps(pub Arc<Context>);

impl StepSet for Steps {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            let context = &self.0;
            let outcome = match (node.action, node.kind) {
                (_, StepKind::Runner) if ec2::has(&node.addr) => ec2::run(context, node, &ctx).await,
                (_, StepKind::Peering) => peering::run(context, node, &ctx).await,
                (Action::Destroy, StepKind::Target) => servers::destroy(context, node).await,
                (Action::Destroy, StepKind::Runner) => runner::destroy(context, node).await,
                (Action::Destroy, StepKind::Dump) => dump::destroy(context, node).await,
                (Action::Destroy, StepKind::Table | StepKind::View) => objects::destroy(context, node).await,
                (Action::Destroy, _) => Ok(Value::Null),
                (_, StepKind::Source) if aurora::has(&node.addr) => {
                    again(context, &ctx, || aurora::run(context, node)).await
                }
                (_, StepKind::Source | StepKind::Target) => again(context, &ctx, || servers::run(context, node)).await,
                (_, StepKind::Runner) => runner::run(context, node).await,
                (_, StepKind::Gate) => gate::run(context, node, &ctx).await,
                (_, StepKind::Database) => again(context, &ctx, || objects::database(context, node)).await,
                // A replace drops rows: what an attempt at it came to is for the next run to look at.
                (Action::Replace, StepKind::Table) => objects::table(context, node, &ctx).await,
                (_, StepKind::Table) => again(context, &ctx, || objects::table(context, node, &ctx)).await,
                (_, StepKind::Dump) => match import::inputs(node)? {
                    Some(files) => import::run(context, node, ctx, files).await,
                    None => dump::run(context, node, ctx).await,
                },
                (_, StepKind::Load) => load::run(context, node, ctx).await,
                (_, StepKind::Verify) if import::stands_alone(context, node) => {
                    import::verify_alone(context, node, ctx).await
                }
                (_, StepKind::Verify) => {
                    verify::run(context, node, ctx).await.map_err(|failure| import::explained(context, node, failure))
                }
                (_, StepKind::ForeignKeys) => again(context, &ctx, || objects::foreign_keys(context, node)).await,
                (_, StepKind::View) => again(context, &ctx, || view::run(context, node)).await,
                (_, StepKind::Report) => report::run(context, node, ctx).await,
            };
            outcome.map_err(|failure| failure.at(&node.addr))
        })
    }

    fn withdraw<'a>(
        &'a self,
        graph: &'a Graph,
        completed: &'a BTreeSet<StepAddr>,
        failures: &'a [Failure],
    ) -> BoxFuture<'a, Vec<Failure>> {
        Box::pin(structure::withdraw(&self.0, graph, completed, failures))
    }
}
