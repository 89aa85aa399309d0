//! Where the boxes of a graph are drawn: in rows from top to bottom, so that each box is below those that it waits for. The same
//! graph gives the same places. Knows nothing of what is in a box.
//!
//! The way of Sugiyama, Tagawa and Toda (1981): rows by the longest way, an order in each row that saves crossings, places in
//! it; an edge over several rows has a place of its own in each, and so it leads around boxes.

use std::collections::BTreeSet;

/// Between boxes of a row, and between rows. All lengths are in pixels at full size.
const GAP: f64 = 24.0;
const ROW_GAP: f64 = 30.0;
/// The place of an edge that passes a row.
const LANE: f64 = 12.0;
/// Times that the order of all rows is improved, downwards and upwards in turn. It settles after a few.
const SWEEPS: usize = 8;

/// A drawing: boxes by their upper left corner, and edges as the points that they pass.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<(f64, f64)>,
    pub(super) edges: Vec<Route>,
}

/// The way of one edge.
#[derive(Debug, PartialEq)]
pub(super) struct Route {
    pub(super) from: usize,
    pub(super) to: usize,
    /// From the lower side of one box to the upper side of the other.
    pub(super) points: Vec<(f64, f64)>,
}

/// A box, or the place of an edge in a row that it passes.
#[derive(Clone, Copy)]
struct Cell {
    width: f64,
    row: usize,
    /// The middle.
    x: f64,
}

/// Lays out boxes of these widths, all of one height. `edges` are from one place in `widths` to another.
pub(super) fn layout(widths: &[f64], height: f64, edges: &BTreeSet<(usize, usize)>) -> Layout {
    if widths.is_empty() {
        return Layout::default();
    }
    let rows = rows_of(widths.len(), edges);
    let mut cells: Vec<Cell> =
        widths.iter().zip(&rows).map(|(width, row)| Cell { width: *width, row: *row, x: 0.0 }).collect();
    let mut ways: Vec<(usize, usize, Vec<usize>)> = Vec::new();
    for (from, to) in edges.iter().copied().filter(|(from, to)| from != to) {
        // An edge of a circle leads upwards: it is drawn the other way round.
        let (upper, lower) = if rows[from] <= rows[to] { (from, to) } else { (to, from) };
        let mut way = vec![upper];
        for row in rows[upper] + 1..rows[lower] {
            cells.push(Cell { width: LANE, row, x: 0.0 });
            way.push(cells.len() - 1);
        }
        way.push(lower);
        if upper != from {
            way.reverse();
        }
        ways.push((from, to, way));
    }
    let links: Vec<(usize, usize)> =
        ways.iter().flat_map(|(_, _, way)| way.windows(2).map(|two| (two[0], two[1]))).collect();
    let order = ordered(&cells, &links);
    place(&mut cells, &order, &links);
    drawing(&cells, widths.len(), height, ways)
}

/// The row of each box: one below the lowest of those that it waits for. Of a circle, the first box begins it.
fn rows_of(size: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<usize> {
    let mut next = vec![Vec::new(); size];
    let mut waits = vec![0_usize; size];
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        next[*from].push(*to);
        waits[*to] += 1;
    }
    let mut rows = vec![0_usize; size];
    let mut open: BTreeSet<usize> = (0..size).collect();
    while let Some(at) = open.iter().copied().find(|at| waits[*at] == 0).or_else(|| open.first().copied()) {
        open.remove(&at);
        for to in &next[at] {
            if open.contains(to) {
                rows[*to] = rows[*to].max(rows[at] + 1);
                waits[*to] = waits[*to].saturating_sub(1);
            }
        }
    }
    rows
}

/// The cells of each row from left to right: each near the middle of those that it is linked to.
fn ordered(cells: &[Cell], links: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let depth = cells.iter().map(|cell| cell.row).max().unwrap_or(0) + 1;
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (at, cell) in cells.iter().enumerate() {
        order[cell.row].push(at);
    }
    let mut best = order.clone();
    let mut fewest = crossings(&order, cells, links);
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let rows: Vec<usize> = if down { (1..depth).collect() } else { (0..depth.saturating_sub(1)).rev().collect() };
        for row in rows {
            let places = places_of(&order, cells.len());
            let beside = if down { row - 1 } else { row + 1 };
            let middle = |at: usize| {
                let others = linked(at, links).filter(|other| cells[*other].row == beside).map(|other| places[other]);
                let (sum, number) = others.fold((0.0, 0.0), |(sum, number), place| (sum + place, number + 1.0));
                if number > 0.0 { sum / number } else { places[at] }
            };
            let mut keyed: Vec<(f64, usize)> = order[row].iter().map(|at| (middle(*at), *at)).collect();
            keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            order[row] = keyed.into_iter().map(|(_, at)| at).collect();
        }
        let now = crossings(&order, cells, links);
        if now < fewest {
            (fewest, best) = (now, order.clone());
        }
    }
    best
}

