//! That no difference between two plans stays unseen: each value of a real plan, changed alone.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::*;
use crate::formats::plan::Pending;

/// The plan of the quickstart, as the golden test keeps it.
pub(in crate::think) fn quickstart() -> PlanFile {
    let mut value: Value = serde_json::from_str(include_str!("../../../plans/quickstart.json")).unwrap();
    if let Some(object) = value.as_object_mut() {
        object.remove("summary");
    }
    for change in value["body"]["changes"].as_array_mut().unwrap() {
        change.as_object_mut().unwrap().remove("reason");
    }
    serde_json::from_value(value).unwrap()
}

/// The same, with what it has none of.
fn plan() -> PlanFile {
    let mut plan = quickstart();
    let addr = plan.body.graph.nodes[0].addr.clone();
    plan.body.replace = [addr.clone()].into();
    plan.body.targets = vec!["migration.shop".into()];
    plan.body.pending = vec![Pending { addr: addr.clone(), after: addr, tables: vec!["shop.*".into()] }];
    plan
}

/// The paths of all values that have no parts.
fn leaves(value: &Value, path: &str, out: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(key, part)| leaves(part, &format!("{path}/{}", escaped(key)), out));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(place, part)| leaves(part, &format!("{path}/{place}"), out));
        }
        _ => out.push(path.to_owned()),
    }
}

/// Other values of the same sort; the first that makes a plan is taken.
fn others(value: &Value) -> Vec<Value> {
    let words = ["no_op", "rerun", "destroy", "stream", "dump", "warned", "warning", "MIG1201", "not_recorded"];
    match value {
        Value::String(text) => {
            let longer = json!(format!("{text}x"));
            let address = json!(text.replace("shop", "store"));
            // Most texts are addresses or free, and a plan that is refused takes as long as one that is read.
            let all = [address, longer].into_iter().chain(words.map(|word| json!(word)));
            all.filter(|other| other != value).collect()
        }
        Value::Number(number) => vec![json!(number.as_u64().unwrap_or(0) + 1)],
        Value::Bool(is) => vec![json!(!is)],
        Value::Null => vec![json!("x"), json!(1)],
        _ => Vec::new(),
    }
}

#[test]
fn each_value_of_a_plan_that_is_changed_alone_is_seen() {
    let before = plan();
    let mut value = serde_json::to_value(&before.body).unwrap();
    let mut paths = Vec::new();
    leaves(&value, "", &mut paths);
    // Two of each shape: a plan has many steps and columns that are alike.
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    paths.retain(|path| {
        let shape: Vec<&str> =
            path.split('/').map(|part| if part.parse::<u64>().is_ok() { "*" } else { part }).collect();
        let number = seen.entry(shape.join("/")).or_default();
        *number += 1;
        *number <= 2
    });
    let (mut tried, mut after) = (0, before.clone());
    for path in &paths {
        let leaf = value.pointer(path).unwrap().clone();
        let changed = others(&leaf).into_iter().find_map(|other| {
            *value.pointer_mut(path).unwrap() = other;
            let body = Body::deserialize(&value).ok()?;
            (body != before.body).then_some(body)
        });
        *value.pointer_mut(path).unwrap() = leaf;
        let Some(body) = changed else { continue };
        tried += 1;
        // Where in a file a finding stands does not count.
        if path.contains("/place/") {
            continue;
        }
        after.body = body;
        assert!(!diff(&before, &after).is_same_work(), "{path}");
        assert!(!diff(&after, &before).is_same_work(), "{path}, the other way round");
    }
    assert!(tried * 10 > paths.len() * 8, "{tried} of {} values could be changed", paths.len());
}

#[test]
fn a_plan_does_the_same_as_itself_made_later() {
    let before = plan();
    let mut after = before.clone();
    after.header.created = "2030-01-01T00:00:00Z".into();
    after.estimates.rows += 1;
    let found = diff(&before, &after);
    assert!(found.is_same_work());
    assert_eq!(found.estimates.unwrap().after.unwrap().rows, after.estimates.rows);
}

#[test]
fn a_step_appears_goes_or_differs() {
    let before = plan();
    let mut after = before.clone();
    let place = after.body.graph.nodes.iter().position(|node| !statements(node).is_empty()).unwrap();
    let gone = after.body.graph.nodes.remove(place);
    let found = diff(&before, &after);
    assert_eq!(found.steps.len(), 1);
    assert_eq!((&found.steps[0].addr, found.steps[0].after.is_none()), (&gone.addr, true));
    assert!(found.steps[0].ddl.is_none(), "what is gone as a whole is not shown as a difference");
    let found = diff(&after, &before);
    assert_eq!((&found.steps[0].addr, found.steps[0].before.is_none()), (&gone.addr, true));

    let mut after = before.clone();
    let mut value = after.body.graph.nodes[place].inputs.value();
    value["ddl"] = json!("CREATE TABLE other (id INT)");
    after.body.graph.nodes[place].inputs = value.into();
    let found = diff(&before, &after);
    assert_eq!(found.steps[0].aspects, [Aspect::Inputs]);
    assert_eq!(found.steps[0].ddl.as_ref().unwrap().after.as_deref(), Some("CREATE TABLE other (id INT)"));
}
