//! Plain and JSON progress of small runs, over a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{Json, Moment, Now, Plain, Reporter, Terminal};
use crate::formats::cause::Cause;
use crate::formats::event::{Counts, Ended, Event};
use crate::formats::plan::{Action, Change};
use crate::screen::plan::tests::empty;
use crate::screen::style::Style;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{ExitKind, Failure};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn clock() -> (Arc<AtomicU64>, Now) {
    let millis = Arc::new(AtomicU64::new(0));
    let hand = millis.clone();
    let now = move || Moment { millis: hand.load(Ordering::SeqCst), at: "2026-01-05T10:00:00Z".into() };
    (millis, Box::new(now))
}

fn load() -> StepAddr {
    StepAddr::of_table("shop", StepKind::Load, &TableName::new("shop", "orders"))
}

/// A run of 25 s: progress each second, a wait, an end.
fn run() -> Vec<(u64, Event)> {
    let at = || "2026-01-05T10:00:00Z".to_owned();
    let mut events = vec![
        (0, Event::RunStarted { at: at(), steps: 3, resumed: true }),
        (0, Event::StepStarted { addr: load(), kind: StepKind::Load, at: at(), parts_done: 7 }),
    ];
    for second in 0..=20 {
        let progress = Event::StepProgress {
            addr: load(),
            rows: second * 1_000,
            bytes: second << 20,
            total_rows: Some(30_000),
            total_bytes: Some(30 << 20),
        };
        events.push((second * 1_000, progress));
    }
    events.push((21_000, Event::StepWaits { addr: load(), text: "an earlier connection".into() }));
    events.push((22_000, Event::StepWaits { addr: load(), text: String::new() }));
    let failure =
        Failure::new(codes::STEP_PANICKED, "load a part", "connection lost", "Run mig apply again.").at(&load());
    events.push((
        25_000,
        Event::StepEnded {
            addr: load(),
            end: Ended::Failed,
            failure: Some(failure),
            left: None,
            seconds: 25.0,
            rows: 20_000,
            bytes: 20 << 20,
        },
    ));
    let verify = StepAddr::of_table("shop", StepKind::Verify, &TableName::new("shop", "orders"));
    events.push((
        25_000,
        Event::StepEnded {
            addr: verify,
            end: Ended::UpstreamFailed,
            failure: None,
            left: None,
            seconds: 0.0,
            rows: 0,
            bytes: 0,
        },
    ));
    let summary = Counts { complete: 1, failed: 1, upstream_failed: 1, ..Counts::default() };
    events.push((25_000, Event::RunEnded { at: at(), exit: ExitKind::Error, summary, seconds: 25.0 }));
    events
}

fn play(mut reporter: Reporter, hand: &AtomicU64) {
    for (at, event) in run() {
        hand.store(at, Ordering::SeqCst);
        reporter.on(&event);
        reporter.tick();
    }
}

#[test]
fn plain_lines_tell_start_end_and_each_ten_seconds() {
    let (hand, now) = clock();
    let page = Page::default();
    play(Reporter::Plain(Plain::new(Box::new(page.clone()), now)), &hand);
    let addr = load();
    let expected = format!(
        "\
Going on with 3 steps.
started   {addr} (goes on after 7 durable parts)
progress  0 of 3 steps, 1 running, 10,000 rows loaded, 10 s
running   {addr}: 10.0 MiB of 30.0 MiB, 10,000 rows, 1.0 MiB/s, ETA 20 s
progress  0 of 3 steps, 1 running, 20,000 rows loaded, 20 s
running   {addr}: 20.0 MiB of 30.0 MiB, 20,000 rows, 1.0 MiB/s, ETA 10 s
waiting   {addr}: waits for an earlier connection
failed    {addr} after 25 s: failed to load a part: connection lost
Ended after 25 s: 1 complete, 1 failed, 1 not started because of a failure.
"
    );
    assert_eq!(page.text(), expected, "\n{}", page.text());
}

#[test]
fn each_json_line_is_an_object_with_a_known_type_and_no_nan() {
    let (hand, now) = clock();
    let page = Page::default();
    play(Reporter::Json(Json::new(Box::new(page.clone()), now)), &hand);
    let lines: Vec<Value> = page.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let mut expected = vec!["version", "apply_start"];
    expected.extend(["apply_progress"; 11]);
    expected.push("run_progress");
    expected.extend(["apply_progress"; 10]);
    expected.push("run_progress");
    expected.extend(["apply_progress"; 2]);
    expected.extend(["apply_errored", "diagnostic", "change_summary"]);
    assert_eq!(types, expected);
    let tenth = &lines[2 + 10]["hook"];
    assert_eq!(tenth["addr"], load().to_string());
    assert_eq!((&tenth["rows"], &tenth["bytes"]), (&10_000.into(), &(10u64 << 20).into()));
    assert_eq!((&tenth["bytes_per_second"], &tenth["eta_seconds"]), (&(1u64 << 20).into(), &20.into()));
    assert_eq!(lines[2]["hook"].get("eta_seconds"), None);
    let overall = &lines[2 + 11]["overall"];
    assert_eq!((&overall["running"], overall.get("percent")), (&1.into(), None), "the plan is not known");
    assert_eq!(lines[4 + 21]["hook"]["waits_for"], "an earlier connection");
    assert_eq!(lines[4 + 22]["hook"].get("waits_for"), None);
    let end = &lines[lines.len() - 1]["changes"];
    assert_eq!((&end["failed"], &end["exit_code"], &end["operation"]), (&1.into(), &1.into(), &"apply".into()));
    for line in &lines {
        assert_eq!(line["@timestamp"], "2026-01-05T10:00:00Z");
        assert!(!line.to_string().contains("null"), "{line}");
    }
}

