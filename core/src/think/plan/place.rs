//! The right place: an id of a cloud means something in one account and one region only, so what is recorded there is
//! looked for, changed and removed nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{source_addr, target_addr};
use super::diff::recorded_server;
use super::kinds::{self, WorkedOn};
use crate::formats::cause::Cause;
use crate::formats::cloud::CloudPlace;
use crate::formats::cloud_facts::CloudFacts;
use crate::formats::cloud_inputs::{InstanceOutputs, VolumeOutputs};
use crate::formats::facts::{LedgerFacts, NO_LEDGER, ServerFacts, World, met};
use crate::formats::plan::{Action, Graph, Mode, Node};
use crate::formats::spec::model::{DUMP, Migration, Spec};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::steps::ServerOutputs;
use crate::words::addr::{StepAddr, StepKind, StepType, sql_ident, sql_literal};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::Outcome;
use crate::words::step::Creates;

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
            Some((_, record)) if record.outputs.is_none() => true,
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
        Mode::Apply | Mode::Refresh => (
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
        let (Some(cluster), Some(recorded)) = (cluster.filter(|_| unseen), recorded_server(state, &addr)?) else {
            continue;
        };
        if recorded != cluster.resource_id {
            found.push(another_server(addr.to_string(), &recorded, &cluster.resource_id));
        }
    }
    Ok(found)
}

/// The servers that a migration was carried out with, by their own ids and whatever their blocks are called.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WorkedWith {
    /// Empty: nothing is recorded of it.
    pub sources: BTreeSet<String>,
    pub targets: BTreeSet<String>,
}

/// Which servers a migration was carried out with: by the records of what was made and read there. Those of an earlier
/// build do not say it; then the servers that its gates judged, and where those are forgotten, any that is recorded.
///
/// # Errors
/// MIG4002: a record cannot be read.
pub fn worked_with(state: &State, migration: &str) -> Outcome<WorkedWith> {
    let mut found = WorkedWith::default();
    let mut judged = WorkedWith::default();
    let mut has_steps = false;
    for (addr, record) in state.steps.iter().filter(|(addr, _)| addr.migration() == Some(migration)) {
        has_steps = true;
        if record.kind == StepKind::Gate {
            judged.add(state, record.depends_on.iter())?;
        }
        let Some(of) = addr.step_type() else { continue };
        match (kinds::row(of).server)(addr, record)? {
            Some(WorkedOn::Source(id)) => found.sources.extend([id]),
            Some(WorkedOn::Target(id)) => found.targets.extend([id]),
            None => {}
        }
    }
    let mut any = WorkedWith::default();
    if has_steps {
        any.add(state, state.steps.keys())?;
    }
    let first = |sets: [BTreeSet<String>; 3]| {
        let mut first = sets.into_iter().find(|set| !set.is_empty()).unwrap_or_default();
        // A dump in the place of a source is not a server: a migration may read from one afterwards.
        first.remove(DUMP);
        first
    };
    Ok(WorkedWith {
        sources: first([found.sources, judged.sources, any.sources]),
        targets: first([found.targets, judged.targets, any.targets]),
    })
}

impl WorkedWith {
    fn add<'a>(&mut self, state: &State, servers: impl Iterator<Item = &'a StepAddr>) -> Outcome<()> {
        for addr in servers {
            let to = if addr.kind() == Some(StepKind::Source) {
                &mut self.sources
            } else if addr.kind() == Some(StepKind::Target) {
                &mut self.targets
            } else {
                continue;
            };
            to.extend(recorded_server(state, addr)?.filter(|id| !id.is_empty()));
        }
        Ok(())
    }
}

/// A server of a migration as its block has it now: the address, the ids it was carried out with, and what answers there.
struct Now<'a> {
    addr: StepAddr,
    known: BTreeSet<String>,
    facts: &'a ServerFacts,
}

/// The servers of a migration that answer. A dump in the place of a source is not a server.
fn servers_now<'a>(spec: &Spec, state: &State, world: &'a World, migration: &Migration) -> Outcome<Vec<Now<'a>>> {
    let worked = worked_with(state, &migration.name)?;
    let source = spec.sources.get(&migration.source).map(|server| (source_addr(server), worked.sources));
    let target = spec.targets.get(&migration.target).map(|server| (target_addr(server), worked.targets));
    let there = source.into_iter().chain(target).filter_map(|(addr, known)| {
        let facts = world.servers.get(&addr.to_string()).filter(|facts| facts.fault.is_none() && !facts.dump)?;
        Some(Now { addr, known, facts }).filter(|now| !now.known.is_empty())
    });
    Ok(there.collect())
}

