//! Small tables for tests, built by hand.

use crate::formats::structure::{Column, Generated, Index, IndexPart, Table};
use crate::words::addr::TableName;

/// A table without columns in utf8mb4_bin.
pub fn table(schema: &str, name: &str) -> Table {
    Table {
        name: TableName::new(schema, name),
        engine: "InnoDB".into(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        comment: String::new(),
        options: String::new(),
        system_versioned: false,
        columns: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        partitioning: String::new(),
        generated_invisible_key: false,
        estimate: Default::default(),
        ..Default::default()
    }
}

/// A nullable column; a character type is in utf8mb4_bin with its octet length.
pub fn column(name: &str, column_type: &str) -> Column {
    let data_type = column_type.split(['(', ' ']).next().unwrap_or_default().to_owned();
    let characters = data_type.contains("char") || data_type.ends_with("text") || data_type == "enum";
    let length = column_type.split(['(', ')']).nth(1).and_then(|n| n.parse::<u64>().ok());
    let octet_length = match data_type.as_str() {
        "longtext" => Some(4_294_967_295),
        "mediumtext" => Some(16_777_215),
        "text" => Some(65_535),
        _ if characters => length.map(|n| n * 4),
        _ => None,
    };
    Column {
        name: name.into(),
        data_type,
        column_type: column_type.into(),
        nullable: true,
        default: None,
        default_is_expression: false,
        on_update: None,
        auto_increment: false,
        generated: None,
        invisible: false,
        charset: characters.then(|| "utf8mb4".into()),
        collation: characters.then(|| "utf8mb4_bin".into()),
        octet_length,
        srid: None,
        comment: String::new(),
        ..Default::default()
    }
}

pub fn index(name: &str, columns: &[&str]) -> Index {
    Index {
        name: name.into(),
        unique: name == "PRIMARY",
        kind: "BTREE".into(),
        visible: true,
        parts: columns.iter().map(|c| part(c)).collect(),
        parser: String::new(),
        comment: String::new(),
        ..Default::default()
    }
}

pub fn part(column: &str) -> IndexPart {
    IndexPart { column: Some(column.into()), expression: None, prefix: None, descending: false }
}

impl Table {
    pub fn with(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    pub fn keyed(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }
}

impl Column {
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    pub fn collated(mut self, charset: &str, collation: &str) -> Self {
        self.charset = Some(charset.into());
        self.collation = Some(collation.into());
        self
    }

    pub fn defaulting(mut self, text: &str) -> Self {
        self.default = Some(text.into());
        self
    }

    pub fn defaulting_to_expression(mut self, text: &str) -> Self {
        self.default_is_expression = true;
        self.defaulting(text)
    }

    pub fn generated_as(mut self, expression: &str, stored: bool) -> Self {
        self.generated = Some(Generated { expression: expression.into(), stored });
        self
    }
}
