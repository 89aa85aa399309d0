//! Random schemas of a source: CREATE statements from the whole grammar of its server, rows, views. The seed tells which.
//! A server may refuse a statement; then it is not a part of the schema.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::values::Kind;

/// What a source takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Mysql,
    Mariadb,
    Mysql56,
}

impl Dialect {
    pub fn of(kind: &str) -> Self {
        match kind {
            "mariadb" => Self::Mariadb,
            "mysql56" => Self::Mysql56,
            _ => Self::Mysql,
        }
    }

    fn is_modern(self) -> bool {
        self != Self::Mysql56
    }
}

/// One object: its statement, and those that fill it.
pub struct Object {
    pub create: String,
    pub fill: Vec<String>,
}

struct Column {
    name: String,
    kind: Kind,
    nullable: bool,
    generated: bool,
}

/// A table that others may reference and views may read.
struct Known {
    name: String,
    /// Names of columns, with whether each is a number.
    columns: Vec<(String, bool)>,
    /// Its primary key is `id`, from 1 up to this.
    ids: u32,
    partitioned: bool,
}

pub struct Grammar<'a> {
    random: &'a mut StdRng,
    dialect: Dialect,
    known: Vec<Known>,
}

const LETTERS: [&str; 14] = ["a", "é", "漢", "ﬀ", "Ω", "'", "\\", "\"", " ", "`", "%", "_", "\n", "ß"];

/// A text as a statement writes it.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n").replace('\0', "\\0");
    format!("'{text}'")
}

fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl<'a> Grammar<'a> {
    pub fn new(random: &'a mut StdRng, dialect: Dialect) -> Self {
        Self { random, dialect, known: Vec::new() }
    }

    /// The collation of the schema itself.
    pub fn collation(&mut self) -> &'static str {
        ["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "latin1_bin", "utf8_general_ci"]
            .choose(self.random)
            .unwrap()
    }

    /// Tables, then views over them.
    pub fn objects(&mut self) -> Vec<Object> {
        let mut objects: Vec<Object> = (0..self.random.random_range(2..=4)).map(|n| self.table(n)).collect();
        for n in 0..self.random.random_range(0..=2) {
            objects.push(self.view(n));
        }
        if self.chance(0.15) {
            objects.push(self.other());
        }
        objects
    }

    fn chance(&mut self, of: f64) -> bool {
        self.random.random_bool(of)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        *list.choose(self.random).unwrap()
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.random.random_range(0..=most)).map(|_| self.pick(&LETTERS)).collect()
    }

    fn name(&mut self, stem: &str) -> String {
        let odd = ["", "", "", "", "_é", " x", "`q", "-1", "_漢", "$", "'", "\"", ".b", "_Ab"];
        format!("{stem}{}", self.pick(&odd))
    }

    fn comment(&mut self) -> String {
        match self.chance(0.25) {
            true => format!(" COMMENT {}", quoted(&self.text(8))),
            false => String::new(),
        }
    }

    fn table(&mut self, number: usize) -> Object {
        let name = self.name(&format!("t{number}"));
        // Half of them are such that others can reference them and that they can have partitions.
        let simple = self.chance(0.6);
        let counts = simple && self.chance(0.5);
        let keys = if simple { 0 } else { self.pick(&[0, 1, 1, 2]) };
        let others = self.random.random_range(1..=6);
        let mut columns: Vec<Column> = (0..keys + others).map(|n| self.column(n, n < keys)).collect();
        let mut lines: Vec<String> = columns.iter().map(|_| String::new()).collect();
        for (at, line) in lines.iter_mut().enumerate() {
            *line = self.column_line(&columns[at], at < keys);
        }
        if simple {
            let auto = if counts { " AUTO_INCREMENT" } else { "" };
            let unsigned = if self.chance(0.3) { " UNSIGNED" } else { "" };
            lines.insert(0, format!("id INT{unsigned} NOT NULL{auto}"));
        }
        if self.chance(0.4) {
            // Filled by its default.
            let odd = self.odd_column();
            lines.push(format!("{} {odd}{}", ident(&self.name("o")), self.comment()));
        }
        self.generated(&mut columns, &mut lines);
        let mut key: Vec<String> = columns[..keys].iter().map(|column| ident(&column.name)).collect();
        key.shuffle(self.random);
        if simple {
            key.push("id".into());
        }
        let mut constraints = Vec::new();
        if !key.is_empty() {
            let unique = !simple && self.chance(0.25);
            let word = if unique { "UNIQUE KEY `u`" } else { "PRIMARY KEY" };
            constraints.push(format!("{word} ({}){}", key.join(","), self.comment()));
        }
        let partitions = if simple && self.chance(0.3) { self.partitions() } else { String::new() };
        let mut parent = None;
        if partitions.is_empty() {
            parent = self.foreign_key(number, &mut lines, &mut constraints);
        }
        for n in 0..self.pick(&[0, 1, 1, 2, 3]) {
            constraints.extend(self.index(n, &columns, !partitions.is_empty()));
        }
        if self.dialect.is_modern() && self.chance(0.3) {
            constraints.extend(self.check(number, &columns));
        }
        lines.extend(constraints);
        let options = self.options(counts);
        let create = format!("CREATE TABLE {} ({}){options}{partitions}", ident(&name), lines.join(", "));
        let rows = self.pick(&[0, 1, 5, 20]);
        let fill = (1..=rows).map(|id| self.row(&name, id, simple, parent.as_ref(), &columns)).collect();
        self.known.push(Known {
            columns: columns
                .iter()
                .map(|column| (column.name.clone(), matches!(column.kind, Kind::Integer { .. })))
                .collect(),
            name,
            ids: if simple { rows } else { 0 },
            partitioned: !partitions.is_empty(),
        });
        Object { create, fill }
    }

    fn column(&mut self, number: usize, key: bool) -> Column {
        let kind = loop {
            let kind = Kind::of(self.random, key);
            // No documents on a MySQL 5.6.
            if self.dialect.is_modern() || !matches!(kind, Kind::Json) {
                break kind;
            }
        };
        Column { name: self.name(&format!("c{number}")), kind, nullable: !key && self.chance(0.6), generated: false }
    }

    fn column_line(&mut self, column: &Column, key: bool) -> String {
        let mut sql = column.kind.sql();
        if self.dialect == Dialect::Mysql56 {
            sql = sql.replace("utf8mb3", "utf8");
        }
        if let Kind::Integer { .. } = column.kind
            && self.chance(0.15)
        {
            sql = sql.replace(" UNSIGNED", "") + "(5) UNSIGNED ZEROFILL";
        }
        let null = if column.nullable { " NULL" } else { " NOT NULL" };
        let default = if key { String::new() } else { self.default(column) };
        format!("{} {sql}{null}{default}{}", ident(&column.name), self.comment())
    }

    fn default(&mut self, column: &Column) -> String {
        let written = self.chance(0.5);
        if !written {
            // A TIMESTAMP gets defaults of its own where none is written.
            let stamp = matches!(column.kind, Kind::Timestamp(_));
            return if column.nullable && (stamp || self.chance(0.5)) { " DEFAULT NULL".into() } else { String::new() };
        }
        let modern = self.dialect.is_modern();
        match &column.kind {
            Kind::DateTime(digits) | Kind::Timestamp(digits) if self.chance(0.6) => {
                let update = self.chance(0.5);
                let update = if update { format!(" ON UPDATE CURRENT_TIMESTAMP({digits})") } else { String::new() };
                format!(" DEFAULT CURRENT_TIMESTAMP({digits}){update}")
            }
            Kind::Text { sql, .. } if sql.contains("TEXT") => match modern {
                true => format!(" DEFAULT ({})", quoted(&self.text(5))),
                false => String::new(),
            },
            Kind::Text { characters, alphabet, .. } => {
                let expression = modern && self.chance(0.2);
                let most = (*characters).min(6);
                let alphabet: Vec<char> = alphabet.chars().filter(|c| *c != '\u{1a}').collect();
                let text: String = (0..self.random.random_range(0..=most)).map(|_| self.pick(&alphabet)).collect();
                if expression {
                    format!(" DEFAULT (CONCAT({}, ''))", quoted(&text))
                } else {
                    format!(" DEFAULT {}", quoted(&text))
                }
            }
            Kind::Bytes { sql, .. } if sql.contains("BLOB") => String::new(),
            Kind::Bytes { length, .. } => {
                let bytes = self.pick(&["", "a", "a\0b", "\0", "'", "0x41", "é"]);
                let cut: String = bytes.chars().take(length / 2).collect();
                format!(" DEFAULT {}", quoted(&cut))
            }
            Kind::Json => match modern && self.chance(0.5) {
                true => " DEFAULT (JSON_ARRAY())".into(),
                false => String::new(),
            },
            Kind::Members { set: false, .. } => " DEFAULT 'm2'".into(),
            Kind::Members { .. } => " DEFAULT ''".into(),
            Kind::Integer { .. } if modern && self.chance(0.2) => " DEFAULT (1 + 2)".into(),
            Kind::Float | Kind::Double => self.pick(&[" DEFAULT 0.1", " DEFAULT -1e10", " DEFAULT 0"]).into(),
            kind => format!(" DEFAULT {}", kind.value(self.random)),
        }
    }

    /// Types and attributes beside those of [`Kind`], which hold their default.
    fn odd_column(&mut self) -> &'static str {
        const COMMON: [&str; 19] = [
            "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NULL DEFAULT 'é'",
            "TEXT CHARACTER SET cp1251 NULL",
            "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NULL DEFAULT '😀'",
            "VARCHAR(9) CHARACTER SET utf8mb4 NOT NULL DEFAULT 'a😀?'",
            "NCHAR(5) NULL DEFAULT 'é'",
            "DOUBLE(10,2) NULL DEFAULT 1.5",
            "FLOAT(7,3) NOT NULL DEFAULT 0",
            "CHAR(0) NULL",
            "BIT NULL DEFAULT b'1'",
            "VARCHAR(30) CHARACTER SET utf16 COLLATE utf16_general_ci NULL DEFAULT 'ü漢'",
            "ENUM('é','漢','it''s','a\\\\b') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT '漢'",
            "SET('x y','ß') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'ß,x y'",
            "ENUM('a','b') CHARACTER SET binary NULL DEFAULT 'a'",
            "DATETIME NULL DEFAULT '2024-01-31 10:00:00'",
            "YEAR NULL DEFAULT 0",
            "TIME(3) NULL DEFAULT '-838:59:59'",
            "GEOMETRY NULL",
            "DECIMAL NOT NULL DEFAULT '7'",
            "VARBINARY(9) NOT NULL DEFAULT 'a\\0b'",
        ];
        const MYSQL: [&str; 9] = [
            "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci NULL DEFAULT '😀'",
            "INT NULL INVISIBLE",
            "DATE NULL DEFAULT (CURRENT_DATE)",
            "BLOB NULL DEFAULT ('a''b')",
            "POINT NULL SRID 4326",
            "VECTOR(3) NULL",
            "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_de_pb_0900_as_cs NULL",
            "INT NOT NULL DEFAULT (LENGTH('é漢'))",
            "JSON NULL DEFAULT (JSON_OBJECT('é', 1))",
        ];
        const MARIADB: [&str; 8] = [
            "UUID NULL",
            "INET6 NULL DEFAULT '::1'",
            "INT NULL INVISIBLE",
            "TEXT NULL DEFAULT 'a''é'",
            "VARCHAR(20) COMPRESSED NULL",
            "BLOB NULL DEFAULT 'x'",
            "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci NULL DEFAULT 'é'",
            "INT NOT NULL DEFAULT LENGTH('é漢')",
        ];
        let own: &[&str] = match self.dialect {
            Dialect::Mysql => &MYSQL,
            Dialect::Mariadb => &MARIADB,
            Dialect::Mysql56 => &COMMON,
        };
        if self.chance(0.4) { self.pick(own) } else { self.pick(&COMMON) }
    }

    /// What no table is, and what stays behind.
    fn other(&mut self) -> Object {
        let table = ident(&self.known[0].name);
        let own = match self.dialect {
            Dialect::Mariadb => "CREATE SEQUENCE `s é`",
            _ => "CREATE PROCEDURE `p é`() SELECT 1",
        };
        let create = match self.random.random_range(0..3) {
            0 => format!("CREATE TRIGGER `tr é` BEFORE INSERT ON {table} FOR EACH ROW SET @x = 1"),
            1 => "CREATE FUNCTION `f é`() RETURNS INT DETERMINISTIC RETURN 1".to_owned(),
            _ => own.to_owned(),
        };
        Object { create, fill: Vec::new() }
    }

    /// Columns that the server computes.
    fn generated(&mut self, columns: &mut Vec<Column>, lines: &mut Vec<String>) {
        if !self.dialect.is_modern() || !self.chance(0.4) {
            return;
        }
        let at = self.random.random_range(0..columns.len());
        let c = ident(&columns[at].name);
        let (sql, text) = match &columns[at].kind {
            Kind::Integer { .. } => self.pick(&[
                ("BIGINT", "§ % 7"),
                ("BIGINT", "IFNULL(§, 0) % 10 + 1"),
                ("VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CONCAT('é', § % 3, '漢')"),
                ("INT", "CASE WHEN § > 5 THEN 1 ELSE 0 END"),
            ]),
            Kind::Text { .. } => self.pick(&[
                ("INT", "CHAR_LENGTH(§)"),
                ("VARCHAR(90) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CONCAT(§, 'é''\\\\')"),
                ("VARCHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "LEFT(§, 3)"),
            ]),
            Kind::Bytes { .. } => ("INT", "LENGTH(§)"),
            Kind::Date | Kind::DateTime(_) => self.pick(&[("INT", "YEAR(§)"), ("INT", "MONTH(§) + DAYOFMONTH(§)")]),
            Kind::Json => ("VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "LEFT(JSON_TYPE(§), 40)"),
            _ => ("INT", "§ IS NULL"),
        };
        let name = self.name("g");
        let stored = if self.chance(0.5) { "STORED" } else { "VIRTUAL" };
        lines.push(format!("{} {sql} AS ({}) {stored}{}", ident(&name), text.replace('§', &c), self.comment()));
        columns.push(Column { name, kind: Kind::Year, nullable: true, generated: true });
    }

    fn foreign_key(
        &mut self,
        number: usize,
        lines: &mut Vec<String>,
        constraints: &mut Vec<String>,
    ) -> Option<(String, u32)> {
        if !self.chance(0.4) {
            return None;
        }
        let parents: Vec<(String, u32)> = self
            .known
            .iter()
            .filter(|known| known.ids > 0 && !known.partitioned)
            .map(|k| (k.name.clone(), k.ids))
            .collect();
        let (parent, ids) = parents.choose(self.random)?.clone();
        lines.push("p INT NULL".into());
        let action =
            self.pick(&["", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE ON DELETE RESTRICT"]);
        let name = self.name(&format!("fk{number}"));
        constraints.push(format!(
            "CONSTRAINT {} FOREIGN KEY (p) REFERENCES {} (id){action}",
            ident(&name),
            ident(&parent)
        ));
        Some(("p".into(), ids))
    }

    fn index(&mut self, number: usize, columns: &[Column], partitioned: bool) -> Option<String> {
        let name = ident(&self.name(&format!("k{number}")));
        let modern = self.dialect == Dialect::Mysql;
        let mut parts: Vec<String> = Vec::new();
        let mut wanted: Vec<&Column> = columns.iter().filter(|column| !column.generated).collect();
        wanted.shuffle(self.random);
        wanted.truncate(self.pick(&[1, 1, 2, 3]));
        for column in wanted {
            let c = ident(&column.name);
            let descending = if modern && self.chance(0.1) { " DESC" } else { "" };
            parts.push(match &column.kind {
                Kind::Json => continue,
                Kind::Integer { .. } if modern && self.chance(0.2) => format!("(({c} % 7)){descending}"),
                Kind::Text { sql, .. } if sql.contains("TEXT") => format!("{c}(4){descending}"),
                Kind::Text { characters, .. } if *characters > 5 && self.chance(0.4) => format!("{c}(3){descending}"),
                Kind::Bytes { sql, .. } if sql.contains("BLOB") => format!("{c}(5)"),
                Kind::Bytes { length, .. } if *length > 5 && self.chance(0.4) => format!("{c}(3)"),
                _ => format!("{c}{descending}"),
            });
        }
        if parts.is_empty() {
            return None;
        }
        let full = columns.iter().find(|c| matches!(&c.kind, Kind::Text { sql, .. } if sql.contains("utf8mb4")));
        if let Some(column) = full.filter(|_| !partitioned)
            && self.chance(0.15)
        {
            return Some(format!("FULLTEXT KEY {name} ({})", ident(&column.name)));
        }
        let word = if !partitioned && self.chance(0.1) { "UNIQUE KEY" } else { "KEY" };
        let using = if self.chance(0.1) { " USING BTREE" } else { "" };
        let hidden = if modern && self.chance(0.1) { " INVISIBLE" } else { "" };
        Some(format!("{word} {name} ({}){using}{}{hidden}", parts.join(","), self.comment()))
    }

    fn check(&mut self, number: usize, columns: &[Column]) -> Option<String> {
        let column = columns
            .iter()
            .find(|column| !column.generated && matches!(column.kind, Kind::Integer { .. } | Kind::Text { .. }))?;
        let c = ident(&column.name);
        let clause = match &column.kind {
            Kind::Integer { .. } => self.pick(&[
                "§ <> 77",
                "§ IS NULL OR § <> 5 AND § <> 6",
                "§ NOT IN (3, 4)",
                "(§ % 2) IN (0, 1, -1) OR § IS NULL",
            ]),
            _ => self.pick(&["§ <> 'é'", "CHAR_LENGTH(§) < 100", "§ NOT LIKE '%漢''%'"]),
        };
        let name = self.name(&format!("ch{number}"));
        let off = if self.dialect == Dialect::Mysql && self.chance(0.2) { " NOT ENFORCED" } else { "" };
        let clause = clause.replace('§', &c);
        Some(format!("CONSTRAINT {} CHECK ({clause}){off}", ident(&name)))
    }

    fn partitions(&mut self) -> String {
        match self.random.random_range(0..8) {
            6 => " PARTITION BY LINEAR HASH (id) PARTITIONS 3".into(),
            7 => " PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION a VALUES LESS THAN (5), PARTITION b VALUES LESS THAN MAXVALUE)".into(),
            0 => " PARTITION BY HASH (id) PARTITIONS 3".into(),
            1 => " PARTITION BY KEY (id) PARTITIONS 4".into(),
            2 => " PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (5) COMMENT 'é', PARTITION `b x` VALUES LESS THAN MAXVALUE)".into(),
            3 => " PARTITION BY RANGE COLUMNS (id) (PARTITION a VALUES LESS THAN (5), PARTITION c VALUES LESS THAN (900))".into(),
            4 => format!(" PARTITION BY LIST (id) (PARTITION a VALUES IN ({}), PARTITION b VALUES IN (100))", (1..=20).map(|n| n.to_string()).collect::<Vec<_>>().join(",")),
            _ => " PARTITION BY KEY () PARTITIONS 2".into(),
        }
    }

    fn options(&mut self, counts: bool) -> String {
        let collation = self.pick(&[
            "latin1_swedish_ci",
            "utf8mb4_bin",
            "utf8mb4_general_ci",
            "utf8mb4_unicode_ci",
            "latin1_bin",
            "ascii_bin",
            "utf8_bin",
            "utf8_general_ci",
        ]);
        let mut options = format!(" COLLATE {collation}{}", self.comment());
        if counts && self.chance(0.4) {
            options.push_str(&format!(" AUTO_INCREMENT = {}", self.pick(&[50, 1000, 70_000])));
        }
        if self.chance(0.15) {
            options.push_str(self.pick(&[" ROW_FORMAT = COMPACT", " STATS_PERSISTENT = 0", " MAX_ROWS = 100"]));
        }
        if self.chance(0.1) {
            options.push_str(match self.dialect {
                Dialect::Mysql => self.pick(&[
                    " COMPRESSION = 'zlib'",
                    " KEY_BLOCK_SIZE = 8 ROW_FORMAT = COMPRESSED",
                    " ENGINE = MyISAM",
                ]),
                Dialect::Mariadb => self.pick(&[" WITH SYSTEM VERSIONING", " ENGINE = Aria", " PAGE_COMPRESSED = 1"]),
                Dialect::Mysql56 => self.pick(&[" ENGINE = MyISAM", " CHECKSUM = 1"]),
            });
        }
        options
    }

    fn row(
        &mut self,
        table: &str,
        id: u32,
        simple: bool,
        parent: Option<&(String, u32)>,
        columns: &[Column],
    ) -> String {
        let mut names = Vec::new();
        let mut cells = Vec::new();
        if simple {
            names.push("id".to_owned());
            cells.push(id.to_string());
        }
        for column in columns.iter().filter(|column| !column.generated) {
            names.push(ident(&column.name));
            cells.push(match column.nullable && self.chance(0.2) {
                true => "NULL".to_owned(),
                false => column.kind.value(self.random),
            });
        }
        if let Some((name, ids)) = parent {
            names.push(name.clone());
            cells.push(if self.chance(0.3) { "NULL".into() } else { self.random.random_range(1..=*ids).to_string() });
        }
        // IGNORE: a key may come twice, a value may not fit a ZEROFILL.
        format!("INSERT IGNORE INTO {} ({}) VALUES ({})", ident(table), names.join(","), cells.join(","))
    }

    fn view(&mut self, number: usize) -> Object {
        let at = self.random.random_range(0..self.known.len());
        let table = ident(&self.known[at].name);
        let columns = self.known[at].columns.clone();
        let (column, is_number) = columns.choose(self.random).unwrap().clone();
        let c = ident(&column);
        let name = ident(&self.name(&format!("v{number}")));
        let select = match self.random.random_range(0..7) {
            0 => format!("SELECT * FROM {table}"),
            1 => format!("SELECT {c} AS `é x`, 'wörd''s' AS w FROM {table} WHERE {c} IS NOT NULL"),
            2 => format!("SELECT COUNT(*) AS n, COUNT({c}) AS m FROM {table}"),
            3 if is_number => format!("SELECT {c} % 3 AS k, COUNT(*) AS n FROM {table} GROUP BY {c} % 3"),
            3 => format!("SELECT a.{c} FROM {table} a JOIN {table} b ON a.{c} = b.{c}"),
            4 => format!("SELECT CASE WHEN {c} IS NULL THEN 'é' ELSE 'x' END AS s FROM {table} UNION ALL SELECT 'z'"),
            5 => format!(
                "SELECT (SELECT COUNT(*) FROM {table} i) AS n, {c} FROM {table} o WHERE EXISTS (SELECT 1 FROM {table} e)"
            ),
            _ => format!("SELECT q.{c} FROM (SELECT {c} FROM {table}) q LEFT JOIN {table} r ON FALSE"),
        };
        let algorithm = self.pick(&["", "ALGORITHM = MERGE ", "ALGORITHM = TEMPTABLE "]);
        let security = self.pick(&["", "SQL SECURITY INVOKER ", "DEFINER = CURRENT_USER SQL SECURITY DEFINER "]);
        Object { create: format!("CREATE {algorithm}{security}VIEW {name} AS {select}"), fill: Vec::new() }
    }
}
