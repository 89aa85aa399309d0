//! `migration.….view["shop.v"]`: a view is created in a session that compares words as its author's did, and read back.
//! It comes before the first row: what the target refuses is told with everything else of the structure.

use serde_json::Value;

use crate::formats::ddl;
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::outputs;
use crate::formats::plan::Node;
use crate::formats::steps::{ViewInputs, ViewOutputs};
use crate::formats::structure::View;
use crate::seams::sql::{Connection, Fault};
use crate::steps::context::{Context, Line, read_inputs};
use crate::steps::observe::inventory::inventory;
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::target::objects::Owner;
use crate::steps::transfer::ledger;
use crate::think::compare::Difference;
use crate::words::addr::{TableName, sql_ident};
use crate::words::codes::{self, Code};
use crate::words::error::{ExitKind, Failure, Outcome, Retry};

/// The step. It comes before the first row, so a refusal that would come again ends the run.
pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: ViewInputs = read_inputs(node)?;
    let target = context.seen(&context.target_of(context.migration(&node.addr)?)?).cloned().unwrap_or_default();
    let lines = context.lines(&node.addr)?;
    let (mut line, mut look) = (lines.write.take().await?, lines.look.take().await?);
    let owner = Owner::of(context, node, "view")?;
    match create(&mut line, &mut look, &owner, &inputs, &target).await {
        Ok(made) => {
            line.give_back();
            look.give_back();
            let server = recorded_id(context, ctx, &context.target_of(context.migration(&node.addr)?)?)?;
            outputs::to_value(&ViewOutputs { owned: true, text: Some(ddl::view_fingerprint(&made)), server })
        }
        // No row was moved yet: it is told with everything else that the target refuses.
        Err(failure) if failure.code == REFUSAL && failure.retry != Retry::Later => Err(failure.exit(ExitKind::Gate)),
        Err(failure) => Err(failure),
    }
}

/// A view whose text the target no longer prints as it did after the CREATE.
pub(crate) fn text_changed(wanted: &View, there: &View) -> Difference {
    Difference {
        what: "its text was changed on the target".into(),
        expected: ddl::create_view(wanted),
        actual: there.select.clone(),
    }
}

/// A view that the target refused.
pub(super) const REFUSAL: Code = codes::CREATE_VIEW;
pub(super) const REFUSAL_HINT: &str = "Change the view on the source, leave it out by the filter, or give the user the rights \
                                that the server names; then run `mig apply` again.";

/// Creates one view and reads it back. One of the same name is dropped only where the ledger says that it is ours.
/// `look` has no schema of its own: MariaDB leaves that one out of what it prints.
///
/// # Errors
/// [`REFUSAL`] where the target refuses its text; `MIG2061` where a stranger's object has the name.
pub(super) async fn create(
    line: &mut Line,
    look: &mut Line,
    owner: &Owner,
    inputs: &ViewInputs,
    target: &ServerFacts,
) -> Outcome<View> {
    let name = &inputs.view.name;
    let known = owner.named().read(&mut *line.connection).await?;
    let failed = |sql: &str, fault: Fault| refusal(name, sql, &fault);
    match &known {
        None => owner.named().intend(&mut *line.connection).await?,
        // Ours, perhaps of an older text: a view holds no rows, so it is made again.
        Some(_) => {
            let sql = format!("DROP VIEW IF EXISTS {}", name.sql());
            line.connection.execute(&sql).await.map_err(|fault| failed(&sql, fault))?;
        }
    }
    for sql in session(&inputs.view, &name.schema, target) {
        line.connection.execute(&sql).await.map_err(|fault| failed(&sql, fault))?;
    }
    match line.connection.execute(&inputs.ddl).await {
        Ok(_) => {}
        Err(f) if f.number == Some(ledger::TABLE_EXISTS) => {
            owner.named().withdraw(&mut *line.connection).await?;
            return Err(Failure::new(
                codes::STRANGERS_TABLE,
                format!("create the view {name}"),
                "a table or view of this name is there, and this lineage did not make it",
                "Move it away or exclude it by the filter; then plan again.",
            ));
        }
        Err(fault) => return Err(failed(&inputs.ddl, fault)),
    }
    owner.named().set(&mut *line.connection, "created", 1).await?;
    let back = "SET NAMES utf8mb4";
    line.connection.execute(back).await.map_err(|fault| failed(back, fault))?;
    let there = read_back(&mut *look.connection, name).await?;
    there.ok_or_else(|| {
        Failure::new(REFUSAL, format!("create the view {name}"), "it is not there afterwards", REFUSAL_HINT)
    })
}

fn refusal(name: &TableName, sql: &str, fault: &Fault) -> Failure {
    let mut failure = fault.failure(REFUSAL, format!("create the view {name}"), REFUSAL_HINT);
    // Text that mig wrote: without it the server's line and column say nothing.
    failure.cause = format!("{}; the SQL was: {sql}", failure.cause);
    failure
}

/// What the session is set to. TiDB keeps no collation with a view: there the text itself has it.
///
/// The text is sent as utf8mb4, whatever the author's client spoke: the words in it are converted to the charset of
/// `collation_connection`, as they were for the author.
pub(super) fn session(view: &View, schema: &str, target: &ServerFacts) -> Vec<String> {
    let mut all = vec![format!("USE {}", sql_ident(schema))];
    if target.flavor != Flavor::Tidb && target.collations.contains_key(&view.collation) {
        all.push(format!("SET collation_connection = {}", view.collation));
    }
    all
}

/// The view as the target has it.
async fn read_back(connection: &mut dyn Connection, name: &TableName) -> Outcome<Option<View>> {
    let schemas = [name.schema.clone()];
    let select =
        |schema: &str, view: &str| schema.eq_ignore_ascii_case(&name.schema) && view.eq_ignore_ascii_case(&name.name);
    let (found, _) = inventory(connection, None, Some(&schemas), &select).await?;
    Ok(found.views.into_iter().next())
}