#[test]
fn the_whole_run_is_spoken_of_less_and_less_often() {
    let (hand, now) = clock();
    let page = Page::default();
    let mut reporter = Reporter::Plain(Plain::new(Box::new(page.clone()), now));
    for (_, event) in run().into_iter().take(2) {
        reporter.on(&event);
    }
    let mut beats = |from: u64, to: u64| {
        let before = page.text().matches("progress  ").count();
        for second in from..to {
            hand.store(second * 1_000, Ordering::SeqCst);
            reporter.tick();
        }
        page.text().matches("progress  ").count() - before
    };
    assert_eq!(beats(1, 301), 30);
    assert!((10..=20).contains(&beats(301, 601)));
    assert_eq!(beats(36_000, 39_600), 60, "once a minute after hours");
}

#[test]
fn json_has_no_more_than_one_progress_line_a_second() {
    let (hand, now) = clock();
    let page = Page::default();
    let mut reporter = Reporter::Json(Json::new(Box::new(page.clone()), now));
    reporter.on(&run()[1].1);
    for millis in (0..3_000).step_by(50) {
        hand.store(millis, Ordering::SeqCst);
        reporter.on(&run()[2].1);
    }
    assert_eq!(page.text().matches("apply_progress").count(), 3);
}

#[test]
fn a_plan_in_the_stream_is_its_changes_and_a_summary() {
    let (_, now) = clock();
    let page = Page::default();
    let mut reporter = Reporter::Json(Json::new(Box::new(page.clone()), now));
    let mut plan = empty();
    let change = Change::new(load(), Action::Replace, Cause::Requested);
    plan.body.changes = vec![Change { needs_confirm: true, ..change }];
    reporter.plan(&plan, None);
    reporter.diagnostics(&[Diagnostic::warning(codes::EVENT, "trigger t1 is not moved").about("shop.orders")]);
    let lines: Vec<Value> = page.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["change"]["action"], "replace");
    assert_eq!(lines[1]["change"]["needs_confirm"], true);
    assert_eq!(lines[2]["changes"]["replace"], 1);
    assert_eq!((&lines[3]["@level"], &lines[3]["diagnostic"]["address"]), (&"warn".into(), &"shop.orders".into()));
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let counts = Counts { complete: 2, interrupted: 1, not_started: 4, ..Counts::default() };
    assert_eq!(
        super::end_words(ExitKind::Interrupted, &counts, 61.0),
        "Interrupted after 1 min 1 s: 2 complete, 1 interrupted, 4 not started. Run the same command again."
    );
    assert_eq!(
        super::end_words(ExitKind::Success, &Counts::default(), 0.5),
        "Done after 0.5 s: no step had anything to do."
    );
}

#[test]
fn the_terminal_has_one_line_a_running_step_and_a_summary() {
    let (hand, now) = clock();
    let mut terminal = Terminal::new(Style::plain(), now);
    for (at, event) in run().into_iter().take(12) {
        hand.store(at, Ordering::SeqCst);
        terminal.on(&event);
    }
    let lines: Vec<String> = terminal.bars.iter().map(|bar| bar.message()).collect();
    assert_eq!(
        lines,
        [
            "  load shop.orders  9.0 MiB of 30.0 MiB, 9,000 rows, 1.0 MiB/s, ETA 21 s",
            "0 of 3 steps, 1 running, 9,000 rows loaded, 9.0 s"
        ]
    );
    terminal.on(&run().pop().unwrap().1);
    assert!(terminal.bars.is_empty());
}

/// A step of a destroy that could not remove everything is never called complete.
#[test]
fn what_a_destroy_leaves_is_said_where_the_step_ends_and_counted() {
    let addr = StepAddr::new(&["runner", "local", "default"]);
    let ended = Event::StepEnded {
        addr,
        end: Ended::Complete,
        failure: None,
        left: Some("the work folder w".into()),
        seconds: 1.0,
        rows: 0,
        bytes: 0,
    };
    let summary = Counts { complete: 3, left: 1, ..Counts::default() };
    let events = [ended, Event::RunEnded { at: String::new(), exit: ExitKind::Success, summary, seconds: 2.0 }];
    let shown = |json: bool| {
        let page = Page::default();
        let (_, now) = clock();
        let out = Box::new(page.clone());
        let mut reporter =
            if json { Reporter::Json(Json::new(out, now)) } else { Reporter::Plain(Plain::new(out, now)) };
        events.iter().for_each(|event| reporter.on(event));
        page.text()
    };
    let plain = "left      runner.local.default after 1.0 s: the work folder w\n\
                 Done after 2.0 s: 2 complete, 1 done with something left in place.\n";
    assert_eq!(shown(false), plain);
    let lines: Vec<Value> = shown(true).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[1]["type"], &lines[1]["hook"]["left"]), (&"apply_complete".into(), &"the work folder w".into()));
    assert_eq!(lines[1]["@message"], "runner.local.default: done, and this is left: the work folder w");
    assert_eq!(lines[2]["changes"]["left"], 1);
}
