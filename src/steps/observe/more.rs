//! More connections to a server, for what is asked of many tables: over a long line each question costs a round trip, and a server
//! answers several at once. Knows nothing of what is asked.

use crate::seams::sql::{Connection, Role, Server};

/// Where more connections to the same server come from, and how many at most.
#[derive(Clone, Copy)]
pub struct More<'a> {
    pub server: &'a dyn Server,
    pub most: usize,
}

/// How many questions are worth one more connection.
const WORTH_ONE: usize = 32;

impl More<'_> {
    /// Connections beside the one that is there, for so many questions. Where a server gives fewer, those that there are do
    /// the work.
    pub async fn connections(self, questions: usize) -> Vec<Box<dyn Connection>> {
        let wanted = self.most.min(questions / WORTH_ONE);
        let lines = (0..wanted).map(|_| self.server.connect(&Role::Look));
        futures::future::join_all(lines).await.into_iter().filter_map(Result::ok).collect()
    }
}

/// The work in as many shares, as even as can be, each in its order.
pub fn shares<T>(work: Vec<T>, count: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..count.max(1)).map(|_| Vec::new()).collect();
    for (at, one) in work.into_iter().enumerate() {
        shares[at % count.max(1)].push(one);
    }
    shares
}
