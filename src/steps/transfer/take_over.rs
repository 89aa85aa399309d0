//! `mig import` on the target: the ledger learns that a table that was there is this lineage's from now on, and which rows were
//! found in it. The table itself is not touched: it is `adopted`, so that no destroy drops it.

use crate::formats::facts::Flavor;
use crate::formats::rowhash::PartHash;
use crate::seams::sql::{Connection, Fault};
use crate::steps::transfer::ledger::{self, Batch, Batches, Named, Object};
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Whose ledger it is: its schema, the state's lineage, the number of the holder of the state's lock.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub schema: &'a str,
    pub lineage: &'a str,
    pub token: u64,
}

/// The chunk that stands for all rows of a table that was found.
const CHUNK: u32 = 1;

/// Writes the table and its rows into the ledger; gives its object there. Done again after an interruption, it changes nothing.
///
/// # Errors
/// MIG1027: the ledger knows other rows of it. MIG5181 and others: the ledger cannot be written.
pub async fn take_over(
    connection: &mut dyn Connection,
    owner: Owner<'_>,
    (table, found): (&TableName, &PartHash),
    target: Flavor,
) -> Outcome<Object> {
    let key = table.key();
    let named = Named { schema: owner.schema, lineage: owner.lineage, kind: "table", name: &key };
    let known = named.claim(connection, "adopted", 1).await?;
    let object = known.unwrap_or_else(|| Object { state: "adopted".to_owned(), epoch: 1 });
    let batches =
        Batches { schema: owner.schema, lineage: owner.lineage, table: &key, epoch: object.epoch, token: owner.token };
    let chunks = batches.chunks(connection).await?;
    let there = chunks.values().fold(PartHash::default(), |sum, chunk| sum.merged(chunk));
    if there == *found {
        return Ok(object);
    }
    if !chunks.is_empty() || !["adopted", "created"].contains(&object.state.as_str()) {
        return Err(of_other_rows(table, &object, &there, found));
    }
    let batch = Batch { chunk: CHUNK, from_row: 0, to_row: found.rows, rows: found.rows, hash: found.sum };
    let doing = |fault: Fault| {
        let hint = "Nothing was recorded in the state. Look whether the target is up, then run the same command again.";
        fault.failure(codes::LEDGER, format!("record the rows of {table} in the ledger on the target"), hint)
    };
    connection.execute(ledger::begin(target)).await.map_err(doing)?;
    let written = connection.execute(&batches.insert(&batch, table, target)).await;
    let committed = match written {
        Ok(done) if done.affected == 1 => connection.execute("COMMIT").await.map_err(doing),
        Ok(_) => ledger::hold(connection, owner.schema, owner.lineage, owner.token)
            .await
            .and(Err(of_other_rows(table, &object, &there, found))),
        Err(fault) => Err(doing(fault)),
    };
    if let Some(leave) = ledger::leave(target) {
        connection.execute(leave).await.map_err(doing)?;
    }
    committed.map(|_| object)
}

fn of_other_rows(table: &TableName, object: &Object, there: &PartHash, found: &PartHash) -> Failure {
    let cause = format!(
        "the ledger on the target has it as {} with {} rows of load number {}, and {} rows are in it",
        object.state, there.rows, object.epoch, found.rows
    );
    let hint = "An earlier run of this state was interrupted in this table, or others write to it. `mig plan` shows what \
                `mig apply` would do with it. Nothing was recorded in the state.";
    Failure::new(codes::CANNOT_IMPORT, format!("import {table}"), cause, hint).exit(ExitKind::Gate)
}
