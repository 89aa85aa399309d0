//! A spec out of a text, for tests of what works with one.

use super::model::Spec;
use super::{Inputs, Secrets, SourceFile, load};

/// The spec of a sound text, after some replacements; each has to find its place. No environment, no other file.
pub fn spec_of(text: &str, changes: &[(&str, &str)]) -> Spec {
    let mut text = text.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let inputs = Inputs {
        files: vec![SourceFile { name: "a.mig.hcl".into(), text }],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &|_| None,
        read_file: &|_| Err("none".into()),
        secrets: Secrets::Needed,
    };
    let (spec, found) = load(&inputs);
    spec.unwrap_or_else(|| panic!("{found:?}"))
}
