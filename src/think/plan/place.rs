//! The right place: an id of a cloud means something in one account and one region only, so what is recorded there is
//! looked for, changed and removed nowhere else.

use crate::formats::cloud::CloudPlace;
use crate::formats::cloud_facts::CloudFacts;
use crate::formats::cloud_inputs::{InstanceOutputs, VolumeOutputs};
use crate::formats::facts::World;
use crate::formats::plan::{Action, Graph, Mode, Node};
use crate::formats::spec::model::Spec;
use crate::formats::state::{State, Status};
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::Outcome;

/// Where the provider's credentials lead. `None`: no provider, or the account did not say.
pub fn of_provider(spec: &Spec, cloud: Option<&CloudFacts>) -> Option<CloudPlace> {
    let (aws, cloud) = (spec.aws.as_ref()?, cloud?);
    let account =
        Some(cloud.identity.account.clone()).filter(|account| cloud.fault.is_none() && !account.is_empty())?;
    Some(CloudPlace { account, region: aws.region.clone() })
}

/// Why mig does not work in this place.
pub fn wrong_provider(spec: &Spec, state: Option<&State>, here: &CloudPlace) -> Option<Diagnostic> {
    let recorded = state.and_then(|state| state.provider.as_ref());
    if let Some(recorded) = recorded.filter(|recorded| *recorded != here) {
        return Some(
            Diagnostic::error(
                codes::OTHER_ACCOUNT_OR_REGION,
                "this is another account or region than the one in the state",
            )
            .about("provider.aws")
            .detail(format!("recorded {recorded}, found {here}"))
            .help(
                "Take the credentials and the `region` of the earlier runs. To work in both places, give each a \
                     folder and a state of its own.",
            ),
        );
    }
    let allowed = spec.aws.as_ref().map(|aws| aws.allowed_account_ids.as_slice()).unwrap_or_default();
    if allowed.is_empty() || allowed.contains(&here.account) {
        return None;
    }
    Some(
        Diagnostic::error(codes::ACCOUNT_NOT_ALLOWED, "the provider does not allow this account")
            .about("provider.aws")
            .detail(format!("allowed_account_ids = {allowed:?}, found {here}"))
            .help("Take credentials of an allowed account (`profile`, AWS_PROFILE), or add this one to the list."),
    )
}

/// Objects in a cloud that a plan changes without a provider to do it with: found here, and not after other steps are done.
pub(super) fn without_provider(spec: &Spec, graph: &Graph) -> Option<Diagnostic> {
    if spec.aws.is_some() {
        return None;
    }
    let acts = |node: &&Node| node.action.is_change() && node.action != Action::Forget;
    let in_cloud = |node: &&Node| node.addr.step_type().is_some_and(StepType::in_cloud);
    let needing = graph.nodes.iter().filter(acts).filter(in_cloud).map(|node| node.addr.to_string());
    let needing: Vec<String> = needing.collect();
    (!needing.is_empty()).then(|| {
        Diagnostic::error(codes::PROVIDER_NEEDED, "the spec has no provider \"aws\", and this plan needs it")
            .about("provider.aws")
            .detail(format!("Objects in the account: {}", needing.join(", ")))
            .help("Put the provider's block back; take it out of the spec when these objects are gone.")
    })
}

