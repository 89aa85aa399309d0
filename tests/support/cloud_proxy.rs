//! A fake: what EC2 does and the emulator behind it does not, since mig is written against just that. It deduplicates
//! client tokens (the same parameters: the same object; others: IdempotentParameterMismatch), lets states and tags appear
//! late, gives peerings the states of failure, throttles, breaks, and loses answers before or after the effect. It also
//! answers for CloudWatch, which speaks CBOR by now.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What happens once to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `RequestLimitExceeded`, nothing is done.
    Throttle,
    /// 500 `InternalError`, nothing is done.
    Broken,
    /// 500 `InternalError`, and it is done.
    BrokenAfter,
    /// The line ends, nothing is done.
    Drop,
    /// The line ends, and it is done.
    DropAfter,
}

/// How late things come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// An instance stays `pending`, a volume `creating`, an accepted peering `provisioning`.
    pub states: Duration,
    /// An object cannot be found yet, by its tags or its id.
    pub sight: Duration,
}

/// Forwards to moto until it is dropped.
pub struct CloudProxy {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    moto: u16,
    account: Mutex<String>,
    lag: Mutex<Lag>,
    /// Action (empty: any with an effect), how many calls of it to let pass, fault.
    armed: Mutex<Vec<(String, u32, Fault)>>,
    /// Random faults: of a thousand calls so many.
    chaos: Mutex<Option<(StdRng, u32)>>,
    fired: Mutex<Vec<String>>,
    /// Client token -> parameters and the answer.
    tokens: Mutex<HashMap<String, (Params, Vec<u8>)>>,
    born: Mutex<HashMap<String, Instant>>,
    /// Peering -> state and message.
    peerings: Mutex<HashMap<String, (String, String)>>,
    /// `VolumeBytesUsed` of every cluster; 0: CloudWatch has no such value yet.
    used_bytes: Mutex<u64>,
    /// Actions with an effect that the emulator has carried out.
    done: Mutex<Vec<String>>,
    /// Requests that are being answered.
    active: AtomicUsize,
    ended: AtomicBool,
}

type Params = BTreeMap<String, String>;

struct Request {
    head: String,
    body: Vec<u8>,
    /// Of a call of EC2: its parameters.
    ec2: Option<Params>,
}

