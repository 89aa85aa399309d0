//! Enums whose members are the rows of a table. Knows nothing of what is in a row.

/// An enum from a table with one row for each member: `ALL` has the members in the order of the table, and every member has
/// its row, because both are made from the same lines.
macro_rules! table {
    ($(#[$about:meta])* pub enum $name:ident of $row:ident { $($(#[$of:meta])* $member:ident $values:tt)+ }) => {
        $(#[$about])*
        pub enum $name {
            $($(#[$of])* $member,)+
        }

        impl $name {
            /// All of them, in the order of their table.
            pub const ALL: [Self; [$(stringify!($member)),+].len()] = [$(Self::$member),+];

            const fn row(self) -> $row {
                match self {
                    $(Self::$member => $row $values,)+
                }
            }
        }
    };
}

pub(crate) use table;
