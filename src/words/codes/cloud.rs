//! Codes of the steps in a cloud: what a call came to, what was found instead of what should be there. One row each; see
//! the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    PROVIDER = 3201, Error,
        "a provider could not be opened",
        "The spec has a `provider \"aws\"`, and this build of mig was made without the feature `aws`. Releases have it.";
    CLOUD_REFUSED = 3270, Error,
        "AWS refused a call",
        "The message has AWS's code, its text and the id of the request, which its support asks for. Nothing was made by that call. Mend what is named (a limit of the account, a setting), then run `mig apply` again.";
    CLOUD_NO_ANSWER = 3271, Error,
        "AWS did not answer",
        "A call got no answer, or one that leaves open whether it had its effect, and so did all tries after it. What was asked for stands in the state: the next `mig apply` asks again in the same words, so nothing is made twice.";
    OBJECT_OF_OTHER_LINEAGE = 3272, Error,
        "an object is not this lineage's",
        "Something of the name or id that mig uses is there, and its tags (mig:lineage, mig:address) or its fingerprint say that another made it. mig neither uses nor removes it.";
    CLOUD_TIMEOUT = 3273, Error,
        "it took too long",
        "A state that was waited for did not come in its time. Look in the console what AWS says of the object, then run `mig apply` again: it goes on waiting.";
    OBJECT_ENDED = 3274, Error,
        "an object ended while it was being made",
        "An instance was terminated, or a volume went away, before it was of use. The reason stands in the console (State transition reason): limits, a policy of the account, an image that does not start, a program that removes what it does not know.";
    PRIVATE_KEY_UNREADABLE = 3276, Error,
        "the private key cannot be read",
        "A file is at `identity_file`, and it is no private key in OpenSSH's format without a passphrase. A key that is there is used, never written over.";
    UNSUPPORTED_PROCESSOR = 3277, Error,
        "a processor on which mig does not run",
        "mig puts its own program on the runner, a build for Linux on x86-64. Take an instance type with Intel or AMD processors.";
    VOLUME_NOT_ATTACHABLE = 3278, Error,
        "the volume cannot be attached",
        "A volume is attached to one instance, in its own zone. The message says where it is, or who has it.";
    DISK_IN_USE = 3279, Error,
        "the disk holds something else",
        "mig makes a file system only on a disk of which blkid says that it holds nothing, and mounts only the one that it made (xfs, label mig).";
    RUNNER_COMMAND_FAILED = 3280, Error,
        "a command on the runner failed",
        "The runner is prepared by uname, lsblk, blkid, mkfs and mount, through sudo without a password. The message has what the command said last.";
    PEERING_DNS = 3281, Error,
        "names are not resolved across the peering",
        "TiDB Cloud's private endpoint is a name, and the runner resolves it only where the VPC has DNS support and DNS hostnames on. With `accept = true` mig switches them on.";
}
