//! Which rows differ, once sums do: narrowed down until few enough rows are left to hold their hashes in memory. Along
//! the key where ranges mean the same on both servers; else by buckets of a hash of the key, whose sums one reading of
//! each side gives all at once. Memory is that of a statement's rows, whatever the table's size.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::formats::chunk::{KeyColumn, Selection};
use crate::formats::rowhash::PartHash;
use crate::formats::verification::{DifferingKey, DifferingRows, Wrong};
use crate::steps::proof::pair::{Pair, Piece};
use crate::steps::proof::sides::{Buckets, Entry, Side};
use crate::steps::proof::walk::{Walk, selection};
use crate::words::error::{Failure, Outcome};

/// Buckets that fit into the rows that are held at once, as long as there may be so many.
const BUCKETS_AT_ONCE: u64 = 8;
/// Buckets at most.
const BUCKETS: u64 = 8_192;
/// Readings of a table that no range cuts, beyond which counts are said to be a part.
const READINGS: usize = 8;
/// Each cut leaves pieces that the side it went along can hold, so two do for both; more are for rows that come meanwhile.
const CUTS: u32 = 4;
/// Keys that a report of differences names at most.
const NAMED_KEYS: usize = 20;

/// Searches the pieces whose sums differ.
pub async fn search(pair: &Pair, pieces: &[Piece], show_keys: bool) -> Outcome<DifferingRows> {
    let mut found = DifferingRows::default();
    for piece in pieces {
        match (&piece.range, &pair.shared) {
            (Some(_), Some(keys)) => by_range(pair, piece, keys, show_keys, &mut found).await?,
            _ => by_buckets(pair, piece, show_keys, &mut found).await?,
        }
    }
    found.keys.sort();
    Ok(found)
}

/// Cuts a range along the key, on the side that has more rows in it, until the hashes of what differs can be held.
async fn by_range(
    pair: &Pair,
    piece: &Piece,
    keys: &[KeyColumn],
    show_keys: bool,
    found: &mut DifferingRows,
) -> Outcome<()> {
    let mut open = vec![(piece.clone(), 0)];
    while let Some((piece, cuts)) = open.pop() {
        stop_if_asked(pair)?;
        let Some(range) = &piece.range else { continue };
        if piece.source.rows.max(piece.target.rows) <= pair.source.statement_rows() {
            let rows = selection(range, keys)?;
            let mut balance = Balance::default();
            balance.add(pair.source.entries(&rows, None).await?, 1);
            balance.add(pair.target.entries(&rows, None).await?, -1);
            let wrong = balance.settle(found);
            if show_keys {
                name(pair, std::slice::from_ref(&rows), std::slice::from_ref(&rows), &wrong, found).await?;
            }
            continue;
        }
        if cuts == CUTS {
            // One key with more rows than can be held (a target without the key), or writes that go on meanwhile.
            found.more = true;
            continue;
        }
        let larger = if piece.source.rows >= piece.target.rows { &pair.source } else { &pair.target };
        let mut walk = Walk::within(larger, Some(keys), range.clone(), pair.source.statement_rows());
        while let Some(smaller) = walk.next().await? {
            stop_if_asked(pair)?;
            let (part, _) = pair.compare(Some(&smaller), false).await?;
            if part.source != part.target {
                open.push((part, cuts + 1));
            }
        }
    }
    Ok(())
}

