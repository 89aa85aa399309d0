//! The provisioning part, killed and cut off at random: at most one of everything at any time, and the next apply
//! finishes. `MIG_KILLS=200` runs so many of each kind; `MIG_KILLS_SEED` begins at another seed.

use std::time::Duration;

use mig::formats::plan::Action;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::journey::Journey;
use crate::support::cloud_proxy::{Fault, Lag};

pub fn rounds() -> std::ops::Range<u64> {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let first = number("MIG_KILLS_SEED", 1);
    first..first + number("MIG_KILLS", 12)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant_the_next_apply_finishes_with_one_of_each() {
    let mut kills = 0;
    for seed in rounds() {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut journey = Journey::new().await;
        journey.proxy.lag(lag(&mut random));
        let mut left = random.random_range(1..=3);
        loop {
            if left == 0 {
                let end = journey.apply(&[]).await;
                assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
                break;
            }
            left -= 1;
            match journey.apply_until(Duration::from_millis(random.random_range(1..1_500))).await {
                Some(end) => {
                    assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
                    break;
                }
                None => kills += 1,
            }
            journey.at_most_one_of_each();
        }
        journey.one_of_each();
        let end = journey.destroy().await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        journey.nothing_left();
    }
    println!("{kills} kills");
    assert!(kills > 0);
}

/// What the step ended with before is not all that there is: what a broken-off replace has made goes, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_after_a_broken_off_replace_leaves_nothing() {
    let mut kills = 0;
    for seed in rounds() {
        let mut random = StdRng::seed_from_u64(seed);
        let parts = ["instance", "volume", "security_group", "key_pair"];
        let part = format!("runner.ec2.mover.{}", parts[random.random_range(0..parts.len())]);
        println!("seed {seed}: {part}");
        let mut journey = Journey::new().await;
        let end = journey.apply(&[]).await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        journey.proxy.lag(lag(&mut random));
        journey.plan_anew();
        let killed = Duration::from_millis(random.random_range(50..1_500));
        kills += u32::from(journey.as_until(&[(&part, Action::Replace)], killed).await.is_none());
        let end = journey.destroy().await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        journey.nothing_left();
    }
    println!("{kills} kills");
    assert!(kills > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_lost_after_their_effect_make_nothing_twice() {
    let mut lost = 0;
    for seed in rounds() {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let journey = Journey::new().await;
        journey.proxy.lag(lag(&mut random));
        for _ in 0..random.random_range(1..=3) {
            let fault = if random.random() { Fault::DropAfter } else { Fault::BrokenAfter };
            journey.proxy.arm("", random.random_range(0..10), fault);
        }
        let end = journey.apply(&[]).await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        lost += journey.proxy.fired().len();
        journey.one_of_each();
    }
    println!("{lost} answers lost");
    assert!(lost > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_of_throttling_errors_and_lost_lines_is_lived_through() {
    for seed in rounds() {
        println!("seed {seed}");
        let mut journey = Journey::new().await;
        journey.proxy.chaos(seed, 150);
        // A call may meet more faults than it has tries: then the next apply goes on.
        for _ in 0..5 {
            if journey.apply(&[]).await.complete() {
                break;
            }
            journey.at_most_one_of_each();
        }
        journey.proxy.disarm();
        let end = journey.apply(&[]).await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        journey.one_of_each();
        let end = journey.destroy().await;
        assert!(end.complete(), "seed {seed}: {:#?}", end.failures);
        journey.nothing_left();
    }
}

fn lag(random: &mut StdRng) -> Lag {
    let mut up_to = |most: u64| Duration::from_millis(random.random_range(0..most));
    Lag { states: up_to(400), sight: up_to(300) }
}
