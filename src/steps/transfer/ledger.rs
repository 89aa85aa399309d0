//! The ledger on the target, as SQL: identity, objects, epochs, batches (contract, "What is written"). It outranks the
//! journal. Every write here is a plain INSERT or UPDATE: never IGNORE, never REPLACE.

use std::collections::BTreeMap;

use crate::formats::dumpfile::Piece;
use crate::formats::facts::Flavor;
use crate::formats::ledger as format;
use crate::formats::rowhash::PartHash;
use crate::seams::sql::{Connection, Fault};
use crate::words::addr::{TableName, sql_ident};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// MySQL's "table already exists".
pub const TABLE_EXISTS: u16 = 1050;
/// "Can't create database; database exists".
pub const DATABASE_EXISTS: u16 = 1007;
/// "Duplicate entry".
pub const DUPLICATE: u16 = 1062;
/// "Lock wait timeout exceeded".
pub const LOCK_WAIT: u16 = 1205;

/// A text as a literal, safe for every sql_mode: hexadecimal.
pub fn literal(text: &str) -> String {
    if text.is_empty() { "''".to_owned() } else { format!("_utf8mb4 x'{}'", hex::encode(text)) }
}

fn fault(doing: &str) -> impl Fn(Fault) -> Failure + '_ {
    move |fault| {
        fault.failure(
            codes::LEDGER,
            format!("{doing} in the ledger on the target"),
            "The user needs CREATE, DROP, ALTER, INDEX, SELECT, INSERT, UPDATE and DELETE on the ledger schema; then run `mig apply` again.",
        )
    }
}

/// The ledger gave something else than the number that stands there.
fn unreadable(what: &str) -> Fault {
    Fault { number: None, message: format!("{what} in the ledger is not a number"), lost: false }
}

/// Makes sure that the ledger is there; returns the target's id, minting one (from `fresh`) at first contact.
pub async fn prepare(connection: &mut dyn Connection, schema: &str, known: &str) -> Outcome<String> {
    let doing = fault("make the tables");
    // Asked before it is made: without the right to create schemas an existing one still serves.
    let there = exists(connection, schema).await?;
    for ddl in format::create_statements(schema).iter().skip(usize::from(there)) {
        connection.execute(ddl).await.map_err(&doing)?;
    }
    if let Some(id) = identity(connection, schema).await? {
        return Ok(id);
    }
    let minted: u128 = rand::random();
    let insert = format!(
        "INSERT INTO {}.identity (one, server_id) VALUES (1, {})",
        sql_ident(schema),
        literal(&format!("{minted:032x}"))
    );
    match connection.execute(&insert).await {
        Ok(_) => {}
        // Another run was first: its id stands.
        Err(f) if f.number == Some(DUPLICATE) => {}
        Err(f) => return Err(fault("mint the server's id")(f)),
    }
    Ok(identity(connection, schema).await?.unwrap_or_else(|| known.to_owned()))
}

/// Whether the schema of the ledger is there.
///
/// # Errors
/// Where it cannot be asked.
pub async fn exists(connection: &mut dyn Connection, schema: &str) -> Outcome<bool> {
    let sql = format!("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", literal(schema));
    Ok(!connection.query(&sql).await.map_err(fault("look for the schema"))?.rows.is_empty())
}

async fn identity(connection: &mut dyn Connection, schema: &str) -> Outcome<Option<String>> {
    let sql = format!("SELECT server_id FROM {}.identity WHERE one = 1", sql_ident(schema));
    let rows = connection.query(&sql).await.map_err(fault("read the server's id"))?;
    Ok(rows.rows.first().and_then(|row| row.first().cloned().flatten()).map(text))
}

