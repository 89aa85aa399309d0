//! A fake of the APIs of GitHub and GitLab, as far as the scripts in examples/ci use them: comments of one pull request, the
//! artefacts of runs, the pull request of a commit. It keeps what it was asked, and refuses a call without the token.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub const TOKEN: &str = "forge-token-3f9a";
pub const BOTS: [&str; 2] = ["github-actions[bot]", "project_5_bot"];

#[derive(Clone)]
pub struct Comment {
    pub id: usize,
    pub author: String,
    pub body: String,
}

#[derive(Default)]
pub struct Seen {
    pub comments: Vec<Comment>,
    /// Calls that change something: the method and the path.
    pub writes: Vec<String>,
    pub refused: Vec<String>,
    /// What the API says of artefacts.
    pub artifacts: Vec<Value>,
}

pub struct Forge {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Forge {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &shared);
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Writes `number` comments of another user, each with this text.
    pub fn others_write(&self, number: usize, body: &str) {
        let mut seen = self.seen();
        for _ in 0..number {
            let id = seen.comments.len() + 1;
            seen.comments.push(Comment { id, author: "ann".into(), body: body.into() });
        }
    }

    /// The only comment that a bot has written.
    pub fn comment(&self) -> String {
        let of_bots: Vec<Comment> =
            self.seen().comments.iter().filter(|comment| BOTS.contains(&comment.author.as_str())).cloned().collect();
        assert_eq!(of_bots.len(), 1, "comments of the job");
        of_bots[0].body.clone()
    }

    /// What was written since the last call of this.
    pub fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().writes)
    }
}

fn answer(stream: &TcpStream, seen: &Mutex<Seen>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut words = first.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    let (mut length, mut allowed) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => allowed = value == format!("Bearer {TOKEN}"),
            "private-token" => allowed = value == TOKEN,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut seen = seen.lock().unwrap();
    let (status, told) = match allowed {
        true => route(&mut seen, &method, &target, serde_json::from_slice(&body).unwrap_or_default()),
        false => {
            seen.refused.push(format!("{method} {target}"));
            (401, json!({"message": "Bad credentials"}))
        }
    };
    let told = told.to_string();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n",
        told.len()
    );
    let mut stream = stream;
    stream.write_all(format!("{head}{told}").as_bytes()).unwrap();
}

fn route(seen: &mut Seen, method: &str, target: &str, body: Value) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if method != "GET" {
        seen.writes.push(format!("{method} {path}"));
    }
    let lists = ["/repos/o/r/issues/7/comments", "/projects/5/merge_requests/7/notes"];
    let is_github = path.starts_with("/repos");
    let text = body["body"].as_str().unwrap_or_default().to_owned();
    match (method, path) {
        ("GET", "/user") => (200, json!({"username": BOTS[1]})),
        ("GET", list) if lists.contains(&list) => {
            let page: usize = parameter("page").unwrap().parse().unwrap();
            assert_eq!(parameter("per_page"), Some("100"));
            let show = |comment: &Comment| match is_github {
                true => json!({"id": comment.id, "body": comment.body, "user": {"login": comment.author}}),
                false => json!({"id": comment.id, "body": comment.body, "author": {"username": comment.author}}),
            };
            (200, seen.comments.iter().skip((page - 1) * 100).take(100).map(show).collect())
        }
        ("POST", list) if lists.contains(&list) => {
            // GitHub counts characters.
            if text.chars().count() > 65_536 {
                return (422, json!({"message": "Body is too long (maximum is 65536 characters)"}));
            }
            let id = seen.comments.len() + 1;
            seen.comments.push(Comment { id, author: BOTS[usize::from(!is_github)].into(), body: text });
            (201, json!({"id": id}))
        }
        ("PATCH" | "PUT", one) => {
            let expected = if is_github { ("PATCH", "/repos/o/r/issues/comments/") } else { ("PUT", lists[1]) };
            assert!(method == expected.0 && one.starts_with(expected.1), "{method} {one}");
            let id: usize = one.rsplit('/').next().unwrap().parse().unwrap();
            let comment = seen.comments.iter_mut().find(|comment| comment.id == id).unwrap();
            // A forge ends lines in its own way.
            comment.body = text.trim_end().replace('\n', "\r\n");
            (200, json!({"id": id}))
        }
        ("GET", "/repos/o/r/commits/merged/pulls") => {
            (200, json!([{"number": 7, "merged_at": "2026-01-01T00:00:00Z"}]))
        }
        ("GET", "/repos/o/r/commits/pushed/pulls") => (200, json!([])),
        ("GET", "/repos/o/r/actions/artifacts") => {
            let named = |one: &&Value| one["name"].as_str() == parameter("name");
            (200, json!({"artifacts": seen.artifacts.iter().filter(named).collect::<Vec<_>>()}))
        }
        _ => (404, json!({"message": "Not Found"})),
    }
}
