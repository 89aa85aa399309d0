//! The program over the whole life of what it makes: create, replace, drift, stop and destroy, with kills, lost answers,
//! credentials of another account and another region mixed in. The emulator's own inventory is the judge.
//! `MIG_STRIKES=500` runs until so many strikes have fallen, see [`lives`].

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

use crate::journey::Journey;
use crate::program::{APPLY, go, spec};
use crate::support::cloud_proxy::{Fault, Lag};
use crate::support::lives;
use crate::support::moto::{Moto, REGION};
use crate::support::program::{flat, judge, said};
use crate::support::{Bed, moto};

const DESTROY: [&str; 2] = ["destroy", "-auto-approve"];

/// One account with its spec, and a second one in which a cluster has the same name.
struct Life {
    journey: Journey,
    other: Journey,
    spec: String,
}

impl Life {
    async fn new() -> Self {
        let (mysql, tidb) = (Bed::mysql().config().port, Bed::tidb().config().port);
        let journey = Journey::new().await;
        let other = Journey::new().await;
        for one in [&journey, &other] {
            one.moto.cluster(&one.site, "database-1");
        }
        let spec = spec(&journey, mysql, tidb);
        let life = Self { journey, other, spec };
        life.write(REGION, "");
        life
    }

    fn write(&self, region: &str, provider: &str) {
        let lead = format!("region       = \"{REGION}\"");
        assert!(self.spec.contains(&lead), "{}", self.spec);
        let text = self.spec.replace(&lead, &format!("region = \"{region}\"\n  {provider}"));
        std::fs::write(self.journey.dir.path().join("shop.mig.hcl"), text).unwrap();
    }

    /// Asserts that a command is refused with both places in its words, and that nothing was done in either account.
    fn refused(&self, arguments: &[&str], code: &str, places: &[&str]) {
        self.journey.proxy.settle();
        let before = self.journey.proxy.done();
        let output = go(&self.journey, arguments, None);
        let told = judge(&output, arguments, 3, &[code]);
        for place in places {
            assert!(flat(&told).contains(place), "{place}: {told}");
        }
        assert_eq!(self.journey.proxy.done(), before, "{told}");
        self.other.nothing_left();
    }

    /// The state is on record and names its place.
    fn is_bound(&self) -> bool {
        let state = std::fs::read_to_string(self.journey.dir.path().join("mig.migstate")).unwrap_or_default();
        let journal = std::fs::read_to_string(self.journey.dir.path().join("mig.migstate.journal")).unwrap_or_default();
        state.contains("\"provider\"") || journal.contains("\"provider\"")
    }

    /// Something that somebody does past mig. False: there was nothing to do it to.
    fn drift(&self, random: &mut StdRng) -> bool {
        let moto = &self.journey.moto;
        let instance = self.journey.instances().first().cloned();
        match (random.random_range(0..5), instance) {
            (0, Some(id)) => drop(moto.ec2("TerminateInstances", &[("InstanceId.1", &id)])),
            (1, Some(id)) => drop(moto.ec2("StopInstances", &[("InstanceId.1", &id)])),
            (2, _) if self.journey.routes() > 0 => drop(moto.ec2(
                "DeleteRoute",
                &[("RouteTableId", &self.journey.site.table), ("DestinationCidrBlock", "10.250.0.0/16")],
            )),
            (3, _) if self.journey.keys() > 0 => {
                for name in Moto::ids(&moto.ec2("DescribeKeyPairs", &[]), "keyName") {
                    moto.ec2("DeleteKeyPair", &[("KeyName", &name)]);
                }
            }
            (4, None) => {
                for id in self.journey.volumes() {
                    moto.ec2("DeleteVolume", &[("VolumeId", &id)]);
                }
            }
            _ => return false,
        }
        true
    }
}

/// Whether it was killed, or ended as a run may end.
fn ended(output: &Output, seed: u64) -> bool {
    if output.status.signal() == Some(9) {
        return true;
    }
    let code = output.status.code();
    assert!(matches!(code, Some(0..=2)), "seed {seed}: {code:?}\n{}", said(output));
    assert!(!said(output).contains("panicked"), "seed {seed}: {}", said(output));
    false
}

#[test]
fn a_life_of_strikes_leaves_nothing_makes_nothing_twice_and_forgets_nothing() {
    lives::until_struck(4, one_life);
}