/// Whether LOAD DATA takes part in a transaction here: loaded, rolled back, counted. Where it is refused the loader
/// uses INSERT.
pub async fn takes_load_data(connection: &mut dyn Connection, schema: &str) -> Outcome<bool> {
    let table = format!("{}.identity", sql_ident(schema));
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'mig' INTO TABLE {table} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' \
         LINES TERMINATED BY '\\n' (one, server_id)"
    );
    let doing = fault("probe LOAD DATA");
    connection.execute("BEGIN").await.map_err(&doing)?;
    let loaded = connection.load_data(&sql, vec![Piece::Bytes(b"2\tprobe\n".to_vec())]).await;
    connection.execute("ROLLBACK").await.map_err(&doing)?;
    let left = connection.query(&format!("SELECT 1 FROM {table} WHERE one = 2")).await.map_err(&doing)?;
    if !left.rows.is_empty() {
        connection.execute(&format!("DELETE FROM {table} WHERE one = 2")).await.map_err(&doing)?;
        return Ok(false);
    }
    match loaded {
        // A warning (a binlog in STATEMENT format gives one) could not be told from that of a bad row.
        Ok(done) => Ok(done.affected == 1 && done.warnings == 0),
        Err(f) if f.lost => Err(doing(f)),
        Err(_) => Ok(false),
    }
}

/// A row of `objects` of this lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub state: String,
    pub epoch: u64,
}

impl Object {
    /// A reset was begun, and its end is not recorded.
    pub fn is_reset(&self) -> bool {
        self.state.starts_with("reset")
    }
}

/// Names one object: this lineage's `kind` (`schema`, `table`, `view`) and key.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub schema: &'a str,
    pub lineage: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
}

impl Named<'_> {
    fn table(&self) -> String {
        format!("{}.objects", sql_ident(self.schema))
    }

    fn condition(&self) -> String {
        format!(
            "lineage = {} AND kind = {} AND name = {}",
            literal(self.lineage),
            literal(self.kind),
            literal(self.name)
        )
    }

    pub async fn read(&self, connection: &mut dyn Connection) -> Outcome<Option<Object>> {
        let sql = format!("SELECT state, epoch FROM {} WHERE {}", self.table(), self.condition());
        let rows = connection.query(&sql).await.map_err(fault("read an object"))?;
        let Some(row) = rows.rows.into_iter().next() else { return Ok(None) };
        let mut cells = row.into_iter().map(|cell| cell.map(text));
        let mut next = || cells.next().flatten();
        let object = (|| Some(Object { state: next()?, epoch: next()?.parse().ok()? }))();
        object.map(Some).ok_or_else(|| fault("read an object")(unreadable("an object's epoch")))
    }

    /// Writes the row, `intended`, at epoch 1.
    pub async fn intend(&self, connection: &mut dyn Connection) -> Outcome<()> {
        match self.claim(connection, "intended", 1).await? {
            None => Ok(()),
            Some(_) => Err(self.taken()),
        }
    }

    /// Writes the row in this state and epoch; what stands there, if this lineage was there before.
    pub async fn claim(&self, connection: &mut dyn Connection, state: &str, epoch: u64) -> Outcome<Option<Object>> {
        let sql = format!(
            "INSERT INTO {} (lineage, kind, name, state, epoch) VALUES ({}, {}, {}, {}, {epoch})",
            self.table(),
            literal(self.lineage),
            literal(self.kind),
            literal(self.name),
            literal(state)
        );
        match connection.execute(&sql).await {
            Ok(_) => Ok(None),
            Err(f) if f.number == Some(DUPLICATE) => {
                self.read(connection).await?.map_or_else(|| Err(self.taken()), |known| Ok(Some(known)))
            }
            Err(f) => Err(fault("record what is about to be created")(f)),
        }
    }

    fn taken(&self) -> Failure {
        Failure::new(
            codes::STRANGERS_TABLE,
            format!("take {} {} into the ledger", self.kind, self.name),
            "another lineage has it: two specs, or two copies of one state, lead to the same target table",
            "Let one of them do it: exclude the table by the filter, or destroy the other lineage first.",
        )
    }

    pub async fn set(&self, connection: &mut dyn Connection, state: &str, epoch: u64) -> Outcome<()> {
        let sql = format!(
            "UPDATE {} SET state = {}, epoch = {epoch} WHERE {}",
            self.table(),
            literal(state),
            self.condition()
        );
        connection.execute(&sql).await.map(drop).map_err(fault("record what was created"))
    }

    /// The same for the holder `token` of a lock that can be lost, from the row that it has `seen`: nothing is changed once a
    /// newer holder loads, or the row is another one.
    ///
    /// # Errors
    /// MIG4015, then.
    pub async fn set_held(
        &self,
        connection: &mut dyn Connection,
        seen: &Object,
        wanted: &Object,
        token: u64,
    ) -> Outcome<()> {
        if token == 0 {
            return self.set(connection, &wanted.state, wanted.epoch).await;
        }
        let sql = format!(
            "UPDATE {table} o LEFT JOIN (SELECT MAX(epoch) AS newest FROM {table} WHERE kind = {holder} AND name = {lineage}) h \
             ON TRUE SET o.state = {state}, o.epoch = {epoch} \
             WHERE {condition} AND o.state = {was} AND o.epoch = {from} AND (h.newest IS NULL OR h.newest <= {token})",
            table = self.table(),
            holder = literal(HOLDER),
            lineage = literal(self.lineage),
            state = literal(&wanted.state),
            epoch = wanted.epoch,
            condition = self.condition(),
            was = literal(&seen.state),
            from = seen.epoch,
        );
        let done = connection.execute(&sql).await.map_err(fault("record what is about to be emptied"))?;
        if done.affected == 0 {
            hold(connection, self.schema, self.lineage, token).await?;
            // An attempt whose answer was lost has done it.
            if self.read(connection).await?.as_ref() != Some(wanted) {
                return Err(superseded());
            }
        }
        Ok(())
    }

    pub async fn withdraw(&self, connection: &mut dyn Connection) -> Outcome<()> {
        let sql = format!("DELETE FROM {} WHERE {}", self.table(), self.condition());
        connection.execute(&sql).await.map(drop).map_err(fault("withdraw an object"))
    }
}

