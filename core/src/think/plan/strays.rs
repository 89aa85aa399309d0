//! Workers that are at work and that the spec does not lead to: a migration was renamed, or its runner's work folder, and
//! the worker goes on as what it was. The plan would start a second one for the same tables.

use crate::formats::facts::World;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// A finding for each; a plan with one is blocked.
pub(super) fn of(world: &World) -> Vec<Diagnostic> {
    let found = world.strays.iter().map(|stray| {
        Diagnostic::error(
            codes::WORKER_LEFT_AT_WORK,
            format!(
                "the worker of migration.{} is at work on its runner, and the spec does not lead to it",
                stray.migration
            ),
        )
        .detail(format!("It is on {}, and goes on writing to its tables.", stray.place))
        .help(
            "Give the migration and its runner's `workdir` their former names and run `mig apply`: it attaches to the \
             worker (-stop-worker and Ctrl-C stop it). Rename when it has ended.",
        )
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::formats::facts::{Stray, World};

    #[test]
    fn a_worker_that_the_spec_does_not_lead_to_is_named_with_its_place() {
        let stray = Stray { migration: "old".into(), place: "root@box:22, /mnt/mig".into() };
        let found = of(&World { strays: vec![stray], ..World::default() });
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.contains("migration.old") && found[0].detail.contains("/mnt/mig"), "{found:?}");
        assert_eq!(of(&World::default()), []);
    }
}
