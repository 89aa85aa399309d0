//! The lock as a lease: taken, renewed, given back, broken. What an object of it says: [`crate::formats::lease`].

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::{Bridge, Inner, lock};
use crate::formats::lease::{Lease, Standing};
use crate::hosts::s3::objects::{Condition, ETag, Found, Put, Trouble};
use crate::seams::store::{Broken, Former, Guard, Holder, Holding, Living, Locking};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// How long the end of a command waits for its lock to be given back.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);

/// A lease that this handle has.
pub(super) struct Held {
    lease: Lease,
    etag: ETag,
    until: Deadline,
    /// Why it is not held any more.
    lost: Option<String>,
    /// What keeps the place of an older holder's append, see `journal`.
    fence: Option<String>,
    /// What an older holder sent may still arrive.
    unfenced: bool,
}

/// A moment by two clocks: one stands still while the machine is suspended, the other one can be set.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    steady: Instant,
    wall: SystemTime,
}

impl Deadline {
    fn now_and(span: Duration) -> Self {
        Self { steady: Instant::now() + span, wall: SystemTime::now() + span }
    }

    fn left(&self) -> Duration {
        let wall = self.wall.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        self.steady.saturating_duration_since(Instant::now()).min(wall)
    }
}

/// What an attempt to take the lock came to.
pub(super) enum Taken {
    Got { former: Option<Former> },
    Held(Living),
}

impl Taken {
    pub fn into_locking(self, inner: &Arc<Inner>, bridge: &Arc<Bridge>) -> Locking {
        match self {
            Self::Held(living) => Locking::Held(living),
            Self::Got { former } => {
                let guard = S3Guard { inner: Arc::clone(inner), bridge: Arc::clone(bridge) };
                Locking::Got { guard: Box::new(guard), former }
            }
        }
    }
}

impl Inner {
    /// Until when a write may be tried.
    ///
    /// # Errors
    /// MIG4015: the lease that this handle had is lost.
    pub(super) fn writing(&self) -> Outcome<Instant> {
        self.still_held()?;
        let held = lock(&self.held);
        Ok(held.as_ref().map_or_else(|| self.patience(), |held| Instant::now() + held.until.left()))
    }

    /// # Errors
    /// MIG4015, also once the time of the lease is over.
    pub(super) fn still_held(&self) -> Outcome<()> {
        let mut held = lock(&self.held);
        let Some(held) = held.as_mut() else { return Ok(()) };
        if held.lost.is_none() && held.until.left().is_zero() {
            let seconds = held.lease.lease_seconds;
            held.lost = Some(format!("it could not be renewed within {seconds} s"));
        }
        match &held.lost {
            None => Ok(()),
            Some(cause) => Err(Failure::new(
                codes::LEASE_LOST,
                format!("keep the lock of {}", self.named("")),
                cause.clone(),
                "Nothing more was started. Look at `mig status`, then run the same command again.",
            )),
        }
    }

    pub(super) fn lose(&self, cause: &str) {
        if let Some(held) = lock(&self.held).as_mut() {
            held.lost.get_or_insert_with(|| cause.to_owned());
        }
    }

    pub(super) fn token(&self) -> u64 {
        lock(&self.held).as_ref().map_or(0, |held| held.lease.token)
    }

    pub(super) fn fence(&self) -> Option<String> {
        lock(&self.held).as_ref().and_then(|held| held.fence.clone())
    }

    fn no_lock(&self, cause: String) -> Failure {
        let hint = "Check the network, the credentials and the rights to read and write in the bucket, then run the same \
                    command again.";
        Failure::new(codes::LOCK_UNAVAILABLE, format!("lock {}", self.named(".lock")), cause, hint)
    }

    async fn lease(&self) -> Outcome<Option<(Lease, Found)>> {
        let found = self.objects().await.get(&self.key(".lock"), self.patience()).await;
        let Some(found) = found.map_err(|trouble| self.no_lock(trouble.text))? else { return Ok(None) };
        let lease = Lease::read(&found.bytes).map_err(|cause| {
            let hint =
                "Use the newest version of mig that works on this state. If no mig runs with it, delete the object.";
            let cause = format!("it is not understood: {cause}");
            Failure::new(codes::LOCK_UNAVAILABLE, format!("lock {}", self.named(".lock")), cause, hint)
        })?;
        Ok(Some((lease, found)))
    }

    async fn put_lease(&self, lease: &Lease, condition: &Condition, until: Instant) -> Result<Put, Trouble> {
        self.objects().await.put(&self.key(".lock"), &lease.write(), condition, until).await
    }

    pub(super) async fn holding(&self) -> Outcome<Holding> {
        let Some((lease, found)) = self.lease().await? else { return Ok(Holding::Nobody) };
        Ok(match lease.standing(found.age) {
            Standing::Free => Holding::Nobody,
            Standing::Expired(holder) => Holding::Former(Former::Silent(holder)),
            Standing::Held(holder) => Holding::Living(living(holder, found.age)),
        })
    }