/// The kind of row that tells which holder of the state's lock loads; its name is the lineage, its epoch the token.
const HOLDER: &str = "holder";

/// Records that the holder `token` of the state's lock loads now: batches of an older one are refused from here on. Does
/// nothing for 0, a lock that cannot be lost.
///
/// # Errors
/// MIG4015: a newer holder has begun.
pub async fn hold(connection: &mut dyn Connection, schema: &str, lineage: &str, token: u64) -> Outcome<()> {
    if token == 0 {
        return Ok(());
    }
    let doing = fault("record who loads");
    let (schema, name, kind) = (sql_ident(schema), literal(lineage), literal(HOLDER));
    let insert = format!(
        "INSERT INTO {schema}.objects (lineage, kind, name, state, epoch) VALUES ({name}, {kind}, {name}, 'held', {token})"
    );
    match connection.execute(&insert).await {
        Ok(_) => return Ok(()),
        Err(f) if f.number == Some(DUPLICATE) => {}
        Err(f) => return Err(doing(f)),
    }
    let row = format!("kind = {kind} AND name = {name}");
    let raise = format!("UPDATE {schema}.objects SET epoch = {token} WHERE {row} AND epoch < {token}");
    connection.execute(&raise).await.map_err(&doing)?;
    let rows = connection.query(&format!("SELECT epoch FROM {schema}.objects WHERE {row}")).await.map_err(&doing)?.rows;
    let epoch = rows.into_iter().next().and_then(|row| text(row.into_iter().next()??).parse::<u64>().ok());
    match epoch {
        Some(epoch) if epoch == token => Ok(()),
        Some(_) => Err(superseded()),
        None => Err(doing(unreadable("the number of the holder"))),
    }
}

/// Another holder of the state's lock loads now.
fn superseded() -> Failure {
    Failure::new(
        codes::LEASE_LOST,
        "load into the target",
        "the ledger there says that another holder of the state's lock has begun to load since",
        "Nothing more was loaded. Look at `mig status`, then run the same command again.",
    )
}

