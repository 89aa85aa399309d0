//! Random tables and rows: types, keys of one column or several, none, NULLs, charsets; the seed tells which.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

/// CREATE TABLE and INSERTs of one table.
pub struct Table {
    pub name: String,
    pub create: String,
    pub inserts: Vec<String>,
}

struct Column {
    name: String,
    kind: Kind,
    nullable: bool,
}

/// A type, with what its values need.
pub enum Kind {
    Integer { name: &'static str, bits: u32, unsigned: bool },
    Decimal { digits: usize, scale: usize, unsigned: bool },
    Float,
    Double,
    Bit(u32),
    Year,
    Date,
    Time(usize),
    DateTime(usize),
    Timestamp(usize),
    Text { sql: String, characters: usize, alphabet: &'static str },
    Bytes { sql: String, length: usize, fixed: bool },
    Members { sql: String, count: u32, set: bool },
    Json,
}

const ASCII: &str = "aAbZ09 '\"\\\0\t\n\r\u{1a}%_`;,-.N";
const LATIN: &str = "aAé ßÿ'\\\t\n£";
const GBK: &str = "a 汉字简，'\\";
const BMP: &str = "a é漢ﬀΩ'\\\0\n";
const ALL: &str = "a é漢😀\u{1F468}\u{200D}'\\\0\t\r\n \u{FFFD}\u{7f}";

impl Kind {
    /// `key`: one whose values can tell rows apart alike on every server.
    pub fn of(random: &mut StdRng, key: bool) -> Self {
        const INTEGERS: [(&str, u32); 5] =
            [("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)];
        match random.random_range(0..if key { 11 } else { 18 }) {
            0 | 1 => {
                let (name, bits) = *INTEGERS.choose(random).unwrap();
                Self::Integer { name, bits, unsigned: random.random() }
            }
            2 => {
                let digits = random.random_range(1..=65);
                Self::Decimal { digits, scale: random.random_range(0..=digits.min(30)), unsigned: random.random() }
            }
            3 => Self::Bit(random.random_range(1..=64)),
            4 => Self::Year,
            5 => Self::Date,
            6 => Self::Time(random.random_range(0..=6)),
            7 => Self::DateTime(random.random_range(0..=6)),
            8 => Self::Timestamp(random.random_range(0..=6)),
            9 => Self::text(random, key),
            10 => {
                let length = random.random_range(1..=40);
                let fixed = random.random();
                Self::Bytes { sql: format!("{}BINARY({length})", if fixed { "" } else { "VAR" }), length, fixed }
            }
            11 => Self::Float,
            12 => Self::Double,
            13 | 14 => Self::Json,
            15 => {
                let sql = ["TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"].choose(random).unwrap();
                Self::Bytes { sql: (*sql).into(), length: 200, fixed: false }
            }
            16 => {
                let count = random.random_range(1..=20);
                let members = members(count, random.random_bool(0.3));
                Self::Members { sql: format!("ENUM({members})"), count, set: false }
            }
            _ => {
                let count = random.random_range(1..=64);
                Self::Members { sql: format!("SET({})", members(count, false)), count, set: true }
            }
        }
    }

    fn text(random: &mut StdRng, key: bool) -> Self {
        const CHARSETS: [(&str, &str); 8] = [
            ("utf8mb4 COLLATE utf8mb4_bin", ALL),
            ("latin1 COLLATE latin1_bin", LATIN),
            ("ascii COLLATE ascii_bin", ASCII),
            ("gbk COLLATE gbk_bin", GBK),
            ("utf8mb3 COLLATE utf8mb3_bin", BMP),
            ("gbk COLLATE gbk_chinese_ci", GBK),
            ("utf8mb4 COLLATE utf8mb4_unicode_ci", ALL),
            ("utf8mb4 COLLATE utf8mb4_general_ci", ALL),
        ];
        let (charset, alphabet) = *CHARSETS[..if key { 5 } else { 8 }].choose(random).unwrap();
        let long = ["TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"].choose(random).unwrap();
        let characters = random.random_range(1..=60);
        let sql = match random.random_range(0..if key { 2 } else { 3 }) {
            0 => format!("CHAR({characters})"),
            1 => format!("VARCHAR({characters})"),
            _ => (*long).to_owned(),
        };
        Self::Text { sql: format!("{sql} CHARACTER SET {charset}"), characters, alphabet }
    }

    pub fn sql(&self) -> String {
        let unsigned = |yes: &bool| if *yes { " UNSIGNED" } else { "" };
        match self {
            Self::Integer { name, unsigned: u, .. } => format!("{name}{}", unsigned(u)),
            Self::Decimal { digits, scale, unsigned: u } => format!("DECIMAL({digits},{scale}){}", unsigned(u)),
            Self::Float => "FLOAT".into(),
            Self::Double => "DOUBLE".into(),
            Self::Bit(bits) => format!("BIT({bits})"),
            Self::Year => "YEAR".into(),
            Self::Date => "DATE".into(),
            Self::Time(digits) => format!("TIME({digits})"),
            Self::DateTime(digits) => format!("DATETIME({digits})"),
            Self::Timestamp(digits) => format!("TIMESTAMP({digits})"),
            Self::Text { sql, .. } | Self::Bytes { sql, .. } | Self::Members { sql, .. } => sql.clone(),
            Self::Json => "JSON".into(),
        }
    }

    /// A value as SQL.
    pub fn value(&self, random: &mut StdRng) -> String {
        let edge = random.random_bool(0.3);
        match self {
            Self::Integer { bits, unsigned, .. } => {
                let least = if *unsigned { 0 } else { -(1i128 << (bits - 1)) };
                let most = least + (1i128 << bits) - 1;
                match edge {
                    true => [least, most, 0, 1].choose(random).unwrap().to_string(),
                    false => random.random_range(least..=most).to_string(),
                }
            }
            Self::Decimal { digits, scale, unsigned } => {
                let mut text: String =
                    (0..*digits).map(|_| if edge { '9' } else { random.random_range('0'..='9') }).collect();
                text.insert(digits - scale, '.');
                let sign = if !unsigned && random.random() { "-" } else { "" };
                format!("{sign}0{}", text.trim_end_matches('.'))
            }
            Self::Float if edge => ["3.40282347e38", "-3.40282347e38", "1.17549435e-38", "-0e0", "16777217"]
                .choose(random)
                .unwrap()
                .to_string(),
            Self::Float => loop {
                let number = f32::from_bits(random.random());
                if number.is_normal() {
                    break format!("{number:e}");
                }
            },
            Self::Double if edge => {
                ["1.7976931348623157e308", "5e-324", "-0e0", "0.1"].choose(random).unwrap().to_string()
            }
            Self::Double => loop {
                let number = f64::from_bits(random.random());
                if number.is_finite() {
                    break format!("{number:e}");
                }
            },
            Self::Bit(bits) => format!("b'{:b}'", if edge { u64::MAX } else { random.random() } >> (64 - bits)),
            Self::Year => if edge { 0 } else { random.random_range(1901..=2155) }.to_string(),
            Self::Date => format!("'{}'", date(random, 1)),
            Self::Time(digits) => {
                let hours = if edge { 838 } else { random.random_range(0..838) };
                let sign = if random.random() { "-" } else { "" };
                format!("'{sign}{hours:02}:{}'", clock(random, *digits))
            }
            Self::DateTime(digits) => {
                format!("'{} {:02}:{}'", date(random, 1000), random.random_range(0..24), clock(random, *digits))
            }
            Self::Timestamp(digits) => {
                let year = random.random_range(1971..2038);
                let day = format!("{year}-{:02}-{:02}", random.random_range(1..=12), random.random_range(1..=28));
                format!("'{day} {:02}:{}'", random.random_range(0..24), clock(random, *digits))
            }
            Self::Text { characters, alphabet, .. } => {
                let alphabet: Vec<char> = alphabet.chars().collect();
                let length = if edge { *characters } else { random.random_range(0..=*characters) };
                let text: String = (0..length).map(|_| *alphabet.choose(random).unwrap()).collect();
                format!("_utf8mb4 x'{}'", hex::encode(text))
            }
            Self::Bytes { length, fixed, .. } => {
                let most = if edge || *fixed { *length } else { random.random_range(0..=*length) };
                let bytes: Vec<u8> = (0..most)
                    .map(|_| {
                        if random.random_bool(0.3) {
                            *[0, b' ', b'\\', b'\'', 255].choose(random).unwrap()
                        } else {
                            random.random()
                        }
                    })
                    .collect();
                format!("x'{}'", hex::encode(bytes))
            }
            // 0 is the error value of an ENUM.
            Self::Members { count, set: false, .. } => random.random_range(0..=*count).to_string(),
            Self::Members { count, .. } => (random.random::<u64>() >> (64 - count)).to_string(),
            Self::Json => {
                let text = json(random, 3);
                format!("CONVERT(x'{}' USING utf8mb4)", hex::encode(text))
            }
        }
    }
}

fn members(count: u32, with_empty: bool) -> String {
    let member = |n| match n {
        0 if with_empty => "''".to_owned(),
        1 => "'it''s é'".to_owned(),
        _ => format!("'m{n}'"),
    };
    (0..count).map(member).collect::<Vec<_>>().join(",")
}

fn date(random: &mut StdRng, first: u32) -> String {
    let (year, month, day) =
        (random.random_range(first..=9999), random.random_range(1..=12), random.random_range(1..=28));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Minutes, seconds and their fraction.
fn clock(random: &mut StdRng, digits: usize) -> String {
    let (minute, second) = (random.random_range(0..60), random.random_range(0..59));
    let fraction: String = (0..digits).map(|_| random.random_range('0'..='9')).collect();
    let point = if digits > 0 { "." } else { "" };
    format!("{minute:02}:{second:02}{point}{fraction}")
}

fn json(random: &mut StdRng, depth: u32) -> String {
    let text = |random: &mut StdRng| {
        let alphabet: Vec<char> = ALL.chars().collect();
        let text: String = (0..random.random_range(0..6)).map(|_| *alphabet.choose(random).unwrap()).collect();
        serde_json::Value::String(text).to_string()
    };
    match random.random_range(0..if depth == 0 { 6 } else { 9 }) {
        0 => random.random::<u64>().to_string(),
        1 => random.random::<i64>().to_string(),
        2 => loop {
            let number = f64::from_bits(random.random());
            if number.is_normal() {
                break format!("{number:e}");
            }
        },
        3 => format!("{}", f64::from(random.random_range(-1000..1000)) / 8.0),
        4 => text(random),
        5 => (*["true", "false", "null", "0", "-1", "1.0", "1e20", "9007199254740993"].choose(random).unwrap()).into(),
        6 => {
            let items: Vec<String> = (0..random.random_range(0..5)).map(|_| json(random, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let members: Vec<String> = (0..random.random_range(0..5))
                .map(|_| format!("{}:{}", text(random), json(random, depth - 1)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// A table of random columns, key and rows.
pub fn table(random: &mut StdRng, number: usize) -> Table {
    let keys = *[0, 1, 1, 1, 2, 2, 3].choose(random).unwrap();
    let others = random.random_range(1..=6);
    let mut columns: Vec<Column> = (0..keys + others)
        .map(|n| Column {
            name: format!("c{n}"),
            kind: Kind::of(random, n < keys),
            nullable: n >= keys && random.random_bool(0.7),
        })
        .collect();
    let mut key: Vec<String> = columns[..keys].iter().map(|column| column.name.clone()).collect();
    key.shuffle(random);
    columns.shuffle(random);
    let mut lines: Vec<String> = columns
        .iter()
        .map(|c| format!("{} {} {}", c.name, c.kind.sql(), if c.nullable { "NULL DEFAULT NULL" } else { "NOT NULL" }))
        .collect();
    if !key.is_empty() {
        let unique = if random.random_bool(0.25) { "UNIQUE KEY u" } else { "PRIMARY KEY" };
        lines.push(format!("{unique} ({})", key.join(",")));
    }
    let name = format!("t{number}");
    let create = format!("CREATE TABLE {name} ({}) COLLATE utf8mb4_bin", lines.join(", "));
    let rows = *[0, 1, 7, 40, 120].choose(random).unwrap();
    let mut row = |_| {
        let cells: Vec<String> = columns
            .iter()
            .map(|c| if c.nullable && random.random_bool(0.2) { "NULL".into() } else { c.kind.value(random) })
            .collect();
        // IGNORE: a key may come twice.
        format!("INSERT IGNORE INTO {name} VALUES ({})", cells.join(","))
    };
    let inserts = (0..rows).map(&mut row).collect();
    Table { name, create, inserts }
}