impl CloudProxy {
    /// To moto on `port`, as an account of this test's own.
    pub fn to(port: u16, account: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Arc::new(Inner {
            moto: port,
            account: Mutex::new(account.to_owned()),
            lag: Mutex::default(),
            armed: Mutex::default(),
            chaos: Mutex::default(),
            fired: Mutex::default(),
            tokens: Mutex::default(),
            born: Mutex::default(),
            peerings: Mutex::default(),
            used_bytes: Mutex::default(),
            done: Mutex::default(),
            active: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let proxy = Self { port: listener.local_addr().unwrap().port(), inner: inner.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if inner.ended.load(Ordering::Relaxed) {
                    return;
                }
                let inner = inner.clone();
                std::thread::spawn(move || inner.serve(client));
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn lag(&self, lag: Lag) {
        *self.inner.lag.lock().unwrap() = lag;
    }

    /// The call of `action` after `pass` more of it meets the fault. An empty action: any with an effect.
    pub fn arm(&self, action: &str, pass: u32, fault: Fault) {
        self.inner.armed.lock().unwrap().push((action.to_owned(), pass, fault));
    }

    pub fn disarm(&self) {
        self.inner.armed.lock().unwrap().clear();
        *self.inner.chaos.lock().unwrap() = None;
    }

    /// Random faults from now on: `per_mille` of all calls of EC2.
    pub fn chaos(&self, seed: u64, per_mille: u32) {
        *self.inner.chaos.lock().unwrap() = Some((StdRng::seed_from_u64(seed), per_mille));
    }

    pub fn used_bytes(&self, bytes: u64) {
        *self.inner.used_bytes.lock().unwrap() = bytes;
    }

    /// Waits until what a killed program had asked for is carried out, too.
    pub fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.inner.active.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < until, "a call to the emulator does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whose credentials are taken from now on: they lead to that account.
    pub fn account(&self, account: &str) {
        self.settle();
        *self.inner.account.lock().unwrap() = account.to_owned();
    }

    /// What has happened since it was asked last.
    pub fn fired(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.fired.lock().unwrap())
    }

    /// Actions with an effect that were carried out, in order.
    pub fn done(&self) -> Vec<String> {
        self.inner.done.lock().unwrap().clone()
    }

    /// A peering's state from now on; an empty state: its own again.
    pub fn peering(&self, id: &str, state: &str, message: &str) {
        let mut peerings = self.inner.peerings.lock().unwrap();
        if state.is_empty() {
            peerings.remove(id);
        } else {
            peerings.insert(id.to_owned(), (state.to_owned(), message.to_owned()));
        }
    }
}

impl Drop for CloudProxy {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Inner {
    /// One request a connection.
    fn serve(&self, mut client: TcpStream) {
        let Some(request) = read_request(&mut client) else { return };
        self.active.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer(&request);
        self.active.fetch_sub(1, Ordering::SeqCst);
        if let Some(answer) = answer {
            let _ = client.write_all(&answer);
        }
    }

    /// `None`: the line ends.
    fn answer(&self, request: &Request) -> Option<Vec<u8>> {
        if request.head.contains("/operation/GetMetricStatistics") {
            return Some(statistics(*self.used_bytes.lock().unwrap()));
        }
        let Some(params) = &request.ec2 else { return self.forward(request) };
        let action = params.get("Action").cloned().unwrap_or_default();
        let look = action.starts_with("Describe") || action.starts_with("Get");
        let fault = self.strike(&action, look);
        match fault {
            Some(Fault::Throttle) => return Some(refusal(503, "RequestLimitExceeded", "Request limit exceeded.")),
            Some(Fault::Broken) => return Some(refusal(500, "InternalError", "An internal error has occurred")),
            Some(Fault::Drop) => return None,
            Some(Fault::BrokenAfter | Fault::DropAfter) | None => {}
        }
        let answer = if look { self.look(request, &action, params) } else { self.effect(request, &action, params) };
        match fault {
            Some(Fault::DropAfter) => None,
            Some(Fault::BrokenAfter) => Some(refusal(500, "InternalError", "An internal error has occurred")),
            _ => answer,
        }
    }

    fn strike(&self, action: &str, look: bool) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let due = armed.iter_mut().position(|(wanted, pass, _)| {
            let hit = wanted == action || (wanted.is_empty() && !look);
            let due = hit && *pass == 0;
            if hit && !due {
                *pass -= 1;
            }
            due
        });
        let mut fault = due.map(|at| armed.remove(at).2);
        if let Some((random, per_mille)) = self.chaos.lock().unwrap().as_mut()
            && fault.is_none()
            && random.random_range(0..1000) < *per_mille
        {
            let all = [Fault::Throttle, Fault::Broken, Fault::BrokenAfter, Fault::Drop, Fault::DropAfter];
            fault = Some(all[random.random_range(0..all.len())]);
        }
        if let Some(fault) = fault {
            self.fired.lock().unwrap().push(format!("{action}: {fault:?}"));
        }
        fault
    }

    fn effect(&self, request: &Request, action: &str, params: &Params) -> Option<Vec<u8>> {
        let named = params.get("VpcPeeringConnectionId").and_then(|id| self.peerings.lock().unwrap().get(id).cloned());
        if let (Some((state, _)), "AcceptVpcPeeringConnection") = (named, action)
            && state != "pending-acceptance"
        {
            return Some(refusal(400, "InvalidStateTransition", "is not in the correct state for the request."));
        }
        let Some(token) = params.get("ClientToken") else { return self.carry_out(request, action) };
        // Held while it is carried out: two calls of one token at the same time make one object too.
        let mut tokens = self.tokens.lock().unwrap();
        if let Some((known, answer)) = tokens.get(token) {
            if known != params {
                let message = "Arguments on this idempotent request are inconsistent with arguments used before";
                return Some(refusal(400, "IdempotentParameterMismatch", message));
            }
            return Some(answer.clone());
        }
        let answer = self.carry_out(request, action)?;
        if is_success(&answer) {
            tokens.insert(token.clone(), (params.clone(), answer.clone()));
        }
        Some(answer)
    }

    fn carry_out(&self, request: &Request, action: &str) -> Option<Vec<u8>> {
        let answer = self.forward(request)?;
        if is_success(&answer) {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let made = match action {
                "RunInstances" => text.split("<instanceId>").nth(1),
                "CreateVolume" => text.split("<volumeId>").nth(1),
                "AcceptVpcPeeringConnection" => text.split("<vpcPeeringConnectionId>").nth(1),
                _ => None,
            };
            if let Some(id) = made.and_then(|rest| rest.split('<').next()) {
                self.born.lock().unwrap().insert(id.to_owned(), Instant::now());
            }
            self.done.lock().unwrap().push(action.to_owned());
        }
        Some(answer)
    }

    fn look(&self, request: &Request, action: &str, params: &Params) -> Option<Vec<u8>> {
        let lag = *self.lag.lock().unwrap();
        let (prefix, empty, code) = match action {
            "DescribeInstances" => ("i-", "reservationSet", "InvalidInstanceID.NotFound"),
            "DescribeVolumes" => ("vol-", "volumeSet", "InvalidVolume.NotFound"),
            _ => ("-", "", ""),
        };
        let young = |within: Duration| -> Vec<String> {
            let born = self.born.lock().unwrap();
            born.iter().filter(|(_, at)| at.elapsed() < within).map(|(id, _)| id.clone()).collect()
        };
        let unseen: Vec<String> = young(lag.sight).into_iter().filter(|id| id.starts_with(prefix)).collect();
        if !unseen.is_empty() {
            if params.values().any(|value| unseen.contains(value)) {
                return Some(refusal(400, code, "The ID does not exist"));
            }
            let by_tag = params.iter().any(|(key, value)| key.ends_with(".Name") && value.starts_with("tag:"));
            if by_tag {
                return Some(xml(
                    200,
                    &format!("<{action}Response><requestId>r</requestId><{empty}/></{action}Response>"),
                ));
            }
        }
        let answer = self.forward(request)?;
        let (head, body) = split(&answer);
        let mut body = String::from_utf8_lossy(body).into_owned();
        for id in young(lag.states) {
            if id.starts_with("i-") {
                let pending = "<instanceState><code>0</code><name>pending</name></instanceState>";
                body = behind(
                    &body,
                    &format!("<instanceId>{id}</instanceId>"),
                    "<instanceState>",
                    "</instanceState>",
                    pending,
                );
            } else if id.starts_with("vol-") {
                let creating = "<status>creating</status>";
                body = behind(&body, &format!("<volumeId>{id}</volumeId>"), "<status>", "</status>", creating);
            } else {
                body = peering_as(&body, &id, "provisioning", "Provisioning");
            }
        }
        for (id, (state, message)) in self.peerings.lock().unwrap().iter() {
            body = peering_as(&body, id, state, message);
        }
        let status = if head.contains(" 200 ") { 200 } else { 400 };
        Some(xml(status, &body))
    }

    fn forward(&self, request: &Request) -> Option<Vec<u8>> {
        let mut moto = TcpStream::connect(("127.0.0.1", self.moto)).ok()?;
        let mut lines = request.head.lines();
        let mut head = format!(
            "{}\r\nx-moto-account-id: {}\r\nconnection: close\r\n",
            lines.next()?,
            self.account.lock().unwrap()
        );
        for line in lines.filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:")) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        moto.write_all(head.as_bytes()).ok()?;
        moto.write_all(&request.body).ok()?;
        let mut answer = Vec::new();
        moto.read_to_end(&mut answer).ok()?;
        Some(answer)
    }
}

/// The first element of this name behind `mark`, put as `new`.
fn behind(body: &str, mark: &str, open: &str, close: &str, new: &str) -> String {
    let Some(at) = body.find(mark) else { return body.to_owned() };
    let Some(start) = body[at..].find(open).map(|n| at + n) else { return body.to_owned() };
    let Some(end) = body[start..].find(close).map(|n| start + n + close.len()) else { return body.to_owned() };
    format!("{}{new}{}", &body[..start], &body[end..])
}

/// moto writes the status before the id.
fn peering_as(body: &str, id: &str, state: &str, message: &str) -> String {
    let Some(at) = body.find(&format!("<vpcPeeringConnectionId>{id}<")) else { return body.to_owned() };
    let Some(start) = body[..at].rfind("<status>") else { return body.to_owned() };
    let Some(end) = body[start..].find("</status>").map(|n| start + n + "</status>".len()) else {
        return body.to_owned();
    };
    let status = format!("<status><code>{state}</code><message>{message}</message></status>");
    format!("{}{status}{}", &body[..start], &body[end..])
}

fn refusal(status: u16, code: &str, message: &str) -> Vec<u8> {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    xml(status, &format!("<Response><Errors>{error}</Errors><RequestID>req-of-the-proxy</RequestID></Response>"))
}

fn xml(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// `{"Datapoints": [{"Timestamp": now, "Average": bytes}]}` in CBOR (RFC 8949).
fn statistics(bytes: u64) -> Vec<u8> {
    let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
    let number = |number: f64| [&[0xfb][..], &number.to_be_bytes()].concat();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let mut body = [vec![0xa1], text("Datapoints")].concat();
    if bytes == 0 {
        body.push(0x80);
    } else {
        body.extend([0x81, 0xa2]);
        body.extend([text("Timestamp"), vec![0xc1], number(now), text("Average"), number(bytes as f64)].concat());
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

fn is_success(answer: &[u8]) -> bool {
    split(answer).0.lines().next().is_some_and(|line| line.contains(" 200 "))
}

/// Head and body.
fn split(message: &[u8]) -> (String, &[u8]) {
    let at = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    (String::from_utf8_lossy(&message[..at]).into_owned(), &message[at..])
}

fn read_request(client: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        let (head, body) = split(&bytes);
        if head.ends_with("\r\n\r\n") {
            let header = |name: &str| {
                let found = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
                found.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
            };
            let length: usize = header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let body = body[..length].to_vec();
                let ec2 = header("authorization").is_some_and(|scope| scope.contains("/ec2/aws4_request"));
                let ec2 = ec2.then(|| form(&String::from_utf8_lossy(&body)));
                return Some(Request { head: head.trim_end().to_owned(), body, ec2 });
            }
        }
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// The parameters of a form body.
fn form(body: &str) -> Params {
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                }
                other => bytes.push(other),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (plain(key), plain(value))).collect()
}
