//! What the steps in a cloud share: calls that have their effect once, however often they are made; looks that wait
//! until what was made can be seen; waiting with progress and an end. Knows no SDK.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::formats::cloud_inputs::{Intent, MadeNote, MadeObject};
use crate::formats::cloud_inputs::{NOTE_INPUTS, names};
use crate::formats::outputs::{NOTE_ABANDONED, note};
use crate::formats::plan::{Action, Node};
use crate::formats::steps::Removal;
use crate::seams::cloud::{Answer, Cloud, CloudFault};
use crate::steps::again::{TRIES, wait};
use crate::steps::context::Context;
use crate::steps::step::StepCtx;
use crate::words::addr::StepAddr;
use crate::words::addr::StepType;
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// How long an object may stay out of sight after it was made (EC2, "Eventual consistency"), before it counts as absent.
pub const SIGHT: Duration = Duration::from_secs(120);

/// How long what stands in the way of a call may take to go: an instance that still ends holds its group and its volume.
const IN_THE_WAY: Duration = Duration::from_secs(300);

/// The note of a call with all its parameters, durable before it is made.
const INTENT: &str = "intent";

/// The note of what a call made.
const MADE: &str = "made";

/// The tag that says by which spec an object was made, beside [`names::LINEAGE`] and [`names::ADDRESS`].
const SPEC: &str = "mig:spec";

/// Every call with an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    RunInstances,
    CreateVolume,
    ImportKeyPair,
    CreateSecurityGroup,
    Allow,
    Revoke,
    StartInstances,
    TerminateInstances,
    ModifyVolume,
    AttachVolume,
    DetachVolume,
    DeleteVolume,
    DeleteKeyPair,
    DeleteSecurityGroup,
    AcceptPeering,
    ModifyPeering,
    ModifyVpc,
    CreateRoute,
    DeleteRoute,
}

/// What keeps a call from having its effect twice, when its answer was lost and it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The same token with the same parameters gives the same object. `already`: the token was used with others.
    Token,
    /// The name is made from lineage and address, and a second object of it is refused. `already`: whose the first one
    /// is, is for the step to look at.
    Name,
    /// The call says what is to be, and saying it twice comes to the same. `already`: it is so.
    Nature,
}

/// One row a call.
struct Row {
    /// As the API and its policies name it.
    api: &'static str,
    guard: Guard,
    /// Codes by which EC2 says that there is nothing left to do.
    already: &'static [&'static str],
    /// Codes of what goes away by itself.
    later: &'static [&'static str],
}

