//! The examples for teams: jobs of GitHub and GitLab with real servers, with a fake forge; and what is in the files that no
//! test can run here.

mod cancel;
mod files;
mod forge;
mod jobs;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use self::jobs::Machine;
use crate::support::{Bed, program};

/// It must be nowhere.
const PASSWORD: &str = "pw-marker-7c41e0";

/// Two servers with a user of a password each, a schema to move, and a machine for jobs.
pub struct Team {
    pub source: Bed,
    pub target: Bed,
    pub schema: String,
    pub user: String,
    pub ledger: String,
    pub machine: Machine,
}

impl Team {
    /// `name`: at most nine letters. `more`: in the migration's block.
    pub async fn new(name: &str, statements: &[&str], more: &str) -> Self {
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let schema = source.schema(&format!("teams_{name}"), statements).await;
        let user = format!("mt_{}_{name}", std::process::id());
        let ledger = format!("ml_{}_{name}", std::process::id());
        target.drop_schema(&schema).await;
        for bed in [&source, &target] {
            let drop = format!("DROP USER IF EXISTS '{user}'@'%'");
            let create = format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'");
            bed.run(&[&drop, &create, &format!("GRANT ALL ON *.* TO '{user}'@'%'")]).await;
        }
        let machine = Machine::new("", BTreeMap::new());
        let text = std::fs::read_to_string(jobs::root().join("examples/ci/shop.mig.hcl")).unwrap();
        let server = |text: &str, host: &str, name: &str, bed: &Bed| {
            let port = bed.config().port;
            let text = replaced(
                text,
                host,
                &format!("127.0.0.1\"\n  port = {port}\n  tls {{\n    mode = \"required\"\n  }}\n  # \""),
            );
            replaced(&text, name, &user)
        };
        let text = server(&text, "mysql.internal", "mig_reader", &source);
        let text = server(&text, "tidb.example.com", "mig_writer", &target);
        let text =
            replaced(&text, "/var/lib/mig/shop.migstate", &machine.path("state/shop.migstate").display().to_string());
        let text = replaced(&text, "/var/lib/mig/work", &machine.path("work").display().to_string());
        let text = replaced(
            &text,
            "  password = var.target_password\n",
            &format!("  password = var.target_password\n  ledger_schema = \"{ledger}\"\n"),
        );
        let gates = format!("[\"{schema}.*\"]\n  gates {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n{more}");
        let text = replaced(&text, "[\"shop.*\"]", &gates);
        std::fs::create_dir_all(machine.path("state")).unwrap();
        std::fs::write(machine.path("repository/migrations/shop/shop.mig.hcl"), text).unwrap();
        let mut team = Self { source, target, schema, user, ledger, machine };
        team.sign_up();
        team
    }

    /// A key for the reviewer, and the file of allowed signers.
    fn sign_up(&mut self) {
        let key = self.machine.path("reviewer");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
        assert!(made.success());
        let public = std::fs::read_to_string(self.machine.path("reviewer.pub")).unwrap();
        let signers = format!("ann@example.org {}", public.trim());
        let file = self.machine.path("signers");
        std::fs::write(&file, &signers).unwrap();
        self.machine.give(&[
            ("SHOP_SOURCE_PASSWORD", PASSWORD),
            ("SHOP_TARGET_PASSWORD", PASSWORD),
            ("MIG_SIGNERS", &signers),
            ("MIG_ALLOWED_SIGNERS", &file.display().to_string()),
        ]);
    }

    /// The reviewer signs a plan and commits the signature.
    pub fn sign(&self, plan: &Path) {
        let folder = plan.parent().unwrap();
        program::run(
            folder,
            &["approve", "mig.plan", "-key", &self.machine.path("reviewer").display().to_string()],
            0,
            &[],
        );
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name();
            if name.to_str().unwrap().ends_with(".sig") {
                let to = self.machine.path("repository/migrations/shop/approvals").join(name);
                std::fs::rename(entry.path(), to).unwrap();
            }
        }
    }

    /// How many rows of a table have arrived; `None`: the schema is not there.
    pub async fn arrived(&self, table: &str) -> Option<String> {
        let (schema, table) = (&self.schema, table);
        let there = format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{schema}' AND table_name = '{table}'"
        );
        match self.target.rows(&there).await[0][0].as_str() {
            "0" => None,
            _ => Some(self.target.rows(&format!("SELECT COUNT(*) FROM {schema}.{table}")).await[0][0].clone()),
        }
    }

    pub async fn end(self) {
        self.machine.is_nowhere(PASSWORD);
        self.machine.is_nowhere(forge::TOKEN);
        assert_eq!(self.machine.forge.seen().refused, Vec::<String>::new());
        for bed in [&self.source, &self.target] {
            bed.run(&[&format!("DROP USER '{}'@'%'", self.user)]).await;
            bed.drop_schema(&self.schema).await;
        }
        self.target.drop_schema(&self.ledger).await;
    }
}

