//! Approvals: keys by ssh-keygen, an agent by ssh-agent, and signatures that either program makes and the other one reads.

use std::path::Path;
use std::process::{Command, Stdio};

use super::support::journey::Journey;
use super::support::{Bed, program};

/// A key of a type, beside the plan; its public half.
fn key(dir: &Path, name: &str, kind: &str, passphrase: &str) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f", name])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap().trim().to_owned()
}

/// Runs a program with `input`, and gives whether it succeeded and what it said.
fn piped(dir: &Path, arguments: &[&str], input: &str) -> (bool, String) {
    use std::io::Write;
    let mut child = Command::new(arguments[0])
        .args(&arguments[1..])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.success(), program::said(&output))
}

/// Ends the agent that a test started.
struct Agent {
    child: std::process::Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent(socket: &Path) -> Agent {
    let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(socket).stdout(Stdio::null()).spawn().unwrap();
    let agent = Agent { child };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !socket.exists() {
        assert!(std::time::Instant::now() < until, "no agent");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    agent
}

/// The files of signatures beside a plan.
fn signatures(dir: &Path, plan: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(plan) && name.ends_with(".sig")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_plan_is_applied_when_enough_different_persons_have_signed_it() {
    let schema =
        Bed::mysql().schema("approved", &["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    let journey = Journey::new(Bed::mysql(), vec![schema], "approved", "", "").await;
    let dir = journey.folder();
    let [a, b, c] = [("a", "ed25519"), ("b", "ecdsa"), ("c", "rsa")].map(|(name, kind)| key(dir, name, kind, ""));
    let (d, e) = (key(dir, "d", "ed25519", "a passphrase"), key(dir, "e", "ed25519", ""));
    let allow = |lines: &str| std::fs::write(dir.join("allowed"), lines).unwrap();
    let says = |arguments: &[&str], exit: i32, told: &[&str]| program::run(dir, arguments, exit, told);
    let apply = |number: &str, exit: i32, told: &[&str]| {
        let required = format!("-require-approval={number}");
        says(&["apply", &required, "-allowed-signers=allowed", "p"], exit, told)
    };
    allow(&format!("# the owners\nann@example.org {a}\nbob namespaces=\"mig-plan\" {b}\ncid {c}\n"));
    says(&["plan", "-out=p"], 0, &[]);

    // Nobody, one, one with a second key, an unlisted one.
    apply("1", 3, &["MIG4113", "nobody", "there is no signature beside it"]);
    says(&["approve", "p", "-key=a"], 0, &["Signed: Plan: ", "SHA256:"]);
    apply("2", 3, &["MIG4113", "it needs 2 approvals of different persons; only ann@example.org has"]);
    says(&["approve", "p", "-key", "a"], 0, &[]);
    assert_eq!(signatures(dir, "p.").len(), 1, "signing again replaces");
    says(&["approve", "p", "-key", "e"], 0, &[]);
    apply("2", 3, &["only ann@example.org has", "is not in the file of allowed signers"]);
    allow(&format!("ann@example.org {a}\nann@example.org {e}\nbob {b}\n"));
    apply("2", 3, &["only ann@example.org has"]);
    // A key at the wrong time.
    says(&["approve", "p", "-key", "b"], 0, &[]);
    allow(&format!("ann@example.org {a}\nbob valid-before=\"20250101\" {b}\n"));
    apply("2", 3, &["the key of bob is not valid since 2025-01-01"]);
    allow(&format!("ann@example.org {a}\nbob valid-after=\"29990101Z\" {b}\n"));
    apply("2", 3, &["the key of bob is not valid before 2999-01-01"]);
    // One person under two spellings; a pipe among the signatures; without a plan file nothing can have been approved.
    allow(&format!("Ann@example.org {a}\n\"ann@example.org\" {b}\n"));
    let piped_one = Command::new("mkfifo").arg(dir.join("p.pipe.sig")).status().unwrap();
    assert!(piped_one.success());
    apply("2", 3, &["only Ann@example.org has", "p.pipe.sig: it is not a signature (it is not a file)"]);
    std::fs::remove_file(dir.join("p.pipe.sig")).unwrap();
    for arguments in [&["destroy", "-auto-approve"][..], &["apply", "-destroy", "-auto-approve"]] {
        let output = program::command(dir, arguments).env("MIG_REQUIRE_APPROVAL", "1").output().unwrap();
        program::judge(&output, arguments, 1, &["MIG1002", "plan file"]);
    }
    // A link under the signature's name is replaced, not followed.
    std::fs::write(dir.join("precious"), "keep me").unwrap();
    for mine in signatures(dir, "p.") {
        std::fs::remove_file(dir.join(&mine)).unwrap();
        std::os::unix::fs::symlink("precious", dir.join(&mine)).unwrap();
    }
    for name in ["a", "b", "e"] {
        says(&["approve", "p", "-key", name], 0, &["Signed"]);
    }
    assert_eq!(std::fs::read_to_string(dir.join("precious")).unwrap(), "keep me");
    // A line that is not understood, no file, no plan file.
    allow(&format!("ann@example.org {a}\n*@example.org {b}\n"));
    apply("1", 1, &["MIG4114", "line 2", "pattern"]);
    says(&["apply", "-require-approval", "p"], 1, &["MIG1002", "-allowed-signers"]);
    says(&["apply", "-require-approval", "-auto-approve"], 1, &["MIG1002", "plan file"]);
    // A signature of another plan, under this one's name; and one that is none.
    says(&["plan", "-out=other"], 0, &[]);
    says(&["approve", "other", "-key", "c"], 0, &[]);
    let [of_other] = signatures(dir, "other.").try_into().unwrap();
    std::fs::copy(dir.join(&of_other), dir.join("p.stolen.sig")).unwrap();
    std::fs::write(dir.join("p.torn.sig"), "-----BEGIN SSH SIGNATURE-----\nAAAA").unwrap();
    allow(&format!("ann@example.org {a}\nbob {b}\ncid {c}\n"));
    apply("3", 3, &["p.stolen.sig: it does not sign this plan", "p.torn.sig: it is not a signature"]);
    says(&["show", "p"], 0, &[]);

    // ssh-keygen accepts what mig signs, of each type of key …
    says(&["approve", "p", "-key", "c"], 0, &[]);
    let plan: serde_json::Value = journey.json(&["show", "-json", "p"], 0);
    let digest = plan["digest"].as_str().unwrap();
    let verified = |who: &str, file: &str| {
        let verify = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", who, "-n", "mig-plan", "-s", file];
        piped(dir, &verify, digest)
    };
    let files = signatures(dir, "p.");
    for who in ["ann@example.org", "bob", "cid"] {
        let good: Vec<&String> = files.iter().filter(|file| verified(who, file).0).collect();
        assert_eq!(good.len(), 1, "{who}: {files:?}: {:?}", verified(who, &files[0]));
    }
    // … and mig accepts what ssh-keygen signs, and an agent.
    for file in files {
        std::fs::remove_file(dir.join(file)).unwrap();
    }
    std::fs::write(dir.join("p.sig"), "").unwrap();
    let (fine, signed) = piped(dir, &["ssh-keygen", "-Y", "sign", "-f", "a", "-n", "mig-plan"], digest);
    assert!(fine, "{signed}");
    let end = signed.find("-----END SSH SIGNATURE-----").unwrap() + "-----END SSH SIGNATURE-----".len();
    let begin = signed.find("-----BEGIN").unwrap();
    std::fs::write(dir.join("p.sig"), &signed[begin..end]).unwrap();
    let socket = dir.join("agent");
    let _agent = agent(&socket);
    let by_agent = |name: &str, exit: i32, told: &[&str]| {
        let arguments = ["approve", "p", "-key", name];
        let output = program::command(dir, &arguments).env("SSH_AUTH_SOCK", &socket).output().unwrap();
        program::judge(&output, &arguments, exit, told);
    };
    by_agent("d", 1, &["MIG4115", "does not have this key"]);
    for name in ["b", "e"] {
        let add = Command::new("ssh-add").args(["-q", name]).current_dir(dir).env("SSH_AUTH_SOCK", &socket).output();
        assert!(add.as_ref().unwrap().status.success(), "{add:?}");
    }
    by_agent("b.pub", 0, &["Signed"]);
    by_agent("e.pub", 0, &["Signed"]);
    allow(&format!("ann@example.org {a}\nbob {b}\ncid {c}\ndora {d}\nemil {e}\n"));
    let told = apply("3", 0, &["Approved by ann@example.org, bob, emil.", "Done"]);
    assert!(!told.contains("dora"), "{told}");
    journey.end().await;
}