impl Call {
    #[rustfmt::skip]
    fn row(self) -> Row {
        use Guard::{Name, Nature, Token};
        let row = |api, guard, already, later| Row { api, guard, already, later };
        // What was made a moment ago may not be known everywhere yet.
        const YOUNG: &[&str] = &[
            "InvalidGroup.NotFound", "InvalidKeyPair.NotFound", "InvalidInstanceID.NotFound", "InvalidVolume.NotFound",
            "IncorrectState", "IncorrectInstanceState",
        ];
        match self {
            Self::RunInstances => row("RunInstances", Token, &["IdempotentParameterMismatch"], YOUNG),
            Self::CreateVolume => row("CreateVolume", Token, &["IdempotentParameterMismatch"], &[]),
            Self::ImportKeyPair => row("ImportKeyPair", Name, &["InvalidKeyPair.Duplicate"], &[]),
            Self::CreateSecurityGroup => row("CreateSecurityGroup", Name, &["InvalidGroup.Duplicate"], &[]),
            Self::Allow => row("AuthorizeSecurityGroupIngress", Nature, &["InvalidPermission.Duplicate"], YOUNG),
            Self::Revoke => row("RevokeSecurityGroupIngress", Nature,
                &["InvalidPermission.NotFound", "InvalidGroup.NotFound"], &[]),
            Self::StartInstances => row("StartInstances", Nature, &[], &["IncorrectInstanceState"]),
            Self::TerminateInstances => row("TerminateInstances", Nature, &["InvalidInstanceID.NotFound"], &[]),
            Self::ModifyVolume => row("ModifyVolume", Nature, &["IncorrectModificationState"], &["IncorrectState"]),
            Self::AttachVolume => row("AttachVolume", Nature, &["VolumeInUse"], YOUNG),
            Self::DetachVolume => row("DetachVolume", Nature,
                &["IncorrectState", "InvalidVolume.NotFound", "InvalidAttachment.NotFound"], &[]),
            Self::DeleteVolume => row("DeleteVolume", Nature, &["InvalidVolume.NotFound"], &["VolumeInUse"]),
            Self::DeleteKeyPair => row("DeleteKeyPair", Nature, &["InvalidKeyPair.NotFound"], &[]),
            Self::DeleteSecurityGroup => row("DeleteSecurityGroup", Nature, &["InvalidGroup.NotFound"],
                &["DependencyViolation", "InvalidGroup.InUse"]),
            Self::AcceptPeering => row("AcceptVpcPeeringConnection", Nature, &["InvalidStateTransition"], &[]),
            Self::ModifyPeering => row("ModifyVpcPeeringConnectionOptions", Nature, &[], &[]),
            Self::ModifyVpc => row("ModifyVpcAttribute", Nature, &[], &[]),
            Self::CreateRoute => row("CreateRoute", Nature, &["RouteAlreadyExists"], &[]),
            Self::DeleteRoute => row("DeleteRoute", Nature, &["InvalidRoute.NotFound"], &[]),
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Done<T> {
    Made(T),
    /// It was so already, or something stands where the object would: see [`Guard`].
    Already,
}

/// An object that an earlier call made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: String,
    pub attempt: u32,
    pub by: Maker,
}

/// Which run of the step made an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// This one, with the settings that it has now.
    Unfinished,
    /// One that never came to its end, with other settings.
    Abandoned,
    /// The last one that came to its end.
    Completed,
}

impl Known {
    /// Whether the object is the one that is wanted, where it is still there.
    pub fn stays(&self, action: Action) -> bool {
        match self.by {
            Maker::Unfinished => true,
            Maker::Abandoned => false,
            Maker::Completed => action != Action::Replace,
        }
    }
}

/// A step's hold on the cloud.
pub struct Hand<'a> {
    pub cloud: Arc<dyn Cloud>,
    pub context: &'a Context,
    pub ctx: &'a StepCtx,
    pub addr: &'a StepAddr,
}

