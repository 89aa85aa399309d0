//! `mig ssh`: a shell on a runner, by the very connection that mig would use.

use std::process::Command;

use super::args::{Global, SshTo};
use super::session::Session;
use crate::formats::spec::model::RunnerKind;
use crate::hosts::ssh::Ssh;
use crate::steps::remote::endpoint;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &SshTo) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let state = session.state()?;
    let remote = session.spec.runners.values().filter(|runner| runner.is_remote());
    let chosen: Vec<_> = remote.filter(|r| args.runner.as_ref().is_none_or(|name| r.name == *name)).collect();
    let [runner] = chosen.as_slice() else {
        let names: Vec<&str> =
            session.spec.runners.values().filter(|r| r.is_remote()).map(|r| r.name.as_str()).collect();
        let hint = format!("Runners on other machines: [{}].", names.join(", "));
        return Err(Failure::new(codes::NOTHING_TO_VERIFY, "choose the runner", "not exactly one is meant", hint));
    };
    let words: &[&str] = match &runner.kind {
        RunnerKind::Ec2(_) => &["runner", "ec2", &runner.name, "ready"],
        _ => &["runner", &runner.label, &runner.name],
    };
    let ready = StepAddr::new(words);
    let known = match &runner.kind {
        // A machine that the spec names is there, whether it was used already or not.
        RunnerKind::Ssh(endpoint) => Some(endpoint.clone()),
        kind => endpoint(kind, &ready, state.as_ref().and_then(|s| s.outputs(&ready)))?,
    };
    let Some(to) = known else {
        let hint = "`mig apply` makes it ready.";
        return Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "find the runner",
            format!("{ready} is not ready yet"),
            hint,
        ));
    };
    let doing = || format!("open a shell on {to}");
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::new(codes::SSH_BROKE, doing(), error.to_string(), "Look at the temporary folder."))?;
    let config =
        Ssh::new(&session.dir, &session.local, args.hosts.accept_host_key).configuration(&to, scratch.path())?;
    let status = Command::new("ssh")
        .arg("-F")
        .arg(&config)
        .args(["-o", "BatchMode=no", "-o", "LogLevel=INFO", "-l", &to.user, "-p", &to.port.to_string(), "--", &to.host])
        .status()
        .map_err(|error| Failure::new(codes::SSH_BROKE, doing(), error.to_string(), "Install OpenSSH's client."))?;
    Ok(if status.success() { ExitKind::Success } else { ExitKind::Error })
}