/// The text with each `from` replaced, of which there is at least one.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

const TABLES: [&str; 3] = [
    "ALTER DATABASE COLLATE utf8mb4_bin",
    "CREATE TABLE orders (id INT PRIMARY KEY, v VARCHAR(20))",
    "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')",
];

#[tokio::test]
async fn a_pull_request_on_github_is_planned_signed_and_applied_as_it_was_reviewed() {
    let mut team = Team::new("github", &TABLES, "").await;
    let digest = |folder: &Path| {
        let plan: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("out/mig.plan")).unwrap()).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    };
    let first = team.machine.github("mig-plan.yml", "plan", "head");
    assert_eq!(first.code, 0, "{}", first.told);
    let comment = team.machine.forge.comment();
    assert!(comment.starts_with("<!-- mig ci: migrations/shop -->\n<!-- mig plan -->\n"), "{comment}");
    assert!(comment.contains("orders") && comment.contains(&digest(&first.checkout)), "{comment}");
    assert_eq!(team.machine.forge.writes(), ["POST /repos/o/r/issues/7/comments"]);
    assert!(std::fs::read_to_string(first.checkout.join("out/plan.html")).unwrap().contains("orders"));

    // Nothing has changed: the plan is kept, and the comment is not touched.
    let second = team.machine.github("mig-plan.yml", "plan", "head");
    assert!(second.code == 0 && second.told.contains("it is kept"), "{}", second.told);
    assert_eq!(digest(&second.checkout), digest(&first.checkout));
    assert_eq!(team.machine.forge.writes(), Vec::<String>::new());

    // The source has changed: another plan, in the same comment.
    team.source.run(&[&format!("CREATE TABLE {}.items (id INT PRIMARY KEY)", team.schema)]).await;
    let third = team.machine.github("mig-plan.yml", "plan", "head");
    assert!(third.code == 0 && third.told.contains("The comment is updated."), "{}", third.told);
    assert_ne!(digest(&third.checkout), digest(&first.checkout));
    assert_eq!(team.machine.forge.writes(), ["PATCH /repos/o/r/issues/comments/1"]);
    assert!(team.machine.forge.comment().contains("items"));

    // Without a signature nothing is applied, nor with one for another plan.
    team.sign(&first.checkout.join("out/mig.plan"));
    let unsigned = team.machine.github("mig-apply.yml", "apply", "merged");
    assert!(unsigned.code == 3 && unsigned.told.contains("MIG4113"), "{} {}", unsigned.code, unsigned.told);
    assert_eq!(team.arrived("orders").await, None);

    // The signature is a commit of the pull request: it is planned again, and the signed plan is kept.
    team.sign(&third.checkout.join("out/mig.plan"));
    let signed = team.machine.github("mig-plan.yml", "plan", "head");
    assert!(signed.code == 0 && digest(&signed.checkout) == digest(&third.checkout), "{}", signed.told);
    assert_eq!(team.machine.forge.writes(), Vec::<String>::new());

    // An artefact of a fork has the same name and is newer: it is not taken.
    let of_fork = serde_json::json!({"name": "mig-plan-7", "expired": false, "created_at": "2027-01-01T00:00:00Z",
        "workflow_run": {"id": 1, "repository_id": 1, "head_repository_id": 2}});
    team.machine.forge.seen().artifacts.push(of_fork);
    let applied = team.machine.github("mig-apply.yml", "apply", "merged");
    assert_eq!(applied.code, 0, "{}", applied.told);
    assert!(applied.told.contains("ann@example.org"), "{}", applied.told);
    assert_eq!((team.arrived("orders").await, team.arrived("items").await), (Some("3".into()), Some("0".into())));
    let direct = team.machine.github("mig-apply.yml", "apply", "pushed");
    assert!(direct.code == 1 && direct.told.contains("no pull request was merged"), "{}", direct.told);
    let done = team.machine.github("mig-plan.yml", "plan", "head");
    assert!(done.code == 0 && team.machine.forge.comment().contains("No changes."), "{}", team.machine.forge.comment());
    team.end().await;
}