impl<'a> Hand<'a> {
    /// # Errors
    /// The spec has no provider, or it could not be opened.
    pub fn of(context: &'a Context, ctx: &'a StepCtx, node: &'a Node) -> Outcome<Self> {
        let cloud = context.cloud.clone().unwrap_or_else(|| {
            let cause = "the spec has no provider \"aws\"";
            let hint = "Put the block back as long as there is something of it: destroy needs it, too.";
            Err(Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "reach the cloud", cause, hint))
        })?;
        Ok(Self { cloud, context, ctx, addr: &node.addr })
    }

    /// Keeps what the step began with, so that a later plan resolves nothing again.
    pub async fn begin<T: Serialize>(&self, inputs: &T) -> Outcome<()> {
        let inputs = json!(inputs);
        if self.ctx.resume.notes.get(NOTE_INPUTS) != Some(&inputs) {
            self.ctx.note(NOTE_INPUTS, inputs).await?;
        }
        Ok(())
    }

    /// A note of this step: of this run of it, else of the unfinished one before whose settings were others.
    pub fn noted(&self, key: &str) -> Option<&Value> {
        let before = self.ctx.before.as_ref().map(|record| &record.progress.notes);
        let aside = || self.aside().find_map(|notes| notes.get(key));
        self.ctx.resume.notes.get(key).or_else(|| before.and_then(|notes| notes.get(key))).or_else(aside)
    }

    /// What was put aside when an unfinished run of this step was followed by one that began from scratch.
    fn aside(&self) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
        let before = self.ctx.before.as_ref().map(|record| &record.progress.notes);
        let all = [Some(&self.ctx.resume.notes), before].into_iter().flatten();
        all.filter_map(|notes| notes.get(NOTE_ABANDONED)?.as_object())
    }

    /// Whether a call was written down, so that it may have been made.
    pub fn intended(&self) -> bool {
        self.noted(INTENT).is_some()
    }

    /// The parameters that were written down for this attempt, or `new`, written down now.
    pub async fn intend<T: Serialize + DeserializeOwned>(&self, attempt: u32, new: T) -> Outcome<T> {
        let was = noted_intent::<T>(self.addr, &self.ctx.resume.notes)?.filter(|was| was.attempt == attempt);
        if let Some(was) = was {
            return Ok(was.parameters);
        }
        let intent = Intent { attempt, parameters: new };
        self.ctx.note(INTENT, json!(intent)).await?;
        Ok(intent.parameters)
    }

    pub async fn made(&self, id: &str, attempt: u32) -> Outcome<()> {
        self.ctx.note(MADE, json!(MadeNote { id: id.to_owned(), attempt })).await
    }

    /// What the step ended with before this run.
    ///
    /// # Errors
    /// MIG4002: it cannot be read.
    pub fn before<T: DeserializeOwned>(&self) -> Outcome<Option<T>> {
        self.ctx.before.as_ref().map_or(Ok(None), |record| record.outputs_as(self.addr))
    }

    /// The object that is known.
    ///
    /// # Errors
    /// MIG4002: what is recorded of it cannot be read.
    pub fn known<T: MadeObject + DeserializeOwned>(&self) -> Outcome<Option<Known>> {
        let noted = |notes: &BTreeMap<String, Value>, by| {
            let made: Option<MadeNote> = note(self.addr, notes, MADE)?;
            Ok(made.map(|made| Known { id: made.id, attempt: made.attempt, by }))
        };
        if let Some(known) = noted(&self.ctx.resume.notes, Maker::Unfinished)? {
            return Ok(Some(known));
        }
        let Some(before) = self.ctx.before.as_ref() else { return Ok(None) };
        if let Some(known) = noted(&before.progress.notes, Maker::Abandoned)? {
            return Ok(Some(known));
        }
        for aside in self.aside() {
            let notes = aside.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            if let Some(known) = noted(&notes, Maker::Abandoned)? {
                return Ok(Some(known));
            }
        }
        let completed = self.before::<T>()?;
        Ok(completed.map(|made| Known { id: made.id().to_owned(), attempt: made.attempt(), by: Maker::Completed }))
    }

    /// Tags of a new object: the provider's own, whose it is, and by which spec.
    pub fn tags(&self, defaults: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = names::tags(defaults, &self.context.lineage, self.addr);
        let spec = Digest::of(&self.context.spec.digest_form());
        tags.insert(SPEC.into(), spec.short().to_owned());
        tags
    }

    /// The tags that say whose an object is.
    pub fn marks(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (names::LINEAGE.to_owned(), self.context.lineage.clone()),
            (names::ADDRESS.to_owned(), self.addr.to_string()),
        ])
    }

    /// Whether an object's tags say that this lineage made it under this address.
    pub fn is_ours(&self, tags: &BTreeMap<String, String>) -> bool {
        self.marks().iter().all(|(key, value)| tags.get(key) == Some(value))
    }

    /// # Errors
    /// MIG3272, where they say otherwise.
    pub fn claim(&self, what: &str, tags: &BTreeMap<String, String>) -> Outcome<()> {
        if self.is_ours(tags) {
            return Ok(());
        }
        let whose =
            tags.get(names::LINEAGE).map_or("it bears no lineage".to_owned(), |l| format!("it is of lineage {l}"));
        Err(Failure::new(
            codes::OBJECT_OF_OTHER_LINEAGE,
            format!("take {what} for this lineage's own"),
            format!("its tags say otherwise: {whose}"),
            "mig neither uses nor removes what it did not make: remove or rename it by hand if it is left over, then run again.",
        ))
    }

    /// Makes a call with an effect until it is known what became of it.
    ///
    /// # Errors
    /// MIG3270 what EC2 refused, MIG3271 no answer to all tries.
    pub async fn effect<T, F>(&self, call: Call, what: &str, ask: impl Fn() -> F) -> Outcome<Done<T>>
    where
        F: Future<Output = Answer<T>> + Send,
    {
        let row = call.row();
        let doing = || format!("{what} ({})", row.api);
        let (mut attempt, began) = (0, self.context.clock.millis());
        loop {
            // Not dropped half way: its answer says what was made.
            match ask().await {
                Ok(made) => {
                    self.ctx.waits_for("");
                    return Ok(Done::Made(made));
                }
                Err(fault) if row.already.contains(&fault.code.as_str()) => {
                    self.ctx.waits_for("");
                    return Ok(Done::Already);
                }
                Err(fault) if row.later.contains(&fault.code.as_str()) && self.since(began) < IN_THE_WAY => {
                    self.ctx.waits_for(&format!("{what}: {}", fault.code));
                    self.pause(&mut attempt).await?;
                }
                Err(fault) if (fault.unknown || fault.is_throttled()) && attempt < TRIES => {
                    self.ctx.waits_for(&format!("{what}: {}", told(&fault)));
                    self.pause(&mut attempt).await?;
                }
                Err(fault) => return Err(failed(fault, doing(), Some(call))),
            }
        }
    }

    /// A look. Its host repeats it; a line that is gone for longer is waited for here.
    ///
    /// # Errors
    /// As [`Hand::effect`].
    pub async fn look<T, F>(&self, what: &str, ask: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Answer<T>> + Send,
    {
        let mut attempt = 0;
        loop {
            match self.ctx.or_stopped(ask()).await? {
                Ok(seen) => return Ok(seen),
                Err(fault) if (fault.unknown || fault.is_throttled()) && attempt < TRIES => {
                    self.pause(&mut attempt).await?;
                }
                Err(fault) => return Err(failed(fault, what.to_owned(), None)),
            }
        }
    }

    /// A look for what was perhaps made just now: absent only when it stays out of sight for [`SIGHT`].
    ///
    /// # Errors
    /// As [`Hand::look`].
    pub async fn sight<T, F>(&self, what: &str, ask: impl Fn() -> F) -> Outcome<Option<T>>
    where
        F: Future<Output = Answer<Option<T>>> + Send,
    {
        let (mut attempt, began) = (0, self.context.clock.millis());
        loop {
            let seen = self.look(what, &ask).await?;
            if seen.is_some() || self.since(began) >= SIGHT {
                self.ctx.waits_for("");
                return Ok(seen);
            }
            self.ctx.waits_for(&format!("{what}: not seen yet"));
            self.pause(&mut attempt).await?;
        }
    }

    /// A look for what a removal knows of: what was perhaps made just now, by a run that was interrupted, may not be seen
    /// yet.
    ///
    /// # Errors
    /// As [`Hand::look`].
    pub async fn find<T, F>(&self, fresh: bool, what: &str, ask: impl Fn() -> F) -> Outcome<Option<T>>
    where
        F: Future<Output = Answer<Option<T>>> + Send,
    {
        if fresh { self.sight(what, ask).await } else { self.look(what, ask).await }
    }

    /// Looks until the look gives what is waited for; what it gives meanwhile is shown.
    ///
    /// # Errors
    /// MIG3273 when it takes longer than `limit`, and what the look says.
    pub async fn wait<T, F>(&self, what: &str, limit: Duration, ask: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<Result<T, String>>> + Send,
    {
        let (mut attempt, began) = (0, self.context.clock.millis());
        loop {
            match ask().await? {
                Ok(there) => {
                    self.ctx.waits_for("");
                    return Ok(there);
                }
                Err(still) if self.since(began) >= limit => {
                    return Err(Failure::new(
                        codes::CLOUD_TIMEOUT,
                        what,
                        format!("after {} minutes: {still}", limit.as_secs() / 60),
                        "Look at it in the console, then run `mig apply` again: it goes on waiting, and makes nothing twice.",
                    ));
                }
                Err(still) => {
                    self.ctx.waits_for(&format!("{what}: {still}, {} s", self.since(began).as_secs()));
                    self.pause(&mut attempt).await?;
                }
            }
        }
    }

    fn since(&self, began: u64) -> Duration {
        Duration::from_millis(self.context.clock.millis().saturating_sub(began))
    }

    async fn pause(&self, attempt: &mut u32) -> Outcome<()> {
        self.ctx.or_stopped(wait(self.context, attempt)).await
    }

    /// What another part of the same block ended with.
    ///
    /// # Errors
    /// It did not end, or the plan is another version's.
    pub fn outputs_of<T: DeserializeOwned>(&self, part: StepType) -> Outcome<T> {
        let addr = self.addr.sibling(part);
        self.ctx.upstream(&addr)?.ok_or_else(|| {
            let hint = "Make the plan again with this version of mig.";
            let cause = format!("{addr} is not complete");
            Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, format!("read what {addr} ended with"), cause, hint)
        })
    }
}