/// What an account has of this lineage and the state does not know: the state is older than they are. `Mode::Apply` takes
/// over what its steps would make; a destroy would leave it all behind, so it does not begin.
///
/// # Errors
/// MIG4002: the record of one cannot be read.
pub(super) fn not_recorded(state: Option<&State>, world: &World, mode: Mode) -> Outcome<Vec<Diagnostic>> {
    let (Some(state), Some(cloud)) = (state, &world.cloud) else { return Ok(Vec::new()) };
    let mut unknown = Vec::new();
    for object in &cloud.tagged {
        let addr = StepAddr::parse(&object.address);
        let record = addr.as_ref().and_then(|addr| state.steps.get(addr).map(|record| (addr, record)));
        let known = match record {
            // What it made is for the step itself to look for.
            Some((_, record)) if record.outputs.is_null() => true,
            Some((addr, record)) => {
                let is = |part| addr.step_type() == Some(part);
                let made = if is(StepType::Instance) {
                    record.outputs_as::<InstanceOutputs>(addr)?.map(|made| made.instance_id)
                } else if is(StepType::Volume) {
                    record.outputs_as::<VolumeOutputs>(addr)?.map(|made| made.volume_id)
                } else {
                    None
                };
                made.as_ref() == Some(&object.id) || record.status != Status::Complete
            }
            None => false,
        };
        if !known {
            unknown.push(format!("{} ({})", object.id, object.address));
        }
    }
    let mut found = Vec::new();
    if let Some(fault) = &cloud.tagged_fault {
        let summary = format!("failed to {}: {}", fault.doing, fault.cause);
        let diagnostic = Diagnostic::warning(fault.code, summary).about("provider.aws");
        found.push(
            diagnostic.help("Whether the account has more objects of this lineage than the state knows is not known."),
        );
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let summary = "the account has objects of this lineage that the state does not know";
    let (diagnostic, help) = match mode {
        Mode::Apply => (
            Diagnostic::warning(codes::OBJECTS_NOT_RECORDED, summary),
            "Usually the state is an older copy: put the newer one back (`mig state push`). Else apply takes over those of \
             a step that it makes; remove the others by hand, or take their tag mig:lineage off.",
        ),
        Mode::Destroy => (
            Diagnostic::error(codes::OBJECTS_NOT_RECORDED, summary),
            "A destroy would leave them. Put the newer state back (`mig state push`), or remove them by hand. To keep \
             one, take its tag mig:lineage off. Then run mig destroy again.",
        ),
    };
    found.push(diagnostic.about("provider.aws").detail(unknown.join("\n")).help(help));
    Ok(found)
}

/// Clusters that are other ones than those in the state and that nobody can reach yet: their runner is not ready.
///
/// # Errors
/// MIG4002: the record of one cannot be read.
pub(super) fn other_clusters(state: &State, world: &World) -> Outcome<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for (name, seen) in world.cloud.iter().flat_map(|cloud| &cloud.clusters) {
        let addr = StepAddr::new(&["source", "aurora", name]);
        let cluster = seen.cluster.as_ref().filter(|cluster| !cluster.resource_id.is_empty());
        let unseen = !world.servers.contains_key(&addr.to_string());
        let (Some(cluster), Some(recorded)) = (cluster.filter(|_| unseen), super::diff::recorded_server(state, &addr)?)
        else {
            continue;
        };
        if recorded != cluster.resource_id {
            found.push(another_server(addr.to_string(), &recorded, &cluster.resource_id));
        }
    }
    Ok(found)
}

/// A server that is not the one recorded: nothing may be compared with it.
pub(super) fn another_server(address: String, recorded: &str, found: &str) -> Diagnostic {
    if found.is_empty() || found == "none" {
        // A TiDB is known by the ledger that mig made there.
        let help = format!(
            "Point the block back at the server of the earlier runs. If this is that server and its ledger was dropped: \
             `mig state rm {address}` and each migration into it, drop what they moved there, then plan again."
        );
        return Diagnostic::error(
            codes::OTHER_SERVER_THAN_RECORDED,
            "the server in the state has a ledger, and the one at this address has none",
        )
        .about(address)
        .detail(format!("recorded {recorded}, found none"))
        .help(help);
    }
    Diagnostic::error(
        codes::OTHER_SERVER_THAN_RECORDED,
        "another server answers at this address than the one in the state",
    )
    .about(address)
    .detail(format!("recorded {recorded}, found {found}"))
    .help(
        "Point the block back at the server of the earlier runs, or begin a new state: another `path` in \
             `backend \"local\"`.",
    )
}