    /// Takes the lock, gives signs of life from then on, and shuts out what an older holder has sent.
    pub(super) async fn take(self: Arc<Self>, holder: Holder) -> Outcome<Taken> {
        /// Each turn means that somebody else changed it in between.
        const TURNS: usize = 20;
        for _ in 0..TURNS {
            let (last, condition, former) = match self.lease().await? {
                None => (None, Condition::Absent, None),
                Some((lease, found)) => match lease.standing(found.age) {
                    Standing::Held(holder) => return Ok(Taken::Held(living(holder, found.age))),
                    Standing::Free => (Some(lease), Condition::Is(found.head.etag), None),
                    Standing::Expired(holder) => {
                        (Some(lease), Condition::Is(found.head.etag), Some(Former::Silent(holder)))
                    }
                },
            };
            let now = self.objects().await.server_seconds();
            let lease = Lease::taken(last.as_ref(), holder.clone(), self.settings.lease(), now);
            // Before it is sent: the server counts from later on.
            let until = Deadline::now_and(self.settings.lease());
            let put = self.put_lease(&lease, &condition, self.patience()).await;
            let Put::Done(etag) = put.map_err(|trouble| self.no_lock(trouble.text))? else { continue };
            let unfenced = last.as_ref().is_some_and(Lease::may_write);
            *lock(&self.held) = Some(Held { lease, etag, until, lost: None, fence: None, unfenced });
            *lock(&self.seen) = super::Seen::NotYet;
            tokio::spawn(renew(Arc::downgrade(&self)));
            match self.shut_out(unfenced).await {
                Ok(()) => return Ok(Taken::Got { former }),
                Err(failure) => {
                    self.give_back().await;
                    return Err(failure);
                }
            }
        }
        Err(self.no_lock("it is taken and given back all the time".into()))
    }

    /// Takes every place where a write of an older holder could still land. Who gave the lock back has sent its last state;
    /// an append may still be on its way.
    async fn shut_out(&self, state: bool) -> Outcome<()> {
        if state {
            self.fence_state().await?;
        }
        let fence = self.fence_journal().await?;
        if let Some(held) = lock(&self.held).as_mut() {
            (held.fence, held.unfenced) = (Some(fence), false);
        }
        Ok(())
    }

    /// Best effort: a lease that is not given back ends by itself.
    async fn give_back(&self) {
        let _turn = self.lease_turn.lock().await;
        let Some(held) = lock(&self.held).take() else { return };
        if held.lost.is_none() && !held.until.left().is_zero() {
            let until = Instant::now() + held.until.left().min(GIVE_BACK_WITHIN);
            let free = if held.unfenced { held.lease.taken_away() } else { held.lease.given_back() };
            let _ = self.put_lease(&free, &Condition::Is(held.etag), until).await;
        }
    }

    /// One sign of life. `false`: there is nothing to renew any more.
    async fn renew(&self) -> bool {
        let _turn = self.lease_turn.lock().await;
        let (next, etag, left) = match lock(&self.held).as_ref() {
            Some(Held { lease, etag, until, lost: None, .. }) => (lease.renewed(), etag.clone(), until.left()),
            _ => return false,
        };
        let until = Deadline::now_and(self.settings.lease());
        let put = self.put_lease(&next, &Condition::Is(etag), Instant::now() + left).await;
        let mut held = lock(&self.held);
        let Some(held) = held.as_mut() else { return false };
        match put {
            Ok(Put::Done(etag)) => (held.lease, held.etag, held.until) = (next, etag, until),
            Ok(Put::Refused) => {
                held.lost
                    .get_or_insert_with(|| "another holder took it over, or `mig force-unlock` took it away".into());
            }
            // Tried until it ended.
            Err(trouble) if held.until.left().is_zero() => {
                let seconds = held.lease.lease_seconds;
                let cause = format!("it could not be renewed within {seconds} s: {}", trouble.text);
                held.lost.get_or_insert(cause);
            }
            Err(_) => {}
        }
        held.lost.is_none()
    }

    pub(super) async fn break_lock(&self, id: &str) -> Outcome<Broken> {
        let refused = |cause: String, hint: &str| {
            Failure::new(codes::LOCK_NOT_BROKEN, format!("unlock {}", self.named("")), cause, hint)
        };
        loop {
            let found = self.lease().await?;
            let Some((lease, found, holder)) = found.and_then(|(l, f)| l.holder.clone().map(|holder| (l, f, holder)))
            else {
                return Err(refused("nobody has the lock".into(), "Nothing is to be done."));
            };
            if holder.id != id {
                let cause = format!("it is held by {holder}, whose lock is {}", holder.id);
                return Err(refused(cause, "`mig status` names who has the lock."));
            }
            // The lease of that holder counts, whatever the spec says now.
            let whole = Lease::longest(Duration::from_secs(lease.lease_seconds));
            if lease.broken {
                return Ok(Broken { holder, free_in: Some(whole.saturating_sub(found.age)) });
            }
            let (next, free_in) = match lease.standing(found.age) {
                // Nobody is to be waited for any more.
                Standing::Expired(_) => (lease.taken_away(), None),
                Standing::Free | Standing::Held(_) => (lease.broken(), Some(whole)),
            };
            let put = self.put_lease(&next, &Condition::Is(found.head.etag), self.patience()).await;
            if let Put::Done(_) = put.map_err(|trouble| self.no_lock(trouble.text))? {
                return Ok(Broken { holder, free_in });
            }
        }
    }
}

fn living(holder: Holder, age: Duration) -> Living {
    Living { holder: Some(holder), silent: Some(age) }
}

/// Gives signs of life until the lease ends, or the store is gone.
async fn renew(store: Weak<Inner>) {
    loop {
        let Some(inner) = store.upgrade() else { return };
        let pause = Lease::pause(inner.settings.lease());
        drop(inner);
        tokio::time::sleep(pause).await;
        let Some(inner) = store.upgrade() else { return };
        if !inner.renew().await {
            return;
        }
    }
}

/// It may outlive its store, and needs the thread to give the lock back.
struct S3Guard {
    inner: Arc<Inner>,
    bridge: Arc<Bridge>,
}

impl Guard for S3Guard {}

impl Drop for S3Guard {
    fn drop(&mut self) {
        let inner = Arc::clone(&self.inner);
        // One that cannot be given back ends by itself.
        let _ = self.bridge.wait(async move {
            let _ = tokio::time::timeout(GIVE_BACK_WITHIN, inner.give_back()).await;
            Ok(())
        });
    }
}