async fn one_life(seed: u64) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let life = Life::new().await;
    let journey = &life.journey;
    let mut late = |most: u64| Duration::from_millis(random.random_range(0..most));
    journey.proxy.lag(Lag { states: late(300), sight: late(200) });
    let mut strikes = 0;
    for _ in 0..random.random_range(3..8) {
        let killed = Duration::from_millis(random.random_range(100..2_500));
        let parts = ["instance", "volume", "security_group", "key_pair"];
        let part = format!("-replace=runner.ec2.mover.{}", parts.choose(&mut random).unwrap());
        let replace = [&APPLY[..], &[part.as_str()]].concat();
        let arguments: &[&str] = match random.random_range(0..4) {
            0 | 1 => &APPLY,
            2 => &replace,
            _ => &DESTROY,
        };
        match random.random_range(0..6) {
            0 if life.is_bound() => {
                journey.proxy.account(&life.other.moto.account);
                let places = [journey.moto.account.as_str(), life.other.moto.account.as_str()];
                life.refused(arguments, "MIG3228", &places);
                journey.proxy.account(&journey.moto.account);
                strikes += 1;
            }
            1 if life.is_bound() => {
                life.write("us-east-1", "");
                life.refused(arguments, "MIG3228", &["us-west-2", "us-east-1"]);
                life.write(REGION, "");
                strikes += 1;
            }
            2 => strikes += u64::from(life.drift(&mut random)),
            3 => {
                let fault = if random.random() { Fault::DropAfter } else { Fault::BrokenAfter };
                journey.proxy.arm("", random.random_range(0..6), fault);
                ended(&go(journey, arguments, None), seed);
                strikes += journey.proxy.fired().len() as u64;
                journey.proxy.disarm();
            }
            _ => strikes += u64::from(ended(&go(journey, arguments, Some(killed)), seed)),
        }
        journey.proxy.settle();
        journey.at_most_one_of_each();
    }
    if random.random() {
        let output = go(journey, &APPLY, None);
        assert!(matches!(output.status.code(), Some(0 | 2)), "seed {seed}: {}", said(&output));
        journey.one_of_each();
    }
    let output = go(journey, &DESTROY, None);
    assert_eq!(output.status.code(), Some(0), "seed {seed}: {}", said(&output));
    journey.nothing_left();
    life.other.nothing_left();
    strikes
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_in_another_account_or_region_than_the_recorded_one() {
    let life = Life::new().await;
    let journey = &life.journey;
    let (here, there) = (journey.moto.account.clone(), life.other.moto.account.clone());
    let both = [here.as_str(), there.as_str()];
    let targets: Vec<&str> = APPLY.iter().copied().filter(|word| word.starts_with("-target")).collect();
    let save = |destroy: &[&str], file: &str| {
        let out = format!("-out={file}");
        let output = go(journey, &[&["plan", out.as_str()], destroy].concat(), None);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let listed = format!("account {here} in {}", moto::REGION);
        assert!(said(&output).contains(&listed), "{}", said(&output));
    };
    // A plan that was made before anything is on record names its account all the same.
    save(&targets, "first.plan");
    journey.proxy.account(&there);
    life.refused(&["apply", "first.plan"], "MIG4109", &both);
    journey.proxy.account(&here);
    life.write(REGION, &format!("allowed_account_ids = [\"{there}\"]"));
    life.refused(&APPLY, "MIG3229", &both);
    life.write(REGION, &format!("allowed_account_ids = [\"{there}\", \"{here}\"]"));
    let output = go(journey, &APPLY, None);
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said(&output));
    life.write(REGION, "");
    save(&["-destroy"], "end.plan");
    save(&targets, "again.plan");
    journey.proxy.account(&there);
    for arguments in [
        &APPLY[..],
        &DESTROY,
        &["apply", "end.plan"],
        &["apply", "again.plan"],
        &["apply", "-destroy", "-auto-approve"],
    ] {
        life.refused(arguments, "MIG3228", &both);
    }
    for arguments in [&["plan"][..], &["plan", "-destroy"]] {
        judge(&go(journey, arguments, None), arguments, 5, &["MIG3228", &here, &there]);
    }
    journey.proxy.account(&here);
    life.write("us-east-1", "");
    for arguments in [&APPLY[..], &DESTROY] {
        life.refused(arguments, "MIG3228", &["us-west-2", "us-east-1"]);
    }
    life.write(REGION, "");
    journey.one_of_each();
    let output = go(journey, &["apply", "end.plan"], None);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    journey.nothing_left();
    // Nothing is recorded any more: another account may follow.
    journey.proxy.account(&there);
    judge(&go(journey, &["plan", "-destroy"], None), &["plan", "-destroy"], 0, &[]);
}