/// Begins a batch's transaction. TiDB takes the snapshot of an explicit BEGIN at once, before [`Batches::insert`] holds the
/// table; what it saw then could be over. So the transaction begins with that statement itself there, and
/// [`leave`] has to follow before the connection does anything else.
pub fn begin(target: Flavor) -> &'static str {
    match target {
        Flavor::Tidb => "SET autocommit = 0",
        Flavor::Mysql | Flavor::Mariadb => "BEGIN",
    }
}

/// Behind the last batch on a connection; `None`: nothing is to be done.
pub fn leave(target: Flavor) -> Option<&'static str> {
    (target == Flavor::Tidb).then_some("SET autocommit = 1")
}

/// A batch that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub chunk: u32,
    pub from_row: u64,
    pub to_row: u64,
    pub rows: u64,
    /// Decimal sum of row hashes.
    pub hash: u128,
}

/// The batches of one table at one epoch.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    pub schema: &'a str,
    pub lineage: &'a str,
    pub table: &'a str,
    pub epoch: u64,
    /// See [`hold`]; 0: no lock that can be lost.
    pub token: u64,
}

impl Batches<'_> {
    /// Refuses a holder that another one has followed.
    fn held(&self) -> String {
        match self.token {
            0 => String::new(),
            token => format!(
                "AND NOT EXISTS (SELECT 1 FROM {}.objects h WHERE h.kind = {} AND h.name = {} AND h.epoch > {token}) ",
                sql_ident(self.schema),
                literal(HOLDER),
                literal(self.lineage)
            ),
        }
    }

    fn condition(&self) -> String {
        format!("lineage = {} AND tbl = {} AND epoch = {}", literal(self.lineage), literal(self.table), self.epoch)
    }

    /// Those of `chunk`, or of every chunk, in order.
    pub async fn read(&self, connection: &mut dyn Connection, chunk: Option<u32>) -> Result<Vec<Batch>, Fault> {
        let only = chunk.map(|c| format!(" AND chunk = {c}")).unwrap_or_default();
        let sql = format!(
            "SELECT chunk, from_row, to_row, `rows`, hash FROM {}.batches WHERE {}{only} ORDER BY chunk, from_row",
            sql_ident(self.schema),
            self.condition()
        );
        let rows = connection.query(&sql).await?;
        let number = |cell: Option<&Option<Vec<u8>>>| {
            cell.and_then(|c| c.as_deref())
                .and_then(|b| std::str::from_utf8(b).ok())
                .and_then(|t| t.parse::<u128>().ok())
        };
        let batch = |row: &Vec<Option<Vec<u8>>>| {
            Some(Batch {
                chunk: u32::try_from(number(row.first())?).ok()?,
                from_row: u64::try_from(number(row.get(1))?).ok()?,
                to_row: u64::try_from(number(row.get(2))?).ok()?,
                rows: u64::try_from(number(row.get(3))?).ok()?,
                hash: number(row.get(4))?,
            })
        };
        // One that cannot be read is not one that is not there.
        rows.rows.iter().map(batch).collect::<Option<_>>().ok_or_else(|| unreadable("a batch"))
    }

    /// The sums of every chunk: what was committed of it, whatever is recorded elsewhere.
    pub async fn chunks(&self, connection: &mut dyn Connection) -> Outcome<BTreeMap<u32, PartHash>> {
        let sql = format!(
            "SELECT chunk, SUM(`rows`), SUM(hash) FROM {}.batches WHERE {} GROUP BY chunk",
            sql_ident(self.schema),
            self.condition()
        );
        let doing = "read what was loaded";
        let rows = connection.query(&sql).await.map_err(fault(doing))?.rows;
        let chunk = |row: Vec<Option<Vec<u8>>>| {
            let mut cells = row.into_iter().map(|cell| cell.map(text)?.parse::<u128>().ok());
            let mut next = || cells.next().flatten();
            let (chunk, rows, sum) = (next()?, next()?, next()?);
            Some((u32::try_from(chunk).ok()?, PartHash { sum, rows: u64::try_from(rows).ok()? }))
        };
        let chunks: Option<BTreeMap<u32, PartHash>> = rows.into_iter().map(chunk).collect();
        chunks.ok_or_else(|| fault(doing)(unreadable("a sum")))
    }

    /// The first statement of a batch's transaction, behind [`begin`]. It takes a row only while the table is this load's:
    /// of its lineage, at its epoch, and not being emptied. A load that was overtaken by another one of a copied state, or
    /// that stood still while that one ran, affects no row here and has to stop.
    ///
    /// What it sees holds until the COMMIT. On MySQL and MariaDB the row of `objects` is locked against a reset. TiDB has no
    /// such lock: there the statement names the table itself, which holds a TRUNCATE back until the transaction ends (TiDB's
    /// documentation, "Metadata Lock"; without that lock the COMMIT fails).
    pub fn insert(&self, batch: &Batch, table: &TableName, target: Flavor) -> String {
        let held = match target {
            Flavor::Tidb => format!("AND NOT EXISTS (SELECT 1 FROM {} WHERE FALSE)", table.sql()),
            Flavor::Mysql | Flavor::Mariadb => "LOCK IN SHARE MODE".to_owned(),
        };
        format!(
            "INSERT INTO {schema}.batches (lineage, tbl, epoch, chunk, from_row, to_row, `rows`, hash) \
             SELECT lineage, name, epoch, {}, {}, {}, {}, {} FROM {schema}.objects \
             WHERE kind = 'table' AND name = {} AND lineage = {} AND epoch = {} \
             AND state IN ('created', 'adopted') {}{held}",
            batch.chunk,
            batch.from_row,
            batch.to_row,
            batch.rows,
            batch.hash,
            literal(self.table),
            literal(self.lineage),
            self.epoch,
            self.held(),
            schema = sql_ident(self.schema),
        )
    }

    /// Rows of former epochs: nothing reads them any more.
    pub async fn forget_former(&self, connection: &mut dyn Connection) -> Outcome<()> {
        let sql = format!(
            "DELETE FROM {}.batches WHERE lineage = {} AND tbl = {} AND epoch < {}",
            sql_ident(self.schema),
            literal(self.lineage),
            literal(self.table),
            self.epoch
        );
        connection.execute(&sql).await.map(drop).map_err(fault("remove the rows of former loads"))
    }
}

