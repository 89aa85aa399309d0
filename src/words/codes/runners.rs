//! Codes of runners: the line to them and the worker there.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    RUNNER_UNREACHABLE = 3101, Error,
        "the runner does not answer",
        "No SSH connection came about: the name is unknown, the port is closed, or nothing answers. `mig ssh` tries the \
         same connection and shows all that OpenSSH says.";
    HOST_KEY = 3102, Error,
        "the runner's host key is unknown or another one",
        "Passwords of both servers go over this line, so mig sends nothing before it knows who is there. Pin the key in \
         the spec (`host_key`), have it in ~/.ssh/known_hosts, or accept an unknown one with -accept-host-key: it is \
         written beside the state. A key that differs from the known one is never accepted.";
    SSH_LOGIN_REFUSED = 3103, Error,
        "the runner refused the login",
        "The machine is there and is the right one, but it does not take the user's key. Look at `user`, \
         `identity_file` and the authorized_keys over there; a key with a passphrase has to be in the agent.";
    SSH_BROKE = 3104, Error,
        "the line to the runner broke",
        "The connection was there and ended. A worker that was started goes on; `mig apply` reattaches to it.";
    INSTALL_FAILED = 3110, Error,
        "mig could not be installed on the runner",
        "mig copies itself to the runner, into `workdir`/bin, under a name with its digest. The machine has to be Linux \
         on x86_64 with glibc 2.28 or newer (RHEL 8 has that); a program of `make release` runs there, one of `make \
         build` only where glibc is as new as on the machine that built it. MIG_RUNNER_BINARY names another file to copy.";
    WORKER_UNEXPECTED = 3111, Error,
        "the worker answered something unexpected",
        "The program on the runner did not do what it was asked for, or another version answered. `mig logs` shows what \
         it wrote.";
    CONTROLLER_REPLACED = 3112, Error,
        "another controller has taken the worker over",
        "Each attach carries a higher number than the one before; the worker obeys the highest only. Somebody ran `mig \
         apply` over a copy of this state. Look who, and go on from one place only.";
    WORKER_OF_OTHER_STATE = 3113, Error,
        "the worker belongs to another state",
        "The folder on the runner holds the work of another state (another lineage). Name another `workdir`, or destroy \
         what that state has there first.";
    WORKER_LOST = 3114, Error,
        "the worker could not be reached again",
        "The line to the runner stayed cut for ten minutes. The worker goes on by itself as long as its machine runs; run \
         `mig apply` again to reattach.";
}