/// Servers that are not recorded under the address that they have in the spec, although migrations were carried out with
/// them: another name of a block. Each is recorded under its new address, else nothing would find another server there.
///
/// # Errors
/// MIG4002: a record cannot be read.
pub(super) fn renamed(spec: &Spec, state: &State, world: &World) -> Outcome<BTreeMap<StepAddr, Cause>> {
    let mut found = BTreeMap::new();
    for migration in spec.migrations.values() {
        for now in servers_now(spec, state, world, migration)? {
            if state.steps.contains_key(&now.addr) || !now.known.contains(&now.facts.server_id) {
                continue;
            }
            let mut from = None;
            for addr in state.steps.keys().filter(|addr| addr.kind() == now.addr.kind()) {
                if recorded_server(state, addr)?.as_ref() == Some(&now.facts.server_id) {
                    from = Some(addr.clone());
                }
            }
            let cause = from.map_or(Cause::NotRecorded, |from| Cause::Renamed { from });
            found.insert(now.addr, cause);
        }
    }
    Ok(found)
}

/// Migrations whose blocks name another server now than the one that they were carried out with: `target =` was changed, or
/// a block was renamed and leads elsewhere.
///
/// # Errors
/// As [`renamed`].
fn moved_elsewhere(spec: &Spec, state: &State, world: &World) -> Outcome<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for migration in spec.migrations.values() {
        for Now { addr, known, facts } in servers_now(spec, state, world, migration)? {
            // Said of the server itself.
            let said = recorded_server(state, &addr)?.is_some_and(|recorded| recorded != facts.server_id);
            if !said && !known.contains(&facts.server_id) {
                found.push(migration_elsewhere(&migration.name, &addr, &known, &facts.server_id));
            }
        }
    }
    Ok(found)
}

/// Targets of a destroy that no block of the spec is named after: where they are is not known before a run has asked the
/// other targets for their ids.
pub(super) fn without_block(spec: &Spec, graph: &Graph) -> Vec<Diagnostic> {
    let named: BTreeSet<StepAddr> = spec.targets.values().map(target_addr).collect();
    let gone = graph.nodes.iter().filter(|node| node.kind == StepKind::Target && node.action == Action::Destroy);
    gone.filter(|node| !named.contains(&node.addr))
        .map(|node| {
            Diagnostic::warning(codes::TARGET_NOT_IN_SPEC, format!("the spec has no block {}", node.addr))
                .about(node.addr.to_string())
                .detail("Nothing can be removed there, unless another target of the spec is this server by its own id.")
                .help("Put the block back. If what is there is to stay: `mig state rm` with this address.")
        })
        .collect()
}

/// Adds everything that is not where the records say.
///
/// # Errors
/// As [`renamed`].
pub(super) fn add_elsewhere(
    diagnostics: &mut Vec<Diagnostic>,
    spec: &Spec,
    state: &State,
    world: &World,
) -> Outcome<()> {
    let ledgers = other_ledgers(spec, state)?;
    // A TiDB whose ledger is in another schema is not another server, nor is its ledger lost.
    let moved = |found: &Diagnostic| ledgers.iter().any(|ledger| ledger.subject == found.subject);
    diagnostics.retain(|found| found.code != codes::OTHER_SERVER_THAN_RECORDED || !moved(found));
    diagnostics.extend(lost_ledgers(spec, state, world)?.into_iter().filter(|found| !moved(found)));
    diagnostics.extend(moved_elsewhere(spec, state, world)?);
    diagnostics.extend(ledgers);
    Ok(())
}

/// A migration that was carried out with another server than the one that its block names.
pub fn migration_elsewhere(migration: &str, addr: &StepAddr, known: &BTreeSet<String>, found: &str) -> Diagnostic {
    let side = if addr.kind() == Some(StepKind::Source) { "source" } else { "target" };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Diagnostic::error(
        codes::OTHER_SERVER_THAN_RECORDED,
        format!("migration.{migration} was carried out with another {side} than {addr}"),
    )
    .about(format!("migration.{migration}"))
    .detail(format!("recorded {}, found {}", known.join(", "), met(found)))
    .help(format!(
        "Let `{side}` of the migration name the server of the earlier runs. To work with this one, too: write a migration \
         of another name; or `mig state rm migration.{migration}`, then what was moved stays and is not known any more."
    ))
}

/// Targets whose ledger is in another schema than the one that the spec names: what is recorded of them is not there.
///
/// # Errors
/// MIG4002: a record cannot be read.
pub fn other_ledgers(spec: &Spec, state: &State) -> Outcome<Vec<Diagnostic>> {
    let mut found = Vec::new();
    for target in spec.targets.values() {
        let addr = target_addr(target);
        let recorded = state.outputs_of::<ServerOutputs>(&addr)?.and_then(|made| made.ledger_schema);
        if let Some(recorded) = recorded.filter(|recorded| *recorded != target.ledger_schema) {
            found.push(
                Diagnostic::error(
                    codes::OTHER_SERVER_THAN_RECORDED,
                    "the ledger of the earlier runs is in another schema than the one that the spec names",
                )
                .about(addr.to_string())
                .detail(format!("recorded {recorded}, in the spec {}", target.ledger_schema))
                .help(format!("Set ledger_schema = \"{recorded}\" in the block.")),
            );
        }
    }
    Ok(found)
}