/// The tables and views that this lineage has created, by key.
///
/// # Errors
/// Where the ledger cannot be read.
pub async fn made_by(connection: &mut dyn Connection, schema: &str, lineage: &str) -> Outcome<Vec<String>> {
    let sql = format!(
        "SELECT name FROM {}.objects WHERE lineage = {} AND kind IN ('table', 'view') AND state = 'created' ORDER BY name",
        sql_ident(schema),
        literal(lineage)
    );
    let rows = connection.query(&sql).await.map_err(fault("read what was created"))?.rows;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).map(text).collect())
}

/// Removes this lineage's rows; the schema too when no other lineage has a row in it.
pub async fn destroy(connection: &mut dyn Connection, schema: &str, lineage: &str) -> Outcome<()> {
    if !exists(connection, schema).await? {
        return Ok(());
    }
    let name = sql_ident(schema);
    for table in ["batches", "objects"] {
        let sql = format!("DELETE FROM {name}.{table} WHERE lineage = {}", literal(lineage));
        connection.execute(&sql).await.map_err(fault("remove this lineage's rows"))?;
    }
    let others = connection
        .query(&format!("SELECT 1 FROM {name}.objects LIMIT 1"))
        .await
        .map_err(fault("look for other lineages"))?;
    if others.rows.is_empty() {
        connection.execute(&format!("DROP DATABASE {name}")).await.map_err(fault("drop the schema"))?;
    }
    Ok(())
}

/// A cell as text; names and numbers of the ledger are always that.
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
