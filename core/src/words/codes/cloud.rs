//! Codes for the steps in a cloud: the result of a call, and what was found in place of what was expected. One row each;
//! the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    PROVIDER = 3201, Error,
        "a provider could not be opened",
        "The spec has a `provider \"aws\"`, but this build of mig was made without the feature `aws`. Releases have this feature: use one, or build mig with its default features.";
    CLOUD_REFUSED = 3270, Error,
        "AWS refused a call",
        "The message has AWS's code, its text and the id of the request. AWS support asks for this id. The call created nothing. Fix what the message names (a limit of the account, a setting), then run `mig apply` again.";
    CLOUD_NO_ANSWER = 3271, Error,
        "AWS did not answer",
        "A call got no answer, or an answer that does not say whether the call had its effect. All retries ended in the same way. The state records what was requested. The next `mig apply` sends the same request again, so nothing is created twice.";
    OBJECT_OF_OTHER_LINEAGE = 3272, Error,
        "an object does not belong to this lineage",
        "There is an object with the name or id that mig uses. Its tags (mig:lineage, mig:address) or its fingerprint say that this lineage did not create it. mig neither uses nor removes it. If it is no longer needed, remove or rename it by hand, then run the command again.";
    CLOUD_TIMEOUT = 3273, Error,
        "a state was not reached in time",
        "mig waited for a state of an object, and it did not come in time. Check in the console what AWS says about the object. Then run `mig apply` again: it continues to wait.";
    OBJECT_ENDED = 3274, Error,
        "an instance or a volume was lost before it could be used",
        "An instance was terminated, or a volume disappeared, before it could be used. The console shows the reason (State transition reason): limits, a policy of the account, an image that does not start, a program that removes what it does not know. Remove the cause, then run `mig apply` again.";
    PRIVATE_KEY_UNREADABLE = 3276, Error,
        "the private key cannot be read",
        "There is a file at `identity_file`, but it is not a private key in OpenSSH's format without a passphrase. mig uses a key that is there, and never overwrites it. Move the file away, so that mig creates a key there, or name another `identity_file`.";
    UNSUPPORTED_PROCESSOR = 3277, Error,
        "mig does not run on this processor",
        "mig puts its own program on the runner, a build for Linux on x86-64. Use an instance type with Intel or AMD processors.";
    VOLUME_NOT_ATTACHABLE = 3278, Error,
        "the volume cannot be attached",
        "A volume can be attached to one instance only, in its own zone. The message says where the volume is, or which instance has it.";
    DISK_IN_USE = 3279, Error,
        "the disk contains something else",
        "mig creates a file system only on a disk that is empty according to blkid. It mounts only the file system that it created (xfs, label mig). Check what is on the disk. If it is not needed, replace the volume.";
    RUNNER_COMMAND_FAILED = 3280, Error,
        "a command on the runner failed",
        "mig prepares the runner with uname, lsblk, blkid, mkfs and mount, through sudo without a password. The message has the last line that the command printed. Fix the cause, then run `mig apply` again.";
    VOLUME_OF_OTHER_INSTANCE = 3282, Error,
        "the volume is attached to an instance of somebody else",
        "The volume is this lineage's own, but an instance that mig did not make has it attached and is not ended. mig neither detaches nor deletes it: that instance may work on it. Detach the volume there if it is not needed, then run the command again.";
    OBJECTS_NOT_RECORDED = 3283, Error,
        "the account has objects of this lineage that the state does not know",
        "There are instances or volumes with this lineage's tag (mig:lineage) that the state has no record of. Usually the state is a copy from before they were made. `mig destroy` removes only what the state knows, so it refuses: the objects would stay, and cost money. Put the newer state back (`mig state push`), or remove the objects by hand. To keep one, take its tag mig:lineage off.";
    PROVIDER_NEEDED = 3284, Error,
        "objects in AWS cannot be removed without their provider",
        "The plan removes or changes objects in AWS, and the spec has no `provider \"aws\"` any more. Put the block back until the objects are gone: first take the blocks of the runner and the peering out of the spec and apply, then the provider.";
    PEERING_DNS = 3281, Error,
        "names are not resolved across the peering",
        "TiDB Cloud's private endpoint is a name. The runner resolves it only if the VPC has DNS support and DNS hostnames on. With `accept = true`, mig switches them on.";
}
