//! The ledger's tables on the target, as DDL that TiDB and MySQL take (contract, "Ledger"). Names are compared byte by
//! byte; the longest key is 64 + 300 characters of 4 bytes and three numbers, below the limit of 3072 bytes. The engine is
//! named: in a table without transactions a batch's row would stand before its batch does.

use crate::words::addr::sql_ident;

/// Names of the tables, in the order of [`create_statements`].
pub const TABLES: [&str; 3] = ["identity", "objects", "batches"];

const IDENTITY: &str = "(
  server_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  one TINYINT NOT NULL DEFAULT 1 COMMENT 'there is one row only',
  PRIMARY KEY (one)
)";

const OBJECTS: &str = "(
  lineage VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL DEFAULT 1,
  PRIMARY KEY (kind, name)
)";

const BATCHES: &str = "(
  lineage VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  tbl VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  chunk BIGINT UNSIGNED NOT NULL,
  from_row BIGINT UNSIGNED NOT NULL,
  to_row BIGINT UNSIGNED NOT NULL,
  `rows` BIGINT UNSIGNED NOT NULL,
  hash DECIMAL(39,0) NOT NULL COMMENT 'sum of the hashes of the rows',
  PRIMARY KEY (lineage, tbl, epoch, chunk, from_row)
)";

/// The statements that make the ledger, each safe to run again: the schema, then its tables.
pub fn create_statements(schema: &str) -> Vec<String> {
    let schema = sql_ident(schema);
    let made = format!("CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    let tables = TABLES.into_iter().zip([IDENTITY, OBJECTS, BATCHES]);
    let tables = tables.map(|(name, columns)| {
        format!("CREATE TABLE IF NOT EXISTS {schema}.{name} {columns} ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    });
    std::iter::once(made).chain(tables).collect()
}
