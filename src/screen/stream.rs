//! The `-json` stream: one object a line, with Terraform's message types and bytes, rows, rate and ETA beside them.
//! Pure: values in, objects out. Numbers that are not known are left out, never NaN.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::approval;
use super::board::{Board, short_name};
use super::plan::{Counts, summary};
use super::safe_json;
use crate::formats::event::{Ended, Event};
use crate::formats::plan::PlanFile;
use crate::think::approval::Approvals;
use crate::words::diag::{Diagnostic, Severity};
use crate::words::error::{ExitKind, Failure};

/// Version of the stream's shape.
pub const VERSION: &str = "1.0";

/// What a line is: its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The first line: the version of mig (`mig`) and of the stream's shape (`ui`).
    Version,
    /// A change of the plan (`change`): `addr`, `action`, `cause`, `reason`, and `needs_confirm` where `-confirm` is needed.
    PlannedChange,
    /// Counts (`changes`): after the plan, what it would do (`operation` is `plan`); as the last line, how the steps of the run ended
    /// (`apply`), with `exit_code`.
    ChangeSummary,
    /// Who has signed the plan (`approved_by`), where `-require-approval` asked for it.
    Approved,
    /// A finding or a failure (`diagnostic`): `severity`, `code`, `summary`, `detail`, `help`, and where known `address`, `range`,
    /// `snippet`, `exit_code`.
    Diagnostic,
    /// A step starts (`hook`): `addr`, `kind`, `parts_done`.
    ApplyStart,
    /// How far a step is (`hook`): `addr`, `elapsed_seconds`, `rows`, `bytes`, `parts`, and where known `total_rows`,
    /// `total_bytes`, `rows_per_second`, `bytes_per_second`, `eta_seconds`, `waits_for`.
    ApplyProgress,
    /// A step is complete (`hook`): `addr`, `end`, `rows`, `bytes`, `elapsed_seconds`; `left`, if it left something of what it was
    /// to remove.
    ApplyComplete,
    /// A step failed or was interrupted (`hook`): `addr`, `end`, `rows`, `bytes`, `elapsed_seconds`. A `diagnostic` with the cause
    /// follows a failure.
    ApplyErrored,
    /// How far the whole run is (`overall`): `percent`, `bytes_per_second`, `eta_seconds`, `running`, `waits_for`.
    RunProgress,
}

/// The first line of every stream.
pub fn version(at: &str) -> Value {
    let mig = env!("CARGO_PKG_VERSION");
    message(at, "info", Message::Version, &format!("mig {mig}"), json!({"mig": mig, "ui": VERSION}))
}

/// One `planned_change` a change, then the `change_summary`.
pub fn plan(plan: &PlanFile, at: &str) -> Vec<Value> {
    let mut out: Vec<Value> = plan
        .body
        .changes
        .iter()
        .map(|change| {
            let reason = super::cause::words(change);
            let text = format!("{}: {reason}", change.addr);
            let mut body =
                json!({"addr": change.addr, "action": change.action, "cause": change.cause, "reason": reason});
            if change.needs_confirm {
                body["needs_confirm"] = true.into();
            }
            message(at, "info", Message::PlannedChange, &text, json!({"change": body}))
        })
        .collect();
    let counts = Counts::of(plan);
    let changes = json!({
        "create": counts.create, "rerun": counts.rerun, "replace": counts.replace,
        "forget": counts.forget, "destroy": counts.destroy, "operation": "plan", "blocked": plan.body.blocked,
    });
    out.push(message(at, "info", Message::ChangeSummary, &summary(plan), json!({"changes": changes})));
    out
}

/// Who has signed the plan, where apply asked for it.
pub fn approved(by: &Approvals, at: &str) -> Value {
    message(at, "info", Message::Approved, &approval::by(by), json!({"approved_by": by.by}))
}

pub fn diagnostic(diagnostic: &Diagnostic, at: &str) -> Value {
    let (level, severity) = match diagnostic.severity {
        Severity::Error => ("error", "error"),
        Severity::Warning => ("warn", "warning"),
    };
    let mut body = json!({
        "severity": severity, "code": diagnostic.code, "summary": diagnostic.summary,
        "detail": diagnostic.detail, "help": diagnostic.help,
    });
    if let Some(subject) = &diagnostic.subject {
        body["address"] = subject.clone().into();
    }
    if let Some(place) = &diagnostic.place {
        body["range"] = json!({
            "filename": place.file, "line": place.line, "column": place.column,
            "start": place.start, "end": place.end,
        });
        body["snippet"] = place.source_line.clone().into();
    }
    message(at, level, Message::Diagnostic, &diagnostic.summary, json!({"diagnostic": body}))
}

/// A failure as a diagnostic, then the diagnostics it carries.
pub fn failure(failure: &Failure, at: &str) -> Vec<Value> {
    let text = failure.to_string();
    let body = json!({
        "severity": "error", "code": failure.code, "summary": text, "detail": failure.cause, "help": failure.hint,
        "address": failure.address, "exit_code": failure.exit.code(),
    });
    let mut out = vec![message(at, "error", Message::Diagnostic, &text, json!({"diagnostic": body}))];
    out.extend(failure.diagnostics.iter().map(|found| diagnostic(found, at)));
    out
}

