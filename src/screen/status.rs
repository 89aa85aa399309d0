//! `mig status`: whether a run is under way, whose, how far it is, and when it last said so. Values in, text or JSON out.

use serde_json::{Value, json};

use super::style::{Ink, Style, duration, wrap};
use crate::formats::progress::RunProgress;
use crate::seams::store::{Former, Holder, Holding, Living};
use crate::words::digest::Digest;

/// A run that is silent for so long is said to be silent: it reports every few seconds.
const SILENT_SECONDS: f64 = 30.0;

/// What was found beside a state.
pub struct Status {
    pub place: String,
    /// The plan of a run that has begun and not ended.
    pub open: Option<Digest>,
    pub holding: Holding,
    /// Since when the living holder has the lock, where that is known.
    pub held_seconds: Option<f64>,
    /// What the run last said, and how many seconds ago; `None` there: its time cannot be read.
    pub progress: Option<(RunProgress, Option<f64>)>,
}

/// What can be said of a run from outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    UnderWay,
    /// Somebody holds the lock, and no run is recorded as begun: it plans, asks, or edits the state.
    Locked,
    /// Begun, and nobody is there who could go on.
    Interrupted,
    Nothing,
}

impl Status {
    fn now(&self) -> Now {
        match (&self.holding, &self.open) {
            (Holding::Living(_), Some(_)) => Now::UnderWay,
            (Holding::Living(_), None) => Now::Locked,
            (Holding::Nobody | Holding::Former(_), Some(_)) => Now::Interrupted,
            (Holding::Nobody | Holding::Former(_), None) => Now::Nothing,
        }
    }

    fn holder(&self) -> Option<&Holder> {
        match &self.holding {
            Holding::Living(living) => living.holder.as_ref(),
            Holding::Former(former) => Some(former.holder()),
            Holding::Nobody => None,
        }
    }
}

/// For people. What a run last said is shown with its age, never as the present.
pub fn text(status: &Status, style: Style) -> String {
    let plan = status.open.as_ref().map(Digest::short).unwrap_or_default();
    let head = match status.now() {
        Now::UnderWay => format!("A run of plan {plan} is under way."),
        Now::Locked => format!("No run is open, but {} is locked: its holder plans, asks or edits.", status.place),
        Now::Interrupted => {
            format!(
                "A run of plan {plan} was interrupted: nobody holds its lock. mig apply goes on with it, or mig destroy if it was one."
            )
        }
        Now::Nothing => format!("No run is under way at {}. mig show tells what is recorded.", status.place),
    };
    let head = wrap("", &head, style.width);
    let (first, rest) = head.split_once('\n').unwrap_or((&head, ""));
    let mut out = format!("{}\n{rest}", style.ink(Ink::Bold, first));
    if let Some(holder) = status.holder() {
        let gone = match &status.holding {
            Holding::Former(Former::Died(_)) => " (that process is gone)",
            Holding::Former(Former::Silent(_)) => " (its lease has ended: it gave no sign of life)",
            Holding::Living(_) | Holding::Nobody => "",
        };
        out.push_str(&wrap("  by        ", &format!("{holder}{gone}"), style.width));
        if let Holding::Living(Living { silent: Some(silent), .. }) = &status.holding {
            let text = format!("{} (last sign of life {} ago)", holder.id, duration(silent.as_secs_f64()));
            out.push_str(&wrap("  lock      ", &text, style.width));
        }
    }
    let Some((progress, age)) = status.progress.as_ref().filter(|_| status.open.is_some()) else {
        let long = status.held_seconds.is_none_or(|seconds| seconds > SILENT_SECONDS);
        if status.now() == Now::UnderWay && long {
            let text =
                "What it last said of itself is not there, or cannot be read: whether it makes progress is not known.";
            out.push_str(&wrap("  silent    ", text, style.width));
        }
        return out;
    };
    let ago = age.map_or("at an unknown time".to_owned(), |seconds| format!("{} ago", duration(seconds)));
    out.push_str(&wrap("  progress  ", &format!("{} ({ago})", progress.summary), style.width));
    for step in &progress.steps {
        out.push_str(&wrap("  running   ", &format!("{}: {}", step.addr, step.text), style.width));
    }
    if status.now() == Now::UnderWay && age.is_none_or(|seconds| seconds > SILENT_SECONDS) {
        let text = "It has said nothing since then, although it reports every few seconds: its process may be stopped, or its \
                    disk does not answer.";
        out.push_str(&wrap("  silent    ", text, style.width));
    }
    out
}