/// The call that was written down and may have been made.
///
/// # Errors
/// MIG4002: what was written down cannot be read.
pub fn noted_intent<T: DeserializeOwned>(
    addr: &StepAddr,
    notes: &BTreeMap<String, Value>,
) -> Outcome<Option<Intent<T>>> {
    note(addr, notes, INTENT)
}

/// Whether a run was interrupted behind the note of a call.
pub fn is_intended(notes: &BTreeMap<String, Value>) -> bool {
    notes.contains_key(INTENT)
}

/// What a node of a destroy knows of its object: what the step ended with, and what it noted.
pub struct Remains<T> {
    ended: Option<T>,
    made: Option<MadeNote>,
    /// The attempt of a call that was written down.
    intended: Option<u32>,
}

impl<T: MadeObject + DeserializeOwned> Remains<T> {
    /// # Errors
    /// MIG4002: what is recorded cannot be read, so nothing may be said to be gone.
    pub fn of(node: &Node) -> Outcome<Self> {
        let removal = Removal::of(node)?;
        Ok(Self {
            ended: removal.outputs(&node.addr)?,
            made: note(&node.addr, &removal.notes, MADE)?,
            intended: noted_intent::<Value>(&node.addr, &removal.notes)?.map(|intent| intent.attempt),
        })
    }