/// What an event says; `board` has already taken it. Steps that were not started have no line: the summary counts
/// them, and the root causes stand there.
pub fn event(event: &Event, board: &Board, now: u64, at: &str) -> Vec<Value> {
    match event {
        Event::StepStarted { addr, kind, parts_done, .. } => {
            let hook = json!({"addr": addr, "kind": kind, "parts_done": parts_done});
            vec![message(at, "info", Message::ApplyStart, &format!("{addr}: starts"), json!({"hook": hook}))]
        }
        Event::StepProgress { addr, .. } | Event::StepWaits { addr, .. } => {
            board.step(addr).map(|_| progress(addr, board, now, at)).into_iter().flatten().collect()
        }
        Event::StepEnded { addr, end, failure: cause, left, seconds, rows, bytes } => {
            let mut hook = json!({"addr": addr, "end": end, "rows": rows, "bytes": bytes});
            if seconds.is_finite() {
                hook["elapsed_seconds"] = (*seconds).into();
            }
            match end {
                Ended::Unchanged | Ended::Complete => {
                    let text = match left {
                        Some(left) => format!("{addr}: done, and this is left: {left}"),
                        None => format!("{addr}: complete"),
                    };
                    if let Some(left) = left {
                        hook["left"] = left.clone().into();
                    }
                    vec![message(at, "info", Message::ApplyComplete, &text, json!({"hook": hook}))]
                }
                Ended::Failed | Ended::Interrupted => {
                    let word = if *end == Ended::Failed { "failed" } else { "interrupted" };
                    let text = format!("{addr}: {word}");
                    let mut out = vec![message(at, "error", Message::ApplyErrored, &text, json!({"hook": hook}))];
                    out.extend(cause.iter().flat_map(|cause| failure(cause, at)));
                    out
                }
                Ended::UpstreamFailed | Ended::NotStarted => Vec::new(),
            }
        }
        Event::RunEnded { exit, summary, seconds, .. } => {
            let mut changes = json!(summary);
            changes["operation"] = "apply".into();
            changes["exit_code"] = exit.code().into();
            if seconds.is_finite() {
                changes["elapsed_seconds"] = (*seconds).into();
            }
            let level = if *exit == ExitKind::Success { "info" } else { "error" };
            let text = super::progress::end_words(*exit, summary, *seconds);
            vec![message(at, level, Message::ChangeSummary, &text, json!({"changes": changes}))]
        }
        Event::RunStarted { .. } | Event::PartDone { .. } => Vec::new(),
    }
}

/// How far the whole run is.
pub fn overall(board: &Board, now: u64, at: &str) -> Value {
    let mut overall = Map::new();
    if let Some(figures) = board.figures(now) {
        overall.insert("percent".into(), figures.percent.into());
        if let Some(rate) = figures.rate {
            overall.insert("bytes_per_second".into(), rate.into());
        }
        if let Some((low, high)) = figures.left {
            overall.insert("eta_seconds".into(), json!({"low": low, "high": high}));
        }
    }
    if let Some(waits) = board.waits(now) {
        overall.insert("waits_for".into(), waits.into());
    }
    overall.insert("running".into(), board.running().len().into());
    message(at, "info", Message::RunProgress, &board.summary(now), json!({ "overall": overall }))
}

fn progress(addr: &crate::words::addr::StepAddr, board: &Board, now: u64, at: &str) -> Option<Value> {
    let step = board.step(addr)?;
    let mut hook = Map::new();
    hook.insert("addr".into(), json!(addr));
    hook.insert("elapsed_seconds".into(), json!(step.seconds(now)));
    hook.insert("rows".into(), json!(step.rows));
    hook.insert("bytes".into(), json!(step.bytes));
    hook.insert("parts".into(), json!(step.parts));
    let mut known = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            hook.insert(name.into(), json!(value));
        }
    };
    // A total is an estimate: what is passed is none any more.
    known("total_rows", step.total_rows.filter(|total| *total >= step.rows));
    known("total_bytes", step.total_bytes.filter(|total| *total >= step.bytes));
    known("rows_per_second", step.rate(now).map(|(rows, _)| rows as u64));
    known("bytes_per_second", step.rate(now).map(|(_, bytes)| bytes as u64));
    known("eta_seconds", step.eta(now).map(|seconds| seconds.ceil() as u64));
    if !step.waits.is_empty() {
        hook.insert("waits_for".into(), json!(step.waits));
    }
    let text = format!("{}: {}", short_name(addr), step.words(now));
    Some(message(at, "info", Message::ApplyProgress, &text, json!({"hook": hook})))
}

fn message(at: &str, level: &str, kind: Message, text: &str, body: Value) -> Value {
    let mut out = json!({"@level": level, "@message": text, "@module": "mig.ui", "@timestamp": at, "type": kind});
    if let (Value::Object(out), Value::Object(body)) = (&mut out, body) {
        out.extend(body);
    }
    safe_json::numbers(out)
}
