//! One part on its way: batch by batch from where the ledger stands, each with its ledger row in one transaction; what
//! a fault means for it. Knows nothing of other parts and of what is recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{Job, broken};
use crate::formats::dumpfile::Piece;
use crate::formats::facts::Flavor;
use crate::formats::manifest::PartEntry;
use crate::formats::rowhash::PartHash;
use crate::seams::sql::{Connection, Fault};
use crate::steps::again::{TRIES, wait};
use crate::steps::context::Line;
use crate::steps::transfer::batch::{self, Batch, BatchReader, Form};
use crate::steps::transfer::ledger::{self, DUPLICATE, LOCK_WAIT, Named};
use crate::steps::transfer::refusal::{Origin, is_of_a_row, refused, without_values};
use crate::words::addr::sql_ident;
use crate::words::codes;
use crate::words::error::{Failure, Outcome, Retry};

/// Rows of a batch at most.
const BATCH_ROWS: u64 = crate::formats::manifest::MARK_ROWS;
/// How long one batch waits for an earlier connection to let go of its row: more than the longest that a target keeps
/// a session which says nothing.
const HELD_AT_MOST: Duration = Duration::from_secs(10 * 60);
/// Bytes of a part's rows up to which a batch of them is read while another is on its way; larger ones are held once.
const SHORT_ROW: u64 = 64 << 10;
/// Batches that have to get through before halved ones grow again.
const EASED: u32 = 8;
/// A server's count of warnings goes no further.
const MOST_WARNINGS: u64 = 65_535;
/// The number of the warning of an ENUM's error value ("Data truncated for column"; MySQL's error reference).
const TRUNCATED: &str = "1265";
/// ER_WARN_OPTION_IGNORED: of a function's argument, such as the IV of AES_ENCRYPT in a mode without one. Rows have none.
const OPTION_IGNORED: &str = "1618";
/// What a session does to write such values, and after it. The mode of mig's sessions ends in NO_ENGINE_SUBSTITUTION, so
/// that a comma follows each of the two.
const KEEP_MODE: &str = "SET @mig_sql_mode = @@SESSION.sql_mode";
const NOT_STRICT: &str = "SET SESSION sql_mode = \
                          REPLACE(REPLACE(@@SESSION.sql_mode, 'STRICT_TRANS_TABLES,', ''), 'STRICT_ALL_TABLES,', '')";
const STRICT_AGAIN: &str = "SET SESSION sql_mode = @mig_sql_mode";

/// What stopped one attempt at a part.
enum Stop {
    /// Passing: read the ledger and go on.
    Again(Failure),
    /// An earlier connection still has the batch's row in the ledger.
    Held(Failure),
    /// So many rows are too much for one transaction.
    Smaller(Failure, u64),
    /// One of so many rows is not taken as it is; the target's words. Halved like the former, down to the row.
    Refused(String, u64),
    For(Failure),
}

/// How the load of one part stands.
struct Course {
    form: Form,
    /// Rows of a batch at most.
    limit: u64,
    /// Batches that got through since `limit` was changed.
    eased: u32,
    /// Rows that are in, as far as is known.
    reached: u64,
    /// Passing faults since a batch got through.
    attempt: u32,
    /// The file was compared with the manifest.
    checked: bool,
    /// Nothing of the part has been sent, as far as the journal knows: the ledger is not asked first. Should it have
    /// rows all the same, its first one collides with ours.
    new: bool,
}

