//! Which program writes the rows of a table to files, and which one loads them: `engine` of the blocks `dump` and `load`. Specs,
//! plans and states have the same word. A word that is not in the table is an error, never another engine. What an engine
//! does is in [`crate::steps`].

use serde::{Deserialize, Serialize};

use crate::words::table::table;

/// The word of an engine.
struct Row(&'static str);

table! {
    /// What writes the rows of the source to files.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum DumpEngine of Row {
        /// mig's own.
        #[default]
        Native("native")
        /// Dumpling of PingCAP, once for each table.
        Dumpling("dumpling")
    }
}

table! {
    /// What loads the rows into the target.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum LoadEngine of Row {
        /// mig's own.
        #[default]
        Native("native")
        /// TiDB Lightning of PingCAP with its backend `tidb`, once for each table.
        Lightning("lightning")
    }
}

impl DumpEngine {
    /// Whether files are whole and recorded one by one while the dump goes on, and an interrupted dump goes on behind them.
    /// Another engine's files count when it has finished.
    pub fn gives_files_one_by_one(self) -> bool {
        match self {
            Self::Native => true,
            Self::Dumpling => false,
        }
    }

    /// Its program, where it is not mig itself.
    pub fn program(self) -> Option<&'static str> {
        match self {
            Self::Native => None,
            Self::Dumpling => Some("dumpling"),
        }
    }

    /// Its word in specs, plans and states.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// Whether it is the one that needs no word: files of earlier builds do not name it everywhere.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl LoadEngine {
    /// Whether it takes the files of a table one by one, while the dump goes on, and each row exactly once.
    pub fn takes_files_one_by_one(self) -> bool {
        match self {
            Self::Native => true,
            Self::Lightning => false,
        }
    }

    /// Its program, where it is not mig itself.
    pub fn program(self) -> Option<&'static str> {
        match self {
            Self::Native => None,
            Self::Lightning => Some("tidb-lightning"),
        }
    }

    /// Its word in specs, plans and states.
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// Whether it is the one that needs no word: files of earlier builds do not name it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_the_same_word_everywhere_and_an_unknown_word_is_an_error() {
        for engine in DumpEngine::ALL {
            assert_eq!(serde_json::to_value(engine).ok(), Some(engine.word().into()));
        }
        for engine in LoadEngine::ALL {
            assert_eq!(serde_json::to_value(engine).ok(), Some(engine.word().into()));
        }
        let unknown = serde_json::from_str::<DumpEngine>("\"mydumper\"").map_err(|error| error.to_string());
        assert!(unknown.is_err_and(|error| error.contains("unknown variant `mydumper`")));
    }
}