async fn by_buckets(pair: &Pair, whole: &Piece, show_keys: bool, found: &mut DifferingRows) -> Outcome<()> {
    let selections = (own_selections(&pair.source).await?, own_selections(&pair.target).await?);
    let rows = whole.source.rows.max(whole.target.rows);
    let held = pair.source.rows_in_memory();
    let of = match rows {
        rows if rows <= held => 1,
        rows => (rows / held * BUCKETS_AT_ONCE).next_power_of_two().min(BUCKETS),
    };
    let mut groups: Vec<Buckets> = Vec::new();
    if of == 1 {
        groups.push(Buckets { of, chosen: vec![0] });
    } else {
        let mut sums = (vec![PartHash::default(); of as usize], vec![PartHash::default(); of as usize]);
        for (side, selections, sums) in
            [(&pair.source, &selections.0, &mut sums.0), (&pair.target, &selections.1, &mut sums.1)]
        {
            for rows in selections {
                stop_if_asked(pair)?;
                side.buckets(rows, sums).await?;
            }
        }
        let mut room = 0;
        for (bucket, (source, target)) in sums.0.iter().zip(&sums.1).enumerate().filter(|(_, (s, t))| s != t) {
            let rows = source.rows.max(target.rows);
            match groups.last_mut() {
                Some(group) if rows <= room => group.chosen.push(bucket as u64),
                _ => {
                    groups.push(Buckets { of, chosen: vec![bucket as u64] });
                    room = held;
                }
            }
            room = room.saturating_sub(rows);
        }
    }
    found.more |= groups.len() > READINGS;
    for group in groups.iter().take(READINGS) {
        let mut balance = Balance::default();
        for (side, selections, step) in [(&pair.source, &selections.0, 1), (&pair.target, &selections.1, -1)] {
            for rows in selections {
                stop_if_asked(pair)?;
                balance.add(side.entries(rows, Some(group)).await?, step);
            }
        }
        let wrong = balance.settle(found);
        if show_keys {
            name(pair, &selections.0, &selections.1, &wrong, found).await?;
        }
    }
    Ok(())
}

fn stop_if_asked(pair: &Pair) -> Outcome<()> {
    if pair.source.stopping() { Err(Failure::interrupted("search the rows that differ")) } else { Ok(()) }
}

/// The rows of each of the statements that read a side once.
async fn own_selections(side: &Side) -> Outcome<Vec<Selection>> {
    let Some(keys) = side.own_keys() else { return Ok(vec![Selection::default()]) };
    let mut walk = Walk::own(side);
    let mut selections = Vec::new();
    while let Some(range) = walk.next().await? {
        selections.push(selection(&range, keys)?);
    }
    Ok(selections)
}

/// How much more often a row is on the source than on the target.
#[derive(Default)]
struct Balance(HashMap<Entry, i64>);

impl Balance {
    fn add(&mut self, entries: HashMap<Entry, u64>, sign: i64) {
        for (entry, times) in entries {
            let count = self.0.entry(entry).or_default();
            *count += sign * i64::try_from(times).unwrap_or(i64::MAX);
            if *count == 0 {
                self.0.remove(&entry);
            }
        }
    }

    /// Counts what is left, key by key; gives the keys by what is wrong with them.
    fn settle(self, found: &mut DifferingRows) -> BTreeMap<u64, Wrong> {
        let mut by_key: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (entry, count) in self.0 {
            let sides = by_key.entry(entry.key).or_default();
            if count > 0 {
                sides.0 += count.unsigned_abs();
            } else {
                sides.1 += count.unsigned_abs();
            }
        }
        let mut wrong = BTreeMap::new();
        for (key, (source, target)) in by_key {
            let changed = source.min(target);
            found.changed += changed;
            found.missing += source - changed;
            found.unexpected += target - changed;
            let what = match (source - changed, target - changed) {
                (0, 0) => Wrong::Changed,
                (0, _) => Wrong::Unexpected,
                _ => Wrong::Missing,
            };
            wrong.insert(key, what);
        }
        wrong
    }
}

/// Reads the keys of the first rows that differ.
async fn name(
    pair: &Pair,
    on_source: &[Selection],
    on_target: &[Selection],
    wrong: &BTreeMap<u64, Wrong>,
    found: &mut DifferingRows,
) -> Outcome<()> {
    if !pair.source.has_key() {
        return Ok(());
    }
    let room = NAMED_KEYS.saturating_sub(found.keys.len());
    let chosen: BTreeMap<u64, Wrong> = wrong.iter().take(room).map(|(key, what)| (*key, *what)).collect();
    let of = |on_target: bool| -> HashSet<u64> {
        chosen.iter().filter(|(_, what)| (**what == Wrong::Unexpected) == on_target).map(|(key, _)| *key).collect()
    };
    for (side, selections, wanted) in [(&pair.source, on_source, of(false)), (&pair.target, on_target, of(true))] {
        let mut wanted = wanted;
        for rows in selections {
            if wanted.is_empty() {
                break;
            }
            stop_if_asked(pair)?;
            for (key, text) in side.keys(rows, &wanted).await? {
                wanted.remove(&key);
                if let Some(what) = chosen.get(&key) {
                    found.keys.push(DifferingKey { wrong: *what, key: text });
                }
            }
        }
    }
    Ok(())
}
