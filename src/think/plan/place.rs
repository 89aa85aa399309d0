//! The right place: an id of a cloud means something in one account and one region only, so what is recorded there is
//! looked for, changed and removed nowhere else.

use crate::formats::cloud::CloudPlace;
use crate::formats::cloud_facts::CloudFacts;
use crate::formats::facts::World;
use crate::formats::spec::model::Spec;
use crate::formats::state::State;
use crate::words::addr::StepAddr;
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