/// Targets that have lost their ledger, or its rows, and are known by a name of their own all the same: what it said of the
/// tables that are recorded is gone.
///
/// # Errors
/// As [`other_ledgers`].
fn lost_ledgers(spec: &Spec, state: &State, world: &World) -> Outcome<Vec<Diagnostic>> {
    let mut found = BTreeMap::new();
    for migration in spec.migrations.values() {
        let Some(target) = spec.targets.get(&migration.target) else { continue };
        let addr = target_addr(target);
        let facts = world.migrations.get(&migration.name);
        // The target was restored to a time before the first run: the ledger and all objects are gone. They are created again.
        let is_there = |addr: &StepAddr| {
            let name = addr.table();
            name.zip(facts).is_some_and(|(name, facts)| facts.target.has(&name))
        };
        let made = |(addr, record): &(&StepAddr, &StepRecord)| {
            let object = record.kind.is_target_data() && is_there(addr);
            object && !record.outputs.is_none() && addr.migration() == Some(migration.name.as_str())
        };
        let made: Vec<_> = state.steps.iter().filter(made).collect();
        let seen = world.servers.get(&addr.to_string()).filter(|facts| facts.fault.is_none());
        let (Some(recorded), Some(seen), Some(facts)) = (recorded_server(state, &addr)?, seen, facts) else { continue };
        if recorded != seen.server_id || made.is_empty() {
            continue;
        }
        if !facts.ledger.present {
            found.insert(addr.to_string(), another_server(addr.to_string(), &recorded, ""));
            continue;
        }
        let unlisted = unlisted(&facts.ledger, &state.lineage, &made);
        if !unlisted.is_empty() {
            let addr = format!("migration.{}", migration.name);
            let told = not_listed(&addr, &target.ledger_schema, &facts.ledger, (&state.lineage, &unlisted));
            found.insert(addr, told);
        }
    }
    Ok(found.into_values().collect())
}

/// What is complete by its record and stands on the target, and has no row of this lineage in the ledger.
fn unlisted<'a>(
    ledger: &LedgerFacts,
    lineage: &str,
    made: &[(&'a StepAddr, &StepRecord)],
) -> Vec<(&'a StepAddr, StepKind)> {
    let own = ledger.objects.iter().filter(|object| object.lineage == lineage);
    let listed: BTreeSet<&str> = own.map(|object| object.name.as_str()).collect();
    let lacks = |(addr, record): &&(&StepAddr, &StepRecord)| {
        record.status == Status::Complete && addr.key().is_some_and(|key| !listed.contains(key))
    };
    made.iter().filter(lacks).map(|(addr, record)| (*addr, record.kind)).collect()
}

/// Names of objects that the finding lists.
const NAMED: usize = 20;

/// Every load, reset and drop asks the ledger first, and the ledger does not list these objects. The statement puts them back as
/// adopted, because mig never drops an adopted object.
fn not_listed(
    about: &str,
    schema: &str,
    ledger: &LedgerFacts,
    (lineage, objects): (&str, &[(&StepAddr, StepKind)]),
) -> Diagnostic {
    let name = |addr: &StepAddr| addr.key().unwrap_or_default().to_owned();
    let mut names: Vec<String> = objects.iter().take(NAMED).map(|(addr, _)| name(addr)).collect();
    let row = |(addr, kind): &(&StepAddr, StepKind)| {
        let kind = if kind.creates() == Some(Creates::View) { "view" } else { "table" };
        let epoch = ledger.loaded.get(&name(addr)).map_or(1, |loaded| loaded.epoch);
        format!("({}, '{kind}', {}, 'adopted', {epoch})", sql_literal(lineage), sql_literal(&name(addr)))
    };
    let rows: Vec<String> = objects.iter().take(NAMED).map(row).collect();
    if objects.len() > NAMED {
        names.push(format!("and {} more", objects.len() - NAMED));
    }
    Diagnostic::error(
        codes::OBJECT_NOT_IN_LEDGER,
        "the ledger on the target does not list what the state has as made there",
    )
    .about(about)
    .detail(names.join("\n"))
    .help(format!(
        "Put the rows of `objects` back from a backup of the ledger. Where there is none and these are the objects of the \
         earlier runs: INSERT INTO {}.objects (lineage, kind, name, state, epoch) VALUES {}; then plan again{}. mig never \
         drops what it has adopted.",
        sql_ident(schema),
        rows.join(", "),
        if objects.len() > NAMED { ", for the rest of them" } else { "" }
    ))
}

/// A server that is not the one recorded: nothing may be compared with it.
pub(super) fn another_server(address: String, recorded: &str, found: &str) -> Diagnostic {
    if found.is_empty() || found == NO_LEDGER {
        // A TiDB is known by the ledger that mig made there.
        let help = format!(
            "Point the block back at the server of the earlier runs; if `ledger_schema` was changed, set it back. If this is \
             that server: let the user of the block read the ledger's schema (a user without SELECT there sees none). If \
             its ledger was dropped: `mig state rm {address}` and each migration into it, drop what they moved there, then \
             plan again."
        );
        return Diagnostic::error(
            codes::OTHER_SERVER_THAN_RECORDED,
            "the server in the state has a ledger, and the user of this block sees none at this address",
        )
        .about(address)
        .detail(format!("recorded {recorded}, seen none"))
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