fn linked(at: usize, links: &[(usize, usize)]) -> impl Iterator<Item = usize> {
    links.iter().filter_map(move |(from, to)| match at {
        at if at == *from => Some(*to),
        at if at == *to => Some(*from),
        _ => None,
    })
}

fn places_of(order: &[Vec<usize>], size: usize) -> Vec<f64> {
    let mut places = vec![0.0; size];
    for row in order {
        for (place, at) in row.iter().enumerate() {
            places[*at] = place as f64;
        }
    }
    places
}

fn crossings(order: &[Vec<usize>], cells: &[Cell], links: &[(usize, usize)]) -> usize {
    let places = places_of(order, cells.len());
    let upper_first = |(a, b): &(usize, usize)| if cells[*a].row <= cells[*b].row { (*a, *b) } else { (*b, *a) };
    let mut by_row: Vec<Vec<(f64, f64)>> = vec![Vec::new(); order.len()];
    for (upper, lower) in links.iter().map(upper_first) {
        by_row[cells[upper].row].push((places[upper], places[lower]));
    }
    let crossed = |row: &Vec<(f64, f64)>| {
        let pairs = row.iter().enumerate().flat_map(|(at, one)| row[at + 1..].iter().map(move |other| (one, other)));
        pairs.filter(|((a, b), (c, d))| (a < c && b > d) || (a > c && b < d)).count()
    };
    by_row.iter().map(crossed).sum()
}

