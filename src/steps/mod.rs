//! What each type of step does, one file a type, and the table that names them all. The files of a folder are named here, too,
//! so that a step has its module and its rows in one place. Steps reach the world through the seams and the drive through
//! [`step::StepCtx`].

pub mod again;
pub mod context;
pub mod gate;
pub mod observe;
pub mod remote;
pub mod runner;
pub mod servers;
pub mod step;

/// What works on AWS: the parts of a runner in EC2, a peering, an Aurora source, and its log-in.
pub mod cloud {
    pub mod aurora;
    /// `runner.ec2.…`: a machine in the source's VPC, in five steps. Each looks at what an earlier run may have left before
    /// it asks for anything, writes down what it asks for, and asks in a way that has its effect once.
    pub mod ec2 {
        pub mod instance;
        pub mod key_pair;
        pub mod ready;
        pub mod security_group;
        pub mod volume;
    }
    pub mod login;
    pub mod peering;
    pub mod session;
}

/// What proves a migration: hashes of both sides, views, writes to the source, and the certificate.
pub mod proof {
    pub mod differences;
    pub mod generated;
    pub mod pair;
    pub mod report;
    pub mod reread;
    pub mod sides;
    pub mod verification;
    pub mod verify;
    pub mod view_proof;
    pub mod walk;
    pub mod writes;
}

/// What is created on the target before the first row: schemas, tables, keys and views, and the reading back.
pub mod target {
    pub mod objects;
    pub mod probe;
    pub mod removal;
    pub mod structure;
    pub mod view;
}

/// What moves rows: dumps, files, loads and the ledger that makes each load exactly once.
pub mod transfer {
    pub mod batch;
    pub mod dump;
    pub mod dumpling;
    pub mod engine;
    pub mod foreign;
    pub mod import;
    pub mod ledger;
    pub mod lightning;
    pub mod load;
    pub mod losses;
    pub mod part_file;
    pub mod part_reader;
    pub mod refusal;
    pub mod room;
    pub mod take_over;
}

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::formats::engine::{DumpEngine, LoadEngine};
use crate::formats::outputs;
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::steps::{DumpInputs, LoadInputs};
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use again::again;
use cloud::{aurora, ec2, peering};
use context::{Context, read_inputs};
use proof::{report, verify};
use step::{StepCtx, StepSet};
use target::{objects, removal, structure, view};
use transfer::{dump, dumpling, import, lightning, load};

/// Every kind of step over one run's context.
pub struct Steps(pub Arc<Context>);

impl StepSet for Steps {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            let outcome = match node.action {
                Action::Destroy => undo(&self.0, node, &ctx).await,
                _ => work(&self.0, node, ctx).await,
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

/// What each step does.
async fn work(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    match step_of(node)? {
        StepType::Source | StepType::Target => {
            outputs::to_value(&again(context, &ctx, || servers::run(context, node)).await?)
        }
        StepType::AuroraSource => outputs::to_value(&again(context, &ctx, || aurora::run(context, node)).await?),
        StepType::Runner => runner::run(context, node, &ctx).await,
        StepType::KeyPair => ec2::key_pair::run(context, node, &ctx).await,
        StepType::SecurityGroup => ec2::security_group::run(context, node, &ctx).await,
        StepType::Instance => ec2::instance::run(context, node, &ctx).await,
        StepType::Volume => ec2::volume::run(context, node, &ctx).await,
        StepType::Ready => ec2::ready::run(context, node, &ctx).await,
        StepType::Connection => peering::connection(context, node, &ctx).await,
        StepType::Route => peering::route(context, node, &ctx).await,
        StepType::Dns => peering::dns(context, node, &ctx).await,
        StepType::Gate => gate::run(context, node, &ctx).await,
        StepType::Database => again(context, &ctx, || objects::database(context, node, &ctx)).await,
        // A replace drops rows: how an attempt at it ended is for the next run to look at.
        StepType::Table if node.action == Action::Replace => objects::table(context, node, &ctx).await,
        StepType::Table => again(context, &ctx, || objects::table(context, node, &ctx)).await,
        StepType::Dump => match read_inputs::<DumpInputs>(node)? {
            DumpInputs { import: Some(files), .. } => import::run(context, node, ctx, files).await,
            DumpInputs { import: None, engine: DumpEngine::Native, .. } => dump::run(context, node, ctx).await,
            DumpInputs { import: None, engine: DumpEngine::Dumpling, .. } => dumpling::run(context, node, ctx).await,
        },
        StepType::Load => match read_inputs::<LoadInputs>(node)?.engine {
            LoadEngine::Native => load::run(context, node, ctx).await,
            LoadEngine::Lightning => lightning::run(context, node, ctx).await,
        },
        StepType::Verify if import::stands_alone(context, node) => import::verify_alone(context, node, ctx).await,
        StepType::Verify => {
            verify::run(context, node, ctx).await.map_err(|failure| import::explained(context, node, failure))
        }
        StepType::ForeignKeys => again(context, &ctx, || objects::foreign_keys(context, node)).await,
        StepType::View => again(context, &ctx, || view::run(context, node, &ctx)).await,
        StepType::Report => report::run(context, node, ctx).await,
    }
}

/// What each step removes when it is destroyed.
async fn undo(context: &Arc<Context>, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    match step_of(node)? {
        StepType::Target => servers::destroy(context, node).await,
        StepType::Runner => runner::destroy(context, node).await,
        StepType::KeyPair => ec2::key_pair::destroy(context, node, ctx).await,
        StepType::SecurityGroup => ec2::security_group::destroy(context, node, ctx).await,
        StepType::Instance => ec2::instance::destroy(context, node, ctx).await,
        StepType::Volume => ec2::volume::destroy(context, node, ctx).await,
        StepType::Route => peering::remove_route(context, node, ctx).await,
        StepType::Dump => dump::destroy(context, node).await,
        StepType::Table | StepType::View => removal::destroy(context, node).await,
        // What runs on an instance ends with it; the others have made nothing of their own that is left.
        StepType::Ready
        | StepType::Connection
        | StepType::Dns
        | StepType::Source
        | StepType::AuroraSource
        | StepType::Gate
        | StepType::Database
        | StepType::Load
        | StepType::Verify
        | StepType::ForeignKeys
        | StepType::Report => Ok(Value::Null),
    }
}

fn step_of(node: &Node) -> Outcome<StepType> {
    node.addr.step_type().ok_or_else(|| {
        let hint = "Make the plan again with this version of mig.";
        Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "run the step", "this version knows no such step", hint)
    })
}