    /// The objects' ids, where any is known: the one that the step ended with, and the one that was made in its place when a
    /// replace was interrupted.
    pub fn ids(&self) -> Vec<&str> {
        let ended = self.ended.as_ref().map(MadeObject::id);
        let mut ids: Vec<&str> = ended.into_iter().chain(self.made.as_ref().map(|made| made.id.as_str())).collect();
        ids.dedup();
        ids
    }

    /// Whether a run was interrupted in which an object of this id was made.
    pub fn is_fresh(&self, id: &str) -> bool {
        self.made.as_ref().is_some_and(|made| made.id == id)
    }

    /// Whether a call was written down and what it made was not: it can only be found by its tags.
    pub fn unanswered(&self) -> bool {
        self.intended.is_some() && self.intended != self.made.as_ref().map(|made| made.attempt)
    }

    /// # Errors
    /// MIG3225, where the record protects the object.
    pub fn may_go(&self, what: &str) -> Outcome<()> {
        if !self.ended.as_ref().is_some_and(MadeObject::is_protected) {
            return Ok(());
        }
        Err(Failure::new(
            codes::PREVENT_DESTROY,
            format!("remove {what}"),
            "the state says prevent_destroy",
            "Set `prevent_destroy = false` in the block and apply that first.",
        ))
    }
}

