//! A rehearsal for people: how long, why, how much disk, and what a failure would leave. Says of each number whether it was
//! measured or assumed. Knows the values of a rehearsal only.

use super::style::{Ink, Style, band, bytes, count, duration, pad_left, thousands, wrap};
use crate::formats::rehearsal::{Band, FailureTried, Left, Rate, RateUsed, Rehearsal, Stretch};
use crate::words::addr::Remains;

/// Stretches of the critical path that are shown: the longest.
const STRETCHES: usize = 12;

/// The whole rehearsal.
pub fn text(rehearsal: &Rehearsal, style: Style) -> String {
    let runs = count(u64::from(rehearsal.runs), "simulated run", "simulated runs");
    let title = format!("{} ({runs}, seed {})", style.ink(Ink::Bold, "Rehearsal"), rehearsal.seed);
    let mut out = format!("{title}\n");
    let mut line = |lead: &str, text: &str| out.push_str(&wrap(&format!("  {lead} "), text, style.width));
    line("Duration:", &duration_words(rehearsal));
    for rate in &rehearsal.rates {
        line("Rate:", &rate_words(rate));
    }
    if let Some(disk) = rehearsal.disk_bytes {
        let words = "of dump files at one time, by the estimates of the tables and without compression; files of earlier runs \
                     come on top";
        line("Disk:", &format!("{} {words}", disk_words(disk)));
    }
    for addr in &rehearsal.waits_for_people {
        line("Not counted:", &format!("{addr} waits until somebody accepts it"));
    }
    if rehearsal.goes_on {
        line(
            "Not counted:",
            "what an interrupted run has done already: the steps that it goes on with are simulated whole",
        );
    }
    out.push_str(&path(&rehearsal.critical_path, style));
    out.push_str(&failures(&rehearsal.failures, style));
    out
}

/// One line for a comment.
pub fn duration_words(rehearsal: &Rehearsal) -> String {
    let Band { low, median, high } = rehearsal.seconds;
    let rates = &rehearsal.rates;
    let measured = rates.iter().filter(|rate| rate.measured).count();
    let basis = match measured {
        0 => "all rates are assumed",
        some if some == rates.len() => "all rates are those of earlier runs",
        _ => "some rates are those of earlier runs, others are assumed",
    };
    let range = band(low.floor() as u64, high.ceil() as u64);
    format!("{range}, half of the runs in {} or less; {basis}", duration(median))
}

fn disk_words(disk: Band) -> String {
    let (low, high) = (bytes(disk.low as u64), bytes(disk.high as u64));
    if low == high { high } else { format!("{low} to {high}") }
}

fn rate_words(rate: &RateUsed) -> String {
    let number = |value: f64| match rate.rate {
        Rate::DumpBytes | Rate::LoadBytes => format!("{}/s", bytes(value as u64)),
        Rate::LoadRows | Rate::VerifyRows => format!("{} rows/s", thousands(value as u64)),
        Rate::Created => format!("{} objects/s", thousands(value as u64)),
    };
    let what = match rate.rate {
        Rate::DumpBytes => "all dumps read",
        Rate::LoadRows | Rate::LoadBytes => "all loads write",
        Rate::VerifyRows => "all verifications compare",
        Rate::Created => "the target creates",
    };
    let how = if rate.measured { "as earlier runs of this state" } else { "assumed" };
    format!("{what} {} to {} ({how})", number(rate.low), number(rate.high))
}

fn path(path: &[Stretch], style: Style) -> String {
    if path.is_empty() {
        return String::new();
    }
    let mut longest: Vec<f64> = path.iter().map(|stretch| stretch.seconds + stretch.waited).collect();
    longest.sort_by(|a, b| b.total_cmp(a));
    let least = longest.get(STRETCHES).copied().unwrap_or(-1.0);
    let mut out = "  Critical path of the run of median time:\n".to_owned();
    let mut left_out = (0_u64, 0.0);
    for stretch in path {
        if stretch.seconds + stretch.waited <= least {
            left_out = (left_out.0 + 1, left_out.1 + stretch.seconds + stretch.waited);
            continue;
        }
        let waited = match stretch.waited {
            waited if waited > 0.0 => format!(", behind {} of waiting for a slot", duration(waited)),
            _ => String::new(),
        };
        let lead = format!("    {}  ", pad_left(&duration(stretch.seconds), 12));
        out.push_str(&wrap(&lead, &format!("{}{waited}", stretch.addr), style.width));
    }
    if left_out.0 > 0 {
        let lead = format!("    {}  ", pad_left(&duration(left_out.1), 12));
        let steps = count(left_out.0, "shorter stretch", "shorter stretches");
        out.push_str(&wrap(&lead, &format!("in {steps}; -json lists them"), style.width));
    }
    out
}

fn failures(failures: &[FailureTried], style: Style) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut out = "  If a step fails half-way (of each phase the one that takes longest):\n".to_owned();
    for tried in failures {
        let at = format!("at {}, the run ends at {}", duration(tried.at_seconds), duration(tried.ends_seconds));
        out.push_str(&wrap("    ", &format!("{} {at}", tried.addr), style.width));
        if let Some(step) = tried.addr.step_type() {
            out.push_str(&wrap("      of the step: ", remains(step.remains()), style.width));
        }
        out.push_str(&wrap("      of the run: ", &left_words(&tried.left), style.width));
        let steps = count(tried.to_do, "step", "steps");
        out.push_str(&wrap("      then: ", &format!("the next `mig apply` has {steps} to do"), style.width));
    }
    out
}

fn remains(of: Remains) -> &'static str {
    match of {
        Remains::Nothing => "nothing; it only reads",
        Remains::WholeOrNone => "what it creates is there whole, or not at all; the next run looks",
        Remains::Files => "files that are whole; the next run continues behind them",
        Remains::Batches => "rows of whole batches, each once; the next run continues behind them",
        Remains::Tagged => "its object may be there; the next run finds it by its tag",
    }
}

fn left_words(left: &Left) -> String {
    let Left { objects, verified, loaded, partly, dump_bytes, in_cloud } = left;
    let mut parts = Vec::new();
    let mut add = |number: u64, words: String| {
        if number > 0 {
            parts.push(words);
        }
    };
    add(*objects, format!("{} created", count(*objects, "table or view", "tables and views")));
    add(*verified, format!("{} loaded and verified", thousands(*verified)));
    add(*loaded, format!("{} loaded and not verified", thousands(*loaded)));
    add(*partly, format!("{} with a part of the rows", thousands(*partly)));
    add(*dump_bytes, format!("{} of dump files", bytes(*dump_bytes)));
    let names: Vec<String> = in_cloud.iter().map(ToString::to_string).collect();
    add(names.len() as u64, format!("in the account, and charged for: {}", names.join(", ")));
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}
