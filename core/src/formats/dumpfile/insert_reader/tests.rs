use proptest::prelude::*;

use super::super::{CellForm, HEADER, InsertWriter};
use super::*;

type OwnedRow = Vec<Option<Vec<u8>>>;

/// Reads a file in pieces of a length. What a row took is given back behind each.
fn read(file: &[u8], piece: usize) -> Result<Vec<OwnedRow>, ReadFault> {
    let mut reader = InsertReader::new();
    let mut pieces = file.chunks(piece);
    let mut rows = Vec::new();
    loop {
        match reader.next_row()? {
            Step::Row(row) => {
                rows.push(row.cells().map(|cell| cell.as_bytes().map(<[u8]>::to_vec)).collect());
                reader.let_go();
            }
            Step::End => return Ok(rows),
            Step::Hungry => match pieces.next() {
                Some(bytes) => reader.feed(bytes),
                None => reader.end(),
            },
        }
    }
}

fn check(file: &str, expected: &[&[Option<&[u8]>]]) {
    let expected: Vec<OwnedRow> =
        expected.iter().map(|row| row.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect()).collect();
    for piece in [1, 2, 3, 7, 1 << 20] {
        assert_eq!(read(file.as_bytes(), piece), Ok(expected.clone()), "{file:?} in pieces of {piece}");
    }
}

fn check_value(value: &str, expected: Option<&[u8]>) {
    check(&format!("INSERT INTO `t` VALUES ({value});"), &[&[expected]]);
}

fn check_fault(file: &str, offset: u64, message: &str) {
    for piece in [1, 3, 1 << 20] {
        let fault = read(file.as_bytes(), piece).expect_err(file);
        assert_eq!((fault.offset, fault.message), (offset, message), "{file:?} in pieces of {piece}");
    }
}

#[test]
fn a_large_value_is_held_as_its_bytes_while_it_is_read() {
    let value: Vec<u8> = (0..1_700_000u32).map(|n| (n * 7) as u8).collect();
    let digits = hex::encode_upper(&value);
    let file = |digits: &str| format!("INSERT INTO `t` VALUES (1,x'{digits}','end'),(2,X'00',NULL);");
    for piece in [99_999, 1 << 18, 4 << 20] {
        let rows = read(file(&digits).as_bytes(), piece).unwrap();
        let expected: [OwnedRow; 2] = [
            vec![Some(b"1".to_vec()), Some(value.clone()), Some(b"end".to_vec())],
            vec![Some(b"2".to_vec()), Some(vec![0]), None],
        ];
        assert!(rows == expected, "in pieces of {piece}");
        for wrong in [format!("{digits}0"), format!("{}g{}", &digits[..2_900_000], &digits[2_900_001..])] {
            let fault = read(file(&wrong).as_bytes(), piece).unwrap_err();
            assert_eq!(fault.message, "a value's digits are wrong", "in pieces of {piece}");
        }
    }
    let mut reader = InsertReader::new();
    let mut most = 0;
    for bytes in file(&digits).as_bytes().chunks(1 << 18) {
        reader.feed(bytes);
        while let Ok(Step::Row(_)) = reader.next_row() {}
        most = most.max(reader.buffer.len());
    }
    assert!(most < value.len() + DIGITS_HELD + (1 << 19), "{most} bytes were held of {}", value.len());
}

