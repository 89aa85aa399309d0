//! Codes for the rules about views: MIG216x. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    VIEW_BROKEN = 2160, Gate,
        "a view is broken on the source",
        "The source's own answer is beside the name: a table, column or function that the view names is gone (1356), or the user whose rights it runs with is gone (1449). No target can accept it. Fix or drop it, leave it out by the filter, or set the rule to \"rewrite\": it is then not moved, and the certificate says so.";
    VIEW_STORED_FUNCTION = 2161, Gate,
        "views that call stored functions",
        "mig moves no stored functions, and the one that the view calls is not on the target. Create it there first (not on TiDB, which has none), write its work into the view, or set the rule to \"rewrite\": the view is then not moved, and the certificate says so.";
    VIEW_TEXT = 2162, Gate,
        "views that the target does not accept",
        "mig asked the target itself: its own parser and its own list of functions. Its answer is beside the name. Change the view on the source, or set the rule to \"rewrite\": the view is then not moved, and the certificate says so.";
    VIEW_OUTSIDE = 2163, Gate,
        "views over tables that are not moved",
        "The view reads a table or view that the filter leaves out and that the target does not have. Widen the filter, create the table there, or set the rule to \"rewrite\": the view is then not moved, and the certificate says so.";
    VIEW_OVER_LEFT_OUT = 2164, Gate,
        "views over views that cannot be created",
        "A view that it reads cannot be created on the target, for a reason of its own. With the rule set to \"rewrite\" it is not moved, and the certificate says so.";
    VIEW_UNREAD = 2165, Gate,
        "mig cannot read a view",
        "The output of SHOW CREATE VIEW has a clause that mig does not know, or says something else than information_schema. The text from that place on is beside the name. Or reading the view changes a sequence: MariaDB does not show it to a session that only reads, as mig's is. mig guesses nothing: the view is refused, or left out where the rule is set to \"rewrite\".";
    VIEW_COLLATION = 2166, Gate,
        "COLLATE is added to the string literals of a view",
        "On MySQL and MariaDB, string literals in a view's own text compare by the collation of the connection that created the view. TiDB keeps no collation with a view. It uses the default of utf8mb4, utf8mb4_bin, for every reader. So COLLATE is written into the text where no column decides: 'open' and 'OPEN' are then one word there, too, if they are one on the source.";
    VIEW_WORDS = 2167, Gate,
        "the string literals of a view may compare differently",
        "String literals in the view's text compare by a collation that the target does not have, by one that the spec converts, or in a place where it is not known what decides. The certificate compares the rows that the view has today. To be sure, write COLLATE into the view on the source.";
    VIEW_ORDER = 2189, Gate,
        "views with an ORDER BY",
        "MySQL and MariaDB give the rows of such a view in its order to a reader that asks for none. TiDB ignores an ORDER BY in a view that has no LIMIT: the rows are the same and come in any order. The certificate compares rows, not their order. Where the application depends on the order, write the ORDER BY into the query that reads the view.";
    VIEW_GROUPS = 2157, Gate,
        "views that the target reads only without ONLY_FULL_GROUP_BY",
        "The view selects columns that do not follow from its GROUP BY. The source's sql_mode allows that, and the target's has ONLY_FULL_GROUP_BY: there, reading the view fails with error 1055 for every session that does not set a mode of its own. mig sets one, so it can compare the rows, and the certificate says nothing about other readers.";
    VIEW_CHECK_OPTION = 2168, Gate,
        "views with a CHECK OPTION",
        "WITH CHECK OPTION controls INSERT and UPDATE through the view. TiDB accepts neither, for any view, and does not keep the clause. Reading is not affected.";
    VIEW_CAST = 2169, Gate,
        "views with a CAST without a length",
        "In a view, TiDB gives a CAST without a length one of its own. CAST(… AS BINARY) and BINARY … get the length of their column and are filled up with zeros, so that they equal nothing any more. CAST(… AS CHAR) of JSON gets one that TiDB itself cannot read, and the view gives an error. CONVERT(… USING …) is created instead: it gives the same bytes and texts on every server.";
}