/// Sets the middles: as near to those that a cell is linked to as the order and the widths let it.
fn place(cells: &mut [Cell], order: &[Vec<usize>], links: &[(usize, usize)]) {
    for row in order {
        let whole: f64 = row.iter().map(|at| cells[*at].width + GAP).sum::<f64>() - GAP;
        let mut left = -whole / 2.0;
        for at in row {
            cells[*at].x = left + cells[*at].width / 2.0;
            left += cells[*at].width + GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let rows: Vec<&Vec<usize>> = if sweep % 2 == 0 { order.iter().collect() } else { order.iter().rev().collect() };
        for row in rows {
            let wanted: Vec<f64> = row
                .iter()
                .map(|at| {
                    let others: Vec<f64> = linked(*at, links).map(|other| cells[other].x).collect();
                    if others.is_empty() { cells[*at].x } else { others.iter().sum::<f64>() / others.len() as f64 }
                })
                .collect();
            settle(cells, row, &wanted);
        }
    }
}

/// Puts the cells of a row where they are wanted, then apart: those that are too near share the way that they give.
fn settle(cells: &mut [Cell], row: &[usize], wanted: &[f64]) {
    // Blocks of cells that touch: the middle of the first, where it wants to be on average, and how many they are.
    let mut blocks: Vec<(f64, Vec<(usize, f64)>)> = Vec::new();
    for (place, at) in row.iter().enumerate() {
        let mut block = (wanted[place], vec![(*at, 0.0)]);
        while let Some((first, members)) = blocks.pop() {
            let Some((last, offset)) = members.last().copied() else { continue };
            let apart = (cells[last].width + cells[block.1[0].0].width) / 2.0 + GAP;
            if first + offset + apart <= block.0 {
                blocks.push((first, members));
                break;
            }
            let (ours, theirs) = (members.len() as f64, block.1.len() as f64);
            let shift = offset + apart;
            let mut all = members;
            all.extend(block.1.iter().map(|(at, offset)| (*at, offset + shift)));
            block = ((first * ours + (block.0 - shift) * theirs) / (ours + theirs), all);
        }
        blocks.push(block);
    }
    for (first, members) in blocks {
        for (at, offset) in members {
            cells[at].x = first + offset;
        }
    }
}

fn drawing(cells: &[Cell], boxes: usize, height: f64, ways: Vec<(usize, usize, Vec<usize>)>) -> Layout {
    let left = cells.iter().map(|cell| cell.x - cell.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = cells.iter().map(|cell| cell.x + cell.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let depth = cells.iter().map(|cell| cell.row).max().unwrap_or(0);
    // Whole numbers: the file is smaller, and lines are sharp.
    let top = |row: usize| (row as f64 * (height + ROW_GAP)).round();
    let route = |(from, to, way): (usize, usize, Vec<usize>)| {
        let mut points = Vec::new();
        let last = way.len() - 1;
        let downwards = cells[from].row <= cells[to].row;
        for (place, at) in way.into_iter().enumerate() {
            let x = (cells[at].x - left).round();
            let (upper, lower) = (top(cells[at].row), top(cells[at].row) + height);
            let (first, second) = if downwards { (upper, lower) } else { (lower, upper) };
            if place > 0 {
                points.push((x, first));
            }
            if place < last {
                points.push((x, second));
            }
        }
        Route { from, to, points }
    };
    Layout {
        width: (right - left).round(),
        height: top(depth) + height,
        boxes: cells[..boxes].iter().map(|cell| ((cell.x - cell.width / 2.0 - left).round(), top(cell.row))).collect(),
        edges: ways.into_iter().map(route).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn graph(size: usize, edges: &[(usize, usize)]) -> Layout {
        let widths: Vec<f64> = (0..size).map(|at| 100.0 + 40.0 * (at % 3) as f64).collect();
        let laid = layout(&widths, 40.0, &edges.iter().copied().collect());
        let boxes: Vec<(f64, f64, f64)> = laid.boxes.iter().zip(&widths).map(|((x, y), w)| (*x, *y, *w)).collect();
        for (at, (x, y, w)) in boxes.iter().enumerate() {
            assert!(*x >= 0.0 && x + w <= laid.width + 1.0 && y + 40.0 <= laid.height, "{at} is outside: {laid:?}");
            for (other, (x2, y2, w2)) in boxes.iter().enumerate().skip(at + 1) {
                let apart = y != y2 || x + w + GAP <= x2 + 2.0 || x2 + w2 + GAP <= x + 2.0;
                assert!(apart, "{at} and {other} overlap: {laid:?}");
            }
        }
        // No edge goes through a box.
        for route in &laid.edges {
            for two in route.points.windows(2) {
                let crosses = |(x, y, w): &(f64, f64, f64)| {
                    let between = two[0].1.min(two[1].1) < y + 20.0 && y + 20.0 < two[0].1.max(two[1].1);
                    between && *x < two[0].0 && two[0].0 < x + w
                };
                assert!(!boxes.iter().any(crosses), "{route:?}: {laid:?}");
            }
        }
        laid
    }

    #[test]
    fn a_box_is_below_those_that_it_waits_for_and_nothing_overlaps() {
        assert_eq!(layout(&[], 40.0, &BTreeSet::new()), Layout::default());
        let rows = |size: usize, edges: &[(usize, usize)], expected: &[usize]| {
            let laid = graph(size, edges);
            let rows: Vec<usize> = laid.boxes.iter().map(|(_, y)| (y / (40.0 + ROW_GAP)) as usize).collect();
            assert_eq!(rows, expected, "{edges:?}");
            assert_eq!(laid.edges.len(), edges.iter().filter(|(from, to)| from != to).count());
        };
        rows(1, &[], &[0]);
        rows(3, &[(0, 2), (1, 2)], &[0, 0, 1]);
        rows(4, &[(0, 1), (1, 2), (2, 3), (0, 3)], &[0, 1, 2, 3]);
        rows(8, &[(0, 2), (1, 2), (2, 3), (2, 4), (2, 5), (3, 6), (4, 6), (5, 7), (0, 7)], &[0, 0, 1, 2, 2, 2, 3, 3]);
        // A circle, and a box that waits for itself.
        rows(4, &[(0, 1), (1, 2), (2, 1), (2, 3), (3, 3)], &[0, 1, 2, 3]);
    }

    #[test]
    fn a_graph_of_many_boxes_is_laid_out_the_same_each_time() {
        let edges: Vec<(usize, usize)> = (0..60).flat_map(|at| [(at, (at * 7 + 3) % 60), (at, at + 1)]).collect();
        let edges: Vec<(usize, usize)> = edges.into_iter().filter(|(from, to)| from < to && *to < 60).collect();
        assert_eq!(graph(60, &edges), graph(60, &edges));
    }

    #[test]
    fn lines_do_not_cross_where_another_order_saves_it() {
        let laid = graph(4, &[(0, 3), (1, 2)]);
        let (a, b, c, d) = (laid.boxes[0].0, laid.boxes[1].0, laid.boxes[2].0, laid.boxes[3].0);
        assert_eq!(a < b, d < c, "{laid:?}");
    }
}
