//! A certificate, for tests of what is made of one.

use super::*;

pub fn table(name: &str, rows: u64) -> TableProof {
    let hash = Some("1234567890123456789012".to_owned());
    TableProof {
        table: name.into(),
        rows: Three { source: Some(rows), dumped: Some(rows), target: Some(rows) },
        hash: Three { source: hash.clone(), dumped: hash.clone(), target: hash },
        parts: 1,
        bytes: 1_024,
        seconds: Seconds { dump: 1.5, load: 2.0, verify: 0.5 },
        proven_by: ProvenBy::ServerHashes,
        read: ReadAt::both("2026-01-05T10:01:30.000Z"),
        rewritten: Vec::new(),
        structure: StructureProof { equal: true, differences: Vec::new() },
        equal: false,
        negative_zeros: 0,
        json_rounded: 0,
        generated: Vec::new(),
        found: false,
    }
}

pub fn certificate(tables: Vec<TableProof>) -> Certificate {
    let party = |address: &str, version: &str| Party {
        address: address.into(),
        identity: "mig@8f2c1d1a-8a7e-11ee-b9d1-0242ac120002".into(),
        version: version.into(),
    };
    Certificate {
        format_version: FORMAT_VERSION,
        mig_version: "0.1.0".into(),
        lineage: "5f2a".into(),
        migration: "shop".into(),
        created: "2026-01-05T10:02:00Z".into(),
        source: party("source.mysql.shop", "9.7.0"),
        target: party("target.tidb.cloud", "8.0.11-TiDB-v8.5.6"),
        verdict: Judgement::Unproven,
        writes: WritesProof {
            outcome: WritesOutcome::Proven,
            how: "binlog positions".into(),
            text: "The binlog did not move; sql_log_bin = 0 writes are not seen.".into(),
        },
        tables,
        views: Vec::new(),
        not_moved: Vec::new(),
        unproven: Vec::new(),
        accepted: Vec::new(),
        named: Vec::new(),
        gates: [("collation".to_owned(), GateOutcome::Passed)].into(),
        totals: Totals { seconds: 70.0, ..Totals::default() },
        digest: Digest::of_bytes(b""),
    }
}
