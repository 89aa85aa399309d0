//! Rehearsals of the quickstart's plan, which the golden test keeps, and of small changes of it.

use super::*;
use crate::think::plan::estimate::of_pending;
use crate::think::plan_diff::tests::quickstart as plan;

/// Enough for a median between two ends, and a tenth of the time.
const FEW: usize = 21;

/// With a spec that knows the migration, but nothing of it.
fn rehearsed(plan: &PlanFile, parallelism: usize, seed: u64) -> Rehearsal {
    rehearse_in(FEW, plan, &Spec::default(), None, parallelism, seed).unwrap()
}

#[test]
fn a_seed_gives_the_same_rehearsal_again() {
    let plan = plan();
    assert_eq!(rehearsed(&plan, 10, 1), rehearsed(&plan, 10, 1));
    assert_ne!(rehearsed(&plan, 10, 1).seconds, rehearsed(&plan, 10, 2).seconds);
}

#[test]
fn the_critical_path_lasts_as_long_as_the_run_of_median_time() {
    for (parallelism, seed) in [(1, 1), (2, 7), (10, 3), (10, 9)] {
        let found = rehearsed(&plan(), parallelism, seed);
        let sum: f64 = found.critical_path.iter().map(|stretch| stretch.seconds + stretch.waited).sum();
        let median = found.seconds.median;
        assert!((sum - median).abs() < 0.02 * median + 0.01, "{parallelism} {seed}: {sum} of {median}: {found:#?}");
        assert!(found.seconds.low < median && median < found.seconds.high, "{found:?}");
    }
}

#[test]
fn every_phase_that_changes_something_fails_once_and_says_what_is_left() {
    let plan = plan();
    let found = rehearse(&plan, &Spec::default(), None, 10, 1).unwrap();
    let kinds: Vec<&str> = found.failures.iter().filter_map(|tried| tried.addr.kind()).map(StepKind::word).collect();
    for kind in ["database", "table", "dump", "load", "verify", "report"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let of = |kind: StepKind| found.failures.iter().find(|tried| tried.addr.kind() == Some(kind)).unwrap();
    assert_eq!(of(StepKind::Database).left.objects, 0, "no table without its schema");
    let tables = plan.body.changes.iter().filter(|change| change.addr.kind() == Some(StepKind::Table)).count() as u64;
    assert_eq!(of(StepKind::Report).to_do, 1);
    assert!(of(StepKind::Report).left.objects >= tables, "{:?}", of(StepKind::Report));
    for tried in &found.failures {
        assert!(tried.to_do >= 1 && tried.ends_seconds >= tried.at_seconds, "{tried:?}");
    }
}

#[test]
fn the_time_of_a_plan_is_at_least_what_the_rate_limit_of_the_dump_takes() {
    let plan = plan();
    let mut estimates = plan.estimates.clone();
    for estimate in estimates.by_table.values_mut() {
        *estimate = TableEstimates { rows: 10, bytes: 1 << 30, files: 64 };
    }
    let seconds = |rate_limit| {
        let mut spec = Spec::default();
        let name = plan.body.changes.iter().find_map(|change| change.addr.migration()).unwrap();
        let mut migration = crate::think::gates::fixture::migration();
        migration.dump.rate_limit = rate_limit;
        spec.migrations.insert(name.to_owned(), migration);
        let band = of_pending(estimates.clone(), &spec, &plan.body.graph);
        (band.tables, band.seconds_low, band.seconds_high)
    };
    let ((tables, low, high), limited) = (seconds(None), seconds(Some(1 << 20)));
    let least = (tables << 30) >> 20;
    assert!(high < least, "a limit of 1 MiB a second is what takes longest: {low} to {high}");
    assert_eq!(limited, (tables, least + 1, least + 5));
    assert_eq!(seconds(Some(1 << 40)), (tables, low, high));
}

#[test]
fn more_rows_take_longer_and_slots_are_waited_for() {
    let small = plan();
    let mut large = small.clone();
    for estimate in large.estimates.by_table.values_mut() {
        *estimate = TableEstimates { rows: 50_000_000, bytes: 10 << 30, files: 40 };
    }
    // Sizes are those of migrations of the spec: without one of that name, nothing is to be moved.
    let mut spec = Spec::default();
    let name = small.body.changes.iter().find_map(|change| change.addr.migration()).unwrap().to_owned();
    spec.migrations.insert(name, crate::think::gates::fixture::migration());
    let seconds = |plan: &PlanFile, parallelism| rehearse_in(FEW, plan, &spec, None, parallelism, 1).unwrap();
    let (few, many) = (seconds(&small, 10), seconds(&large, 10));
    assert!(many.seconds.low > 100.0 * few.seconds.high, "{:?} {:?}", few.seconds, many.seconds);
    let disk = many.disk_bytes.unwrap();
    assert!(disk.high > (9_u64 << 30) as f64, "{disk:?}");
    let one = seconds(&large, 1);
    assert!(one.seconds.median >= many.seconds.median * 0.9);
    let path: Vec<String> = many.critical_path.iter().map(|stretch| stretch.addr.to_string()).collect();
    assert!(path.iter().any(|addr| addr.contains(".load[")), "{path:?}");
}