/// For scripts.
pub fn json(status: &Status) -> Value {
    let word = match status.now() {
        Now::UnderWay => "under_way",
        Now::Locked => "locked",
        Now::Interrupted => "interrupted",
        Now::Nothing => "none",
    };
    let mut out = json!({ "state": status.place, "run": word });
    if let Some(plan) = &status.open {
        out["plan_digest"] = plan.as_str().into();
    }
    if let Some(holder) = status.holder() {
        out["holder"] = json!(holder);
    }
    if let Some((progress, age)) = status.progress.as_ref().filter(|_| status.open.is_some()) {
        out["progress"] = json!(progress);
        if let Some(seconds) = age.filter(|seconds| seconds.is_finite()) {
            out["progress"]["age_seconds"] = seconds.into();
        }
    }
    super::safe_json::numbers(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::progress::RunningStep;
    use crate::words::addr::{StepAddr, StepKind, TableName};

    fn holder() -> Holder {
        let since = "2026-01-05T10:00:00Z".into();
        Holder { id: "7f".into(), holder: "ann".into(), host: "box".into(), pid: 7, since, command: "mig apply".into() }
    }

    fn progress(age: f64) -> Option<(RunProgress, Option<f64>)> {
        let addr = StepAddr::of_table("shop", StepKind::Load, &TableName::new("shop", "orders"));
        let steps = vec![RunningStep { addr, text: "1.0 GiB of 3.0 GiB, ETA 5 min".into() }];
        let summary = "34 %, ETA 3 to 5 min, 12 of 57 steps".into();
        Some((RunProgress { summary, steps, percent: Some(34), ..RunProgress::default() }, Some(age)))
    }

    #[test]
    fn what_a_run_last_said_has_its_age_and_silence_is_named() {
        let plan = Some(Digest::of_bytes(b"p"));
        let check = |open: &Option<Digest>, holding: Holding, age: Option<f64>, word: &str, expected: &str| {
            let progress = age.and_then(progress);
            let status =
                Status { place: "mig.migstate".into(), open: open.clone(), holding, held_seconds: Some(5.0), progress };
            assert_eq!(text(&status, Style::plain()), expected);
            assert_eq!(json(&status)["run"], word);
        };
        let by = "  by        ann on box, process 7, since 2026-01-05T10:00:00Z: mig apply";
        let said = "  progress  34 %, ETA 3 to 5 min, 12 of 57 steps";
        let step = "  running   migration.shop.load[\"shop.orders\"]: 1.0 GiB of 3.0 GiB, ETA 5 min";
        let going = "A run of plan 148de9c5a7a4 is under way.";
        let living = || Holding::Living(Living { holder: Some(holder()), silent: None });
        check(&plan, living(), Some(2.0), "under_way", &format!("{going}\n{by}\n{said} (2.0 s ago)\n{step}\n"));
        check(&plan, living(), None, "under_way", &format!("{going}\n{by}\n"));
        let silent = "  silent    It has said nothing since then, although it reports every few\n            \
                      seconds: its process may be stopped, or its disk does not answer.";
        check(
            &plan,
            living(),
            Some(90.0),
            "under_way",
            &format!("{going}\n{by}\n{said} (1 min 30 s ago)\n{step}\n{silent}\n"),
        );
        let progress = Some((RunProgress { summary: "34 %".into(), ..RunProgress::default() }, None));
        let ahead =
            Status { place: String::new(), open: plan.clone(), holding: living(), held_seconds: Some(5.0), progress };
        let shown = text(&ahead, Style::plain());
        assert!(shown.contains("34 % (at an unknown time)") && shown.contains("  silent    "), "{shown}");
        let unsaid = Status { progress: None, held_seconds: Some(60.0), ..ahead };
        assert!(text(&unsaid, Style::plain()).contains("  silent    What it last said"));
        let was = "A run of plan 148de9c5a7a4 was interrupted: nobody holds its lock. mig apply\ngoes on with it, or mig destroy if it was one.";
        let gone = format!("{was}\n{by} (that\n            process is gone)\n{said} (2.0 s ago)\n{step}\n");
        check(&plan, Holding::Former(Former::Died(holder())), Some(2.0), "interrupted", &gone);
        check(&plan, Holding::Nobody, None, "interrupted", &format!("{was}\n"));
        // What a run of before left is nobody's progress.
        let none = "No run is under way at mig.migstate. mig show tells what is recorded.\n";
        check(&None, Holding::Nobody, Some(2.0), "none", none);
        let locked = "No run is open, but mig.migstate is locked: its holder plans, asks or edits.";
        check(&None, living(), None, "locked", &format!("{locked}\n{by}\n"));
    }
}