#[tokio::test]
async fn a_merge_request_on_gitlab_keeps_one_note_and_its_plan_is_applied_by_hand() {
    let mut team = Team::new("gitlab", &TABLES, "").await;
    // The job's note is on the second page; the mark in a note of another user is not the job's.
    team.machine.forge.others_write(1, "<!-- mig ci: migrations/shop -->\nnot the job's");
    team.machine.forge.others_write(120, "a remark");
    let first = team.machine.gitlab("mig-plan");
    assert_eq!(first.code, 0, "{}", first.told);
    assert_eq!(team.machine.forge.writes(), ["POST /projects/5/merge_requests/7/notes"]);
    let second = team.machine.gitlab("mig-plan");
    assert!(second.code == 0 && second.told.contains("it is kept"), "{}", second.told);
    assert_eq!(team.machine.forge.writes(), Vec::<String>::new());

    // A gate fails: the note says which, and the job fails with the exit code of mig.
    team.source.run(&[&format!("CREATE TABLE {}.shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL)", team.schema)]).await;
    let blocked = team.machine.gitlab("mig-plan");
    assert_eq!(blocked.code, 5, "{}", blocked.told);
    assert_eq!(team.machine.forge.writes(), ["PUT /projects/5/merge_requests/7/notes/122"]);
    assert!(team.machine.forge.comment().contains("MIG2101"), "{}", team.machine.forge.comment());
    // There is no plan: the note does not go on to show the old one.
    let spec = team.machine.path("repository/migrations/shop/shop.mig.hcl");
    let sound = std::fs::read_to_string(&spec).unwrap();
    std::fs::write(&spec, format!("{sound}\nmigraton \"x\" {{}}\n")).unwrap();
    let broken = team.machine.gitlab("mig-plan");
    assert!(broken.code == 1 && broken.told.contains("migraton"), "{}", broken.told);
    assert!(team.machine.forge.comment().contains("exit code 1") && !team.machine.forge.comment().contains("orders"));
    std::fs::write(&spec, sound).unwrap();
    team.source.run(&[&format!("DROP TABLE {}.shapes", team.schema)]).await;

    let last = team.machine.gitlab("mig-plan");
    assert_eq!(last.code, 0, "{}", last.told);
    let unsigned = team.machine.gitlab("mig-apply");
    assert!(unsigned.code == 3 && team.arrived("orders").await.is_none(), "{}", unsigned.told);
    team.sign(&last.checkout.join("out/mig.plan"));
    assert_eq!(team.machine.gitlab("mig-plan").code, 0);
    let applied = team.machine.gitlab("mig-apply");
    assert_eq!((applied.code, team.arrived("orders").await), (0, Some("3".into())), "{}", applied.told);
    let others = team.machine.forge.seen().comments.iter().filter(|one| one.author == "ann").count();
    assert_eq!(others, 121);
    assert!(team.machine.forge.seen().comments[0].body.ends_with("not the job's"));
    team.end().await;
}

#[tokio::test]
async fn a_comment_on_hundreds_of_findings_is_short_enough_for_a_forge() {
    let column = "a_column_with_a_name_that_is_as_long_as_a_name_can_be_in_mysql";
    let tables: Vec<String> = (0..300)
        .map(|n| {
            let table = format!("a_table_with_a_name_that_is_as_long_as_a_name_can_be_{n}");
            format!("CREATE TABLE {table} (id INT PRIMARY KEY, {column} GEOMETRY)")
        })
        .collect();
    let statements: Vec<&str> = tables.iter().map(String::as_str).collect();
    let mut team = Team::new("long", &statements, "").await;
    let planned = team.machine.github("mig-plan.yml", "plan", "head");
    assert_eq!(planned.code, 5, "{}", planned.told);
    let comment = team.machine.forge.comment();
    assert!((20_000..65_536).contains(&comment.len()) && comment.contains("MIG2101"), "{} {comment}", comment.len());
    team.end().await;
}
