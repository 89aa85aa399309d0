//! `mig logs`: what the worker on a runner writes. Looks only.

use tokio::io::AsyncReadExt;

use super::args::{Global, Logs};
use super::remote::away;
use super::session::{Session, print};
use super::worker::LOG;
use crate::steps::remote::install::worker_dir;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Logs) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let state = session.state()?;
    let mut away = away(&session.spec, state.as_ref())?;
    let names = away.iter().map(|one| one.migration.clone()).collect::<Vec<_>>().join(", ");
    if let Some(name) = &args.migration {
        away.retain(|one| one.migration == *name);
    }
    let [one] = away.as_slice() else {
        let cause = match &args.migration {
            Some(name) => format!("no migration {name:?} runs on another machine"),
            None => "not exactly one migration runs on another machine".to_owned(),
        };
        return Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "choose the worker",
            cause,
            format!("There are: [{names}]."),
        ));
    };
    let Some(endpoint) = &one.endpoint else {
        let hint = "`mig apply` makes it ready.";
        return Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "find the worker",
            format!("{} is not ready yet", one.ready),
            hint,
        ));
    };
    let shell = session.shells.connect(endpoint).await?;
    let follow = if args.follow { "-n 200 -F" } else { "-n +1" };
    let log = format!("{}/{LOG}", worker_dir(endpoint, &one.migration));
    if !args.follow && shell.run(&format!("test -e {log}"), b"").await?.status == Some(1) {
        return Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            format!("read the log on {endpoint}"),
            format!("no worker of migration.{} has run there", one.migration),
            "`mig apply` starts it.",
        ));
    }
    let script = format!("exec tail {follow} {log}");
    let mut channel = shell.open(&script).await?;
    let mut some = vec![0; 64 * 1024];
    loop {
        match channel.from.read(&mut some).await {
            Ok(0) => return Ok(ExitKind::Success),
            Ok(n) => print(&String::from_utf8_lossy(some.get(..n).unwrap_or_default())),
            Err(error) => {
                let hint = "Run the command again.";
                return Err(Failure::new(
                    codes::SSH_BROKE,
                    format!("read the log on {endpoint}"),
                    error.to_string(),
                    hint,
                ));
            }
        }
    }
}
