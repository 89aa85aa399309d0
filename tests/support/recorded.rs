//! Plans that need no server: of the examples' specs, over what was observed of their servers once and recorded beside them.

use std::path::{Path, PathBuf};

use mig::formats::facts::World;
use mig::formats::plan::{Mode, PlanFile};
use mig::formats::plan_seal;
use mig::formats::spec::model::Spec;
use mig::formats::spec::{self, Inputs, SourceFile};
use mig::think::plan::{Question, plan};

fn folder(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example)
}

/// The spec of an example. `change`: of its text. `env`: the environment that it reads.
pub fn spec(example: &str, change: impl Fn(String) -> String, env: &dyn Fn(&str) -> Option<String>) -> Spec {
    let text = change(std::fs::read_to_string(folder(example).join("shop.mig.hcl")).unwrap());
    let inputs = Inputs {
        files: vec![SourceFile { name: "shop.mig.hcl".into(), text }],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &env,
        read_file: &|_| Err("there is none".into()),
        secrets: spec::Secrets::Needed,
    };
    let (spec, found) = spec::load(&inputs);
    spec.unwrap_or_else(|| panic!("{found:?}"))
}

/// Passwords for an example: the names of their variables.
pub fn passwords(name: &str) -> Option<String> {
    name.starts_with("SHOP_").then(|| name.to_lowercase())
}

pub fn world(example: &str) -> World {
    serde_json::from_str(&std::fs::read_to_string(folder(example).join("observed.json")).unwrap()).unwrap()
}

/// The first plan, at a time that is always the same.
pub fn planned(spec: &Spec, world: &World) -> PlanFile {
    let replace = Default::default();
    let question = Question {
        spec,
        state: None,
        world,
        mode: Mode::Apply,
        replace: &replace,
        drop_target_data: false,
        targets: &[],
    };
    let (body, estimates) = plan(&question).unwrap();
    plan_seal::seal(plan_seal::header("2026-01-05T10:00:00.000Z", 72 * 3600), body, estimates)
}