fn told(fault: &CloudFault) -> String {
    let request = fault.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    match fault.code.as_str() {
        "" => format!("{}{request}", fault.message),
        code => format!("{code}: {}{request}", fault.message),
    }
}

/// A fault as the step's failure; a look is not a call.
fn failed(fault: CloudFault, doing: String, call: Option<Call>) -> Failure {
    let cause = told(&fault);
    if fault.is_refused() {
        let right = call.map_or("that look".to_owned(), |call| format!("ec2:{}", call.row().api));
        let hint = format!(
            "Let the credentials do {right}; `mig explain iam-policy`, in the spec's folder, prints all that this spec needs. Then run `mig apply` again."
        );
        return Failure::new(codes::CLOUD_DENIED, doing, cause, hint);
    }
    if fault.unknown || fault.is_throttled() {
        let hint = match call.map(|call| call.row().guard) {
            Some(Guard::Token) => "Run `mig apply` again: it asks with the same token, which makes nothing twice.",
            Some(Guard::Name) => "Run `mig apply` again: it asks for the same name, which can be there once only.",
            Some(Guard::Nature) => "Run `mig apply` again: it looks what is there, and asks for what is missing.",
            None => "Run `mig apply` again: it goes on from here.",
        };
        return Failure::new(codes::CLOUD_NO_ANSWER, doing, cause, hint).retryable();
    }
    let hint = "Fix what AWS names (a limit, a setting), then run `mig apply` again: it goes on.";
    Failure::new(codes::CLOUD_REFUSED, doing, cause, hint)
}

#[cfg(test)]
mod tests {
    use crate::steps::cloud::session::*;

    #[test]
    fn every_call_says_what_keeps_it_from_happening_twice() {
        use Call::*;
        for (call, guard, already) in [
            (RunInstances, Guard::Token, "IdempotentParameterMismatch"),
            (CreateVolume, Guard::Token, "IdempotentParameterMismatch"),
            (ImportKeyPair, Guard::Name, "InvalidKeyPair.Duplicate"),
            (CreateSecurityGroup, Guard::Name, "InvalidGroup.Duplicate"),
            (Allow, Guard::Nature, "InvalidPermission.Duplicate"),
            (AttachVolume, Guard::Nature, "VolumeInUse"),
            (CreateRoute, Guard::Nature, "RouteAlreadyExists"),
        ] {
            let row = call.row();
            assert!(row.guard == guard && row.already.contains(&already), "{call:?}");
        }
    }

    #[test]
    fn a_failure_says_what_came_back_and_what_makes_it_safe_to_go_on() {
        let fault = |code: &str, unknown| CloudFault {
            code: code.into(),
            message: "m".into(),
            request_id: Some("r-1".into()),
            unknown,
        };
        for (fault, call, code, told) in [
            (fault("", true), Some(Call::RunInstances), "MIG3271", "the same token"),
            (fault("RequestLimitExceeded", false), Some(Call::ImportKeyPair), "MIG3271", "the same name"),
            (fault("InternalError", true), Some(Call::CreateRoute), "MIG3271", "what is missing"),
            (fault("UnauthorizedOperation", false), Some(Call::RunInstances), "MIG3210", "ec2:RunInstances"),
            (
                fault("VcpuLimitExceeded", false),
                Some(Call::RunInstances),
                "MIG3270",
                "VcpuLimitExceeded: m (request r-1)",
            ),
            (fault("", true), None, "MIG3271", "goes on from here"),
        ] {
            let failure = failed(fault, "do it".into(), call);
            assert_eq!(failure.code, code);
            assert!(format!("{failure}. {}", failure.hint).contains(told), "{failure}. {}", failure.hint);
        }
    }
}
