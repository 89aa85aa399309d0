//! Codes for runners: the connection to them, and the worker on them.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    RUNNER_UNREACHABLE = 3101, Error,
        "the runner does not answer",
        "No SSH connection was established: the name is unknown, the port is closed, or nothing answers. `mig ssh` \
         tries the same connection and shows everything that OpenSSH says.";
    HOST_KEY = 3102, Error,
        "the runner's host key is unknown or is another one",
        "The passwords of both servers go over this connection. So mig sends nothing before it knows which machine \
         answers. Put the key into the spec (`host_key`) or into ~/.ssh/known_hosts, or accept an unknown key with \
         -accept-host-key: it is written to a file beside the state. A key that differs from the known one is never \
         accepted.";
    SSH_LOGIN_REFUSED = 3103, Error,
        "the runner refused the login",
        "The machine answers and is the right one, but it does not accept the user's key. Check `user`, \
         `identity_file` and the file authorized_keys on the runner. A key with a passphrase must be in the agent.";
    SSH_BROKE = 3104, Error,
        "the connection to the runner broke",
        "The connection was there and ended. A worker that was started continues; `mig apply` attaches to it again.";
    INSTALL_FAILED = 3110, Error,
        "mig could not be installed on the runner",
        "mig copies itself to the runner, into `workdir`/bin, under a name with its digest. The machine must be Linux \
         on x86_64 with glibc 2.28 or newer (RHEL 8 has that). A program from `make release` runs there. One from \
         `make build` runs there only if glibc is as new as on the machine that built it. MIG_RUNNER_BINARY names \
         another file to copy.";
    WORKER_UNEXPECTED = 3111, Error,
        "the worker gave an unexpected answer",
        "The program on the runner did not do what it was asked to do, or another version answered. `mig logs` shows \
         what it wrote.";
    CONTROLLER_REPLACED = 3112, Error,
        "another controller has taken over the worker",
        "Each attach has a higher number than the one before, and the worker obeys only the highest number. Another \
         `mig apply` ran with a copy of this state. Find out who ran it, and continue from one place only.";
    WORKER_OF_OTHER_STATE = 3113, Error,
        "the worker belongs to another state",
        "The folder on the runner holds the work of another state (another lineage). Name another `workdir`, or first \
         destroy what that state has there.";
    WORKER_LEFT_AT_WORK = 3115, Error,
        "a worker is at work that the spec does not lead to",
        "An earlier run of this state started a worker on the runner, and it still reads and writes. The spec does not \
         lead to it: its migration has another name now, or its runner another `workdir`. A second worker would write to \
         the same tables, so mig starts nothing. Give the block its former name or `workdir` and run `mig apply`: it \
         attaches to the worker. With -stop-worker, Ctrl-C then stops the worker. Change the name when it has ended.";
    NOT_INSTALLED = 3116, Error,
        "this version of mig is not on the runner",
        "What a migration on a runner needs is observed from its runner, by mig itself. `mig plan` copies nothing to another \
         machine. `mig apply` does: it copies mig into `workdir`/bin, makes the plan from there, shows it and asks. If \
         the plan is not approved, that copy is all that was done.";
    WORKER_LOST = 3114, Error,
        "the worker could not be reached again",
        "The runner could not be reached for ten minutes. The worker continues by itself as long as its machine runs. \
         Run `mig apply` again to attach to it.";
}