#[test]
fn values_of_every_form_are_read() {
    for (value, expected) in [
        ("NULL", None),
        ("null", None),
        ("12", Some(b"12".as_slice())),
        ("-1.5e-10", Some(b"-1.5e-10")),
        ("+.5", Some(b"+.5")),
        ("TRUE", Some(b"1")),
        ("false", Some(b"0")),
        ("''", Some(b"")),
        ("'a,b);(\n'", Some(b"a,b);(\n")),
        (r"'\0\n\r\\\'\Z\t\b'", Some(b"\0\n\r\\'\x1a\t\x08")),
        (r#"'\"'"#, Some(b"\"")),
        (r"'\%\_\q'", Some(br"\%\_q")),
        ("'it''s'", Some(b"it's")),
        ("''''", Some(b"'")),
        (r"'\\'", Some(b"\\")),
        (r"'\\\\'", Some(br"\\")),
        (r#""a""b'c""#, Some(b"a\"b'c")),
        ("x''", Some(b"")),
        ("x'00fF41'", Some(b"\x00\xffA")),
        ("X'0a'", Some(b"\n")),
        ("0x0AfF", Some(b"\n\xff")),
        ("0xabc", Some(b"\x0a\xbc")),
        ("b'101'", Some(b"\x05")),
        ("b''", Some(b"")),
        ("0b100000001", Some(b"\x01\x01")),
        ("_binary 'a\\0'", Some(b"a\0")),
        ("_utf8mb4'é'", Some("é".as_bytes())),
        (r#"CONVERT("{\"a\": 1}" USING UTF8MB4)"#, Some(br#"{"a": 1}"#)),
        ("convert('1'  using utf8mb4 )", Some(b"1")),
        (" \n 7\t ", Some(b"7")),
    ] {
        check_value(value, expected);
    }
}

#[test]
fn statements_of_every_form_are_read() {
    let one: &[&[Option<&[u8]>]] = &[&[Some(b"1"), None]];
    for file in [
        "INSERT INTO `t` VALUES\n(1,NULL);\n",
        "insert into t values(1,NULL);",
        "INSERT IGNORE INTO `a`.`t` (`x`, `y``z`) VALUES (1 , NULL) ;",
        "REPLACE INTO t(x,y) VALUES(1,NULL);;\n;",
        "-- comment; 'x\n# other\n/* INSERT */ SET NAMES 'a;b\\'c';INSERT INTO `ta;ble` /* c */ VALUES (1,NULL);",
        "/*!40101 SET NAMES binary*/;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO t VALUES (1,NULL); -- x",
        "LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES (1,NULL);\nUNLOCK TABLES;\n",
        "INSERT INTO `INTO` VALUE (1,NULL);",
    ] {
        check(file, one);
    }
    check("", &[]);
    check(HEADER, &[]);
    check("INSERT INTO t VALUES (),();", &[&[], &[]]);
    check("INSERT INTO t () VALUES\n(),\n();\nINSERT INTO t ( ) VALUES ();", &[&[], &[], &[]]);
    check(
        "INSERT INTO `t` VALUES\n(1),\n(2);\nINSERT INTO `t` VALUES\n(3);\n",
        &[&[Some(b"1")], &[Some(b"2")], &[Some(b"3")]],
    );
}

#[test]
fn table_and_columns_of_the_statement_are_told() {
    let mut reader = InsertReader::new();
    reader.feed(b"INSERT INTO `s`.`a``b` (`x`,`y,`) VALUES (1,2),(3,4);INSERT INTO c VALUES (1);");
    let list = |row: &Row<'_>| row.columns().map(<[String]>::to_vec);
    for (number, table, columns) in [(1, "a`b", Some(["x", "y,"])), (1, "a`b", Some(["x", "y,"])), (2, "c", None)] {
        let Ok(Step::Row(row)) = reader.next_row() else { panic!("no row") };
        let told = (row.statement(), row.table().into_owned(), list(&row));
        assert_eq!(told, (number, table.to_owned(), columns.map(|c| c.map(str::to_owned).to_vec())));
    }
}

#[test]
fn a_torn_or_foreign_file_is_told_with_its_place() {
    let torn = "the file is torn: it ends inside a statement";
    for (file, offset, message) in [
        ("INSERT INTO t VALUES (1)", 24, torn),
        ("INSERT INTO t VALUES (1),\n", 26, torn),
        ("INSERT INTO t VALUES (1,'a", 26, torn),
        ("INSERT INTO t VALUES ('a\\", 25, torn),
        ("INSERT INTO t VALUES ('a'", 25, torn),
        ("INSERT INTO t VALUES (12", 24, torn),
        ("INSERT INTO t VALUES", 20, torn),
        ("INSERT INTO `t", 14, torn),
        ("INS", 3, torn),
        ("/* no end", 9, torn),
        ("SET NAMES x", 11, torn),
        ("DROP TABLE t;", 0, "expected INSERT"),
        ("INSERT INTO t SELECT 1;", 14, "expected VALUES"),
        ("INSERT INTO VALUES (1);", 22, "expected VALUES"),
        ("INSERT INTO t (a b) VALUES (1);", 17, "expected a comma or the end of the columns"),
        ("INSERT INTO t VALUES (1) x;", 25, "expected a comma or the end of the statement"),
        ("INSERT INTO t VALUES (1),;", 25, "expected a row"),
        ("INSERT INTO t VALUES (,1);", 22, "expected a value"),
        ("INSERT INTO t VALUES (1,);", 24, "expected a value"),
        ("INSERT INTO t VALUES (1 2);", 24, "expected a comma or the end of a row"),
        ("INSERT INTO t VALUES ('a' 'b');", 26, "expected a comma or the end of a row"),
        ("INSERT INTO t VALUES (NOW());", 22, "a value is neither a number nor quoted"),
        ("INSERT INTO t VALUES (x'0');", 24, "a value's digits are wrong"),
        ("INSERT INTO t VALUES (x'0g');", 24, "a value's digits are wrong"),
        ("INSERT INTO t VALUES (b'2');", 24, "a value's digits are wrong"),
        ("INSERT INTO t VALUES (CONVERT('a' USING latin1));", 34, "expected USING UTF8MB4"),
        ("INSERT INTO t VALUES (CONVERT('a'));", 33, "expected USING UTF8MB4"),
        ("INSERT INTO t VALUES (CONVERT('a' USING UTF8MB4", 47, torn),
        ("INSERT INTO t VALUES (0x);", 22, "a value is neither a number nor quoted"),
        ("INSERT INTO t VALUES (1);\n- x", 26, "expected a statement"),
        ("\0\0\0\0", 0, "expected INSERT"),
    ] {
        check_fault(file, offset, message);
    }
}

#[test]
fn a_fault_stays() {
    let mut reader = InsertReader::new();
    reader.feed(b"DROP TABLE t;");
    let first = reader.next_row().unwrap_err();
    reader.feed(b"INSERT INTO t VALUES (1);");
    assert_eq!(reader.next_row().unwrap_err(), first);
}

#[test]
fn a_long_row_in_small_pieces_is_read_once_not_over_and_over() {
    let mut file = b"INSERT INTO t VALUES ('".to_vec();
    file.extend(std::iter::repeat_n(b"abcdefg\\n".as_slice(), 500_000).flatten());
    file.extend(b"');");
    let started = std::time::Instant::now();
    let rows = read(&file, 64).unwrap();
    assert_eq!(rows[0][0].as_ref().map(Vec::len), Some(4_000_000));
    // Read over and over, this would be 140 gigabytes of scanning.
    assert!(started.elapsed().as_secs() < 20);
}

fn cell() -> impl Strategy<Value = (CellForm, Option<Vec<u8>>)> {
    let nasty = prop::collection::vec(prop::sample::select(b"'\"\\\0\n\r\x1a%_,();Nx".to_vec()), 0..12);
    let bytes = prop_oneof![prop::collection::vec(any::<u8>(), 0..40), nasty];
    let number = prop_oneof![
        any::<i128>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter_map("finite", |f| f.is_finite().then(|| format!("{f:e}")))
    ];
    prop_oneof![
        (Just(CellForm::Bare), prop::option::of(number.prop_map(String::into_bytes))),
        (Just(CellForm::Text), prop::option::of(bytes.clone())),
        (Just(CellForm::Json), prop::option::of(bytes.clone())),
        (Just(CellForm::Hex), prop::option::of(bytes)),
        (Just(CellForm::Bit), prop::option::of(any::<u64>().prop_map(|n| n.to_string().into_bytes()))),
    ]
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were_written(
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..20),
        size in 1usize..300,
        piece in 1usize..200,
    ) {
        let mut file = HEADER.as_bytes().to_vec();
        let mut expected = Vec::new();
        for row in &rows {
            // A column has one form: each row is a table of its own here.
            let mut writer = InsertWriter::new("t", Some(&["a", "b", "c"]), size, row.iter().map(|(form, _)| *form).collect());
            let cells: Vec<Option<&[u8]>> = row.iter().map(|(_, value)| value.as_deref()).collect();
            for _ in 0..3 {
                writer.push_row(&cells, &mut file).unwrap();
                expected.push(row.iter().map(|(_, value)| value.clone()).collect::<OwnedRow>());
            }
            writer.finish(&mut file);
        }
        prop_assert_eq!(read(&file, piece).unwrap(), expected);
        // Torn anywhere inside its last statement, the file is never taken for whole.
        if let Some(end) = file.len().checked_sub(2).filter(|_| !rows.is_empty()) {
            prop_assert!(read(&file[..end], piece).is_err());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
        let _ = read(&bytes, piece);
        let mut file = b"INSERT INTO t VALUES (".to_vec();
        file.extend(bytes);
        let _ = read(&file, piece);
    }
}

#[test]
fn a_string_that_no_writer_with_backslash_escapes_leaves_so_is_a_fault_where_that_is_asked_for() {
    for (value, sound) in [
        ("'plain'", true),
        (r"'a\'b\\c\nd\0\Z\r\x'", false),
        (r"'a\'b\\c\nd\0\Z\r'", true),
        (r#"_binary "a\"b\'c""#, true),
        ("'a''b'", false),
        ("'a\nb'", false),
        ("'a\rb'", false),
        ("'a\0b'", false),
        ("'a\u{1a}b'", false),
        (r"'C:\temp'", false),
        // Fits both ways.
        (r"'C:\new'", true),
    ] {
        for piece in [1, 5, 1 << 20] {
            let mut reader = InsertReader::strict();
            let file = format!("INSERT INTO `t` VALUES (1,{value});");
            let mut pieces = file.as_bytes().chunks(piece);
            let told = loop {
                match reader.next_row() {
                    Ok(Step::Row(_)) => {}
                    Ok(Step::End) => break true,
                    Ok(Step::Hungry) => match pieces.next() {
                        Some(bytes) => reader.feed(bytes),
                        None => reader.end(),
                    },
                    Err(fault) => {
                        assert_eq!(fault.message, NOT_ESCAPED, "{value}");
                        break false;
                    }
                }
            };
            assert_eq!(told, sound, "{value} in pieces of {piece}");
        }
    }
}
