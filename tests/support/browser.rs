//! A real Chromium without a window, told by its DevTools protocol over a pipe what to open, to press and to draw.
//! Protocol: <https://chromedevtools.github.io/devtools-protocol/>.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// For one answer, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    next: u64,
    session: Option<String>,
    /// What the browser said on its own: faults of scripts, refusals of the policy, requests.
    events: VecDeque<Value>,
    _home: tempfile::TempDir,
}

/// A window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

impl Browser {
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (to, from) = (home.path().join("to"), home.path().join("from"));
        for pipe in [&to, &from] {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // The browser reads at descriptor 3 and writes at 4.
        let child = Command::new("bash")
            .args(["-c", r#"exec "$@" 3<"$TO" 4>"$FROM""#, "browser"])
            .arg(program())
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", home.path().join("profile").display()))
            .env("TO", &to)
            .env("FROM", &from)
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = OpenOptions::new().write(true).open(&to).unwrap();
        let mut reader = BufReader::new(File::open(&from).unwrap());
        let (send, from) = channel();
        std::thread::spawn(move || {
            loop {
                let mut message = Vec::new();
                if reader.read_until(0, &mut message).unwrap_or(0) == 0 {
                    return;
                }
                message.pop();
                if send.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, to, from, next: 0, session: None, events: VecDeque::new(), _home: home };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer =
                self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the browser does not answer {method}"));
            if answer["id"] == self.next {
                assert!(answer.get("error").is_none(), "{method}: {answer:#}");
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    pub fn window(&mut self, window: Window) {
        let Window { width, height, dark } = window;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        self.call("Emulation.setEmulatedMedia", json!({"features": [scheme]}));
    }

    /// Opens a page of mig and waits until its script has run.
    pub fn open(&mut self, path: &Path, fragment: &str) {
        self.events.clear();
        // Otherwise a page that is there already is not read again.
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.call("Page.navigate", json!({"url": format!("file://{}{fragment}", path.display())}));
        let until = Instant::now() + PATIENCE;
        while self.evaluate("document.documentElement?.dataset.readyMs ?? null").is_null() {
            assert!(Instant::now() < until, "the script has not run: {:#?}", self.events);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What an expression is; a promise is waited for.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// A key as a person presses it.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        let text = if key == "Enter" { "\r" } else { text };
        let down = json!({"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code_of(key)});
        self.call("Input.dispatchKeyEvent", down);
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code_of(key)}),
        );
    }

    /// A picture of what is in the window, or of the whole page.
    pub fn picture(&mut self, path: &Path, whole: bool) {
        let mut asked = json!({"format": "png"});
        if whole {
            let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
            asked["captureBeyondViewport"] = true.into();
            let height = size["height"].as_f64().unwrap().min(12_000.0);
            asked["clip"] = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        }
        let picture = self.call("Page.captureScreenshot", asked);
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The page as it would be printed.
    pub fn print(&mut self, path: &Path) {
        let printed = self.call("Page.printToPDF", json!({"printBackground": false}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Faults and refusals that the browser has told of since the page was opened.
    pub fn complaints(&mut self) -> Vec<String> {
        self.evaluate("0");
        let told = self.events.iter().filter(|event| {
            let method = event["method"].as_str().unwrap_or_default();
            matches!(method, "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded")
        });
        told.map(ToString::to_string).collect()
    }

    /// What the page asked for, itself included.
    pub fn requests(&mut self) -> Vec<String> {
        self.evaluate("0");
        let asked = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        asked.map(|event| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn code_of(key: &str) -> u32 {
    match key {
        "Enter" => 13,
        "Escape" => 27,
        "Tab" => 9,
        "ArrowLeft" => 37,
        "ArrowUp" => 38,
        "ArrowRight" => 39,
        "ArrowDown" => 40,
        "/" => 191,
        _ => key.to_ascii_uppercase().bytes().next().map_or(0, u32::from),
    }
}

/// The testbed's Chromium, or one of this machine.
fn program() -> PathBuf {
    let bed = std::env::var_os("MIG_TEST_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = bed.into_iter().chain(std::env::split_paths(&path));
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = folders.flat_map(|folder| names.map(|name| folder.join(name)));
    found.find(|program| program.is_file()).expect("no Chromium is there: run `make test`")
}