impl Job {
    /// Loads one part. `begun`: its border was recorded before.
    pub(super) async fn part(self: Arc<Self>, entry: PartEntry, begun: bool) -> Outcome<PartEntry> {
        let _turn = self.lines.loading.acquire().await.map_err(|error| broken(&error.to_string()))?;
        let new = !begun;
        let mut course =
            Course { form: self.form, limit: BATCH_ROWS, eased: 0, reached: 0, attempt: 0, checked: false, new };
        // Since when, and at which row.
        let mut held: Option<(Instant, u64)> = None;
        loop {
            if self.ctx.stopping() {
                return Err(Failure::interrupted("load the table"));
            }
            let (done, unasked) = (self.part_once(&entry, &mut course).await, std::mem::take(&mut course.new));
            match done {
                Ok(()) => {
                    self.ctx.waits_for("");
                    return Ok(entry);
                }
                // Where keys are compared at COMMIT, the rows of a batch that is in already collide before it does.
                Err(Stop::Refused(..)) if unasked => {}
                Err(Stop::Again(failure)) if course.attempt < TRIES => {
                    self.ctx.waits_for(&format!("the target: {}", failure.cause));
                    wait(&self.context, &mut course.attempt).await;
                }
                Err(Stop::Held(failure)) => {
                    let (since, at) = held.unwrap_or((Instant::now(), course.reached));
                    let since = if at == course.reached { since } else { Instant::now() };
                    held = Some((since, course.reached));
                    if since.elapsed() > HELD_AT_MOST {
                        return Err(failure);
                    }
                    self.ctx.waits_for("an earlier connection");
                    wait(&self.context, &mut 0).await;
                }
                Err(Stop::Smaller(failure, 1)) => {
                    return Err(self.origin().too_large(&entry, course.reached, &failure));
                }
                // LOAD DATA makes warnings of errors, and warns of what is none: strict INSERTs tell.
                Err(Stop::Refused(..)) if course.form == Form::LoadData => course.form = Form::Insert,
                Err(Stop::Refused(text, 1)) => return Err(self.origin().refused(&entry, course.reached, &text)),
                Err(Stop::Smaller(_, rows) | Stop::Refused(_, rows)) => {
                    (course.limit, course.eased) = ((rows / 2).max(1), 0);
                }
                Err(Stop::Again(failure) | Stop::For(failure)) => return Err(failure),
            }
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { files: &self.files, table: &self.table, tool: self.tool.as_ref(), show_keys: self.context.show_keys }
    }

    async fn line(&self) -> Result<Line, Stop> {
        self.lines.write.take().await.map_err(|failure| match failure.retry {
            Retry::Later => Stop::Again(failure),
            Retry::No => Stop::For(failure),
        })
    }

    /// A part's file, read as it is loaded.
    pub(super) fn reader(&self, entry: &PartEntry) -> Outcome<BatchReader> {
        let reader =
            BatchReader::open(&self.files, entry, &self.table, self.target == Flavor::Tidb, self.tool.as_ref())?;
        Ok(reader.taking(self.context.json_numbers(self.context.migration(&self.ctx.addr)?)?))
    }

    /// Compares the file with the manifest, once, and begins to read it behind so many rows.
    async fn open(&self, entry: &PartEntry, course: &mut Course, row: u64) -> Result<Ahead, Stop> {
        if !course.checked {
            let (files, entry) = (Arc::clone(&self.files), entry.clone());
            let check = tokio::task::spawn_blocking(move || batch::check_file(&*files, &entry));
            check.await.map_err(|e| Stop::For(broken(&e.to_string())))?.map_err(Stop::For)?;
            course.checked = true;
        }
        let first = || {
            let mut reader = self.reader(entry)?;
            reader.skip_to(row)?;
            let batch = reader.next(course.form, course.limit, self.batch_bytes)?;
            Ok((reader, batch))
        };
        first().map_err(Stop::For)
    }

    /// From where the ledger stands to the end of the file.
    async fn part_once(&self, entry: &PartEntry, course: &mut Course) -> Result<(), Stop> {
        let short = entry.bytes <= entry.rows.saturating_mul(SHORT_ROW);
        // Where nothing can be in the ledger, no connection waits for the file.
        let mut ahead = if course.new && short { Some(self.open(entry, course, 0).await?) } else { None };
        let mut line = self.line().await?;
        let known = match course.new {
            true => Vec::new(),
            false => {
                self.batches().read(&mut *line.connection, Some(entry.part)).await.map_err(|f| self.stop(&f, 0))?
            }
        };
        let mut hash = PartHash::default();
        let mut row = 0;
        for batch in &known {
            if batch.from_row != row {
                return Err(Stop::For(self.gap(entry)));
            }
            row = batch.to_row;
            hash = hash.merged(&PartHash { sum: batch.hash, rows: batch.rows });
        }
        if row > course.reached {
            self.ctx.progress(row - course.reached, share(entry, row) - share(entry, course.reached));
            course.reached = row;
        }
        if row < entry.rows {
            let (mut reader, mut batch) = match ahead.take() {
                Some(ahead) => ahead,
                None => self.open(entry, course, row).await?,
            };
            while let Some(sent) = batch {
                if line.is_old() {
                    drop(line);
                    line = self.line().await?;
                }
                hash = hash.merged(&sent.hash);
                let (form, limit, bytes) = (course.form, course.limit, self.batch_bytes);
                if short {
                    let next = tokio::task::spawn_blocking(move || {
                        let batch = reader.next(form, limit, bytes)?;
                        Ok((reader, batch))
                    });
                    self.send(&mut line, entry, course, sent).await?;
                    (reader, batch) = joined(next).await?;
                } else {
                    self.send(&mut line, entry, course, sent).await?;
                    batch = reader.next(course.form, course.limit, bytes).map_err(Stop::For)?;
                }
            }
            if let Some(leave) = ledger::leave(self.target) {
                line.connection.execute(leave).await.map_err(|f| self.stop(&f, 0))?;
            }
        }
        line.give_back();
        if hash != entry.hash {
            let path = self.files.named(&entry.file);
            let cause = format!("{} rows went in, {} were dumped, and their hashes differ", hash.rows, entry.hash.rows);
            return Err(Stop::For(match known.is_empty() {
                true => batch::damaged(&path, &cause),
                // The file is what was dumped; a part of this number was loaded before, out of a dump that nothing records.
                false => batch::of_another_dump(&path, known.len(), &cause),
            }));
        }
        Ok(())
    }

    /// A batch on its way, and what is known once it is in.
    async fn send(&self, line: &mut Line, entry: &PartEntry, course: &mut Course, batch: Batch) -> Result<(), Stop> {
        let to = batch.to;
        self.commit(line, entry, course.form, batch).await?;
        course.attempt = 0;
        course.eased += 1;
        if course.eased >= EASED {
            (course.limit, course.eased) = ((course.limit * 2).min(BATCH_ROWS), 0);
        }
        self.ctx.progress(to - course.reached, share(entry, to) - share(entry, course.reached));
        course.reached = to;
        match self.ctx.stopping() && to < entry.rows {
            true => Err(Stop::For(Failure::interrupted("load the table"))),
            false => Ok(()),
        }
    }

    /// One batch and its ledger row, in one transaction.
    async fn commit(&self, line: &mut Line, entry: &PartEntry, form: Form, batch: Batch) -> Result<(), Stop> {
        let row = ledger::Batch {
            chunk: entry.part,
            from_row: batch.from,
            to_row: batch.to,
            rows: batch.to - batch.from,
            hash: batch.hash.sum,
        };
        let rows = row.rows;
        let connection = &mut line.connection;
        connection.execute(ledger::begin(self.target)).await.map_err(|f| self.stop(&f, rows))?;
        match connection.execute(&self.batches().insert(&row, &self.table.name, self.target)).await {
            Ok(done) if done.affected == 1 => {}
            Ok(_) => return Err(self.overtaken(line).await),
            Err(fault) => {
                return Err(match fault.number {
                    // A predecessor's COMMIT has won, or is still in flight: the ledger tells.
                    Some(DUPLICATE) => Stop::Again(refused(&self.table.name, &fault)),
                    Some(LOCK_WAIT) => Stop::Held(refused(&self.table.name, &fault)),
                    _ => self.stop(&fault, rows),
                });
            }
        }
        match form {
            Form::LoadData => self.load_data(line, batch).await?,
            Form::Insert => self.insert(line, batch).await?,
        }
        // A lost line here leaves the outcome unknown; the next attempt reads it from the ledger.
        let committed = line.connection.execute("COMMIT").await;
        committed.map(drop).map_err(|fault| match fault.number {
            // A server that compares keys at COMMIT: the ledger tells whether it is the batch's own row. If it is
            // not, the next attempt meets the row that was there first, and names it.
            Some(DUPLICATE) => Stop::Again(refused(&self.table.name, &fault)),
            _ => self.stop(&fault, rows),
        })
    }

    /// A batch's rows as one LOAD DATA.
    async fn load_data(&self, line: &mut Line, batch: Batch) -> Result<(), Stop> {
        let (rows, expected) = (batch.to - batch.from, batch.error_values);
        let connection = &mut line.connection;
        let done = connection.load_data(&self.statement, batch.payload).await.map_err(|f| self.stop(&f, rows))?;
        // LOCAL implies IGNORE: a bad or second row is a warning there, so anything but "all of them,
        // none skipped, no warning but of the error values of an ENUM" is a failure.
        let warnings = u64::from(done.warnings);
        let all = done.affected == rows && clean(&done.info, rows, warnings);
        let as_expected = warnings == expected.min(MOST_WARNINGS) && clean(&done.info, rows, expected);
        match all && (as_expected || self.only_known(&mut **connection, done.warnings, expected).await) {
            true => Ok(()),
            false => Err(self.unclean(line, &done.info, rows).await),
        }
    }

    /// Sends the rows of a batch as INSERT statements. A strict session refuses the error value of an ENUM. So a batch that has
    /// such values is written by a session that is not strict, and each warning is checked.
    async fn insert(&self, line: &mut Line, batch: Batch) -> Result<(), Stop> {
        let rows = batch.to - batch.from;
        if batch.error_values > 0 {
            for sql in [KEEP_MODE, NOT_STRICT] {
                line.connection.execute(sql).await.map_err(|f| self.stop(&f, rows))?;
            }
        }
        let sent = self.insert_statements(line, batch.payload, rows, batch.error_values).await;
        if batch.error_values > 0 {
            line.connection.execute(STRICT_AGAIN).await.map_err(|f| self.stop(&f, rows))?;
        }
        sent
    }

    async fn insert_statements(
        &self,
        line: &mut Line,
        statements: Vec<Piece>,
        rows: u64,
        error_values: u64,
    ) -> Result<(), Stop> {
        let connection = &mut line.connection;
        let sql = format!("USE {}", sql_ident(&self.table.name.schema));
        connection.execute(&sql).await.map_err(|f| self.stop(&f, rows))?;
        let (mut inserted, mut warned) = (0, 0);
        for statement in statements {
            let statement = statement.into_bytes();
            let text = String::from_utf8_lossy(&statement);
            let text = text.trim_end().trim_end_matches(';');
            let done = connection.execute(text).await.map_err(|f| self.stop(&f, rows))?;
            let expected = error_values - warned;
            match self.of_error_values(&mut **connection, done.warnings, expected).await {
                Some(found) => warned += found,
                None => return Err(self.unclean(line, &done.info, rows).await),
            }
            inserted += done.affected;
        }
        if inserted != rows || warned != error_values {
            let cause = format!("{inserted} of {rows} rows went in, with {warned} of {error_values} error values");
            return Err(self.unclean(line, &cause, rows).await);
        }
        Ok(())
    }

    /// What a fault means for the part, met with so many rows: again, smaller, or the end.
    fn stop(&self, fault: &Fault, rows: u64) -> Stop {
        let failure = refused(&self.table.name, fault);
        match fault.number {
            _ if fault.transient() => Stop::Again(failure),
            // 8004 transaction too large, 8025 entry too large, 8175 and 1105 out of the statement's memory quota,
            // 1153 packet too large, 1197 binlog cache too small (pingcap/tidb pkg/errno; MySQL's error reference).
            Some(8004 | 8025 | 8175 | 1153 | 1197) => Stop::Smaller(failure, rows),
            Some(1105) if fault.message.to_lowercase().contains("memory") => Stop::Smaller(failure, rows),
            Some(number) if is_of_a_row(number) => Stop::Refused(without_values(&fault.message), rows),
            _ => Stop::For(failure),
        }
    }

    /// Whether all warnings are accounted for: as many as expected of the error values of an ENUM, and of columns that
    /// the server computes.
    async fn only_known(&self, connection: &mut dyn Connection, warnings: u32, error_values: u64) -> bool {
        self.of_error_values(connection, warnings, error_values).await == Some(error_values)
    }

    /// How many warnings are of the error values of an ENUM; none: a warning is of something else, or they are more than
    /// `most`. Those of columns that the server computes are passed over: it rounds what their expressions give, as the
    /// source does, and says so. What it stores in them is for the verification to compare; the rows that were sent are
    /// as they were.
    async fn of_error_values(&self, connection: &mut dyn Connection, warnings: u32, most: u64) -> Option<u64> {
        if warnings == 0 {
            return Some(0);
        }
        let computed = self.table.columns.iter().any(|column| column.generated.is_some());
        if u64::from(warnings) >= MOST_WARNINGS || (most == 0 && !computed) {
            return None;
        }
        let told = connection.query("SHOW WARNINGS").await.unwrap_or_default().rows;
        if u32::try_from(told.len()) != Ok(warnings) {
            return None;
        }
        let mut error_values = 0;
        for row in told {
            let mut cells = row.into_iter().skip(1).map(|cell| cell.map(ledger::text).unwrap_or_default());
            let (number, text) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            if number == OPTION_IGNORED && computed {
                continue;
            }
            let column = text.rsplit_once(" for column '").and_then(|(_, end)| end.rsplit_once("' at row "));
            let column = self.table.columns.iter().find(|c| column.is_some_and(|(name, _)| c.name == name))?;
            match column.generated {
                Some(_) => {}
                None if column.data_type == "enum" && number == TRUNCATED => error_values += 1,
                None => return None,
            }
        }
        (error_values <= most).then_some(error_values)
    }

    /// Rows went in with warnings: back, and what the first of them says.
    async fn unclean(&self, line: &mut Line, info: &str, rows: u64) -> Stop {
        let warnings = line.connection.query("SHOW WARNINGS").await.unwrap_or_default();
        let text = warnings.rows.into_iter().next().and_then(|row| row.into_iter().nth(2).flatten());
        let text = text.map_or_else(|| info.to_owned(), |bytes| without_values(&ledger::text(bytes)));
        match line.connection.execute("ROLLBACK").await {
            Ok(_) => Stop::Refused(text, rows),
            Err(fault) => self.stop(&fault, rows),
        }
    }

    /// The ledger took no row: the table is not this load's any more. What the ledger says of it, and the end.
    async fn overtaken(&self, line: &mut Line) -> Stop {
        let connection = &mut line.connection;
        if let Err(fault) = connection.execute("ROLLBACK").await {
            return self.stop(&fault, 0);
        }
        match ledger::hold(&mut **connection, &self.ledger, &self.context.lineage, self.context.token).await {
            Ok(()) => {}
            Err(failure) if failure.retry == Retry::Later => return Stop::Again(failure),
            Err(failure) => return Stop::For(failure),
        }
        let named = Named { schema: &self.ledger, lineage: &self.context.lineage, kind: "table", name: &self.key };
        match named.read(&mut **connection).await {
            Ok(object) => Stop::For(super::standing::overtaken(&self.table.name, self.epoch, object.as_ref())),
            Err(failure) if failure.retry == Retry::Later => Stop::Again(failure),
            Err(failure) => Stop::For(failure),
        }
    }

    fn gap(&self, entry: &PartEntry) -> Failure {
        Failure::new(
            codes::LEDGER_GAP,
            format!("go on with {}", entry.file),
            "the ledger has a gap: it was written by another program, or restored",
            "Load the table again: `mig apply -replace=` with the address of this step.",
        )
    }
}

/// A file as it is read, with the batch that was read last; none: it ends there.
type Ahead = (BatchReader, Option<Batch>);

async fn joined(reading: JoinHandle<Outcome<Ahead>>) -> Result<Ahead, Stop> {
    reading.await.unwrap_or_else(|error| Err(broken(&error.to_string()))).map_err(Stop::For)
}

/// Bytes of a part that `rows` of it stand for.
fn share(entry: &PartEntry, rows: u64) -> u64 {
    if entry.rows == 0 { 0 } else { (u128::from(entry.bytes) * u128::from(rows) / u128::from(entry.rows)) as u64 }
}

/// Whether LOAD DATA's info says that every row went in as it was, with so many warnings:
/// `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
fn clean(info: &str, rows: u64, warnings: u64) -> bool {
    let told: Vec<u64> = info.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match told.as_slice() {
        [] => true,
        [records, deleted, skipped, told] => {
            (*records, *deleted, *skipped) == (rows, 0, 0) && (*told).min(MOST_WARNINGS) == warnings.min(MOST_WARNINGS)
        }
        _ => false,
    }
}
