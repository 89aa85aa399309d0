//! Codes for the compatibility rules about rows: MIG2170 to MIG2189. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    LOST_TEXT = 2170, Gate,
        "text without a Unicode character",
        "Some charsets (gbk, big5, sjis, cp932, euckr, ujis, gb2312, greek, ucs2 and others) have codes for which the server knows no Unicode character. Converted, each becomes a question mark, and two values may become one. A check of the rows found some. Find them with SELECT * FROM table WHERE CHAR_LENGTH(REPLACE(c,'?','')) <> CHAR_LENGTH(REPLACE(CONVERT(c USING utf8mb4),'?','')). Correct them, or make the column VARBINARY on the source: its bytes are then moved as they are. No setting lets them pass, and a dump stops at the first one.";
    UNLOOKED = 2171, Gate,
        "checks of rows that did not reach the last row",
        "A check of rows is bounded: 5 seconds for a statement, 1 minute for a migration, and 100,000 rows of a table that is large, takes longer, or whose server cannot limit the time of a statement. The rows after that are not known before they are moved. The dump reads every row and stops at text that would be lost, the load stops at a duplicate key, verify stops at what differs.";
    GENERATED_DIFFERS = 2172, Gate,
        "generated columns with other values",
        "Generated columns are not moved: the target computes them again. The text of FLOAT and DOUBLE, of JSON documents, and what depends on a session's time zone are different there. \"warn\" moves the table. verify compares every value, and the certificate names what differs. Its verdict is then \"accepted\", not \"equal\".";
    GENERATED_MAY_DIFFER = 2173, Gate,
        "generated columns that may get other values",
        "The expression uses something that servers may compute in another way, such as the text of a number in JSON, a function over a BIT, a YEAR or a ZEROFILL number, or a comparison of a text whose collation is converted. Or it reads zero dates that the spec keeps, and the global sql_mode of the target has NO_ZERO_DATE or NO_ZERO_IN_DATE: an ordinary session then gets another value of a VIRTUAL column than verify, or an error, so take these modes out of it, or correct the dates on the source. verify compares the values of every generated column, as a session that takes every date reads them. A difference ends with exit code 6. With this rule set to \"warn\" in the spec, the certificate names the difference instead, and its verdict is then \"accepted\".";
    JSON_NUMBERS = 2174, Gate,
        "numbers in JSON documents",
        "MySQL keeps a DECIMAL inside of a JSON document with all of its digits. TiDB turns it into the nearest DOUBLE. \"warn\" accepts that: the rows are then compared by the DOUBLE, and the certificate counts the numbers that were rounded.";
    JSON_TYPES = 2175, Gate,
        "dates and bytes in JSON documents",
        "MySQL keeps the type of a date, a time, bytes or bits inside of a JSON document. The target gets their text as strings. JSON_TYPE, comparisons and the order of such values change. Their text does not.";
    OTHER_CODE = 2176, Gate,
        "two codes for one character",
        "Some charsets (cp932, sjis, big5, armscii8 and others) have two codes for one character. The target stores the character: the text is the same, but the bytes in the old charset may differ. In a unique key the two become one, and the load stops there.";
    MERGED_KEYS = 2177, Gate,
        "values of a unique key that become equal",
        "Values that differ on the source are equal under the collation that the target gives the column. The reason is a conversion by collation_map, or a collation of the same name with other weights. A key over an expression or a generated column is compared as the target computes it of the converted columns; where the source cannot compute that, the plan stops, too. The load would stop at the second value. Map the collation to one that tells the values apart, or change the values.";
    LOST_PARENTS = 2178, Gate,
        "foreign keys that depend on the source's collation",
        "Child and parent have different texts. They are the same for the source's collation, but not for the target's: collation_map gives a column one that tells more apart ('A' and 'a'), or the weights differ. For example, MySQL pads by weight under utf8mb4_unicode_ci, so that a trailing U+3000 or U+00A0 does not count. The rows arrive exactly, but joins no longer find a parent, and the foreign key does not hold.";
    ROUNDED_FLOAT = 2179, Gate,
        "FLOAT(M,D) and DOUBLE(M,D)",
        "MySQL keeps -0.1 in a DOUBLE(10,2) as -0.09999999999999998 and shows -0.10. TiDB keeps -0.1. mig compares such columns by what they show. The last bit of a value may differ.";
    NUMBERED_WITHIN = 2180, Gate,
        "numbering within groups",
        "MyISAM numbers an AUTO_INCREMENT column that comes after others in its key within each group of those. TiDB counts over the whole table: the rows arrive with their numbers, but the next numbers are others.";
    LONG_TIME = 2181, Gate,
        "times beyond 838:59:59",
        "MariaDB keeps times with a fraction up to 838:59:59.999999. MySQL and TiDB keep no time beyond 838:59:59.000000 and refuse such a row. A check of the rows found some. Find them with SELECT * FROM table WHERE c > '838:59:59' OR c < '-838:59:59', and correct them on the source.";
    EMPTY_MEMBER = 2183, Gate,
        "the value 0 of an ENUM that has a member ''",
        "MySQL and MariaDB give an ENUM the value 0, shown as '', where an INSERT in a mode that is not strict brought no member. If the ENUM also has a member '', two different values are shown as ''. They arrive as they are. But TiDB takes them as one: in a comparison of two ENUM columns, in a comparison with '' through an index, in COUNT(DISTINCT), MIN, MAX and ORDER BY. So a query, or a view, can give other rows than on the source. Give these rows a member on the source: UPDATE table SET c = '' WHERE c + 0 = 0.";
    GENERATED_REFUSED = 2184, Gate,
        "generated columns whose rows the target can refuse",
        "TiDB computes IF, IFNULL and CASE over a BIGINT(n) UNSIGNED ZEROFILL as a DECIMAL of about n digits, and refuses a row with a longer value: \"DECIMAL value is out of range\". So the load could stop. On the source, write COALESCE in place of IFNULL, or CAST(column AS UNSIGNED) in place of the column.";
    VIEW_MAY_DIFFER = 2182, Gate,
        "views that may give other values",
        "The view computes something that servers compute, or write as a text, in another way; the finding names it. The text of JSON: MariaDB's JSON functions give a text as it was written, TiDB's a document in its own order and spelling. The text of FLOAT and DOUBLE. Regular expressions. STDDEV, VARIANCE and AVG of MariaDB. Functions over a type that the target takes as another one: MAX of a BIT, CONCAT of a ZEROFILL, MONTH of a YEAR, FIND_IN_SET in a SET, a DECIMAL in JSON. Comparisons of a text whose collation is converted. Zero dates that the spec keeps, where the global sql_mode of the target has NO_ZERO_DATE or NO_ZERO_IN_DATE. GROUP_CONCAT, where the global group_concat_max_len is not the same on both servers. The certificate compares the rows of every view, read on each server under its global sql_mode and group_concat_max_len: a difference ends with exit code 6. With this rule set to \"warn\" in the spec, the certificate names the difference instead, and the verdict is \"unproven\".";
}
